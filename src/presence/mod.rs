//! Presence: resources, broadcast, probes, directed presence (RFC 6121 section 4).
//!
//! Evaluation notes what a resource says of itself; who gets to see it is computed at delivery, from
//! the rows of both sides. Within one domain a probe needs no stanza: the other side's presence is at
//! hand.

mod caps;
mod deliver;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::base::ids::SessionId;
use crate::base::jid::BareJid;
use crate::base::jid::FullJid;
use crate::base::jid::Jid;
use crate::base::limits::LAST_STATUS_BYTES_MAX;
use crate::effect::proposal::Proposal;
use crate::effect::proposal::Stop;
use crate::effect::request::Request;
use crate::effect::view::View;
use crate::model::account::Account;
use crate::model::account::LastSeen;
use crate::model::account::Online;
use crate::model::account::Present;
use crate::model::contact::Contact;
use crate::model::contact::Outward;
use crate::model::op::Op;
use crate::model::op::Soft;
use crate::model::row::RecordKey;
use crate::model::row::Row;
use crate::model::row::RowName;
use crate::roster;
use crate::stanza::Condition;
use crate::stanza::Kind;
use crate::stanza::PresenceType;
use crate::stanza::Stanza;
use crate::stanza::StanzaError;
use crate::stanza::delay;
use crate::stanza::ns;
use crate::stanza::outgoing::Outgoing;
use crate::xml::Writer;

pub(crate) use crate::presence::caps::without_known;
pub(crate) use crate::presence::deliver::deliver;
pub(crate) use crate::presence::deliver::deliver_row;

pub(crate) fn evaluate(view: &View<'_>, request: &Request) -> Result<Proposal, Stop> {
    let Kind::Presence(kind) = request.stanza.kind else {
        return Err(Stop::Ignore);
    };
    match (kind, &request.stanza.to) {
        (PresenceType::Available, None) => announce(view, request),
        (PresenceType::Unavailable, None) => withdraw(view, request),
        (PresenceType::Available | PresenceType::Unavailable, Some(to)) => {
            direct(view, request, kind, to)
        }
        (PresenceType::Probe, Some(to)) => probe(view, request, to),
        (PresenceType::Probe, None) => Err(StanzaError::new(Condition::BadRequest).into()),
        (PresenceType::Error, Some(to)) => pass_error(view, request, to),
        (PresenceType::Error, None) => Err(Stop::Ignore),
        (
            PresenceType::Subscribe
            | PresenceType::Subscribed
            | PresenceType::Unsubscribe
            | PresenceType::Unsubscribed,
            _,
        ) => roster::evaluate_subscription(view, request, kind),
    }
}

/// Sections 4.2 and 4.4: presence for all.
fn announce(view: &View<'_>, request: &Request) -> Result<Proposal, Stop> {
    let priority = parse_priority(&request.stanza)?;
    let (own, online) = sender(view, request)?;
    let mut said = outgoing(request, None);
    if let Some(here) = online.presence.as_ref()
        && view.settings.caps_optimization
    {
        said = caps::completed(&here.stanza, said);
    }
    let said = Arc::new(said);
    let presence = Present {
        priority,
        stanza: Arc::clone(&said),
    };
    let proposal = account_guarded(view, &own);
    Ok(proposal.soft(Soft::Presence {
        jid: request.from.clone(),
        presence: Some(presence),
        said,
    }))
}

/// Section 4.5: the resource goes, its session stays.
fn withdraw(view: &View<'_>, request: &Request) -> Result<Proposal, Stop> {
    let (own, online) = sender(view, request)?;
    let mut proposal = account_guarded(view, &own);
    if online.presence.is_some() {
        let status = request.stanza.root().child_text("status", ns::CLIENT);
        proposal = proposal.op(last_seen(view, &own, status.as_deref()));
    }
    Ok(proposal.soft(Soft::Presence {
        jid: request.from.clone(),
        presence: None,
        said: Arc::new(outgoing(request, None)),
    }))
}

