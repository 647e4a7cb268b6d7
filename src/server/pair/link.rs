//! The link between the two boards, with its connections: bytes in and out, calls, and what is told of it.
//!
//! The machine is [`mirror`](crate::mirror), inside the node. Here are its wires: each is one task,
//! which alone reads and writes it. What the other board sends is given to the node in small pieces, and
//! read no faster than the node works on it; what it is sent is bounded by the machine, and by [`QUEUE_MAX`].

use std::cell::Cell;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use async_io::Timer;
use futures_lite::AsyncReadExt as _;
use futures_lite::AsyncWriteExt as _;
use futures_lite::FutureExt as _;
use futures_lite::io::ReadHalf;
use futures_lite::io::WriteHalf;
use smol::channel;
use smol::channel::Receiver;
use smol::channel::Sender;

use crate::log::SegmentId;
use crate::mirror;
use crate::mirror::Notice;
use crate::mirror::fault::Fault;
use crate::mirror::io::Wire;
use crate::mirror::member::Output;
use crate::net::peer::stream::PeerStream;
use crate::net::peer::within;
use crate::observe;
use crate::observe::event::Event;
use crate::server::hub::Heard;
use crate::server::hub::Node;
use crate::server::pair::Change;
use crate::server::pair::Pair;
use crate::server::pair::boot;
use crate::server::pair::file::Stage;
use crate::store::disk::log::LogFiles;

/// Read of a connection at a time, and written at a time.
const PIECE_BYTES: usize = 64 << 10;

/// Frames that wait for a connection: twice the window of the machine. Beyond it the connection is closed.
const QUEUE_MAX: usize = 2 * crate::base::mirror_limits::MIRROR_WINDOW_ENTRIES;

/// What was said last is written that long, at most, to somebody who takes nothing.
const LAST_WORDS_MS: u64 = 1_000;

/// The connections of one board with its other one.
pub(crate) struct Link {
    pair: Rc<Pair>,
    node: Rc<Node>,
    log_bytes: u64,
    wires: RefCell<BTreeMap<Wire, Sender<Vec<u8>>>>,
    next_wire: Cell<Wire>,
    /// An operator is told of a fault once, not at each attempt.
    told: Cell<Option<Fault>>,
}

impl Link {
    /// Connects the node with its pair, now or as soon as it has one.
    pub(crate) fn begin(pair: &Rc<Pair>, log_bytes: u64) -> Rc<Self> {
        let link = Rc::new(Self {
            pair: Rc::clone(pair),
            node: Rc::clone(&pair.node),
            log_bytes,
            wires: RefCell::default(),
            next_wire: Cell::new(1),
            told: Cell::new(None),
        });
        link.node.set_link(Rc::clone(&link));
        let executor = &link.node.executor;
        executor.spawn(Rc::clone(&link).accept()).detach();
        executor.spawn(Rc::clone(&link).follow_changes()).detach();
        link
    }

    /// What the node asks for.
    pub(crate) fn perform(self: Rc<Self>, output: Output) {
        match output {
            Output::Send { wire, bytes } => {
                let mut wires = self.wires.borrow_mut();
                let is_full = wires
                    .get(&wire)
                    .is_some_and(|queue| queue.try_send(bytes).is_err());
                if is_full {
                    wires.remove(&wire);
                }
            }
            Output::Close { wire } => drop(self.wires.borrow_mut().remove(&wire)),
            Output::Dial => {
                let executor = Rc::clone(&self.node.executor);
                executor.spawn(self.dial()).detach();
            }
            Output::Read {
                segment,
                offset,
                bytes,
            } => {
                let executor = Rc::clone(&self.node.executor);
                executor.spawn(self.read(segment, offset, bytes)).detach();
            }
            Output::Joined => self.finish_join(),
            Output::NeedsCopy => {
                if let Err(error) = self.pair.begin_fetching() {
                    observe::emit(&Event::AdminFailed { error: &error });
                }
            }
            Output::Notice(notice) => self.tell(&notice),
            // The node does it itself.
            Output::Core(_) => {}
        }
    }

    /// Says goodbye: the other board need not wait for this one.
    pub(crate) async fn stop(&self) {
        self.node
            .post_heard(Heard::Mirror(mirror::Input::Stop))
            .await;
        let ended = async {
            while !self.wires.borrow().is_empty() {
                Timer::after(Duration::from_millis(5)).await;
            }
        };
        within(2 * LAST_WORDS_MS, ended).await;
    }

    async fn accept(self: Rc<Self>) {
        let accepted = self.pair.accepted();
        while let Ok(stream) = accepted.recv().await {
            self.connect(stream).await;
        }
    }

    async fn dial(self: Rc<Self>) {
        // Why it did not come about is seen by who tries by hand; the link tries again.
        if let Ok(stream) = self.pair.dial().await {
            return self.connect(stream).await;
        }
        let input = mirror::Input::NotConnected;
        self.node.post_heard(Heard::Mirror(input)).await;
    }

