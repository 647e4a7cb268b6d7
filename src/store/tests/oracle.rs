//! What the tables should hold, computed in the plainest way: maps, scans, no checkpoints.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

use crate::base::ids::Incarnation;
use crate::base::jid::BareJid;
use crate::base::limits::STREAM_ROW_MS;
use crate::base::time::Timestamp;
use crate::effect::query::ArchivePage;
use crate::effect::query::Found;
use crate::effect::query::Kept;
use crate::effect::records::record_of;
use crate::model::account::AccountState;
use crate::model::account::StreamRow;
use crate::model::entry::Entry;
use crate::model::entry::EpochRecord;
use crate::model::epochs::Epochs;
use crate::model::frontier::Frontier;
use crate::model::message::Message;
use crate::model::message::Owner;
use crate::model::message::Place;
use crate::model::message::Role;
use crate::model::op::Durable;
use crate::model::op::Op;
use crate::model::position::Hlc;
use crate::model::position::Position;
use crate::model::position::subs;
use crate::model::retraction::Retraction;
use crate::model::row::Cell;
use crate::model::row::RecordKey;
use crate::model::row::Row;
use crate::model::row::RowName;
use crate::model::row::Rows;

#[derive(Clone, Default)]
pub(super) struct Oracle {
    pub(super) epochs: Epochs,
    records: BTreeMap<RecordKey, Rows>,
    pub(super) messages: BTreeMap<Position, (Hlc, Arc<Message>)>,
    pub(super) places: BTreeMap<(Incarnation, Position), Place>,
    pub(super) untaken: BTreeSet<(Incarnation, Position)>,
    stamp: Hlc,
}

impl Oracle {
    pub(super) fn begin_epoch(&mut self, record: &EpochRecord) {
        self.epochs.add(record);
    }

    pub(super) fn apply(&mut self, entry: &Entry) {
        self.stamp = self.stamp.max(entry.stamp);
        if let Some(origin) = &entry.origin {
            let record = RecordKey::Account {
                jid: origin.jid.bare(),
            };
            let stream = StreamRow {
                h: origin.h,
                iq: origin.iq.clone(),
                at: Timestamp::from_unix_ms(entry.stamp.unix_ms()),
            };
            let row = Row::Stream {
                stream: Arc::new(stream),
            };
            let name = RowName::Stream { key: origin.key };
            self.put(entry, 0, &record, name, Some(row));
        }
        for (sub, op) in subs().zip(&entry.ops) {
            let Op::Durable { op } = op else { continue };
            self.apply_op(entry, sub, op);
        }
    }

    fn apply_op(&mut self, entry: &Entry, sub: u8, op: &Durable) {
        match op {
            Durable::Row { record, name, row } => {
                self.put(entry, sub, record, name.clone(), row.clone());
                if let Some(Row::Frontier { frontier }) = row
                    && let Some(own) = self.incarnation(record)
                {
                    self.take(own, frontier);
                }
            }
            Durable::Message { message, places } => {
                let position = entry.position.with_sub(sub);
                for place in places {
                    if place.role == Role::Sent && !place.archived {
                        continue;
                    }
                    let key = (place.incarnation, position);
                    self.places.insert(key, place.clone());
                    if place.role == Role::Received {
                        self.untaken.insert(key);
                    }
                }
                self.messages
                    .insert(position, (entry.stamp, Arc::clone(message)));
            }
            Durable::Retract { retraction, places } => self.retract(retraction, places),
            Durable::Expire { owner, upto } => {
                if let Some(own) = self.incarnation(&record_of(owner)) {
                    self.clear(own, *upto);
                }
            }
            Durable::Forget { record, names } => {
                let rows = self.records.entry(record.clone()).or_default();
                for name in names {
                    if rows.row(name).is_none() {
                        rows.forget(name);
                    }
                }
            }
            Durable::Sweep { record } => {
                if let Some(own) = self.incarnation(record) {
                    self.clear(own, Position::MAX);
                }
                let rows = self.records.entry(record.clone()).or_default();
                let names: Vec<RowName> = rows.iter().map(|(name, _)| name.clone()).collect();
                for name in names {
                    if !matches!(name, RowName::Account | RowName::Room) {
                        rows.forget(&name);
                    }
                }
            }
        }
        let kept: BTreeSet<Position> = self.places.keys().map(|(_, position)| *position).collect();
        self.messages.retain(|position, _| kept.contains(position));
    }

    fn retract(&mut self, retraction: &Retraction, places: &[Place]) {
        let is_it = |at: Position, message: &Message| {
            let mut places = places.iter();
            places.any(|place| self.places.contains_key(&(place.incarnation, at)))
                && retraction.covers(at, message)
        };
        let mut kept = self.messages.iter().rev();
        let found = kept.find(|(at, (_, message))| is_it(**at, message));
        if let Some(at) = found.map(|(at, _)| *at) {
            let message = &mut self.messages.get_mut(&at).unwrap().1;
            *message = Arc::new(retraction.bury_again(message));
        }
    }

    pub(super) fn message(&self, at: Position) -> Arc<Message> {
        Arc::clone(&self.messages[&at].1)
    }

    fn take(&mut self, own: Incarnation, frontier: &Frontier) {
        for position in self.untaken_of(own) {
            if !frontier.covers(position, |a, b| self.epochs.follows(a, b)) {
                continue;
            }
            self.untaken.remove(&(own, position));
            if !self.places[&(own, position)].archived {
                self.places.remove(&(own, position));
            }
        }
    }