/// Section 4.6: presence for one address, subscribed or not.
fn direct(
    view: &View<'_>,
    request: &Request,
    kind: PresenceType,
    to: &Jid,
) -> Result<Proposal, Stop> {
    let (own, online) = sender(view, request)?;
    let account = heard_by(view, request, to)?;
    let is_available = kind == PresenceType::Available;
    // Section 8.5.3.2.2: nobody is there who could be told of the end either.
    if to
        .resource()
        .is_some_and(|one| !account.online.contains_key(one))
        && !online.directed.contains(to)
    {
        return Err(Stop::Ignore);
    }
    if is_available
        && online.directed.len() >= view.settings.limits.directed_max
        && !online.directed.contains(to)
    {
        return Err(StanzaError::new(Condition::ResourceConstraint).into());
    }
    Ok(account_guarded(view, &own).soft(Soft::Directed {
        jid: request.from.clone(),
        to: to.clone(),
        available: is_available,
        said: Arc::new(outgoing(request, Some(to))),
    }))
}

/// Section 4.3.2, as if the probe had come from the user's server: what may be seen, by whom who asks.
fn probe(view: &View<'_>, request: &Request, to: &Jid) -> Result<Proposal, Stop> {
    let (own, _) = sender(view, request)?;
    let account = heard_by(view, request, to);
    let other = to.to_bare();
    let mine = view.account(&own)?.contact(&other);
    let may_see = match &account {
        Ok(account) => other == own || account.contact(&own).is_some_and(Contact::may_see),
        // Section 8.5.1: whether the account exists is not told.
        Err(Stop::Ignore) => false,
        Err(_) => return account.map(|_| Proposal::nothing()),
    };
    if !may_see {
        return Ok(unsubscribed(view, (&own, &other), mine));
    }
    let account = account?;
    let mut proposal = Proposal::nothing();
    let here = account.available().filter(|(online, _)| {
        to.resource()
            .is_none_or(|resource| resource == online.jid.resource())
    });
    for (_, here) in here {
        proposal.answers.push(Arc::clone(&here.stanza));
    }
    if proposal.answers.is_empty() {
        let payload = absence(account, &other);
        let gone = simple(PresenceType::Unavailable, to.clone(), payload);
        proposal = proposal.and_answer(gone);
    }
    Ok(proposal)
}

/// Section 4.3.2, point 1. Whoever waits for an answer to a request is not told that it will not come.
fn unsubscribed(
    view: &View<'_>,
    (own, other): (&BareJid, &BareJid),
    mine: Option<&Contact>,
) -> Proposal {
    let answer = simple(PresenceType::Unsubscribed, other.to_jid(), Vec::new());
    match mine {
        Some(mine) if mine.out == Outward::Asked => Proposal::nothing(),
        Some(mine) if mine.out == Outward::To => {
            let record = RecordKey::Account { jid: own.clone() };
            let name = RowName::Contact { jid: other.clone() };
            let row = Row::Contact {
                contact: Arc::new(Contact {
                    out: Outward::Without,
                    ..mine.clone()
                }),
            };
            account_guarded(view, own)
                .guarded(view.guard(record.clone(), name.clone()))
                .row(record, name, Some(row))
                .and_answer(answer)
        }
        _ => Proposal::nothing().and_answer(answer),
    }
}

/// An error about presence goes to the resource it is for, and nowhere else.
fn pass_error(view: &View<'_>, request: &Request, to: &Jid) -> Result<Proposal, Stop> {
    let account = heard_by(view, request, to)?;
    let is_there = to
        .resource()
        .is_some_and(|resource| account.online.contains_key(resource));
    if !is_there {
        return Err(Stop::Ignore);
    }
    let stanza = Arc::new(outgoing(request, Some(to)));
    let to = to.clone();
    Ok(Proposal::nothing().soft(Soft::Route { stanza, to }))
}

