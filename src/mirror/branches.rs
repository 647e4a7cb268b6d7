//! What this log holds: on its disk, on the way there, and where its branches end.

use std::collections::VecDeque;

use crate::mirror::io::Index;
use crate::mirror::io::Start;
use crate::model::entry::EpochRecord;
use crate::model::position::Epoch;
use crate::model::position::Position;
use crate::model::vector::Vector;

/// The log as the mirror sees it.
#[derive(Debug)]
pub(crate) struct Branches {
    /// On this disk.
    pub(crate) durable: Vector,
    /// That, and what is on its way there.
    pub(crate) whole: Vector,
    /// What EPOCH records name as parents.
    parents: Vector,
    /// Appended and not durable.
    waiting: VecDeque<(Index, Position)>,
    /// Handed to the log and not yet seen in it.
    handed: VecDeque<Position>,
    pub(crate) durable_upto: Index,
    /// The epoch of both, and its records that the other is not known to have.
    watched: Option<Epoch>,
    unconfirmed: VecDeque<(Index, u64)>,
}

impl Branches {
    pub(crate) fn new(start: &Start) -> Self {
        Self {
            durable: start.vector.clone(),
            whole: start.vector.clone(),
            parents: start.parents.clone(),
            waiting: VecDeque::new(),
            handed: VecDeque::new(),
            durable_upto: start.durable,
            watched: None,
            unconfirmed: VecDeque::new(),
        }
    }

    /// A record is handed to the log.
    pub(crate) fn hand(&mut self, position: Position, record: Option<&EpochRecord>) {
        self.whole.add(position);
        self.handed.push_back(position);
        for parent in record.iter().flat_map(|record| &record.parents) {
            self.parents.add(*parent);
        }
    }

    /// The log took a record.
    pub(crate) fn handle_appended(&mut self, index: Index, position: Position) {
        self.whole.add(position);
        if self.handed.front() == Some(&position) {
            self.handed.pop_front();
        }
        self.waiting.push_back((index, position));
        if self.watched == Some(position.epoch()) {
            self.unconfirmed.push_back((index, position.seq()));
        }
    }

    pub(crate) fn handle_durable(&mut self, upto: Index) {
        while let Some((index, position)) = self.waiting.front().copied()
            && index <= upto
        {
            self.durable.add(position);
            self.waiting.pop_front();
        }
        self.durable_upto = self.durable_upto.max(upto);
    }

    pub(crate) fn is_durable(&self) -> bool {
        self.waiting.is_empty() && self.handed.is_empty()
    }

    /// Records of this epoch are kept in mind until the other has them.
    pub(crate) fn watch(&mut self, epoch: Option<Epoch>) {
        self.watched = epoch;
        self.unconfirmed.clear();
    }

    /// The other has the watched epoch up to here: the last record of this log for which that is so.
    pub(crate) fn confirm(&mut self, seq: u64) -> Option<Index> {
        let mut newest = None;
        while let Some((index, own)) = self.unconfirmed.front()
            && *own <= seq
        {
            newest = Some(*index);
            self.unconfirmed.pop_front();
        }
        newest
    }

    /// The ends of this log's branches: what no EPOCH record stands on (rule R13).
    pub(crate) fn tips(&self) -> Vec<Position> {
        self.whole
            .iter()
            .filter(|tip| !self.parents.covers(*tip))
            .collect()
    }

    /// Rule R1.
    pub(crate) fn next_counter(&self) -> u32 {
        self.whole
            .newest()
            .map_or(1, |epoch| epoch.counter.saturating_add(1))
    }

    /// Whether everything an EPOCH record stands on is here.
    pub(crate) fn holds_parents(&self, record: &EpochRecord) -> bool {
        record
            .parents
            .iter()
            .all(|parent| self.whole.covers(*parent))
    }

    /// Whether the record stands on everything that is here.
    pub(crate) fn is_under(&self, record: &EpochRecord) -> bool {
        let parents: Vector = record.parents.iter().copied().collect();
        self.tips().iter().all(|tip| parents.covers(*tip))
    }
}
