//! Entering a room (XEP-0045 section 7.2).

use std::sync::Arc;

use crate::base::limits::ROOMS_JOINED_MAX;
use crate::effect::proposal::Proposal;
use crate::effect::proposal::Stop;
use crate::effect::query::Query;
use crate::model::room::Affiliation;
use crate::model::room::AffiliationRow;
use crate::model::room::RoomChange;
use crate::model::room::RoomConfig;
use crate::model::room::RoomRole;
use crate::model::room::RoomRow;
use crate::model::row::Row;
use crate::model::row::RowName;
use crate::muc::create;
use crate::muc::hat;
use crate::muc::history;
use crate::muc::hush;
use crate::muc::user::Item;
use crate::muc::user::Who;
use crate::muc::user::user_element;
use crate::muc::visit::Visit;
use crate::muc::visit::first_role;
use crate::muc::visit::occupant_id;
use crate::stanza::Condition;
use crate::stanza::ErrorType;
use crate::stanza::Kind;
use crate::stanza::PresenceType;
use crate::stanza::StanzaError;
use crate::stanza::ns;
use crate::stanza::outgoing::Outgoing;

/// Owners and admins that may enter a full room (section 7.2.9), so that nobody can keep them out.
const RESERVED_PLACES: usize = 100;

/// Presence from somebody who is not inside, or asks to enter once more.
pub(super) fn evaluate(visit: &Visit<'_>, nick: &str) -> Result<Proposal, Stop> {
    let root = visit.request.stanza.root();
    let Some(ask) = root.child("x", ns::MUC) else {
        return Ok(Proposal::answer(not_inside(visit)));
    };
    if nick.trim().is_empty() {
        // Section 17.1: invisible nicknames.
        return Err(StanzaError::new(Condition::JidMalformed).into());
    }
    let online = visit.view.account(&visit.user)?;
    let online = online.online.get(visit.request.from.resource());
    // Another session may have taken the address, and this one not know of it yet.
    let online = online.filter(|online| online.session == visit.request.session);
    let online = online.ok_or(Stop::Ignore)?;
    let limit = visit.view.settings.limits.rooms_joined_max;
    let is_in_too_many =
        online.rooms.len() >= limit.min(ROOMS_JOINED_MAX) && !online.rooms.contains(&visit.jid);
    if is_in_too_many {
        return Err(StanzaError::new(Condition::ResourceConstraint).into());
    }
    let Some(row) = visit.room.living() else {
        let (proposal, row) = create::evaluate(visit)?;
        let config = create::first_config();
        let join = join(visit, nick, (&row, Affiliation::Owner), &config, true)?;
        return Ok(proposal.op(visit.change(join)));
    };
    let config = visit.config();
    if visit.inside().is_none() {
        let password = ask.child_text("password", ns::MUC);
        check_entry(visit, nick, &row, &config, password.as_deref())?;
    }
    let silenced = hush::silenced(visit, nick)?;
    let page = history::page(visit, &row, &config, (ask, silenced));
    let mut join = join(visit, nick, (&row, visit.affiliation()), &config, false)?;
    if let RoomChange::Join { history, .. } = &mut join {
        *history = page.is_some();
    }
    let proposal = with_row_of_account(visit, visit.propose())?;
    let proposal = hat::without_stale(visit, proposal)?;
    let mut proposal = proposal.op(visit.change(join));
    proposal.query = page.map(|question| Query {
        iq: "".into(),
        from: visit.jid.to_jid(),
        question,
    });
    Ok(proposal)
}

