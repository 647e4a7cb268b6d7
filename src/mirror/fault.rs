//! Why a connection between the boards is closed.

use std::fmt;

use crate::model::codec::CodecError;
use crate::model::codec::coded;
use crate::model::level::LEVEL;
use crate::model::position::Epoch;
use crate::model::position::Position;

/// What only one of them has was trimmed: rows are not merged.
const BOTH_LACK: &str = "each board lacks what the other does not keep any more, so neither can take a copy; \
                         export the accounts of one board, pair replace on the other, then pair join \
                         --wipe on the one";

/// Whose fault it is, and the numbers of it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Fault {
    /// The connection was closed on the other side.
    PeerClosed,
    /// It broke between the two.
    LinkBroke,
    PeerSilent {
        ms: u64,
    },
    /// Nothing gets onto its disk.
    PeerSlow {
        ms: u64,
    },
    PeerFrameTooLong {
        bytes: usize,
    },
    PeerFrame {
        error: CodecError,
    },
    /// A frame that has no place here.
    PeerUnexpected {
        frame: &'static str,
    },
    PeerVersion {
        min: u16,
        max: u16,
    },
    /// It belongs to another pair, or to none.
    PeerOfOtherPair,
    /// Both have the same number: one disk is a copy of the other.
    PeerIsNode {
        node: u8,
    },
    /// A record of an epoch whose EPOCH record, or one whose parents, did not come before it.
    PeerOrphan {
        position: Position,
    },
    /// Numbered before what it had numbered already, or in an epoch that is not ours.
    PeerOutOfOrder {
        position: Position,
    },
    /// It begins an epoch that does not stand on everything both have.
    PeerEpoch {
        epoch: Epoch,
    },
    /// More than the window or a bound allows.
    PeerTooMuch {
        bytes: usize,
    },
    /// It counts more as taken than it got.
    PeerTookTooMuch {
        taken: u64,
        sent: u64,
    },
    /// It closed the connection and said why.
    PeerRefused {
        refusal: Refusal,
    },
    /// Both boards are blank: neither knows what the other one should get.
    BothJoin,
    /// The other lacks what this log has trimmed: it has to get a copy.
    PeerNeedsCopy,
    /// This board lacks what the other's log has trimmed. The other has everything that is here.
    LocalNeedsCopy,
    /// Each lacks what the other's log has trimmed.
    BothNeedCopies,
    /// More epochs than can be told.
    LocalEpochs {
        epochs: usize,
    },
    /// What waits for the other is more than may wait.
    LocalHeld {
        bytes: usize,
    },
    /// Neither board served, so this one goes on alone first.
    LocalStalled {
        ms: u64,
    },
    /// The other connected again.
    Replaced,
    /// This server stops.
    LocalStop,
}

/// What the other board is told of it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Refusal {
    /// It broke the protocol.
    Broken,
    Version,
    OtherPair,
    SameNode,
    BothJoin,
    /// It has to get a copy.
    NeedsCopy,
    /// Too many epochs.
    Epochs,
    /// The server stops.
    Stopping,
    /// The sender goes on alone for now.
    GoingAlone,
    /// The sender fetches a copy.
    Fetching,
    /// Each would have to get a copy.
    BothLack,
}

coded!(enum Refusal {
    1 => Broken,
    2 => Version,
    3 => OtherPair,
    4 => SameNode,
    5 => BothJoin,
    6 => NeedsCopy,
    7 => Epochs,
    8 => Stopping,
    9 => GoingAlone,
    10 => Fetching,
    11 => BothLack,
});

impl Fault {
    /// What to say before closing; nothing where nobody listens.
    pub(crate) fn refusal(self) -> Option<Refusal> {
        match self {
            Self::PeerClosed | Self::LinkBroke | Self::PeerRefused { .. } | Self::Replaced => None,
            Self::PeerSilent { .. }
            | Self::PeerSlow { .. }
            | Self::LocalHeld { .. }
            | Self::LocalStalled { .. } => Some(Refusal::GoingAlone),
            Self::PeerFrameTooLong { .. }
            | Self::PeerFrame { .. }
            | Self::PeerUnexpected { .. }
            | Self::PeerOrphan { .. }
            | Self::PeerOutOfOrder { .. }
            | Self::PeerEpoch { .. }
            | Self::PeerTooMuch { .. }
            | Self::PeerTookTooMuch { .. } => Some(Refusal::Broken),
            Self::PeerVersion { .. } => Some(Refusal::Version),
            Self::PeerOfOtherPair => Some(Refusal::OtherPair),
            Self::PeerIsNode { .. } => Some(Refusal::SameNode),
            Self::BothJoin => Some(Refusal::BothJoin),
            Self::PeerNeedsCopy => Some(Refusal::NeedsCopy),
            Self::LocalNeedsCopy => Some(Refusal::Fetching),
            Self::BothNeedCopies => Some(Refusal::BothLack),
            Self::LocalEpochs { .. } => Some(Refusal::Epochs),
            Self::LocalStop => Some(Refusal::Stopping),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PeerClosed => f.write_str("the other board, or its system, closed it"),
            Self::LinkBroke => f.write_str("it broke"),
            Self::PeerSilent { ms } => write!(f, "the other board said nothing for {ms} ms"),
            Self::PeerSlow { ms } => {
                write!(f, "nothing got onto the other board's disk for {ms} ms")
            }
            Self::PeerVersion { min, max } => write!(
                f,
                "the other board has data of level {min} and reads up to {max}, this one reads up to \
                 {LEVEL}: install the newer version of meerkat on both"
            ),
            Self::PeerOfOtherPair => f.write_str("the other board belongs to another pair"),
            Self::PeerIsNode { node } => write!(
                f,
                "both boards have number {node}: one data folder is a copy of the other; on one of them \
                 join again"
            ),
            Self::PeerRefused { refusal } => {
                write!(f, "the other board ended it: {refusal}")
            }
            Self::BothJoin => f.write_str("both boards are blank"),
            Self::PeerNeedsCopy => {
                f.write_str("the other board lacks what is not kept any more, and is given a copy")
            }
            Self::LocalNeedsCopy => f.write_str(
                "this board lacks what the other does not keep any more; the other has everything that \
                 is here, and gives a copy",
            ),
            Self::BothNeedCopies => f.write_str(BOTH_LACK),
            Self::LocalEpochs { epochs } => write!(f, "there are too many epochs: {epochs}"),
            Self::LocalHeld { bytes } => {
                write!(f, "{bytes} bytes wait for the other board, which takes too little")
            }
            Self::LocalStalled { ms } => write!(f, "neither board served for {ms} ms"),
            Self::Replaced => f.write_str("the other board has connected again"),
            Self::LocalStop => f.write_str("this server stops, or leaves the pair"),
            broken => write!(f, "the other board broke the protocol: {broken:?}"),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Broken => "the protocol was broken here, as it says",
            Self::Version => "it speaks another version",
            Self::OtherPair => "it belongs to another pair",
            Self::SameNode => "it has the same number",
            Self::BothJoin => "it is blank, too",
            Self::NeedsCopy => "this board lacks what is not kept any more",
            Self::Fetching => "it lacks what is not kept any more here, and fetches a copy",
            Self::BothLack => BOTH_LACK,
            Self::Epochs => "there are too many epochs",
            Self::Stopping => "its server stops",
            Self::GoingAlone => "it goes on alone for now",
        })
    }
}
