//! What goes into the mirror and what comes out.

use std::sync::Arc;

use crate::base::ids::Ticket;
use crate::base::time::Monotonic;
use crate::mirror::fault::Fault;
use crate::mirror::frame::Record;
use crate::model::entry::EpochRecord;
use crate::model::entry::Mode;
use crate::model::pair::PairState;
use crate::model::pair::PairStatus;
use crate::model::position::Epoch;
use crate::model::position::Hlc;
use crate::model::position::Position;
use crate::model::vector::Vector;

/// The place of a record in this board's own log: one more than the record before it.
pub(crate) type Index = u64;

/// One connection, as the driver counts them; never used again.
pub(crate) type Wire = u64;

/// What a mirror begins with: what this board knows of itself and found on its disk.
#[derive(Clone, Debug)]
pub(crate) struct Start {
    /// 0: the board that invited. 1: the one that joined.
    pub(crate) node: u8,
    pub(crate) pair: u128,
    /// Drawn at this boot.
    pub(crate) salt: u32,
    /// The mark of a blank board is on the disk (rule R5).
    pub(crate) joining: bool,
    /// Of the newest EPOCH record in the order of this log.
    pub(crate) mode: Mode,
    /// Everything in the log, all of it durable.
    pub(crate) vector: Vector,
    /// What the log's EPOCH records name as parents.
    pub(crate) parents: Vector,
    /// Of the newest record.
    pub(crate) stamp: Hlc,
    pub(crate) durable: Index,
    /// The last record before this board went on alone; the newest one if it did not.
    pub(crate) shared: Index,
    /// What cannot be read back any more, and where reading begins.
    pub(crate) trimmed: Vector,
    pub(crate) oldest: Index,
}

/// What an operator may choose.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    /// How long a board whose last epoch had two waits for the other at its start.
    pub(crate) boot_wait_ms: u64,
    /// This board connects; the other listens. One of the two only.
    pub(crate) dials: bool,
    /// The newest level that this program reads: less than `LEVEL` where a test plays the version before.
    pub(crate) reads: u8,
    /// A deliberate error, for the tests that have to find it.
    pub(crate) mistake: Option<Mistake>,
}

/// What tests do wrong on purpose, to see that it is noticed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Mistake {
    OldMarksCount,
    EpochUsedBeforeDurable,
    BeginWithoutFrozen,
    SoloWithoutClosing,
    JoinerServes,
    UndurableShipped,
    CommitWithoutPeer,
    SoloCommitsUndurable,
    NeverFrozen,
    CounterStuck,
    OwnTailKept,
    NeverThawed,
    CopiedTooEarly,
}

/// What comes in.
#[derive(Debug)]
pub(crate) enum Input {
    /// A connection with the other board: authenticated, encrypted, in order.
    Connected {
        wire: Wire,
    },
    /// What [`Output::Dial`] asked for did not come about.
    NotConnected,
    /// The other end closed it, or the system there did.
    Closed {
        wire: Wire,
    },
    /// It broke in another way: whether the other end lives is not known.
    Broken {
        wire: Wire,
    },
    Received {
        wire: Wire,
        bytes: Vec<u8>,
    },
    /// [`Mirror::wake_at`](crate::mirror::Mirror::wake_at) has come.
    Tick,
    /// The server is stopped in order: the other need not wait for it.
    Stop,

    /// Everything up to here is on this disk.
    Durable {
        upto: Index,
    },
    /// The log reads no further back than `oldest`; `vector` is what it held before.
    Trimmed {
        oldest: Index,
        vector: Vector,
    },
    /// The answer to [`Output::Read`]: durable records from `from` on, and where to go on.
    Records {
        from: Index,
        records: Vec<(Index, Record)>,
        next: Index,
    },
    /// The answer to [`Output::AskSessions`], in pieces of at most a frame.
    Sessions {
        pieces: Vec<Arc<[u8]>>,
    },

    /// From the core that leads: numbered. Soft entries are in no log.
    Ship {
        ticket: Option<Ticket>,
        is_durable: bool,
        bytes: Arc<[u8]>,
    },
    /// From the core that leads: a guard does not hold.
    Reject {
        ticket: Ticket,
        generation: u64,
    },
    /// From the core that follows. Before an epoch of both has begun it is dropped here: the core
    /// proposes everything again at the [`Output::Follow`] with which that epoch begins.
    Propose {
        ticket: Ticket,
        generation: u64,
        bytes: Arc<[u8]>,
    },
}

