//! The node behind the connections: what they ask becomes inputs of the engine, what the engine puts
//! out goes back to them, to the disk and to the tables.
//!
//! Inputs are only taken down when they come; one task works on all that has piled up since it last
//! ran. So what arrives together is evaluated together, appended together, and synced together.

use std::cell::Cell;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::task::Waker;

use async_io::Timer;
use futures_lite::FutureExt as _;
use smol::LocalExecutor;
use smol::channel::Sender;
use smol::lock::Semaphore;

use crate::base::limits::TABLE_READS_MAX;
use crate::base::time::Monotonic;
use crate::c2s;
use crate::c2s::Inline;
use crate::core::Input;
use crate::core::Now;
use crate::core::engine::Engine;
use crate::core::engine::EngineError;
use crate::core::session::LinkId;
use crate::log::Failure;
use crate::log::Request;
use crate::net::clock::Clock;
use crate::net::hub::Hub;
use crate::net::hub::Mailbox;
use crate::server::translate;
use crate::store::Store;

/// Inputs, and bytes of their stanzas, that may pile up before connections are read no further.
const INBOX_MAX: usize = 1_024;
const INBOX_BYTES_MAX: usize = 2 << 20;

/// Between two looks at how far a checkpoint is.
const CHECKPOINT_LOOK: std::time::Duration = std::time::Duration::from_millis(5);

/// Who waits for the outcome of an administrator's command.
pub(super) type Answers = BTreeMap<u64, Sender<crate::effect::request::Outcome>>;

/// One node on one thread.
pub(crate) struct Node {
    pub(super) clock: Clock,
    pub(super) executor: Rc<LocalExecutor<'static>>,
    pub(super) engine: RefCell<Engine>,
    pub(super) store: Arc<Store>,
    /// Who may read the tables now.
    pub(super) reads: Arc<Semaphore>,
    disk: Sender<Request>,
    inbox: RefCell<VecDeque<Input>>,
    inbox_bytes: Cell<usize>,
    disk_done: RefCell<VecDeque<Result<(), Failure>>>,
    waker: RefCell<Option<Waker>>,
    /// The core has outputs that no input of the inbox brought about.
    is_woken: Cell<bool>,
    pub(super) mailboxes: RefCell<BTreeMap<LinkId, Rc<Mailbox>>>,
    /// Links that were told not to read on.
    held: RefCell<BTreeSet<LinkId>>,
    /// What a bind under way has to enable (XEP-0386).
    pub(super) inline: RefCell<BTreeMap<LinkId, Inline>>,
    pub(super) answers: RefCell<Answers>,
    next_command: Cell<u64>,
    failed: Cell<Option<EngineError>>,
    pub(super) iterations: std::num::NonZeroU32,
}

impl Node {
    pub(crate) fn new(
        clock: Clock,
        executor: Rc<LocalExecutor<'static>>,
        engine: Engine,
        store: Arc<Store>,
        disk: Sender<Request>,
    ) -> Rc<Self> {
        Rc::new(Self {
            clock,
            executor,
            engine: RefCell::new(engine),
            store,
            reads: Arc::new(Semaphore::new(TABLE_READS_MAX)),
            disk,
            inbox: RefCell::default(),
            inbox_bytes: Cell::new(0),
            disk_done: RefCell::default(),
            waker: RefCell::default(),
            is_woken: Cell::new(false),
            mailboxes: RefCell::default(),
            held: RefCell::default(),
            inline: RefCell::default(),
            answers: RefCell::default(),
            next_command: Cell::new(1),
            failed: Cell::new(None),
            iterations: translate::ITERATIONS,
        })
    }

    pub(super) fn now(&self) -> Now {
        Now {
            monotonic: self.clock.steady(),
            wall: Clock::of_the_day(),
        }
    }

    /// Takes down an input; the node's task works on it soon.
    pub(super) fn post(&self, input: Input) {
        self.inbox_bytes
            .set(self.inbox_bytes.get() + stanza_bytes(&input));
        self.inbox.borrow_mut().push_back(input);
        self.wake();
    }

    /// The disk has done its request.
    pub(super) fn post_disk(&self, result: Result<(), Failure>) {
        self.disk_done.borrow_mut().push_back(result);
        self.wake();
    }

    fn wake(&self) {
        self.is_woken.set(true);
        if let Some(waker) = self.waker.borrow().as_ref() {
            waker.wake_by_ref();
        }
    }

    pub(super) fn next_command(&self) -> u64 {
        let id = self.next_command.get();
        self.next_command.set(id.saturating_add(1));
        id
    }

    /// Works for ever; ends when the disk has failed and nothing may be said any more.
    pub(crate) async fn run(self: Rc<Self>) -> EngineError {
        loop {
            if let Some(error) = self.work() {
                return error;
            }
            let timeout = self.engine.borrow().core.timeout();
            let woken = poll_fn(|cx| {
                if self.is_woken.replace(false) {
                    return Poll::Ready(());
                }
                *self.waker.borrow_mut() = Some(cx.waker().clone());
                Poll::Pending
            });
            match timeout {
                None => woken.await,
                Some(at) => woken.or(self.sleep(at)).await,
            }
        }
    }