    async fn connect(self: &Rc<Self>, stream: PeerStream) {
        // It may have been forgotten while it called.
        let peer = self.pair.membership().and_then(|one| one.peer);
        if peer.is_none_or(|peer| peer.pin != stream.peer) {
            return;
        }
        let wire = self.next_wire.get();
        self.next_wire.set(wire.saturating_add(1));
        let (send, queue) = channel::bounded(QUEUE_MAX);
        self.wires.borrow_mut().insert(wire, send);
        let input = mirror::Input::Connected { wire };
        self.node.post_heard(Heard::Mirror(input)).await;
        let running = Rc::clone(self).run(wire, stream, queue);
        self.node.executor.spawn(running).detach();
    }

    /// One connection to its end.
    async fn run(self: Rc<Self>, wire: Wire, stream: PeerStream, queue: Receiver<Vec<u8>>) {
        let (reader, writer) = futures_lite::io::split(stream);
        let reading = async {
            // Nothing else comes of it.
            self.read_wire(wire, reader).await.err()
        };
        let writing = async { write_wire(writer, queue).await.err() };
        // A connection that this board has closed is gone when its last words are written.
        let why = reading.or(writing).await;
        self.wires.borrow_mut().remove(&wire);
        let input = if why.is_some_and(|error| is_closed(error.kind())) {
            mirror::Input::Closed { wire }
        } else {
            mirror::Input::Broken { wire }
        };
        self.node.post_heard(Heard::Mirror(input)).await;
    }

    async fn read_wire(
        &self,
        wire: Wire,
        mut from: ReadHalf<PeerStream>,
    ) -> io::Result<Infallible> {
        let mut buffer = vec![0; PIECE_BYTES];
        loop {
            let count = from.read(&mut buffer).await?;
            let bytes = buffer.get(..count).unwrap_or_default().to_vec();
            if bytes.is_empty() {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let input = mirror::Input::Received { wire, bytes };
            self.node.post_heard(Heard::Mirror(input)).await;
        }
    }

    /// Off the thread of the node: a card may take its time.
    async fn read(self: Rc<Self>, segment: SegmentId, offset: u64, bytes: usize) {
        let disk = Arc::clone(&self.node.files);
        let job = move || LogFiles::new(disk).read(segment, offset, bytes);
        // What cannot be read, and is still part of the log, is damage: the reader sees that.
        let bytes = smol::unblock(job).await.unwrap_or_default();
        self.node.post_heard(Heard::Read(bytes)).await;
    }

    async fn follow_changes(self: Rc<Self>) {
        let changes = self.pair.changes();
        while let Ok(change) = changes.recv().await {
            match change {
                Change::Invited { .. } => self.attach(),
                Change::Forgotten => self.node.leave_pair(),
            }
        }
    }

    /// A board has been let in while this one serves.
    fn attach(&self) {
        let Some(membership) = self.pair.membership() else {
            return;
        };
        if let Err(error) = boot::attach(&self.node, &membership, self.log_bytes) {
            observe::emit(&Event::StorageFailed { error: &error });
        }
    }

    fn finish_join(&self) {
        if let Err(error) = self.pair.finish_join() {
            observe::emit(&Event::AdminFailed { error: &error });
        }
    }

    /// Both boards read this level, and what is written from here on may be of it.
    fn raise(&self, level: u8) {
        match self.pair.raise(level) {
            Ok(level) => self.node.member.borrow_mut().set_level(level),
            Err(error) => observe::emit(&Event::AdminFailed { error: &error }),
        }
    }

    fn tell(&self, notice: &Notice) {
        self.pair.handle_notice();
        match notice {
            Notice::Lost { fault } => {
                if self.told.replace(Some(*fault)) != Some(*fault) {
                    observe::emit(&Event::PeerLost { why: fault });
                }
            }
            Notice::Lacking => observe::emit(&Event::PairCopy {
                what: &"the other board's log no longer holds what is missing here",
            }),
            Notice::Alone { .. } => observe::emit(&Event::PairAlone),
            Notice::Paired { leads, level, .. } => {
                self.raise(*level);
                self.told.set(None);
                observe::emit(&Event::PairComplete { leads: *leads });
                // What it said at the end of its join may have been lost.
                let is_late = self.pair.membership().is_some_and(|one| {
                    one.stage == Stage::Member && one.peer.is_some_and(|peer| !peer.has_joined)
                });
                if is_late {
                    self.finish_join();
                }
            }
        }
    }
}

/// Whether the system at the other end says so.
fn is_closed(why: io::ErrorKind) -> bool {
    matches!(
        why,
        io::ErrorKind::UnexpectedEof
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe
    )
}

/// Writes what is queued, as much at once as there is; ends when the queue is closed and empty.
async fn write_wire(mut to: WriteHalf<PeerStream>, queue: Receiver<Vec<u8>>) -> io::Result<()> {
    while let Ok(mut bytes) = queue.recv().await {
        while bytes.len() < PIECE_BYTES
            && let Ok(more) = queue.try_recv()
        {
            bytes.extend_from_slice(&more);
        }
        let writing = async {
            to.write_all(&bytes).await?;
            to.flush().await
        };
        let closed = async {
            // Whoever takes nothing is not waited for once this end is closed.
            while !queue.is_closed() {
                Timer::after(Duration::from_millis(LAST_WORDS_MS / 4)).await;
            }
            Timer::after(Duration::from_millis(LAST_WORDS_MS)).await;
            Err(io::ErrorKind::TimedOut.into())
        };
        writing.or(closed).await?;
    }
    within(LAST_WORDS_MS, to.close()).await;
    Ok(())
}
