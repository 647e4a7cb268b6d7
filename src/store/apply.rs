//! Entries of the log become rows of the tables.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::base::ids::Incarnation;
use crate::base::time::Timestamp;
use crate::effect::records::record_of;
use crate::model::account::AccountState;
use crate::model::account::StreamRow;
use crate::model::claim;
use crate::model::claim::Claim;
use crate::model::copies::Copy;
use crate::model::entry::Entry;
use crate::model::entry::Origin;
use crate::model::epochs::Epochs;
use crate::model::frontier::Frontier;
use crate::model::merge;
use crate::model::merge::Merged;
use crate::model::message::Message;
use crate::model::message::Owner;
use crate::model::message::Place;
use crate::model::message::Role;
use crate::model::op::Durable;
use crate::model::op::Op;
use crate::model::op::numbered;
use crate::model::position::Epoch;
use crate::model::position::Hlc;
use crate::model::position::Position;
use crate::model::room::RoomConfig;
use crate::model::row::Cell;
use crate::model::row::RecordKey;
use crate::model::row::Row;
use crate::model::row::RowName;
use crate::model::row::Write;
use crate::model::row::alias;
use crate::model::vector::Vector;
use crate::store::changes::Changes;
use crate::store::changes::NewMessage;
use crate::store::changes::incarnation_of;
use crate::store::changes::work_key_of_archive;
use crate::store::error::StoreError;
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
    /// How far entries were applied before this checkpoint, and by it.
    reach: &'a Vector,
    fresh: Vector,
    /// Nothing that was applied stands beside the entry, so what it writes is what holds.
    is_ahead: bool,
    epoch: Epoch,
}

impl<'a, 't> Apply<'a, 't> {
    pub(super) fn new(changes: &'a mut Changes<'t>, epochs: &'a Epochs, reach: &'a Vector) -> Self {
        Self {
            changes,
            epochs,
            reach,
            fresh: Vector::default(),
            is_ahead: false,
            epoch: Epoch::default(),
        }
    }

    /// How far the entries go that were applied.
    pub(super) fn into_fresh(self) -> Vector {
        self.fresh
    }

