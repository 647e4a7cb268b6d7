//! Bookmarks as the one item of a node of their own (XEP-0048 version 1.1), for clients that look there (XEP-0402 section 5.3,
//! `#compat-pep`).
//!
//! There is no such node: what is read there is made of the items of the other one, and what is published there goes into it.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::effect::proposal::Proposal;
use crate::effect::proposal::Stop;
use crate::model::op::Op;
use crate::model::op::Soft;
use crate::model::pubsub::Access;
use crate::model::pubsub::NodeConfig;
use crate::pubsub::bookmarks;
use crate::pubsub::bookmarks::STORAGE;
use crate::pubsub::config;
use crate::pubsub::error::bad_request;
use crate::pubsub::error::not_found;
use crate::pubsub::error::refused;
use crate::pubsub::host::Host;
use crate::pubsub::host::Place;
use crate::pubsub::publish;
use crate::pubsub::publish::Fresh;
use crate::pubsub::visit::Visit;
use crate::stanza::Condition;
use crate::stanza::Kind;
use crate::stanza::MessageType;
use crate::stanza::StanzaError;
use crate::stanza::form::Form;
use crate::stanza::ns;
use crate::stanza::outgoing::Outgoing;
use crate::xml::Node;
use crate::xml::Writer;

/// XEP-0223 section 2: the id of what is alone in its node.
const ITEM: &str = "current";

pub(super) fn is_asked(visit: &Visit<'_>, action: Node<'_>) -> bool {
    visit.host.account.is_some() && action.attr("node").as_deref() == Some(STORAGE)
}

pub(super) fn evaluate(
    visit: &Visit<'_>,
    action: Node<'_>,
    is_set: bool,
) -> Result<Proposal, Stop> {
    if !visit.host.is_own(&visit.user) {
        return Err(refused(Condition::NotAllowed, "closed-node").into());
    }
    match (visit.query.ns(), action.name(), is_set) {
        (ns::PUBSUB, "items", false) => read(visit),
        (ns::PUBSUB, "publish", true) => publish(visit, action),
        (ns::PUBSUB, "create", true) => Err(StanzaError::new(Condition::Conflict).into()),
        (ns::PUBSUB_OWNER, "configure", false) => Ok(Proposal::answer(visit.result(|writer| {
            writer.start_ns("pubsub", ns::PUBSUB_OWNER);
            writer.start("configure").attr("node", STORAGE);
            config::form(&configuration(), &[]).write(writer);
            writer.end().end();
        }))),
        // Who deletes what it takes for a node of old would lose all bookmarks.
        _ => Err(StanzaError::new(Condition::NotAllowed).into()),
    }
}

/// XEP-0048 section 3.
fn configuration() -> NodeConfig {
    NodeConfig {
        access: Access::Whitelist,
        ..config::first(true)
    }
}

fn read(visit: &Visit<'_>) -> Result<Proposal, Stop> {
    let storage = storage(&visit.host)?.ok_or_else(not_found)?;
    Ok(Proposal::answer(visit.result(|writer| {
        writer.start_ns("pubsub", ns::PUBSUB);
        write(writer, &storage);
        writer.end();
    })))
}

/// `None`: nothing was ever bookmarked.
fn storage(host: &Host<'_>) -> Result<Option<Vec<u8>>, Stop> {
    if !host.has(bookmarks::NODE) {
        let stored = bookmarks::stored(host);
        return Ok(stored.map(|storage| storage.root().outer().into_owned()));
    }
    let items = host.place(bookmarks::NODE)?.items().into_iter();
    let items = items.map(|(id, item)| (id, &*item.payload));
    Ok(Some(bookmarks::element(items, &bookmarks::beside(host))))
}

fn write(writer: &mut Writer, storage: &[u8]) {
    writer.start("items").attr("node", STORAGE);
    writer.start("item").attr("id", ITEM).raw(storage);
    writer.end().end();
}

fn publish(visit: &Visit<'_>, publish: Node<'_>) -> Result<Proposal, Stop> {
    let options = visit.child("publish-options");
    let options = options.map(Form::parse_in).transpose()?.flatten();
    publish::check_preconditions(&configuration(), options.as_ref())?;
    let item = publish.child("item", ns::PUBSUB).ok_or_else(bad_request)?;
    let storage = item.child("storage", STORAGE);
    let storage = storage.ok_or_else(|| refused(Condition::BadRequest, "invalid-payload"))?;
    let proposal = bookmarks::replace(visit, storage)?;
    Ok(proposal.and_answer(visit.result(|writer| {
        writer.start_ns("pubsub", ns::PUBSUB);
        writer.start("publish").attr("node", STORAGE);
        writer.start("item").attr("id", ITEM).end();
        writer.end().end();
    })))
}

/// What changes in the node of bookmarks is told to own devices that know the other one. `beside`: what is stored beside the
/// rooms, if that changes, too.
pub(super) fn follow(
    place: &Place<'_>,
    fresh: &[Fresh],
    gone: &[Box<str>],
    beside: Option<&[u8]>,
) -> Vec<Op> {
    let Some(account) = place.host.account else {
        return Vec::new();
    };
    let listening = || {
        let here = account.available().map(|(online, _)| online);
        here.filter(|online| {
            let interests = online.interests.as_ref();
            interests.is_some_and(|interests| interests.nodes.contains(STORAGE))
        })
    };
    if place.name() != bookmarks::NODE || listening().next().is_none() {
        return Vec::new();
    }
    let items = place.items().into_iter();
    let mut items: BTreeMap<&str, &[u8]> = items.map(|(id, item)| (id, &*item.payload)).collect();
    items.extend(fresh.iter().map(|one| (&*one.id, &*one.payload)));
    items.retain(|id, _| gone.iter().all(|one| **one != **id));
    let beside = beside.map_or_else(|| bookmarks::beside(place.host), <[u8]>::to_vec);
    let storage = bookmarks::element(items.into_iter(), &beside);
    let stanza = Arc::new(message(place.host, &storage));
    let route = |to| Soft::Route {
        stanza: Arc::clone(&stanza),
        to,
    };
    listening()
        .map(|online| Op::soft(route(online.jid.to_jid())))
        .collect()
}

/// The same where all bookmarks leave.
pub(super) fn follow_end(place: &Place<'_>) -> Vec<Op> {
    let all = place.items().into_iter().map(|(id, _)| id.into());
    let all: Vec<Box<str>> = all.collect();
    follow(place, &[], &all, None)
}

/// For a device that comes (XEP-0163 section 4.3.4).
pub(super) fn last(host: &Host<'_>) -> Result<Option<Outgoing>, Stop> {
    Ok(storage(host)?.map(|storage| message(host, &storage)))
}

fn message(host: &Host<'_>, storage: &[u8]) -> Outgoing {
    let mut writer = Writer::new();
    writer.start_ns("event", ns::PUBSUB_EVENT);
    write(&mut writer, storage);
    writer.end();
    Outgoing {
        kind: Kind::Message(MessageType::Headline),
        from: host.jid.to_jid(),
        to: None,
        id: None,
        lang: None,
        payload: writer.finish().into(),
    }
}
