//! A stanza to a room: who sent it, which room, and what the sender is there.

use std::borrow::Cow;
use std::sync::Arc;

use ring::hmac;

use crate::base::ids::Incarnation;
use crate::base::jid::BareJid;
use crate::base::jid::Jid;
use crate::base::limits::ROOM_PRESENCE_BYTES_MAX;
use crate::effect::proposal::Guard;
use crate::effect::proposal::Proposal;
use crate::effect::proposal::Stop;
use crate::effect::request::Request;
use crate::effect::view::View;
use crate::model::op::Op;
use crate::model::op::Soft;
use crate::model::room::Affiliation;
use crate::model::room::AffiliationRow;
use crate::model::room::Occupant;
use crate::model::room::Room;
use crate::model::room::RoomChange;
use crate::model::room::RoomConfig;
use crate::model::room::RoomRole;
use crate::model::room::RoomRow;
use crate::model::row::RecordKey;
use crate::model::row::RowName;
use crate::stanza::Condition;
use crate::stanza::StanzaError;
use crate::stanza::ns;
use crate::xml::Node;

/// What every verb starts from.
pub(super) struct Visit<'a> {
    pub(super) view: &'a View<'a>,
    pub(super) request: &'a Request,
    /// The address of the room.
    pub(super) jid: BareJid,
    pub(super) room: &'a Room,
    /// The sender.
    pub(super) user: BareJid,
}

/// The sender as an occupant.
pub(super) struct Inside<'a> {
    pub(super) nick: &'a Arc<str>,
    pub(super) occupant: &'a Arc<Occupant>,
}

impl<'a> Visit<'a> {
    pub(super) fn new(
        view: &'a View<'a>,
        request: &'a Request,
        jid: &BareJid,
    ) -> Result<Self, Stop> {
        let room = view.room(jid)?;
        Ok(Self {
            view,
            request,
            room,
            jid: jid.to_compact(),
            user: request.from.bare().to_compact(),
        })
    }

