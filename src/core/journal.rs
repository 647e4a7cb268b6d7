//! The conflict journal as both nodes of a pair keep it.
//!
//! What loses when two branches meet is noted where the row is merged, on either node. Which values a node sees
//! lose depends on what it heard first if the link breaks meanwhile; so each writes what it has seen into the
//! log of both when they are together again, and the journals are one.

use crate::core::Core;
use crate::core::bounds::RESCUE_BYTES_MAX;
use crate::core::order::Asked;
use crate::core::order::Place;
use crate::model::codec::to_bytes;
use crate::model::merge;
use crate::model::merge::Merged;
use crate::model::op::Op;
use crate::model::row::RecordKey;
use crate::model::row::RowName;

impl Core {
    /// A row of another branch is about to be folded in.
    pub(super) fn note_lost(&mut self, record: &RecordKey, name: &RowName, merged: &Merged) {
        for at in &merged.found {
            self.lost.remove(at);
        }
        for lost in &merged.lost {
            let (_, cell) = merge::journal_row(record, name, lost);
            self.lost.insert(lost.at, cell.row);
        }
    }

    /// Both are together, and all that was numbered apart is delivered.
    pub(super) fn has_all(&self) -> bool {
        let mut line = self.order.line.iter();
        !self.is_parted() && !line.any(|place| matches!(place, Place::Merged { .. }))
    }

    /// When both are together again.
    pub(super) fn publish_lost(&mut self) {
        if self.lost.is_empty() || !self.has_all() {
            return;
        }
        let (mut ops, mut bytes) = (Vec::new(), 0);
        for (at, row) in std::mem::take(&mut self.lost) {
            bytes += to_bytes(&row).len();
            ops.push(Op::row(RecordKey::Node, RowName::Lost { at }, row));
            if bytes > RESCUE_BYTES_MAX {
                bytes = 0;
                let ops = std::mem::take(&mut ops);
                self.open(Asked::Own { ops }, None, None);
            }
        }
        if !ops.is_empty() {
            self.open(Asked::Own { ops }, None, None);
        }
    }
}
