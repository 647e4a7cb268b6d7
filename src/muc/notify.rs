//! Telling what has changed: rights of occupants, and the configuration (XEP-0045 sections 8 to 10).

use std::sync::Arc;

use crate::base::jid::BareJid;
use crate::effect::sends::Sends;
use crate::model::room::Rights;
use crate::model::room::RoomConfig;
use crate::model::room::Why;
use crate::muc::deliver::Hall;
use crate::muc::deliver::Versions;
use crate::muc::user::Item;
use crate::muc::user::Who;
use crate::muc::user::own_part;
use crate::muc::user::sees_presence;
use crate::muc::user::write_codes;
use crate::stanza::Kind;
use crate::stanza::MessageType;
use crate::stanza::PresenceType;
use crate::stanza::ns;
use crate::stanza::outgoing::Outgoing;
use crate::xml::Writer;

/// The presence of everybody whose role or affiliation has changed, with who did it and why.
pub(super) fn deliver_rights(hall: &Hall<'_>, changed: &[Rights], why: &Why, sends: &mut Sends) {
    for rights in changed {
        let Some(occupant) = hall.room.occupants.get(&rights.nick) else {
            continue;
        };
        let Some((jid, device)) = occupant.newest() else {
            continue;
        };
        let who = Who {
            role: rights.role,
            ..hall.who(&rights.nick, occupant)
        };
        let say = |kind, jid: Option<&str>, extra: &[u16]| {
            let item = Item {
                jid,
                actor: why.actor.as_deref(),
                reason: why.reason.as_deref(),
                ..who.item()
            };
            let codes: Vec<u16> = why.codes.iter().chain(extra).copied().collect();
            let own = own_part(&device.shown);
            Arc::new(who.presence(kind, own, &item, &codes))
        };
        let here = PresenceType::Available;
        let versions = Versions {
            open: say(here, Some(jid.as_str()), &[]),
            hidden: say(here, None, &[]),
        };
        hall.broadcast((&rights.nick, rights.role), &versions, sends);
        // Those who see people with the old role, but not with the new one, see somebody leave.
        let gone = say(PresenceType::Unavailable, None, &[]);
        for (name, reader) in &hall.room.occupants {
            let saw = hall.sees_presence(reader.role, occupant.role);
            let saw = saw && reader.hears(&rights.nick);
            if *name != rights.nick && saw && !hall.sees_presence(reader.role, rights.role) {
                for device in reader.devices.values() {
                    sends.stanza(device.session, &gone);
                }
            }
        }
        let own = say(here, Some(jid.as_str()), &[110]);
        for device in occupant.devices.values() {
            sends.stanza(device.session, &own);
        }
    }
}

/// Section 10.2.1: what of the configuration matters to who is inside.
pub(super) fn deliver_config(hall: &Hall<'_>, new: &RoomConfig, sends: &mut Sends) {
    let old = &hall.config;
    if old.presence_broadcast != new.presence_broadcast {
        deliver_visibility(hall, new, sends);
    }
    let mut codes = Vec::new();
    if old.archived != new.archived {
        codes.push(if new.archived { 170 } else { 171 });
    }
    if old.open_addresses != new.open_addresses {
        codes.push(if new.open_addresses { 172 } else { 173 });
    }
    let private = RoomConfig {
        archived: old.archived,
        open_addresses: old.open_addresses,
        ..new.clone()
    };
    if private != **old {
        codes.push(104);
    }
    if !codes.is_empty() {
        deliver_codes(hall, &codes, sends);
    }
}

/// Status codes for everybody, from the room itself.
pub(super) fn deliver_codes(hall: &Hall<'_>, codes: &[u16], sends: &mut Sends) {
    let stanza = Arc::new(codes_message(hall.jid, MessageType::Groupchat, codes));
    for (_, _, device) in hall.devices() {
        sends.stanza(device.session, &stanza);
    }
}

pub(super) fn codes_message(room: &BareJid, kind: MessageType, codes: &[u16]) -> Outgoing {
    let mut writer = Writer::new();
    writer.start_ns("x", ns::MUC_USER);
    write_codes(&mut writer, codes);
    Outgoing {
        kind: Kind::Message(kind),
        from: room.to_jid(),
        to: None,
        id: None,
        lang: None,
        payload: writer.finish().into(),
    }
}

/// Whose presence is told has changed: who is seen now has come, who is not any more is gone.
fn deliver_visibility(hall: &Hall<'_>, new: &RoomConfig, sends: &mut Sends) {
    for (nick, occupant) in &hall.room.occupants {
        let Some((_, device)) = occupant.newest() else {
            continue;
        };
        let who = hall.who(nick, occupant);
        let gone = Arc::new(who.presence(PresenceType::Unavailable, &[], &who.item(), &[]));
        for (name, reader) in &hall.room.occupants {
            let was = hall.sees_presence(reader.role, occupant.role);
            let is = sees_presence(new, reader.role, occupant.role);
            if name == nick || was == is || !reader.hears(nick) {
                continue;
            }
            let shown = if hall.sees_addresses(reader.role) {
                &device.shown.open
            } else {
                &device.shown.hidden
            };
            let stanza = if is { shown } else { &gone };
            for device in reader.devices.values() {
                sends.stanza(device.session, stanza);
            }
        }
    }
}
