//! The rows of one record, by name.

use std::collections::BTreeMap;

use crate::base::limits::REMOVED_ROWS_MAX;
use crate::model::copies::Copy;
use crate::model::copies::last_entry;
use crate::model::position::Position;
use crate::model::row::Cell;
use crate::model::row::Row;
use crate::model::row::RowName;
use crate::model::row::alias;

/// What a cell takes in memory beside its value, about.
const CELL_BYTES: usize = 256;

/// All rows of a record.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Rows {
    cells: BTreeMap<RowName, Cell>,
}

impl Rows {
    pub(crate) fn cell(&self, name: &RowName) -> Option<&Cell> {
        self.cells.get(name)
    }

    /// The row's value, if it has one.
    pub(crate) fn row(&self, name: &RowName) -> Option<&Row> {
        self.cells.get(name).and_then(|cell| cell.row.as_ref())
    }

    /// The entry that wrote the row last; zero for a row that never was.
    pub(crate) fn version(&self, name: &RowName) -> Position {
        self.cells.get(name).map_or(Position::ZERO, |cell| cell.at)
    }

    /// Rows from `from` on, removed ones included, in order of their names.
    pub(crate) fn from<'a>(
        &'a self,
        from: &RowName,
    ) -> impl Iterator<Item = (&'a RowName, &'a Cell)> + use<'a> {
        self.cells.range(from.clone()..)
    }

    /// Copies of messages, each with the entry that the archive has.
    pub(crate) fn aliases(&self) -> impl Iterator<Item = Copy> {
        let first = RowName::Alias { at: Position::ZERO };
        let rows = self.cells.range(first..);
        rows.filter_map(|(name, cell)| alias(name, cell.row.as_ref()))
    }

    /// The message that the archive has where there are copies of it.
    pub(crate) fn entry_of(&self, at: Position) -> Position {
        last_entry(at, |at| {
            let name = RowName::Alias { at };
            alias(&name, self.row(&name)).map(|copy| copy.entry)
        })
    }

    /// All positions of the same message, where there are copies of it.
    pub(crate) fn copies_of(&self, at: Position) -> Vec<Position> {
        let entry = self.entry_of(at);
        let copies = self.aliases().map(|copy| copy.alias);
        let own = copies.filter(|copy| self.entry_of(*copy) == entry);
        own.chain([entry]).collect()
    }

    /// Whether the message at `at` is a copy of another one.
    pub(crate) fn has_alias(&self, at: Position) -> bool {
        self.row(&RowName::Alias { at }).is_some()
    }

    /// Rows before `end`, removed ones included, in order of their names.
    pub(crate) fn before(
        &self,
        end: RowName,
    ) -> impl DoubleEndedIterator<Item = (&RowName, &Cell)> {
        self.cells.range(..end)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&RowName, &Cell)> {
        self.cells.iter()
    }

    /// What the items among them take in memory, about.
    pub(crate) fn bytes(&self) -> usize {
        let cells = self.cells.values().map(|cell| match &cell.row {
            Some(Row::Item { item }) => item.payload.len().saturating_add(CELL_BYTES),
            _ => CELL_BYTES,
        });
        cells.fold(CELL_BYTES, usize::saturating_add)
    }

    pub(crate) fn put(&mut self, name: RowName, cell: Cell) {
        self.cells.insert(name, cell);
    }

    /// Goes through all rows: `left` says what is left of each.
    pub(crate) fn keep(&mut self, left: impl Fn(&RowName, &Cell) -> Option<Cell>) {
        self.cells.retain(|name, cell| match left(name, cell) {
            Some(kept) => {
                *cell = kept;
                true
            }
            None => false,
        });
    }

    /// Forgets a row that nobody needs to know about any more.
    pub(crate) fn forget(&mut self, name: &RowName) {
        self.cells.remove(name);
    }

    /// The older half of the rows that were removed, where there are too many of those that `is_ours`
    /// takes: nobody has to know of them any more.
    pub(crate) fn too_old(&self, is_ours: impl Fn(&RowName) -> bool) -> Vec<RowName> {
        // What another branch has written is decided by the removal as long as that is known.
        let is_removed = |cell: &Cell| cell.row.is_none() && cell.beside.is_empty();
        let removed = self.cells.iter().filter(|(_, cell)| is_removed(cell));
        let mut removed: Vec<(Position, &RowName)> = removed
            .filter(|(name, _)| is_ours(name))
            .map(|(name, cell)| (cell.at, name))
            .collect();
        if removed.len() <= REMOVED_ROWS_MAX {
            return Vec::new();
        }
        removed.sort_unstable();
        let older = removed.iter().take(removed.len() / 2);
        older.map(|(_, name)| (*name).clone()).collect()
    }
}
