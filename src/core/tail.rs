//! The tail: delivered entries that the tables do not hold yet.
//!
//! A read is the tables' snapshot united with the tail: nobody sees what is not durable, and nothing
//! durable is missed. A checkpoint hands the tail to the tables; it leaves memory when they have it,
//! and no query that began before still needs it.

use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::sync::Arc;

use crate::base::time::Monotonic;
use crate::base::time::Timestamp;
use crate::effect::query::ArchivePage;
use crate::effect::query::Found;
use crate::effect::query::Kept;
use crate::effect::query::Question;
use crate::model::entry::Entry;
use crate::model::message::Message;
use crate::model::message::Owner;
use crate::model::message::Place;
use crate::model::op::Durable;
use crate::model::op::Op;
use crate::model::position::Position;
use crate::model::row::RecordKey;

/// Between two checkpoints, also where memory asks for one: after one that failed for want of
/// space, trying again at once would only keep the disk busy.
const CHECKPOINT_PAUSE_MS: u64 = 100;

/// Memory that an entry takes beyond its payload, roughly.
const ENTRY_BYTES: usize = 512;

#[derive(Debug)]
pub(crate) struct Tail {
    entries: VecDeque<Arc<Entry>>,
    /// Kept messages by key, for reading and writing them out.
    rows: BTreeMap<Position, Row>,
    bytes: usize,
    /// A checkpoint is under way up to here.
    writing: Option<Position>,
    /// The tables hold everything at or below.
    applied: Position,
    last_checkpoint: Monotonic,
    /// Reads under way, and what the tables held when they began: what came into the tables since
    /// may be missing in what is read, so it stays here.
    held: BTreeMap<Hold, Position>,
}

/// A read of the tables that is under way.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Hold {
    Query(u64),
    Load(RecordKey),
}

#[derive(Debug)]
struct Row {
    at: Timestamp,
    message: Arc<Message>,
    places: Arc<[Place]>,
}