/// Sections 7.2.5 to 7.2.10, in the order that tells strangers least.
fn check_entry(
    visit: &Visit<'_>,
    nick: &str,
    row: &RoomRow,
    config: &RoomConfig,
    password: Option<&str>,
) -> Result<(), Stop> {
    let affiliation = visit.affiliation();
    let refuse = |condition| {
        Err(StanzaError::new(condition)
            .with_by(visit.jid.to_jid())
            .into())
    };
    if affiliation == Affiliation::Outcast {
        return refuse(Condition::Forbidden);
    }
    if row.locked && affiliation != Affiliation::Owner {
        return refuse(Condition::ItemNotFound);
    }
    if config.members_only && affiliation < Affiliation::Member {
        return refuse(Condition::RegistrationRequired);
    }
    if let Some(wanted) = &config.password
        && password != Some(wanted)
    {
        return refuse(Condition::NotAuthorized);
    }
    let there = visit.room.occupants.get(nick);
    if there.is_some_and(|there| there.user != visit.user)
        || visit.is_reserved(nick, &visit.user)?
    {
        return refuse(Condition::Conflict);
    }
    let places = usize::try_from(visit.view.settings.limits.occupants_max).unwrap_or(usize::MAX);
    let mut limit = match usize::try_from(config.occupants_max).unwrap_or(usize::MAX) {
        0 => places,
        own => own.min(places),
    };
    if affiliation >= Affiliation::Admin {
        limit = limit.saturating_add(RESERVED_PLACES);
    }
    if there.is_none() && visit.room.occupants.len() >= limit {
        let error = StanzaError::new(Condition::ServiceUnavailable).with_type(ErrorType::Wait);
        return Err(error.with_by(visit.jid.to_jid()).into());
    }
    Ok(())
}

/// The sender's row as it has to be while it is inside: of its account, or not there.
fn with_row_of_account(visit: &Visit<'_>, proposal: Proposal) -> Result<Proposal, Stop> {
    let live = visit.live(&visit.user)?;
    let Some(row) = visit.room.affiliation_row(&visit.user) else {
        return Ok(proposal);
    };
    if row.account == live {
        return Ok(proposal);
    }
    let bound = AffiliationRow {
        account: live,
        ..row.as_ref().clone()
    };
    let row = row.is_for(live).then(|| Row::Affiliation {
        row: Arc::new(bound),
    });
    let name = RowName::Affiliation {
        jid: visit.user.clone(),
    };
    Ok(proposal.row(visit.record(), name, row))
}

fn join(
    visit: &Visit<'_>,
    nick: &str,
    (row, affiliation): (&RoomRow, Affiliation),
    config: &RoomConfig,
    created: bool,
) -> Result<RoomChange, Stop> {
    let there = visit.room.occupants.get(nick);
    let role = there.map_or_else(|| first_role(config, affiliation), |there| there.role);
    let occupant_id = match there {
        Some(there) => Arc::clone(&there.id),
        None => occupant_id(row, &visit.user, visit.live(&visit.user)?).into(),
    };
    let who = Who {
        room: &visit.jid,
        nick,
        id: &occupant_id,
        affiliation,
        role,
        hats: hat::element_of(visit)?,
    };
    let own = visit.own_presence()?;
    Ok(RoomChange::Join {
        nick: nick.into(),
        jid: visit.request.from.clone(),
        session: visit.request.session,
        role,
        shown: who.shown(&visit.request.from, &own),
        occupant_id: Arc::clone(&occupant_id),
        silenced: hush::silenced(visit, nick)?,
        id: visit.request.stanza.id.clone(),
        created,
        assigned: asked_nick(visit).is_some_and(|asked| asked != nick),
        history: false,
    })
}

/// The nickname as the client wrote it. Addresses are prepared when they are read (RFC 7622 section
/// 3.4), and the client has to know what became of it.
fn asked_nick(visit: &Visit<'_>) -> Option<String> {
    let to = visit.request.stanza.root().attr("to")?;
    to.split_once('/').map(|(_, nick)| nick.to_owned())
}

/// Section 7.2.18: presence without the wish to enter is from a client that believes to be inside.
/// It learns that it is not.
fn not_inside(visit: &Visit<'_>) -> Outgoing {
    let item = Item {
        role: RoomRole::None,
        affiliation: visit.affiliation(),
        ..Item::default()
    };
    Outgoing {
        kind: Kind::Presence(PresenceType::Unavailable),
        from: visit
            .request
            .stanza
            .to
            .clone()
            .unwrap_or_else(|| visit.jid.to_jid()),
        to: None,
        id: visit.request.stanza.id.clone(),
        lang: None,
        payload: Arc::from(user_element(&item, &[110, 307, 333])),
    }
}
