//! One entry of the log: where it stands, who asked, what changes.

use crate::base::ids::SmKey;
use crate::base::jid::FullJid;
use crate::model::codec::Code;
use crate::model::codec::CodecError;
use crate::model::codec::Reader;
use crate::model::codec::coded;
use crate::model::op::Durable;
use crate::model::op::Op;
use crate::model::position::Epoch;
use crate::model::position::Hlc;
use crate::model::position::OpId;
use crate::model::position::Position;

/// The newest byte form of entries. A reader knows this one and the one before.
const ENTRY_VERSION: u8 = 1;

/// The client behind an entry, applied as the row of its stream: any node can answer for it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Origin {
    pub(crate) jid: FullJid,
    pub(crate) key: SmKey,
    /// The number of the stanza, as the client counts (XEP-0198 section 4).
    pub(crate) h: u32,
    /// The IQ that gets its result when the entry is committed.
    pub(crate) iq: Option<Box<str>>,
}

coded!(struct Origin { jid, key, h, iq });

/// A numbered change.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) position: Position,
    pub(crate) stamp: Hlc,
    pub(crate) op_id: OpId,
    pub(crate) origin: Option<Origin>,
    pub(crate) ops: Vec<Op>,
}

impl Entry {
    /// Whether the disk has to know.
    pub(crate) fn is_durable(&self) -> bool {
        self.ops.iter().any(Op::is_durable)
    }

    pub(crate) fn durable_ops(&self) -> impl Iterator<Item = &Durable> {
        self.ops.iter().filter_map(|op| match op {
            Op::Durable { op } => Some(op),
            Op::Soft { .. } => None,
        })
    }

    /// What the log keeps: everything but the volatile ops.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        self.encode_head(out);
        self.durable_ops().count().encode(out);
        for op in self.durable_ops() {
            op.encode(out);
        }
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        let mut input = Reader::new(bytes);
        let mut entry = Self::decode_head(&mut input)?;
        let ops = Vec::<Durable>::decode(&mut input)?;
        entry.ops = ops.into_iter().map(|op| Op::Durable { op }).collect();
        input.end()?;
        Ok(entry)
    }

    /// Where an encoded entry stands and when it was made, in the log's form or the other node's.
    pub(crate) fn head(bytes: &[u8]) -> Result<(Position, Hlc), CodecError> {
        let mut input = Reader::new(bytes);
        if input.byte()? != ENTRY_VERSION {
            return Err(CodecError::Unknown);
        }
        Ok((Position::decode(&mut input)?, Hlc::decode(&mut input)?))
    }

    /// What the other node of a pair is given: the volatile ops as well.
    pub(crate) fn encode_shipped(&self, out: &mut Vec<u8>) {
        self.encode_head(out);
        self.ops.encode(out);
    }

    pub(crate) fn decode_shipped(bytes: &[u8]) -> Result<Self, CodecError> {
        let mut input = Reader::new(bytes);
        let mut entry = Self::decode_head(&mut input)?;
        entry.ops = Vec::decode(&mut input)?;
        input.end()?;
        Ok(entry)
    }

    fn encode_head(&self, out: &mut Vec<u8>) {
        out.push(ENTRY_VERSION);
        self.position.encode(out);
        self.stamp.encode(out);
        self.op_id.encode(out);
        self.origin.encode(out);
    }

    fn decode_head(input: &mut Reader<'_>) -> Result<Self, CodecError> {
        if input.byte()? != ENTRY_VERSION {
            return Err(CodecError::Unknown);
        }
        Ok(Self {
            position: Position::decode(input)?,
            stamp: Hlc::decode(input)?,
            op_id: OpId::decode(input)?,
            origin: Option::decode(input)?,
            ops: Vec::new(),
        })
    }
}

/// The beginning of an epoch: a record of the log like any other, naming all tips it stands on.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct EpochRecord {
    pub(crate) epoch: Epoch,
    pub(crate) stamp: Hlc,
    pub(crate) mode: Mode,
    pub(crate) parents: Vec<Position>,
}

coded!(struct EpochRecord { epoch, stamp, mode, parents });

/// Who serves in an epoch.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Mode {
    /// One board that has no peer.
    Single,
    /// One of a pair, alone.
    Solo,
    /// Both of a pair.
    Sync,
}

coded!(enum Mode { 0 => Single, 1 => Solo, 2 => Sync });
