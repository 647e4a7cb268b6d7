//! Requests: which feature answers, or who gets them (RFC 6121 section 8.5, RFC 6120 section 8.2.3).

use std::sync::Arc;

use crate::account;
use crate::archive;
use crate::base::jid::BareJid;
use crate::disco;
use crate::effect::proposal::Proposal;
use crate::effect::proposal::Stop;
use crate::effect::request::Request;
use crate::effect::target::Target;
use crate::effect::view::View;
use crate::model::op::Soft;
use crate::pubsub;
use crate::push;
use crate::roster;
use crate::route::message::outgoing;
use crate::stanza::Condition;
use crate::stanza::IqType;
use crate::stanza::Kind;
use crate::stanza::StanzaError;
use crate::stanza::ns;

pub(crate) fn evaluate(view: &View<'_>, request: &Request) -> Result<Proposal, Stop> {
    let Kind::Iq(kind) = request.stanza.kind else {
        return Err(Stop::Ignore);
    };
    let target = match &request.stanza.to {
        None => Target::Own {
            account: request.from.bare(),
        },
        Some(to) if to.local().is_none() => Target::Server,
        Some(to) if to.resource().is_some() => return pass_on(view, request, kind),
        Some(to) if to.to_bare() == request.from.bare() => Target::Own {
            account: to.to_bare(),
        },
        Some(to) => Target::Other {
            account: to.to_bare(),
        },
    };
    if matches!(kind, IqType::Result | IqType::Error) {
        // The server asks nothing in the name of an account, but that somebody is told.
        return match &target {
            Target::Own { account } | Target::Other { account } => {
                push::evaluate_error(view, request, account)
            }
            // To a question about capabilities.
            Target::Server => pubsub::learn(view, request).ok_or(Stop::Ignore),
        };
    }
    if let Target::Other { account } = &target {
        check_silence(view, request, account)?;
        if !view.account(account)?.exists() {
            return for_nobody(view, request, &target);
        }
    }
    roster::evaluate_iq(view, request, &target)
        .or_else(|| pubsub::evaluate_iq(view, request, &target))
        .or_else(|| account::evaluate_iq(view, request, &target))
        .or_else(|| push::evaluate_iq(view, request, &target))
        .or_else(|| archive::evaluate_iq(view, request, &target))
        .or_else(|| disco::evaluate_iq(view, request, &target))
        .unwrap_or_else(|| Err(StanzaError::new(Condition::ServiceUnavailable).into()))
}

/// RFC 6121 section 8.5.1: there is no such account. XEP-0030 section 8 lets discovery answer as if
/// there were one that tells nothing.
fn for_nobody(view: &View<'_>, request: &Request, target: &Target) -> Result<Proposal, Stop> {
    let is_discovery = request
        .stanza
        .query()
        .is_some_and(|query| matches!(query.ns(), ns::DISCO_INFO | ns::DISCO_ITEMS));
    let answered = if is_discovery {
        disco::evaluate_iq(view, request, target)
    } else {
        None
    };
    answered.unwrap_or_else(|| Err(StanzaError::new(Condition::ServiceUnavailable).into()))
}

/// Blocking, in both directions (XEP-0191 section 3).
fn check_silence(view: &View<'_>, request: &Request, other: &BareJid) -> Result<(), Stop> {
    let to = other.to_jid();
    if view.account(&request.from.bare())?.blocks(&to) {
        return Err(StanzaError::blocked().into());
    }
    if view.account(other)?.blocks(request.from.as_jid()) {
        return Err(StanzaError::new(Condition::ServiceUnavailable).into());
    }
    Ok(())
}

/// To a session: it answers itself.
fn pass_on(view: &View<'_>, request: &Request, kind: IqType) -> Result<Proposal, Stop> {
    let Some(to) = request.stanza.to.clone() else {
        return Err(Stop::Ignore);
    };
    let account = view.account(&to.to_bare())?;
    let is_there = to
        .resource()
        .is_some_and(|resource| account.online.contains_key(resource));
    if matches!(kind, IqType::Get | IqType::Set) {
        if to.to_bare() != request.from.bare() {
            check_silence(view, request, &to.to_bare())?;
        }
        if !is_there {
            return Err(StanzaError::new(Condition::ServiceUnavailable).into());
        }
    } else if !is_there {
        return Err(Stop::Ignore);
    }
    let stanza = Arc::new(outgoing(request, to.clone()));
    Ok(Proposal::nothing().soft(Soft::Route { stanza, to }))
}
