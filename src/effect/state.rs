//! The resident records, and what an op makes of them.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

use crate::base::ids::Incarnation;
use crate::base::jid::BareJid;
use crate::base::jid::FullJid;
use crate::effect::caps::Caps;
use crate::effect::records::record_of;
use crate::model::account::Account;
use crate::model::account::Online;
use crate::model::claim;
use crate::model::claim::Claim;
use crate::model::epochs::Epochs;
use crate::model::merge;
use crate::model::merge::Merged;
use crate::model::message::Owner;
use crate::model::message::Role;
use crate::model::op::Durable;
use crate::model::op::Op;
use crate::model::op::Soft;
use crate::model::position::Hlc;
use crate::model::position::Position;
use crate::model::pubsub::LeafKey;
use crate::model::room::Room;
use crate::model::room::RoomChange;
use crate::model::row::Cell;
use crate::model::row::RecordKey;
use crate::model::row::Row;
use crate::model::row::RowName;
use crate::model::row::Rows;
use crate::model::row::Write;
use crate::model::row::alias;

/// Where and when an op stands: its entry's position with the op's number in it, and its stamp.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct At {
    pub(crate) position: Position,
    pub(crate) stamp: Hlc,
}

/// Records in memory. A record that is not here is unknown, not absent: an account that does not
/// exist is here as an account without rows.
#[derive(Clone, Debug, Default)]
pub(crate) struct State {
    pub(crate) accounts: BTreeMap<BareJid, Arc<Account>>,
    pub(crate) rooms: BTreeMap<BareJid, Arc<Room>>,
    pub(crate) node: Option<Arc<Rows>>,
    /// Nodes of publish-subscribe.
    pub(crate) leaves: BTreeMap<LeafKey, Arc<Rows>>,
    /// What clients want to hear of, by the version of their features.
    pub(crate) caps: Caps,
    /// How many rooms there are in all, in memory or not; of use where everything is folded in.
    pub(crate) rooms_there: usize,
    /// Accounts, in memory or not, that may administer the server; the record says whether they still do.
    pub(crate) admins: BTreeSet<BareJid>,
}

impl State {
    /// Whether the record is here.
    pub(crate) fn holds(&self, key: &RecordKey) -> bool {
        match key {
            RecordKey::Node => self.node.is_some(),
            RecordKey::Account { jid } => self.accounts.contains_key(jid),
            RecordKey::Room { jid } => self.rooms.contains_key(jid),
            RecordKey::Leaf { leaf } => self.leaves.contains_key(leaf),
        }
    }

    /// Takes over the record as `other` has it (shared until one of the two changes it).
    pub(crate) fn share(&mut self, key: &RecordKey, other: &Self) {
        match key {
            RecordKey::Node => self.node.clone_from(&other.node),
            RecordKey::Account { jid } => {
                if let Some(account) = other.accounts.get(jid) {
                    self.accounts.insert(jid.clone(), Arc::clone(account));
                }
            }
            RecordKey::Room { jid } => {
                if let Some(room) = other.rooms.get(jid) {
                    self.rooms.insert(jid.clone(), Arc::clone(room));
                }
            }
            RecordKey::Leaf { leaf } => {
                if let Some(rows) = other.leaves.get(leaf) {
                    self.leaves.insert(leaf.clone(), Arc::clone(rows));
                }
            }
        }
    }

    pub(crate) fn forget(&mut self, key: &RecordKey) {
        match key {
            RecordKey::Node => self.node = None,
            RecordKey::Account { jid } => {
                self.accounts.remove(jid);
            }
            RecordKey::Room { jid } => {
                self.rooms.remove(jid);
            }
            RecordKey::Leaf { leaf } => {
                self.leaves.remove(leaf);
            }
        }
    }

    /// The rows of a resident record.
    pub(crate) fn rows(&self, key: &RecordKey) -> Option<&Rows> {
        match key {
            RecordKey::Node => self.node.as_deref(),
            RecordKey::Account { jid } => self.accounts.get(jid).map(|account| &*account.rows),
            RecordKey::Room { jid } => self.rooms.get(jid).map(|room| &*room.rows),
            RecordKey::Leaf { leaf } => self.leaves.get(leaf).map(AsRef::as_ref),
        }
    }

