//! What a server to try out does wrong on request: late, cut off, forgetful.

use std::cell::Cell;
use std::rc::Rc;

use async_io::Timer;
use smol::channel;
use smol::channel::Receiver;
use smol::channel::Sender;

use crate::base::jid::Jid;
use crate::base::time::Monotonic;
use crate::c2s::Output;
use crate::core::session::LinkId;
use crate::net::clock::Clock;
use crate::net::hub::Event;
use crate::server::hub::Node;

/// What becomes of the streams when the server starts again.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Streams {
    /// They can be resumed.
    Kept,
    /// Clients are told of the stop (RFC 6120 section 4.9.3.20).
    Ended,
    /// Nobody is told, and nobody can resume: as after a crash.
    Lost,
}

/// Something that a client says or does, on its way to the core.
pub(crate) enum Doing {
    Said(Output),
    Closed { is_orderly: bool },
}

/// What is asked for; nothing, in a server that is for real.
pub(crate) struct Mischief {
    delay_ms: Cell<u64>,
    late: (Sender<Late>, Receiver<Late>),
    /// How many are on their way: what comes later may not be earlier.
    late_count: Cell<usize>,
    refuses_resumption: Cell<bool>,
    restart: (Sender<Streams>, Receiver<Streams>),
}

struct Late {
    due: Monotonic,
    link: LinkId,
    doing: Doing,
}

impl Default for Mischief {
    fn default() -> Self {
        Self {
            delay_ms: Cell::new(0),
            late: channel::unbounded(),
            late_count: Cell::new(0),
            refuses_resumption: Cell::new(false),
            restart: channel::bounded(1),
        }
    }
}

impl Mischief {
    pub(super) fn set_delay_ms(&self, delay_ms: u64) {
        self.delay_ms.set(delay_ms);
    }

    pub(super) fn refuse_resumption(&self) {
        self.refuses_resumption.set(true);
    }

    /// Once: the next one is as good as ever.
    pub(crate) fn takes_resumption(&self) -> bool {
        !self.refuses_resumption.replace(false)
    }

    pub(super) fn restart(&self, streams: Streams) {
        // There is one already.
        self.restart.0.try_send(streams).ok();
    }

    pub(crate) async fn until_restart(&self) -> Option<Streams> {
        self.restart.1.recv().await.ok()
    }

    /// How much is on its way.
    pub(crate) fn late_count(&self) -> usize {
        self.late_count.get()
    }

    /// Gives back what is not late.
    pub(crate) fn hold_up(&self, clock: &Clock, link: LinkId, doing: Doing) -> Option<Doing> {
        let delay_ms = self.delay_ms.get();
        if delay_ms == 0 && self.late_count.get() == 0 || !is_late(&doing) {
            return Some(doing);
        }
        let due = clock.steady().plus_ms(delay_ms);
        let late = Late { due, link, doing };
        // This holds the other end.
        self.late.0.try_send(late).ok();
        self.late_count.set(self.late_count.get().saturating_add(1));
        None
    }
}

/// What a session says; a login is as fast as ever.
fn is_late(doing: &Doing) -> bool {
    matches!(
        doing,
        Doing::Closed { .. }
            | Doing::Said(
                Output::Stanza(_)
                    | Output::Answered(_)
                    | Output::Management(_)
                    | Output::Activity(_)
            )
    )
}

impl Node {
    /// What is late arrives, one after the other; runs for ever.
    pub(super) async fn deliver_late(self: Rc<Self>) {
        while let Ok(Late { due, link, doing }) = self.mischief.late.1.recv().await {
            Timer::at(self.clock.instant(due)).await;
            self.take(link, doing);
            let left = self.mischief.late_count.get().saturating_sub(1);
            self.mischief.late_count.set(left);
            self.wake();
        }
    }

    /// Closes the connections of an address without a word; gives how many.
    pub(super) fn cut(&self, jid: &Jid) -> usize {
        let links = self.member.borrow().engine.core.links_of(jid);
        for link in &links {
            self.tell(*link, Event::Leave);
        }
        links.len()
    }
}
