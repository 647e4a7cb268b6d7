//! Whether a volatile change still goes with the state that it would be numbered upon.
//!
//! Guards are versions of rows; sessions and occupants have none. Where another node evaluated,
//! what its ops take for granted of them is looked at here.

use crate::base::ids::SessionId;
use crate::base::jid::BareJid;
use crate::base::jid::FullJid;
use crate::base::jid::Jid;
use crate::effect::proposal::Proposal;
use crate::effect::records::records_of;
use crate::effect::view::View;
use crate::model::message::Message;
use crate::model::op::Durable;
use crate::model::op::Op;
use crate::model::op::Soft;
use crate::model::room::Occupant;
use crate::model::room::Room;
use crate::model::room::RoomChange;
use crate::model::room::RoomRole;
use crate::model::row::RecordKey;
use crate::model::row::Row;
use crate::stanza::MessageType;

/// The records that have to be in memory for [`fits`], for the guards, and to be changed.
pub(crate) fn records_read(proposal: &Proposal) -> Vec<RecordKey> {
    let guarded = proposal.guards.iter().map(|guard| guard.key.record.clone());
    let changed = records_of(&proposal.ops);
    let rooms = proposal.ops.iter().filter_map(|op| match op {
        Op::Durable {
            op: Durable::Message { message, .. },
        } if message.sender.is_some() => Some(RecordKey::Room {
            jid: message.from.to_bare(),
        }),
        _ => None,
    });
    guarded.chain(changed).chain(rooms).collect()
}

/// Whether all ops of one proposal do.
pub(crate) fn fits(view: &View<'_>, proposal: &Proposal) -> bool {
    let ops = proposal.ops.as_slice();
    let is_there = |(jid, session): &(FullJid, SessionId)| {
        let online = view.online(jid.as_jid());
        online.is_some_and(|online| online.session == *session)
    };
    // What a session said last is kept; in presence and rooms its address may be another's now.
    let is_kept = |op: &Op| {
        op.is_durable()
            || matches!(
                op,
                Op::Soft {
                    op: Soft::Reads { .. }
                }
            )
    };
    let is_said = ops.iter().all(is_kept) || proposal.by.as_ref().is_none_or(is_there);
    is_said
        && ops.iter().all(|op| match op {
            Op::Soft { op } => soft_fits(view, ops, op),
            Op::Durable {
                op: Durable::Message { message, .. },
            } => speaker_fits(view, message),
            Op::Durable {
                op:
                    Durable::Row {
                        record: RecordKey::Room { jid },
                        row: Some(Row::Room { row }),
                        ..
                    },
            } => !row.destroyed || is_emptied(view, ops, jid),
            Op::Durable { .. } => true,
        })
}

fn soft_fits(view: &View<'_>, ops: &[Op], op: &Soft) -> bool {
    let session_at = |jid: &FullJid| view.online(jid.as_jid()).map(|online| online.session);
    match op {
        Soft::Bind { jid, .. } => session_at(jid).is_none_or(|old| {
            ops.iter().any(
                |op| matches!(op, Op::Soft { op: Soft::Unbind { session, .. } } if *session == old),
            )
        }),
        Soft::Presence { jid, .. } | Soft::Directed { jid, .. } | Soft::Interests { jid, .. } => {
            session_at(jid).is_some()
        }
        Soft::Wants { jid, .. } => {
            let binds = ops.iter().any(
                |op| matches!(op, Op::Soft { op: Soft::Bind { jid: bound, .. } } if bound == jid),
            );
            binds || session_at(jid).is_some()
        }
        Soft::Room { room, change } => view
            .resident_room(room)
            .is_some_and(|record| change_fits(room, record, change)),
        Soft::Unbind { jid, session, .. } => leaves_rooms(view, ops, jid, *session),
        Soft::Moved { jid, session, .. } => session_at(jid) == Some(*session),
        Soft::Recall { .. }
        | Soft::Recalled { .. }
        | Soft::Handed { .. }
        | Soft::Managed { .. }
        | Soft::Told { .. }
        | Soft::Reports { .. }
        | Soft::Reported { .. }
        | Soft::Route { .. }
        | Soft::Kick { .. }
        | Soft::Caps { .. }
        | Soft::Node { .. }
        | Soft::Announce { .. }
        | Soft::Halt { .. }
        | Soft::Reads { .. } => true,
    }
}