impl Tail {
    pub(crate) fn new(now: Monotonic) -> Self {
        Self {
            entries: VecDeque::new(),
            rows: BTreeMap::new(),
            bytes: 0,
            writing: None,
            applied: Position::ZERO,
            last_checkpoint: now,
            held: BTreeMap::new(),
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn push(&mut self, entry: Arc<Entry>) {
        self.bytes = self.bytes.saturating_add(weight(&entry));
        for (sub, op) in (0_u8..).zip(&entry.ops) {
            if let Op::Durable {
                op: Durable::Message { message, places },
            } = op
            {
                let row = Row {
                    at: Timestamp::from_unix_ms(entry.stamp.unix_ms()),
                    message: Arc::clone(message),
                    places: places.as_slice().into(),
                };
                self.rows.insert(entry.position.with_sub(sub), row);
            }
        }
        self.entries.push_back(entry);
    }

    /// A kept message, if it is still in memory.
    pub(crate) fn message(&self, position: Position) -> Option<(Timestamp, &Arc<Message>)> {
        self.rows.get(&position).map(|row| (row.at, &row.message))
    }

    /// The entries that a loaded record has to be brought up to date with.
    pub(crate) fn entries(&self) -> impl Iterator<Item = &Arc<Entry>> {
        self.entries.iter()
    }

    pub(crate) fn timeout(&self, after_ms: u64) -> Option<Monotonic> {
        let idle = self.entries.is_empty() || self.writing.is_some();
        (!idle).then(|| self.last_checkpoint.plus_ms(after_ms))
    }

    /// Hands over what the tables should take now, if it is time.
    pub(crate) fn begin_checkpoint(
        &mut self,
        now: Monotonic,
        bytes_max: usize,
        after_ms: u64,
    ) -> Option<(Vec<Arc<Entry>>, Position)> {
        let pause = self.last_checkpoint.plus_ms(CHECKPOINT_PAUSE_MS);
        let is_full = self.bytes >= bytes_max && pause <= now;
        let due = is_full || self.last_checkpoint.plus_ms(after_ms) <= now;
        if !due || self.writing.is_some() {
            return None;
        }
        self.last_checkpoint = now;
        let fresh: Vec<Arc<Entry>> = self
            .entries
            .iter()
            .filter(|entry| entry.position > self.applied)
            .cloned()
            .collect();
        let upto = fresh.last()?.position;
        self.writing = Some(upto);
        Some((fresh, upto))
    }

    /// It is tried again when it would be time for the next.
    pub(crate) fn not_checkpointed(&mut self) {
        self.writing = None;
    }

    pub(crate) fn checkpointed(&mut self, upto: Position) {
        self.writing = None;
        self.applied = self.applied.max(upto);
        self.cut();
    }

    /// A read begins; its snapshot may be older than the next checkpoint.
    pub(crate) fn hold(&mut self, read: Hold) {
        self.held.insert(read, self.applied);
    }

    pub(crate) fn let_go(&mut self, read: &Hold) {
        self.held.remove(read);
        self.cut();
    }

    fn cut(&mut self) {
        let oldest = self.held.values().min().copied();
        let upto = oldest.map_or(self.applied, |held| held.min(self.applied));
        while let Some(entry) = self.entries.front() {
            if entry.position > upto {
                return;
            }
            self.bytes = self.bytes.saturating_sub(weight(entry));
            let (first, last) = (entry.position, entry.position.last_sub());
            while let Some((position, _)) = self.rows.range(first..=last).next() {
                let position = *position;
                self.rows.remove(&position);
            }
            self.entries.pop_front();
        }
    }

    /// Unites what the tables found with what they do not hold yet, up to `upto`.
    pub(crate) fn unite(&self, question: &Question, found: Found, upto: Position) -> Found {
        match (question, found) {
            (
                Question::Archive { page, .. } | Question::RoomHistory { page, .. },
                Found::Page {
                    rows,
                    complete,
                    total,
                },
            ) => self.unite_page(page, rows, complete, total, upto),
            (Question::ArchiveEnds { owner, .. }, Found::Ends { first, last }) => {
                let known = last.map_or(Position::ZERO, |(position, _)| position);
                let mut newer = self
                    .places_of(owner, known, upto)
                    .filter(|(_, _, place)| place.archived)
                    .map(|(position, row, _)| (position, row.at));
                let next = newer.next();
                let newest = newer.last().or(next);
                Found::Ends {
                    first: first.or(next),
                    last: newest.or(last),
                }
            }
            (_, found) => found,
        }
    }

    fn places_of<'a>(
        &'a self,
        owner: &'a Owner,
        after: Position,
        upto: Position,
    ) -> impl DoubleEndedIterator<Item = (Position, &'a Row, &'a Place)> {
        use std::ops::Bound;
        let range = (
            Bound::Excluded(after),
            Bound::Included(upto.last_sub().max(after)),
        );
        self.rows.range(range).filter_map(move |(position, row)| {
            let place = row.places.iter().find(|place| place.owner == *owner)?;
            Some((*position, row, place))
        })
    }

    fn unite_page(
        &self,
        page: &ArchivePage,
        mut rows: Vec<Kept>,
        complete: bool,
        total: Option<u64>,
        upto: Position,
    ) -> Found {
        let known = rows
            .iter()
            .map(|row| row.position)
            .max()
            .unwrap_or(Position::ZERO);
        let newer: Vec<Kept> = self
            .places_of(&page.owner, known, upto)
            .filter(|(position, row, place)| page.matches(*position, row.at, place))
            .map(|(position, row, place)| Kept {
                position,
                at: row.at,
                role: place.role,
                message: Arc::clone(&row.message),
            })
            .collect();
        let more = u64::try_from(newer.len()).unwrap_or(u64::MAX);
        let total = total.map(|total| total.saturating_add(more));
        if page.flipped {
            rows.reverse();
        }
        let had = rows.len();
        if page.backwards {
            rows.extend(newer);
            let surplus = rows.len().saturating_sub(page.count_max);
            rows.drain(..surplus);
            let complete = complete && surplus == 0;
            return finish_page(page, rows, complete, total);
        }
        if complete || had < page.count_max {
            rows.extend(newer);
        }
        let complete = complete && rows.len() <= page.count_max;
        rows.truncate(page.count_max);
        finish_page(page, rows, complete, total)
    }
}

fn finish_page(
    page: &ArchivePage,
    mut rows: Vec<Kept>,
    complete: bool,
    total: Option<u64>,
) -> Found {
    if page.flipped {
        rows.reverse();
    }
    Found::Page {
        rows,
        complete,
        total,
    }
}

fn weight(entry: &Entry) -> usize {
    let payload: usize = entry
        .durable_ops()
        .map(|op| match op {
            Durable::Message { message, .. } => message.payload.len(),
            Durable::Row { .. } | Durable::Expire { .. } | Durable::Sweep { .. } => 64,
        })
        .sum();
    payload.saturating_add(ENTRY_BYTES)
}
