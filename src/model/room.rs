//! A room: its rows, and who is in it (XEP-0045).

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::VecDeque;
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

impl RoomConfig {
    /// Whether the room is in the lists that the tables keep. One that does not persist is in memory
    /// as long as there is one.
    pub(crate) fn is_listed(&self) -> bool {
        self.public && self.persistent
    }
}

/// The subject, and who set it when.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Subject {
    pub(crate) message: Arc<Message>,
    pub(crate) at: Timestamp,
}

coded!(struct Subject { message, at });

/// A user's lasting relation to a room.
///
/// It was given to an account, not to a name: whoever has the name later inherits nothing. A ban alone
/// is for the name, or whoever is banned would come back by making the account anew.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct AffiliationRow {
    pub(crate) affiliation: Affiliation,
    /// Whose it is; `None`: there was no such account yet, and it is for the first that comes.
    pub(crate) account: Option<Incarnation>,
    /// The nickname registered with the room (XEP-0045 section 7.10).
    pub(crate) nick: Option<Box<str>>,
    pub(crate) reason: Option<Box<str>>,
}

coded!(struct AffiliationRow { affiliation, account, nick, reason });

impl AffiliationRow {
    /// Whether it is for the account that has the name now (`None`: there is none).
    pub(crate) fn is_for(&self, live: Option<Incarnation>) -> bool {
        self.affiliation == Affiliation::Outcast || self.account.is_none() || self.account == live
    }
}

/// Somebody who has asked for membership and was not answered yet (XEP-0045 section 7.10).
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct ApplicantRow {
    /// Whoever has the name later has not asked.
    pub(crate) account: Option<Incarnation>,
    /// The nickname that is to be reserved.
    pub(crate) nick: Box<str>,
    pub(crate) at: Timestamp,
}

coded!(struct ApplicantRow { account, nick, at });

/// A hat that may be worn in a room (XEP-0317).
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct HatRow {
    pub(crate) title: Box<str>,
    /// The angle of its colour in degrees (XEP-0392), as it was written; empty: none.
    pub(crate) hue: Box<str>,
}

coded!(struct HatRow { title, hue });

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

coded!(enum RoomRole { 0 => None, 1 => Visitor, 2 => Participant, 3 => Moderator });

/// A room in memory.
#[derive(Clone, Debug, Default)]
pub(crate) struct Room {
    pub(crate) rows: Arc<Rows>,
    /// By nickname. Shared, so that a copy of a room of thousands costs little.
    pub(crate) occupants: BTreeMap<Arc<str>, Arc<Occupant>>,
    /// The nickname of each device that is inside.
    pub(crate) nicks: BTreeMap<FullJid, Arc<str>>,
}

/// Nicknames, in order.
pub(crate) type Nicks = BTreeSet<Box<str>>;

/// Somebody in a room under one nickname; several devices of one user share it.
#[derive(Clone, Debug)]
pub(crate) struct Occupant {
    pub(crate) user: BareJid,
    /// Stays the same under every nickname (XEP-0421).
    pub(crate) id: Arc<str>,
    pub(crate) role: RoomRole,
    /// Whom the user has blocked of the others: nothing of theirs is for it (XEP-0191).
    pub(crate) silenced: Arc<Nicks>,
    pub(crate) devices: BTreeMap<FullJid, OccupantDevice>,
}

/// One device of an occupant.
#[derive(Clone, Debug)]
pub(crate) struct OccupantDevice {
    pub(crate) session: SessionId,
    /// Its last presence.
    pub(crate) shown: Arc<Shown>,
    /// When it said that: the newest presence is the occupant's.
    pub(crate) said: Position,
    /// What others have asked it and it has not answered yet, the oldest first.
    pub(crate) asked: VecDeque<Arc<Relayed>>,
}

/// A request from one occupant to another.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Relayed {
    /// The device that asks, and what it calls its request.
    pub(crate) asker: FullJid,
    pub(crate) id: Box<str>,
    /// Whom it has asked.
    pub(crate) nick: Arc<str>,
}

coded!(struct Relayed { asker, id, nick });