/// Who ends a session takes it out of every room that it is in. One that is gone has none.
fn leaves_rooms(view: &View<'_>, ops: &[Op], jid: &FullJid, session: SessionId) -> bool {
    let online = view.online(jid.as_jid());
    let mut rooms = online
        .filter(|online| online.session == session)
        .into_iter()
        .flat_map(|online| &online.rooms);
    rooms.all(|room| {
        ops.iter().any(|op| match op {
            Op::Soft {
                op: Soft::Room { room: one, change },
            } if one == room => change.moves().contains(&(jid.clone(), false)),
            _ => false,
        })
    })
}

fn change_fits(jid: &BareJid, room: &Room, change: &RoomChange) -> bool {
    let occupant = |nick: &str| room.occupants.get(nick).map(AsRef::as_ref);
    let is_as = |device: &FullJid, nick: &str| room.nicks.get(device).is_some_and(|n| **n == *nick);
    match change {
        RoomChange::Say { stanza, .. } => {
            let nick = stanza.from.resource();
            stanza.from.bare_str() != jid.as_str() || nick.is_none_or(|n| occupant(n).is_some())
        }
        RoomChange::Join { nick, jid, .. } => {
            occupant(nick).is_none_or(|there| there.user == jid.bare())
                && room.nicks.get(jid).is_none_or(|inside| inside == nick)
        }
        // Whom they are for may have left: that is seen at the delivery.
        RoomChange::Ask { .. } | RoomChange::Reply { .. } => true,
        RoomChange::Hush { nick, .. } => occupant(nick).is_some(),
        RoomChange::Show { nick, jid, .. } | RoomChange::Leave { nick, jid, .. } => {
            is_as(jid, nick)
        }
        RoomChange::Rename { nick, new, shown } => {
            let devices = shown.iter().map(|(device, _)| device);
            occupant(new).is_none() && occupant(nick).is_some_and(|one| has_only(one, devices))
        }
        RoomChange::Rights { changed, .. } => changed.iter().all(|one| {
            let devices = one.shown.iter().map(|(device, _)| device);
            occupant(&one.nick).is_some_and(|there| has_only(there, devices))
        }),
        RoomChange::Remove { removed, .. } => removed.iter().all(|one| {
            occupant(&one.nick).is_some_and(|there| has_only(there, one.devices.iter()))
        }),
        RoomChange::Destroy { inside, .. } => {
            inside.len() == room.nicks.len() && inside.iter().all(|d| room.nicks.contains_key(d))
        }
    }
}

fn has_only<'a, I>(occupant: &Occupant, mut devices: I) -> bool
where
    I: Iterator<Item = &'a FullJid> + Clone,
{
    devices.clone().count() == occupant.devices.len()
        && devices.all(|device| occupant.devices.contains_key(device))
}

/// Who speaks in a room is in it, under that nickname, and has a voice (XEP-0045 section 7.4).
fn speaker_fits(view: &View<'_>, message: &Message) -> bool {
    let Some(sender) = &message.sender else {
        return true;
    };
    let Some(room) = view.resident_room(&message.from.to_bare()) else {
        return false;
    };
    let nick = room.nicks.get(sender).map(AsRef::as_ref);
    let has_voice = || {
        let occupant = nick.and_then(|nick| room.occupants.get(nick));
        occupant.is_some_and(|one| one.role >= RoomRole::Participant)
    };
    nick.is_some()
        && nick == message.from.resource()
        && (message.kind != MessageType::Groupchat || has_voice())
}

/// A room that ends because nobody is left in it: nobody has come meanwhile.
fn is_emptied(view: &View<'_>, ops: &[Op], jid: &BareJid) -> bool {
    let Some(room) = view.resident_room(jid) else {
        return false;
    };
    let out: usize = ops
        .iter()
        .filter_map(|op| match op {
            Op::Soft {
                op: Soft::Room { room: one, change },
            } if one == jid => Some(change.moves().iter().filter(|(_, inside)| !inside).count()),
            _ => None,
        })
        .sum();
    room.nicks.len() <= out
}

/// Whether a stanza to `to` is for a session that another node than this one has.
pub(crate) fn crosses(view: &View<'_>, to: &Jid) -> bool {
    let Some(account) = view.base.accounts.get(&to.to_bare()) else {
        return false;
    };
    let exact = to.resource().and_then(|one| account.online.get(one));
    let mut asked = match exact {
        Some(online) => return online.node != view.facts.node,
        None => account.online.values(),
    };
    asked.any(|online| online.node != view.facts.node)
}
