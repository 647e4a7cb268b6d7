//! Reading records and messages back.

use std::collections::BTreeSet;
use std::sync::Arc;

use redb::ReadTransaction;

use crate::base::ids::Incarnation;
use crate::base::limits::STREAM_ROW_MS;
use crate::base::time::Timestamp;
use crate::effect::query::Kept;
use crate::model::account::Account;
use crate::model::merge::is_old_journal;
use crate::model::position::Position;
use crate::model::record::Record;
use crate::model::room::Room;
use crate::model::row::RecordKey;
use crate::model::row::Rows;
use crate::store::clear::is_old_stream;
use crate::store::error::StoreError;
use crate::store::key::PlaceKey;
use crate::store::key::place_key;
use crate::store::key::place_position;
use crate::store::key::prefix_end;
use crate::store::key::read_name;
use crate::store::key::record_prefix;
use crate::store::read_meta;
use crate::store::schema;
use crate::store::schema::Archive;

pub(super) fn load(snapshot: &ReadTransaction, key: &RecordKey) -> Result<Record, StoreError> {
    let rows = load_rows(snapshot, key)?;
    Ok(match key {
        RecordKey::Node => Record::Node { rows },
        RecordKey::Leaf { .. } => Record::Leaf { rows },
        RecordKey::Account { .. } => {
            let mut account = Account {
                rows: Arc::new(rows),
                ..Account::default()
            };
            if let Some(archive) = account.incarnation() {
                let (untaken, unarchived) = load_untaken(snapshot, archive)?;
                account.untaken = Arc::new(untaken);
                account.unarchived = Arc::new(unarchived);
            }
            Record::Account { account }
        }
        RecordKey::Room { .. } => Record::Room {
            room: Room {
                rows: Arc::new(rows),
                ..Room::default()
            },
        },
    })
}

fn load_rows(snapshot: &ReadTransaction, key: &RecordKey) -> Result<Rows, StoreError> {
    let prefix = record_prefix(key);
    let end = prefix_end(&prefix);
    let now = read_meta(&snapshot.open_table(schema::META)?)?.stamp;
    let now = Timestamp::from_unix_ms(now.unix_ms());
    let mut rows = Rows::default();
    for table in [schema::ROWS, schema::MARKS] {
        let table = snapshot.open_table(table)?;
        for row in table.range(prefix.as_slice()..end.as_slice())? {
            let (key, value) = row?;
            let name = key.value().strip_prefix(&prefix[..]).unwrap_or_default();
            let cell = schema::read_cell(value.value())?;
            let name = read_name(name)?;
            if !is_old_stream(&cell, now, STREAM_ROW_MS) && !is_old_journal(&name, &cell, now) {
                rows.put(name, cell);
            }
        }
    }
    Ok(rows)
}

/// What waits for the account's devices, and what of it the archive does not hold. Takes time in proportion to its number.
fn load_untaken(
    snapshot: &ReadTransaction,
    archive: Incarnation,
) -> Result<(BTreeSet<Position>, BTreeSet<Position>), StoreError> {
    let cleared = read_archive(snapshot, archive)?.map_or(Position::ZERO, |sums| sums.cleared);
    let (mut untaken, mut unarchived) = (BTreeSet::new(), BTreeSet::new());
    let (low, high) = (
        place_key(archive, Position::ZERO),
        place_key(archive, Position::MAX),
    );
    for row in snapshot
        .open_table(schema::UNTAKEN)?
        .range::<&PlaceKey>(&low..=&high)?
    {
        let (key, is_archived) = row?;
        let position = place_position(key.value());
        if position > cleared {
            untaken.insert(position);
            if !is_archived.value() {
                unarchived.insert(position);
            }
        }
    }
    Ok((untaken, unarchived))
}

pub(super) fn read_archive(
    snapshot: &ReadTransaction,
    archive: Incarnation,
) -> Result<Option<Archive>, StoreError> {
    let table = snapshot.open_table(schema::ARCHIVES)?;
    match table.get(archive.0)? {
        Some(value) => Ok(Some(schema::from_value(value.value())?)),
        None => Ok(None),
    }
}

pub(super) fn fetch(
    snapshot: &ReadTransaction,
    positions: &[Position],
    bytes_max: usize,
) -> Result<Vec<Kept>, StoreError> {
    let table = snapshot.open_table(schema::MESSAGES)?;
    let (mut found, mut bytes) = (Vec::new(), 0_usize);
    for position in positions {
        if bytes >= bytes_max {
            break;
        }
        let Some(value) = table.get(&position.to_bytes())? else {
            continue;
        };
        let (stamp, message) = schema::read_message(value.value())?;
        bytes = bytes.saturating_add(message.payload.len());
        found.push(Kept {
            position: *position,
            at: Timestamp::from_unix_ms(stamp.unix_ms()),
            message: Arc::new(message),
        });
    }
    Ok(found)
}
