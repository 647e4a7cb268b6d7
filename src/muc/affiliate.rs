//! Lasting relations of users to a room, and what they mean for those who are inside (XEP-0045
//! section 5.2).

use std::sync::Arc;

use crate::base::ids::Incarnation;
use crate::base::jid::BareJid;
use crate::base::limits::OPS_PER_ENTRY_MAX;
use crate::base::limits::ROOM_ITEMS_MAX;
use crate::effect::proposal::Proposal;
use crate::effect::proposal::Stop;
use crate::model::op::Durable;
use crate::model::room::Affiliation;
use crate::model::room::AffiliationRow;
use crate::model::room::Occupant;
use crate::model::room::Removed;
use crate::model::room::Rights;
use crate::model::room::RoomChange;
use crate::model::room::RoomConfig;
use crate::model::room::RoomRole;
use crate::model::room::Why;
use crate::model::row::RecordKey;
use crate::model::row::Row;
use crate::model::row::RowName;
use crate::muc::admin;
use crate::muc::owner;
use crate::muc::user;
use crate::muc::user::Who;
use crate::muc::visit::Visit;
use crate::muc::visit::first_role;
use crate::stanza::Condition;
use crate::stanza::StanzaError;

/// Rows of accounts that are gone which one change removes.
const STALE_REMOVED_MAX: usize = 20;
const _: () = assert!(3 * ROOM_ITEMS_MAX + STALE_REMOVED_MAX + 15 < OPS_PER_ENTRY_MAX);

/// Owners that are looked at for one whose account is there, before the last one may step down.
const OWNERS_LOOKED_AT_MAX: usize = 32;

/// What somebody is to be from now on.
#[derive(Clone, Debug)]
pub(super) struct Wish {
    pub(super) user: BareJid,
    pub(super) affiliation: Affiliation,
    /// The nickname that goes with it (section 9.3); an empty one: none any more.
    pub(super) nick: Option<Box<str>>,
    pub(super) reason: Option<Box<str>>,
}

/// The rows that fulfil the wishes, and what becomes of those who are inside. `config`: as it will
/// be.
pub(super) fn apply(
    visit: &Visit<'_>,
    config: &RoomConfig,
    wishes: &[Wish],
    mut proposal: Proposal,
) -> Result<Proposal, Stop> {
    let mut accounts = Vec::new();
    for wish in wishes {
        accounts.push(visit.live(&wish.user)?);
    }
    check_owners(visit, wishes)?;
    check_count(visit, wishes)?;
    proposal = owner::noted(visit, wishes, without_old(visit, proposal));
    let actor = admin::actor(visit);
    let mut changes = Vec::new();
    for (wish, account) in wishes.iter().zip(accounts) {
        check_nick(visit, wish)?;
        let record = RecordKey::Account {
            jid: wish.user.clone(),
        };
        proposal = proposal
            .guarded(visit.guard_of(&wish.user))
            .guarded(visit.view.guard(record, RowName::Account));
        let name = RowName::Affiliation {
            jid: wish.user.clone(),
        };
        proposal = proposal.row(visit.record(), name, new_row(visit, wish, account));
        let why = Why {
            codes: Vec::new(),
            actor: actor.clone(),
            reason: wish.reason.clone(),
        };
        changes.extend(change_of(visit, config, wish, why));
    }
    for change in changes {
        proposal = proposal.op(visit.change(change));
    }
    Ok(proposal)
}

/// Rows that are known to be for accounts that are gone, and the oldest of what was removed: nobody
/// needs them. An entry holds few changes, and the next change removes the next ones.
pub(super) fn without_old(visit: &Visit<'_>, proposal: Proposal) -> Proposal {
    let all = visit.room.affiliations();
    let stale = all.filter(|(user, row)| !visit.is_current(user, row));
    let mut proposal = stale
        .take(STALE_REMOVED_MAX)
        .fold(proposal, |proposal, (user, _)| {
            let name = RowName::Affiliation { jid: user.clone() };
            proposal.row(visit.record(), name, None)
        });
    let is_ours = |name: &RowName| {
        matches!(
            name,
            RowName::Affiliation { .. }
                | RowName::Applicant { .. }
                | RowName::Hat { .. }
                | RowName::Worn { .. }
        )
    };
    let names = visit.room.rows.too_old(is_ours);
    if !names.is_empty() {
        let record = visit.record();
        proposal = proposal.durable(Durable::Forget { record, names });
    }
    proposal
}

/// A room never loses its last owner (sections 10.4 and 10.5), and one whose account is gone is none.
fn check_owners(visit: &Visit<'_>, wishes: &[Wish]) -> Result<(), Stop> {
    let lost = |user: &BareJid| {
        let mut wished = wishes.iter().filter(|wish| wish.user == *user);
        wished.any(|wish| wish.affiliation != Affiliation::Owner)
    };
    let is_own = visit.affiliation() == Affiliation::Owner;
    let is_given = wishes
        .iter()
        .any(|wish| wish.affiliation == Affiliation::Owner);
    if !is_own || !lost(&visit.user) || is_given {
        return Ok(());
    }
    let owners = visit
        .affiliations()
        .filter(|(user, row)| row.affiliation == Affiliation::Owner && !lost(user));
    for (user, row) in owners.take(OWNERS_LOOKED_AT_MAX) {
        if row.is_for(visit.live(user)?) {
            return Ok(());
        }
    }
    Err(StanzaError::new(Condition::Conflict).into())
}

