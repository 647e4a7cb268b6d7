//! Rooms (XEP-0045).
//!
//! One verb a file: what somebody wants to do in a room is evaluated there, against the room as it is.
//! Rows (configuration, subject, affiliations, kept messages) are durable; who is inside is not. The
//! files named after what occupants experience (`arrive`, `depart`, `notify`) deliver.
//!
//! Everything of a room has one order: joins, messages, kicks. What is built for a thousand readers
//! is built once, in two versions: with real addresses, and without.

mod affiliate;
mod arrive;
mod configure;
mod create;
mod deliver;
mod depart;
mod destroy;
mod enter;
mod form;
mod history;
mod leave;
mod notify;
mod speak;
mod subject;
mod user;
mod visit;

#[cfg(test)]
mod tests;

pub(crate) use deliver::deliver_change;
pub(crate) use deliver::deliver_message;
pub(crate) use deliver::deliver_row;
pub(crate) use history::answer as answer_history;
pub(crate) use leave::leave_ops;

use crate::effect::proposal::Proposal;
use crate::effect::proposal::Stop;
use crate::effect::request::Request;
use crate::effect::view::View;
use crate::muc::visit::Visit;
use crate::stanza::Condition;
use crate::stanza::IqType;
use crate::stanza::Kind;
use crate::stanza::MessageType;
use crate::stanza::PresenceType;
use crate::stanza::StanzaError;
use crate::stanza::ns;

/// Everything addressed to the rooms' host, a room, or an occupant.
pub(crate) fn evaluate(view: &View<'_>, request: &Request) -> Result<Proposal, Stop> {
    let Some(to) = &request.stanza.to else {
        return Err(Stop::Ignore);
    };
    if to.local().is_none() {
        return Err(StanzaError::new(Condition::ServiceUnavailable).into());
    }
    let visit = Visit::new(view, request, &to.to_bare())?;
    match request.stanza.kind {
        Kind::Presence(kind) => presence(&visit, kind),
        Kind::Message(kind) => message(&visit, kind),
        Kind::Iq(kind) => iq(&visit, kind),
    }
}

fn iq(visit: &Visit<'_>, kind: IqType) -> Result<Proposal, Stop> {
    let Some(query) = visit.request.stanza.query() else {
        return Err(Stop::Ignore);
    };
    match (query.ns(), kind) {
        (ns::MUC_OWNER, _) => configure::evaluate(visit, query),
        _ => Err(StanzaError::new(Condition::ServiceUnavailable).into()),
    }
}

fn presence(visit: &Visit<'_>, kind: PresenceType) -> Result<Proposal, Stop> {
    match kind {
        PresenceType::Available => {
            let Some(nick) = visit.nick() else {
                // Section 7.2.1.
                return Err(StanzaError::new(Condition::JidMalformed).into());
            };
            enter::evaluate(visit, nick)
        }
        PresenceType::Unavailable => leave::evaluate(visit),
        PresenceType::Error
        | PresenceType::Probe
        | PresenceType::Subscribe
        | PresenceType::Subscribed
        | PresenceType::Unsubscribe
        | PresenceType::Unsubscribed => Err(Stop::Ignore),
    }
}

fn message(visit: &Visit<'_>, kind: MessageType) -> Result<Proposal, Stop> {
    match (kind, visit.nick()) {
        (MessageType::Error, _) => Err(Stop::Ignore),
        (MessageType::Groupchat, None) => speak::evaluate(visit),
        _ => Err(StanzaError::new(Condition::BadRequest).into()),
    }
}