    async fn sleep(&self, at: Monotonic) {
        Timer::at(self.clock.instant(at)).await;
        self.post(Input::Tick);
    }

    /// Everything that has piled up, as one batch.
    fn work(self: &Rc<Self>) -> Option<EngineError> {
        let now = self.now();
        loop {
            let done = self.disk_done.borrow_mut().pop_front();
            let input = if done.is_none() {
                self.take_input()
            } else {
                None
            };
            match (done, input) {
                (Some(result), _) => self.engine.borrow_mut().handle_disk(now, result),
                (None, Some(input)) => self.engine.borrow_mut().step(now, input),
                (None, None) => {
                    self.perform();
                    break;
                }
            }
            self.perform();
            if let Some(error) = self.engine.borrow().failed() {
                self.failed.set(Some(error));
                return Some(error);
            }
        }
        let request = self.engine.borrow_mut().poll_disk();
        if let Some(request) = request
            && self.disk.try_send(request).is_err()
        {
            return Some(EngineError::LocalDisk {
                failure: Failure::Broken,
            });
        }
        self.release_held();
        None
    }

    fn take_input(&self) -> Option<Input> {
        let input = self.inbox.borrow_mut().pop_front()?;
        let left = self.inbox_bytes.get().saturating_sub(stanza_bytes(&input));
        self.inbox_bytes.set(left);
        Some(input)
    }

    fn perform(self: &Rc<Self>) {
        loop {
            let output = self.engine.borrow_mut().poll_output();
            let Some(output) = output else { return };
            self.perform_output(output);
        }
    }

    fn release_held(&self) {
        let mut held = self.held.borrow_mut();
        if held.is_empty() {
            return;
        }
        let engine = self.engine.borrow();
        held.retain(|link| {
            let still = !engine.core.wants_input(*link);
            if !still && let Some(mailbox) = self.mailboxes.borrow().get(link) {
                mailbox.wake();
            }
            still
        });
    }

    /// Waits until the tables hold everything that is committed now.
    pub(super) async fn checkpoint(self: &Rc<Self>) {
        loop {
            let now = self.now();
            let wanted = self.engine.borrow_mut().core.ask_checkpoint(now);
            self.perform();
            self.wake();
            if self.engine.borrow().core.applied() >= wanted {
                return;
            }
            // One may be under way that does not go far enough.
            Timer::after(CHECKPOINT_LOOK).await;
        }
    }

    /// An orderly stop: what may be saved late is saved now, and everything appended is durable.
    pub(crate) fn begin_stop(self: &Rc<Self>) {
        let now = self.now();
        self.engine.borrow_mut().core.stop(now);
        self.perform();
        self.wake();
    }

    /// Clients hear of the stop; gives how many streams end with that.
    pub(crate) fn say_farewell(self: &Rc<Self>) -> usize {
        let now = self.now();
        let ended = self.engine.borrow_mut().core.say_farewell(now);
        self.perform();
        self.wake();
        ended
    }

    /// Whether the disk has taken all there is.
    pub(crate) fn is_settled(&self) -> bool {
        self.inbox.borrow().is_empty() && self.engine.borrow().is_settled()
    }
}

fn stanza_bytes(input: &Input) -> usize {
    match input {
        Input::Stanza { stanza, .. } => stanza.element.bytes().len(),
        _ => 0,
    }
}

impl Hub for Node {
    fn handle_open(&self, link: LinkId, mailbox: &Rc<Mailbox>) {
        self.mailboxes.borrow_mut().insert(link, Rc::clone(mailbox));
    }

    fn handle_output(&self, link: LinkId, output: c2s::Output) {
        self.translate_output(link, output);
    }

    fn write(&self, link: LinkId, bytes_max: usize, out: &mut Vec<u8>) -> bool {
        if self.failed.get().is_some() {
            return false;
        }
        let more = self.engine.borrow_mut().write(link, out, bytes_max);
        // Writing may ask for rows, and tells what was taken.
        self.wake();
        more
    }

    fn wants_input(&self, link: LinkId) -> bool {
        let wants = self.inbox.borrow().len() < INBOX_MAX
            && self.inbox_bytes.get() < INBOX_BYTES_MAX
            && self.engine.borrow().core.wants_input(link);
        if !wants {
            self.held.borrow_mut().insert(link);
        }
        wants
    }

    fn handle_closed(&self, link: LinkId, is_orderly: bool) {
        self.mailboxes.borrow_mut().remove(&link);
        self.held.borrow_mut().remove(&link);
        self.inline.borrow_mut().remove(&link);
        self.post(Input::Closed {
            link,
            orderly: is_orderly,
        });
    }
}
