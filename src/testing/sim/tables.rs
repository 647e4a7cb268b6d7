//! The tables as maps: what a checkpoint makes of entries, without redb, whole or not at all.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

use crate::base::jid::BareJid;
use crate::base::time::Timestamp;
use crate::core::Record;
use crate::core::taken::stream_row;
use crate::effect::query::ArchivePage;
use crate::effect::query::Found;
use crate::effect::query::Horizon;
use crate::effect::query::Kept;
use crate::effect::query::Query;
use crate::effect::query::Question;
use crate::effect::records::record_of;
use crate::model::account::Account;
use crate::model::claim::Claim;
use crate::model::copies::Copies;
use crate::model::copies::CopyKey;
use crate::model::copies::Known;
use crate::model::entry::Entry;
use crate::model::entry::EpochRecord;
use crate::model::epochs::Epochs;
use crate::model::epochs::Relation;
use crate::model::frontier::Frontier;
use crate::model::merge::claimed;
use crate::model::merge::merge;
use crate::model::message::Message;
use crate::model::message::Place;
use crate::model::message::Role;
use crate::model::op::Durable;
use crate::model::op::Op;
use crate::model::op::numbered;
use crate::model::position::Hlc;
use crate::model::position::Index;
use crate::model::position::Position;
use crate::model::retraction::Retraction;
use crate::model::room::Room;
use crate::model::row::RecordKey;
use crate::model::row::Row;
use crate::model::row::RowKey;
use crate::model::row::RowName;
use crate::model::row::Rows;
use crate::model::row::Write;
use crate::model::vector::Vector;

/// What is durable beside the log.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tables {
    records: BTreeMap<RecordKey, Rows>,
    messages: BTreeMap<Position, Stored>,
    epochs: Vec<EpochRecord>,
    tree: Epochs,
    reach: Vector,
    applied_to: Index,
    stamp: Hlc,
}

#[derive(Clone, Debug)]
pub(crate) struct Stored {
    pub(crate) at: Timestamp,
    pub(crate) message: Arc<Message>,
    pub(crate) places: Vec<Place>,
}

impl Tables {
    pub(crate) fn applied_to(&self) -> Index {
        self.applied_to
    }

    pub(crate) fn stamp(&self) -> Hlc {
        self.stamp
    }

    pub(crate) fn reach(&self) -> &Vector {
        &self.reach
    }

    pub(crate) fn epochs(&self) -> &[EpochRecord] {
        &self.epochs
    }

    pub(crate) fn copies(&self) -> Copies {
        let mut copies = Copies::default();
        for (position, stored) in &self.messages {
            let places = stored.places.iter();
            let places = places.map(|place| (place.incarnation, place.role));
            if let Some(key) = CopyKey::new(&stored.message, places, None) {
                copies.add(*position, Known::new(key, None), &self.tree);
            }
        }
        copies
    }

    /// Everything that holds, as text.
    pub(crate) fn digest(&self) -> String {
        format!("{:?} {:?} {:?}", self.records, self.messages, self.reach)
    }

    /// One checkpoint.
    pub(crate) fn apply(
        &mut self,
        entries: &[(Index, Arc<Entry>)],
        epochs: &[EpochRecord],
        upto: Index,
    ) {
        for record in epochs {
            self.reach.add(Position::new(record.epoch, 0, 0));
            self.tree.add(record);
            self.epochs.push(record.clone());
        }
        for (_, entry) in entries {
            self.reach.add(entry.position);
            self.stamp = self.stamp.max(entry.stamp);
            self.apply_entry(entry);
        }
        self.applied_to = self.applied_to.max(upto);
    }

    pub(crate) fn apply_entry(&mut self, entry: &Entry) {
        let rows = entry.origin.as_ref();
        let stream = rows.map(|origin| stream_row(origin, entry.stamp));
        let stream = stream.iter().map(|op| (0, op));
        for (sub, op) in stream.chain(numbered(&entry.ops)) {
            if let Op::Durable { op } = op {
                self.apply_op(entry.position.with_sub(sub), entry.stamp, op.clone());
            }
        }
    }

