//! What one account may leave: files, bytes in all, bytes a day.

use crate::base::ids::FileId;
use crate::base::time::Timestamp;
use crate::effect::settings::Upload;
use crate::model::account::Account;
use crate::model::file::FileRow;
use crate::model::row::Row;
use crate::model::row::RowName;

const DAY_MS: u64 = 86_400_000;

/// Which quota is full, and when there is room again.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Exceeded {
    pub(super) what: What,
    pub(super) until: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum What {
    Files { count_max: usize },
    Bytes { bytes_max: u64 },
    Day { bytes_max: u64 },
}

/// The files that are there for a reader.
fn files(account: &Account, now: Timestamp) -> impl Iterator<Item = &FileRow> {
    let first = RowName::File { id: FileId(0) };
    let rows = account.rows.from(&first);
    let rows = rows.take_while(|(name, _)| matches!(name, RowName::File { .. }));
    rows.filter_map(move |(_, cell)| match &cell.row {
        Some(Row::File { file }) if file.expires > now => Some(&**file),
        _ => None,
    })
}

/// The largest file that any quota has room for.
pub(super) fn file_bytes_max(upload: &Upload) -> u64 {
    let others = upload.bytes_max.min(upload.day_bytes_max);
    upload.file_bytes_max.min(others)
}

/// Whether one more of so many bytes fits.
pub(super) fn check(
    account: &Account,
    upload: &Upload,
    bytes: u64,
    now: Timestamp,
) -> Result<(), Exceeded> {
    let all: Vec<(Timestamp, u64)> = files(account, now)
        .map(|file| (file.expires, file.bytes))
        .collect();
    let each = all.iter().map(|(at, _)| (*at, 1)).collect();
    let count_max = upload.files_max;
    let count = u64::try_from(count_max).unwrap_or(u64::MAX);
    if let Err(until) = wait(each, 1, count) {
        let what = What::Files { count_max };
        return Err(Exceeded { what, until });
    }
    if let Err(until) = wait(all, bytes, upload.bytes_max) {
        let bytes_max = upload.bytes_max;
        let what = What::Bytes { bytes_max };
        return Err(Exceeded { what, until });
    }
    let fresh = files(account, now).map(|file| (file.uploaded.plus_ms(DAY_MS), file.bytes));
    let fresh = fresh.filter(|(leaves, _)| *leaves > now).collect();
    if let Err(until) = wait(fresh, bytes, upload.day_bytes_max) {
        let bytes_max = upload.day_bytes_max;
        let what = What::Day { bytes_max };
        return Err(Exceeded { what, until });
    }
    Ok(())
}

/// Whether `more` fits beside what is there, which leaves at its times; if not, when it will, if ever.
fn wait(mut there: Vec<(Timestamp, u64)>, more: u64, max: u64) -> Result<(), Option<Timestamp>> {
    there.sort_unstable();
    let mut sum = there
        .iter()
        .fold(more, |sum, (_, one)| sum.saturating_add(*one));
    if sum <= max {
        return Ok(());
    }
    for (leaves, one) in there {
        sum = sum.saturating_sub(one);
        if sum <= max {
            return Err(Some(leaves));
        }
    }
    Err(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_comes_when_enough_has_left() {
        let at = Timestamp::from_unix_ms;
        let there = vec![(at(30), 5), (at(10), 2), (at(20), 2)];
        assert_eq!(wait(there.clone(), 1, 10), Ok(()));
        assert_eq!(wait(there.clone(), 3, 10), Err(Some(at(10))));
        assert_eq!(wait(there.clone(), 5, 10), Err(Some(at(20))));
        assert_eq!(wait(there.clone(), 10, 10), Err(Some(at(30))));
        assert_eq!(wait(there, 11, 10), Err(None));
    }
}
