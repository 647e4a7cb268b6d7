//! Entries of the log become rows of the tables.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::base::time::Timestamp;
use crate::effect::state::record_of;
use crate::model::account::AccountState;
use crate::model::account::StreamRow;
use crate::model::entry::Entry;
use crate::model::entry::Origin;
use crate::model::epochs::Epochs;
use crate::model::message::Message;
use crate::model::message::Owner;
use crate::model::message::Place;
use crate::model::message::Role;
use crate::model::op::Durable;
use crate::model::op::Op;
use crate::model::op::numbered;
use crate::model::position::Hlc;
use crate::model::position::Position;
use crate::model::room::RoomConfig;
use crate::model::row::Cell;
use crate::model::row::RecordKey;
use crate::model::row::Row;
use crate::model::row::RowName;
use crate::store::changes::Changes;
use crate::store::changes::NewMessage;
use crate::store::changes::work_key_of_archive;
use crate::store::changes::work_key_of_record;
use crate::store::error::StoreError;
use crate::store::key::is_tombstone;
use crate::store::key::prefix_end;
use crate::store::key::record_prefix;
use crate::store::schema;
use crate::store::schema::PlaceValue;

/// Where and when an op stands.
#[derive(Clone, Copy)]
struct At {
    position: Position,
    stamp: Hlc,
}

/// Applies entries, in the order of the log, to what is collected for a checkpoint.
pub(super) struct Apply<'a, 't> {
    pub(super) changes: &'a mut Changes<'t>,
    pub(super) epochs: &'a Epochs,
}

/// Whether an entry was applied before: it is below the mark, on the branch that the mark stands on.
pub(super) fn is_applied(entry: &Entry, applied_to: Position, epochs: &Epochs) -> bool {
    let (own, mark) = (entry.position.epoch(), applied_to.epoch());
    entry.position <= applied_to.last_sub()
        && (own == mark || !epochs.knows(mark) || epochs.follows(own, mark))
}

impl Apply<'_, '_> {
    pub(super) fn apply(&mut self, entry: &Entry) -> Result<(), StoreError> {
        if let Some(origin) = &entry.origin {
            let at = At {
                position: entry.position,
                stamp: entry.stamp,
            };
            self.apply_origin(at, origin)?;
        }
        for (sub, op) in numbered(&entry.ops) {
            let Op::Durable { op } = op else { continue };
            let at = At {
                position: entry.position.with_sub(sub),
                stamp: entry.stamp,
            };
            self.apply_op(at, op)?;
        }
        Ok(())
    }

    fn apply_op(&mut self, at: At, op: &Durable) -> Result<(), StoreError> {
        match op {
            Durable::Row { record, name, row } => self.apply_row(at, record, name, row.as_ref()),
            Durable::Message { message, places } => self.apply_message(at, message, places),
            Durable::Expire { owner, upto } => self.apply_expire(owner, *upto),
            Durable::Sweep { record } => self.apply_sweep(at, record),
            Durable::Forget { record, names } => self.apply_forget(record, names),
        }
    }

    /// How far the stream behind the entry was counted. The count goes round at 2^32; the larger
    /// one of the same stream stays.
    fn apply_origin(&mut self, at: At, origin: &Origin) -> Result<(), StoreError> {
        let record = RecordKey::Account {
            jid: origin.jid.bare(),
        };
        let name = RowName::Stream { key: origin.key };
        if let Some(Row::Stream { stream }) =
            self.changes.cell(&record, &name)?.and_then(|cell| cell.row)
            && is_ahead(stream.h, origin.h)
        {
            return Ok(());
        }
        let stream = Arc::new(StreamRow {
            h: origin.h,
            iq: origin.iq.clone(),
            at: Timestamp::from_unix_ms(at.stamp.unix_ms()),
        });
        self.put(at, &record, &name, Some(Row::Stream { stream }));
        Ok(())
    }

    fn put(&mut self, at: At, record: &RecordKey, name: &RowName, row: Option<Row>) {
        let cell = Cell {
            at: at.position,
            stamp: at.stamp,
            row,
        };
        self.changes.put_row(record, name, &cell);
    }