/// A nickname is reserved for one user (section 7.10).
fn check_nick(visit: &Visit<'_>, wish: &Wish) -> Result<(), Stop> {
    match &wish.nick {
        Some(nick) if !nick.is_empty() && visit.is_reserved(nick, &wish.user)? => {
            Err(StanzaError::new(Condition::Conflict).into())
        }
        _ => Ok(()),
    }
}

fn check_count(visit: &Visit<'_>, wishes: &[Wish]) -> Result<(), Stop> {
    let fresh = wishes
        .iter()
        .filter(|wish| wish.affiliation != Affiliation::None)
        .filter(|wish| visit.row_of(&wish.user).is_none())
        .count();
    let all = visit.affiliations().count().saturating_add(fresh);
    if fresh > 0 && all > visit.view.settings.limits.affiliations_max {
        return Err(StanzaError::new(Condition::ResourceConstraint).into());
    }
    Ok(())
}

/// A nickname goes with the membership that it was registered with (section 9.1).
fn new_row(visit: &Visit<'_>, wish: &Wish, account: Option<Incarnation>) -> Option<Row> {
    if wish.affiliation == Affiliation::None {
        return None;
    }
    let old = visit.row_of(&wish.user);
    let nick = match wish.affiliation {
        Affiliation::Outcast | Affiliation::None => None,
        Affiliation::Member | Affiliation::Admin | Affiliation::Owner => wish
            .nick
            .clone()
            .or_else(|| old.and_then(|row| row.nick.clone()))
            .filter(|nick| !nick.is_empty()),
    };
    let row = AffiliationRow {
        affiliation: wish.affiliation,
        account,
        nick,
        reason: wish.reason.clone(),
    };
    Some(Row::Affiliation { row: Arc::new(row) })
}

/// One change for all that the user is inside, under however many nicknames; `None`: not inside.
fn change_of(visit: &Visit<'_>, config: &RoomConfig, wish: &Wish, why: Why) -> Option<RoomChange> {
    let inside: Vec<(&Arc<str>, &Arc<Occupant>)> = visit
        .room
        .occupants
        .iter()
        .filter(|(_, occupant)| occupant.user == wish.user)
        .collect();
    if inside.is_empty() {
        return None;
    }
    let code = match wish.affiliation {
        Affiliation::Outcast => Some(301),
        Affiliation::None if config.members_only => Some(321),
        _ => None,
    };
    if let Some(code) = code {
        let removed = inside
            .into_iter()
            .map(|(nick, occupant)| removal(nick, occupant));
        return Some(RoomChange::Remove {
            removed: removed.collect(),
            why: Why {
                codes: vec![code],
                ..why
            },
        });
    }
    let old = visit.affiliation_of(&wish.user);
    let changed = inside.into_iter().map(|(nick, occupant)| {
        let role = role_after(config, old, wish.affiliation, occupant.role);
        rights(visit, (nick, occupant), (wish.affiliation, role))
    });
    Some(RoomChange::Rights {
        changed: changed.collect(),
        why,
    })
}

pub(super) fn removal(nick: &Arc<str>, occupant: &Occupant) -> Removed {
    Removed {
        nick: Arc::clone(nick),
        devices: occupant.devices.keys().cloned().collect(),
    }
}

/// An occupant as it is from now on.
pub(super) fn rights(
    visit: &Visit<'_>,
    (nick, occupant): (&Arc<str>, &Occupant),
    (affiliation, role): (Affiliation, RoomRole),
) -> Rights {
    let who = Who {
        affiliation,
        role,
        ..user::who((&visit.jid, visit.room), nick, occupant)
    };
    Rights {
        nick: Arc::clone(nick),
        role,
        shown: who.shown_again(occupant),
    }
}

/// An occupant that wears these hats from now on.
pub(super) fn hatted(
    visit: &Visit<'_>,
    (nick, occupant): (&Arc<str>, &Occupant),
    hats: Vec<u8>,
) -> Rights {
    let who = Who {
        hats,
        ..user::who((&visit.jid, visit.room), nick, occupant)
    };
    Rights {
        nick: Arc::clone(nick),
        role: occupant.role,
        shown: who.shown_again(occupant),
    }
}

/// The role that follows from a new affiliation (section 5.2.2): owners and admins moderate, and
/// whoever was one is what others of the new affiliation are; a member has voice.
fn role_after(config: &RoomConfig, old: Affiliation, new: Affiliation, role: RoomRole) -> RoomRole {
    let first = first_role(config, new);
    if new >= Affiliation::Admin || old >= Affiliation::Admin {
        return first;
    }
    if new < old && role < RoomRole::Moderator {
        return first;
    }
    role.max(first)
}
