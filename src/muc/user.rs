//! What occupants are told about each other: `<x/>` of muc#user, and the presence around it.

use std::sync::Arc;

use crate::base::jid::BareJid;
use crate::base::jid::FullJid;
use crate::model::room::Affiliation;
use crate::model::room::Occupant;
use crate::model::room::Room;
use crate::model::room::RoomConfig;
use crate::model::room::RoomRole;
use crate::model::room::Shown;
use crate::muc::hat;
use crate::muc::visit::address_of;
use crate::stanza::Kind;
use crate::stanza::PresenceType;
use crate::stanza::ns;
use crate::stanza::outgoing::Outgoing;
use crate::xml::Writer;

/// `<item/>`: what an occupant is, and what was done to it.
#[derive(Clone, Copy, Default)]
pub(super) struct Item<'a> {
    pub(super) affiliation: Affiliation,
    pub(super) role: RoomRole,
    pub(super) jid: Option<&'a str>,
    pub(super) nick: Option<&'a str>,
    pub(super) actor: Option<&'a str>,
    pub(super) reason: Option<&'a str>,
}

/// An occupant, for building its presence.
#[derive(Clone)]
pub(super) struct Who<'a> {
    pub(super) room: &'a BareJid,
    pub(super) nick: &'a str,
    /// As in XEP-0421.
    pub(super) id: &'a str,
    pub(super) affiliation: Affiliation,
    pub(super) role: RoomRole,
    /// `<hats/>` (XEP-0317); usually empty.
    pub(super) hats: Vec<u8>,
}

impl Item<'_> {
    pub(super) fn write(&self, writer: &mut Writer) {
        self.write_with(writer, Some(role_name(self.role)));
    }

    /// In a list of affiliations there are no roles.
    pub(super) fn write_listed(&self, writer: &mut Writer) {
        self.write_with(writer, None);
    }

    fn write_with(&self, writer: &mut Writer, role: Option<&str>) {
        writer
            .start("item")
            .attr("affiliation", affiliation_name(self.affiliation))
            .attr_opt("role", role)
            .attr_opt("jid", self.jid)
            .attr_opt("nick", self.nick);
        if let Some(actor) = self.actor {
            writer.start("actor").attr("nick", actor).end();
        }
        if let Some(reason) = self.reason {
            writer.leaf("reason", reason);
        }
        writer.end();
    }
}

impl Who<'_> {
    /// Presence with the client's own part, an item, status codes, and the occupant's id.
    pub(super) fn presence(
        &self,
        kind: PresenceType,
        own: &[u8],
        item: &Item<'_>,
        codes: &[u16],
    ) -> Outgoing {
        let mut payload = own.to_vec();
        payload.extend_from_slice(&user_element(item, codes));
        payload.extend_from_slice(&self.occupant_id());
        if kind == PresenceType::Available {
            payload.extend_from_slice(&self.hats);
        }
        Outgoing {
            kind: Kind::Presence(kind),
            from: address_of(self.room, self.nick),
            to: None,
            id: None,
            lang: None,
            payload: payload.into(),
        }
    }

    pub(super) fn item(&self) -> Item<'_> {
        Item {
            affiliation: self.affiliation,
            role: self.role,
            ..Item::default()
        }
    }

    pub(super) fn occupant_id(&self) -> Vec<u8> {
        id_element(self.id)
    }

    /// The presence that the room keeps of a device, for whoever may see it.
    pub(super) fn shown(&self, jid: &FullJid, own: &[u8]) -> Arc<Shown> {
        let hidden = self.presence(PresenceType::Available, own, &self.item(), &[]);
        let item = Item {
            jid: Some(jid.as_str()),
            ..self.item()
        };
        let open = self.presence(PresenceType::Available, own, &item, &[]);
        Arc::new(Shown {
            open: Arc::new(open),
            hidden: Arc::new(hidden),
            own_bytes: own.len(),
        })
    }

    /// The presences of all devices of an occupant, as they are from now on.
    pub(super) fn shown_again(&self, occupant: &Occupant) -> Vec<(FullJid, Arc<Shown>)> {
        occupant
            .devices
            .iter()
            .map(|(jid, device)| (jid.clone(), self.shown(jid, own_part(&device.shown))))
            .collect()
    }
}