    fn rows_mut(&mut self, key: &RecordKey) -> Option<&mut Rows> {
        let rows = match key {
            RecordKey::Node => self.node.as_mut(),
            RecordKey::Account { jid } => self
                .accounts
                .get_mut(jid)
                .map(|account| &mut Arc::make_mut(account).rows),
            RecordKey::Room { jid } => self
                .rooms
                .get_mut(jid)
                .map(|room| &mut Arc::make_mut(room).rows),
            RecordKey::Leaf { leaf } => self.leaves.get_mut(leaf),
        };
        rows.map(Arc::make_mut)
    }

    pub(crate) fn account_mut(&mut self, jid: &BareJid) -> Option<&mut Account> {
        self.accounts.get_mut(jid).map(Arc::make_mut)
    }

    pub(crate) fn room_mut(&mut self, jid: &BareJid) -> Option<&mut Room> {
        self.rooms.get_mut(jid).map(Arc::make_mut)
    }

    /// Sets a row; nothing happens where the record is not resident.
    pub(crate) fn put(&mut self, key: &RecordKey, name: &RowName, cell: Cell) {
        if let Some(rows) = self.rows_mut(key) {
            rows.put(name.clone(), cell);
        }
    }

    /// What a row is after a write, by its rule where other branches have written it as well; `None`: as it was.
    pub(crate) fn merged(
        &self,
        key: &RecordKey,
        name: &RowName,
        new: Write,
        epochs: &Epochs,
    ) -> Option<Merged> {
        let rows = self.rows(key)?;
        let swept = rows.cell(&RowName::Swept);
        if swept.is_some_and(|swept| merge::is_swept(name, swept, new.at, epochs)) {
            return None;
        }
        let claim = Claim::of(key, rows);
        merge::merge(name, rows.cell(name), new, (epochs, claim.as_ref()))
    }

    fn write(&mut self, key: &RecordKey, name: &RowName, new: Write, epochs: &Epochs) {
        if let Some(merged) = self.merged(key, name, new, epochs) {
            self.put_written(key, name, merged, epochs);
        }
    }

    fn put_written(&mut self, key: &RecordKey, name: &RowName, merged: Merged, epochs: &Epochs) {
        let Some(rows) = self.rows(key) else {
            return;
        };
        let (claim, begun) = (Claim::of(key, rows), incarnation(rows));
        self.note((key, name, merged.cell.row.as_ref()));
        self.put_merged(key, name, merged);
        if claim::root(key).as_ref() == Some(name) {
            self.hide_others(key, claim.as_ref(), epochs);
        }
        if let (RecordKey::Account { jid }, RowName::Account) = (key, name) {
            self.follow_incarnation(jid, begun);
        }
    }

    /// Of two creations of the name one is shown. `before`: what was hidden until now.
    fn hide_others(&mut self, key: &RecordKey, before: Option<&Claim>, epochs: &Epochs) {
        let Some(rows) = self.rows_mut(key) else {
            return;
        };
        let claim = Claim::of(key, rows);
        if claim.as_ref() != before {
            let around = (epochs, claim.as_ref());
            rows.keep(|name, cell| Some(merge::claimed(name, cell, around)));
        }
    }

    fn put_merged(&mut self, key: &RecordKey, name: &RowName, merged: Merged) {
        let is_contested = merged.is_contested();
        self.put(key, name, merged.cell);
        let Some(journal) = self.node.as_mut().filter(|_| is_contested) else {
            return;
        };
        let journal = Arc::make_mut(journal);
        for at in merged.found {
            journal.forget(&RowName::Lost { at });
        }
        for lost in &merged.lost {
            let (name, cell) = merge::journal_row(key, name, lost);
            journal.put(name, cell);
        }
    }

    /// A removed row that nobody has to know about any more.
    fn forget_row(&mut self, at: At, key: &RecordKey, name: &RowName, epochs: &Epochs) {
        let Some(rows) = self.rows_mut(key) else {
            return;
        };
        let claim = Claim::of(key, rows);
        let around = (epochs, claim.as_ref());
        let cell = rows.cell(name);
        match cell.map(|cell| merge::forget(name, cell, at.position, around)) {
            Some(Some(left)) => self.put_merged(key, name, left),
            Some(None) => rows.forget(name),
            None => {}
        }
    }