    pub(super) fn apply(&mut self, entry: &Entry) -> Result<(), StoreError> {
        let epoch = entry.position.epoch();
        if epoch != self.epoch {
            self.epoch = epoch;
            let stands_on = |reach| self.epochs.stands_on_all(epoch, reach);
            self.is_ahead = stands_on(self.reach) && stands_on(&self.fresh);
        }
        self.fresh.add(entry.position);
        self.changes.reach(entry.position)?;
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
            Durable::Retract { retraction, places } => {
                self.apply_retraction(at.position, retraction, places)
            }
            Durable::Expire { owner, upto } => self.apply_expire(owner, *upto),
            Durable::Sweep { record } => self.apply_sweep(at, record),
            Durable::Forget { record, names } => self.apply_forget(at, record, names),
        }
    }

    /// How far the stream behind the entry was counted. The count goes round at 2^32; the larger
    /// one of the same stream stays.
    fn apply_origin(&mut self, at: At, origin: &Origin) -> Result<(), StoreError> {
        let record = RecordKey::Account {
            jid: origin.jid.bare(),
        };
        let name = RowName::Stream { key: origin.key };
        let stream = Arc::new(StreamRow {
            h: origin.h,
            iq: origin.iq.clone(),
            at: Timestamp::from_unix_ms(at.stamp.unix_ms()),
        });
        self.merge(at, &record, &name, Some(Row::Stream { stream }))?;
        Ok(())
    }

    /// Writes a row; gives the row that is shown now, if that is another.
    fn put(
        &mut self,
        at: At,
        record: &RecordKey,
        name: &RowName,
        row: Option<Row>,
    ) -> Result<Option<Cell>, StoreError> {
        // Whether somebody else has the name too, its row tells; and a part stands beside the rest.
        let is_part = row.as_ref().is_some_and(Row::is_part);
        if !self.is_ahead || is_part || claim::root(record).as_ref() == Some(name) {
            return self.merge(at, record, name, row);
        }
        let cell = Cell::new(at.position, at.stamp, row);
        self.changes.put_row(record, name, &cell);
        Ok(Some(cell))
    }

    /// By the rule of the row, where another branch may have written it as well.
    fn merge(
        &mut self,
        at: At,
        record: &RecordKey,
        name: &RowName,
        row: Option<Row>,
    ) -> Result<Option<Cell>, StoreError> {
        let swept = self.changes.cell(record, &RowName::Swept)?;
        if swept.is_some_and(|swept| merge::is_swept(name, &swept, at.position, self.epochs)) {
            if let Some(archive) = row.as_ref().and_then(incarnation_of) {
                self.end_archive(record, archive)?;
            }
            return Ok(None);
        }
        let old = self.changes.cell(record, name)?;
        let new = Write {
            at: at.position,
            stamp: at.stamp,
            row,
        };
        let claim = self.claim(record)?;
        let Some(merged) = merge::merge(name, old.as_ref(), new, (self.epochs, claim.as_ref()))
        else {
            return Ok(None);
        };
        self.put_merged(record, name, &merged);
        if claim::root(record).as_ref() == Some(name) {
            self.hide_others(record, claim.as_ref())?;
        }
        Ok(Some(merged.cell))
    }

    fn claim(&self, record: &RecordKey) -> Result<Option<Claim>, StoreError> {
        let Some(root) = claim::root(record) else {
            return Ok(None);
        };
        let cell = self.changes.cell(record, &root)?;
        Ok(cell.as_ref().and_then(Claim::of_cell))
    }

    /// Of two creations of the name one is shown. `before`: what was hidden until now.
    fn hide_others(
        &mut self,
        record: &RecordKey,
        before: Option<&Claim>,
    ) -> Result<(), StoreError> {
        let claim = self.claim(record)?;
        if claim.as_ref() == before {
            return Ok(());
        }
        for name in self.changes.names(record)? {
            if let Some(cell) = self.changes.cell(record, &name)? {
                let cell = merge::claimed(&name, &cell, (self.epochs, claim.as_ref()));
                self.changes.put_row(record, &name, &cell);
            }
        }
        Ok(())
    }

    fn put_merged(&mut self, record: &RecordKey, name: &RowName, merged: &Merged) {
        self.changes.put_row(record, name, &merged.cell);
        for at in &merged.found {
            let name = RowName::Lost { at: *at };
            self.changes.forget_row(&RecordKey::Node, &name);
        }
        for lost in &merged.lost {
            let (name, cell) = merge::journal_row(record, name, lost);
            self.changes.put_row(&RecordKey::Node, &name, &cell);
        }
    }

    fn apply_row(
        &mut self,
        at: At,
        record: &RecordKey,
        name: &RowName,
        row: Option<&Row>,
    ) -> Result<(), StoreError> {
        if let (RecordKey::Account { .. }, Some(Row::Frontier { frontier })) = (record, row) {
            self.take(record, frontier)?;
        }
        let put = self.put(at, record, name, row.cloned())?;
        if let Some(copy) = alias(name, row) {
            self.apply_alias(record, copy)?;
        }
        let Some(cell) = put else {
            return Ok(());
        };
        let row = cell.row.as_ref();
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

    fn covers(&self, frontier: &Frontier, position: Position) -> bool {
        frontier.covers(position, |a, b| self.epochs.follows(a, b))
    }

    /// Devices have taken what the frontier covers, under whichever of its ids; what was kept for them
    /// alone goes.
    fn take(&mut self, record: &RecordKey, frontier: &Frontier) -> Result<(), StoreError> {
        let copies = self.changes.aliases(record)?;
        let taken = copies.iter().filter(|copy| self.covers(frontier, *copy));
        let copied: BTreeSet<Position> = taken.map(|copy| copies.entry_of(copy)).collect();
        for archive in self.changes.incarnations(record)? {
            for (position, archived) in self.changes.untaken(archive)? {
                if copied.contains(&position) || self.covers(frontier, position) {
                    self.take_one(archive, position, archived)?;
                }
            }
        }
        Ok(())
    }

    fn take_one(
        &mut self,
        archive: Incarnation,
        position: Position,
        archived: bool,
    ) -> Result<(), StoreError> {
        self.changes.set_untaken(archive, position, None);
        if !archived {
            self.changes.remove_place(archive, position)?;
        }
        Ok(())
    }

    /// A message is known to be a copy: it waits for nobody, and a device that has taken it has the other.
    fn apply_alias(&mut self, record: &RecordKey, copy: Copy) -> Result<(), StoreError> {
        let copies = self.changes.aliases(record)?;
        let entry = copies.entry_of(copy.entry);
        let cell = self.changes.cell(record, &RowName::Frontier)?;
        let is_taken = match cell.and_then(|cell| cell.row) {
            Some(Row::Frontier { frontier }) => {
                let mut same = copies.same(entry).chain([copy.alias]);
                same.any(|one| self.covers(&frontier, one))
            }
            _ => false,
        };
        for archive in self.changes.incarnations(record)? {
            self.changes.share_tombstone(archive, copy)?;
            self.changes.set_alias(archive, copy.alias)?;
            self.changes.set_untaken(archive, copy.alias, None);
            let untaken = self.changes.untaken(archive)?;
            if let Some(archived) = untaken.get(&entry).filter(|_| is_taken) {
                self.take_one(archive, entry, *archived)?;
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
            if !place.is_kept() {
                continue;
            }
            let archive = self
                .changes
                .archive_mut(place.incarnation, Some(&place.owner))?;
            // What another branch has kept may have expired here.
            if archive.is_none_or(|archive| at.position <= archive.cleared) {
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
        for archive in self.changes.incarnations(&record_of(owner))? {
            if let Some(sums) = self.changes.archive_mut(archive, None)?
                && upto > sums.cleared
            {
                sums.cleared = upto;
                sums.clearing = true;
                self.changes
                    .work
                    .insert(work_key_of_archive(archive), Some(Vec::new()));
            }
        }
        let record = record_of(owner);
        let copies = self.changes.aliases(&record)?;
        for at in copies.iter().filter(|copy| *copy <= upto) {
            let name = RowName::Alias { at };
            self.changes.forget_row(&record, &name);
        }
        Ok(())
    }

    fn apply_forget(
        &mut self,
        at: At,
        record: &RecordKey,
        names: &[RowName],
    ) -> Result<(), StoreError> {
        for name in names {
            let Some(cell) = self.changes.cell(record, name)? else {
                continue;
            };
            let claim = self.claim(record)?;
            match merge::forget(name, &cell, at.position, (self.epochs, claim.as_ref())) {
                Some(left) => self.put_merged(record, name, &left),
                None => self.changes.forget_row(record, name),
            }
        }
        Ok(())
    }

    /// Nothing of the record stays but that it was; its archive goes step by step.
    fn apply_sweep(&mut self, at: At, record: &RecordKey) -> Result<(), StoreError> {
        let name = match record {
            RecordKey::Node | RecordKey::Leaf { .. } => None,
            RecordKey::Account { .. } => Some(RowName::Account),
            RecordKey::Room { .. } => Some(RowName::Room),
        };
        let begun = match &name {
            Some(name) => self.changes.cell(record, name)?,
            None => None,
        };
        for archive in begun.iter().flat_map(|cell| {
            let ended = merge::ended_by(cell, at.position, self.epochs);
            ended.into_iter().filter_map(|row| incarnation_of(&row))
        }) {
            self.end_archive(record, archive)?;
        }
        for name in self.changes.names(record)? {
            if self.is_ahead && !merge::outlives_sweep(&name) {
                self.changes.forget_row(record, &name);
                continue;
            }
            let Some(cell) = self.changes.cell(record, &name)? else {
                continue;
            };
            match merge::sweep(&name, &cell, at.position, self.epochs) {
                Some(left) => self.changes.put_row(record, &name, &left),
                None => self.changes.forget_row(record, &name),
            }
        }
        if merge::may_be_beside(self.epochs, at.position) {
            self.merge(at, record, &RowName::Swept, None)?;
        }
        for name in self.changes.names(&RecordKey::Node)? {
            let is_lost = matches!(name, RowName::Lost { .. });
            let cell = self.changes.cell(&RecordKey::Node, &name)?;
            if is_lost
                && let Some(cell) = cell
                && merge::is_lost_with(record, &cell, at.position, self.epochs)
            {
                self.changes.forget_row(&RecordKey::Node, &name);
            }
        }
        Ok(())
    }

    /// From here on nothing of the archive is there for a reader, nor comes into it.
    fn end_archive(&mut self, record: &RecordKey, archive: Incarnation) -> Result<(), StoreError> {
        let owner = match record {
            RecordKey::Node | RecordKey::Leaf { .. } => return Ok(()),
            RecordKey::Account { jid } => Owner::Account { jid: jid.clone() },
            RecordKey::Room { jid } => Owner::Room { jid: jid.clone() },
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
