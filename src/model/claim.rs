//! Two accounts or two rooms of one name, made on two branches of the log: whose record it is.
//!
//! One keeps the name (`mirror` rule R14), and shows nothing but what was written for it:
//! a password, a contact or a member of the other is not mixed in. What was written for the other stays
//! hidden in the cells until it has a record of its own (`core::rescue`).

use crate::base::ids::Incarnation;
use crate::model::account::AccountState;
use crate::model::epochs::Epochs;
use crate::model::epochs::Relation;
use crate::model::position::Position;
use crate::model::row::Cell;
use crate::model::row::RecordKey;
use crate::model::row::Row;
use crate::model::row::RowName;
use crate::model::row::Rows;
use crate::model::row::Write;

/// A name that somebody else was given as well.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Claim {
    /// Where the row stands of who keeps the name, as each branch wrote it last.
    own: Vec<Position>,
}

impl Claim {
    /// Whether the record has such a name.
    pub(crate) fn of(record: &RecordKey, rows: &Rows) -> Option<Self> {
        Self::of_cell(rows.cell(&root(record)?)?)
    }

    pub(crate) fn of_cell(cell: &Cell) -> Option<Self> {
        let keeper = incarnation(cell.row.as_ref())?;
        let is_own = |write: &&Write| incarnation(write.row.as_ref()) == Some(keeper);
        if cell.beside.iter().all(|write| is_own(&write)) {
            return None;
        }
        let own = cell.beside.iter().filter(is_own);
        let own = own.map(|write| write.at).collect();
        Some(Self { own })
    }

    /// Whether what was written there was written for another one. What both knew is nobody's else.
    pub(crate) fn hides(&self, name: &RowName, at: Position, epochs: &Epochs) -> bool {
        let is_beside = |own: &Position| epochs.relation(*own, at) == Relation::Beside;
        is_of_one(name) && self.own.iter().all(is_beside)
    }
}

/// The row that says that the account or the room exists.
pub(crate) fn root(record: &RecordKey) -> Option<RowName> {
    match record {
        RecordKey::Account { .. } => Some(RowName::Account),
        RecordKey::Room { .. } => Some(RowName::Room),
        RecordKey::Node | RecordKey::Leaf { .. } => None,
    }
}

/// Of the rows of a record: not those that are about its name, or about single messages and streams.
fn is_of_one(name: &RowName) -> bool {
    !matches!(
        name,
        RowName::Account
            | RowName::Room
            | RowName::Swept
            | RowName::Stream { .. }
            | RowName::Alias { .. }
            | RowName::Lost { .. }
    )
}

/// Whether the name is one's who lives, and the other row would make it another one's.
pub(crate) fn is_rival(one: Option<&Row>, other: Option<&Row>) -> bool {
    let (one_is, other_is) = (incarnation(one), incarnation(other));
    one_is.is_some() && other_is.is_some() && one_is != other_is && !is_over(one)
}

pub(crate) fn is_over(row: Option<&Row>) -> bool {
    match row {
        Some(Row::Account { row }) => row.state == AccountState::Deleted,
        Some(Row::Room { row }) => row.destroyed,
        _ => false,
    }
}

/// Which account or room the row is about.
pub(crate) fn incarnation(row: Option<&Row>) -> Option<Incarnation> {
    match row {
        Some(Row::Account { row }) => Some(row.incarnation),
        Some(Row::Room { row }) => Some(row.incarnation),
        _ => None,
    }
}
