//! Making, configuring and deleting nodes (XEP-0060 sections 8.1 to 8.4).

use std::sync::Arc;

use crate::base::jid::BareJid;
use crate::base::pubsub_limits::ACCOUNT_NODES_MAX;
use crate::base::pubsub_limits::NODE_NAME_BYTES_MAX;
use crate::base::pubsub_limits::SERVICE_NODES_MAX;
use crate::base::pubsub_limits::SERVICE_NODES_PER_USER_MAX;
use crate::effect::proposal::Proposal;
use crate::effect::proposal::Stop;
use crate::model::op::Durable;
use crate::model::pubsub;
use crate::model::pubsub::NodeConfig;
use crate::model::pubsub::NodeEvent;
use crate::model::pubsub::NodeRow;
use crate::model::pubsub::Standing;
use crate::model::pubsub::StandingRow;
use crate::model::row::RecordKey;
use crate::model::row::Row;
use crate::model::row::RowName;
use crate::pubsub::avatar;
use crate::pubsub::config;
use crate::pubsub::error::bad_request;
use crate::pubsub::error::forbidden;
use crate::pubsub::error::full;
use crate::pubsub::host::Place;
use crate::pubsub::legacy;
use crate::pubsub::retract::event;
use crate::pubsub::visit::Visit;
use crate::pubsub::visit::node_of;
use crate::stanza::Condition;
use crate::stanza::IqType;
use crate::stanza::Kind;
use crate::stanza::StanzaError;
use crate::stanza::form::Form;
use crate::stanza::form::FormKind;
use crate::stanza::ns;
use crate::xml::Node;

/// Section 8.1: with a name or (8.1.2) one that the service makes up; with a configuration or (8.1.3) without.
pub(super) fn create(visit: &Visit<'_>, create: Node<'_>) -> Result<Proposal, Stop> {
    let host = &visit.host;
    let node: Box<str> = match create.attr("node").filter(|node| !node.is_empty()) {
        Some(node) => node.into_owned().into(),
        None => visit.unique(0),
    };
    if node.len() > NODE_NAME_BYTES_MAX {
        return Err(StanzaError::new(Condition::NotAcceptable).into());
    }
    let is_pep = host.account.is_some();
    if is_pep && !host.is_own(&visit.user) {
        return Err(forbidden().into());
    }
    if host.has(&node) {
        return Err(StanzaError::new(Condition::Conflict).into());
    }
    let configure = visit.child("configure");
    let is_first = visit
        .query
        .children()
        .next()
        .is_some_and(|one| one.name() == "configure");
    if is_first || configure.is_some_and(|configure| configure.attr("node").is_some()) {
        // Section 8.1.3.
        return Err(bad_request().into());
    }
    let form = configure.map(Form::parse_in).transpose()?;
    let first = config::first(is_pep);
    let config = match form.flatten() {
        Some(form) => config::apply(&first, &form, false)?,
        None => first,
    };
    let (_, proposal) = make(visit, &node, config)?;
    Ok(proposal.and_answer(visit.result(|writer| {
        writer.start_ns("pubsub", ns::PUBSUB);
        writer.start("create").attr("node", &node).end().end();
    })))
}

/// The rows of a new node. Its record is empty: that of an earlier one was swept.
pub(super) fn make(
    visit: &Visit<'_>,
    node: &str,
    config: NodeConfig,
) -> Result<(NodeRow, Proposal), Stop> {
    let host = &visit.host;
    let limit = match host.account {
        Some(_) => ACCOUNT_NODES_MAX,
        None => SERVICE_NODES_MAX,
    };
    if host.nodes().count() >= limit {
        return Err(full("there are as many nodes as there may be").into());
    }
    let own = host.nodes().filter(|(_, row)| row.creator == visit.user);
    if !host.is_own(&visit.user) && own.count() >= SERVICE_NODES_PER_USER_MAX {
        return Err(full("you have made as many nodes as one user may").into());
    }
    let row = NodeRow {
        created: host.view.now(),
        creator: visit.user.clone(),
        config,
    };
    let name = RowName::Leaf { node: node.into() };
    let mut proposal = Proposal::nothing()
        .guarded(host.view.guard(host.record(), name.clone()))
        .row(
            host.record(),
            name,
            Some(Row::Leaf {
                row: Arc::new(row.clone()),
            }),
        );
    if host.account.is_none() {
        let owner = StandingRow {
            standing: Standing::Owner,
            account: host.view.account(&visit.user)?.live(),
        };
        let record = RecordKey::Leaf {
            leaf: host.key(node),
        };
        let name = RowName::Standing {
            jid: visit.user.clone(),
        };
        let row = Arc::new(owner);
        proposal = proposal.row(record, name, Some(Row::Standing { row }));
    }
    Ok((row, proposal))
}