    /// What waited for another incarnation of the name is not for this one.
    fn follow_incarnation(&mut self, jid: &BareJid, begun: Option<Incarnation>) {
        if let Some(account) = self.account_mut(jid)
            && begun.is_some_and(|begun| account.incarnation() != Some(begun))
        {
            account.untaken = Arc::default();
            account.unarchived = Arc::default();
        }
    }

    fn sweep_journal(&mut self, at: At, record: &RecordKey, epochs: &Epochs) {
        let is_taken = |cell: &Cell| merge::is_lost_with(record, cell, at.position, epochs);
        let rows = self.node.iter().flat_map(|rows| rows.iter());
        let lost =
            rows.filter(|(name, cell)| matches!(name, RowName::Lost { .. }) && is_taken(cell));
        let lost: Vec<RowName> = lost.map(|(name, _)| name.clone()).collect();
        if let Some(journal) = self.node.as_mut().filter(|_| !lost.is_empty()) {
            let journal = Arc::make_mut(journal);
            for name in lost {
                journal.forget(&name);
            }
        }
    }

    /// Applies one op to the records that are here.
    pub(crate) fn apply(&mut self, at: At, op: &Op, epochs: &Epochs) {
        match op {
            Op::Durable { op } => self.apply_durable(at, op, epochs),
            Op::Soft { op } => self.apply_soft(at, op),
        }
    }

    fn apply_durable(&mut self, at: At, op: &Durable, epochs: &Epochs) {
        match op {
            Durable::Row { record, name, row } => {
                let new = Write {
                    at: at.position,
                    stamp: at.stamp,
                    row: row.clone(),
                };
                let merged = self.merged(record, name, new, epochs);
                self.apply_row((record, name, row.as_ref()), merged, epochs);
            }
            Durable::Message { places, .. } => {
                for place in places.iter().filter(|place| place.role == Role::Received) {
                    if let Owner::Account { jid } = &place.owner
                        && let Some(account) = self.account_mut(jid)
                        && !account.is_over(place.incarnation)
                        && !account.rows.has_alias(at.position)
                    {
                        account.add_untaken(at.position, place.archived);
                    }
                }
            }
            // Which messages there are in archives is for the tables to know.
            Durable::Retract { .. } => {}
            Durable::Expire { owner, upto } => self.apply_expire(owner, *upto),
            Durable::Forget { record, names } => {
                for name in names {
                    self.forget_row(at, record, name, epochs);
                }
            }
            Durable::Sweep { record } => {
                if let Some(rows) = self.rows_mut(record) {
                    rows.keep(|name, cell| merge::sweep(name, cell, at.position, epochs));
                }
                if merge::may_be_beside(epochs, at.position) {
                    let new = Write {
                        at: at.position,
                        stamp: at.stamp,
                        row: None,
                    };
                    self.write(record, &RowName::Swept, new, epochs);
                }
                self.sweep_journal(at, record, epochs);
                if let RecordKey::Account { jid } = record
                    && let Some(account) = self.account_mut(jid)
                {
                    account.untaken = Arc::default();
                    account.unarchived = Arc::default();
                }
            }
        }
    }

    /// `merged`: what the row comes to with the write.
    pub(crate) fn apply_row(
        &mut self,
        (record, name, row): (&RecordKey, &RowName, Option<&Row>),
        merged: Option<Merged>,
        epochs: &Epochs,
    ) {
        if let (RecordKey::Account { jid }, Some(Row::Frontier { frontier })) = (record, row)
            && let Some(account) = self.account_mut(jid)
        {
            account.take(frontier, epochs);
        }
        if let Some(merged) = merged {
            self.put_written(record, name, merged, epochs);
        }
        if let (RecordKey::Account { jid }, Some(copy)) = (record, alias(name, row))
            && let Some(account) = self.account_mut(jid)
        {
            account.take_copy(copy, epochs);
        }
    }

