//! Which records are in memory: loaded when something needs them, pinned while it does.
//!
//! The core never waits for a disk: an input whose record is not here is parked, with what comes
//! after it on the same session, and evaluated again when the record is. Accounts with sessions,
//! rooms with occupants and whatever something pending touches stay; the rest leaves, the longest
//! unused first.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

use crate::base::ids::Ticket;
use crate::base::jid::BareJid;
use crate::base::jid::Jid;
use crate::core::Core;
use crate::core::Output;
use crate::core::Record;
use crate::core::order::Asked;
use crate::core::order::Place;
use crate::core::recall::Recall;
use crate::core::tail::Hold;
use crate::effect::state::At;
use crate::model::op::numbered;
use crate::model::position::Index;
use crate::model::row::RecordKey;

#[derive(Debug, Default)]
pub(crate) struct Residence {
    /// Records asked for, and the inputs that wait for each.
    loading: BTreeMap<RecordKey, Vec<Ticket>>,
    /// When a record was last loaded or loaded for, as a running number.
    used: BTreeMap<RecordKey, u64>,
    clock: u64,
    /// Looked at for eviction when more than this are here.
    next_look: usize,
}

impl Core {
    pub(super) fn load(&mut self, key: RecordKey, ticket: Option<Ticket>) {
        let waiting = self.residence.loading.entry(key.clone());
        let is_new = matches!(waiting, std::collections::btree_map::Entry::Vacant(_));
        waiting.or_default().extend(ticket);
        if is_new {
            self.tail.hold(Hold::Load(key.clone()));
            self.outputs.push_back(Output::Load { key });
        }
    }

    pub(super) fn handle_loaded(&mut self, key: &RecordKey, record: Record) {
        if !self.states.delivered.holds(key) {
            let delivered = &mut self.states.delivered;
            match (key, record) {
                (RecordKey::Node, Record::Node { rows }) => delivered.node = Some(Arc::new(rows)),
                (RecordKey::Account { jid }, Record::Account { account }) => {
                    delivered
                        .accounts
                        .insert(jid.to_compact(), Arc::new(account));
                }
                (RecordKey::Room { jid }, Record::Room { room }) => {
                    delivered.rooms.insert(jid.to_compact(), Arc::new(room));
                }
                (RecordKey::Leaf { leaf }, Record::Leaf { rows }) => {
                    delivered.leaves.insert(leaf.clone(), Arc::new(rows));
                }
                _ => return,
            }
            self.bring_up_to_date(key);
            if self.states.is_pending(key) {
                self.rebuild_pending();
            }
        }
        self.note_claim(key);
        self.tail.let_go(&Hold::Load(key.clone()));
        self.residence.clock = self.residence.clock.saturating_add(1);
        self.residence
            .used
            .insert(key.clone(), self.residence.clock);
        for ticket in self.residence.loading.remove(key).unwrap_or_default() {
            self.unpark(ticket);
        }
        if matches!(key, RecordKey::Leaf { .. }) {
            self.evict_leaves();
        }
        self.release();
        self.number_proposed();
    }

    /// Applies what the tables did not have when the record was read. Applying an op twice does
    /// no harm: it is an absolute value.
    fn bring_up_to_date(&mut self, key: &RecordKey) {
        let mut only = crate::effect::state::State::default();
        only.share(key, &self.states.delivered);
        self.states.delivered.forget(key);
        let epochs = &self.states.epochs;
        for entry in self.tail.entries() {
            if let Some(origin) = &entry.origin {
                let at = At {
                    position: entry.position,
                    stamp: entry.stamp,
                };
                let op = crate::core::taken::stream_row(origin, entry.stamp);
                only.apply(at, &op, epochs);
            }
            for (sub, op) in numbered(&entry.ops) {
                if op.is_durable() {
                    let at = At {
                        position: entry.position.with_sub(sub),
                        stamp: entry.stamp,
                    };
                    only.apply(at, op, epochs);
                }
            }
        }
        self.states.delivered.share(key, &only);
    }

    /// The tables hold everything at or below.
    pub(crate) fn applied(&self) -> Index {
        self.tail.applied()
    }

    /// A checkpoint is under way, or a record is read that one may wait for.
    pub(crate) fn is_making_room(&self) -> bool {
        self.tail.is_writing() || !self.residence.loading.is_empty()
    }

    /// Memory has room for more entries.
    pub(crate) fn has_room(&self) -> bool {
        self.tail.bytes() < self.limits.tail_bytes.saturating_mul(2)
    }

    /// Delivery of an entry needs the records that its ops change.
    pub(super) fn front_is_here(&self) -> bool {
        match self.order.line.front() {
            Some(Place::Entry { records, .. } | Place::Merged { records, .. }) => {
                records.iter().all(|key| self.states.delivered.holds(key))
            }
            Some(Place::Answer { .. }) | None => true,
        }
    }

