//! An established connection between two boards: bytes in, bytes out, and whose they are.

use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;
use std::net::TcpStream;
use std::pin::Pin as Pinned;
use std::rc::Rc;
use std::task::Context;
use std::task::Poll;
use std::time::Duration;

use futures_lite::AsyncRead;
use futures_lite::AsyncWrite;
use futures_rustls::TlsStream;

use crate::base::mirror_limits::PEER_KEEPALIVE_SECONDS;
use crate::base::mirror_limits::PEER_SEND_BUFFER_BYTES;
use crate::net::admit::Admission;
use crate::net::admit::Seat;
use crate::net::clock::Clock;
use crate::net::peer::identity::Pin;
use crate::net::peer::socket::Socket;

/// RFC 8446 section 7.5: what both sides of this connection, and nobody else, can compute.
const EXPORTER_LABEL: &[u8] = b"EXPORTER-meerkat-join";
const EXPORTER_BYTES: usize = 32;

/// The other side has shown the key of `peer`. Closed when dropped.
pub(crate) struct PeerStream {
    tls: TlsStream<Socket>,
    pub(crate) peer: Pin,
    pub(crate) remote: SocketAddr,
    _seat: Option<Taken>,
}

/// A seat that is handed back when its connection ends.
pub(super) struct Taken {
    pub(super) admission: Rc<RefCell<Admission>>,
    pub(super) clock: Clock,
    pub(super) seat: Option<Seat>,
}

impl Drop for Taken {
    fn drop(&mut self) {
        if let Some(seat) = self.seat.take() {
            let now = self.clock.steady();
            self.admission.borrow_mut().handle_end(seat, now);
        }
    }
}

impl PeerStream {
    /// `None` if the handshake left no key to know the other side by.
    pub(super) fn new(
        tls: TlsStream<Socket>,
        remote: SocketAddr,
        seat: Option<Taken>,
    ) -> Option<Self> {
        let (_, common) = tls.get_ref();
        let peer = Pin::of(common.peer_certificates()?.first()?);
        Some(Self {
            peer,
            remote,
            tls,
            _seat: seat,
        })
    }

    /// A value of this connection alone, for proofs that are worth nothing on another.
    pub(crate) fn exporter(&self) -> io::Result<[u8; EXPORTER_BYTES]> {
        let out = [0; EXPORTER_BYTES];
        match &self.tls {
            TlsStream::Client(tls) => {
                tls.get_ref()
                    .1
                    .export_keying_material(out, EXPORTER_LABEL, None)
            }
            TlsStream::Server(tls) => {
                tls.get_ref()
                    .1
                    .export_keying_material(out, EXPORTER_LABEL, None)
            }
        }
        .map_err(io::Error::other)
    }
}

/// What is said is small and awaited, or large and not to stand in its way; a connection that nobody watches does not stay for ever. It fails
/// on a socket that is already dead, which shows soon enough.
pub(super) fn set_up(socket: &TcpStream) {
    let seconds = Duration::from_secs(PEER_KEEPALIVE_SECONDS);
    drop(socket.set_nodelay(true));
    rustix::net::sockopt::set_socket_send_buffer_size(socket, PEER_SEND_BUFFER_BYTES).ok();
    rustix::net::sockopt::set_socket_keepalive(socket, true).ok();
    rustix::net::sockopt::set_tcp_keepidle(socket, seconds).ok();
    rustix::net::sockopt::set_tcp_keepintvl(socket, seconds).ok();
    rustix::net::sockopt::set_tcp_keepcnt(socket, 3).ok();
}

impl AsyncRead for PeerStream {
    fn poll_read(
        mut self: Pinned<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        Pinned::new(&mut self.tls).poll_read(cx, buffer)
    }
}

impl AsyncWrite for PeerStream {
    fn poll_write(
        mut self: Pinned<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pinned::new(&mut self.tls).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pinned<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pinned::new(&mut self.tls).poll_flush(cx)
    }

    fn poll_close(mut self: Pinned<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pinned::new(&mut self.tls).poll_close(cx)
    }
}
