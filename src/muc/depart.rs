//! Telling who is gone: left, was removed, or all at once (XEP-0045 sections 7.14, 8.2, 9.1, 10.9).

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::base::jid::FullJid;
use crate::effect::sends::Sends;
use crate::model::room::Affiliation;
use crate::model::room::Occupant;
use crate::model::room::Removed;
use crate::model::room::RoomRole;
use crate::model::room::Why;
use crate::muc::arrive::versions_of;
use crate::muc::deliver::Hall;
use crate::muc::deliver::Versions;
use crate::muc::relay;
use crate::muc::user::Item;
use crate::muc::user::Who;
use crate::muc::visit::address_of;
use crate::stanza::Kind;
use crate::stanza::PresenceType;
use crate::stanza::ns;
use crate::stanza::outgoing::Outgoing;
use crate::xml::Writer;

/// One device leaves. While its user has another one inside, nobody else is gone.
pub(super) fn deliver_leave(
    hall: &Hall<'_>,
    (nick, jid): (&str, &FullJid),
    said: &[u8],
    sends: &mut Sends,
) {
    let Some(occupant) = hall.room.occupants.get(nick) else {
        return;
    };
    let left = Who {
        role: RoomRole::None,
        ..hall.who(nick, occupant)
    };
    let why = Why::default();
    if let Some(device) = occupant.devices.get(jid) {
        let own = Arc::new(gone(&left, Some(jid), said, (&why, &[110])));
        sends.stanza(device.session, &own);
        relay::deliver_silence(hall, device, sends);
    }
    if occupant.devices.len() > 1 {
        show_other(hall, (nick, occupant), jid, sends);
        return;
    }
    let versions = Versions {
        open: Arc::new(gone(&left, Some(jid), said, (&why, &[]))),
        hidden: Arc::new(gone(&left, None, said, (&why, &[]))),
    };
    hall.broadcast((nick, occupant.role), &versions, sends);
}

/// The presence of another device is the occupant's now.
fn show_other(
    hall: &Hall<'_>,
    (nick, occupant): (&str, &Occupant),
    gone: &FullJid,
    sends: &mut Sends,
) {
    let was_newest = occupant.newest().is_some_and(|(jid, _)| jid == gone);
    let next = occupant
        .devices
        .iter()
        .filter(|(jid, _)| *jid != gone)
        .max_by_key(|(_, device)| device.said);
    if let Some((_, device)) = next.filter(|_| was_newest) {
        hall.broadcast((nick, occupant.role), &versions_of(&device.shown), sends);
    }
}

/// Occupants were made to leave: each device is told, then those who stay.
pub(super) fn deliver_remove(hall: &Hall<'_>, removed: &[Removed], why: &Why, sends: &mut Sends) {
    let out: BTreeSet<&str> = removed.iter().map(|one| one.nick.as_ref()).collect();
    for one in removed {
        let Some(occupant) = hall.room.occupants.get(&one.nick) else {
            continue;
        };
        let left = Who {
            role: RoomRole::None,
            ..hall.who(&one.nick, occupant)
        };
        for (jid, device) in &occupant.devices {
            let own = gone(&left, Some(jid), &[], (why, &[110]));
            sends.stanza(device.session, &Arc::new(own));
            relay::deliver_silence(hall, device, sends);
        }
    }
    for one in removed {
        let Some(occupant) = hall.room.occupants.get(&one.nick) else {
            continue;
        };
        let left = Who {
            role: RoomRole::None,
            ..hall.who(&one.nick, occupant)
        };
        let jid = occupant.newest().map(|(jid, _)| jid);
        let versions = Versions {
            open: Arc::new(gone(&left, jid, &[], (why, &[]))),
            hidden: Arc::new(gone(&left, None, &[], (why, &[]))),
        };
        hall.broadcast_where((&one.nick, occupant.role), &versions, sends, |nick| {
            !out.contains(nick)
        });
    }
}

/// Section 10.9: one presence to each, about itself.
pub(super) fn deliver_destroy(hall: &Hall<'_>, notice: &[u8], sends: &mut Sends) {
    let mut writer = Writer::new();
    let item = Item {
        affiliation: Affiliation::None,
        role: RoomRole::None,
        ..Item::default()
    };
    writer.start_ns("x", ns::MUC_USER);
    item.write(&mut writer);
    writer.raw(notice);
    writer.start("status").attr("code", "110").end();
    let payload: Arc<[u8]> = writer.finish().into();
    for (nick, occupant) in &hall.room.occupants {
        let mut own = payload.to_vec();
        own.extend_from_slice(&hall.who(nick, occupant).occupant_id());
        let stanza = Arc::new(Outgoing {
            kind: Kind::Presence(PresenceType::Unavailable),
            from: address_of(hall.jid, nick),
            to: None,
            id: None,
            lang: None,
            payload: own.into(),
        });
        for device in occupant.devices.values() {
            relay::deliver_silence(hall, device, sends);
            sends.stanza(device.session, &stanza);
        }
    }
}

fn gone(
    left: &Who<'_>,
    jid: Option<&FullJid>,
    said: &[u8],
    (why, codes): (&Why, &[u16]),
) -> Outgoing {
    let item = Item {
        jid: jid.map(FullJid::as_str),
        actor: why.actor.as_deref(),
        reason: why.reason.as_deref(),
        ..left.item()
    };
    let codes: Vec<u16> = why.codes.iter().chain(codes).copied().collect();
    left.presence(PresenceType::Unavailable, said, &item, &codes)
}
