//! Why a connection between the boards is closed.

use crate::model::codec::CodecError;
use crate::model::codec::coded;
use crate::model::position::Epoch;
use crate::model::position::Position;

/// Whose fault it is, and the numbers of it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Fault {
    /// The connection was closed or broke on the other side, or between the two.
    PeerClosed,
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
});

impl Fault {
    /// What to say before closing; nothing where nobody listens.
    pub(crate) fn refusal(self) -> Option<Refusal> {
        match self {
            Self::PeerClosed | Self::PeerRefused { .. } | Self::Replaced => None,
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
            Self::LocalEpochs { .. } => Some(Refusal::Epochs),
            Self::LocalStop => Some(Refusal::Stopping),
        }
    }
}
