//! A board that stands in for core and log: a list of records with a durable mark, and who waits for what.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::VecDeque;
use std::sync::Arc;

use crate::base::ids::Ticket;
use crate::mirror::Mirror;
use crate::mirror::Start;
use crate::mirror::frame::Class;
use crate::mirror::frame::Record;
use crate::model::entry::Entry;
use crate::model::entry::EpochRecord;
use crate::model::entry::Mode;
use crate::model::op::Op;
use crate::model::position::Epoch;
use crate::model::position::Hlc;
use crate::model::position::OpId;
use crate::model::position::Position;
use crate::model::row::RecordKey;
use crate::model::row::Row;
use crate::model::row::RowName;
use crate::model::vector::Vector;

/// From here on ops are volatile.
pub(super) const SOFT: u64 = 1 << 32;

pub(super) struct Board {
    pub(super) node: u8,
    pub(super) log: Vec<(Position, Record)>,
    places: BTreeMap<Position, usize>,
    /// So much of the log was said to be on the other disk, and so much is not read any more.
    pub(super) released: usize,
    pub(super) trimmed: usize,
    pub(super) durable: usize,
    pub(super) join_mark: bool,
    pub(super) running: Option<Running>,
    pub(super) boots: u32,
}

pub(super) struct Running {
    pub(super) mirror: Mirror,
    pub(super) core: Core,
    pub(super) salt: u32,
    /// The sync under way covers so much, and ends then.
    pub(super) syncing: Option<(usize, u64)>,
}

/// Who numbers, what waits for its number, what waits for the disks, and who waits for an answer.
#[derive(Default)]
pub(super) struct Core {
    pub(super) leads: Option<(Epoch, u64, bool)>,
    pub(super) stamp: Hlc,
    pub(super) generation: u64,
    pub(super) proposed: VecDeque<(Ticket, u64)>,
    pub(super) line: VecDeque<(Position, u64)>,
    /// Of these, what the start has found.
    pub(super) found: BTreeSet<Position>,
    /// How its sessions stand is wanted as soon as everything numbered since is delivered.
    pub(super) wants_sessions: bool,
    pub(super) waiting: BTreeSet<u64>,
    /// Ops that are numbered here, and those that are committed.
    pub(super) known: BTreeSet<u64>,
    pub(super) committed: BTreeSet<u64>,
    pub(super) next_ticket: u64,
}

pub(super) fn entry(position: Position, stamp: Hlc, op: u64) -> Arc<[u8]> {
    entry_with(position, stamp, op, 0)
}

/// An entry that carries so many bytes.
pub(super) fn entry_with(position: Position, stamp: Hlc, op: u64, payload: usize) -> Arc<[u8]> {
    let row = Row::Bytes {
        bytes: vec![0; payload].into(),
    };
    let carried = (payload > 0).then(|| Op::row(RecordKey::Node, RowName::VCard, Some(row)));
    let mut bytes = Vec::new();
    let op_id = OpId {
        source: 0,
        number: op,
    };
    Entry {
        position,
        stamp,
        op_id,
        origin: None,
        ops: carried.into_iter().collect(),
    }
    .encode(&mut bytes);
    bytes.into()
}

pub(super) fn op_of(record: &Record) -> Option<u64> {
    match record.class {
        Class::Entry => Some(Entry::decode(&record.bytes).unwrap().op_id.number),
        Class::Epoch => None,
    }
}

pub(super) fn epoch_of(record: &Record) -> Option<EpochRecord> {
    record.head().unwrap().2
}

/// The ends of a log's branches, from the definition.
pub(super) fn tips(log: &[(Position, Record)]) -> BTreeSet<Position> {
    let vector: Vector = log.iter().map(|(position, _)| *position).collect();
    let named: Vec<Position> = log
        .iter()
        .filter_map(|(_, record)| epoch_of(record))
        .flat_map(|record| record.parents)
        .collect();
    vector
        .iter()
        .filter(|tip| {
            !named
                .iter()
                .any(|parent| parent.epoch() == tip.epoch() && parent >= tip)
        })
        .collect()
}

impl Board {
    pub(super) fn new(node: u8, log: Vec<(Position, Record)>) -> Self {
        Self {
            node,
            durable: log.len(),
            places: log.iter().map(|(position, _)| *position).zip(0..).collect(),
            released: 0,
            trimmed: 0,
            log,
            join_mark: false,
            running: None,
            boots: 0,
        }
    }

    /// What a start finds: everything in the log was read back, and written again if need be.
    pub(super) fn start(&mut self, pair: u128, salt: u32) -> (Start, Core) {
        self.boots += 1;
        self.durable = self.log.len();
        let mut start = Start {
            node: self.node,
            pair,
            salt,
            joining: self.join_mark,
            mode: Mode::Single,
            vector: self.log.iter().map(|(position, _)| *position).collect(),
            parents: Vector::default(),
            stamp: Hlc::default(),
            durable: u64::try_from(self.durable).unwrap(),
            shared: u64::try_from(self.durable).unwrap(),
            trimmed: self.trimmed_vector(),
            oldest: u64::try_from(self.trimmed).unwrap() + 1,
        };
        let mut core = Core::default();
        for (position, record) in &self.log {
            start.stamp = start.stamp.max(record.head().unwrap().1);
            if let Some(op) = op_of(record) {
                core.line.push_back((*position, op));
                core.found.insert(*position);
                core.known.insert(op);
            }
            if let Some(epoch) = epoch_of(record) {
                start.mode = epoch.mode;
                for parent in epoch.parents {
                    start.parents.add(parent);
                }
            }
        }
        core.stamp = start.stamp;
        (start, core)
    }

    pub(super) fn trimmed_vector(&self) -> Vector {
        let trimmed = self.log.iter().take(self.trimmed);
        trimmed.map(|(position, _)| *position).collect()
    }

    /// False if it is there already.
    pub(super) fn push(&mut self, position: Position, record: Record) -> bool {
        let is_new = self.places.insert(position, self.log.len()).is_none();
        if is_new {
            self.log.push((position, record));
        }
        is_new
    }

    pub(super) fn truncate(&mut self, keep: usize) {
        self.log.truncate(keep);
        self.places.retain(|_, place| *place < keep);
        self.durable = self.durable.min(keep);
        self.released = 0;
    }

    pub(super) fn is_durable(&self, position: Position) -> bool {
        self.places
            .get(&position)
            .is_some_and(|place| *place < self.durable)
    }
}

impl Core {
    /// The next number, if this board gives them.
    pub(super) fn number(&mut self, wall_ms: u64, node: u8) -> Option<(Position, Hlc)> {
        let (epoch, seq, _) = self.leads.as_mut()?;
        *seq += 1;
        self.stamp = self.stamp.next(wall_ms, node);
        Some((Position::new(*epoch, *seq, 0), self.stamp))
    }

    pub(super) fn is_still(&self) -> bool {
        let mut line = self.line.iter();
        line.all(|(position, _)| self.found.contains(position))
    }

    pub(super) fn is_paired(&self) -> bool {
        self.leads.is_some_and(|(_, _, paired)| paired)
    }
}
