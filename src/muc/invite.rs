//! Invitations through the room, and answers to them (XEP-0045 section 7.8.2).

use std::sync::Arc;

use crate::archive;
use crate::base::jid::BareJid;
use crate::base::jid::Jid;
use crate::base::limits::ROOM_INVITES_MAX;
use crate::base::limits::ROOM_TEXT_BYTES_MAX;
use crate::effect::proposal::Proposal;
use crate::effect::proposal::Stop;
use crate::model::message::Message;
use crate::model::message::Owner;
use crate::model::message::Place;
use crate::model::message::Role;
use crate::model::op::Durable;
use crate::model::room::Affiliation;
use crate::model::room::RoomConfig;
use crate::model::room::RoomRole;
use crate::model::row::RecordKey;
use crate::model::row::RowName;
use crate::muc::affiliate;
use crate::muc::affiliate::Wish;
use crate::muc::visit::Visit;
use crate::stanza::Condition;
use crate::stanza::MessageType;
use crate::stanza::StanzaError;
use crate::stanza::ns;
use crate::xml::Node;
use crate::xml::Writer;

/// What `<x/>` of muc#user asks of the room.
pub(super) fn evaluate(visit: &Visit<'_>, ask: Node<'_>) -> Result<Proposal, Stop> {
    if let Some(decline) = ask.child("decline", ns::MUC_USER) {
        return evaluate_decline(visit, decline);
    }
    let invites: Vec<Node<'_>> = ask
        .children()
        .filter(|child| child.is("invite", ns::MUC_USER))
        .collect();
    if invites.is_empty() {
        return Err(StanzaError::new(Condition::BadRequest).into());
    }
    if invites.len() > ROOM_INVITES_MAX {
        return Err(StanzaError::new(Condition::ResourceConstraint).into());
    }
    visit.living()?;
    let inside = visit.must_be_inside()?;
    let config = visit.config();
    let is_admin = visit.affiliation() >= Affiliation::Admin;
    let may = config.anyone_invites && inside.occupant.role >= RoomRole::Participant;
    if !is_admin && !may {
        return Err(StanzaError::new(Condition::Forbidden).into());
    }
    let mut proposal = visit.propose();
    let mut wishes = Vec::new();
    for invite in invites {
        let guest = address(visit, invite)?;
        let payload = invitation(visit, &config, Some(invite))?;
        if config.members_only && visit.affiliation_of(&guest) < Affiliation::Member {
            if visit.affiliation_of(&guest) == Affiliation::Outcast {
                return Err(StanzaError::new(Condition::Forbidden).into());
            }
            wishes.push(Wish {
                user: guest.clone(),
                affiliation: Affiliation::Member,
                nick: None,
                reason: None,
            });
        }
        proposal = post(visit, &guest.to_jid(), payload, proposal)?;
    }
    if !wishes.is_empty() {
        proposal = affiliate::apply(visit, &config, &wishes, proposal)?;
    }
    Ok(proposal)
}

/// Whom to invite: a user of ours, or an occupant (section 7.9).
fn address(visit: &Visit<'_>, invite: Node<'_>) -> Result<BareJid, Stop> {
    let to = invite
        .attr("to")
        .ok_or_else(|| StanzaError::new(Condition::BadRequest))?;
    let to = Jid::parse(&to).map_err(|_| StanzaError::new(Condition::JidMalformed))?;
    if to.bare_str() == visit.jid.as_str() {
        let occupant = to
            .resource()
            .and_then(|nick| visit.room.occupants.get(nick));
        return occupant
            .map(|occupant| occupant.user.clone())
            .ok_or_else(|| StanzaError::new(Condition::ItemNotFound).into());
    }
    if !visit.view.is_account(&to) {
        return Err(StanzaError::new(Condition::ItemNotFound).into());
    }
    Ok(to.to_bare().to_compact())
}

