//! One connection: socket, TLS and stream machine, driven by whatever happens first.
//!
//! A future that is polled by hand, so that a connection at rest is this struct and nothing else: no stack
//! of nested futures, no buffer. Each turn takes what has arrived (answers, time, bytes), gives it to
//! the stream, and sends what comes of it with one write.
//!
//! Back-pressure goes from the client's socket to its own input: while it does not take what it is sent,
//! nothing more is read from it, and its session's queue fills instead of a buffer here. A client that takes
//! nothing for too long is let go; with stream management its session stays. What all connections keep
//! together is bounded as well ([`Ledger`](crate::net::ledger::Ledger)).

mod framed;
mod handshake;
mod room;
mod stream;

use std::future::Future;
use std::mem;
use std::net::IpAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Context;
use std::task::Poll;

use crate::base::allowance::Allowance;
use crate::base::limits::OUTPUT_BYTES_MAX;
use crate::base::limits::READS_PER_TURN_MAX;
use crate::base::time::Monotonic;
use crate::c2s;
use crate::c2s::LookUp;
use crate::c2s::Output;
use crate::core::session::LinkId;
use crate::net::admit::Seat;
use crate::net::drive::framed::Framed;
use crate::net::hub::Event;
use crate::net::hub::Hub;
use crate::net::hub::Mailbox;
use crate::net::pipe::Pipe;
use crate::net::pipe::PipeError;
use crate::net::pipe::Scratch;
use crate::net::pipe::Taken;
use crate::net::tap::Direction;
use crate::net::tls::TlsSettings;
use crate::net::tls::TlsStart;
use crate::net::wires::Wires;
use crate::observe;
use crate::observe::event::Event as Told;

/// A connection that was let in. The future ends with the connection.
pub(crate) struct Connection<H: Hub> {
    link: LinkId,
    from: IpAddr,
    hub: Rc<H>,
    wires: Rc<Wires>,
    mailbox: Rc<Mailbox>,
    seat: Option<Seat>,
    pipe: Pipe,
    stream: Box<c2s::Session>,
    /// If the stream comes in messages.
    framed: Option<Box<Framed>>,
    phase: Phase,
    /// Clear bytes that the stream does not take yet, since it waits for an answer.
    kept: Vec<u8>,
    /// Credentials that have to wait, after failures from this address.
    held: Option<Box<(Monotonic, LookUp)>>,
    bytes_allowed: Allowance,
    stanzas_allowed: Allowance,
    /// What the ledger knows that is kept here, and since when it has no room for more.
    noted_bytes: usize,
    crowded: Option<Monotonic>,
    /// Since when the client has taken nothing.
    stalled: Option<Monotonic>,
    /// What the thread's timer knows.
    deadline: Option<Monotonic>,
}

/// How far a connection is. TLS comes before the stream or in it.
enum Phase {
    /// Bytes are the stream's.
    Stream,
    /// `<proceed/>` has to leave in the clear first.
    TlsDue,
    /// Bytes are the handshake's. `direct`: since when, if no stream came before it (XEP-0368).
    Handshake {
        settings: TlsSettings,
        direct: Option<Monotonic>,
    },
    /// The stream is over; the client may still read why.
    Closing { until: Monotonic, is_shut: bool },
}

/// Why a connection is over.
enum End {
    /// All is said.
    Done,
    /// The client is gone.
    Lost,
    Stalled,
    /// It keeps the most of all, and the others need room.
    Crowding,
    Broken(PipeError),
}

/// What a turn leads to.
enum Turn {
    /// The socket wakes it.
    Wait,
    /// Nothing may be read; what has to come first wakes it.
    Held,
    /// There is more to do, after the others.
    Again,
}

impl From<PipeError> for End {
    fn from(error: PipeError) -> Self {
        Self::Broken(error)
    }
}

