//! A wire in memory: what a session of BOSH and the stream behind it say to each other.
//!
//! The stream's end is driven as any connection is; the other end is fed by requests. Both directions are
//! bounded, so that a client that fetches nothing fills its session's queue and no buffer here.

use std::cell::Cell;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::io::Read as _;
use std::io::Write as _;
use std::mem;
use std::rc::Rc;
use std::task::Context;
use std::task::Poll;
use std::task::Waker;

use crate::base::web_limits::BOSH_CORD_BYTES;

#[derive(Default)]
struct Cord {
    to_server: RefCell<VecDeque<u8>>,
    to_client: RefCell<Vec<u8>>,
    server: RefCell<Option<Waker>>,
    client: RefCell<Option<Waker>>,
    has_client_left: Cell<bool>,
    has_server_left: Cell<bool>,
    is_known: Cell<bool>,
    /// By the client's side, beside what is in the cord.
    kept_bytes: Cell<usize>,
}

/// What a connection has instead of a socket. The other end is told when it is gone.
pub(crate) struct ServerEnd(Rc<Cord>);

/// The end of the client. The server's end is told when it is gone.
pub(crate) struct ClientEnd(Rc<Cord>);

pub(crate) fn lay() -> (ServerEnd, ClientEnd) {
    let cord = Rc::new(Cord::default());
    (ServerEnd(Rc::clone(&cord)), ClientEnd(cord))
}

impl ServerEnd {
    pub(super) fn poll_readable(&self, cx: &Context<'_>) -> Poll<()> {
        if !self.0.to_server.borrow().is_empty() || self.0.has_client_left.get() {
            return Poll::Ready(());
        }
        *self.0.server.borrow_mut() = Some(cx.waker().clone());
        Poll::Pending
    }

    pub(super) fn poll_writable(&self, cx: &Context<'_>) -> Poll<()> {
        if self.0.to_client.borrow().len() < BOSH_CORD_BYTES || self.0.has_client_left.get() {
            return Poll::Ready(());
        }
        *self.0.server.borrow_mut() = Some(cx.waker().clone());
        Poll::Pending
    }

    pub(super) fn read(&self, bytes: &mut [u8]) -> io::Result<usize> {
        let mut there = self.0.to_server.borrow_mut();
        if there.is_empty() && !self.0.has_client_left.get() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        there.read(bytes)
    }

    pub(super) fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.has_client_left.get() {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let mut there = self.0.to_client.borrow_mut();
        let room = BOSH_CORD_BYTES.saturating_sub(there.len());
        if room == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let taken = there.write(bytes.get(..room).unwrap_or(bytes))?;
        wake(&self.0.client);
        Ok(taken)
    }

    pub(super) fn close(&self) {
        self.0.has_server_left.set(true);
        wake(&self.0.client);
    }

    /// Memory behind this end.
    pub(super) fn kept_bytes(&self) -> usize {
        let under_way = self.0.to_client.borrow().capacity() + self.0.to_server.borrow().capacity();
        self.0.kept_bytes.get() + under_way
    }

    pub(super) fn note_login(&self) {
        self.0.is_known.set(true);
    }
}

impl Drop for ServerEnd {
    fn drop(&mut self) {
        self.close();
    }
}

impl ClientEnd {
    pub(crate) fn send(&self, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.0.to_server.borrow_mut().extend(bytes);
            wake(&self.0.server);
        }
    }

    /// What the server has said; None if it is gone and has said everything.
    pub(crate) fn poll_take(&self, cx: &Context<'_>) -> Poll<Option<Vec<u8>>> {
        *self.0.client.borrow_mut() = Some(cx.waker().clone());
        let said = mem::take(&mut *self.0.to_client.borrow_mut());
        if !said.is_empty() {
            wake(&self.0.server);
            return Poll::Ready(Some(said));
        }
        if self.0.has_server_left.get() {
            return Poll::Ready(None);
        }
        Poll::Pending
    }

    /// Bytes that the server has not read.
    pub(crate) fn unread_bytes(&self) -> usize {
        self.0.to_server.borrow().len()
    }

    /// So much is kept at this end.
    pub(crate) fn note_kept(&self, bytes: usize) {
        self.0.kept_bytes.set(bytes);
    }

    /// The client has logged in.
    pub(crate) fn is_known(&self) -> bool {
        self.0.is_known.get()
    }
}

impl Drop for ClientEnd {
    fn drop(&mut self) {
        self.0.has_client_left.set(true);
        wake(&self.0.server);
    }
}

fn wake(waker: &RefCell<Option<Waker>>) {
    if let Some(waker) = waker.borrow().as_ref() {
        waker.wake_by_ref();
    }
}