/// The room's message: who invites, why (if `invite` says so), and what a client that knows only
/// direct invitations (XEP-0249) needs.
pub(super) fn invitation(
    visit: &Visit<'_>,
    config: &RoomConfig,
    invite: Option<Node<'_>>,
) -> Result<Vec<u8>, Stop> {
    let reason = match invite {
        Some(invite) => text(invite, "reason")?,
        None => None,
    };
    let mut writer = Writer::new();
    writer.start_ns("x", ns::MUC_USER);
    writer
        .start("invite")
        .attr("from", visit.request.from.as_str());
    if let Some(reason) = &reason {
        writer.leaf("reason", reason);
    }
    if let Some(thread) = invite.and_then(|one| one.child("continue", ns::MUC_USER)) {
        let thread = thread.attr("thread");
        writer
            .start("continue")
            .attr_opt("thread", thread.as_deref())
            .end();
    }
    writer.end();
    if let Some(password) = &config.password {
        writer.leaf("password", password);
    }
    writer.end();
    writer
        .start_ns("x", ns::DIRECT_INVITATION)
        .attr("jid", visit.jid.as_str())
        .attr_opt("reason", reason.as_deref())
        .attr_opt("password", config.password.as_deref())
        .end();
    Ok(writer.finish())
}

fn text(parent: Node<'_>, name: &str) -> Result<Option<String>, StanzaError> {
    match parent.child_text(name, ns::MUC_USER) {
        Some(text) if text.len() > ROOM_TEXT_BYTES_MAX => {
            Err(StanzaError::new(Condition::NotAcceptable))
        }
        Some(text) => Ok(Some(text.into_owned())),
        None => Ok(None),
    }
}

/// From somebody who need not be inside, to somebody who is: so that nobody uses the room to write
/// to strangers.
fn evaluate_decline(visit: &Visit<'_>, decline: Node<'_>) -> Result<Proposal, Stop> {
    let row = visit.living()?;
    let to = decline
        .attr("to")
        .and_then(|to| Jid::parse(&to).ok())
        .ok_or_else(|| StanzaError::new(Condition::BadRequest))?;
    let host = to.to_bare();
    let is_inside = visit.room.occupants.values().any(|one| one.user == host);
    if !is_inside || row.destroyed || visit.affiliation() == Affiliation::Outcast {
        return Err(StanzaError::new(Condition::ItemNotFound).into());
    }
    let mut writer = Writer::new();
    writer.start_ns("x", ns::MUC_USER);
    writer.start("decline").attr("from", visit.user.as_str());
    if let Some(reason) = text(decline, "reason")? {
        writer.leaf("reason", &reason);
    }
    post(visit, &to, writer.finish(), visit.propose())
}

fn post(
    visit: &Visit<'_>,
    to: &Jid,
    payload: Vec<u8>,
    proposal: Proposal,
) -> Result<Proposal, Stop> {
    Ok(proposal.and(letter(visit, to, payload)?))
}

/// A message of the room to a user of ours, who gets it now or when a device comes.
pub(super) fn letter(visit: &Visit<'_>, to: &Jid, payload: Vec<u8>) -> Result<Proposal, Stop> {
    let user = to.to_bare().to_compact();
    let account = visit.view.account(&user)?;
    let from = visit.jid.to_jid();
    let Some(incarnation) = account.incarnation().filter(|_| account.exists()) else {
        return Err(StanzaError::new(Condition::ItemNotFound).into());
    };
    if account.blocks(&from) || account.blocks(visit.request.from.as_jid()) {
        // XEP-0191 section 3: who is blocked is not told.
        return Ok(Proposal::nothing());
    }
    if account.untaken.len() >= visit.view.settings.limits.untaken_max {
        return Err(StanzaError::new(Condition::ResourceConstraint).into());
    }
    let place = Place {
        owner: Owner::Account { jid: user.clone() },
        incarnation,
        with: from.clone(),
        role: Role::Received,
        archived: archive::policy::wants(account, &from),
    };
    let message = Message {
        kind: MessageType::Normal,
        from,
        to: user.to_jid(),
        id: visit.request.stanza.id.clone(),
        lang: visit.request.stanza.lang.clone(),
        payload: payload.into(),
        sender: None,
    };
    let record = RecordKey::Account { jid: user };
    Ok(Proposal::nothing()
        .guarded(visit.view.guard(record, RowName::Account))
        .durable(Durable::Message {
            message: Arc::new(message),
            places: vec![place],
        }))
}