impl<H: Hub> Connection<H> {
    /// With TLS from the first byte if there is such; that listener is open only then.
    pub(crate) fn new(
        wires: &Rc<Wires>,
        hub: &Rc<H>,
        mut pipe: Pipe,
        (from, seat): (IpAddr, Seat),
        start: TlsStart,
    ) -> Result<Self, (Seat, rustls::Error)> {
        let settings = wires.settings.borrow().clone();
        let now = wires.clock.steady();
        let mut phase = Phase::Stream;
        if let (TlsStart::Direct, Some(tls)) = (start, settings.tls) {
            match tls.connection(start) {
                Ok(connection) => pipe.start_tls(connection),
                Err(error) => return Err((seat, error)),
            }
            phase = Phase::Handshake {
                settings: tls,
                direct: Some(now),
            };
        }
        let stream = c2s::Session::new(settings.stream, wires.seed(), None, now);
        let mut connection = Self::over(wires, hub, pipe, (from, seat), stream);
        connection.phase = phase;
        Ok(connection)
    }

    /// The stream begins with the next byte.
    fn over(
        wires: &Rc<Wires>,
        hub: &Rc<H>,
        pipe: Pipe,
        (from, seat): (IpAddr, Seat),
        stream: c2s::Session,
    ) -> Self {
        let (link, mailbox) = wires.open_link();
        hub.handle_open(link, &mailbox);
        Self {
            link,
            from,
            hub: Rc::clone(hub),
            wires: Rc::clone(wires),
            mailbox,
            seat: Some(seat),
            pipe,
            stream: Box::new(stream),
            framed: None,
            phase: Phase::Stream,
            kept: Vec::new(),
            held: None,
            bytes_allowed: Allowance::default(),
            stanzas_allowed: Allowance::default(),
            noted_bytes: 0,
            crowded: None,
            stalled: None,
            deadline: None,
        }
    }

    fn turn(&mut self, cx: &mut Context<'_>) -> Result<Turn, End> {
        let wires = Rc::clone(&self.wires);
        let mut scratch = wires.scratch.borrow_mut();
        // What a connection that was lost in its turn could not be told any more is for nobody else.
        scratch.out.clear();
        let now = wires.clock.steady();
        while let Some(event) = self.mailbox.take_event() {
            if matches!(event, Event::Leave) {
                return Err(End::Lost);
            }
            self.handle_event(event);
            self.settle(now, &mut scratch.out);
        }
        self.handle_time(now, &mut scratch.out)?;
        loop {
            let turn = self.read(cx, now, &mut scratch)?;
            self.write(cx, now, &mut scratch.out)?;
            self.note_kept();
            // What kept it from reading may be gone with the write.
            let is_held = matches!(turn, Turn::Held) && self.crowded.is_none();
            if !is_held || !self.may_read(now) {
                self.set_deadline(now);
                return Ok(turn);
            }
        }
    }

    fn handle_time(&mut self, now: Monotonic, out: &mut Vec<u8>) -> Result<(), End> {
        if let Phase::Closing { until, .. } = self.phase
            && until <= now
        {
            return Err(End::Done);
        }
        if self.wires.is_doomed(self.link) {
            self.give_way(now, out)?;
        }
        if self
            .crowded
            .is_some_and(|since| room::crowded_until(since) <= now)
        {
            self.crowded = Some(now);
            self.wires.make_room();
        }
        let stall_ms = self.wires.settings.borrow().stall.as_millis();
        if let Some(since) = self.stalled
            && u128::from(now.since_ms(since)) >= stall_ms
        {
            return Err(End::Stalled);
        }
        if let Some(held) = self.held.take_if(|held| held.0 <= now) {
            let (_, look_up) = *held;
            self.hub.handle_output(self.link, Output::LookUp(look_up));
        }
        if self.stream.timeout().is_some_and(|at| at <= now) {
            self.stream.handle_timeout(now);
            self.settle(now, out);
        }
        Ok(())
    }