/// Section 8.2: the form, and what comes back.
pub(super) fn configure(visit: &Visit<'_>, configure: Node<'_>) -> Result<Proposal, Stop> {
    let node = node_of(configure)?;
    let place = visit.host.place(&node)?;
    place.check_owner(&visit.user)?;
    if visit.request.stanza.kind == Kind::Iq(IqType::Get) {
        let groups = groups(visit, &place.row.creator)?;
        let groups: Vec<&str> = groups.iter().map(AsRef::as_ref).collect();
        return Ok(Proposal::answer(visit.result(|writer| {
            writer.start_ns("pubsub", ns::PUBSUB_OWNER);
            writer.start("configure").attr("node", &node);
            config::form(&place.row.config, &groups).write(writer);
            writer.end().end();
        })));
    }
    let form = Form::parse_in(configure)?.ok_or_else(bad_request)?;
    match form.kind {
        // Section 8.2.5.1.
        FormKind::Cancel => return Ok(Proposal::answer(visit.done())),
        FormKind::Submit => {}
        FormKind::Form | FormKind::Result => return Err(bad_request().into()),
    }
    let config = config::apply(&place.row.config, &form, false)?;
    Ok(reconfigure(&place, config).and_answer(visit.done()))
}

/// A new configuration; items for which there is no room any more leave.
fn reconfigure(place: &Place<'_>, config: NodeConfig) -> Proposal {
    let name = RowName::Leaf {
        node: place.key.node.clone(),
    };
    let (room, is_told) = (config.room(), config.notifies_config);
    let row = Arc::new(NodeRow {
        config,
        ..place.row.clone()
    });
    let record = place.host.record();
    let mut proposal = place.propose();
    proposal.ops.extend(place.reads(&row));
    proposal = proposal.row(record, name, Some(Row::Leaf { row }));
    let items = pubsub::items(place.leaf, place.now(), 0);
    let surplus = items.len().saturating_sub(room);
    for (id, _) in items.into_iter().take(surplus) {
        let name = RowName::Item { id: id.into() };
        proposal = proposal.row(place.record(), name, None);
    }
    if is_told {
        proposal = proposal.soft(event(place, NodeEvent::Configured));
    }
    proposal
}

/// The groups of the roster that access is about, for whose it is.
fn groups(
    visit: &Visit<'_>,
    creator: &BareJid,
) -> Result<std::collections::BTreeSet<Box<str>>, Stop> {
    let is_theirs = visit.host.account.is_some() || visit.user == *creator;
    if !is_theirs {
        return Ok(std::collections::BTreeSet::new());
    }
    let contacts = visit.host.view.account(&visit.user)?.contacts();
    Ok(contacts
        .flat_map(|(_, contact, _)| contact.groups.iter().cloned())
        .collect())
}

/// Section 8.3.
pub(super) fn defaults(visit: &Visit<'_>) -> Proposal {
    let is_pep = visit.host.account.is_some();
    Proposal::answer(visit.result(|writer| {
        writer.start_ns("pubsub", ns::PUBSUB_OWNER).start("default");
        config::form(&config::first(is_pep), &[]).write(writer);
        writer.end().end();
    }))
}

/// Section 8.4.
pub(super) fn delete(visit: &Visit<'_>, delete: Node<'_>) -> Result<Proposal, Stop> {
    let node = node_of(delete)?;
    let place = visit.host.place(&node)?;
    place.check_owner(&visit.user)?;
    let redirect = delete
        .child("redirect", ns::PUBSUB_OWNER)
        .map(|redirect| redirect.attr("uri"));
    let redirect = match redirect {
        None => None,
        Some(Some(uri)) if uri.starts_with("xmpp:") => Some(uri.into_owned().into()),
        Some(_) => return Err(bad_request().into()),
    };
    let mut proposal = place.propose();
    if place.row.config.notifies_delete {
        proposal = proposal.soft(event(&place, NodeEvent::Deleted { redirect }));
    }
    let name = RowName::Leaf {
        node: place.key.node.clone(),
    };
    proposal.ops.extend(avatar::follow_retract(&place));
    proposal.ops.extend(legacy::follow_end(&place));
    Ok(proposal
        .durable(Durable::Sweep {
            record: place.record(),
        })
        .row(visit.host.record(), name, None)
        .and_answer(visit.done()))
}