    fn put(&mut self, entry: &Entry, sub: u8, record: &RecordKey, name: RowName, row: Option<Row>) {
        let cell = Cell::new(entry.position.with_sub(sub), entry.stamp, row);
        let rows = self.records.entry(record.clone()).or_default();
        rows.put(name, cell);
    }

    fn clear(&mut self, archive: Incarnation, upto: Position) {
        let is_left = |own: Incarnation, position| own != archive || position > upto;
        self.places
            .retain(|(own, position), _| is_left(*own, *position));
        self.untaken
            .retain(|(own, position)| is_left(*own, *position));
    }

    /// The record's rows, without counts of old streams.
    pub(super) fn rows(&self, record: &RecordKey) -> Rows {
        let now = Timestamp::from_unix_ms(self.stamp.unix_ms());
        let mut rows = Rows::default();
        for (name, cell) in self.records.get(record).iter().flat_map(|rows| rows.iter()) {
            let is_old = matches!(&cell.row, Some(Row::Stream { stream })
                if stream.at.plus_ms(STREAM_ROW_MS) < now);
            if !is_old {
                rows.put(name.clone(), cell.clone());
            }
        }
        rows
    }

    pub(super) fn records(&self) -> impl Iterator<Item = &RecordKey> {
        self.records.keys()
    }

    pub(super) fn incarnation(&self, record: &RecordKey) -> Option<Incarnation> {
        let rows = self.records.get(record)?;
        match (rows.row(&RowName::Account), rows.row(&RowName::Room)) {
            (Some(Row::Account { row }), _) => Some(row.incarnation),
            (_, Some(Row::Room { row })) => Some(row.incarnation),
            _ => None,
        }
    }

    pub(super) fn untaken_of(&self, archive: Incarnation) -> BTreeSet<Position> {
        let all = (archive, Position::ZERO)..=(archive, Position::MAX);
        self.untaken.range(all).map(|key| key.1).collect()
    }

    /// An archive in its order, with what is only waiting to be taken.
    pub(super) fn archive(&self, owner: &Owner) -> Vec<(Position, &Place)> {
        let Some(own) = self.incarnation(&record_of(owner)) else {
            return Vec::new();
        };
        let all = (own, Position::ZERO)..=(own, Position::MAX);
        self.places
            .range(all)
            .map(|((_, position), place)| (*position, place))
            .collect()
    }
}

impl Oracle {
    /// A page, found by looking at everything.
    pub(super) fn page(&self, page: &ArchivePage) -> Found {
        let archive = page.incarnation;
        let kept: Vec<(Position, &Place)> = self
            .places
            .range((archive, Position::ZERO)..=(archive, Position::MAX))
            .filter(|(_, place)| place.archived)
            .map(|((_, position), place)| (*position, place))
            .collect();
        let exists = |named: Position| kept.iter().any(|(position, _)| *position == named);
        if !page.named().all(exists) {
            return Found::NoSuchItem;
        }
        let mut rows: Vec<Kept> = Vec::new();
        for (position, place) in kept {
            let (stamp, message) = &self.messages[&position];
            let at = Timestamp::from_unix_ms(stamp.unix_ms());
            if page.matches(position, at, place) {
                rows.push(Kept {
                    position,
                    at,
                    message: Arc::clone(message),
                });
            }
        }
        let total = u64::try_from(rows.len()).ok();
        rows.retain(|row| page.reaches(row.position));
        let complete = rows.len() <= page.count_max;
        if page.backwards {
            rows.drain(..rows.len().saturating_sub(page.count_max));
        } else {
            rows.truncate(page.count_max);
        }
        Found::Page {
            rows,
            complete,
            total,
        }
    }

    pub(super) fn ends(&self, archive: Incarnation) -> (Option<Position>, Option<Position>) {
        let range = (archive, Position::ZERO)..=(archive, Position::MAX);
        let mut kept = self.places.range(range).filter(|(_, place)| place.archived);
        let first = kept.next().map(|((_, position), _)| *position);
        let last = kept.next_back().map(|((_, position), _)| *position);
        (first, last.or(first))
    }

    /// The accounts or rooms that exist; of rooms those that everybody may see.
    pub(super) fn list(&self, rooms: bool, public_only: bool) -> Vec<BareJid> {
        let mut found = Vec::new();
        for (record, rows) in &self.records {
            match (
                record,
                rows.row(&RowName::Account),
                rows.row(&RowName::Room),
            ) {
                (RecordKey::Account { jid }, Some(Row::Account { row }), _)
                    if !rooms && row.state != AccountState::Deleted =>
                {
                    found.push(jid.clone());
                }
                (RecordKey::Room { jid }, _, Some(Row::Room { row })) if rooms => {
                    let config = rows.row(&RowName::RoomConfig);
                    let is_public = matches!(config, Some(Row::RoomConfig { config })
                        if config.is_listed());
                    if !row.destroyed && (is_public || !public_only) {
                        found.push(jid.clone());
                    }
                }
                _ => {}
            }
        }
        found
    }

    /// What was kept since, whatever else happened: a tail removes nothing.
    pub(super) fn add_messages(&mut self, entry: &Entry) {
        for (sub, op) in subs().zip(&entry.ops) {
            if let Op::Durable {
                op: Durable::Message { message, places },
            } = op
            {
                let position = entry.position.with_sub(sub);
                let row = (entry.stamp, Arc::clone(message));
                self.messages.insert(position, row);
                for place in places {
                    self.places
                        .insert((place.incarnation, position), place.clone());
                }
            }
            if let Op::Durable {
                op: Durable::Retract { retraction, places },
            } = op
            {
                self.retract(retraction, places);
            }
        }
    }
}
