//! What the connections of one thread share: clocks, settings, counts, buffers, timers.

use std::cell::Cell;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::task::Waker;
use std::time::Duration;

use crate::base::random::Entropy;
use crate::base::time::Monotonic;
use crate::c2s;
use crate::core::session::LinkId;
use crate::net::admit::Admission;
use crate::net::admit::AdmitSettings;
use crate::net::alarm::Alarm;
use crate::net::clock::Clock;
use crate::net::deadlines::Deadlines;
use crate::net::hub::Mailbox;
use crate::net::ledger::Ledger;
use crate::net::pipe::Scratch;
use crate::net::tap::Direction;
use crate::net::tap::Tap;
use crate::net::tls::TlsSettings;
use crate::web;

/// All that may change while the server runs, as one.
#[derive(Clone)]
pub(crate) struct WireSettings {
    pub(crate) stream: Arc<c2s::Settings>,
    pub(crate) web: Arc<web::Settings>,
    /// None: no connection is ever encrypted.
    pub(crate) tls: Option<TlsSettings>,
    pub(crate) admit: AdmitSettings,
    /// How long a client may take nothing of what it is sent.
    pub(crate) stall: Duration,
    /// What one client may send on average.
    pub(crate) bytes_per_second: u64,
    pub(crate) stanzas_per_second: u64,
    /// What all connections may keep together.
    pub(crate) buffer_bytes: usize,
}

/// Shared by reference among the connections, listeners and timers of a thread.
pub(crate) struct Wires {
    pub(crate) clock: Clock,
    pub(super) settings: RefCell<WireSettings>,
    pub(super) admission: RefCell<Admission>,
    pub(super) scratch: RefCell<Scratch>,
    ledger: RefCell<Ledger>,
    entropy: RefCell<Box<dyn Entropy>>,
    deadlines: RefCell<Deadlines>,
    /// The task that waits for the first deadline, and what it waits for.
    alarm: RefCell<Option<Waker>>,
    alarm_at: Cell<Option<Monotonic>>,
    links: RefCell<BTreeMap<LinkId, Rc<Mailbox>>>,
    next_link: Cell<u64>,
    /// Somebody looks on.
    tap: RefCell<Option<Rc<dyn Tap>>>,
}

impl Wires {
    pub(crate) fn new(clock: Clock, settings: WireSettings, entropy: Box<dyn Entropy>) -> Rc<Self> {
        Rc::new(Self {
            clock,
            admission: RefCell::new(Admission::new(settings.admit)),
            ledger: RefCell::new(Ledger::new(settings.buffer_bytes)),
            settings: RefCell::new(settings),
            scratch: RefCell::new(Scratch::new()),
            entropy: RefCell::new(entropy),
            deadlines: RefCell::default(),
            alarm: RefCell::default(),
            alarm_at: Cell::new(None),
            links: RefCell::default(),
            next_link: Cell::new(1),
            tap: RefCell::default(),
        })
    }

    pub(crate) fn set_tap(&self, tap: Rc<dyn Tap>) {
        *self.tap.borrow_mut() = Some(tap);
    }

    pub(super) fn show(&self, link: LinkId, direction: Direction, bytes: &[u8]) {
        if let Some(tap) = self.tap.borrow().as_ref().filter(|_| !bytes.is_empty()) {
            tap.see(link, direction, bytes);
        }
    }

    /// For new connections; those that are there keep their TLS.
    pub(crate) fn set(&self, settings: WireSettings) {
        self.admission.borrow_mut().set(settings.admit);
        self.ledger.borrow_mut().set_max(settings.buffer_bytes);
        *self.settings.borrow_mut() = settings;
    }

    /// What new connections are encrypted with.
    pub(crate) fn tls(&self) -> Option<TlsSettings> {
        self.settings.borrow().tls.clone()
    }

    pub(crate) fn connections(&self) -> usize {
        self.admission.borrow().connections()
    }

    pub(super) fn seed(&self) -> [u8; 32] {
        let mut seed = [0; 32];
        self.entropy.borrow_mut().fill(&mut seed);
        seed
    }

    pub(super) fn open_link(&self) -> (LinkId, Rc<Mailbox>) {
        let link = LinkId(self.next_link.get());
        self.next_link.set(link.0 + 1);
        let mailbox = Rc::new(Mailbox::default());
        self.links.borrow_mut().insert(link, Rc::clone(&mailbox));
        (link, mailbox)
    }

    pub(super) fn close_link(&self, link: LinkId, deadline: Option<Monotonic>) {
        self.set_deadline(link, deadline, None);
        self.links.borrow_mut().remove(&link);
        if let Some(tap) = self.tap.borrow().as_ref() {
            tap.end(link);
        }
        let freed = self.ledger.borrow_mut().leave(link);
        self.wake(freed);
    }

    pub(super) fn set_deadline(
        &self,
        link: LinkId,
        before: Option<Monotonic>,
        after: Option<Monotonic>,
    ) {
        self.deadlines.borrow_mut().set(link.0, before, after);
        let Some(after) = after else { return };
        if self.alarm_at.get().is_none_or(|at| after < at)
            && let Some(alarm) = self.alarm.borrow().as_ref()
        {
            alarm.wake_by_ref();
        }
    }

    /// The connection keeps so many bytes now.
    pub(super) fn note_kept(&self, link: LinkId, bytes: usize) {
        let to_wake = self.ledger.borrow_mut().note(link, bytes);
        self.wake(to_wake);
    }

    /// What all connections keep, what they were not able to send included.
    pub(crate) fn kept_bytes(&self) -> usize {
        self.ledger.borrow().bytes()
    }

    /// What is kept is so much that nothing more is taken in for this connection, which is woken when it may.
    pub(super) fn may_read(&self, link: LinkId) -> bool {
        self.ledger.borrow_mut().may_read(link)
    }

    pub(super) fn may_write(&self, link: LinkId) -> bool {
        self.ledger.borrow_mut().may_write(link)
    }

    /// A connection has waited too long for room.
    pub(super) fn make_room(&self) {
        let doomed = self.ledger.borrow_mut().doom();
        self.wake(doomed);
    }

    /// The connection has to give way to the others.
    pub(super) fn is_doomed(&self, link: LinkId) -> bool {
        self.ledger.borrow().is_doomed(link)
    }

    fn wake(&self, links: impl IntoIterator<Item = LinkId>) {
        let mailboxes = self.links.borrow();
        for link in links {
            if let Some(mailbox) = mailboxes.get(&link) {
                mailbox.wake();
            }
        }
    }

    /// Wakes connections when their time has come; runs for ever, beside them.
    pub(crate) async fn run_deadlines(&self) -> Infallible {
        let mut alarm = Alarm::new(self.clock);
        poll_fn(|cx| {
            *self.alarm.borrow_mut() = Some(cx.waker().clone());
            loop {
                self.wake_due();
                let next = self.deadlines.borrow().next();
                self.alarm_at.set(next);
                if alarm.poll(cx, next).is_pending() {
                    return Poll::Pending;
                }
            }
        })
        .await
    }

    fn wake_due(&self) {
        let now = self.clock.steady();
        loop {
            let due = self.deadlines.borrow_mut().take_due(now);
            let Some(link) = due else { return };
            if let Some(mailbox) = self.links.borrow().get(&LinkId(link)) {
                mailbox.wake();
            }
        }
    }
}
