//! Leaving: by oneself, or with the session (XEP-0045 section 7.14).

use std::sync::Arc;

use crate::base::jid::BareJid;
use crate::base::jid::FullJid;
use crate::effect::proposal::Proposal;
use crate::effect::proposal::Stop;
use crate::effect::view::View;
use crate::model::account::Online;
use crate::model::op::Durable;
use crate::model::op::Op;
use crate::model::op::Soft;
use crate::model::room::RoomChange;
use crate::model::room::RoomRole;
use crate::model::room::RoomRow;
use crate::model::row::RecordKey;
use crate::model::row::Row;
use crate::model::row::RowName;
use crate::muc::user::Item;
use crate::muc::user::user_element;
use crate::muc::visit::Visit;
use crate::muc::visit::address_of;
use crate::stanza::Kind;
use crate::stanza::PresenceType;
use crate::stanza::outgoing::Outgoing;

pub(super) fn evaluate(visit: &Visit<'_>) -> Result<Proposal, Stop> {
    let Some(inside) = visit.inside() else {
        return Err(Stop::Ignore);
    };
    // What is too long is left out: nobody is kept in for it.
    let said = visit.own_presence().unwrap_or_default();
    let leave = RoomChange::Leave {
        nick: Arc::clone(inside.nick),
        jid: visit.request.from.clone(),
        said: said.into(),
    };
    Ok(visit.propose().op(visit.change(leave)))
}

/// The end of those of the rooms that have nobody in them and do not persist.
pub(crate) fn evaluate_emptied(view: &View<'_>, rooms: &[BareJid]) -> Result<Proposal, Stop> {
    let mut proposal = Proposal::nothing();
    for jid in rooms {
        let room = view.room(jid)?;
        if let Some(row) = room.row().filter(|_| room.is_over()) {
            let record = RecordKey::Room { jid: jid.clone() };
            proposal = proposal.guarded(view.guard(record, RowName::Room));
            proposal.ops.extend(end_of(jid, row));
        }
    }
    Ok(proposal)
}

/// What the end of a session changes in the rooms that it is in.
pub(crate) fn leave_ops(view: &View<'_>, online: &Online) -> Vec<Op> {
    let mut ops = Vec::new();
    for jid in &online.rooms {
        let Some(room) = view.resident_room(jid) else {
            continue;
        };
        let Some(nick) = room.nicks.get(&online.jid) else {
            continue;
        };
        let change = of_device(nick, &online.jid);
        ops.push(Op::soft(Soft::Room {
            room: jid.clone(),
            change: Arc::new(change),
        }));
    }
    ops
}

/// The server stops, and places in rooms do not outlive it (XEP-0045, service-shutdown-kick).
pub(crate) fn farewells(view: &View<'_>, online: &Online) -> Vec<Outgoing> {
    let inside = online.rooms.iter().filter_map(|jid| {
        let room = view.resident_room(jid)?;
        let nick = room.nicks.get(&online.jid)?;
        let item = Item {
            affiliation: room.affiliation(&online.jid.bare()),
            role: RoomRole::None,
            ..Item::default()
        };
        Some(Outgoing {
            kind: Kind::Presence(PresenceType::Unavailable),
            from: address_of(jid, nick),
            to: None,
            id: None,
            lang: None,
            payload: user_element(&item, &[110, 332]).into(),
        })
    });
    inside.collect()
}

pub(super) fn of_device(nick: &Arc<str>, jid: &FullJid) -> RoomChange {
    RoomChange::Leave {
        nick: Arc::clone(nick),
        jid: jid.clone(),
        said: Arc::new([]),
    }
}

/// The room is no more, and nothing of it stays.
pub(super) fn end_of(jid: &BareJid, row: RoomRow) -> [Op; 2] {
    let record = RecordKey::Room { jid: jid.clone() };
    let row = RoomRow {
        destroyed: true,
        ..row
    };
    [
        Op::row(record.clone(), RowName::Room, Some(Row::Room { row })),
        Op::Durable {
            op: Durable::Sweep { record },
        },
    ]
}
