//! The tail: delivered entries that the tables do not hold yet.
//!
//! A read is the tables' snapshot united with the tail: nobody sees what is not durable, and nothing
//! durable is missed. A checkpoint hands the tail to the tables; it leaves memory when they have it,
//! and no query that began before still needs it.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::VecDeque;
use std::sync::Arc;

use crate::base::ids::Incarnation;
use crate::base::time::Monotonic;
use crate::base::time::Timestamp;
use crate::effect::query::ArchivePage;
use crate::effect::query::Found;
use crate::effect::query::Horizon;
use crate::effect::query::Kept;
use crate::effect::query::Listed;
use crate::effect::query::Question;
use crate::effect::query::fit_history;
use crate::model::account::AccountState;
use crate::model::entry::Entry;
use crate::model::message::Message;
use crate::model::message::Place;
use crate::model::op::Durable;
use crate::model::op::Op;
use crate::model::op::numbered;
use crate::model::position::Position;
use crate::model::row::RecordKey;
use crate::model::row::Row as StateRow;
use crate::model::row::RowName;

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
    /// The same by archive.
    archives: BTreeSet<(Incarnation, Position)>,
    bytes: usize,
    /// A checkpoint is under way up to here.
    writing: Option<Position>,
    /// The tables hold everything at or below.
    applied: Position,
    last_checkpoint: Monotonic,
    /// What a start has read back goes into the tables at once, so that the log's space comes free
    /// however often the process dies.
    is_overdue: bool,
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
            archives: BTreeSet::new(),
            bytes: 0,
            writing: None,
            applied: Position::ZERO,
            last_checkpoint: now,
            is_overdue: false,
            held: BTreeMap::new(),
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Read back from the log at the start.
    pub(crate) fn recover(&mut self, entry: Arc<Entry>) {
        self.push(entry);
        self.is_overdue = true;
    }

    pub(crate) fn push(&mut self, entry: Arc<Entry>) {
        self.bytes = self.bytes.saturating_add(weight(&entry));
        for (sub, op) in numbered(&entry.ops) {
            if let Op::Durable {
                op: Durable::Message { message, places },
            } = op
            {
                let row = Row {
                    at: Timestamp::from_unix_ms(entry.stamp.unix_ms()),
                    message: Arc::clone(message),
                    places: places.as_slice().into(),
                };
                let position = entry.position.with_sub(sub);
                let archives = places.iter().map(|place| place.incarnation);
                self.archives.extend(archives.map(|own| (own, position)));
                self.rows.insert(position, row);
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
        let after_ms = if self.is_overdue { 0 } else { after_ms };
        (!idle).then(|| self.last_checkpoint.plus_ms(after_ms))
    }

    /// The next checkpoint begins as soon as it can.
    pub(crate) fn ask_checkpoint(&mut self) {
        self.is_overdue = true;
    }

    /// The tables hold everything at or below.
    pub(crate) fn applied(&self) -> Position {
        self.applied
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
        let is_late = self.last_checkpoint.plus_ms(after_ms) <= now;
        let due = self.is_overdue || is_full || is_late;
        if !due || self.writing.is_some() {
            return None;
        }
        self.last_checkpoint = now;
        self.is_overdue = false;
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
            while let Some((position, row)) = self.rows.range(first..=last).next() {
                let position = *position;
                for place in row.places.iter() {
                    self.archives.remove(&(place.incarnation, position));
                }
                self.rows.remove(&position);
            }
            self.entries.pop_front();
        }
    }

    /// Where the tables shall end for a question that is asked now, and what they cannot know. The
    /// tail has everything above as long as it is held.
    pub(crate) fn horizon(&self, question: &Question, delivered: Position) -> Horizon {
        let below = |entry: &Arc<Entry>| entry.position.to_u128().saturating_sub(1);
        let front = self.entries.front().map(below);
        let known = front.map_or(Position::MAX, Position::from_u128);
        let upto = known.max(self.applied.last_sub()).min(delivered.last_sub());
        let is_list = matches!(question, Question::Accounts { .. } | Question::Rooms { .. });
        let changed = if is_list {
            self.changed_since(upto)
        } else {
            Vec::new()
        };
        Horizon { upto, changed }
    }

    /// Accounts and rooms that began, ended or changed their place in lists.
    fn changed_since(&self, upto: Position) -> Vec<Listed> {
        let mut changed: BTreeMap<&RecordKey, Listed> = BTreeMap::new();
        let entries = self.entries.iter().filter(|entry| entry.position > upto);
        for op in entries.flat_map(|entry| entry.durable_ops()) {
            let Durable::Row { record, name, row } = op else {
                continue;
            };
            let mut disabled = None;
            let (exists, public) = match (name, row) {
                (RowName::Account, Some(StateRow::Account { row })) => {
                    disabled = Some(row.state == AccountState::Disabled);
                    (Some(row.state != AccountState::Deleted), None)
                }
                // A room that begins is hidden until it is configured.
                (RowName::Room, Some(StateRow::Room { row })) if row.destroyed => {
                    (Some(false), Some(false))
                }
                (RowName::Room, Some(StateRow::Room { .. })) => (Some(true), None),
                (RowName::RoomConfig, Some(StateRow::RoomConfig { config })) => {
                    (None, Some(config.is_listed()))
                }
                _ => continue,
            };
            let listed = changed.entry(record).or_insert_with(|| Listed {
                record: record.clone(),
                exists: None,
                public: None,
                disabled: None,
            });
            listed.exists = exists.or(listed.exists);
            listed.public = public.or(listed.public);
            listed.disabled = disabled.or(listed.disabled);
        }
        changed.into_values().collect()
    }

    /// Unites what the tables found with what stands in the tail above `from`, where they ended,
    /// up to `upto`.
    pub(crate) fn unite(
        &self,
        question: &Question,
        found: Found,
        (from, upto): (Position, Position),
    ) -> Found {
        match (question, found) {
            (
                Question::Archive { page, .. },
                Found::Page {
                    rows,
                    complete,
                    total,
                },
            ) => self.unite_page(page, (rows, complete, total), (from, upto)),
            (
                Question::RoomHistory {
                    page,
                    since,
                    bytes_max,
                    ..
                },
                Found::Page {
                    rows,
                    complete,
                    total,
                },
            ) => {
                let mut page = page.clone();
                page.start = page.start.max(*since);
                let mut found = self.unite_page(&page, (rows, complete, total), (from, upto));
                if let Found::Page { rows, .. } = &mut found {
                    fit_history(rows, *bytes_max);
                }
                found
            }
            (Question::ArchiveEnds { incarnation, .. }, Found::Ends { first, last }) => {
                let mut newer = self
                    .places_of(*incarnation, from, upto)
                    .filter(|(_, _, place)| place.archived)
                    .map(|(position, row, _)| (position, row.at));
                let next = newer.next();
                let newest = newer.next_back().or(next);
                Found::Ends {
                    first: first.or(next),
                    last: newest.or(last),
                }
            }
            (_, found) => found,
        }
    }

    fn places_of(
        &self,
        archive: Incarnation,
        after: Position,
        upto: Position,
    ) -> impl DoubleEndedIterator<Item = (Position, &Row, &Place)> + Clone {
        use std::ops::Bound;
        let range = (
            Bound::Excluded((archive, after)),
            Bound::Included((archive, upto.last_sub().max(after))),
        );
        self.archives.range(range).filter_map(move |(_, position)| {
            let row = self.rows.get(position)?;
            let mut places = row.places.iter();
            let place = places.find(|place| place.incarnation == archive)?;
            Some((*position, row, place))
        })
    }

    fn unite_page(
        &self,
        page: &ArchivePage,
        (mut rows, complete, total): (Vec<Kept>, bool, Option<u64>),
        (from, upto): (Position, Position),
    ) -> Found {
        let is_here = |position: Position| {
            let places = self.rows.get(&position).into_iter();
            let mut places = places.flat_map(|row| row.places.iter());
            position <= upto.last_sub()
                && places.any(|place| place.archived && place.incarnation == page.incarnation)
        };
        if page
            .named()
            .any(|position| position > from && !is_here(position))
        {
            return Found::NoSuchItem;
        }
        let matching = self
            .places_of(page.incarnation, from, upto)
            .filter(|(position, row, place)| page.matches(*position, row.at, place));
        let more = u64::try_from(matching.clone().count()).unwrap_or(u64::MAX);
        let total = total.map(|total| total.saturating_add(more));
        let mut newer = matching
            .filter(|(position, _, _)| page.reaches(*position))
            .map(|(position, row, _)| Kept {
                position,
                at: row.at,
                message: Arc::clone(&row.message),
            });
        let mut complete = complete;
        if page.backwards {
            rows.extend(newer);
            let surplus = rows.len().saturating_sub(page.count_max);
            rows.drain(..surplus);
            complete &= surplus == 0;
        } else if complete {
            let room = page.count_max.saturating_sub(rows.len());
            rows.extend(newer.clone().take(room));
            complete = newer.nth(room).is_none();
        }
        if page.flipped {
            rows.reverse();
        }
        Found::Page {
            rows,
            complete,
            total,
        }
    }
}

fn weight(entry: &Entry) -> usize {
    let payload: usize = entry
        .durable_ops()
        .map(|op| match op {
            Durable::Message { message, .. } => message.payload.len(),
            Durable::Row { .. } | Durable::Expire { .. } | Durable::Sweep { .. } => 64,
            Durable::Forget { names, .. } => names.len().saturating_mul(64),
        })
        .sum();
    payload.saturating_add(ENTRY_BYTES)
}
