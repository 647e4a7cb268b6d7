//! Rooms and occupants that somebody has blocked (XEP-0191 section 3).
//!
//! Whoever blocks a room leaves it: the room may see the user's presence, so it gets the unavailable
//! one, and has nothing to say any more. A single occupant that is blocked is silenced for that one
//! reader, in everything that comes from its address.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::base::jid::BareJid;
use crate::base::jid::FullJid;
use crate::base::jid::Jid;
use crate::effect::proposal::Stop;
use crate::effect::sends::Sends;
use crate::effect::view::View;
use crate::model::account::Account;
use crate::model::op::Durable;
use crate::model::op::Op;
use crate::model::op::Soft;
use crate::model::room::Nicks;
use crate::model::room::Room;
use crate::model::room::RoomChange;
use crate::model::row::Cell;
use crate::model::row::RecordKey;
use crate::model::row::RowName;
use crate::muc::deliver::Hall;
use crate::muc::leave;
use crate::muc::visit::Visit;
use crate::stanza::IqType;
use crate::stanza::Kind;
use crate::stanza::MessageType;
use crate::stanza::PresenceType;
use crate::stanza::StanzaError;

/// Nothing goes to what the sender has blocked, except that it leaves.
pub(super) fn check(view: &View<'_>, from: &FullJid, (to, kind): (&Jid, Kind)) -> Result<(), Stop> {
    if !view.account(&from.bare())?.blocks(to) {
        return Ok(());
    }
    match kind {
        Kind::Presence(PresenceType::Unavailable) => Ok(()),
        Kind::Presence(PresenceType::Error)
        | Kind::Message(MessageType::Error)
        | Kind::Iq(IqType::Result | IqType::Error) => Err(Stop::Ignore),
        Kind::Presence(_) | Kind::Message(_) | Kind::Iq(_) => Err(StanzaError::blocked().into()),
    }
}

/// The nicknames in the room that the sender does not want to hear, its own never among them.
pub(super) fn silenced(visit: &Visit<'_>, nick: &str) -> Result<Arc<Nicks>, Stop> {
    let account = visit.view.account(&visit.user)?;
    Ok(Arc::new(silenced_by(account, &visit.jid, nick)))
}

fn silenced_by(account: &Account, room: &BareJid, own: &str) -> Nicks {
    let here = account.blocked().filter(|blocked| {
        let is_room = blocked.local().is_none() || blocked.local() == room.local();
        blocked.domain() == room.domain() && is_room
    });
    here.filter_map(Jid::resource)
        .filter(|nick| *nick != own)
        .map(Box::from)
        .collect()
}

/// What becomes of the user in the rooms that it is in, when `ops` change its block list.
pub(crate) fn block_ops(view: &View<'_>, from: &FullJid, ops: &[Op]) -> Vec<Op> {
    let user = from.bare();
    let Some(account) = view.resident_account(&user) else {
        return Vec::new();
    };
    let Some(after) = with_blocks(view, (&user, account), ops) else {
        return Vec::new();
    };
    let mut done = BTreeSet::new();
    let mut found = Vec::new();
    for online in account.online.values() {
        for jid in &online.rooms {
            let Some(room) = view.resident_room(jid) else {
                continue;
            };
            let Some(nick) = room.nicks.get(&online.jid) else {
                continue;
            };
            let change = if after.blocks(&jid.to_jid()) {
                Some(leave::of_device(nick, &online.jid))
            } else if done.insert((jid, nick)) {
                hush(room, nick, silenced_by(&after, jid, nick))
            } else {
                None
            };
            found.extend(change.map(|change| {
                Op::soft(Soft::Room {
                    room: jid.clone(),
                    change: Arc::new(change),
                })
            }));
        }
    }
    found
}

fn hush(room: &Room, nick: &Arc<str>, silenced: Nicks) -> Option<RoomChange> {
    let occupant = room.occupants.get(nick)?;
    (*occupant.silenced != silenced).then(|| RoomChange::Hush {
        nick: Arc::clone(nick),
        silenced: Arc::new(silenced),
    })
}

/// The account as it will be; `None`: nothing of a room is blocked or unblocked.
fn with_blocks(
    view: &View<'_>,
    (user, account): (&BareJid, &Account),
    ops: &[Op],
) -> Option<Account> {
    let mut rows = None;
    for op in ops {
        let Op::Durable {
            op:
                Durable::Row {
                    record: RecordKey::Account { jid },
                    name: name @ RowName::Blocked { jid: blocked },
                    row,
                },
        } = op
        else {
            continue;
        };
        if jid == user && view.settings.rooms_host.as_deref() == Some(blocked.domain()) {
            let rows = rows.get_or_insert_with(|| account.rows.as_ref().clone());
            let cell = Cell {
                row: row.clone(),
                ..Cell::default()
            };
            rows.put(name.clone(), cell);
        }
    }
    rows.map(|rows| Account {
        rows: Arc::new(rows),
        ..Account::default()
    })
}

/// Whom the reader hears again is there, as when the reader came.
pub(super) fn deliver(hall: &Hall<'_>, nick: &str, silenced: &Nicks, sends: &mut Sends) {
    let Some(reader) = hall.room.occupants.get(nick) else {
        return;
    };
    for name in reader.silenced.difference(silenced) {
        let heard = hall.room.occupants.get(&**name);
        let Some(occupant) = heard.filter(|one| hall.sees_presence(reader.role, one.role)) else {
            continue;
        };
        if let Some((_, device)) = occupant.newest() {
            let shown = &device.shown;
            let stanza = if hall.sees_addresses(reader.role) {
                &shown.open
            } else {
                &shown.hidden
            };
            for device in reader.devices.values() {
                sends.stanza(device.session, stanza);
            }
        }
    }
}
