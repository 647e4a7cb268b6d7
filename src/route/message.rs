//! A message to an account: kept or passed on (RFC 6121 section 8.5).

use std::sync::Arc;

use crate::archive;
use crate::archive::policy::Content;
use crate::base::jid::BareJid;
use crate::effect::proposal::Proposal;
use crate::effect::proposal::Stop;
use crate::effect::request::Request;
use crate::effect::view::View;
use crate::model::account::Account;
use crate::model::message::Message;
use crate::model::message::Owner;
use crate::model::message::Place;
use crate::model::message::Role;
use crate::model::op::Durable;
use crate::model::op::Soft;
use crate::model::row::RecordKey;
use crate::model::row::RowName;
use crate::pubsub;
use crate::stanza::Condition;
use crate::stanza::Kind;
use crate::stanza::MessageType;
use crate::stanza::Stanza;
use crate::stanza::StanzaError;
use crate::stanza::outgoing::Outgoing;

pub(crate) fn evaluate(view: &View<'_>, request: &Request) -> Result<Proposal, Stop> {
    let stanza = &request.stanza;
    let Kind::Message(kind) = stanza.kind else {
        return Err(Stop::Ignore);
    };
    // RFC 6120 section 10.3.1: without 'to', to the sender's own account.
    let own = request.from.bare();
    let to = stanza.to.clone().unwrap_or_else(|| own.to_jid());
    if to.local().is_none() {
        return to_server(kind);
    }
    let recipient = to.to_bare();
    let sender = view.account(&own)?;
    let account = view.account(&recipient)?;
    if recipient == own
        && let Some(decided) = pubsub::evaluate_approval(view, request, &own)
    {
        return decided;
    }
    if sender.blocks(&to) {
        return Err(StanzaError::blocked().into());
    }
    if !account.exists() || account.blocks(request.from.as_jid()) {
        // XEP-0191 section 3: the blocked one learns no more than of an account that is not there.
        return unavailable(kind);
    }
    let exact = to
        .resource()
        .is_some_and(|resource| account.online.contains_key(resource));
    match kind {
        MessageType::Error if !exact => return Err(Stop::Ignore),
        MessageType::Groupchat if !exact => return unavailable(kind),
        // RFC 6121 section 8.5.3.2.1: to a full address that nobody has, only chat goes on.
        MessageType::Normal if !exact && !to.is_bare() => return unavailable(kind),
        MessageType::Headline if !exact && !to.is_bare() => return Err(Stop::Ignore),
        _ => {}
    }
    let content = archive::policy::content_of_chat(stanza);
    if content == Content::Passing {
        let stanza = Arc::new(outgoing(request, to.clone()));
        return Ok(Proposal::nothing().soft(Soft::Route { stanza, to }));
    }
    if account.untaken.len() >= view.settings.limits.untaken_max {
        return Err(StanzaError::new(Condition::ResourceConstraint).into());
    }
    let message = Arc::new(kept(view, request, kind, to));
    let places = places(&message, (&own, sender), (&recipient, account));
    let retraction = (content == Content::Retraction)
        .then(|| archive::retract::of_sent(view, request, &recipient.to_jid(), &places));
    let mut proposal = Proposal::nothing().durable(Durable::Message { message, places });
    if let Some(retraction) = retraction.flatten() {
        proposal = proposal.durable(retraction);
    }
    for (record, name) in policy_rows(&own, &recipient) {
        proposal = proposal.guarded(view.guard(record, name));
    }
    Ok(proposal)
}

/// What a message may not outlive: the sender's account, the recipient's, and the recipient's
/// silence about the sender.
fn policy_rows(own: &BareJid, recipient: &BareJid) -> [(RecordKey, RowName); 3] {
    let sender = RecordKey::Account { jid: own.clone() };
    let account = RecordKey::Account {
        jid: recipient.clone(),
    };
    [
        (sender, RowName::Account),
        (account.clone(), RowName::Account),
        (account, RowName::Blocked { jid: own.to_jid() }),
    ]
}

/// RFC 6121 section 8.5.1: nobody is there.
fn unavailable(kind: MessageType) -> Result<Proposal, Stop> {
    match kind {
        MessageType::Error => Err(Stop::Ignore),
        _ => Err(StanzaError::new(Condition::ServiceUnavailable).into()),
    }
}

/// The server itself reads no messages.
fn to_server(kind: MessageType) -> Result<Proposal, Stop> {
    unavailable(kind)
}

fn kept(
    view: &View<'_>,
    request: &Request,
    kind: MessageType,
    to: crate::base::jid::Jid,
) -> Message {
    let stanza = &request.stanza;
    Message {
        kind,
        from: request.from.to_jid(),
        to,
        id: stanza.id.clone(),
        lang: stanza.lang.clone(),
        payload: archive::policy::payload(view, stanza),
        sender: None,
    }
}

/// The archives that the message belongs to: the recipient's and the sender's.
fn places(
    message: &Message,
    (own, sender): (&BareJid, &Account),
    (recipient, account): (&BareJid, &Account),
) -> Vec<Place> {
    let place = |jid: &BareJid, record: &Account, with: &crate::base::jid::Jid, role: Role| {
        record.incarnation().map(|incarnation| Place {
            owner: Owner::Account { jid: jid.clone() },
            incarnation,
            with: with.clone(),
            role,
            archived: archive::policy::wants(record, with),
        })
    };
    let received = place(recipient, account, &message.from, Role::Received);
    let sent = (own != recipient)
        .then(|| place(own, sender, &message.to, Role::Sent))
        .flatten();
    received.into_iter().chain(sent).collect()
}

/// A stanza that is passed on as it is, from who really sent it.
pub(crate) fn outgoing(request: &Request, to: crate::base::jid::Jid) -> Outgoing {
    let stanza: &Stanza = &request.stanza;
    Outgoing {
        kind: stanza.kind,
        from: request.from.to_jid(),
        to: Some(to),
        id: stanza.id.clone(),
        lang: stanza.lang.clone(),
        payload: stanza.payload(),
    }
}
