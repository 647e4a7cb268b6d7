//! Publishing items (XEP-0060 section 7.1), into a node that is made for it if need be (section 7.1.4).

use std::sync::Arc;

use crate::base::pubsub_limits::ITEM_ID_BYTES_MAX;
use crate::base::pubsub_limits::PAYLOAD_BYTES_MAX;
use crate::effect::proposal::Proposal;
use crate::effect::proposal::Stop;
use crate::model::op::Durable;
use crate::model::op::Soft;
use crate::model::pubsub;
use crate::model::pubsub::ItemRow;
use crate::model::pubsub::NodeConfig;
use crate::model::pubsub::NodeEvent;
use crate::model::row::Row;
use crate::model::row::RowName;
use crate::pubsub::avatar;
use crate::pubsub::bookmarks;
use crate::pubsub::config;
use crate::pubsub::error::bad_request;
use crate::pubsub::error::forbidden;
use crate::pubsub::error::not_found;
use crate::pubsub::error::refused;
use crate::pubsub::host::Place;
use crate::pubsub::legacy;
use crate::pubsub::nodes;
use crate::pubsub::quota;
use crate::pubsub::visit::Visit;
use crate::pubsub::visit::node_of;
use crate::stanza::Condition;
use crate::stanza::StanzaError;
use crate::stanza::form::Form;
use crate::stanza::ns;
use crate::xml::Node;
use crate::xml::Writer;

/// An item to be published.
#[derive(Clone, Debug)]
pub(super) struct Fresh {
    pub(super) id: Box<str>,
    pub(super) payload: Arc<[u8]>,
}

impl Fresh {
    fn bytes(&self) -> usize {
        self.id.len().saturating_add(self.payload.len())
    }
}

pub(super) fn evaluate(visit: &Visit<'_>, publish: Node<'_>) -> Result<Proposal, Stop> {
    let host = &visit.host;
    let node = node_of(publish)?;
    let options = visit.child("publish-options");
    let options = options.map(Form::parse_in).transpose()?.flatten();
    let kind = options.as_ref().and_then(Form::form_type);
    if kind.is_some_and(|kind| kind != ns::PUBLISH_OPTIONS) {
        return Err(bad_request().into());
    }
    let mut proposal = Proposal::nothing();
    let made;
    let place = if host.has(&node) {
        let place = host.place(&node)?;
        place.check_publisher(&visit.user)?;
        check_preconditions(&place.row.config, options.as_ref())?;
        place
    } else {
        let (row, first) = make(visit, &node, options.as_ref())?;
        proposal = first;
        made = row;
        host.place_of(&node, &made)?
    };
    let fresh = parse(visit, &place, publish)?;
    let mut all = Vec::new();
    if node == bookmarks::NODE && !host.has(&node) {
        all = bookmarks::earlier(host);
        all.retain(|old| fresh.iter().all(|one| one.id != old.id));
    }
    all.extend(fresh.iter().cloned());
    proposal = proposal.and(place.propose());
    proposal = proposal.and(ops(&place, &visit.request.from.to_jid(), &all)?);
    proposal.ops.extend(avatar::follow(host, &node, &fresh));
    proposal.ops.extend(legacy::follow(&place, &all, &[], None));
    Ok(proposal.and_answer(visit.result(|writer| {
        writer.start_ns("pubsub", ns::PUBSUB);
        writer.start("publish").attr("node", &node);
        for item in &fresh {
            writer.start("item").attr("id", &item.id).end();
        }
        writer.end().end();
    })))
}

/// XEP-0163 section 3: an account's node is made as the options want it.
fn make(
    visit: &Visit<'_>,
    node: &str,
    options: Option<&Form>,
) -> Result<(pubsub::NodeRow, Proposal), Stop> {
    let host = &visit.host;
    if host.account.is_none() {
        return Err(not_found().into());
    }
    if !host.is_own(&visit.user) {
        return Err(forbidden().into());
    }
    let first = config::first(true);
    let config = match options {
        Some(form) => config::apply(&first, form, true)?,
        None => first,
    };
    nodes::make(visit, node, config)
}

/// Section 7.1.5: what the publisher takes for granted holds.
pub(super) fn check_preconditions(
    config: &NodeConfig,
    options: Option<&Form>,
) -> Result<(), StanzaError> {
    let Some(form) = options else { return Ok(()) };
    match config::apply(config, form, true) {
        Ok(wanted) if wanted == *config => Ok(()),
        _ => Err(refused(Condition::Conflict, "precondition-not-met")),
    }
}