    /// Reads until nothing is there, something has to wait, or it is the others' turn.
    fn read(
        &mut self,
        cx: &mut Context<'_>,
        now: Monotonic,
        scratch: &mut Scratch,
    ) -> Result<Turn, End> {
        if !self.kept.is_empty() && self.may_feed() {
            let kept = mem::take(&mut self.kept);
            self.feed(now, &kept, &mut scratch.out);
        }
        let mut was_full = false;
        for _ in 0..READS_PER_TURN_MAX {
            if !self.may_read(now) {
                // It waits for something else, whose end is no reason to look at the room.
                self.crowded = None;
                return Ok(Turn::Held);
            }
            if !self.has_room(now) {
                return Ok(Turn::Held);
            }
            let taken = if was_full {
                self.pipe.read_on(scratch)?
            } else {
                match self.pipe.poll_read(cx, scratch) {
                    Poll::Ready(taken) => Some(taken?),
                    Poll::Pending => return Ok(Turn::Wait),
                }
            };
            if let Some(taken) = taken {
                self.handle_taken(now, taken, scratch)?;
            }
            was_full = taken.is_some_and(|taken| taken.is_full);
        }
        Ok(Turn::Again)
    }

    fn handle_taken(
        &mut self,
        now: Monotonic,
        taken: Taken,
        scratch: &mut Scratch,
    ) -> Result<(), End> {
        self.check_handshake(now, &mut scratch.out);
        let clear = mem::take(&mut scratch.clear);
        let rate = self.wires.settings.borrow().bytes_per_second;
        self.bytes_allowed.take(clear.len(), rate, now);
        self.feed(now, &clear, &mut scratch.out);
        scratch.clear = clear;
        self.note_kept();
        match (taken.is_end, &self.phase) {
            (false, _) => Ok(()),
            (true, Phase::Closing { .. }) => Err(End::Done),
            (true, _) => Err(End::Lost),
        }
    }

    fn feed(&mut self, now: Monotonic, bytes: &[u8], out: &mut Vec<u8>) {
        let mut rest = bytes;
        while !rest.is_empty() && self.may_feed() {
            let before = rest.len();
            if self.framed.is_some() {
                self.feed_message(now, &mut rest);
            } else {
                let before = rest;
                self.stream.handle_bytes(now, &mut rest);
                let (taken, _) = before.split_at(before.len().saturating_sub(rest.len()));
                self.wires.show(self.link, Direction::FromClient, taken);
            }
            self.settle(now, out);
            if rest.len() == before {
                break;
            }
        }
        // After the end, and before TLS, what the client says does not count.
        if matches!(self.phase, Phase::Stream) {
            self.kept = rest.to_vec();
        }
    }

    fn may_feed(&self) -> bool {
        matches!(self.phase, Phase::Stream)
            && !self.stream.is_waiting()
            && self.hub.wants_input(self.link)
    }

    fn may_read(&self, now: Monotonic) -> bool {
        match self.phase {
            Phase::Stream => {
                self.kept.is_empty()
                    && !self.pipe.has_unsent()
                    && self.bytes_allowed.wait_until(now).is_none()
                    && self.stanzas_allowed.wait_until(now).is_none()
                    && self.may_feed()
            }
            Phase::TlsDue => false,
            Phase::Handshake { .. } | Phase::Closing { .. } => true,
        }
    }

    /// Sends what the turn has brought, then what the session has, as long as the client takes it.
    fn write(
        &mut self,
        cx: &mut Context<'_>,
        now: Monotonic,
        out: &mut Vec<u8>,
    ) -> Result<(), End> {
        loop {
            let link = self.link;
            if self.wants_output()
                && self.wires.may_write(link)
                && self.mailbox.take_output()
                && self.hub.write(link, OUTPUT_BYTES_MAX, out)
            {
                self.mailbox.tell_output();
            }
            if let Some(framed) = &mut self.framed {
                framed.wrap(out);
            } else {
                self.wires.show(link, Direction::ToClient, out);
            }
            let written = self.pipe.poll_write(cx, out);
            out.clear();
            if written?.is_pending() {
                break;
            }
            self.handle_flushed()?;
            let has_more = self.wants_output() && self.mailbox.has_output();
            if !(self.pipe.has_unsent() || has_more && self.wires.may_write(link)) {
                break;
            }
        }
        let has_moved = self.pipe.take_progress();
        if !self.pipe.has_unsent() {
            self.stalled = None;
        } else if has_moved || self.stalled.is_none() {
            self.stalled = Some(now);
        }
        Ok(())
    }

