//! One web connection's wire: reads for the machine, writes, and keeps the time and the ledger.

use std::future::poll_fn;
use std::net::IpAddr;
use std::rc::Rc;
use std::task::Context;
use std::task::Poll;

use crate::base::limits::CLOSE_WAIT_MS;
use crate::base::time::Monotonic;
use crate::core::session::LinkId;
use crate::http::Machine;
use crate::net::admit::Seat;
use crate::net::hub::Mailbox;
use crate::net::pipe::Pipe;
use crate::net::pipe::PipeError;
use crate::net::web::Fail;
use crate::net::wires::Wires;
use crate::observe;
use crate::observe::event::Event as Told;

/// A connection with its place among all of them, which it gives back at its end.
pub(super) struct Channel {
    pub(super) machine: Machine,
    pub(super) from: IpAddr,
    pub(super) wires: Rc<Wires>,
    link: LinkId,
    mailbox: Rc<Mailbox>,
    seat: Option<Seat>,
    pipe: Option<Pipe>,
    deadline: Option<Monotonic>,
    noted_bytes: usize,
    /// Of a body that is being put together.
    held_bytes: usize,
}

impl Channel {
    pub(super) fn new(wires: &Rc<Wires>, pipe: Pipe, (from, seat): (IpAddr, Seat)) -> Self {
        let (link, mailbox) = wires.open_link();
        Self {
            machine: Machine::new(),
            from,
            wires: Rc::clone(wires),
            link,
            mailbox,
            seat: Some(seat),
            pipe: Some(pipe),
            deadline: None,
            noted_bytes: 0,
            held_bytes: 0,
        }
    }

    pub(super) fn now(&self) -> Monotonic {
        self.wires.clock.steady()
    }

    /// Waits for bytes and gives them to the machine. False: there were none until then.
    pub(super) async fn read(&mut self, until: Monotonic) -> Result<bool, Fail> {
        poll_fn(|cx| self.poll_read(cx, until)).await
    }

