//! Kicks, voice and moderation: what an occupant may do for this visit (XEP-0045 sections 8.2 to 8.4,
//! 9.6 and 9.7).

use std::sync::Arc;

use crate::effect::proposal::Stop;
use crate::model::room::Affiliation;
use crate::model::room::Occupant;
use crate::model::room::RoomChange;
use crate::model::room::RoomRole;
use crate::model::room::Why;
use crate::muc::admin;
use crate::muc::affiliate;
use crate::muc::visit::Visit;
use crate::stanza::Condition;
use crate::stanza::StanzaError;

/// One occupant gets another role; "none" means out.
pub(super) fn evaluate(
    visit: &Visit<'_>,
    nick: &str,
    new: RoomRole,
    reason: Option<Box<str>>,
) -> Result<RoomChange, Stop> {
    let is_admin = visit.affiliation() >= Affiliation::Admin;
    if !is_admin && visit.role() < RoomRole::Moderator {
        return Err(StanzaError::new(Condition::Forbidden).into());
    }
    let Some((nick, occupant)) = visit.room.occupants.get_key_value(nick) else {
        return Err(StanzaError::new(Condition::ItemNotFound).into());
    };
    check(visit, occupant, new)?;
    let why = Why {
        codes: if new == RoomRole::None {
            vec![307]
        } else {
            Vec::new()
        },
        actor: admin::actor(visit),
        reason,
    };
    if new == RoomRole::None {
        return Ok(RoomChange::Remove {
            removed: vec![affiliate::removal(nick, occupant)],
            why,
        });
    }
    Ok(give(visit, (nick, occupant), new, why))
}

fn give(
    visit: &Visit<'_>,
    (nick, occupant): (&Arc<str>, &Occupant),
    new: RoomRole,
    why: Why,
) -> RoomChange {
    let affiliation = visit.affiliation_of(&occupant.user);
    let rights = affiliate::rights(visit, (nick, occupant), (affiliation, new));
    RoomChange::Rights {
        changed: vec![rights],
        why,
    }
}

/// The table of section 5.1.1: who moderates by affiliation cannot be made to stop, moderation is
/// given and taken by admins, and nobody acts on somebody with a higher affiliation.
fn check(visit: &Visit<'_>, occupant: &Occupant, new: RoomRole) -> Result<(), Stop> {
    let own = visit.affiliation();
    let theirs = visit.affiliation_of(&occupant.user);
    let is_lowered = new < occupant.role;
    let moderates_by_right = new != RoomRole::None && theirs >= Affiliation::Admin;
    if is_lowered && (theirs > own || moderates_by_right) {
        return Err(StanzaError::new(Condition::NotAllowed).into());
    }
    let touches_moderation = new == RoomRole::Moderator
        || (occupant.role == RoomRole::Moderator && new != RoomRole::None);
    if touches_moderation && own < Affiliation::Admin {
        return Err(StanzaError::new(Condition::Forbidden).into());
    }
    Ok(())
}
