//! The tail: delivered entries that the tables do not hold yet.
//!
//! A read is the tables' snapshot united with the tail: nobody sees what is not durable, and nothing
//! durable is missed. A checkpoint hands the tail to the tables; it leaves memory when they have it,
//! and no query that began before still needs it.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::ops::Bound;
use std::sync::Arc;

use crate::base::ids::Incarnation;
use crate::base::time::Monotonic;
use crate::base::time::Timestamp;
use crate::core::holdings::entry_bytes;
use crate::core::listed;
use crate::core::retracted::Retracted;
use crate::effect::query::ArchivePage;
use crate::effect::query::Found;
use crate::effect::query::Horizon;
use crate::effect::query::Question;
use crate::effect::query::fit_history;
use crate::model::copies::copies_of;
use crate::model::entry::Entry;
use crate::model::message::Message;
use crate::model::message::Place;
use crate::model::op::Durable;
use crate::model::op::Op;
use crate::model::op::numbered;
use crate::model::position::Index;
use crate::model::position::Position;
use crate::model::retraction::Retraction;
use crate::model::row::RecordKey;

/// Between two checkpoints, also where memory asks for one: after one that failed for want of
/// space, trying again at once would only keep the disk busy.
const CHECKPOINT_PAUSE_MS: u64 = 100;

/// An entry and its place in the log.
pub(crate) type Indexed = (Index, Arc<Entry>);

#[derive(Debug)]
pub(crate) struct Tail {
    /// By their place in the log.
    entries: BTreeMap<Index, Arc<Entry>>,
    /// Given to the log and not delivered yet.
    expected: BTreeMap<Index, Position>,
    /// The newest record of the log, and the newest entry that was delivered.
    last: Index,
    delivered: Index,
    /// Kept messages by key, for reading and writing them out.
    rows: BTreeMap<Position, Row>,
    /// The same by archive.
    archives: BTreeSet<(Incarnation, Position)>,
    /// Messages that are known as copies since this place in the log.
    aliases: BTreeMap<Position, Index>,
    /// What was taken back since.
    pub(super) retracted: Retracted,
    bytes: usize,
    /// A checkpoint is under way up to here.
    writing: Option<Index>,
    /// The tables hold everything at or below.
    applied: Index,
    last_checkpoint: Monotonic,
    /// What a start has read back goes into the tables at once, so that the log's space comes free
    /// however often the process dies.
    is_overdue: bool,
    /// What comes next for the tables is not to be there yet.
    is_held_back: bool,
    held: BTreeMap<Hold, Held>,
}

/// A read of the tables that is under way.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Hold {
    Query(u64),
    Load(RecordKey),
}

/// What a read under way may lack of the tables, and what they must not tell it.
#[derive(Clone, Copy, Debug)]
struct Held {
    /// What the tables held when it began: what came into them since may be missing in what is
    /// read, so it stays here.
    from: Index,
    /// What is above was delivered after the question, so it does not come into the tables yet.
    upto: Option<Index>,
}

#[derive(Debug)]
pub(super) struct Row {
    index: Index,
    pub(super) at: Timestamp,
    pub(super) message: Arc<Message>,
    places: Arc<[Place]>,
}

