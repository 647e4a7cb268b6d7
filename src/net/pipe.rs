//! Bytes of one connection: a socket, and TLS over it once that has been started.
//!
//! Nothing is kept here for a connection at rest: what arrives goes through buffers that all connections
//! of a thread share, and what is sent is kept only while the system does not take it. (rustls keeps
//! 4 KiB of its own for records that are not whole yet.)

use std::io;
use std::io::BufRead as _;
use std::io::Read as _;
use std::io::Write as _;
use std::net::Shutdown;
use std::net::TcpStream;
use std::task::Context;
use std::task::Poll;
use std::task::ready;

use async_io::Async;
use rustls::ServerConnection;

use crate::base::limits::READ_BYTES;
use crate::net::cord::ServerEnd;
use crate::observe::metric;
use crate::observe::metric::Metric;

/// What carries the bytes.
enum Wire {
    Socket(Async<TcpStream>),
    /// Requests of a web client (XEP-0124).
    Cord(ServerEnd),
}

/// One connection's socket with its encryption.
pub(crate) struct Pipe {
    wire: Wire,
    tls: Option<Box<ServerConnection>>,
    /// Clear bytes that the system has not taken yet; TLS keeps its own.
    unsent: Vec<u8>,
    /// About how many TLS keeps.
    unsent_tls_bytes: usize,
    /// Something was sent since the last look.
    has_moved: bool,
}

/// Buffers that the connections of a thread lend each other.
pub(crate) struct Scratch {
    wire: Box<[u8]>,
    /// What one read has brought, decrypted.
    pub(crate) clear: Vec<u8>,
    /// What one write takes along.
    pub(crate) out: Vec<u8>,
}

/// What a read found out beyond its bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Taken {
    /// The peer sends nothing more.
    pub(crate) is_end: bool,
    /// There may be more at once.
    pub(crate) is_full: bool,
}

/// Why a connection is over. `PeerTls` is the peer's fault; a socket can break at either end.
#[derive(Debug)]
pub(crate) enum PipeError {
    Socket,
    PeerTls(rustls::Error),
}

impl Wire {
    fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Socket(socket) => socket.poll_readable(cx),
            Self::Cord(end) => end.poll_readable(cx).map(Ok),
        }
    }

    fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Socket(socket) => socket.poll_writable(cx),
            Self::Cord(end) => end.poll_writable(cx).map(Ok),
        }
    }
}

impl io::Read for &Wire {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        match self {
            Wire::Socket(socket) => socket.get_ref().read(bytes),
            Wire::Cord(end) => end.read(bytes),
        }
    }
}

impl io::Write for &Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Wire::Socket(socket) => socket.get_ref().write(bytes),
            Wire::Cord(end) => end.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl From<io::Error> for PipeError {
    fn from(_: io::Error) -> Self {
        Self::Socket
    }
}

impl Scratch {
    pub(crate) fn new() -> Self {
        Self {
            wire: vec![0; READ_BYTES].into_boxed_slice(),
            clear: Vec::new(),
            out: Vec::new(),
        }
    }
}

impl Pipe {
    pub(crate) fn new(socket: Async<TcpStream>) -> Self {
        Self::over(Wire::Socket(socket))
    }

    /// In the clear: whoever is at the other end has come by TLS, or not.
    pub(crate) fn to_cord(end: ServerEnd) -> Self {
        Self::over(Wire::Cord(end))
    }

    fn over(wire: Wire) -> Self {
        Self {
            wire,
            tls: None,
            unsent: Vec::new(),
            unsent_tls_bytes: 0,
            has_moved: false,
        }
    }

    /// From here on everything is encrypted; nothing unsent may be left.
    pub(crate) fn start_tls(&mut self, tls: ServerConnection) {
        self.tls = Some(Box::new(tls));
    }

    /// The session, if its handshake is done.
    pub(crate) fn tls(&self) -> Option<&ServerConnection> {
        self.tls.as_deref().filter(|tls| !tls.is_handshaking())
    }

