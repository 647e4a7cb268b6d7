//! How a board is made, what goes wrong with it, and what it says.

use crate::core::mistake::Mistake;
use crate::mirror;
use crate::testing::sim::duo::Seat;

/// How the board is made.
#[derive(Clone, Debug)]
pub struct Options {
    /// Local parts of the accounts that exist from the start.
    pub accounts: Vec<String>,
    /// Entries in memory before a checkpoint, in bytes.
    pub tail_bytes: usize,
    pub resident_max: usize,
    pub segment_bytes: u64,
    pub segments_max: usize,
    pub untaken_max: usize,
    /// What the log keeps for the other board, in bytes.
    pub kept_bytes: u64,
    /// The core proposes, and a model of another node numbers.
    pub is_follower: bool,
    /// One of two real boards.
    pub seat: Option<Seat>,
    /// The real tables over the model disk, instead of maps beside it.
    pub has_tables: bool,
    /// The newest level that the program reads, and the one that both boards did so far.
    pub reads: u8,
    pub level: u8,
}

impl Options {
    /// The same for a blank board that takes the place of another.
    #[must_use]
    pub fn as_joining(&self) -> Self {
        let mut options = self.clone();
        options.seat = options.seat.map(Seat::as_joining);
        options
    }
}

/// How often what goes wrong: once in so many calls, never for 0.
#[derive(Clone, Copy, Debug, Default)]
pub struct Faults {
    pub read_error: u64,
    pub write_error: u64,
    pub sync_error: u64,
    pub stall: u64,
    pub write_through: u64,
    pub is_garbling: bool,
    /// Most bytes in all files.
    pub capacity: Option<u64>,
}

/// A mistake, made on purpose: the checker has to see each.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Mutation {
    /// The log is believed to be safe as soon as something is appended.
    AckBeforeSync,
    /// A sync is believed to cover what was appended while it ran.
    DeliverBeforeCommit,
    /// Now and then an entry does not reach the log.
    DropEntry,
    /// The last entry found at a start is applied again, under a new number.
    ApplyTwice,
    /// Of what waits for an account that is loaded, the first is forgotten.
    ReplaySkipsOne,
    /// The sequencer numbers whatever it is asked for.
    GuardIgnored,
    /// After a heal nobody is told what the other board has taken.
    NothingPushed,
    /// A session that cannot be resumed here is told one stanza too many.
    CountTooHigh,
    /// On one of the two boards what comes second loses.
    SecondLoses,
    /// `<a/>` counts what was received instead of what is committed (made by the driver).
    CountUncommitted,
    /// Rows that the other board wrote alone are forgotten, on both.
    MergedRowDropped,
    /// No second name of a message is kept.
    AliasDropped,
    /// Some messages do not reach the tables.
    ArchiveHole,
    /// The times of some messages lie before those of older ones.
    ClockTurnsBack,
    /// Some messages are written twice to a client.
    ShownTwice,
    /// Two messages that are written together change places.
    OrderSwapped,
    /// Some messages carry another id than the archive gave them.
    IdChanged,
    /// What is written to one client is now and then written to the next one too.
    ShownToAnother,
    /// A room says nothing more to those who went on with a session.
    OccupantLost,
    /// Some do not hear of what has become of a node.
    NewsDropped,
    /// Of two copies of a message both are shown.
    CopiesShown,
    /// The log keeps nothing for the other board.
    TrimmedTooEarly,
    /// A board writes what the other one, of the version before, does not read.
    LevelIgnored,
    /// What a client sends again is numbered again.
    CopiesIgnored,
    /// Nobody hears that somebody is gone from a room.
    GhostStays,
    /// While the other board catches up no client is read.
    HealBlocks,
    /// The bound of what is in memory and not in the tables is not kept.
    BoundIgnored,
    /// What is taken back stays in the archive.
    RetractionDropped,
    /// Some files are not known any more.
    FileDropped,
    /// Mistakes of the link.
    AckBeforePeer,
    AckAloneBeforeSync,
    BlankBoardServes,
    CounterStuck,
    TailKept,
}

/// What the server says to whoever holds the stream.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Event {
    Bound {
        link: u64,
        jid: Option<String>,
    },
    Resumed {
        link: u64,
        h: u32,
    },
    ResumeFailed {
        link: u64,
        h: Option<u32>,
    },
    Ready {
        link: u64,
    },
    Ended {
        link: u64,
        why: String,
    },
    /// What became of a file.
    Kept {
        id: u64,
        is_kept: bool,
    },
}

/// The mistakes that the core makes itself.
pub(super) fn mistake(mutation: Mutation) -> Option<Mistake> {
    match mutation {
        Mutation::GuardIgnored => Some(Mistake::GuardsIgnored),
        Mutation::NothingPushed => Some(Mistake::NothingPushed),
        Mutation::CountTooHigh => Some(Mistake::CountTooHigh),
        Mutation::CopiesShown => Some(Mistake::CopiesShown),
        Mutation::CopiesIgnored => Some(Mistake::CopiesIgnored),
        _ => None,
    }
}

/// Those that the link makes.
pub(super) fn mistake_of_link(mutation: Mutation) -> Option<mirror::Mistake> {
    match mutation {
        Mutation::AckBeforePeer => Some(mirror::Mistake::CommitWithoutPeer),
        Mutation::AckAloneBeforeSync => Some(mirror::Mistake::SoloCommitsUndurable),
        Mutation::BlankBoardServes => Some(mirror::Mistake::JoinerServes),
        Mutation::CounterStuck => Some(mirror::Mistake::CounterStuck),
        Mutation::TailKept => Some(mirror::Mistake::OwnTailKept),
        _ => None,
    }
}