    fn apply_row(
        &mut self,
        at: At,
        record: &RecordKey,
        name: &RowName,
        row: Option<&Row>,
    ) -> Result<(), StoreError> {
        self.put(at, record, name, row.cloned());
        match (record, name) {
            (RecordKey::Account { jid }, RowName::Account) => {
                let flags = match row {
                    Some(Row::Account { row }) => match row.state {
                        AccountState::Enabled => Some(0),
                        AccountState::Disabled => Some(schema::ACCOUNT_IS_DISABLED),
                        AccountState::Deleted => None,
                    },
                    _ => None,
                };
                self.changes.list_account(jid.as_str(), flags);
            }
            (RecordKey::Room { jid }, RowName::Room) => {
                let exists = matches!(row, Some(Row::Room { row }) if !row.destroyed);
                let flags = if exists {
                    Some(self.flags_of_room(record)?)
                } else {
                    None
                };
                self.changes.list_room(jid.as_str(), flags);
            }
            (RecordKey::Room { jid }, RowName::RoomConfig)
                if self.changes.room_is_listed(jid.as_str())? =>
            {
                let flags = self.flags_of_room(record)?;
                self.changes.list_room(jid.as_str(), Some(flags));
            }
            (RecordKey::Account { .. }, RowName::Frontier) => {
                if let Some(Row::Frontier { frontier }) = row {
                    self.take(record, |position| {
                        frontier.covers(position, |a, b| self.epochs.follows(a, b))
                    })?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn flags_of_room(&self, record: &RecordKey) -> Result<u8, StoreError> {
        let cell = self.changes.cell(record, &RowName::RoomConfig)?;
        let config = match cell.and_then(|cell| cell.row) {
            Some(Row::RoomConfig { config }) => config,
            _ => Arc::new(RoomConfig::default()),
        };
        let flag = |is: bool, flag: u8| if is { flag } else { 0 };
        Ok(flag(config.is_listed(), schema::ROOM_IS_PUBLIC)
            | flag(!config.persistent, schema::ROOM_IS_FLEETING))
    }

    /// Devices have taken what `covers` says; what was kept for them alone goes.
    fn take(
        &mut self,
        record: &RecordKey,
        covers: impl Fn(Position) -> bool,
    ) -> Result<(), StoreError> {
        let Some(archive) = self.changes.incarnation(record)? else {
            return Ok(());
        };
        let untaken: BTreeMap<Position, bool> = self.changes.untaken(archive)?;
        for (position, archived) in untaken {
            if !covers(position) {
                continue;
            }
            self.changes.set_untaken(archive, position, None);
            if !archived {
                self.changes.remove_place(archive, position)?;
            }
        }
        Ok(())
    }

    fn apply_message(
        &mut self,
        at: At,
        message: &Arc<Message>,
        places: &[Place],
    ) -> Result<(), StoreError> {
        let mut kept = Vec::with_capacity(places.len());
        for place in places {
            // What nobody has to take and no archive wants is for those who are here.
            if place.role == Role::Sent && !place.archived {
                continue;
            }
            let archive = self
                .changes
                .archive_mut(place.incarnation, Some(&place.owner))?;
            if archive.is_none_or(|archive| archive.is_gone()) {
                continue;
            }
            let value = PlaceValue::new(place, at.stamp, message);
            self.changes
                .put_place(place.incarnation, at.position, value);
            if place.role == Role::Received {
                self.changes
                    .set_untaken(place.incarnation, at.position, Some(place.archived));
            }
            kept.push((place.incarnation, place.role));
        }
        if !kept.is_empty() {
            let message = NewMessage {
                message: Arc::clone(message),
                stamp: at.stamp,
                places: kept,
            };
            self.changes.put_message(at.position, message);
        }
        Ok(())
    }

    fn apply_expire(&mut self, owner: &Owner, upto: Position) -> Result<(), StoreError> {
        let Some(archive) = self.changes.incarnation(&record_of(owner))? else {
            return Ok(());
        };
        if let Some(sums) = self.changes.archive_mut(archive, None)?
            && upto > sums.cleared
        {
            sums.cleared = upto;
            sums.clearing = true;
            self.changes
                .work
                .insert(work_key_of_archive(archive), Some(Vec::new()));
        }
        Ok(())
    }

    fn apply_forget(&mut self, record: &RecordKey, names: &[RowName]) -> Result<(), StoreError> {
        for name in names {
            let cell = self.changes.cell(record, name)?;
            if cell.is_some_and(|cell| cell.row.is_none()) {
                self.changes.forget_row(record, name);
            }
        }
        Ok(())
    }

    /// From here on nothing of the record is there for a reader but that it was; what the tables
    /// hold of it is removed step by step.
    fn apply_sweep(&mut self, at: At, record: &RecordKey) -> Result<(), StoreError> {
        let prefix = record_prefix(record);
        let range = prefix.clone()..prefix_end(&prefix);
        for rows in [&mut self.changes.rows, &mut self.changes.marks] {
            let fresh: Vec<Vec<u8>> = rows
                .range(range.clone())
                .filter(|(key, value)| {
                    value.is_some() && !key.strip_prefix(&prefix[..]).is_some_and(is_tombstone)
                })
                .map(|(key, _)| key.clone())
                .collect();
            for key in fresh {
                rows.remove(&key);
            }
        }
        self.changes.work.insert(
            work_key_of_record(&prefix),
            Some(schema::to_value(&at.position)),
        );
        let owner = match record {
            RecordKey::Node => return Ok(()),
            RecordKey::Account { jid } => Owner::Account { jid: jid.clone() },
            RecordKey::Room { jid } => Owner::Room { jid: jid.clone() },
        };
        let Some(archive) = self.changes.incarnation(record)? else {
            return Ok(());
        };
        if let Some(sums) = self.changes.archive_mut(archive, Some(&owner))? {
            sums.cleared = Position::MAX;
            sums.clearing = true;
        }
        self.changes
            .work
            .insert(work_key_of_archive(archive), Some(Vec::new()));
        Ok(())
    }
}

/// Whether the count `a` is ahead of `b` on the circle of 2^32.
fn is_ahead(a: u32, b: u32) -> bool {
    let distance = a.wrapping_sub(b);
    distance != 0 && distance < 1 << 31
}