    /// Ops may touch records that this node does not hold: delivery will need them.
    pub(super) fn pin_records(&mut self, records: &[RecordKey]) {
        for key in records {
            if !self.states.delivered.holds(key) {
                self.load(key.clone(), None);
            }
        }
    }

    /// Lets the longest unused nodes go when all take too much. Looked at after each is loaded.
    fn evict_leaves(&mut self) {
        let leaves = &self.states.delivered.leaves;
        let mut left: usize = leaves.values().map(|rows| rows.bytes()).sum();
        if left <= self.limits.node_cache_bytes {
            return;
        }
        let asked = self.asked_records();
        let mut unpinned: Vec<(u64, RecordKey, usize)> = Vec::new();
        for (leaf, rows) in leaves {
            let key = RecordKey::Leaf { leaf: leaf.clone() };
            if !self.is_needed(&key) && !asked.contains(&leaf.owner) {
                let used = self.residence.used.get(&key).copied().unwrap_or(0);
                unpinned.push((used, key, rows.bytes()));
            }
        }
        unpinned.sort_unstable();
        for (_, key, bytes) in unpinned {
            if left <= self.limits.node_cache_bytes / 2 {
                return;
            }
            left = left.saturating_sub(bytes);
            self.states.delivered.forget(&key);
            self.residence.used.remove(&key);
        }
    }

    /// Lets the longest unused records go when there are too many.
    pub(super) fn evict(&mut self) {
        let here = self.states.delivered.accounts.len() + self.states.delivered.rooms.len();
        if here <= self.limits.resident_max.max(self.residence.next_look) {
            return;
        }
        let asked = self.asked_records();
        let mut unpinned: Vec<(u64, RecordKey)> = Vec::new();
        for (jid, account) in &self.states.delivered.accounts {
            let key = RecordKey::Account { jid: jid.clone() };
            if account.online.is_empty()
                && !self.taken.holds(jid)
                && !self.is_needed(&key)
                && !asked.contains(jid)
            {
                unpinned.push((self.residence.used.get(&key).copied().unwrap_or(0), key));
            }
        }
        for (jid, room) in &self.states.delivered.rooms {
            let key = RecordKey::Room { jid: jid.clone() };
            if room.occupants.is_empty() && !self.is_needed(&key) && !asked.contains(jid) {
                unpinned.push((self.residence.used.get(&key).copied().unwrap_or(0), key));
            }
        }
        unpinned.sort_unstable();
        let surplus = here
            .saturating_sub(self.limits.resident_max / 2)
            .min(unpinned.len());
        for (_, key) in unpinned.drain(..surplus) {
            self.states.delivered.forget(&key);
            self.residence.used.remove(&key);
        }
        // Where most are pinned, looking at each input would cost more than the memory it finds.
        let left = self.states.delivered.accounts.len() + self.states.delivered.rooms.len();
        self.residence.next_look = left
            .saturating_add(self.limits.resident_max / 8)
            .saturating_add(1);
    }

    /// What the inputs under way are about: who waits for one record keeps the other, and an answer
    /// is made of what was read.
    fn asked_records(&self) -> BTreeSet<BareJid> {
        let mut found: BTreeSet<BareJid> = self.recalls.values().map(Recall::account).collect();
        for key in self.peer.records() {
            match key {
                RecordKey::Account { jid } | RecordKey::Room { jid } => {
                    found.insert(jid);
                }
                RecordKey::Leaf { leaf } => {
                    found.insert(leaf.owner);
                }
                RecordKey::Node => {}
            }
        }
        for open in self.order.open.values() {
            match &open.asked {
                Asked::Stanza { request } => {
                    found.insert(request.from.bare());
                    found.extend(request.stanza.to.as_ref().map(Jid::to_bare));
                }
                Asked::Bind { bind, .. } => {
                    found.insert(bind.account.clone());
                }
                Asked::Token { wish, .. } => {
                    found.insert(wish.account.clone());
                }
                Asked::Resume { account, .. } | Asked::LookUp { account, .. } => {
                    found.insert(account.clone());
                }
                Asked::Command { command, .. } => {
                    found.extend(command.account().cloned());
                }
                Asked::Gone { jid, .. } => {
                    found.insert(jid.bare());
                }
                Asked::Notify { user, .. } => {
                    found.insert(user.clone());
                }
                Asked::Emptied { rooms } => found.extend(rooms.iter().cloned()),
                Asked::Last { wish } => found.extend(wish.owners.iter().cloned()),
                Asked::Rescue {
                    record: RecordKey::Account { jid } | RecordKey::Room { jid },
                } => {
                    found.insert(jid.clone());
                }
                Asked::Rescue { .. }
                | Asked::End { .. }
                | Asked::Answered { .. }
                | Asked::Own { .. } => {}
            }
        }
        found
    }

    fn is_needed(&self, key: &RecordKey) -> bool {
        self.states.is_pending(key) || self.residence.loading.contains_key(key)
    }
}
