//! Removal in bounded steps: of what archives have cleared, of old streams.
//!
//! A reader does not see any of it from the moment it was cleared. Each checkpoint removes a number
//! of rows; what is left is remembered in the table `work`, so that a restart goes on with it.

use std::ops::Bound;

use redb::ReadableTable as _;

use crate::base::ids::Incarnation;
use crate::base::limits::STREAM_ROW_MS;
use crate::base::limits::STREAM_ROW_MS_MIN;
use crate::base::limits::STREAM_ROWS_MAX;
use crate::base::mirror_limits::JOURNAL_LOOKS;
use crate::base::time::Timestamp;
use crate::model::merge::is_old_journal;
use crate::model::position::Position;
use crate::model::row::Cell;
use crate::model::row::Row;
use crate::model::row::RowName;
use crate::store::changes::Changes;
use crate::store::error::StoreError;
use crate::store::key::PlaceKey;
use crate::store::key::journal_range;
use crate::store::key::place_key;
use crate::store::key::place_position;
use crate::store::schema;

const UNREADABLE: StoreError = StoreError::Corrupt { place: "work" };

/// Removes up to `rows_max` rows, before the entries of the checkpoint are applied.
pub(super) fn clear(changes: &mut Changes<'_>, rows_max: usize) -> Result<(), StoreError> {
    let mut jobs = Vec::new();
    for job in changes.tables.work.iter()?.take(rows_max) {
        jobs.push(job?.0.value().to_vec());
    }
    let mut left = rows_max;
    for key in jobs {
        if left == 0 {
            break;
        }
        let done = match key.split_first() {
            Some((1, archive)) => {
                let archive = archive.try_into().map_err(|_| UNREADABLE)?;
                let archive = Incarnation(u64::from_be_bytes(archive));
                clear_archive(changes, archive, &mut left)?
            }
            _ => return Err(UNREADABLE),
        };
        if done {
            changes.work.insert(key, None);
        }
    }
    Ok(())
}

/// Whether the archive is through.
fn clear_archive(
    changes: &mut Changes<'_>,
    archive: Incarnation,
    left: &mut usize,
) -> Result<bool, StoreError> {
    let Some(cleared) = changes.archive_mut(archive, None)?.map(|sums| sums.cleared) else {
        return Ok(true);
    };
    let (low, high) = (
        place_key(archive, Position::ZERO),
        place_key(archive, cleared),
    );
    let mut places = Vec::new();
    for row in changes
        .tables
        .places
        .range::<&PlaceKey>(&low..=&high)?
        .take(*left)
    {
        places.push(place_position(row?.0.value()));
    }
    for position in &places {
        changes.remove_place(archive, *position)?;
    }
    *left = left.saturating_sub(places.len());
    let mut untaken = Vec::new();
    for row in changes
        .tables
        .untaken
        .range::<&PlaceKey>(&low..=&high)?
        .take(*left)
    {
        untaken.push(place_position(row?.0.value()));
    }
    for position in &untaken {
        changes.set_untaken(archive, *position, None);
    }
    *left = left.saturating_sub(untaken.len());
    if *left == 0 {
        return Ok(false);
    }
    if let Some(sums) = changes.archive_mut(archive, None)? {
        sums.clearing = false;
    }
    Ok(true)
}

/// Whether a stream's count is older than this, when the log's time is `now`.
pub(super) fn is_old_stream(cell: &Cell, now: Timestamp, kept_ms: u64) -> bool {
    matches!(&cell.row, Some(Row::Stream { stream })
        if stream.at.plus_ms(kept_ms) < now)
}

/// Takes lost values out of the journal that nobody has asked for in time, when the log's time is `now`.
pub(super) fn drop_old_journal(
    changes: &mut Changes<'_>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let range = journal_range();
    let (first, end) = (range.start.as_slice(), range.end.as_slice());
    let rows = changes.tables.rows.range::<&[u8]>(first..end)?;
    let name = RowName::Lost { at: Position::ZERO };
    for row in rows.take(JOURNAL_LOOKS) {
        let (key, value) = row?;
        if is_old_journal(&name, &schema::read_cell(value.value())?, now) {
            changes.rows.insert(key.value().to_vec(), None);
        }
    }
    Ok(())
}

/// Looks at up to `rows_max` rows after `from` for counts of old streams, and says where it ended;
/// an empty key: at the end of the table.
pub(super) fn drop_old_streams(
    changes: &mut Changes<'_>,
    from: &[u8],
    now: Timestamp,
    rows_max: usize,
) -> Result<Vec<u8>, StoreError> {
    let range = (Bound::Excluded(from), Bound::Unbounded);
    let mut seen = 0;
    let mut last = Vec::new();
    let (mut owner, mut streams) = (Vec::new(), 0_usize);
    for row in changes.tables.marks.range::<&[u8]>(range)?.take(rows_max) {
        let (key, value) = row?;
        seen += 1;
        last.clear();
        last.extend_from_slice(key.value());
        let mut parts = key.value().splitn(2, |byte| *byte == 0);
        let (record, name) = (parts.next().unwrap_or_default(), parts.next());
        if name.is_none_or(|name| name.first() != Some(&11)) {
            continue;
        }
        if owner != record {
            (owner, streams) = (record.to_vec(), 0);
        }
        streams = streams.saturating_add(1);
        let kept_ms = if streams > STREAM_ROWS_MAX {
            STREAM_ROW_MS_MIN
        } else {
            STREAM_ROW_MS
        };
        if is_old_stream(&schema::read_cell(value.value())?, now, kept_ms) {
            changes.marks.insert(last.clone(), None);
        }
    }
    if seen < rows_max {
        last.clear();
    }
    Ok(last)
}
