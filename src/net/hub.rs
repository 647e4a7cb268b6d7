//! What stands behind the connections, seen from a connection; and how it answers.
//!
//! A connection asks through [`Hub`] and goes on; answers come later, into its [`Mailbox`], and wake it. So
//! all that arrives at about the same time is handed over first and then worked on as one batch.

use std::cell::Cell;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::task::Waker;

use crate::c2s::Account;
use crate::c2s::BindRefusal;
use crate::c2s::Bound;
use crate::c2s::Failure;
use crate::c2s::NewToken;
use crate::c2s::Output;
use crate::c2s::Registered;
use crate::c2s::ResumeRefusal;
use crate::c2s::Resumed;
use crate::core::session::LinkId;
use crate::sasl::ScramKeys;

/// The server behind the connections of one thread.
pub(crate) trait Hub {
    /// A connection that will ask; its answers go into `mailbox`.
    fn handle_open(&self, link: LinkId, mailbox: &Rc<Mailbox>);

    /// Anything that a stream puts out but bytes, TLS and its end.
    fn handle_output(&self, link: LinkId, output: Output);

    /// Appends what the session has for its client, about `bytes_max` bytes. True: there is more.
    ///
    /// Called when [`Mailbox::tell_output`] has been, and only while the client takes what it is sent.
    fn write(&self, link: LinkId, bytes_max: usize, out: &mut Vec<u8>) -> bool;

    /// Whether more may be read from the client. After a false, the mailbox is woken when it may.
    fn wants_input(&self, link: LinkId) -> bool;

    /// The stream is over, once. Orderly: the client has closed it.
    fn handle_closed(&self, link: LinkId, is_orderly: bool);

    /// The page of an invitation with this word (XEP-0401 section 5.2), and whether there is one.
    fn invitation(&self, word: &str) -> impl Future<Output = (bool, String)>;
}

/// An answer to what a stream asked, or its end.
pub(crate) enum Event {
    Credentials(Account),
    Derived(ScramKeys),
    Token(Option<NewToken>),
    Bound(Result<Bound, BindRefusal>),
    Resumed(Result<Resumed, ResumeRefusal>),
    Registered(Registered),
    /// The connection is closed without a word: its client goes on elsewhere.
    Leave,
    /// To be written before the end that follows.
    Last(Vec<u8>),
    End(Failure),
}

/// Where a connection finds its answers.
#[derive(Default)]
pub(crate) struct Mailbox {
    events: RefCell<VecDeque<Event>>,
    has_output: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

impl Mailbox {
    pub(crate) fn post(&self, event: Event) {
        self.events.borrow_mut().push_back(event);
        self.wake();
    }

    /// There is something to write.
    pub(crate) fn tell_output(&self) {
        self.has_output.set(true);
        self.wake();
    }

    pub(crate) fn wake(&self) {
        if let Some(waker) = self.waker.borrow().as_ref() {
            waker.wake_by_ref();
        }
    }

    pub(super) fn set_waker(&self, waker: &Waker) {
        let mut slot = self.waker.borrow_mut();
        if !slot.as_ref().is_some_and(|known| known.will_wake(waker)) {
            *slot = Some(waker.clone());
        }
    }

    /// Keeps no room once it is empty.
    pub(super) fn take_event(&self) -> Option<Event> {
        let mut events = self.events.borrow_mut();
        let event = events.pop_front();
        if events.is_empty() {
            *events = VecDeque::new();
        }
        event
    }

    pub(super) fn take_output(&self) -> bool {
        self.has_output.replace(false)
    }

    pub(super) fn has_output(&self) -> bool {
        self.has_output.get()
    }
}