/// What the client itself said in its presence.
pub(super) fn own_part(shown: &Shown) -> &[u8] {
    shown
        .hidden
        .payload
        .get(..shown.own_bytes)
        .unwrap_or_default()
}

/// The element `<x/>` of muc#user.
pub(super) fn user_element(item: &Item<'_>, codes: &[u16]) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.start_ns("x", ns::MUC_USER);
    item.write(&mut writer);
    write_codes(&mut writer, codes);
    writer.finish()
}

pub(super) fn write_codes(writer: &mut Writer, codes: &[u16]) {
    for code in codes {
        writer.start("status").attr("code", &code.to_string()).end();
    }
}

/// The element `<occupant-id/>` (XEP-0421).
pub(super) fn id_element(id: &str) -> Vec<u8> {
    let mut writer = Writer::new();
    writer
        .start_ns("occupant-id", ns::OCCUPANT_ID)
        .attr("id", id)
        .end();
    writer.finish()
}

/// Whether an occupant with this role may see who the others are.
pub(super) fn sees_addresses(config: &RoomConfig, reader: RoomRole) -> bool {
    config.open_addresses || reader == RoomRole::Moderator
}

/// Whether the presence of an occupant with the role `shown` is for one with the role `reader`
/// (`muc#roomconfig_presencebroadcast`). Moderators see everybody: they are who gives voice.
pub(super) fn sees_presence(config: &RoomConfig, reader: RoomRole, shown: RoomRole) -> bool {
    reader == RoomRole::Moderator || config.presence_broadcast & role_bit(shown) != 0
}

/// The bit of a role in the configuration's sets of roles.
pub(super) fn role_bit(role: RoomRole) -> u8 {
    match role {
        RoomRole::None => 0,
        RoomRole::Visitor => 1,
        RoomRole::Participant => 2,
        RoomRole::Moderator => 4,
    }
}

/// An occupant of a room that is being delivered to.
pub(super) fn who<'a>(
    (jid, room): (&'a BareJid, &Room),
    nick: &'a str,
    occupant: &'a Occupant,
) -> Who<'a> {
    Who {
        room: jid,
        nick,
        id: &occupant.id,
        affiliation: room.affiliation(&occupant.user),
        role: occupant.role,
        hats: hat::element(room, &occupant.user),
    }
}

pub(super) fn affiliation_name(affiliation: Affiliation) -> &'static str {
    match affiliation {
        Affiliation::Outcast => "outcast",
        Affiliation::None => "none",
        Affiliation::Member => "member",
        Affiliation::Admin => "admin",
        Affiliation::Owner => "owner",
    }
}

pub(super) fn parse_affiliation(name: &str) -> Option<Affiliation> {
    Some(match name {
        "outcast" => Affiliation::Outcast,
        "none" => Affiliation::None,
        "member" => Affiliation::Member,
        "admin" => Affiliation::Admin,
        "owner" => Affiliation::Owner,
        _ => return None,
    })
}

pub(super) fn role_name(role: RoomRole) -> &'static str {
    match role {
        RoomRole::None => "none",
        RoomRole::Visitor => "visitor",
        RoomRole::Participant => "participant",
        RoomRole::Moderator => "moderator",
    }
}

pub(super) fn parse_role(name: &str) -> Option<RoomRole> {
    Some(match name {
        "none" => RoomRole::None,
        "visitor" => RoomRole::Visitor,
        "participant" => RoomRole::Participant,
        "moderator" => RoomRole::Moderator,
        _ => return None,
    })
}
