//! What the boards say to each other, and how its bytes are cut into frames.
//!
//! A frame is a length of four bytes, a tag, and the fields. Records of the log travel as they are
//! in the log; what only the cores understand travels as bytes.

use std::sync::Arc;

use crate::base::ids::Ticket;
use crate::base::mirror_limits::MIRROR_FRAME_BYTES_MAX;
use crate::base::time::Timestamp;
use crate::mirror::fault::Fault;
use crate::mirror::fault::Refusal;
use crate::model::codec::CodecError;
use crate::model::codec::coded;
use crate::model::codec::from_bytes;
use crate::model::codec::to_bytes;
use crate::model::entry::Entry;
use crate::model::entry::EpochRecord;
use crate::model::position::Epoch;
use crate::model::position::Hlc;
use crate::model::position::Position;
use crate::model::vector::Vector;

const LENGTH_BYTES: usize = 4;

/// A record of the log: the bytes that the log keeps.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Record {
    pub(crate) class: Class,
    pub(crate) bytes: Arc<[u8]>,
}

/// What a record is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Class {
    Entry,
    Epoch,
}

/// The first that each says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Hello {
    /// The level of what is stored there: whoever is to get it has to read that.
    pub(crate) version_min: u16,
    /// The newest level that it reads (`model::level`).
    pub(crate) version: u16,
    pub(crate) pair: u128,
    pub(crate) node: u8,
    pub(crate) salt: u32,
    /// It serves alone.
    pub(crate) serves: bool,
    pub(crate) joining: bool,
    pub(crate) clock: Timestamp,
    /// What is durable there.
    pub(crate) vector: Vector,
}

/// One thing said.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Frame {
    Hello {
        hello: Arc<Hello>,
    },
    /// What the other lacks, in the order of the sender's log.
    Record {
        record: Record,
    },
    /// Everything that was durable is sent; what comes now is new.
    Level,
    /// From the board that will lead: stop numbering.
    Freeze,
    /// Part of how the sender's sessions stand.
    Session {
        bytes: Arc<[u8]>,
    },
    /// Everything the sender has is durable and sent.
    Frozen,
    /// The epoch of both begins; its record is durable at the sender.
    Begin {
        record: Arc<EpochRecord>,
    },
    /// Numbered.
    Entry {
        ticket: Option<Ticket>,
        is_durable: bool,
        bytes: Arc<[u8]>,
    },
    Propose {
        ticket: Ticket,
        generation: u64,
        bytes: Arc<[u8]>,
    },
    Reject {
        ticket: Ticket,
        generation: u64,
    },
    /// On the sender's disk, in the epoch of both.
    Durable {
        epoch: Epoch,
        seq: u64,
        taken: u64,
    },
    /// A sign of life; how many frames of the window were taken in on this connection.
    Alive {
        taken: u64,
    },
    /// What the other lacks was trimmed here: it has to get a copy, and gives first what it has.
    Lacking,
    /// The last before the connection is closed.
    Bye {
        refusal: Refusal,
    },
}

coded!(struct Record { class, bytes });
coded!(enum Class { 1 => Entry, 2 => Epoch });
coded!(struct Hello { version_min, version, pair, node, salt, serves, joining, clock, vector });
coded!(enum Frame {
    1 => Hello { hello },
    2 => Record { record },
    3 => Level,
    4 => Freeze,
    5 => Session { bytes },
    6 => Frozen,
    7 => Begin { record },
    8 => Entry { ticket, is_durable, bytes },
    9 => Propose { ticket, generation, bytes },
    10 => Reject { ticket, generation },
    11 => Durable { epoch, seq, taken },
    12 => Alive { taken },
    13 => Bye { refusal },
    14 => Lacking,
});

impl Record {
    pub(crate) fn epoch(record: &EpochRecord) -> Self {
        Self {
            class: Class::Epoch,
            bytes: to_bytes(record).into(),
        }
    }

    /// Where it stands and when it was made, and all of it if it is an EPOCH record.
    pub(crate) fn head(&self) -> Result<(Position, Hlc, Option<EpochRecord>), CodecError> {
        match self.class {
            Class::Entry => {
                let (position, stamp) = Entry::head(&self.bytes)?;
                Ok((position, stamp, None))
            }
            Class::Epoch => {
                let record: EpochRecord = from_bytes(&self.bytes)?;
                let position = Position::new(record.epoch, 0, 0);
                Ok((position, record.stamp, Some(record)))
            }
        }
    }
}

impl Frame {
    /// With its length.
    pub(crate) fn write(&self) -> Vec<u8> {
        let mut bytes = vec![0; LENGTH_BYTES];
        crate::model::codec::Code::encode(self, &mut bytes);
        let length = u32::try_from(bytes.len() - LENGTH_BYTES).unwrap_or(u32::MAX);
        for (to, from) in bytes.iter_mut().zip(length.to_be_bytes()) {
            *to = from;
        }
        bytes
    }

    /// Whether it takes room in the window.
    pub(crate) fn is_counted(&self) -> bool {
        matches!(
            self,
            Self::Record { .. } | Self::Entry { .. } | Self::Propose { .. }
        )
    }

    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Hello { .. } => "HELLO",
            Self::Record { .. } => "RECORD",
            Self::Level => "LEVEL",
            Self::Freeze => "FREEZE",
            Self::Session { .. } => "SESSION",
            Self::Frozen => "FROZEN",
            Self::Begin { .. } => "BEGIN",
            Self::Entry { .. } => "ENTRY",
            Self::Propose { .. } => "PROPOSE",
            Self::Reject { .. } => "REJECT",
            Self::Durable { .. } => "DURABLE",
            Self::Alive { .. } => "ALIVE",
            Self::Lacking => "LACKING",
            Self::Bye { .. } => "BYE",
        }
    }
}

/// What has come and is not read yet: less than a frame, or what waits for the disk.
#[derive(Debug, Default)]
pub(crate) struct Framer {
    bytes: Vec<u8>,
    /// What is read of them.
    read: usize,
}

impl Framer {
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.bytes.drain(..self.read);
        self.read = 0;
        self.bytes.extend_from_slice(bytes);
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes.len() - self.read
    }

    /// The next whole frame and its length on the wire.
    pub(crate) fn poll(&mut self) -> Result<Option<(Frame, usize)>, Fault> {
        let rest = self.bytes.get(self.read..).unwrap_or_default();
        let Some((length, rest)) = rest.split_first_chunk::<LENGTH_BYTES>() else {
            return Ok(None);
        };
        let bytes = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
        if bytes > MIRROR_FRAME_BYTES_MAX {
            return Err(Fault::PeerFrameTooLong { bytes });
        }
        let Some(body) = rest.get(..bytes) else {
            return Ok(None);
        };
        let frame = from_bytes(body).map_err(|error| Fault::PeerFrame { error })?;
        self.read += LENGTH_BYTES + bytes;
        Ok(Some((frame, LENGTH_BYTES + bytes)))
    }
}
