//! The two states: what is delivered, and what evaluation sees on top of it.
//!
//! Delivery folds committed entries into `delivered`, one by one. Evaluation looks through `over`,
//! which holds a copy of every record that something numbered or proposed, but not delivered yet,
//! touches. A record leaves `over` when nothing is pending for it any more; both copies are equal
//! then.

use std::collections::BTreeMap;

use crate::effect::records::records_of;
use crate::effect::state::At;
use crate::effect::state::State;
use crate::model::epochs::Epochs;
use crate::model::op::Durable;
use crate::model::op::Op;
use crate::model::op::numbered;
use crate::model::position::Epoch;
use crate::model::position::Hlc;
use crate::model::position::Position;
use crate::model::row::Cell;
use crate::model::row::RecordKey;
use crate::model::row::Row;
use crate::model::row::RowKey;
use crate::model::row::Rows;

use crate::base::ids::Ticket;

/// Delivered and pending state of the resident records.
#[derive(Debug, Default)]
pub(crate) struct States {
    pub(crate) delivered: State,
    pub(crate) over: State,
    /// How many pending ops touch a record.
    pending: BTreeMap<RecordKey, u32>,
    pub(crate) epochs: Epochs,
}

/// The version of a row that an own proposal has changed, until the proposal is numbered.
pub(crate) fn provisional(ticket: Ticket) -> Position {
    Position::new(Epoch::OWN, ticket.0, 0)
}

/// Whether the version is of something that was proposed and not numbered.
pub(crate) fn is_provisional(version: Position) -> bool {
    version.epoch().counter == u32::MAX
}

/// A kept message changes nothing that an evaluation reads: its records are held in memory, but need no copy.
pub(crate) fn is_message(op: &Op) -> bool {
    matches!(
        op,
        Op::Durable {
            op: Durable::Message { .. }
        }
    )
}

impl States {
    /// Whether something pending touches the record: it must stay in memory.
    pub(crate) fn is_pending(&self, key: &RecordKey) -> bool {
        self.pending.contains_key(key)
    }

    /// Puts ops on top: they are numbered (`at` their position) or proposed (a provisional one).
    /// `records` are all that they change.
    pub(crate) fn pend(
        &mut self,
        position: Position,
        stamp: Hlc,
        ops: &[Op],
        records: &[RecordKey],
    ) {
        for key in records {
            match self.pending.get_mut(key) {
                Some(count) => *count += 1,
                None => drop(self.pending.insert(key.clone(), 1)),
            }
        }
        for (sub, op) in numbered(ops) {
            if is_message(op) {
                continue;
            }
            for key in records_of(std::slice::from_ref(op)) {
                if !self.over.holds(&key) {
                    self.over.share(&key, &self.delivered);
                }
            }
            let at = At {
                position: position.with_sub(sub),
                stamp,
            };
            let epochs = &self.epochs;
            self.over.apply(at, op, epochs);
        }
    }

    /// An own proposal was numbered: its rows get their final version.
    pub(crate) fn settle(&mut self, ticket: Ticket, position: Position, stamp: Hlc, ops: &[Op]) {
        let before = provisional(ticket);
        for (sub, op) in numbered(ops) {
            let Op::Durable {
                op: Durable::Row { record, name, .. },
            } = op
            else {
                continue;
            };
            let cell = self.over.rows(record).and_then(|rows| rows.cell(name));
            if let Some(cell) = cell.filter(|cell| cell.at == before.with_sub(sub)) {
                let cell = Cell::new(position.with_sub(sub), stamp, cell.row.clone());
                self.over.put(record, name, cell);
            }
        }
    }

    /// Folds one op of a committed entry into the delivered state.
    pub(crate) fn fold(&mut self, at: At, op: &Op) {
        let epochs = &self.epochs;
        self.delivered.apply(at, op, epochs);
    }

    /// Ops that change these records are delivered: what nothing pends on is equal below and leaves the top.
    pub(crate) fn unpend(&mut self, records: &[RecordKey]) {
        for key in records {
            if let Some(count) = self.pending.get_mut(key) {
                *count = count.saturating_sub(1);
                if *count == 0 {
                    self.pending.remove(key);
                    self.over.forget(key);
                }
            }
        }
    }

    /// Takes everything off the top; the caller puts back what is numbered.
    pub(crate) fn clear_pending(&mut self) {
        self.over = State::default();
        self.pending.clear();
    }

    /// The version of a resident row, numbered but uncommitted entries included.
    pub(crate) fn version(&self, key: &RowKey) -> Position {
        let rows = self.rows(&key.record);
        rows.map_or(Position::ZERO, |rows| rows.version(&key.name))
    }

    /// Its value, likewise.
    pub(crate) fn row(&self, key: &RowKey) -> Option<&Row> {
        self.rows(&key.record)?.row(&key.name)
    }

    fn rows(&self, record: &RecordKey) -> Option<&Rows> {
        let over = self.over.rows(record);
        over.or_else(|| self.delivered.rows(record))
    }
}
