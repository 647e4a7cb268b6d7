//! Telling what has changed: rights of occupants, and the configuration (XEP-0045 sections 8 to 10).

use std::sync::Arc;

use crate::effect::sends::Sends;
use crate::model::room::Rights;
use crate::model::room::RoomConfig;
use crate::model::room::Why;
use crate::muc::deliver::Hall;
use crate::muc::deliver::Versions;
use crate::muc::user::Item;
use crate::muc::user::Who;
use crate::muc::user::own_part;
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
        let say = |jid: Option<&str>, extra: &[u16]| {
            let item = Item {
                jid,
                actor: why.actor.as_deref(),
                reason: why.reason.as_deref(),
                ..who.item()
            };
            let codes: Vec<u16> = why.codes.iter().chain(extra).copied().collect();
            let own = own_part(&device.shown);
            Arc::new(who.presence(PresenceType::Available, own, &item, &codes))
        };
        let versions = Versions {
            open: say(Some(jid.as_str()), &[]),
            hidden: say(None, &[]),
        };
        // Whoever saw the occupant so far has to learn that it is another one now.
        let seen_as = rights.role.max(occupant.role);
        hall.broadcast((&rights.nick, seen_as), &versions, sends);
        let own = say(Some(jid.as_str()), &[110]);
        for device in occupant.devices.values() {
            sends.stanza(device.session, &own);
        }
    }
}

/// Section 10.2.1: what of the configuration matters to who is inside.
pub(super) fn deliver_config(hall: &Hall<'_>, new: &RoomConfig, sends: &mut Sends) {
    let old = &hall.config;
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
    if codes.is_empty() {
        return;
    }
    let mut writer = Writer::new();
    writer.start_ns("x", ns::MUC_USER);
    write_codes(&mut writer, &codes);
    let stanza = Arc::new(Outgoing {
        kind: Kind::Message(MessageType::Groupchat),
        from: hall.jid.to_jid(),
        to: None,
        id: None,
        lang: None,
        payload: writer.finish().into(),
    });
    for (_, _, device) in hall.devices() {
        sends.stanza(device.session, &stanza);
    }
}
