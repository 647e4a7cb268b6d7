//! The files of all accounts, a number of accounts at a time.

use redb::ReadTransaction;

use crate::base::ids::FileId;
use crate::base::jid::BareJid;
use crate::model::file::FileRow;
use crate::model::row::RecordKey;
use crate::model::row::Row;
use crate::model::row::RowName;
use crate::store::error::StoreError;
use crate::store::key::bare;
use crate::store::key::file_range;
use crate::store::key::read_name;
use crate::store::key::record_prefix;
use crate::store::schema;

/// Accounts that are looked at in one step.
const ACCOUNTS_MAX: usize = 256;

/// What one look has found.
#[derive(Debug)]
pub(crate) struct Files {
    pub(crate) rows: Vec<(BareJid, FileId, FileRow)>,
    /// After whom the next look begins; `None`: that was all.
    pub(crate) next: Option<BareJid>,
}

pub(super) fn find(
    snapshot: &ReadTransaction,
    after: Option<&BareJid>,
) -> Result<Files, StoreError> {
    let accounts = snapshot.open_table(schema::ACCOUNTS)?;
    let table = snapshot.open_table(schema::ROWS)?;
    let from = match after {
        Some(after) => std::ops::Bound::Excluded(after.as_str()),
        None => std::ops::Bound::Unbounded,
    };
    let (mut rows, mut next) = (Vec::new(), None);
    let listed = accounts.range::<&str>((from, std::ops::Bound::Unbounded))?;
    for (seen, account) in listed.enumerate() {
        if seen == ACCOUNTS_MAX {
            return Ok(Files { rows, next });
        }
        let (name, _) = account?;
        let jid = bare(name.value())?;
        let record = RecordKey::Account { jid: jid.clone() };
        let prefix = record_prefix(&record);
        let range = file_range(&record);
        for row in table.range(range.start.as_slice()..range.end.as_slice())? {
            let (key, value) = row?;
            let name = key.value().strip_prefix(&prefix[..]).unwrap_or_default();
            let cell = schema::read_cell(value.value())?;
            if let (RowName::File { id }, Some(Row::File { file })) = (read_name(name)?, cell.row) {
                rows.push((jid.clone(), id, (*file).clone()));
            }
        }
        next = Some(jid);
    }
    Ok(Files { rows, next: None })
}