/// An occupant's presence as the others see it: made once, shared by all who get it.
#[derive(Clone, Debug)]
pub(crate) struct Shown {
    /// With the real address.
    pub(crate) open: Arc<Outgoing>,
    /// Without it.
    pub(crate) hidden: Arc<Outgoing>,
    /// How much at the beginning of the payload came from the client.
    pub(crate) own_bytes: usize,
}

coded!(struct Shown { open, hidden, own_bytes });

/// A volatile change of a room. Who is told about it is computed at its delivery.
#[derive(Clone, Debug)]
pub(crate) enum RoomChange {
    /// A stanza for occupants that is not kept.
    Say { stanza: Arc<Outgoing>, to: Hearers },
    /// A request from one device to another.
    Ask {
        stanza: Arc<Outgoing>,
        to: FullJid,
        relayed: Arc<Relayed>,
    },
    /// The answer to a request, from the device that was asked to the one that had asked.
    Reply {
        stanza: Arc<Outgoing>,
        from: FullJid,
        to: FullJid,
    },
    /// A device enters, alone or beside others of the same user under the same nickname.
    Join {
        nick: Arc<str>,
        jid: FullJid,
        session: SessionId,
        occupant_id: Arc<str>,
        silenced: Arc<Nicks>,
        role: RoomRole,
        shown: Arc<Shown>,
        id: Option<Box<str>>,
        /// The room is new (status 201).
        created: bool,
        /// The nickname is not quite what was asked for (status 210).
        assigned: bool,
        /// The room's past follows, and the subject after it.
        history: bool,
    },
    /// A device says something else about itself.
    Show {
        nick: Arc<str>,
        jid: FullJid,
        shown: Arc<Shown>,
        id: Option<Box<str>>,
    },
    /// All devices of an occupant go by another nickname.
    Rename {
        nick: Arc<str>,
        new: Arc<str>,
        shown: Vec<(FullJid, Arc<Shown>)>,
    },
    /// Roles and affiliations of occupants change; both are in what they show from now on.
    Rights { changed: Vec<Rights>, why: Why },
    /// Whom an occupant does not want to hear from now on.
    Hush {
        nick: Arc<str>,
        silenced: Arc<Nicks>,
    },
    /// A device leaves; what it said last.
    Leave {
        nick: Arc<str>,
        jid: FullJid,
        said: Arc<[u8]>,
    },
    /// Occupants are made to leave.
    Remove { removed: Vec<Removed>, why: Why },
    /// The room is gone, and everybody out of it.
    Destroy {
        inside: Vec<FullJid>,
        /// The element `<destroy/>` for all.
        notice: Arc<[u8]>,
    },
}

coded!(enum RoomChange {
    1 => Say { stanza, to },
    2 => Join {
        nick, jid, session, occupant_id, silenced, role, shown, id, created, assigned, history
    },
    3 => Show { nick, jid, shown, id },
    4 => Rename { nick, new, shown },
    5 => Rights { changed, why },
    6 => Leave { nick, jid, said },
    7 => Remove { removed, why },
    8 => Destroy { inside, notice },
    9 => Ask { stanza, to, relayed },
    10 => Reply { stanza, from, to },
    11 => Hush { nick, silenced },
});

/// Whom a stanza in a room is for.
#[derive(Clone, Debug)]
pub(crate) enum Hearers {
    All,
    Moderators,
    /// All devices of one occupant.
    Occupant {
        nick: Arc<str>,
    },
}

coded!(enum Hearers { 0 => All, 1 => Moderators, 2 => Occupant { nick } });

/// What an occupant may do from now on.
#[derive(Clone, Debug)]
pub(crate) struct Rights {
    pub(crate) nick: Arc<str>,
    pub(crate) role: RoomRole,
    pub(crate) shown: Vec<(FullJid, Arc<Shown>)>,
}

coded!(struct Rights { nick, role, shown });

/// An occupant that is made to leave, with all devices.
#[derive(Clone, Debug)]
pub(crate) struct Removed {
    pub(crate) nick: Arc<str>,
    pub(crate) devices: Vec<FullJid>,
}

coded!(struct Removed { nick, devices });

