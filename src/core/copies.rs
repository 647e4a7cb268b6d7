//! Messages that both nodes have numbered, because a client has sent them again or a link broke.
//!
//! Whichever comes second to this node's log is shown to nobody here, and an entry of the log makes one of
//! the two an alias of the other (`mirror` rule R6). Both nodes see it and both write it: the same twice.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::base::ids::Incarnation;
use crate::base::jid::BareJid;
use crate::base::time::Monotonic;
use crate::core::Core;
use crate::core::bounds::cost_bytes;
use crate::core::mistake::Mistake;
use crate::core::order::Asked;
use crate::core::order::Order;
use crate::core::tail::Tail;
use crate::effect::proposal::Proposal;
use crate::effect::records::record_of;
use crate::model::account::Account;
use crate::model::copies::Copies;
use crate::model::copies::Copy;
use crate::model::copies::CopyKey;
use crate::model::copies::Known;
use crate::model::copies::copies_max;
use crate::model::copies::copies_of;
use crate::model::copies::last_entry;
use crate::model::entry::Entry;
use crate::model::message::Place;
use crate::model::message::Role;
use crate::model::op::Durable;
use crate::model::op::Op;
use crate::model::op::numbered;
use crate::model::position::Index;
use crate::model::position::Position;
use crate::model::row::RecordKey;
use crate::model::row::Rows;
use crate::model::row::alias;

/// The archives in which the tables have it.
fn kept(places: &[Place]) -> impl Iterator<Item = (Incarnation, Role)> {
    let kept = places.iter().filter(|place| place.is_kept());
    kept.map(|place| (place.incarnation, place.role))
}

/// The first message of the tail that is a copy and whose name is under way. In the tables it would not be told
/// from another one, should this node die now: they do not know of which stream it was. Where the log is full, room
/// in it goes first.
pub(super) fn first_nameless(
    tail: &Tail,
    copies: &Copies,
    order: &Order,
    is_log_full: bool,
) -> Option<Index> {
    if copies.unnamed().next().is_none() || is_log_full {
        return None;
    }
    let own = order.open.values().filter_map(|open| match &open.asked {
        Asked::Own { ops } => Some(ops),
        _ => None,
    });
    let names: BTreeSet<Position> = own
        .flatten()
        .filter_map(named_by)
        .map(|copy| copy.alias)
        .collect();
    let later = copies
        .later()
        .filter(|(_, copy)| names.contains(&copy.alias));
    later.filter_map(|(at, _)| tail.index_of(at)).min()
}

/// Of which copy the op is the name.
fn named_by(op: &Op) -> Option<Copy> {
    match op {
        Op::Durable {
            op: Durable::Row { name, row, .. },
        } => alias(name, row.as_ref()),
        Op::Durable { .. } | Op::Soft { .. } => None,
    }
}

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
        if !is_contestable || self.is_mistaken(Mistake::CopiesIgnored) {
            return false;
        }
        let Some(key) = CopyKey::new(message, kept(places), Some(entry.op_id)) else {
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
        let mut ops: Vec<Vec<Op>> = Vec::new();
        for (copy, records) in self.copies.take_nameless() {
            if named.iter().any(|one| one.alias == copy.alias) {
                self.copies.settle(copy);
            } else {
                let records = records.into_iter();
                ops.push(records.map(|record| copy.op(record)).collect());
            }
        }
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
        let key = CopyKey::new(message, kept(places), Some(entry.op_id))?;
        let known = Known::new(key, entry.origin.as_ref());
        let copy = self.copies.add(at, known, &self.states.epochs)?;
        Some((copy, places))
    }

    /// What an alias stands for, also where nothing in the log says so yet.
    pub(super) fn entry_of(&self, rows: &Rows, at: Position) -> Position {
        last_entry(rows.entry_of(at), |entry| {
            let mut unnamed = self.copies.unnamed();
            let copy = unnamed.find(|copy| copy.alias == entry);
            copy.map(|copy| rows.entry_of(copy.entry))
        })
    }

    /// The message with what is a copy of it, as nothing in the log says yet.
    fn with_unnamed(&self, rows: &Rows, entry: Position) -> Vec<Position> {
        let mut all = vec![entry];
        let mut count = 0;
        while count < all.len() {
            count = all.len();
            for copy in self.copies.unnamed() {
                let is_same = all.contains(&rows.entry_of(copy.entry));
                if is_same && !all.contains(&copy.alias) {
                    all.push(copy.alias);
                }
            }
        }
        all
    }

    /// All positions of the same message.
    pub(super) fn copies_of(&self, rows: &Rows, at: Position) -> Vec<Position> {
        let same = self.with_unnamed(rows, self.entry_of(rows, at));
        let named = same.into_iter().flat_map(|at| {
            let named = rows.copies_of(at);
            named.into_iter().chain([at])
        });
        let all: BTreeSet<Position> = named.collect();
        all.into_iter().collect()
    }

    /// Whether the account has the message, be it as a copy that nothing names yet.
    pub(super) fn is_taken(&self, jid: &BareJid, account: &Account, at: Position) -> bool {
        let rows = &account.rows;
        // What has a name already waits under that of another.
        let waits = |one: &Position| account.untaken.contains(one) || rows.has_alias(*one);
        let same = self.with_unnamed(rows, self.entry_of(rows, at));
        let mut same = same.iter();
        same.any(|one| self.taken.has(jid, *one) || !waits(one))
    }

    /// Names of copies that the log has no room for at the moment.
    pub(super) fn put_off(&mut self, ops: &[Op]) {
        if ops.iter().all(|op| named_by(op).is_some()) {
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
            op: Durable::Row { record, .. },
        } = op
        else {
            return;
        };
        let Some(copy) = named_by(op) else {
            return;
        };
        self.copies.settle(copy);
        let RecordKey::Account { jid } = record else {
            return;
        };
        if let Some(rows) = self.states.delivered.rows(record)
            && self.taken.has(jid, copy.alias)
        {
            let entry = rows.entry_of(copy.entry);
            self.taken.take(jid, entry, self.now.monotonic);
        }
    }
}
