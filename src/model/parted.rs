//! What a record holds of somebody else who was given its name as well, and how the two part.

use crate::model::claim;
use crate::model::claim::Claim;
use crate::model::epochs::Epochs;
use crate::model::merge;
use crate::model::op::Op;
use crate::model::position::Position;
use crate::model::row::RecordKey;
use crate::model::row::Row;
use crate::model::row::RowName;
use crate::model::row::Rows;
use crate::model::row::Write;

/// The other one of a name (`model::claim`).
#[derive(Clone, Debug)]
pub(crate) struct Other {
    /// That it exists, as it was written last and where, which tells the board. `None`: it is over.
    pub(crate) root: Option<(Position, Row)>,
    /// All else that was written for it, and what its name has from then on.
    pub(crate) rows: Vec<Part>,
    /// The name is one's again.
    pub(crate) end: Op,
}

/// One row of the other one.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub(crate) name: RowName,
    pub(crate) theirs: Option<Row>,
    /// What leaves the row to the one who keeps the name.
    pub(crate) kept: Op,
}

/// Who else has the name of this record, if anybody.
pub(crate) fn part(key: &RecordKey, rows: &Rows, epochs: &Epochs) -> Option<Other> {
    let claim = Claim::of(key, rows)?;
    let root = claim::root(key)?;
    let cell = rows.cell(&root)?;
    let is_rival = |write: &&Write| claim::is_rival(write.row.as_ref(), cell.row.as_ref());
    let rivals = cell.beside.iter().filter(is_rival);
    let rival = rivals.max_by_key(|write| (write.stamp, write.at));
    let parts = rows.iter().filter_map(|(name, cell)| {
        let hidden = merge::hidden(name, cell, epochs, &claim)?;
        Some(Part {
            name: name.clone(),
            theirs: hidden.row,
            kept: Op::row(key.clone(), name.clone(), cell.row.clone()),
        })
    });
    Some(Other {
        root: rival.and_then(|rival| Some((rival.at, rival.row.clone()?))),
        rows: parts.collect(),
        end: Op::row(key.clone(), root, cell.row.clone()),
    })
}
