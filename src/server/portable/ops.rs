//! The changes that make an account: begun, and usable in the end.

use std::sync::Arc;

use crate::model::account::AccountRow;
use crate::model::account::AccountState;
use crate::model::op::Durable;
use crate::model::row::RecordKey;
use crate::model::row::Row;
use crate::model::row::RowName;

/// Disabled, and with a note: nobody can use it, and another import may begin it again.
pub(super) fn begin(record: &RecordKey, account: AccountRow) -> Vec<Durable> {
    let disabled = AccountRow {
        state: AccountState::Disabled,
        ..account
    };
    let bytes = Arc::from(b"1".as_slice());
    vec![
        row(
            record,
            RowName::Account,
            Some(Row::Account { row: disabled }),
        ),
        row(record, note(), Some(Row::Bytes { bytes })),
    ]
}

/// As it is to be, without the note.
pub(super) fn end(record: &RecordKey, account: AccountRow) -> [Durable; 3] {
    [
        row(
            record,
            RowName::Account,
            Some(Row::Account { row: account }),
        ),
        row(record, note(), None),
        Durable::Forget {
            record: record.clone(),
            names: vec![note()],
        },
    ]
}

pub(super) fn row(record: &RecordKey, name: RowName, row: Option<Row>) -> Durable {
    let record = record.clone();
    Durable::Row { record, name, row }
}

/// The row that an account has while its import is under way.
pub(super) fn note() -> RowName {
    RowName::Text {
        name: "import".into(),
    }
}
