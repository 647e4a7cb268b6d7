//! What archives have too much of: too old, or beyond their bytes.
//!
//! Nothing is removed here. What is found becomes `Expire` ops, which are numbered like every change
//! and so happen at the same place of the log on every node.
//!
//! What no device of an account has taken yet stays, whatever the bytes, until it is as old as
//! messages for offline users may become. A limit for all archives together is met by the largest:
//! none is cut below the size to which all larger ones are cut.

use redb::ReadTransaction;

use crate::base::ids::Incarnation;
use crate::base::limits::EXPIRE_ARCHIVES_MAX;
use crate::base::limits::EXPIRE_OPS_MAX;
use crate::base::limits::EXPIRE_ROWS_MAX;
use crate::base::time::Timestamp;
use crate::model::message::Owner;
use crate::model::op::Durable;
use crate::model::position::Position;
use crate::store::error::StoreError;
use crate::store::key::PlaceKey;
use crate::store::key::place_key;
use crate::store::key::place_position;
use crate::store::schema;
use crate::store::schema::Archive;
use crate::store::schema::PlaceValue;

/// How much an archive may hold; `None`: no bound.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Retention {
    pub(crate) age_ms_max: Option<u64>,
    pub(crate) bytes_max: Option<u64>,
}

/// The bounds of all archives.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct RetentionLimits {
    pub(crate) account: Retention,
    pub(crate) room: Retention,
    /// All archives together.
    pub(crate) total_bytes_max: Option<u64>,
    /// How long messages wait for an offline user; `None`: for ever.
    pub(crate) untaken_ms_max: Option<u64>,
    /// What stands above stays, whatever its age: the last position that both nodes of a pair know of,
    /// while each is alone. An `Expire` takes what another branch has at or below it unseen.
    pub(crate) upto_max: Option<Position>,
}

/// What one look has found.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Expired {
    /// To be numbered, in one entry.
    pub(crate) ops: Vec<Durable>,
    /// Where the next look begins; `None`: all archives were looked at.
    pub(crate) next: Option<Incarnation>,
}

/// Looks at a number of archives, beginning with `from`.
pub(super) fn find_expired(
    snapshot: &ReadTransaction,
    limits: &RetentionLimits,
    now: Timestamp,
    from: Incarnation,
) -> Result<Expired, StoreError> {
    let archives = snapshot.open_table(schema::ARCHIVES)?;
    let share = match limits.total_bytes_max {
        Some(total_max) => {
            let mut sizes = Vec::new();
            for row in archives.range::<u64>(..)? {
                let sums: Archive = schema::from_value(row?.1.value())?;
                sizes.push(sums.bytes);
            }
            fair_share(sizes, total_max)
        }
        None => u64::MAX,
    };
    let mut ops = Vec::new();
    for (seen, row) in archives.range(from.0..)?.enumerate() {
        let (key, value) = row?;
        let archive = Incarnation(key.value());
        if seen >= EXPIRE_ARCHIVES_MAX || ops.len() >= EXPIRE_OPS_MAX {
            let next = Some(archive);
            return Ok(Expired { ops, next });
        }
        let sums: Archive = schema::from_value(value.value())?;
        if sums.is_gone() || sums.clearing {
            continue;
        }
        let own = match sums.owner {
            Owner::Account { .. } => limits.account,
            Owner::Room { .. } => limits.room,
        };
        let bounds = Bounds {
            surplus: sums
                .bytes
                .saturating_sub(own.bytes_max.unwrap_or(u64::MAX).min(share)),
            too_old: own.age_ms_max.map(|age| now.minus_ms(age)),
            untaken_too_old: limits.untaken_ms_max.map(|age| now.minus_ms(age)),
            upto_max: limits.upto_max.unwrap_or(Position::MAX),
        };
        if let Some(upto) = bounds.find(snapshot, archive, sums.cleared)? {
            let owner = sums.owner;
            ops.push(Durable::Expire { owner, upto });
        }
    }
    Ok(Expired { ops, next: None })
}

/// The size that no archive may exceed, so that all together do not exceed `total_max`.
fn fair_share(mut sizes: Vec<u64>, total_max: u64) -> u64 {
    sizes.sort_unstable();
    let mut left = total_max;
    let mut count = u64::try_from(sizes.len()).unwrap_or(u64::MAX);
    for size in sizes {
        let share = left.checked_div(count).unwrap_or(u64::MAX);
        if size > share {
            return share;
        }
        left = left.saturating_sub(size);
        count = count.saturating_sub(1);
    }
    u64::MAX
}

/// What one archive has to give up.
struct Bounds {
    surplus: u64,
    too_old: Option<Timestamp>,
    untaken_too_old: Option<Timestamp>,
    upto_max: Position,
}

impl Bounds {
    /// Up to where the archive has too much, within what one step may remove.
    fn find(
        &self,
        snapshot: &ReadTransaction,
        archive: Incarnation,
        cleared: Position,
    ) -> Result<Option<Position>, StoreError> {
        if self.surplus == 0 && self.too_old.is_none() {
            return Ok(None);
        }
        let above = Position::from_u128(cleared.to_u128().saturating_add(1));
        if above > self.upto_max {
            return Ok(None);
        }
        let (low, high) = (place_key(archive, above), place_key(archive, self.upto_max));
        let untaken = snapshot.open_table(schema::UNTAKEN)?;
        let mut untaken = untaken.range::<&PlaceKey>(&low..=&high)?;
        let mut next_untaken = untaken.next().transpose()?;
        let places = snapshot.open_table(schema::PLACES)?;
        let (mut upto, mut bytes) = (None, 0_u64);
        for row in places
            .range::<&PlaceKey>(&low..=&high)?
            .take(EXPIRE_ROWS_MAX)
        {
            let (key, value) = row?;
            let position = place_position(key.value());
            let place = PlaceValue::from_bytes(*value.value());
            let is_untaken = next_untaken
                .as_ref()
                .is_some_and(|(waiting, _)| place_position(waiting.value()) == position);
            if is_untaken {
                next_untaken = untaken.next().transpose()?;
            }
            let is_too_old = self.too_old.is_some_and(|limit| place.at < limit);
            let may_go = !is_untaken || self.untaken_too_old.is_some_and(|limit| place.at < limit);
            if !may_go || !(is_too_old || bytes < self.surplus) {
                break;
            }
            bytes = bytes.saturating_add(place.bytes.into());
            upto = Some(position);
        }
        Ok(upto)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_archives_make_room() {
        assert_eq!(fair_share(vec![10, 500, 90], 1_000), u64::MAX);
        assert_eq!(fair_share(vec![10, 500, 90], 300), 200);
        assert_eq!(fair_share(vec![10, 500, 400], 210), 100);
        assert_eq!(fair_share(Vec::new(), 0), u64::MAX);
    }
}
