//! Listeners: from an address in the settings to connections that are driven.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::net::TcpStream;
use std::net::ToSocketAddrs;
use std::rc::Rc;
use std::time::Duration;

use async_io::Async;
use async_io::Timer;
use rustix::io::FdFlags;
use rustix::io::fcntl_setfd;
use rustix::net::AddressFamily;
use rustix::net::SocketType;
use rustix::net::sockopt;
use smol::LocalExecutor;

use crate::base::limits::ACCEPT_WAIT_MS_MAX;
use crate::base::limits::ACCEPT_WAIT_MS_MIN;
use crate::net::address::Address;
use crate::net::admit::Seat;
use crate::net::pipe::Pipe;
use crate::net::tls::TlsError;
use crate::net::tls::TlsStart;
use crate::net::wires::Wires;
use crate::observe;
use crate::observe::event::Event;

/// Connections that the system keeps until they are taken; more of them are refused.
///
/// What Linux allows at most unless told otherwise (`net.core.somaxconn`): clients of a board that died come all at once.
const BACKLOG: i32 = 4_096;

/// An address that is this program's; whoever connects is refused until [`Reserved::listen`].
#[derive(Debug)]
pub(crate) struct Reserved {
    socket: TcpListener,
    start: TlsStart,
    /// As bound, with the port that the system chose.
    pub(crate) address: SocketAddr,
}

/// A socket that connections come to.
#[derive(Debug)]
pub(crate) struct Listener {
    socket: Async<TcpListener>,
    pub(crate) start: TlsStart,
    /// As bound, with the port that the system chose.
    pub(crate) address: SocketAddr,
}

impl Reserved {
    pub(crate) fn bind(address: &Address, start: TlsStart) -> io::Result<Self> {
        let socket = reserve(address)?;
        let address = socket.local_addr()?;
        Ok(Self {
            socket,
            start,
            address,
        })
    }

    /// Connections wait in the system's queue from here on.
    pub(crate) fn listen(self) -> io::Result<Listener> {
        rustix::net::listen(&self.socket, BACKLOG)?;
        Ok(Listener {
            socket: Async::new(self.socket)?,
            start: self.start,
            address: self.address,
        })
    }
}

impl Listener {
    /// Takes connections for ever; each runs on the executor, as `open` makes it.
    #[expect(clippy::infinite_loop, reason = "it ends with the executor")]
    pub(crate) async fn run<F: Future<Output = ()> + 'static>(
        self,
        wires: Rc<Wires>,
        executor: Rc<LocalExecutor<'static>>,
        open: impl Fn(Pipe, (IpAddr, Seat), TlsStart) -> Result<F, (Seat, TlsError)>,
    ) -> Infallible {
        let mut wait_ms = ACCEPT_WAIT_MS_MIN;
        loop {
            // The system's queue is the cheapest place to wait.
            while !wires.admission.borrow().has_seat_for_stranger() {
                Timer::after(Duration::from_millis(ACCEPT_WAIT_MS_MIN)).await;
            }
            match self.socket.accept().await {
                Ok((socket, from)) => {
                    wait_ms = ACCEPT_WAIT_MS_MIN;
                    if let Some(connection) = self.admit(&wires, socket, from.ip(), &open) {
                        executor.spawn(connection).detach();
                    }
                }
                Err(error) if is_peers(&error) => {}
                Err(error) => {
                    // Out of file descriptors or memory: the connection stays in the queue, and trying again at
                    // once would do nothing but burn the processor.
                    let error = &error;
                    observe::emit(&Event::AcceptFailed { error, wait_ms });
                    Timer::after(Duration::from_millis(wait_ms)).await;
                    wait_ms = wait_ms.saturating_mul(2).min(ACCEPT_WAIT_MS_MAX);
                }
            }
        }
    }

    fn admit<F>(
        &self,
        wires: &Rc<Wires>,
        socket: Async<TcpStream>,
        from: IpAddr,
        open: &impl Fn(Pipe, (IpAddr, Seat), TlsStart) -> Result<F, (Seat, TlsError)>,
    ) -> Option<F> {
        let from = from.to_canonical();
        let seat = match wires.admission.borrow_mut().handle_connection(from) {
            Ok(seat) => seat,
            Err(why) => {
                observe::emit(&Event::ConnectionRefused { from, why: &why });
                return None;
            }
        };
        observe::emit(&Event::ConnectionAccepted { from });
        // Answers are small and awaited. It fails on a socket that is already dead, which shows soon enough.
        drop(socket.get_ref().set_nodelay(true));
        match open(Pipe::new(socket), (from, seat), self.start) {
            Ok(connection) => Some(connection),
            Err((seat, error)) => {
                let (now, error) = (wires.clock.steady(), &error);
                wires.admission.borrow_mut().handle_end(seat, now);
                observe::emit(&Event::TlsFailed { from, error });
                None
            }
        }
    }
}

/// A socket that listens.
pub(super) fn bind(address: &Address) -> io::Result<TcpListener> {
    let socket = reserve(address)?;
    rustix::net::listen(&socket, BACKLOG)?;
    Ok(socket)
}

fn reserve(address: &Address) -> io::Result<TcpListener> {
    match reserve_at((address.host(), address.port())) {
        // A kernel without IPv6: everywhere is everywhere.
        Err(_) if address.host() == "::" && !has_ipv6() => reserve_at(("0.0.0.0", address.port())),
        reserved => reserved,
    }
}

/// The first address of the name that can be had.
fn reserve_at(name: impl ToSocketAddrs) -> io::Result<TcpListener> {
    let mut failed = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in name.to_socket_addrs()? {
        match bound(address) {
            Ok(socket) => return Ok(socket),
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

fn bound(address: SocketAddr) -> io::Result<TcpListener> {
    let family = if address.is_ipv4() {
        AddressFamily::INET
    } else {
        AddressFamily::INET6
    };
    let socket = rustix::net::socket(family, SocketType::STREAM, None)?;
    // A copy that fetches puts this program in the place of itself.
    fcntl_setfd(&socket, FdFlags::CLOEXEC)?;
    // Connections of the run before are not in the way.
    sockopt::set_socket_reuseaddr(&socket, true)?;
    rustix::net::bind(&socket, &address)?;
    Ok(TcpListener::from(socket))
}

fn has_ipv6() -> bool {
    TcpListener::bind("[::1]:0").is_ok()
}

/// The connection was gone before it was taken.
pub(super) fn is_peers(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::Interrupted
    )
}