/// What goes out; in this order, and each before the next input.
#[derive(Debug)]
pub(crate) enum Output {
    /// Connect with the other board; [`Input::Connected`] or [`Input::NotConnected`] answers.
    Dial,
    /// Whole frames, to be written as they are.
    Send {
        wire: Wire,
        bytes: Vec<u8>,
    },
    /// Write what was sent before, then close; nothing more is heard of it.
    Close {
        wire: Wire,
    },

    /// To the log. What stands on an EPOCH record has to know it: the core, the tables.
    Append {
        record: Record,
    },
    /// Durable records of the log from `from` on, about so many bytes of them, one at least. What was
    /// trimmed meanwhile is left out.
    Read {
        from: Index,
        bytes_max: usize,
    },
    /// The other board has everything up to here on its disk, which may be more than this disk has:
    /// what is durable, in the tables and before it need not be kept.
    PeerHas {
        upto: Index,
    },
    /// The mark of a blank board may be removed (rule R5).
    Joined,
    /// This board has to get a copy, as a blank one (rule R5): the other has everything that is in
    /// this log, on its disk. Nothing is numbered here any more.
    NeedsCopy,

    /// The core numbers nothing from here on; it proposes what it has, all of it again.
    Follow,
    /// The core numbers from here on in this epoch, after the record's stamp.
    Lead {
        record: Arc<EpochRecord>,
        paired: bool,
    },
    /// Committed, in the order of the core's own line: `core::Input::Durable`.
    Commit {
        upto: Position,
    },
    /// A record of another branch; it is durable in this log.
    Merged {
        record: Record,
    },
    /// From the leader: an entry has its number.
    Numbered {
        ticket: Option<Ticket>,
        bytes: Arc<[u8]>,
    },
    Rejected {
        ticket: Ticket,
        generation: u64,
    },
    /// From the follower.
    Proposed {
        ticket: Ticket,
        generation: u64,
        bytes: Arc<[u8]>,
    },
    /// [`Input::Sessions`] is wanted, as they stand after everything numbered so far.
    AskSessions,
    /// How the sessions of the other board stand.
    PeerSessions {
        pieces: Vec<Arc<[u8]>>,
    },
    /// An epoch of both is over: the sessions of the other board sleep.
    PeerGone,
    /// The other board had died then, or stopped: its sessions are this board's (rule U7).
    PeerDied,
    /// For the log of the server and its operator.
    Notice(Notice),
}

/// What an operator should hear of.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Notice {
    /// The connection is over, and why.
    Lost { fault: Fault },
    /// Going on alone: what is acknowledged from here on is on one disk.
    Alone { epoch: Epoch },
    /// What this board lacks cannot be had from the other's log; it gives what it has.
    Lacking,
    /// Both boards serve, and everything acknowledged is on both disks.
    Paired {
        epoch: Epoch,
        leads: bool,
        /// The newest level that both read.
        level: u8,
    },
}

/// Where the pair stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum State {
    /// No connection; nobody is served before `until`. `None`: not without the other board.
    Waiting {
        until: Option<Monotonic>,
    },
    Alone,
    /// Connected, the other has not said what it has.
    Greeting {
        serves: bool,
    },
    /// Records sent and received, and about how many there were to be.
    CatchingUp {
        serves: bool,
        done: u64,
        total: u64,
    },
    Freezing,
    Paired {
        leads: bool,
    },
}

impl From<State> for PairState {
    fn from(state: State) -> Self {
        match state {
            State::Waiting { .. } | State::Greeting { serves: false } => Self::Waiting,
            State::Alone | State::Greeting { serves: true } => Self::Solo,
            State::CatchingUp { done, total, .. } => Self::CatchingUp { done, total },
            State::Freezing => Self::CatchingUp { done: 1, total: 1 },
            State::Paired { leads } => Self::Sync { leads },
        }
    }
}

/// The state, and what is worth knowing beside it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Status {
    pub(crate) state: State,
    /// For those who ask from outside.
    pub(crate) pair: PairStatus,
    pub(crate) joining: bool,
    /// Why the last connection ended.
    pub(crate) fault: Option<Fault>,
    /// The other board's clock against this one's, as of the last greeting.
    pub(crate) clock_ahead_ms: Option<i64>,
    /// Nothing was heard for half of the time after which the other is taken for gone.
    pub(crate) is_quiet: bool,
}
