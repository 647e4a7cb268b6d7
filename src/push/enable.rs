//! Switching pushes on and off (XEP-0357 sections 4 and 5).

use std::sync::Arc;

use crate::base::jid::Jid;
use crate::base::mobile_limits::PUSH_NAME_BYTES_MAX;
use crate::base::mobile_limits::PUSH_OPTIONS_BYTES_MAX;
use crate::base::mobile_limits::PUSH_SERVICES_MAX;
use crate::effect::proposal::Proposal;
use crate::effect::proposal::Stop;
use crate::effect::request::Request;
use crate::effect::view::View;
use crate::model::account::Account;
use crate::model::op::Durable;
use crate::model::push::PushRow;
use crate::model::row::RecordKey;
use crate::model::row::Row;
use crate::model::row::RowName;
use crate::push::services;
use crate::stanza::Condition;
use crate::stanza::StanzaError;
use crate::stanza::form::Form;
use crate::stanza::ns;
use crate::xml::Node;

/// The form that a service wants to see with each publication.
const OPTIONS: &str = "http://jabber.org/protocol/pubsub#publish-options";

/// Section 4: the last request for a node holds. Beyond the bound the oldest service goes: a client that was
/// installed anew has left it behind.
pub(super) fn enable(
    view: &View<'_>,
    request: &Request,
    query: Node<'_>,
) -> Result<Proposal, Stop> {
    let own = request.from.bare();
    let service = service_of(query)?;
    let node = query.attr("node").unwrap_or_default();
    if service.len() + node.len() > PUSH_NAME_BYTES_MAX {
        return Err(StanzaError::new(Condition::NotAcceptable).into());
    }
    let account = view.account(&own)?;
    let device = account.online.get(request.from.resource());
    let push = PushRow {
        resource: request.from.resource().into(),
        device: device.and_then(|online| online.device.clone()),
        options: options_of(query)?.into(),
        since: view.now(),
    };
    let name = RowName::Push {
        service,
        node: node.as_ref().into(),
    };
    let others = || services(account).filter(|(one, _)| **one != name);
    let oldest = others()
        .min_by_key(|(_, push)| push.since)
        .filter(|_| others().count() >= PUSH_SERVICES_MAX);
    let record = RecordKey::Account { jid: own };
    let mut proposal = Proposal::nothing().guarded(view.guard(record.clone(), RowName::Account));
    if let Some((old, _)) = oldest {
        proposal = proposal.row(record.clone(), old.clone(), None);
    }
    let push = Row::Push {
        push: Arc::new(push),
    };
    Ok(proposal
        .row(record, name, Some(push))
        .and_answer(request.stanza.result(&request.from, Vec::new())))
}

/// Section 5: one node of the service, or all.
pub(super) fn disable(
    view: &View<'_>,
    request: &Request,
    query: Node<'_>,
) -> Result<Proposal, Stop> {
    let own = request.from.bare();
    let (asked, asked_node) = (service_of(query)?, query.attr("node"));
    let account = view.account(&own)?;
    let record = RecordKey::Account { jid: own.clone() };
    let is_meant = |name: &RowName| match name {
        RowName::Push { service, node } => {
            *service == asked && asked_node.as_ref().is_none_or(|one| **node == **one)
        }
        _ => false,
    };
    let removed = without(account, &record, is_meant);
    Ok(with_forgotten(removed, view, &record)?
        .and_answer(request.stanza.result(&request.from, Vec::new())))
}

/// These services go.
pub(super) fn without(
    account: &Account,
    record: &RecordKey,
    is_meant: impl Fn(&RowName) -> bool,
) -> Proposal {
    let meant = services(account).filter(|(name, _)| is_meant(name));
    meant.fold(Proposal::nothing(), |proposal, (name, _)| {
        proposal.row(record.clone(), name.clone(), None)
    })
}

/// What was removed long ago is forgotten.
pub(super) fn with_forgotten(
    proposal: Proposal,
    view: &View<'_>,
    record: &RecordKey,
) -> Result<Proposal, Stop> {
    let RecordKey::Account { jid } = record else {
        return Ok(proposal);
    };
    let is_ours = |name: &RowName| matches!(name, RowName::Push { .. });
    let names = view.account(jid)?.rows.too_old(is_ours);
    Ok(if names.is_empty() {
        proposal
    } else {
        let record = record.clone();
        proposal.durable(Durable::Forget { record, names })
    })
}

fn service_of(query: Node<'_>) -> Result<Box<str>, Stop> {
    let jid = query.attr("jid");
    let jid = jid.ok_or_else(|| StanzaError::new(Condition::BadRequest))?;
    let jid = Jid::parse(&jid).map_err(|_| StanzaError::new(Condition::JidMalformed))?;
    Ok(jid.as_str().into())
}

/// The form as it goes along with each notification.
fn options_of(query: Node<'_>) -> Result<Vec<u8>, Stop> {
    let Some(form) = query.child("x", ns::DATA) else {
        return Ok(Vec::new());
    };
    let is_options = Form::parse(form)?.form_type() == Some(OPTIONS);
    if !is_options {
        return Err(StanzaError::new(Condition::BadRequest).into());
    }
    let bytes = form.outer().into_owned();
    if bytes.len() > PUSH_OPTIONS_BYTES_MAX {
        return Err(StanzaError::new(Condition::NotAcceptable).into());
    }
    Ok(bytes)
}