/// What the end of a session changes.
pub(crate) fn evaluate_end(
    view: &View<'_>,
    jid: &FullJid,
    session: SessionId,
) -> Result<Proposal, Stop> {
    let own = jid.bare();
    let account = view.account(&own)?;
    let online = account.online.get(jid.resource());
    let was_available =
        online.is_some_and(|online| online.session == session && online.presence.is_some());
    let mut proposal = Proposal::nothing();
    if was_available && account.exists() {
        proposal = proposal.op(last_seen(view, &own, None));
    }
    Ok(proposal.soft(Soft::Unbind {
        jid: jid.clone(),
        session,
        status: None,
    }))
}

/// The sender's account and session.
fn sender<'a>(view: &View<'a>, request: &Request) -> Result<(BareJid, &'a Online), Stop> {
    let own = request.from.bare();
    let online = view.account(&own)?.online.get(request.from.resource());
    let online = online.filter(|online| online.session == request.session);
    Ok((own, online.ok_or(Stop::Ignore)?))
}

/// The account that presence is for, if it exists and takes presence from the sender.
fn heard_by<'a>(view: &View<'a>, request: &Request, to: &Jid) -> Result<&'a Account, Stop> {
    if !view.is_account(to) {
        return Err(Stop::Ignore);
    }
    let (own, other) = (request.from.bare(), to.to_bare());
    let account = view.account(&other)?;
    if own == other {
        return Ok(account);
    }
    if view.account(&own)?.blocks(to) {
        // XEP-0191 section 3.2.
        let error = StanzaError::new(Condition::NotAcceptable);
        return Err(error.with_detail("blocked", ns::BLOCKING_ERRORS).into());
    }
    if !account.exists() || account.blocks(request.from.as_jid()) {
        return Err(Stop::Ignore);
    }
    Ok(account)
}

/// Section 4.7.2.3: an integer from -128 to 127.
fn parse_priority(stanza: &Stanza) -> Result<i8, StanzaError> {
    let bad = || StanzaError::new(Condition::BadRequest);
    let mut found = stanza
        .root()
        .children()
        .filter(|child| child.is("priority", ns::CLIENT));
    let Some(priority) = found.next() else {
        return Ok(0);
    };
    if found.next().is_some() {
        return Err(bad());
    }
    priority.text().trim().parse().map_err(|_| bad())
}

fn account_guarded(view: &View<'_>, own: &BareJid) -> Proposal {
    let record = RecordKey::Account { jid: own.clone() };
    Proposal::nothing().guarded(view.guard(record, RowName::Account))
}

/// An available resource goes: when, and with which words (XEP-0012).
fn last_seen(view: &View<'_>, own: &BareJid, status: Option<&str>) -> Op {
    let status = status.map(|status| {
        let end = status.floor_char_boundary(LAST_STATUS_BYTES_MAX);
        status.get(..end).unwrap_or_default().into()
    });
    let seen = Arc::new(LastSeen {
        at: view.now(),
        status,
    });
    let record = RecordKey::Account { jid: own.clone() };
    Op::row(record, RowName::LastSeen, Some(Row::LastSeen { seen }))
}

/// The words that the user left, and when that was.
fn absence(account: &Account, own: &BareJid) -> Vec<u8> {
    let Some(Row::LastSeen { seen }) = account.rows.row(&RowName::LastSeen) else {
        return Vec::new();
    };
    let mut writer = Writer::new();
    if let Some(status) = &seen.status {
        writer.leaf("status", status);
    }
    delay::write(&mut writer, seen.at, Some(own.as_str()));
    writer.finish()
}

fn simple(kind: PresenceType, from: Jid, payload: Vec<u8>) -> Outgoing {
    Outgoing {
        kind: Kind::Presence(kind),
        from,
        to: None,
        id: None,
        lang: None,
        payload: payload.into(),
    }
}

/// What a client said, from who really said it.
fn outgoing(request: &Request, to: Option<&Jid>) -> Outgoing {
    let stanza = &request.stanza;
    Outgoing {
        kind: stanza.kind,
        from: request.from.to_jid(),
        to: to.cloned(),
        id: stanza.id.clone(),
        lang: stanza.lang.clone(),
        payload: stanza.payload(),
    }
}
