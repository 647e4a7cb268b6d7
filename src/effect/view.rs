//! What a feature may read: the resident records, and the facts of the moment.

use std::cell::Cell as Flag;
use std::collections::BTreeSet;
use std::sync::Arc;

use crate::base::jid::BareJid;
use crate::base::jid::Jid;
use crate::base::time::Timestamp;
use crate::effect::proposal::Guard;
use crate::effect::proposal::Need;
use crate::effect::proposal::Stop;
use crate::effect::settings::Settings;
use crate::effect::state::State;
use crate::model::account::Account;
use crate::model::account::Credentials;
use crate::model::account::Online;
use crate::model::epochs::Epochs;
use crate::model::position::Position;
use crate::model::pubsub::LeafKey;
use crate::model::room::Room;
use crate::model::row::RecordKey;
use crate::model::row::RowKey;
use crate::model::row::RowName;
use crate::model::row::Rows;

/// The facts of one evaluation or delivery; the same facts and records give the same result.
#[derive(Clone, Debug, Default)]
pub(crate) struct Facts {
    /// The node that evaluates or delivers.
    pub(crate) node: u8,
    /// Sessions of other nodes cannot be reached.
    pub(crate) is_alone: bool,
    /// There is another node, which cannot be asked whether a name is free.
    pub(crate) is_parted: bool,
    pub(crate) now: Timestamp,
    /// The counter of the newest epoch: no id of ours is newer.
    pub(crate) newest_epoch: u32,
    /// Drawn for this input alone: the source of every id and secret it makes.
    pub(crate) random: [u8; 32],
    /// The keys of the password that a [`Need::Derive`] of this input named.
    pub(crate) derived: Option<Arc<Credentials>>,
    /// Nobody can use that password (RFC 4013).
    pub(crate) is_unusable: bool,
}

/// The resident records as of one moment.
///
/// Evaluation reads through `over` (what is numbered but not delivered, and own proposals) to
/// `base` (what is delivered); delivery reads `base` alone.
#[derive(Debug)]
pub(crate) struct View<'a> {
    pub(crate) over: Option<&'a State>,
    pub(crate) base: &'a State,
    /// Which change stands on which; `None`: they stand in the order of their positions.
    pub(crate) epochs: Option<&'a Epochs>,
    pub(crate) settings: &'a Settings,
    pub(crate) facts: &'a Facts,
    /// Set once something was read that could still vanish: the answer has to wait for it.
    pub(crate) read_pending: Flag<bool>,
}

impl<'a> View<'a> {
    pub(crate) fn new(base: &'a State, settings: &'a Settings, facts: &'a Facts) -> Self {
        Self {
            over: None,
            base,
            epochs: None,
            settings,
            facts,
            read_pending: Flag::new(false),
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.facts.now
    }

    /// The account's record; evaluation stops and goes on once it is loaded.
    pub(crate) fn account(&self, jid: &BareJid) -> Result<&'a Account, Stop> {
        self.resident_account(jid).ok_or_else(|| Stop::Need {
            need: Need::Load {
                key: RecordKey::Account { jid: jid.clone() },
            },
        })
    }

