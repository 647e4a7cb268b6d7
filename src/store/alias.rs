//! Messages that are copies of others: each archive has one of the two, and knows the other by its id.
//!
//! The place of a copy stays, marked as an alias, and with it the message, so that whoever was shown it under
//! that id finds it there until the archive has expired as far. No page has it, and nobody waits for it.

use std::collections::BTreeMap;

use redb::ReadTransaction;
use redb::ReadableTable as _;

use crate::base::ids::Incarnation;
use crate::effect::records::record_of;
use crate::model::copies::Copies;
use crate::model::copies::Copy;
use crate::model::copies::CopyKey;
use crate::model::copies::Known;
use crate::model::copies::last_entry;
use crate::model::epochs::Epochs;
use crate::model::position::Position;
use crate::model::row::RecordKey;
use crate::model::row::RowName;
use crate::model::row::alias;
use crate::model::vector::Vector;
use crate::store::changes::Changes;
use crate::store::error::StoreError;
use crate::store::key::alias_range;
use crate::store::key::place_key;
use crate::store::key::read_name;
use crate::store::key::record_prefix;
use crate::store::key::row_key;
use crate::store::schema;
use crate::store::schema::Archive;
use crate::store::schema::PlaceValue;

impl Changes<'_> {
    /// The message becomes an alias of another one.
    pub(super) fn set_alias(
        &mut self,
        archive: Incarnation,
        position: Position,
    ) -> Result<(), StoreError> {
        let Some(place) = self.place(archive, position)?.filter(|one| !one.is_alias) else {
            return Ok(());
        };
        if !place.archived {
            // It was there for who takes it, and that is the other one now.
            return self.remove_place(archive, position);
        }
        if let Some(sums) = self.archive_mut(archive, None)? {
            sums.count = sums.count.saturating_sub(place.archived.into());
        }
        let alias = PlaceValue {
            archived: false,
            is_alias: true,
            ..place
        };
        self.places
            .insert(place_key(archive, position), Some(alias));
        Ok(())
    }

    /// The aliases in the archives of a record.
    pub(super) fn aliases(&self, record: &RecordKey) -> Result<Aliases, StoreError> {
        let range = alias_range(record);
        let prefix = record_prefix(record).len();
        let name = |key: &[u8]| read_name(key.get(prefix..).unwrap_or_default());
        let mut found: Vec<Copy> = Vec::new();
        let (first, end) = (range.start.as_slice(), range.end.as_slice());
        for row in self.tables.rows.range::<&[u8]>(first..end)? {
            let (key, value) = row?;
            if !self.rows.contains_key(key.value()) {
                let cell = schema::read_cell(value.value())?;
                found.extend(alias(&name(key.value())?, cell.row.as_ref()));
            }
        }
        for (key, value) in self.rows.range(range.clone()) {
            if let Some(value) = value {
                let cell = schema::read_cell(value)?;
                found.extend(alias(&name(key)?, cell.row.as_ref()));
            }
        }
        let pairs = found.into_iter().map(|copy| (copy.alias, copy.entry));
        Ok(Aliases(pairs.collect()))
    }
}

/// What each copy is one of.
pub(super) struct Aliases(BTreeMap<Position, Position>);

impl Aliases {
    pub(super) fn iter(&self) -> impl Iterator<Item = Position> {
        self.0.keys().copied()
    }

    /// The message that the archive has.
    pub(super) fn entry_of(&self, at: Position) -> Position {
        last_entry(at, |at| self.0.get(&at).copied())
    }

    /// All ids of the same message.
    pub(super) fn same(&self, at: Position) -> impl Iterator<Item = Position> {
        let entry = self.entry_of(at);
        let own = self
            .iter()
            .filter(move |copy| self.entry_of(*copy) == entry);
        own.chain([entry])
    }
}

/// What of the messages here another branch may have as well. Takes time in proportion to their number.
pub(super) fn read_copies(
    snapshot: &ReadTransaction,
    epochs: &Epochs,
    reach: &Vector,
) -> Result<Copies, StoreError> {
    let mut copies = Copies::default();
    let messages = snapshot.open_table(schema::MESSAGES)?;
    let archives = snapshot.open_table(schema::ARCHIVES)?;
    let rows = snapshot.open_table(schema::ROWS)?;
    // Below what was cleared names were given up.
    let lacks_name = |archive: Incarnation, copy: Copy| -> Result<Option<RecordKey>, StoreError> {
        let Some(archive) = archives.get(archive.0)? else {
            return Ok(None);
        };
        let archive: Archive = schema::from_value(archive.value())?;
        let record = record_of(&archive.owner);
        let key = row_key(&record, &RowName::Alias { at: copy.alias });
        let is_named = rows.get(key.as_slice())?.is_some();
        Ok((!is_named && copy.alias > archive.cleared).then_some(record))
    };
    for range in epochs.contestable(reach) {
        let (low, high) = (range.start().to_bytes(), range.end().to_bytes());
        for row in messages.range::<&[u8; 16]>(&low..=&high)? {
            let (key, value) = row?;
            let places = schema::read_places(value.value())?;
            let (_, message) = schema::read_message(value.value())?;
            let Some(known) = CopyKey::new(&message, places.iter().copied(), None) else {
                continue;
            };
            let at = Position::from_bytes(*key.value());
            let Some(copy) = copies.add(at, Known::new(known, None), epochs) else {
                continue;
            };
            let mut records = Vec::new();
            for (archive, _) in places {
                records.extend(lacks_name(archive, copy)?);
            }
            if records.is_empty() {
                copies.settle(copy);
            } else {
                copies.note_nameless(copy, records);
            }
        }
    }
    Ok(copies)
}
