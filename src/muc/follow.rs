//! Occupants of a room whose rows another board has changed while the two were apart: they are shown, and
//! may do, what the rows say now.

use std::sync::Arc;

use crate::base::jid::BareJid;
use crate::effect::state::State;
use crate::model::op::Op;
use crate::model::op::Soft;
use crate::model::room::Affiliation;
use crate::model::room::Occupant;
use crate::model::room::Rights;
use crate::model::room::Room;
use crate::model::room::RoomChange;
use crate::model::room::Why;
use crate::model::row::RowName;
use crate::muc::affiliate;
use crate::muc::hat;
use crate::muc::user;
use crate::muc::user::Who;
use crate::muc::visit::first_role;

/// What goes with the merged row where it was written, and was volatile there (XEP-0045 sections 5.2.2, 9.1
/// and 9.4).
pub(crate) fn follow(state: &State, jid: &BareJid, name: &RowName) -> Vec<Op> {
    let Some(room) = state.rooms.get(jid) else {
        return Vec::new();
    };
    let mut changes = Vec::new();
    let mut changed = Vec::new();
    for (nick, occupant) in &room.occupants {
        if !is_about(room, name, &occupant.user) {
            continue;
        }
        let affiliation = affiliation(state, room, &occupant.user);
        let is_closed = room.config().is_some_and(|config| config.members_only);
        let code = match affiliation {
            Affiliation::Outcast => Some(301),
            Affiliation::None if is_closed => Some(321),
            _ => None,
        };
        match code {
            Some(code) => changes.push(RoomChange::Remove {
                removed: vec![affiliate::removal(nick, occupant)],
                why: Why {
                    codes: vec![code],
                    ..Why::default()
                },
            }),
            None => changed.extend(rights(state, (jid, room), name, (nick, occupant))),
        }
    }
    if !changed.is_empty() {
        let why = Why::default();
        changes.push(RoomChange::Rights { changed, why });
    }
    let soft = |change| {
        Op::soft(Soft::Room {
            room: jid.clone(),
            change: Arc::new(change),
        })
    };
    changes.into_iter().map(soft).collect()
}

/// Whether the row says something of the user.
fn is_about(room: &Room, name: &RowName, user: &BareJid) -> bool {
    match name {
        RowName::Affiliation { jid } | RowName::Worn { jid, .. } => jid == user,
        RowName::Hat { uri } => hat::wears(room, user, uri),
        _ => false,
    }
}

/// As far as it was given to the account that is inside.
fn affiliation(state: &State, room: &Room, user: &BareJid) -> Affiliation {
    let account = state.accounts.get(user);
    let live = account.and_then(|account| account.live());
    let row = room.affiliation_row(user).filter(|row| row.is_for(live));
    row.map_or(Affiliation::None, |row| row.affiliation)
}

/// What the occupant is from now on; `None`: it is that already.
fn rights(
    state: &State,
    (jid, room): (&BareJid, &Room),
    name: &RowName,
    (nick, occupant): (&Arc<str>, &Occupant),
) -> Option<Rights> {
    let affiliation = affiliation(state, room, &occupant.user);
    let role = match (name, room.config()) {
        (RowName::Affiliation { .. }, Some(config)) => first_role(config, affiliation),
        _ => occupant.role,
    };
    let who = Who {
        affiliation,
        role,
        ..user::who((jid, room), nick, occupant)
    };
    let shown = who.shown_again(occupant);
    let is_same = shown.iter().all(|(device, shown)| {
        let old = occupant.devices.get(device);
        old.is_some_and(|old| old.shown.hidden.payload == shown.hidden.payload)
    });
    (!is_same || role != occupant.role).then(|| Rights {
        nick: Arc::clone(nick),
        role,
        shown,
    })
}
