//! One hash over all that the tables say, for comparing two nodes.
//!
//! Every cell, and every message with the places where a reader finds it. Left out is what a node has for
//! itself (how far its log is applied, the conflict journal: after a link that broke while it brought a
//! branch each knows of conflicts that the other never saw), what follows from the rest (lists, sizes,
//! the clock), and what is cleared and only waits to be removed.

use redb::ReadTransaction;
use ring::digest;

use crate::base::ids::Incarnation;
use crate::base::limits::STREAM_ROW_MS_MIN;
use crate::base::time::Timestamp;
use crate::store::clear::is_old_stream;
use crate::store::error::StoreError;
use crate::store::key::PlaceKey;
use crate::store::key::place_position;
use crate::store::load::read_archive;
use crate::store::read_meta;
use crate::store::schema;

/// What the keys of the journal begin with: the node's record, the tag of its rows.
const JOURNAL: &[u8] = &[0, 0, 19];

/// Reads every row once.
pub(super) fn digest(snapshot: &ReadTransaction) -> Result<[u8; 32], StoreError> {
    let mut sum = digest::Context::new(&digest::SHA256);
    visit(snapshot, &mut |key, value| {
        for bytes in [key, value] {
            let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
            sum.update(&length.to_be_bytes());
            sum.update(bytes);
        }
    })?;
    Ok(sum.finish().as_ref().try_into().unwrap_or_default())
}

/// Gives everything that holds to `take`, as key and value.
pub(super) fn visit(
    snapshot: &ReadTransaction,
    take: &mut dyn FnMut(&[u8], &[u8]),
) -> Result<(), StoreError> {
    let now = read_meta(&snapshot.open_table(schema::META)?)?.stamp;
    let now = Timestamp::from_unix_ms(now.unix_ms());
    for table in [schema::ROWS, schema::MARKS] {
        for row in snapshot.open_table(table)?.range::<&[u8]>(..)? {
            let (key, value) = row?;
            let is_lost = key.value().starts_with(JOURNAL);
            let cell = schema::read_cell(value.value())?;
            if !is_lost && !is_old_stream(&cell, now, STREAM_ROW_MS_MIN) {
                take(key.value(), value.value());
            }
        }
    }
    let messages = snapshot.open_table(schema::MESSAGES)?;
    let places = snapshot.open_table(schema::PLACES)?;
    for row in places.range::<&PlaceKey>(..)? {
        let (key, value) = row?;
        if is_cleared(snapshot, key.value())? {
            continue;
        }
        take(key.value(), value.value());
        let position = place_position(key.value()).to_bytes();
        if let Some(message) = messages.get(&position)? {
            let (stamp, message) = schema::read_message(message.value())?;
            take(&position, &schema::message_value(&message, stamp, &[]));
        }
    }
    let untaken = snapshot.open_table(schema::UNTAKEN)?;
    for row in untaken.range::<&PlaceKey>(..)? {
        let (key, value) = row?;
        if !is_cleared(snapshot, key.value())? {
            take(key.value(), &[value.value().into()]);
        }
    }
    for row in snapshot.open_table(schema::EPOCHS)?.range::<&[u8]>(..)? {
        let (key, value) = row?;
        take(key.value(), value.value());
    }
    Ok(())
}

fn is_cleared(snapshot: &ReadTransaction, key: &PlaceKey) -> Result<bool, StoreError> {
    let archive = key.first_chunk().copied().unwrap_or_default();
    let sums = read_archive(snapshot, Incarnation(u64::from_be_bytes(archive)))?;
    Ok(sums.is_some_and(|sums| place_position(key) <= sums.cleared))
}