    fn apply_op(&mut self, at: Position, stamp: Hlc, op: Durable) {
        match op {
            Durable::Row { record, name, row } => self.put(record, name, at, stamp, row),
            Durable::Message { message, places } => {
                let at_time = Timestamp::from_unix_ms(stamp.unix_ms());
                let stored = Stored {
                    at: at_time,
                    message,
                    places,
                };
                self.messages.insert(at, stored);
            }
            Durable::Retract { retraction, .. } => self.apply_retraction(at, &retraction),
            Durable::Expire { owner, upto } => {
                for (_, stored) in self.messages.range_mut(..=upto) {
                    stored.places.retain(|place| place.owner != owner);
                }
            }
            Durable::Forget { record, names } => {
                let rows = self.records.entry(record).or_default();
                for name in &names {
                    if rows.row(name).is_none() {
                        rows.forget(name);
                    }
                }
            }
            Durable::Sweep { record } => {
                for stored in self.messages.values_mut() {
                    let is_here = |place: &Place| record_of(&place.owner) == record;
                    stored.places.retain(|place| !is_here(place));
                }
            }
        }
    }

    fn apply_retraction(&mut self, at: Position, retraction: &Retraction) {
        let is_it = |(position, stored): &(&Position, &mut Stored)| {
            self.tree.relation(**position, at) == Relation::Later
                && retraction.covers(**position, &stored.message)
        };
        if let Some((_, stored)) = self.messages.iter_mut().rev().find(is_it) {
            stored.message = Arc::new(retraction.bury_again(&stored.message));
        }
    }

    pub(crate) fn put(
        &mut self,
        record: RecordKey,
        name: RowName,
        at: Position,
        stamp: Hlc,
        row: Option<Row>,
    ) {
        let mut rows = self.records.remove(&record).unwrap_or_default();
        let new = Write { at, stamp, row };
        let claim = Claim::of(&record, &rows);
        let around = (&self.tree, claim.as_ref());
        if let Some(merged) = merge(&name, rows.cell(&name), new, around) {
            rows.put(name, merged.cell);
        }
        let now = Claim::of(&record, &rows);
        if now != claim {
            let around = (&self.tree, now.as_ref());
            rows.keep(|name, cell| Some(claimed(name, cell, around)));
        }
        self.records.insert(record, rows);
    }

    pub(crate) fn rows(&self, key: &RecordKey) -> Rows {
        self.records.get(key).cloned().unwrap_or_default()
    }

    /// All rooms that exist, with whether they persist.
    pub(crate) fn rooms(&self) -> BTreeMap<BareJid, bool> {
        let rooms = self.records.iter().filter_map(|(key, rows)| {
            let RecordKey::Room { jid } = key else {
                return None;
            };
            let room = Room {
                rows: Arc::new(rows.clone()),
                ..Room::default()
            };
            let persists = room.config().is_some_and(|config| config.persistent);
            let row = room.row().filter(|row| !row.destroyed);
            row.map(|_| (jid.clone(), persists))
        });
        rooms.collect()
    }

    /// Which entry wrote the row last.
    pub(crate) fn version(&self, key: &RowKey) -> Position {
        let rows = self.records.get(&key.record);
        rows.map_or(Position::ZERO, |rows| rows.version(&key.name))
    }

    pub(crate) fn load(&self, key: &RecordKey) -> Record {
        let rows = self.rows(key);
        match key {
            RecordKey::Node => Record::Node { rows },
            RecordKey::Leaf { .. } => Record::Leaf { rows },
            RecordKey::Account { jid } => Record::Account {
                account: self.account(jid, rows),
            },
            RecordKey::Room { .. } => Record::Room {
                room: Room {
                    rows: Arc::new(rows),
                    ..Room::default()
                },
            },
        }
    }

