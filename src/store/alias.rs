//! Messages that are copies of others: each archive has one of the two, and knows the other by its id.
//!
//! The place of a copy stays, marked as an alias, and with it the message, so that whoever was shown it under
//! that id finds it there until the archive has expired as far. No page has it, and nobody waits for it.

use redb::ReadTransaction;
use redb::ReadableTable as _;

use crate::base::ids::Incarnation;
use crate::model::copies::Copies;
use crate::model::copies::Copy;
use crate::model::copies::CopyKey;
use crate::model::copies::Known;
use crate::model::epochs::Epochs;
use crate::model::position::Position;
use crate::model::row::RecordKey;
use crate::model::row::alias;
use crate::model::vector::Vector;
use crate::store::changes::Changes;
use crate::store::error::StoreError;
use crate::store::key::alias_range;
use crate::store::key::place_key;
use crate::store::key::read_name;
use crate::store::key::record_prefix;
use crate::store::schema;
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
    pub(super) fn aliases(&self, record: &RecordKey) -> Result<Vec<Copy>, StoreError> {
        let range = alias_range(record);
        let prefix = record_prefix(record).len();
        let name = |key: &[u8]| read_name(key.get(prefix..).unwrap_or_default());
        let mut found = Vec::new();
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
        Ok(found)
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
    for range in epochs.contestable(reach) {
        let (low, high) = (range.start().to_bytes(), range.end().to_bytes());
        for row in messages.range::<&[u8; 16]>(&low..=&high)? {
            let (key, value) = row?;
            let places = schema::read_places(value.value())?;
            let (_, message) = schema::read_message(value.value())?;
            if let Some(known) = CopyKey::new(&message, places.into_iter(), None) {
                let at = Position::from_bytes(*key.value());
                if let Some(copy) = copies.add(at, Known::new(known, None), epochs) {
                    copies.settle(copy);
                }
            }
        }
    }
    Ok(copies)
}