    /// The resource of the address: an occupant's nickname.
    pub(super) fn nick(&self) -> Option<&'a str> {
        self.request.stanza.to.as_ref().and_then(Jid::resource)
    }

    /// The room, if there is one. While it is locked there is one for its owner only (XEP-0045
    /// section 10.1.1).
    pub(super) fn living(&self) -> Result<RoomRow, Stop> {
        let open = |row: &RoomRow| !row.locked || self.affiliation() == Affiliation::Owner;
        self.room
            .living()
            .filter(open)
            .ok_or_else(|| StanzaError::new(Condition::ItemNotFound).into())
    }

    pub(super) fn config(&self) -> Arc<RoomConfig> {
        self.room.config().cloned().unwrap_or_default()
    }

    pub(super) fn affiliation(&self) -> Affiliation {
        self.affiliation_of(&self.user)
    }

    /// What the user is to the room, as far as memory tells: see [`Visit::row_of`].
    pub(super) fn affiliation_of(&self, user: &BareJid) -> Affiliation {
        self.row_of(user)
            .map_or(Affiliation::None, |row| row.affiliation)
    }

    /// The user's row, unless it was for an earlier account of that name. The sender's account and
    /// those of occupants are always in memory; of others, [`Visit::live`] tells.
    pub(super) fn row_of(&self, user: &BareJid) -> Option<&'a Arc<AffiliationRow>> {
        let row = self.room.affiliation_row(user)?;
        self.is_current(user, row).then_some(row)
    }

    /// Everybody with a lasting relation to the room, without rows that are known to be for nobody.
    pub(super) fn affiliations(
        &self,
    ) -> impl Iterator<Item = (&'a BareJid, &'a Arc<AffiliationRow>)> {
        let all = self.room.affiliations();
        all.filter(|(user, row)| self.is_current(user, row))
    }

    pub(super) fn is_current(&self, user: &BareJid, row: &AffiliationRow) -> bool {
        let account = self.view.resident_account(user);
        account.is_none_or(|account| row.is_for(account.live()))
    }

    /// The account that the name belongs to now, if there is one; from here on it is in memory.
    pub(super) fn live(&self, user: &BareJid) -> Result<Option<Incarnation>, Stop> {
        if !self.view.is_account(&user.to_jid()) {
            return Ok(None);
        }
        Ok(self.view.account(user)?.live())
    }

    /// Whether the nickname is registered for somebody else than `user` (XEP-0045 section 7.10).
    pub(super) fn is_reserved(&self, nick: &str, user: &BareJid) -> Result<bool, Stop> {
        for (holder, row) in self.affiliations() {
            let is_it = holder != user && row.nick.as_deref() == Some(nick);
            if is_it && row.is_for(self.live(holder)?) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    pub(super) fn role(&self) -> RoomRole {
        self.inside()
            .map_or(RoomRole::None, |inside| inside.occupant.role)
    }

    /// Set if this session is in the room.
    pub(super) fn inside(&self) -> Option<Inside<'a>> {
        let nick = self.room.nicks.get(&self.request.from)?;
        let occupant = self.room.occupants.get(nick)?;
        Some(Inside { nick, occupant })
    }

    /// Only who is inside may do this (XEP-0045 sections 7.4 and 7.5).
    pub(super) fn must_be_inside(&self) -> Result<Inside<'a>, Stop> {
        self.inside()
            .ok_or_else(|| StanzaError::new(Condition::NotAcceptable).into())
    }

    /// Only owners may do this (XEP-0045 section 10).
    pub(super) fn must_own(&self) -> Result<RoomRow, Stop> {
        let row = self.living()?;
        if self.affiliation() == Affiliation::Owner {
            Ok(row)
        } else {
            Err(StanzaError::new(Condition::Forbidden).into())
        }
    }

    pub(super) fn record(&self) -> RecordKey {
        RecordKey::Room {
            jid: self.jid.clone(),
        }
    }

    pub(super) fn guard(&self, name: RowName) -> Guard {
        self.view.guard(self.record(), name)
    }

    /// "As long as this holds": the room, its configuration, what the sender is to it, and the
    /// sender's account.
    pub(super) fn propose(&self) -> Proposal {
        let account = RecordKey::Account {
            jid: self.user.clone(),
        };
        Proposal::nothing()
            .guarded(self.guard(RowName::Room))
            .guarded(self.guard(RowName::RoomConfig))
            .guarded(self.guard_of(&self.user))
            .guarded(self.view.guard(account, RowName::Account))
    }

    /// "As long as the user is to the room what it was when I looked."
    pub(super) fn guard_of(&self, user: &BareJid) -> Guard {
        self.guard(RowName::Affiliation { jid: user.clone() })
    }

    pub(super) fn change(&self, change: RoomChange) -> Op {
        Op::soft(Soft::Room {
            room: self.jid.clone(),
            change: Arc::new(change),
        })
    }

    /// What of the stanza goes into the room: nothing that only the room may say (XEP-0421 section 4, XEP-0317),
    /// no id and no time in the name of one of ours (XEP-0359 section 5).
    pub(super) fn own_payload(&self) -> Vec<u8> {
        let domain = self.view.settings.domain.as_ref();
        let is_ours = |by: Option<Cow<'_, str>>| {
            let by = by.and_then(|by| Jid::parse(&by).ok());
            by.is_none_or(|by| by.bare_str() == self.jid.as_str() || by.domain() == domain)
        };
        let is_removed = |child: Node<'_>| match (child.name(), child.ns()) {
            (_, ns::MUC | ns::MUC_USER | ns::OCCUPANT_ID | ns::HATS) => true,
            ("stanza-id", ns::SID) => is_ours(child.attr("by")),
            ("delay", ns::DELAY) => is_ours(child.attr("from")),
            _ => false,
        };
        let root = self.request.stanza.root();
        root.inner_without(is_removed).into_owned()
    }

    /// The same of a presence, which the room keeps.
    pub(super) fn own_presence(&self) -> Result<Vec<u8>, Stop> {
        let own = self.own_payload();
        if own.len() > ROOM_PRESENCE_BYTES_MAX {
            return Err(StanzaError::new(Condition::PolicyViolation).into());
        }
        Ok(own)
    }

    /// The empty result of a request.
    pub(super) fn done(&self) -> crate::stanza::outgoing::Outgoing {
        self.request.stanza.result(&self.request.from, Vec::new())
    }
}

/// An occupant's address. A nickname was a resource once, so it is one again.
pub(super) fn address_of(room: &BareJid, nick: &str) -> Jid {
    room.with_resource(nick)
        .map_or_else(|_| room.to_jid(), |full| full.to_jid())
}

/// What stays the same of a user in this room, whatever the nickname, and is of no use in another
/// (XEP-0421 section 4). Whoever has the name later is somebody else.
pub(super) fn occupant_id(row: &RoomRow, user: &BareJid, account: Option<Incarnation>) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, &row.secret);
    let account = account.unwrap_or_default();
    let mut text = account.0.to_be_bytes().to_vec();
    text.extend_from_slice(user.as_str().as_bytes());
    let tag = hmac::sign(&key, &text);
    hex(tag.as_ref().get(..20).unwrap_or_default())
}

pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string does not fail.
        let _ok = write!(text, "{byte:02x}");
        text
    })
}

/// The role that comes with entering (XEP-0045 section 5.1.2).
pub(super) fn first_role(config: &RoomConfig, affiliation: Affiliation) -> RoomRole {
    match affiliation {
        Affiliation::Outcast => RoomRole::None,
        Affiliation::None if config.moderated => RoomRole::Visitor,
        Affiliation::None | Affiliation::Member => RoomRole::Participant,
        Affiliation::Admin | Affiliation::Owner => RoomRole::Moderator,
    }
}