    fn poll_read(&mut self, cx: &mut Context<'_>, until: Monotonic) -> Poll<Result<bool, Fail>> {
        self.mailbox.set_waker(cx.waker());
        if let Err(fail) = self.poll_flush(cx) {
            return Poll::Ready(Err(fail));
        }
        let now = self.now();
        if until <= now {
            return Poll::Ready(Ok(false));
        }
        self.set_deadline(Some(until));
        if !self.machine.wants_input() || !self.wires.may_read(self.link) {
            return Poll::Pending;
        }
        let Some(pipe) = &mut self.pipe else {
            return Poll::Ready(Err(Fail::Gone));
        };
        let wires = Rc::clone(&self.wires);
        let mut scratch = wires.scratch.borrow_mut();
        loop {
            let taken = match pipe.poll_read(cx, &mut scratch) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(taken)) => taken,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(gone(self.from, &error))),
            };
            self.machine.handle_bytes(&scratch.clear);
            // The handshake goes both ways.
            if let Poll::Ready(Err(error)) = pipe.poll_flush(cx) {
                return Poll::Ready(Err(gone(self.from, &error)));
            }
            if !scratch.clear.is_empty() {
                break;
            }
            if taken.is_end {
                return Poll::Ready(Err(Fail::Gone));
            }
        }
        drop(scratch);
        self.note_kept();
        Poll::Ready(Ok(true))
    }

    /// Waits until the system has taken all of it, as long as the client takes anything at all.
    pub(super) async fn write(&mut self, bytes: impl AsRef<[u8]>) -> Result<(), Fail> {
        let mut bytes = Some(bytes);
        let stall = self.wires.settings.borrow().stall.as_millis();
        let stall_ms = u64::try_from(stall).unwrap_or(u64::MAX);
        let mut until = self.now().plus_ms(stall_ms);
        poll_fn(|cx| {
            self.mailbox.set_waker(cx.waker());
            let Some(pipe) = &mut self.pipe else {
                return Poll::Ready(Err(Fail::Gone));
            };
            let polled = match bytes.take() {
                // From here on only the pipe keeps what is left of them.
                Some(bytes) => pipe.poll_write(cx, bytes.as_ref()),
                None => pipe.poll_flush(cx),
            };
            let has_moved = pipe.take_progress();
            self.note_kept();
            match polled {
                Poll::Ready(Ok(())) => return Poll::Ready(Ok(())),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(gone(self.from, &error))),
                Poll::Pending => {}
            }
            let now = self.now();
            if has_moved {
                until = now.plus_ms(stall_ms);
            }
            if until <= now || self.wires.is_doomed(self.link) {
                return Poll::Ready(Err(Fail::Gone));
            }
            self.set_deadline(Some(until));
            Poll::Pending
        })
        .await
    }

    /// Waits until there is room for more of what the client is sent.
    pub(super) async fn room(&self) {
        poll_fn(|cx| {
            self.mailbox.set_waker(cx.waker());
            if self.wires.may_write(self.link) {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Result<(), Fail> {
        if self.wires.is_doomed(self.link) {
            return Err(Fail::Gone);
        }
        match self.pipe.as_mut().map(|pipe| pipe.poll_flush(cx)) {
            Some(Poll::Ready(Err(error))) => Err(gone(self.from, &error)),
            Some(_) => Ok(()),
            None => Err(Fail::Gone),
        }
    }

    /// Says that nothing more comes, and lets the client read what it was told (RFC 9112 section 9.6).
    pub(super) async fn close(&mut self) {
        if let Some(pipe) = &mut self.pipe {
            pipe.say_end();
        }
        if self.write([]).await.is_err() {
            return;
        }
        if let Some(pipe) = &self.pipe {
            pipe.close_write();
        }
        let until = self.now().plus_ms(CLOSE_WAIT_MS);
        // What still comes is dropped: the machine is over.
        drop(self.machine.take_rest());
        let wires = Rc::clone(&self.wires);
        poll_fn(|cx| {
            self.mailbox.set_waker(cx.waker());
            if until <= self.now() {
                return Poll::Ready(());
            }
            self.set_deadline(Some(until));
            let Some(pipe) = &mut self.pipe else {
                return Poll::Ready(());
            };
            let mut scratch = wires.scratch.borrow_mut();
            loop {
                match pipe.poll_read(cx, &mut scratch) {
                    Poll::Ready(Ok(taken)) if !taken.is_end => {}
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(_) => return Poll::Ready(()),
                }
            }
        })
        .await;
    }

    /// The connection goes on in another protocol: what that begins with, if this is not at its end.
    pub(super) fn into_parts(mut self) -> Option<(Pipe, Seat, Vec<u8>)> {
        let rest = self.machine.take_rest();
        Some((self.pipe.take()?, self.seat.take()?, rest))
    }

    /// A body that is being put together has so many bytes.
    pub(super) fn note_body(&mut self, bytes: usize) {
        self.held_bytes = bytes;
        self.note_kept();
    }

    pub(super) fn note_login(&mut self) {
        if let Some(seat) = &mut self.seat {
            self.wires.admission.borrow_mut().handle_login(seat);
        }
    }

    /// The session of TLS, if there is one.
    pub(super) fn tls(&self) -> Option<&rustls::ServerConnection> {
        self.pipe.as_ref().and_then(Pipe::tls)
    }

    fn note_kept(&mut self) {
        let unsent = self.pipe.as_ref().map_or(0, Pipe::unsent_bytes);
        let bytes = self.machine.kept_bytes() + self.held_bytes + unsent;
        if bytes != std::mem::replace(&mut self.noted_bytes, bytes) {
            self.wires.note_kept(self.link, bytes);
        }
    }

    fn set_deadline(&mut self, next: Option<Monotonic>) {
        self.wires.set_deadline(self.link, self.deadline, next);
        self.deadline = next;
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        self.wires.close_link(self.link, self.deadline.take());
        if let Some(seat) = self.seat.take() {
            let now = self.wires.clock.steady();
            self.wires.admission.borrow_mut().handle_end(seat, now);
            let from = self.from;
            observe::emit(&Told::ConnectionEnded { from });
        }
    }
}

fn gone(from: IpAddr, error: &PipeError) -> Fail {
    if let PipeError::PeerTls(error) = error {
        observe::emit(&Told::TlsFailed { from, error });
    }
    Fail::Gone
}
