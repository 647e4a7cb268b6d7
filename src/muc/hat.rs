//! Hats: what a room says of who is inside, beside role and affiliation (XEP-0317).
//!
//! A hat and that somebody wears it are rows of the room. Of two boards that were apart, the later
//! title of a hat holds, and who lost a hat on one of them has lost it. A hat gives no rights.

use std::collections::BTreeSet;
use std::sync::Arc;

use ring::digest;

use crate::base::ids::Incarnation;
use crate::base::jid::BareJid;
use crate::effect::proposal::Proposal;
use crate::effect::proposal::Stop;
use crate::model::room::Room;
use crate::model::room::RoomChange;
use crate::model::room::Why;
use crate::model::row::Cell;
use crate::model::row::Row;
use crate::model::row::RowName;
use crate::muc::affiliate;
use crate::muc::visit::Visit;
use crate::muc::visit::hex;
use crate::stanza::ns;
use crate::xml::Writer;

/// `<hats/>` of a user who is inside, for its presence; empty: it wears none.
pub(super) fn element(room: &Room, user: &BareJid) -> Vec<u8> {
    element_where(room, user, |_| true)
}

/// The same of who enters: earlier accounts of the name may have worn hats.
pub(super) fn element_of(visit: &Visit<'_>) -> Result<Vec<u8>, Stop> {
    let live = visit.live(&visit.user)?;
    let is_own = |account| Some(account) == live;
    Ok(element_where(visit.room, &visit.user, is_own))
}

fn element_where(room: &Room, user: &BareJid, is_for: impl Fn(Incarnation) -> bool) -> Vec<u8> {
    let mut hats = room
        .worn_from(user)
        .take_while(|(jid, ..)| *jid == user)
        .filter(|(.., account)| is_for(*account))
        .filter_map(|(_, uri, _)| Some((uri, room.hat(uri)?)))
        .peekable();
    if hats.peek().is_none() {
        return Vec::new();
    }
    let mut writer = Writer::new();
    writer.start_ns("hats", ns::HATS);
    for (uri, hat) in hats {
        let hue = Some(&*hat.hue).filter(|hue| !hue.is_empty());
        writer
            .start("hat")
            .attr("title", &hat.title)
            .attr("uri", uri)
            .attr_opt("hue", hue)
            .end();
    }
    writer.end();
    writer.finish()
}

pub(super) fn wears(room: &Room, user: &BareJid, uri: &str) -> bool {
    let name = worn_name(user, uri);
    room.rows.row(&name).is_some()
}

/// What changes with the list of hats (section 3); `None`: there are none.
pub(super) fn hash(room: &Room) -> Option<String> {
    let mut context = digest::Context::new(&digest::SHA256);
    let mut hats = room.hats().peekable();
    hats.peek()?;
    for (uri, hat) in hats {
        for part in [uri, &*hat.title, &*hat.hue] {
            context.update(part.as_bytes());
            context.update(b"\0");
        }
    }
    Some(hex(context.finish().as_ref().get(..20).unwrap_or_default()))
}

/// Hats of an earlier account of the user's name are taken off for good.
pub(super) fn without_stale(visit: &Visit<'_>, proposal: Proposal) -> Result<Proposal, Stop> {
    let live = visit.live(&visit.user)?;
    let worn = visit.room.worn_from(&visit.user);
    let worn = worn.take_while(|(jid, ..)| **jid == visit.user);
    let stale = worn.filter(|(.., account)| Some(*account) != live);
    Ok(stale.fold(proposal, |proposal, (jid, uri, _)| {
        proposal.row(visit.record(), worn_name(jid, uri), None)
    }))
}

pub(super) fn worn_name(user: &BareJid, uri: &str) -> RowName {
    RowName::Worn {
        jid: user.clone(),
        uri: uri.into(),
    }
}

/// The rows, and the presence of everybody inside who looks different with them.
pub(super) fn propose(visit: &Visit<'_>, changes: Vec<(RowName, Option<Row>)>) -> Proposal {
    let after = with(visit.room, &changes);
    let old = affiliate::without_old(visit, visit.propose());
    let mut proposal = changes.into_iter().fold(old, |proposal, (name, row)| {
        let proposal = proposal.guarded(visit.guard(name.clone()));
        proposal.row(visit.record(), name, row)
    });
    let wearers = wearers(visit.room).chain(wearers(&after));
    let wearers: BTreeSet<&BareJid> = wearers.collect();
    let inside = visit.room.occupants.iter();
    let changed: Vec<_> = inside
        .filter(|(_, occupant)| wearers.contains(&occupant.user))
        .filter_map(|(nick, occupant)| {
            let hats = element(&after, &occupant.user);
            let is_same = element(visit.room, &occupant.user) == hats;
            (!is_same).then(|| affiliate::hatted(visit, (nick, occupant), hats))
        })
        .collect();
    if !changed.is_empty() {
        let why = Why::default();
        proposal = proposal.op(visit.change(RoomChange::Rights { changed, why }));
    }
    proposal
}

/// Everybody who wears something, once for each hat.
pub(super) fn wearers(room: &Room) -> impl Iterator<Item = &BareJid> {
    let names = room.rows.iter();
    names.filter_map(|(name, cell)| match (name, &cell.row) {
        (RowName::Worn { jid, .. }, Some(_)) => Some(jid),
        _ => None,
    })
}

/// The room as it will be.
fn with(room: &Room, changes: &[(RowName, Option<Row>)]) -> Room {
    let mut rows = room.rows.as_ref().clone();
    for (name, row) in changes {
        let cell = Cell {
            row: row.clone(),
            ..Cell::default()
        };
        rows.put(name.clone(), cell);
    }
    Room {
        rows: Arc::new(rows),
        ..Room::default()
    }
}