    fn account(&self, jid: &BareJid, rows: Rows) -> Account {
        let frontier = match rows.row(&RowName::Frontier) {
            Some(Row::Frontier { frontier }) => frontier.as_ref().clone(),
            _ => Frontier::default(),
        };
        let mut account = Account {
            rows: Arc::new(rows),
            ..Account::default()
        };
        let incarnation = account.incarnation();
        let covers = |at| frontier.covers(at, |a, b| self.tree.follows(a, b));
        let is_alias = |at: Position| account.rows.has_alias(at);
        let is_taken = |at: Position| account.rows.copies_of(at).into_iter().any(covers);
        let key = RecordKey::Account { jid: jid.clone() };
        let is_waiting = |position: &Position, stored: &Stored| {
            let is_for = |place: &Place| {
                place.role == Role::Received
                    && record_of(&place.owner) == key
                    && Some(place.incarnation) == incarnation
            };
            stored.places.iter().any(is_for) && !is_taken(*position) && !is_alias(*position)
        };
        let untaken: BTreeSet<Position> = self
            .messages
            .iter()
            .filter(|(position, stored)| is_waiting(position, stored))
            .map(|(position, _)| *position)
            .collect();
        account.untaken = Arc::new(untaken);
        account
    }

    pub(crate) fn fetch(&self, positions: &[Position]) -> Vec<Kept> {
        let rows = positions.iter().filter_map(|position| {
            let stored = self.messages.get(position)?;
            (!stored.places.is_empty()).then(|| kept(*position, stored))
        });
        rows.collect()
    }

    pub(crate) fn answer(&self, query: &Query, horizon: &Horizon) -> Found {
        match &query.question {
            Question::Archive { page, .. }
            | Question::PassedBy { page }
            | Question::RoomHistory { page, .. } => self.page(page, &horizon.elsewhere),
            // Its clients look for nothing.
            Question::Search { .. } | Question::People { .. } => Found::NoSuchItem,
            Question::ArchiveEnds { owner, .. } => {
                let is_in = |stored: &Stored| {
                    let mut places = stored.places.iter();
                    places.any(|place| place.owner == *owner && place.archived)
                };
                let mut ends = self
                    .messages
                    .iter()
                    .filter(|(_, stored)| is_in(stored))
                    .map(|(position, stored)| (*position, stored.at));
                let first = ends.next();
                Found::Ends {
                    first,
                    last: ends.next_back().or(first),
                }
            }
            Question::Channels { .. } => Found::Channels { rooms: Vec::new() },
            Question::Accounts { .. } | Question::Rooms { .. } => Found::List {
                jids: Vec::new(),
                total: 0,
            },
        }
    }

    fn page(&self, page: &ArchivePage, elsewhere: &[Position]) -> Found {
        let place_of = |stored: &'_ Stored| {
            let mut places = stored.places.iter();
            places.find(|place| place.owner == page.owner).cloned()
        };
        let is_here = |position: Position| {
            let place = self.messages.get(&position).and_then(place_of);
            place.is_some_and(|one| one.archived && one.incarnation == page.incarnation)
        };
        let mut named = page.named().filter(|named| !elsewhere.contains(named));
        if named.any(|position| !is_here(position)) {
            return Found::NoSuchItem;
        }
        let own = self.rows(&record_of(&page.owner));
        let is_hidden = |at: Position| own.has_alias(at) && !page.ids.contains(&at);
        let mut rows: Vec<Kept> = Vec::new();
        let mut total = 0;
        for (position, stored) in &self.messages {
            let place = place_of(stored);
            let matches = place.is_some_and(|place| page.matches(*position, stored.at, &place));
            if matches && !is_hidden(*position) {
                total += 1;
                if page.reaches(*position) {
                    rows.push(kept(*position, stored));
                }
            }
        }
        let complete = rows.len() <= page.count_max;
        if page.backwards {
            rows.drain(..rows.len().saturating_sub(page.count_max));
        } else {
            rows.truncate(page.count_max);
        }
        Found::Page {
            rows,
            complete,
            total: Some(total),
        }
    }
}

fn kept(position: Position, stored: &Stored) -> Kept {
    Kept {
        position,
        at: stored.at,
        message: Arc::clone(&stored.message),
    }
}