    /// Reads once; the bytes are in `scratch.clear`, which is emptied before.
    ///
    /// Waits for the socket first and reads then, so that a connection that is polled for another
    /// reason costs no system call.
    pub(crate) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        scratch: &mut Scratch,
    ) -> Poll<Result<Taken, PipeError>> {
        scratch.clear.clear();
        loop {
            ready!(self.wire.poll_readable(cx))?;
            match (&self.wire).read(&mut scratch.wire) {
                Ok(bytes) => return Poll::Ready(self.take(bytes, scratch)),
                Err(error) if is_temporary(&error) => {}
                Err(error) => return Poll::Ready(Err(error.into())),
            }
        }
    }

    /// Reads once more without waiting, after a read that was full.
    pub(crate) fn read_on(&mut self, scratch: &mut Scratch) -> Result<Option<Taken>, PipeError> {
        scratch.clear.clear();
        match (&self.wire).read(&mut scratch.wire) {
            Ok(bytes) => self.take(bytes, scratch).map(Some),
            Err(error) if is_temporary(&error) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn take(&mut self, bytes: usize, scratch: &mut Scratch) -> Result<Taken, PipeError> {
        metric::add(Metric::BytesReceived, u64::try_from(bytes).unwrap_or(0));
        let is_full = bytes == scratch.wire.len();
        let mut is_end = bytes == 0;
        let mut wire = scratch.wire.get(..bytes).unwrap_or_default();
        match &mut self.tls {
            None => scratch.clear.extend_from_slice(wire),
            Some(tls) => {
                while !wire.is_empty() {
                    tls.read_tls(&mut wire)?;
                    is_end |= decrypt(tls, &mut scratch.clear)?;
                }
            }
        }
        Ok(Taken { is_end, is_full })
    }

    /// Takes all of `bytes`, and sends what the system takes now.
    pub(crate) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<Result<(), PipeError>> {
        match &mut self.tls {
            Some(tls) => {
                tls.writer().write_all(bytes)?;
                self.unsent_tls_bytes = self.unsent_tls_bytes.saturating_add(bytes.len());
            }
            None if self.unsent.is_empty() => {
                let sent = self.send_clear(bytes)?;
                let rest = bytes.get(sent..).unwrap_or_default();
                self.unsent.extend_from_slice(rest);
            }
            None => self.unsent.extend_from_slice(bytes),
        }
        self.poll_flush(cx)
    }

    /// Ready when nothing is left.
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), PipeError>> {
        while self.has_unsent() {
            if self.send()? == 0 {
                ready!(self.wire.poll_writable(cx))?;
            }
        }
        // Its room is for those that have something to say.
        self.unsent = Vec::new();
        self.unsent_tls_bytes = 0;
        Poll::Ready(Ok(()))
    }

    /// One system call; 0 if the system takes nothing now.
    fn send(&mut self) -> Result<usize, PipeError> {
        let Some(tls) = &mut self.tls else {
            let unsent = std::mem::take(&mut self.unsent);
            let sent = self.send_clear(&unsent);
            self.unsent = unsent;
            let sent = sent?;
            self.unsent.drain(..sent);
            return Ok(sent);
        };
        let sent = tls.write_tls(&mut &self.wire);
        let sent = self.count_sent(sent)?;
        self.unsent_tls_bytes = self.unsent_tls_bytes.saturating_sub(sent);
        Ok(sent)
    }

    fn send_clear(&mut self, bytes: &[u8]) -> Result<usize, PipeError> {
        if bytes.is_empty() {
            return Ok(0);
        }
        let sent = (&self.wire).write(bytes);
        self.count_sent(sent)
    }

    fn count_sent(&mut self, sent: io::Result<usize>) -> Result<usize, PipeError> {
        match sent {
            Ok(0) => Err(PipeError::Socket),
            Ok(bytes) => {
                metric::add(Metric::BytesSent, u64::try_from(bytes).unwrap_or(0));
                self.has_moved = true;
                Ok(bytes)
            }
            Err(error) if is_temporary(&error) => Ok(0),
            Err(error) => Err(error.into()),
        }
    }

    /// The peer has not taken everything yet.
    pub(crate) fn has_unsent(&self) -> bool {
        !self.unsent.is_empty() || self.tls.as_ref().is_some_and(|tls| tls.wants_write())
    }

    /// Memory of what the peer has not taken yet.
    pub(crate) fn unsent_bytes(&self) -> usize {
        let behind = match &self.wire {
            Wire::Socket(_) => 0,
            Wire::Cord(end) => end.kept_bytes(),
        };
        self.unsent.capacity() + self.unsent_tls_bytes + behind
    }

    /// Whether the peer has taken anything since the last call.
    pub(crate) fn take_progress(&mut self) -> bool {
        std::mem::take(&mut self.has_moved)
    }

    /// Says that TLS is over; to be flushed.
    pub(crate) fn say_end(&mut self) {
        if let Some(tls) = &mut self.tls {
            tls.send_close_notify();
        }
    }

    /// Nothing more is sent; the peer may still be.
    pub(crate) fn close_write(&self) {
        match &self.wire {
            // It fails if the peer was faster.
            Wire::Socket(socket) => drop(socket.get_ref().shutdown(Shutdown::Write)),
            Wire::Cord(end) => end.close(),
        }
    }

    /// The connection is an account's from now on.
    pub(crate) fn note_login(&self) {
        if let Wire::Cord(end) = &self.wire {
            end.note_login();
        }
    }
}

/// True at the peer's orderly end.
fn decrypt(tls: &mut ServerConnection, clear: &mut Vec<u8>) -> Result<bool, PipeError> {
    let state = tls.process_new_packets().map_err(PipeError::PeerTls)?;
    let mut left = state.plaintext_bytes_to_read();
    while left > 0 {
        let mut reader = tls.reader();
        let chunk = reader.fill_buf()?;
        let bytes = chunk.len();
        clear.extend_from_slice(chunk);
        reader.consume(bytes);
        left = left.saturating_sub(bytes.max(1));
    }
    Ok(state.peer_has_closed())
}

/// The system has nothing for us now.
pub(super) fn is_temporary(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
    )
}
