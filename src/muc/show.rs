//! Saying something else about oneself, and going by another nickname (XEP-0045 sections 7.6 and
//! 7.7).

use std::sync::Arc;

use crate::effect::proposal::Proposal;
use crate::effect::proposal::Stop;
use crate::model::room::RoomChange;
use crate::muc::user::who;
use crate::muc::visit::Inside;
use crate::muc::visit::Visit;
use crate::stanza::Condition;
use crate::stanza::StanzaError;

/// Presence of somebody who is inside, to the own nickname.
pub(super) fn evaluate(visit: &Visit<'_>, inside: &Inside<'_>) -> Result<Proposal, Stop> {
    visit.living()?;
    let own = visit.own_presence()?;
    let context = (&visit.jid, visit.room);
    let shown = who(context, inside.nick, inside.occupant).shown(&visit.request.from, &own);
    let show = RoomChange::Show {
        nick: Arc::clone(inside.nick),
        jid: visit.request.from.clone(),
        shown,
        id: visit.request.stanza.id.clone(),
    };
    Ok(visit.propose().op(visit.change(show)))
}

/// Presence of somebody who is inside, to another nickname.
pub(super) fn evaluate_rename(
    visit: &Visit<'_>,
    inside: &Inside<'_>,
    new: &str,
) -> Result<Proposal, Stop> {
    visit.living()?;
    if new.trim().is_empty() {
        return Err(StanzaError::new(Condition::JidMalformed).into());
    }
    if visit.room.occupants.contains_key(new) || visit.is_reserved(new, &visit.user)? {
        return Err(StanzaError::new(Condition::Conflict).into());
    }
    let own = visit.own_presence()?;
    let context = (&visit.jid, visit.room);
    let renamed = who(context, new, inside.occupant);
    let from = &visit.request.from;
    let mut shown = renamed.shown_again(inside.occupant);
    for (_, one) in shown.iter_mut().filter(|(jid, _)| jid == from) {
        *one = renamed.shown(from, &own);
    }
    let rename = RoomChange::Rename {
        nick: Arc::clone(inside.nick),
        new: new.into(),
        shown,
    };
    Ok(visit.propose().op(visit.change(rename)))
}
