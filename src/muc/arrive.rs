//! Telling who is there: an occupant enters, says something else, or goes by another name
//! (XEP-0045 sections 7.2.2, 7.6 and 7.7).

use std::sync::Arc;

use crate::base::ids::SessionId;
use crate::base::jid::FullJid;
use crate::effect::sends::Sends;
use crate::model::room::RoomChange;
use crate::model::room::RoomRole;
use crate::model::room::Shown;
use crate::muc::deliver::Hall;
use crate::muc::deliver::Versions;
use crate::muc::hat;
use crate::muc::history;
use crate::muc::user::Item;
use crate::muc::user::Who;
use crate::muc::user::own_part;
use crate::stanza::PresenceType;
use crate::stanza::outgoing::Outgoing;

/// First everybody who is there, then oneself, then the subject (unless the past comes before it).
pub(super) fn deliver_join(hall: &Hall<'_>, change: &RoomChange, sends: &mut Sends) {
    let RoomChange::Join {
        nick,
        jid,
        session,
        occupant_id,
        silenced,
        role,
        shown,
        id,
        created,
        assigned,
        history,
    } = change
    else {
        return;
    };
    let open = hall.sees_addresses(*role);
    for (name, occupant) in &hall.room.occupants {
        let is_silenced = silenced.contains(&**name);
        if name == nick || is_silenced || !hall.sees_presence(*role, occupant.role) {
            continue;
        }
        if let Some((_, device)) = occupant.newest() {
            let stanza = if open {
                &device.shown.open
            } else {
                &device.shown.hidden
            };
            sends.stanza(*session, stanza);
        }
    }
    let user = jid.bare();
    let versions = versions_of(shown);
    hall.broadcast((nick, *role), &versions, sends);
    let who = Who {
        room: hall.jid,
        nick,
        id: occupant_id,
        affiliation: hall.room.affiliation(&user),
        role: *role,
        hats: hat::element(hall.room, &user),
    };
    let own = to_self(&who, jid, (own_part(shown), None), &[110]);
    for session in others_of(hall, nick, jid) {
        sends.stanza(session, &own);
    }
    let mut codes = vec![110];
    if hall.config.open_addresses {
        codes.insert(0, 100);
    }
    if hall.config.archived {
        codes.push(170);
    }
    if *created {
        codes.push(201);
    }
    if *assigned {
        codes.push(210);
    }
    let own = to_self(&who, jid, (own_part(shown), id.as_deref()), &codes);
    sends.stanza(*session, &own);
    if !history {
        let subject = history::subject(&hall.jid.to_jid(), hall.room);
        sends.stanza(*session, &Arc::new(subject));
    }
}

/// A device of an occupant shows something else: to the others, and to the user's own devices.
pub(super) fn deliver_presence(
    hall: &Hall<'_>,
    nick: &str,
    (jid, id): (&FullJid, Option<&str>),
    shown: &Shown,
    sends: &mut Sends,
) {
    let Some(occupant) = hall.room.occupants.get(nick) else {
        return;
    };
    hall.broadcast((nick, occupant.role), &versions_of(shown), sends);
    let who = hall.who(nick, occupant);
    for (one, device) in &occupant.devices {
        // The id is for who asked.
        let id = id.filter(|_| one == jid);
        let stanza = to_self(&who, jid, (own_part(shown), id), &[110]);
        sends.stanza(device.session, &stanza);
    }
}

/// Section 7.6: the old name leaves with status 303, the new one is there.
pub(super) fn deliver_rename(
    hall: &Hall<'_>,
    (nick, new): (&Arc<str>, &Arc<str>),
    shown: &[(FullJid, Arc<Shown>)],
    sends: &mut Sends,
) {
    let Some(occupant) = hall.room.occupants.get(nick) else {
        return;
    };
    let old = hall.who(nick, occupant);
    let Some((jid, _)) = occupant.newest() else {
        return;
    };
    let gone = |jid: Option<&FullJid>, codes: &[u16]| {
        let item = Item {
            nick: Some(new),
            jid: jid.map(FullJid::as_str),
            ..old.item()
        };
        Arc::new(old.presence(PresenceType::Unavailable, &[], &item, codes))
    };
    let versions = Versions {
        open: gone(Some(jid), &[303]),
        hidden: gone(None, &[303]),
    };
    hall.broadcast((nick, occupant.role), &versions, sends);
    let own = gone(Some(jid), &[303, 110]);
    for device in occupant.devices.values() {
        sends.stanza(device.session, &own);
    }
    let newest = shown.iter().find(|(one, _)| one == jid);
    if let Some((jid, shown)) = newest {
        hall.broadcast((nick, occupant.role), &versions_of(shown), sends);
        let who = Who { nick: new, ..old };
        let own = to_self(&who, jid, (own_part(shown), None), &[110]);
        for device in occupant.devices.values() {
            sends.stanza(device.session, &own);
        }
    }
}

pub(super) fn versions_of(shown: &Shown) -> Versions {
    Versions {
        open: Arc::clone(&shown.open),
        hidden: Arc::clone(&shown.hidden),
    }
}

/// The sessions of the occupant's other devices.
fn others_of<'a>(
    hall: &'a Hall<'_>,
    nick: &str,
    jid: &'a FullJid,
) -> impl Iterator<Item = SessionId> {
    let occupant = hall.room.occupants.get(nick);
    let devices = occupant.into_iter().flat_map(|occupant| &occupant.devices);
    devices
        .filter(move |(one, _)| *one != jid)
        .map(|(_, device)| device.session)
}

/// Presence about the reader: always with the real address and status 110.
pub(super) fn to_self(
    who: &Who<'_>,
    jid: &FullJid,
    (own, id): (&[u8], Option<&str>),
    codes: &[u16],
) -> Arc<Outgoing> {
    let item = Item {
        jid: Some(jid.as_str()),
        ..who.item()
    };
    let kind = if who.role == RoomRole::None {
        PresenceType::Unavailable
    } else {
        PresenceType::Available
    };
    Arc::new(Outgoing {
        id: id.map(Into::into),
        ..who.presence(kind, own, &item, codes)
    })
}