/// Section 7.1.3: what may stand in a publication, by the configuration of the node.
fn parse(visit: &Visit<'_>, place: &Place<'_>, publish: Node<'_>) -> Result<Vec<Fresh>, Stop> {
    let config = &place.row.config;
    let items: Vec<Node<'_>> = publish
        .children()
        .filter(|child| child.is("item", ns::PUBSUB))
        .collect();
    let detailed = |detail| Err(refused(Condition::BadRequest, detail).into());
    // Section 7.1.3.6.
    match items.len() {
        0 if config.persists || config.delivers_payloads => return detailed("item-required"),
        0 => {}
        _ if !config.persists && !config.delivers_payloads => return detailed("item-forbidden"),
        // Section 12.19.
        count if count > config.room() => {
            return Err(refused(Condition::NotAllowed, "max-items-exceeded").into());
        }
        _ => {}
    }
    let mut fresh: Vec<Fresh> = Vec::new();
    for item in items {
        let mut payloads = item.children();
        let payload = payloads.next();
        let is_typed =
            |payload: Node<'_>| config.payload.is_empty() || payload.ns() == &*config.payload;
        match payload {
            None if config.delivers_payloads => return detailed("payload-required"),
            Some(payload) if !is_typed(payload) => return detailed("invalid-payload"),
            _ if payloads.next().is_some() => return detailed("invalid-payload"),
            _ => {}
        }
        let id: Box<str> = match item.attr("id") {
            Some(id) if !id.is_empty() => id.into_owned().into(),
            _ => visit.unique(fresh.len()),
        };
        if id.len() > ITEM_ID_BYTES_MAX {
            return Err(StanzaError::new(Condition::NotAcceptable).into());
        }
        if payload.is_some_and(|payload| payload.outer().len() > PAYLOAD_BYTES_MAX) {
            // Section 7.1.3.4.
            return Err(refused(Condition::NotAcceptable, "payload-too-big").into());
        }
        if fresh.iter().any(|one| one.id == id) {
            return Err(bad_request().into());
        }
        let payload = payload.map_or_else(Vec::new, |payload| payload.outer().into_owned());
        fresh.push(Fresh {
            id,
            payload: payload.into(),
        });
    }
    Ok(fresh)
}

/// What a publication changes: its items come, the oldest leave for them.
pub(super) fn ops(
    place: &Place<'_>,
    publisher: &crate::base::jid::Jid,
    fresh: &[Fresh],
) -> Result<Proposal, Stop> {
    let config = &place.row.config;
    let record = place.record();
    let row = |fresh: &Fresh| {
        Arc::new(ItemRow {
            publisher: publisher.clone(),
            at: place.now(),
            payload: Arc::clone(&fresh.payload),
        })
    };
    let mut proposal = Proposal::nothing();
    if !config.persists {
        let nothing = Fresh {
            id: Box::default(),
            payload: Arc::default(),
        };
        let told = if fresh.is_empty() {
            std::slice::from_ref(&nothing)
        } else {
            fresh
        };
        for one in told {
            proposal = proposal.soft(Soft::Node {
                leaf: place.key.clone(),
                event: NodeEvent::Published {
                    id: one.id.clone(),
                    item: row(one),
                },
            });
        }
        return Ok(proposal);
    }
    for one in fresh {
        let name = RowName::Item { id: one.id.clone() };
        let item = row(one);
        proposal = proposal.row(record.clone(), name, Some(Row::Item { item }));
    }
    let all = pubsub::items(place.leaf, place.now(), 0);
    let is_fresh = |id: &str| fresh.iter().any(|one| *one.id == *id);
    let old: Vec<_> = all.iter().filter(|(id, _)| !is_fresh(id)).collect();
    let kept = config.room().saturating_sub(fresh.len());
    let surplus = old.len().saturating_sub(kept);
    let current = place.items();
    let is_over = |id: &str| !current.iter().any(|(one, _)| *one == id);
    let mut bytes: usize = fresh.iter().map(Fresh::bytes).sum();
    for (number, (id, item)) in old.into_iter().enumerate() {
        if number < surplus || is_over(id) {
            let name = RowName::Item { id: (*id).into() };
            proposal = proposal.row(record.clone(), name, None);
        } else {
            bytes = bytes.saturating_add(id.len() + item.payload.len());
        }
    }
    quota::check(place, bytes)?;
    let names = place
        .leaf
        .too_old(|name| matches!(name, RowName::Item { .. }));
    if !names.is_empty() {
        proposal = proposal.durable(Durable::Forget { record, names });
    }
    Ok(proposal)
}

/// An item as it is told: `<item/>` with its payload.
pub(super) fn write_item(
    writer: &mut Writer,
    (id, item): (&str, &ItemRow),
    publisher: Option<&str>,
    with_payload: bool,
) {
    if id.is_empty() {
        return;
    }
    writer
        .start("item")
        .attr("id", id)
        .attr_opt("publisher", publisher);
    if with_payload && !item.payload.is_empty() {
        writer.raw(&item.payload);
    }
    writer.end();
}