/// Why something is done to occupants, as they are told.
#[derive(Clone, Debug, Default)]
pub(crate) struct Why {
    pub(crate) codes: Vec<u16>,
    /// The nickname of who did it.
    pub(crate) actor: Option<Arc<str>>,
    pub(crate) reason: Option<Box<str>>,
}

coded!(struct Why { codes, actor, reason });

impl RoomChange {
    /// Whose session enters (`true`) or leaves (`false`) the room.
    pub(crate) fn moves(&self) -> Vec<(FullJid, bool)> {
        let out = |jid: &FullJid| (jid.clone(), false);
        match self {
            Self::Say { .. }
            | Self::Ask { .. }
            | Self::Reply { .. }
            | Self::Show { .. }
            | Self::Rename { .. }
            | Self::Rights { .. }
            | Self::Hush { .. } => Vec::new(),
            Self::Join { jid, .. } => vec![(jid.clone(), true)],
            Self::Leave { jid, .. } => vec![out(jid)],
            Self::Remove { removed, .. } => removed
                .iter()
                .flat_map(|one| one.devices.iter().map(out))
                .collect(),
            Self::Destroy { inside, .. } => inside.iter().map(out).collect(),
        }
    }

    /// Whether the room is another one afterwards.
    pub(crate) fn is_change(&self) -> bool {
        !matches!(self, Self::Say { .. })
    }
}

impl Occupant {
    /// Whether what comes from this nickname is for it.
    pub(crate) fn hears(&self, nick: &str) -> bool {
        !self.silenced.contains(nick)
    }

    /// The device whose presence is the occupant's.
    pub(crate) fn newest(&self) -> Option<(&FullJid, &OccupantDevice)> {
        self.devices.iter().max_by_key(|(_, device)| device.said)
    }
}

impl Room {
    /// The device with this address, if it is inside.
    pub(crate) fn device(&self, jid: &FullJid) -> Option<&OccupantDevice> {
        let occupant = self.occupants.get(self.nicks.get(jid)?)?;
        occupant.devices.get(jid)
    }

    pub(crate) fn row(&self) -> Option<RoomRow> {
        match self.rows.row(&RowName::Room) {
            Some(Row::Room { row }) => Some(*row),
            _ => None,
        }
    }

    /// The room's row, if there is a room. One that does not persist is gone when nobody is in it,
    /// whether or not its end was written down (XEP-0045 section 7.14).
    pub(crate) fn living(&self) -> Option<RoomRow> {
        let persists = self.config().is_some_and(|config| config.persistent);
        self.row()
            .filter(|row| !row.destroyed && (persists || !self.occupants.is_empty()))
    }

    pub(crate) fn exists(&self) -> bool {
        self.living().is_some()
    }

    /// Whether it is none any more, but not written down as that.
    pub(crate) fn is_over(&self) -> bool {
        self.row().is_some_and(|row| !row.destroyed) && !self.exists()
    }

    pub(crate) fn config(&self) -> Option<&Arc<RoomConfig>> {
        match self.rows.row(&RowName::RoomConfig) {
            Some(Row::RoomConfig { config }) => Some(config),
            _ => None,
        }
    }

    pub(crate) fn subject(&self) -> Option<&Arc<Subject>> {
        match self.rows.row(&RowName::Subject) {
            Some(Row::Subject { subject }) => Some(subject),
            _ => None,
        }
    }

    pub(crate) fn affiliation(&self, user: &BareJid) -> Affiliation {
        self.affiliation_row(user)
            .map_or(Affiliation::None, |row| row.affiliation)
    }

    pub(crate) fn affiliation_row(&self, user: &BareJid) -> Option<&Arc<AffiliationRow>> {
        match self.rows.row(&RowName::Affiliation { jid: user.clone() }) {
            Some(Row::Affiliation { row }) => Some(row),
            _ => None,
        }
    }

    /// Everybody with a lasting relation to the room, in order of address.
    pub(crate) fn affiliations(&self) -> impl Iterator<Item = (&BareJid, &Arc<AffiliationRow>)> {
        self.rows
            .iter()
            .filter_map(|(name, cell)| match (name, &cell.row) {
                (RowName::Affiliation { jid }, Some(Row::Affiliation { row })) => Some((jid, row)),
                _ => None,
            })
    }
}