    fn wants_output(&self) -> bool {
        matches!(self.phase, Phase::Stream) && !self.pipe.has_unsent() && self.stream.has_session()
    }

    /// Everything is on its way.
    fn handle_flushed(&mut self) -> Result<(), End> {
        match &mut self.phase {
            Phase::TlsDue => {
                let settings = self.wires.settings.borrow().tls.clone();
                let Some(settings) = settings else {
                    return Err(End::Lost);
                };
                let tls = settings
                    .connection(TlsStart::StartTls)
                    .map_err(PipeError::PeerTls)?;
                self.pipe.start_tls(tls);
                self.phase = Phase::Handshake {
                    settings,
                    direct: None,
                };
            }
            Phase::Closing { is_shut, .. } if !*is_shut => {
                *is_shut = true;
                self.pipe.say_end();
                if !self.pipe.has_unsent() {
                    self.pipe.close_write();
                }
            }
            Phase::Closing { .. } => self.pipe.close_write(),
            Phase::Stream | Phase::Handshake { .. } => {}
        }
        Ok(())
    }

    fn set_deadline(&mut self, now: Monotonic) {
        let stall = self.wires.settings.borrow().stall.as_millis();
        let stall_ms = u64::try_from(stall).unwrap_or(u64::MAX);
        let closing = match self.phase {
            Phase::Closing { until, .. } => Some(until),
            _ => None,
        };
        let wanted = [
            self.stream.timeout(),
            self.held.as_ref().map(|held| held.0),
            self.stalled.map(|since| since.plus_ms(stall_ms)),
            self.bytes_allowed.wait_until(now),
            self.stanzas_allowed.wait_until(now),
            self.crowded.map(room::crowded_until),
            closing,
        ];
        // Later than now, so that it differs from one that has just come.
        let next = wanted.into_iter().flatten().min();
        let next = next.map(|at| at.max(now.plus_ms(1)));
        self.wires.set_deadline(self.link, self.deadline, next);
        self.deadline = next;
    }

    fn finish(&mut self, end: &End) {
        let from = self.from;
        match end {
            End::Broken(PipeError::PeerTls(error)) => {
                observe::emit(&Told::TlsFailed { from, error });
            }
            End::Stalled => {
                let seconds = self.wires.settings.borrow().stall.as_secs();
                observe::emit(&Told::ClientStalled { from, seconds });
            }
            End::Crowding => {
                let bytes = self.noted_bytes;
                observe::emit(&Told::ClientCrowds { from, bytes });
            }
            End::Done | End::Lost | End::Broken(PipeError::Socket) => {}
        }
        observe::emit(&Told::ConnectionEnded { from });
        if !matches!(self.phase, Phase::Closing { .. }) {
            self.hub.handle_closed(self.link, false);
        }
        if let Some(seat) = self.seat.take() {
            let now = self.wires.clock.steady();
            self.wires.admission.borrow_mut().handle_end(seat, now);
        }
        self.wires.close_link(self.link, self.deadline.take());
    }
}

impl<H: Hub> Future for Connection<H> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.mailbox.set_waker(cx.waker());
        match self.turn(cx) {
            Ok(Turn::Wait | Turn::Held) => Poll::Pending,
            Ok(Turn::Again) => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Err(end) => {
                self.finish(&end);
                Poll::Ready(())
            }
        }
    }
}
