//! Messages that both nodes have numbered, because a client has sent them again or a link broke.
//!
//! Whichever comes second to this node's log is shown to nobody here, and an entry of the log makes one of
//! the two an alias of the other (`mirror` rule R6). Both nodes see it and both write it: the same twice.

use std::sync::Arc;

use crate::base::jid::BareJid;
use crate::base::time::Monotonic;
use crate::core::Core;
use crate::core::bounds::cost_bytes;
use crate::core::order::Asked;
use crate::effect::proposal::Proposal;
use crate::effect::records::record_of;
use crate::model::account::Account;
use crate::model::copies::Copy;
use crate::model::copies::CopyKey;
use crate::model::copies::Known;
use crate::model::copies::copies_max;
use crate::model::copies::copies_of;
use crate::model::entry::Entry;
use crate::model::message::Place;
use crate::model::op::Durable;
use crate::model::op::Op;
use crate::model::op::numbered;
use crate::model::position::Index;
use crate::model::position::Position;
use crate::model::row::RecordKey;
use crate::model::row::Rows;
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

    /// What the log holds at a start. A copy that it does not name is named now: this node may have died before.
    pub(super) fn recover_copies(&mut self, tail: &[(Index, Arc<Entry>)]) {
        let named = tail.iter().flat_map(|(_, entry)| copies_of(entry));
        let named: Vec<Copy> = named.collect();
        let mut ops = Vec::new();
        for (_, entry) in tail {
            for (sub, op) in numbered(&entry.ops) {
                let at = entry.position.with_sub(sub);
                let Some((copy, places)) = self.recover_copy(at, op, entry) else {
                    continue;
                };
                if named.contains(&copy) {
                    self.copies.settle(copy);
                } else {
                    let records = places.iter().map(|place| record_of(&place.owner));
                    ops.push(records.map(|record| copy.op(record)).collect());
                }
            }
        }
        for ops in ops {
            self.open(Asked::Own { ops }, None, None);
        }
    }

    fn recover_copy<'a>(
        &mut self,
        at: Position,
        op: &'a Op,
        entry: &Entry,
    ) -> Option<(Copy, &'a [Place])> {
        let Op::Durable {
            op: Durable::Message { message, places },
        } = op
        else {
            return None;
        };
        let archives = places.iter().map(|place| (place.incarnation, place.role));
        let key = CopyKey::new(message, archives, Some(entry.op_id))?;
        let known = Known::new(key, entry.origin.as_ref());
        let copy = self.copies.add(at, known, &self.states.epochs)?;
        Some((copy, places))
    }

    /// What an alias stands for, also where nothing in the log says so yet.
    pub(super) fn entry_of(&self, rows: &Rows, at: Position) -> Position {
        let entry = rows.entry_of(at);
        let mut unnamed = self.copies.unnamed();
        let copy = unnamed.find(|copy| copy.alias == entry);
        copy.map_or(entry, |copy| copy.entry)
    }

    /// All positions of the same message.
    pub(super) fn copies_of(&self, rows: &Rows, at: Position) -> Vec<Position> {
        let entry = self.entry_of(rows, at);
        let unnamed = self.copies.unnamed().filter(|copy| copy.entry == entry);
        let unnamed = unnamed.map(|copy| copy.alias);
        rows.copies_of(entry).into_iter().chain(unnamed).collect()
    }

    /// Whether the account has the message, be it as a copy that nothing names yet.
    pub(super) fn is_taken(&self, jid: &BareJid, account: &Account, at: Position) -> bool {
        let is_taken = |one: Position| self.taken.has(jid, one) || !account.untaken.contains(&one);
        let entry = account.rows.entry_of(at);
        let mut unnamed = self.copies.unnamed();
        is_taken(entry)
            || unnamed.any(|copy| match entry {
                entry if entry == copy.entry => is_taken(copy.alias),
                entry => entry == copy.alias && is_taken(copy.entry),
            })
    }

    /// Names of copies that the log has no room for at the moment.
    pub(super) fn put_off(&mut self, ops: &[Op]) {
        let is_name = |op: &Op| match op {
            Op::Durable {
                op: Durable::Row { name, row, .. },
            } => alias(name, row.as_ref()).is_some(),
            Op::Durable { .. } | Op::Soft { .. } => false,
        };
        if ops.iter().all(is_name) {
            self.put_off.push_back(ops.to_vec());
        }
    }

    /// The log has room again.
    pub(super) fn name_copies(&mut self) {
        while self.names_timeout().is_some()
            && let Some(ops) = self.put_off.pop_front()
        {
            self.open(Asked::Own { ops }, None, None);
        }
    }

    pub(super) fn names_timeout(&self) -> Option<Monotonic> {
        let ops = self.put_off.front()?.clone();
        let next = Proposal {
            ops,
            ..Proposal::default()
        };
        (self.credit >= cost_bytes(&next)).then_some(self.now.monotonic)
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
