//! A room: its rows, and who is in it (XEP-0045).

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::base::ids::Incarnation;
use crate::base::ids::SessionId;
use crate::base::jid::BareJid;
use crate::base::jid::FullJid;
use crate::base::time::Timestamp;
use crate::model::codec::coded;
use crate::model::message::Message;
use crate::model::position::Position;
use crate::model::row::Row;
use crate::model::row::RowName;
use crate::model::row::Rows;
use crate::stanza::outgoing::Outgoing;

/// That a room exists. A name used again gets a new incarnation, and so inherits nothing.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct RoomRow {
    pub(crate) incarnation: Incarnation,
    pub(crate) created: Timestamp,
    /// Not usable by others until its owner has configured it (XEP-0045 section 10.1).
    pub(crate) locked: bool,
    pub(crate) destroyed: bool,
    /// Keys the occupant ids (XEP-0421).
    pub(crate) secret: [u8; 16],
}

coded!(struct RoomRow { incarnation, created, locked, destroyed, secret });

/// The configuration form's values.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct RoomConfig {
    pub(crate) name: Box<str>,
    pub(crate) description: Box<str>,
    pub(crate) lang: Box<str>,
    pub(crate) persistent: bool,
    pub(crate) public: bool,
    pub(crate) members_only: bool,
    pub(crate) moderated: bool,
    pub(crate) password: Option<Box<str>>,
    /// Real addresses for all occupants, not for moderators only.
    pub(crate) open_addresses: bool,
    pub(crate) occupants_max: u32,
    pub(crate) archived: bool,
    pub(crate) anyone_changes_subject: bool,
    pub(crate) anyone_invites: bool,
    /// Who may send private messages: 0 nobody, 1 moderators, 2 participants, 3 anyone.
    pub(crate) private_messages: u8,
    /// Whose presence is broadcast: bit 0 visitors, 1 participants, 2 moderators.
    pub(crate) presence_broadcast: u8,
    /// Who may see the member list: as `presence_broadcast`.
    pub(crate) member_list: u8,
}

coded!(struct RoomConfig {
    name, description, lang, persistent, public, members_only, moderated, password,
    open_addresses, occupants_max, archived, anyone_changes_subject, anyone_invites,
    private_messages, presence_broadcast, member_list,
});

/// The subject, and who set it when.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Subject {
    pub(crate) message: Arc<Message>,
    pub(crate) at: Timestamp,
}

coded!(struct Subject { message, at });

/// A user's lasting relation to a room.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct AffiliationRow {
    pub(crate) affiliation: Affiliation,
    /// The nickname registered with the room (XEP-0045 section 7.10).
    pub(crate) nick: Option<Box<str>>,
    pub(crate) reason: Option<Box<str>>,
}

coded!(struct AffiliationRow { affiliation, nick, reason });

/// From least to most.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Affiliation {
    Outcast,
    #[default]
    None,
    Member,
    Admin,
    Owner,
}

coded!(enum Affiliation { 0 => Outcast, 1 => None, 2 => Member, 3 => Admin, 4 => Owner });

/// What an occupant may do while present (XEP-0045 section 5.1).
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum RoomRole {
    #[default]
    None,
    Visitor,
    Participant,
    Moderator,
}

/// A room in memory.
#[derive(Clone, Debug, Default)]
pub(crate) struct Room {
    pub(crate) rows: Arc<Rows>,
    /// By nickname.
    pub(crate) occupants: BTreeMap<Box<str>, Occupant>,
}

/// Somebody in a room under one nickname; several devices of one user share it.
#[derive(Clone, Debug)]
pub(crate) struct Occupant {
    pub(crate) user: BareJid,
    pub(crate) role: RoomRole,
    pub(crate) devices: BTreeMap<FullJid, OccupantDevice>,
}

/// One device of an occupant.
#[derive(Clone, Debug)]
pub(crate) struct OccupantDevice {
    pub(crate) session: SessionId,
    /// Its last presence's payload.
    pub(crate) presence: Arc<[u8]>,
    pub(crate) joined: Position,
}

/// A volatile change of a room. What the occupants are told about it is computed at its delivery.
#[derive(Clone, Debug)]
pub(crate) enum RoomChange {
    /// A message or other stanza to all occupants that is not kept.
    Say { stanza: Arc<Outgoing> },
    /// A device enters, alone or beside others of the same user under the same nickname.
    Join {
        nick: Box<str>,
        jid: FullJid,
        session: SessionId,
        role: RoomRole,
        presence: Arc<[u8]>,
    },
    /// A device leaves, or is made to.
    Leave { nick: Box<str>, jid: FullJid },
}

impl RoomChange {
    /// Whose session enters (`true`) or leaves (`false`) the room.
    pub(crate) fn moves(&self) -> Vec<(FullJid, bool)> {
        match self {
            Self::Say { .. } => Vec::new(),
            Self::Join { jid, .. } => vec![(jid.clone(), true)],
            Self::Leave { jid, .. } => vec![(jid.clone(), false)],
        }
    }
}

impl Room {
    /// Applies a volatile change.
    pub(crate) fn apply(&mut self, at: Position, change: &RoomChange) {
        match change {
            RoomChange::Say { .. } => {}
            RoomChange::Join {
                nick,
                jid,
                session,
                role,
                presence,
            } => {
                let occupant = self
                    .occupants
                    .entry(nick.clone())
                    .or_insert_with(|| Occupant {
                        user: jid.bare(),
                        role: *role,
                        devices: BTreeMap::new(),
                    });
                let presence = Arc::clone(presence);
                occupant.devices.insert(
                    jid.clone(),
                    OccupantDevice {
                        session: *session,
                        presence,
                        joined: at,
                    },
                );
            }
            RoomChange::Leave { nick, jid } => {
                if let Some(occupant) = self.occupants.get_mut(nick) {
                    occupant.devices.remove(jid);
                    if occupant.devices.is_empty() {
                        self.occupants.remove(nick);
                    }
                }
            }
        }
    }
}

impl Room {
    pub(crate) fn row(&self) -> Option<RoomRow> {
        match self.rows.row(&RowName::Room) {
            Some(Row::Room { row }) => Some(*row),
            _ => None,
        }
    }

    pub(crate) fn exists(&self) -> bool {
        self.row().is_some_and(|row| !row.destroyed)
    }

    pub(crate) fn config(&self) -> Option<&Arc<RoomConfig>> {
        match self.rows.row(&RowName::RoomConfig) {
            Some(Row::RoomConfig { config }) => Some(config),
            _ => None,
        }
    }

    pub(crate) fn affiliation(&self, user: &BareJid) -> Affiliation {
        match self.rows.row(&RowName::Affiliation { jid: user.clone() }) {
            Some(Row::Affiliation { row }) => row.affiliation,
            _ => Affiliation::None,
        }
    }
}