impl Tail {
    /// `last`: the newest record of the log.
    pub(crate) fn new(now: Monotonic, last: Index) -> Self {
        Self {
            entries: BTreeMap::new(),
            expected: BTreeMap::new(),
            last,
            delivered: Index::default(),
            rows: BTreeMap::new(),
            archives: BTreeSet::new(),
            aliases: BTreeMap::new(),
            retracted: Retracted::default(),
            bytes: 0,
            writing: None,
            applied: Index::default(),
            last_checkpoint: now,
            is_overdue: false,
            is_held_back: false,
            held: BTreeMap::new(),
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Read back from the log at the start.
    pub(crate) fn recover(&mut self, index: Index, entry: Arc<Entry>) {
        self.insert(index, entry);
        self.is_overdue = true;
    }

    /// The place in the log for an entry that will be delivered, or for a record that is none.
    pub(crate) fn number(&mut self, entry: Option<Position>) -> Index {
        self.last = self.last.next();
        if let Some(position) = entry {
            self.expected.insert(self.last, position);
        }
        self.last
    }

    /// A delivered entry.
    pub(crate) fn push(&mut self, entry: Arc<Entry>) {
        let mut expected = self.expected.iter();
        let found = expected.find(|(_, position)| **position == entry.position);
        let index = match found {
            Some((index, _)) => *index,
            None => self.number(None),
        };
        self.expected.remove(&index);
        self.insert(index, entry);
    }

    fn insert(&mut self, index: Index, entry: Arc<Entry>) {
        self.delivered = self.delivered.max(index);
        self.bytes = self.bytes.saturating_add(entry_bytes(&entry));
        for (sub, op) in numbered(&entry.ops) {
            if let Op::Durable {
                op: Durable::Message { message, places },
            } = op
            {
                let row = Row {
                    index,
                    at: Timestamp::from_unix_ms(entry.stamp.unix_ms()),
                    message: Arc::clone(message),
                    places: places.as_slice().into(),
                };
                let position = entry.position.with_sub(sub);
                let archives = places.iter().map(|place| place.incarnation);
                self.archives.extend(archives.map(|own| (own, position)));
                self.rows.insert(position, row);
            }
            if let Op::Durable {
                op: Durable::Retract { retraction, places },
            } = op
            {
                self.bury(retraction, places);
                self.retracted.add(index, retraction);
            }
        }
        for copy in copies_of(&entry) {
            self.aliases.entry(copy.alias).or_insert(index);
        }
        self.entries.insert(index, entry);
    }

    /// A message that is here becomes a tombstone.
    fn bury(&mut self, retraction: &Retraction, places: &[Place]) {
        let named = retraction.position().or_else(|| {
            let own = places.iter().flat_map(|place| {
                let archive = place.incarnation;
                let range = (archive, Position::ZERO)..=(archive, Position::MAX);
                self.archives.range(range).map(|(_, position)| *position)
            });
            own.filter(|at| {
                let row = self.rows.get(at);
                row.is_some_and(|row| retraction.covers(*at, &row.message))
            })
            .max()
        });
        let row = named.and_then(|named| self.rows.get_mut(&named));
        if let Some(row) = row.filter(|row| retraction.is_allowed(&row.message)) {
            row.message = Arc::new(retraction.bury_again(&row.message));
        }
    }

    /// A message of the tables as it is from now on: they may not know yet that it was taken back.
    pub(crate) fn as_left(&self, position: Position, message: &Arc<Message>) -> Arc<Message> {
        self.retracted.as_left(position, message)
    }

    /// A kept message, if it is still in memory.
    pub(crate) fn message(&self, position: Position) -> Option<(Timestamp, &Arc<Message>)> {
        self.rows.get(&position).map(|row| (row.at, &row.message))
    }

    /// The entries that a loaded record has to be brought up to date with.
    pub(crate) fn entries(&self) -> impl Iterator<Item = &Arc<Entry>> {
        self.entries.values()
    }

    /// The newest entry that is delivered: what a query may see.
    /// Where the entries from `from` on stand, in the order of the log.
    pub(crate) fn positions(&self, from: Index) -> impl Iterator<Item = (Index, Position)> {
        let known = self.entries.range(from..);
        let known = known.map(|(index, entry)| (*index, entry.position));
        let expected = self.expected.range(from..);
        let all: BTreeMap<_, _> = expected.map(|(at, one)| (*at, *one)).chain(known).collect();
        all.into_iter()
    }

    /// The place in the log of a message that is here.
    pub(crate) fn index_of(&self, position: Position) -> Option<Index> {
        self.rows.get(&position).map(|row| row.index)
    }

    /// The newest record of the log.
    pub(crate) fn last(&self) -> Index {
        self.last
    }

    pub(crate) fn delivered(&self) -> Index {
        self.delivered
    }

    pub(crate) fn timeout(&self, bytes_max: usize, after_ms: u64) -> Option<Monotonic> {
        let idle = self.writing.is_some() || self.ready().next().is_none();
        let after_ms = if self.is_held_back {
            CHECKPOINT_PAUSE_MS
        } else if self.is_overdue {
            0
        } else if self.bytes >= bytes_max {
            // Clients may be held up until then, so that nothing else comes.
            CHECKPOINT_PAUSE_MS
        } else {
            after_ms
        };
        (!idle).then(|| self.last_checkpoint.plus_ms(after_ms))
    }

    /// A checkpoint is under way.
    pub(crate) fn is_writing(&self) -> bool {
        self.writing.is_some()
    }

    /// The next checkpoint begins as soon as it can.
    pub(crate) fn ask_checkpoint(&mut self) {
        self.is_overdue = true;
    }

    /// The tables hold everything at or below.
    pub(crate) fn applied(&self) -> Index {
        self.applied
    }

    /// What the tables may take: a stretch of the log without a gap, and nothing that was delivered
    /// after a question that they have not answered yet.
    fn ready(&self) -> impl Iterator<Item = (&Index, &Arc<Entry>)> {
        let gap = self.expected.keys().next().copied();
        let asked = self.held.values().filter_map(|held| held.upto).min();
        let is_ready = move |index: Index| {
            gap.is_none_or(|gap| index < gap) && asked.is_none_or(|asked| index <= asked)
        };
        self.entries
            .range((Bound::Excluded(self.applied), Bound::Unbounded))
            .take_while(move |(index, _)| is_ready(**index))
    }

    /// Hands over what the tables should take now, if it is time. `before`: they take nothing from there on.
    pub(crate) fn begin_checkpoint(
        &mut self,
        now: Monotonic,
        (bytes_max, after_ms): (usize, u64),
        before: impl FnOnce(&Self) -> Option<Index>,
    ) -> Option<(Vec<Indexed>, Index)> {
        let pause = self.last_checkpoint.plus_ms(CHECKPOINT_PAUSE_MS);
        let is_full = self.bytes >= bytes_max && pause <= now;
        let is_late = self.last_checkpoint.plus_ms(after_ms) <= now;
        let due = self.is_overdue || is_full || is_late;
        let is_held_back = self.is_held_back && now < pause;
        if !due || is_held_back || self.writing.is_some() {
            return None;
        }
        let before = before(self);
        let fresh = self
            .ready()
            .take_while(|(index, _)| before.is_none_or(|before| **index < before))
            .map(|(index, entry)| (*index, Arc::clone(entry)));
        let fresh: Vec<Indexed> = fresh.collect();
        self.is_held_back = fresh.is_empty() && before.is_some();
        self.last_checkpoint = now;
        let (upto, _) = fresh.last()?;
        let upto = *upto;
        self.is_overdue = false;
        self.writing = Some(upto);
        Some((fresh, upto))
    }

    /// It is tried again when it would be time for the next.
    pub(crate) fn not_checkpointed(&mut self) {
        self.writing = None;
    }

    pub(crate) fn checkpointed(&mut self, upto: Index) {
        self.writing = None;
        self.applied = self.applied.max(upto);
        self.cut();
    }

    /// A read begins; its snapshot may be older than the next checkpoint.
    pub(crate) fn hold(&mut self, read: Hold) {
        let upto = matches!(read, Hold::Query(_)).then_some(self.delivered);
        let from = self.applied;
        self.held.insert(read, Held { from, upto });
    }

    pub(crate) fn let_go(&mut self, read: &Hold) {
        self.held.remove(read);
        self.cut();
    }

    fn cut(&mut self) {
        let oldest = self.held.values().map(|held| held.from).min();
        let upto = oldest.map_or(self.applied, |held| held.min(self.applied));
        while let Some(front) = self.entries.first_entry() {
            if *front.key() > upto {
                return;
            }
            self.retracted.remove(*front.key());
            let entry = front.remove();
            self.bytes = self.bytes.saturating_sub(entry_bytes(&entry));
            for copy in copies_of(&entry) {
                self.aliases.remove(&copy.alias);
            }
            let (first, last) = (entry.position, entry.position.last_sub());
            while let Some((position, row)) = self.rows.range(first..=last).next() {
                let position = *position;
                for place in row.places.iter() {
                    self.archives.remove(&(place.incarnation, position));
                }
                self.rows.remove(&position);
            }
        }
    }

    /// What the tables cannot know of a question that is asked now, and the tail does as long as it
    /// is held.
    pub(crate) fn horizon(&self, question: &Question) -> Horizon {
        match question {
            Question::Archive { page, .. } | Question::RoomHistory { page, .. } => Horizon {
                elsewhere: self.named_here(page),
                ..Horizon::none()
            },
            Question::PassedBy { page } => Horizon {
                elsewhere: page.named().collect(),
                ..Horizon::none()
            },
            Question::Search { page, .. } => Horizon {
                elsewhere: self.named_here(page),
                recent: self.recent(page),
                ..Horizon::none()
            },
            Question::ArchiveEnds { .. } => Horizon::none(),
            Question::People { .. } => Horizon {
                changed: listed::changed(self.entries()),
                cards: listed::cards(self.entries()),
                ..Horizon::none()
            },
            Question::Accounts { .. } | Question::Rooms { .. } | Question::Channels { .. } => {
                Horizon {
                    changed: listed::changed(self.entries()),
                    ..Horizon::none()
                }
            }
        }
    }

    fn named_here(&self, page: &ArchivePage) -> Vec<Position> {
        let is_here = |position: &Position| self.is_here(page.incarnation, *position);
        page.named().filter(is_here).collect()
    }

    fn is_here(&self, archive: Incarnation, position: Position) -> bool {
        let places = self.rows.get(&position).into_iter();
        let mut places = places.flat_map(|row| row.places.iter());
        places.any(|place| place.archived && place.incarnation == archive)
    }

    /// Unites what the tables found with what stands in the tail above `from`, up to which the
    /// tables know, up to `upto`. Merged entries stand anywhere in an archive.
    pub(crate) fn unite(
        &self,
        question: &Question,
        found: Found,
        (from, upto): (Index, Index),
    ) -> Found {
        match (question, found) {
            (
                Question::Archive { page, .. } | Question::PassedBy { page },
                Found::Page {
                    rows,
                    complete,
                    total,
                },
            ) => self.unite_page(page, (rows, complete, total), (from, upto)),
            (Question::Search { page, .. }, Found::Searched { found }) => {
                self.unite_search(page, found, (from, upto))
            }
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
                let newer = self
                    .places_of(*incarnation, from, upto)
                    .filter(|(position, _, place)| {
                        place.archived && !self.is_alias(*position, upto)
                    })
                    .map(|(position, row, _)| (position, row.at));
                let ends = newer.chain(first).chain(last);
                let ends: BTreeSet<(Position, Timestamp)> = ends.collect();
                Found::Ends {
                    first: ends.first().copied(),
                    last: ends.last().copied(),
                }
            }
            (_, found) => found,
        }
    }

    pub(super) fn places_of(
        &self,
        archive: Incarnation,
        after: Index,
        upto: Index,
    ) -> impl Iterator<Item = (Position, &Row, &Place)> {
        let range = (archive, Position::ZERO)..=(archive, Position::MAX);
        self.archives.range(range).filter_map(move |(_, position)| {
            let row = self.rows.get(position)?;
            let mut places = row.places.iter();
            let place = places.find(|place| place.incarnation == archive)?;
            (row.index > after && row.index <= upto).then_some((*position, row, place))
        })
    }

    /// Whether the message is known as a copy of another one.
    pub(super) fn is_alias(&self, position: Position, upto: Index) -> bool {
        let since = self.aliases.get(&position);
        since.is_some_and(|since| *since <= upto)
    }
}
