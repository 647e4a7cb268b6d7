//! What is numbered or proposed and not delivered yet, on top of what is: in the order of the log to be.

use std::sync::Arc;

use crate::core::Core;
use crate::core::order::Place;
use crate::core::states::is_message;
use crate::effect::records::records_of;
use crate::model::op::Op;
use crate::model::row::RecordKey;

impl Core {
    /// What another node has numbered comes behind what is numbered and before what is proposed here, although
    /// that was evaluated first.
    pub(super) fn stand_in_line(&mut self, place: Place) {
        let (Place::Entry { entry, records, .. } | Place::Merged { entry, records, .. }) = &place
        else {
            return;
        };
        let (entry, records) = (Arc::clone(entry), records.clone());
        self.pin_records(&records);
        self.order.line.push_back(place);
        if self.is_proposed_on(&entry.ops) {
            self.rebuild_pending();
        } else {
            self.states
                .pend(entry.position, entry.stamp, &entry.ops, &records);
        }
    }

    /// Whether something that is proposed here changes a record that these ops change.
    fn is_proposed_on(&self, ops: &[Op]) -> bool {
        let changed = |ops: &[Op]| {
            let ops = ops.iter().filter(|op| !is_message(op));
            let records = ops.flat_map(|op| records_of(std::slice::from_ref(op)));
            records.collect::<Vec<RecordKey>>()
        };
        let mut proposed = self.order.proposed.iter().peekable();
        if proposed.peek().is_none() {
            return false;
        }
        let records = changed(ops);
        let mut proposed = proposed.filter_map(|ticket| self.order.open.get(ticket));
        !records.is_empty()
            && proposed.any(|open| {
                let proposal = open.proposal.as_ref().filter(|_| open.proposed);
                proposal.is_some_and(|proposal| {
                    changed(&proposal.ops)
                        .iter()
                        .any(|key| records.contains(key))
                })
            })
    }

    /// Puts everything pending on top of the delivered state anew: what is numbered, then what
    /// is proposed.
    pub(super) fn rebuild_pending(&mut self) {
        self.states.clear_pending();
        for place in &self.order.line {
            if let Place::Entry { entry, records, .. } | Place::Merged { entry, records, .. } =
                place
            {
                self.states
                    .pend(entry.position, entry.stamp, &entry.ops, records);
            }
        }
        for ticket in &self.order.proposed {
            let open = self.order.open.get(ticket).filter(|open| open.proposed);
            if let Some(proposal) = open.and_then(|open| open.proposal.as_ref()) {
                let at = crate::core::states::provisional(*ticket);
                let records = records_of(&proposal.ops);
                self.states
                    .pend(at, self.order.stamp, &proposal.ops, &records);
            }
        }
    }
}
