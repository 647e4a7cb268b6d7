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
use smol::LocalExecutor;
use smol::channel;
use smol::channel::Receiver;
use smol::channel::Sender;
use smol::lock::Semaphore;

use crate::base::limits::TABLE_READS_MAX;
use crate::base::secret::Secret;
use crate::base::time::Monotonic;
use crate::c2s;
use crate::c2s::Inline;
use crate::core::Input;
use crate::core::Now;
use crate::core::engine::EngineError;
use crate::core::session::LinkId;
use crate::effect::request::Command;
use crate::log::Failure;
use crate::log::Request;
use crate::mirror;
use crate::mirror::member::Member;
use crate::net::alarm::Alarm;
use crate::net::clock::Clock;
use crate::net::hub::Event;
use crate::net::hub::Hub;
use crate::net::hub::Mailbox;
use crate::server::calendar::Calendar;
use crate::server::dev::mischief::Doing;
use crate::server::dev::mischief::Mischief;
use crate::server::halt::Halting;
use crate::server::pair::link::Link;
use crate::server::translate;
use crate::store::Store;
use crate::store::disk::Disk;

/// Inputs, and bytes of their stanzas, that may pile up before connections are read no further.
const INBOX_MAX: usize = 1_024;
const INBOX_BYTES_MAX: usize = 2 << 20;

/// What was received of the other board and waits to be worked on: pieces of at most 64 KiB.
const HEARD_MAX: usize = 16;

/// Between two looks at how far a checkpoint is.
const CHECKPOINT_LOOK: std::time::Duration = std::time::Duration::from_millis(5);

/// Who waits for the outcome of an administrator's command.
pub(super) type Answers = BTreeMap<u64, Sender<crate::effect::request::Outcome>>;

/// What the link's tasks have for the node.
#[derive(Debug)]
pub(super) enum Heard {
    Mirror(mirror::Input),
    /// A part of the log that was read back.
    Read(Vec<u8>),
}

/// One node on one thread.
pub(crate) struct Node {
    pub(super) clock: Clock,
    pub(super) calendar: Calendar,
    pub(super) executor: Rc<LocalExecutor<'static>>,
    pub(super) member: RefCell<Member>,
    pub(super) store: Arc<Store>,
    pub(super) files: Arc<dyn Disk>,
    /// Who may read the tables now.
    pub(super) reads: Arc<Semaphore>,
    /// Who may search in archives now: one, so that what is quick does not wait for what is not.
    pub(super) searches: Arc<Semaphore>,
    disk: Sender<Request>,
    heard: (Sender<Heard>, Receiver<Heard>),
    /// Who connects this board with the other one.
    link: RefCell<Option<Rc<Link>>>,
    /// Closed as soon as users are served.
    serving: (Sender<()>, Receiver<()>),
    /// Closed as soon as clients can connect.
    open: (Sender<()>, Receiver<()>),
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
    /// For `meerkat dev`.
    pub(super) mischief: Mischief,
    pub(super) halting: Halting,
    /// The other board goes on with the sessions: nothing more is taken from clients.
    is_leaving: Cell<bool>,
    pub(super) iterations: std::num::NonZeroU32,
}

impl Node {
    pub(crate) fn new(
        calendar: Calendar,
        executor: Rc<LocalExecutor<'static>>,
        member: Member,
        store: Arc<Store>,
        (files, disk): (Arc<dyn Disk>, Sender<Request>),
    ) -> Rc<Self> {
        Rc::new(Self {
            clock: calendar.clock,
            calendar,
            executor,
            member: RefCell::new(member),
            store,
            files,
            reads: Arc::new(Semaphore::new(TABLE_READS_MAX)),
            searches: Arc::new(Semaphore::new(1)),
            disk,
            heard: channel::bounded(HEARD_MAX),
            link: RefCell::default(),
            serving: channel::bounded(1),
            open: channel::bounded(1),
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
            mischief: Mischief::default(),
            halting: Halting::default(),
            is_leaving: Cell::new(false),
            iterations: translate::ITERATIONS,
        })
    }