    fn apply_expire(&mut self, owner: &Owner, upto: Position) {
        if let Owner::Account { jid } = owner
            && let Some(account) = self.account_mut(jid)
        {
            account.keep_untaken(|position| position > upto);
        }
        let record = record_of(owner);
        let copies = self.rows(&record).into_iter().flat_map(Rows::aliases);
        let old = copies.map(|copy| copy.alias).filter(|at| *at <= upto);
        let old: Vec<Position> = old.collect();
        if let Some(rows) = self.rows_mut(&record).filter(|_| !old.is_empty()) {
            for at in old {
                rows.forget(&RowName::Alias { at });
            }
        }
    }

    fn apply_soft(&mut self, at: At, op: &Soft) {
        match op {
            Soft::Bind { .. } => self.apply_bind(at, op),
            Soft::Unbind { jid, session, .. } => {
                if let Some(account) = self.account_mut(&jid.bare())
                    && account
                        .online
                        .get(jid.resource())
                        .is_some_and(|one| one.session == *session)
                {
                    account.online.remove(jid.resource());
                }
            }
            Soft::Presence { jid, presence, .. } => {
                if let Some(online) = self.online_mut(jid) {
                    online.presence.clone_from(presence);
                    online.order = at.position;
                    if presence.is_none() {
                        online.directed.clear();
                        online.interests = None;
                    }
                }
            }
            Soft::Directed {
                jid, to, available, ..
            } => {
                if let Some(online) = self.online_mut(jid) {
                    if *available {
                        online.directed.insert(to.clone());
                    } else {
                        online.directed.remove(to);
                    }
                }
            }
            Soft::Wants { jid, want, on } => {
                if let Some(online) = self.online_mut(jid) {
                    *online.switch(*want) = *on;
                }
            }
            Soft::Interests { jid, interests } => {
                if let Some(online) = self.online_mut(jid) {
                    online.interests = Some(interests.clone());
                }
            }
            Soft::Caps { interests } => self.caps.add(interests),
            Soft::Room { room, change } => self.apply_change(at, room, change),
            Soft::Moved { jid, session, node } => {
                let online = self.online_mut(jid);
                if let Some(online) = online.filter(|online| online.session == *session) {
                    online.node = *node;
                }
            }
            Soft::Route { .. }
            | Soft::Kick { .. }
            | Soft::Announce { .. }
            | Soft::Halt { .. }
            | Soft::Reads { .. }
            | Soft::Handed { .. }
            | Soft::Recall { .. }
            | Soft::Recalled { .. }
            | Soft::Managed { .. }
            | Soft::Told { .. }
            | Soft::Reports { .. }
            | Soft::Reported { .. }
            | Soft::Node { .. } => {}
        }
    }

    fn apply_bind(&mut self, at: At, op: &Soft) {
        let Soft::Bind {
            jid,
            session,
            node,
            device,
            since,
        } = op
        else {
            return;
        };
        let online = Online {
            session: *session,
            node: *node,
            device: device.clone(),
            jid: jid.clone(),
            presence: None,
            carbons: false,
            interested: false,
            watches_blocks: false,
            directed: BTreeSet::new(),
            interests: None,
            rooms: BTreeSet::new(),
            since: *since,
            order: at.position,
        };
        if let Some(account) = self.account_mut(&jid.bare()) {
            account.online.insert(jid.resource().into(), online);
        }
    }

    fn apply_change(&mut self, at: At, room: &BareJid, change: &RoomChange) {
        if change.is_change()
            && let Some(record) = self.room_mut(room)
        {
            record.apply(at.position, change);
        }
        for (jid, inside) in change.moves() {
            let Some(online) = self.online_mut(&jid) else {
                continue;
            };
            if inside {
                online.rooms.insert(room.clone());
            } else {
                online.rooms.remove(room);
            }
        }
    }

    fn online_mut(&mut self, jid: &FullJid) -> Option<&mut Online> {
        self.account_mut(&jid.bare())?
            .online
            .get_mut(jid.resource())
    }
}

fn incarnation(rows: &Rows) -> Option<Incarnation> {
    match rows.row(&RowName::Account) {
        Some(Row::Account { row }) => Some(row.incarnation),
        _ => None,
    }
}