    /// The room's record; evaluation stops and goes on once it is loaded.
    pub(crate) fn room(&self, jid: &BareJid) -> Result<&'a Room, Stop> {
        self.resident_room(jid).ok_or_else(|| Stop::Need {
            need: Need::Load {
                key: RecordKey::Room { jid: jid.clone() },
            },
        })
    }

    /// What is in a node of publish-subscribe; evaluation stops and goes on once it is loaded.
    pub(crate) fn leaf(&self, leaf: &LeafKey) -> Result<&'a Rows, Stop> {
        self.resident_leaf(leaf).ok_or_else(|| Stop::Need {
            need: Need::Load {
                key: RecordKey::Leaf { leaf: leaf.clone() },
            },
        })
    }

    /// The same if it is in memory. An entry that changes it sees to that.
    pub(crate) fn resident_leaf(&self, leaf: &LeafKey) -> Option<&'a Rows> {
        if let Some(rows) = self.over.and_then(|over| over.leaves.get(leaf)) {
            self.read_pending.set(true);
            return Some(rows);
        }
        self.base.leaves.get(leaf).map(AsRef::as_ref)
    }

    /// The account if it is in memory. Accounts with a session always are, so delivery, which looks
    /// for sessions, needs no other.
    pub(crate) fn resident_account(&self, jid: &BareJid) -> Option<&'a Account> {
        if let Some(account) = self.over.and_then(|over| over.accounts.get(jid)) {
            self.read_pending.set(true);
            return Some(account);
        }
        self.base.accounts.get(jid).map(AsRef::as_ref)
    }

    /// The room if it is in memory. Rooms with occupants always are.
    pub(crate) fn resident_room(&self, jid: &BareJid) -> Option<&'a Room> {
        if let Some(room) = self.over.and_then(|over| over.rooms.get(jid)) {
            self.read_pending.set(true);
            return Some(room);
        }
        self.base.rooms.get(jid).map(AsRef::as_ref)
    }

    /// Rooms in memory, in order of address (those with occupants among them).
    pub(crate) fn resident_rooms(&self) -> impl Iterator<Item = (&'a BareJid, &'a Room)> {
        self.base
            .rooms
            .iter()
            .map(|(jid, room)| (jid, room.as_ref()))
    }

    /// How many rooms there are in all, those among them that only pending entries know.
    pub(crate) fn rooms_there(&self) -> usize {
        let is_there = |room: &Room| room.row().is_some_and(|row| !row.destroyed);
        let pending = self.over.into_iter().flat_map(|over| &over.rooms);
        pending.fold(self.base.rooms_there, |count, (jid, room)| {
            let before = self.base.rooms.get(jid).is_some_and(|room| is_there(room));
            match (before, is_there(room)) {
                (false, true) => count.saturating_add(1),
                (true, false) => count.saturating_sub(1),
                _ => count,
            }
        })
    }

    /// Accounts in memory, in order of address (those online among them).
    pub(crate) fn resident_accounts(&self) -> impl Iterator<Item = (&'a BareJid, &'a Account)> {
        self.base
            .accounts
            .iter()
            .map(|(jid, account)| (jid, account.as_ref()))
    }

    /// The node's own rows.
    pub(crate) fn node(&self) -> Result<&'a Rows, Stop> {
        let over = self.over.and_then(|over| over.node.as_deref());
        if over.is_some() {
            self.read_pending.set(true);
        }
        over.or(self.base.node.as_deref()).ok_or(Stop::Need {
            need: Need::Load {
                key: RecordKey::Node,
            },
        })
    }

    /// "Nobody has changed this row since I read it": zero also says that it never was.
    pub(crate) fn guard(&self, record: RecordKey, name: RowName) -> Guard {
        let rows = self
            .over
            .and_then(|over| over.rows(&record))
            .or_else(|| self.base.rows(&record));
        let version = rows.map_or(Position::ZERO, |rows| rows.version(&name));
        Guard {
            key: RowKey { record, name },
            version,
        }
    }

    /// The session with this address, if it is online and in memory.
    pub(crate) fn online(&self, jid: &Jid) -> Option<&'a Online> {
        self.resident_account(&jid.to_bare())?
            .online
            .get(jid.resource()?)
    }

    /// Whether the address is of an account of ours (existing or not).
    pub(crate) fn is_account(&self, jid: &Jid) -> bool {
        jid.local().is_some() && jid.domain() == self.settings.domain.as_ref()
    }

    /// Who administers the server by the account's own row, in order of address. Their records are loaded.
    pub(crate) fn admins(&self) -> Result<Vec<&'a BareJid>, Stop> {
        let pending = self.over.into_iter().flat_map(|over| &over.admins);
        let all: BTreeSet<&BareJid> = self.base.admins.iter().chain(pending).collect();
        let mut found = Vec::new();
        for jid in all {
            if self
                .account(jid)?
                .row()
                .is_some_and(|row| row.administers())
            {
                found.push(jid);
            }
        }
        Ok(found)
    }

    /// Whether the user may administer the server.
    pub(crate) fn is_admin(&self, jid: &BareJid) -> bool {
        self.settings.admins.contains(jid)
            || self
                .resident_account(jid)
                .and_then(Account::row)
                .is_some_and(|row| row.admin)
    }
}