    pub(super) fn now(&self) -> Now {
        self.calendar.now()
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

    /// Something for the link; waits while there is too much.
    pub(super) async fn post_heard(&self, heard: Heard) {
        // This holds the other end.
        self.heard.0.send(heard).await.ok();
        self.wake();
    }

    pub(super) fn set_link(&self, link: Rc<Link>) {
        *self.link.borrow_mut() = Some(link);
    }

    /// There is no other board any more.
    pub(super) fn leave_pair(&self) {
        self.member.borrow_mut().leave(self.now());
        self.wake();
    }

    /// Users are served: there is no other board, or it is known not to have gone on without this one.
    pub(crate) fn serves(&self) -> bool {
        self.member.borrow().serves()
    }

    pub(super) fn has_served(&self) -> bool {
        self.serving.0.is_closed()
    }

    /// Until [`Node::serves`] for the first time.
    pub(crate) async fn until_serving(&self) {
        if !self.serves() {
            // Nobody sends: it ends when the channel is closed.
            self.serving.1.recv().await.ok();
        }
    }

    /// Clients can connect.
    pub(super) fn set_open(&self) {
        self.open.0.close();
    }

    /// Who serves opens its doors at once; until then it is not said to serve.
    pub(super) async fn until_open(&self) {
        if self.serves() {
            self.open.1.recv().await.ok();
        }
    }

    pub(super) fn wake(&self) {
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
        let mut alarm = Alarm::new(self.clock);
        loop {
            if let Some(error) = self.work() {
                return error;
            }
            let timeout = self.timeout();
            poll_fn(|cx| {
                if self.is_woken.replace(false) {
                    return Poll::Ready(());
                }
                *self.waker.borrow_mut() = Some(cx.waker().clone());
                alarm.poll(cx, timeout).map(|()| self.post(Input::Tick))
            })
            .await;
        }
    }

    fn timeout(&self) -> Option<Monotonic> {
        let member = self.member.borrow();
        let both = [member.engine.core.timeout(), member.wake_at()];
        both.into_iter().flatten().min()
    }

    /// Everything that has piled up, as one batch.
    fn work(self: &Rc<Self>) -> Option<EngineError> {
        let now = self.now();
        loop {
            let is_done = !self.work_on_next(now);
            self.perform(now);
            if let Some(error) = self.member.borrow().engine.failed() {
                self.failed.set(Some(error));
                return Some(error);
            }
            if is_done {
                break;
            }
        }
        if self
            .member
            .borrow()
            .wake_at()
            .is_some_and(|at| at <= now.monotonic)
        {
            self.member.borrow_mut().hear(now, mirror::Input::Tick);
        }
        self.perform(now);
        let request = self.member.borrow_mut().poll_disk();
        if let Some(request) = request
            && self.disk.try_send(request).is_err()
        {
            return Some(EngineError::LocalDisk {
                failure: Failure::Broken,
            });
        }
        self.release_held();
        if self.serves() {
            self.serving.0.close();
        }
        None
    }

    /// What the disk has done comes first, then the other board: it may wait for this one.
    fn work_on_next(&self, now: Now) -> bool {
        let done = self.disk_done.borrow_mut().pop_front();
        if let Some(result) = done {
            self.member.borrow_mut().handle_disk(now, result);
            return true;
        }
        let mut member = self.member.borrow_mut();
        if !self.heard.1.is_empty()
            && member.has_room(now)
            && let Ok(heard) = self.heard.1.try_recv()
        {
            match heard {
                Heard::Mirror(input) => member.hear(now, input),
                Heard::Read(bytes) => member.handle_read(now, bytes),
            }
            return true;
        }
        let input = self.take_input();
        let is_some = input.is_some();
        if let Some(input) = input {
            member.step(now, input);
        }
        is_some
    }

    fn take_input(&self) -> Option<Input> {
        let input = self.inbox.borrow_mut().pop_front()?;
        let left = self.inbox_bytes.get().saturating_sub(stanza_bytes(&input));
        self.inbox_bytes.set(left);
        Some(input)
    }

    pub(super) fn perform(self: &Rc<Self>, now: Now) {
        self.member.borrow_mut().settle(now);
        loop {
            let output = self.member.borrow_mut().poll_output();
            match output {
                None => return,
                Some(mirror::member::Output::Core(output)) => self.perform_output(output),
                Some(output) => {
                    let link = self.link.borrow().clone();
                    if let Some(link) = link {
                        link.perform(output);
                    }
                }
            }
        }
    }

    fn release_held(&self) {
        let mut held = self.held.borrow_mut();
        if held.is_empty() {
            return;
        }
        let member = self.member.borrow();
        held.retain(|link| {
            let still = member.is_full() || !member.engine.core.wants_input(*link);
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
            let wanted = self.member.borrow_mut().engine.core.ask_checkpoint(now);
            self.perform(now);
            self.wake();
            if self.member.borrow().engine.core.applied() >= wanted {
                return;
            }
            // One may be under way that does not go far enough.
            Timer::after(CHECKPOINT_LOOK).await;
        }
    }

    /// An orderly stop: what may be saved late is saved now, and everything appended is durable.
    pub(crate) fn begin_stop(self: &Rc<Self>) {
        let now = self.now();
        self.member.borrow_mut().engine.core.stop(now);
        self.perform(now);
        self.wake();
    }

    /// From here on the other board has the clients.
    pub(super) fn begin_leaving(self: &Rc<Self>) {
        self.is_leaving.set(true);
        let now = self.now();
        self.member.borrow_mut().engine.core.hand_all_over(now);
        self.perform(now);
        self.wake();
    }

    /// Whether the other board knows all that it has to.
    pub(super) fn has_handed_over(&self) -> bool {
        self.is_settled() && self.member.borrow().engine.core.is_told()
    }

    /// The other board need not wait for this one.
    pub(crate) async fn say_goodbye(&self) {
        let link = self.link.borrow().clone();
        if let Some(link) = link {
            link.stop().await;
        }
    }

    /// Clients hear of the stop; gives how many streams end with that.
    pub(crate) fn say_farewell(self: &Rc<Self>) -> usize {
        let now = self.now();
        let ended = self.member.borrow_mut().engine.core.say_farewell(now);
        self.perform(now);
        self.wake();
        ended
    }

    /// Whether the disk has taken all there is.
    pub(crate) fn is_settled(&self) -> bool {
        self.inbox.borrow().is_empty() && self.member.borrow().engine.is_settled()
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
        if self.is_leaving.get() {
            mailbox.post(Event::Leave);
        }
    }

    fn handle_output(&self, link: LinkId, output: c2s::Output) {
        let doing = Doing::Said(output);
        if let Some(doing) = self.mischief.hold_up(&self.clock, link, doing) {
            self.take(link, doing);
        }
    }

    fn write(&self, link: LinkId, bytes_max: usize, out: &mut Vec<u8>) -> bool {
        if self.failed.get().is_some() {
            return false;
        }
        let mut member = self.member.borrow_mut();
        let more = member.engine.write(link, out, bytes_max);
        drop(member);
        // Writing may ask for rows, and tells what was taken.
        self.wake();
        more
    }

    fn wants_input(&self, link: LinkId) -> bool {
        let member = self.member.borrow();
        let wants = !self.is_leaving.get()
            && self.inbox.borrow().len() < INBOX_MAX
            && self.inbox_bytes.get() < INBOX_BYTES_MAX
            && self.mischief.late_count() < INBOX_MAX
            && !member.is_full()
            && member.engine.core.wants_input(link);
        if !wants {
            self.held.borrow_mut().insert(link);
        }
        wants
    }

    fn handle_closed(&self, link: LinkId, is_orderly: bool) {
        self.mailboxes.borrow_mut().remove(&link);
        self.held.borrow_mut().remove(&link);
        self.inline.borrow_mut().remove(&link);
        let doing = Doing::Closed { is_orderly };
        if let Some(doing) = self.mischief.hold_up(&self.clock, link, doing) {
            self.take(link, doing);
        }
    }

    async fn invitation(&self, word: &str) -> (bool, String) {
        // It may have to be read first.
        let check = Command::CheckInvite {
            token: Secret::from(word),
            registers: false,
        };
        self.ask(check).recv().await.ok();
        self.member.borrow().engine.core.invitation_page(word)
    }
}
