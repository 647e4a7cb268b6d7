//! Messages that both nodes have numbered, because a client has sent them again or a link broke.
//!
//! Whichever comes second to this node's log is shown to nobody here, and an entry of the log makes one of
//! the two an alias of the other (`mirror` rule R6). Both nodes see it and both write it: the same twice.

use crate::core::Core;
use crate::core::order::Asked;
use crate::effect::records::record_of;
use crate::model::copies::CopyKey;
use crate::model::copies::Known;
use crate::model::copies::copies_max;
use crate::model::entry::Entry;
use crate::model::op::Durable;
use crate::model::op::Op;
use crate::model::op::numbered;
use crate::model::position::Position;
use crate::model::row::RecordKey;
use crate::model::row::alias;

impl Core {
    /// A kept message is delivered. Returns whether the users of this node have it already, as a copy that
    /// came before.
    pub(super) fn note_copy(&mut self, at: Position, op: &Op, entry: &Entry) -> bool {
        let epochs = &self.states.epochs;
        let is_contestable = epochs
            .mode(at.epoch())
            .is_some_and(|mode| copies_max(mode) > 0);
        let Op::Durable {
            op: Durable::Message { message, places },
        } = op
        else {
            return false;
        };
        if !is_contestable {
            return false;
        }
        let archives = places.iter().map(|place| (place.incarnation, place.role));
        let Some(key) = CopyKey::new(message, archives, Some(entry.op_id)) else {
            return false;
        };
        let Some(copy) = self
            .copies
            .add(at, Known::new(key, entry.origin.as_ref()), epochs)
        else {
            return false;
        };
        let records = places.iter().map(|place| record_of(&place.owner));
        let is_known = |record: &RecordKey| {
            let rows = self.states.delivered.rows(record);
            rows.is_some_and(|rows| rows.has_alias(copy.alias))
        };
        let ops: Vec<Op> = records
            .filter(|record| !is_known(record))
            .map(|record| copy.op(record))
            .collect();
        if !ops.is_empty() {
            self.open(Asked::Own { ops }, None, None);
        }
        true
    }

    /// What the log holds at a start.
    pub(super) fn recover_copies(&mut self, entry: &Entry) {
        for (sub, op) in numbered(&entry.ops) {
            if let Op::Durable {
                op: Durable::Message { message, places },
            } = op
            {
                let archives = places.iter().map(|place| (place.incarnation, place.role));
                let key = CopyKey::new(message, archives, Some(entry.op_id));
                let at = entry.position.with_sub(sub);
                let epochs = &self.states.epochs;
                let known = key.map(|key| Known::new(key, entry.origin.as_ref()));
                if let Some(copy) = known.and_then(|known| self.copies.add(at, known, epochs)) {
                    self.copies.settle(copy);
                }
            }
        }
    }

    /// The log says of two messages that they are one: who has taken either has both.
    pub(super) fn follow_alias(&mut self, op: &Op) {
        let Op::Durable {
            op: Durable::Row { record, name, row },
        } = op
        else {
            return;
        };
        let Some(copy) = alias(name, row.as_ref()) else {
            return;
        };
        self.copies.settle(copy);
        if let RecordKey::Account { jid } = record
            && self.taken.has(jid, copy.alias)
        {
            self.taken.take(jid, copy.entry, self.now.monotonic);
        }
    }
}
