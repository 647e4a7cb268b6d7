//! Bookmarks of rooms, one set for clients of all ages (XEP-0402 section 5.3, `#compat`): a node with an item a room, which
//! looks like one element of private storage (XEP-0049) to who asks there.
//!
//! What else stands in that element (bookmarks of pages) stays in it.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::base::jid::BareJid;
use crate::effect::proposal::Proposal;
use crate::effect::proposal::Stop;
use crate::model::pubsub::Access;
use crate::model::pubsub::NodeConfig;
use crate::model::pubsub::SendLast;
use crate::model::row::Row;
use crate::model::row::RowName;
use crate::pubsub::config;
use crate::pubsub::error::full;
use crate::pubsub::host::Host;
use crate::pubsub::legacy;
use crate::pubsub::nodes;
use crate::pubsub::publish;
use crate::pubsub::publish::Fresh;
use crate::pubsub::retract;
use crate::pubsub::visit::Visit;
use crate::stanza::ns;
use crate::xml::Element;
use crate::xml::Node;
use crate::xml::Writer;

/// XEP-0402: the node.
pub(super) const NODE: &str = "urn:xmpp:bookmarks:1";

/// XEP-0048: the element in private storage, and a node that has it as its item.
pub(super) const STORAGE: &str = "storage:bookmarks";

/// A bookmark in either form.
#[derive(Debug, Eq, PartialEq)]
struct Bookmark {
    name: Option<Box<str>>,
    autojoin: bool,
    nick: Option<Box<str>>,
    password: Option<Box<str>>,
}

impl Bookmark {
    fn parse(conference: Node<'_>) -> Self {
        let text = |name| {
            let text = conference.child_text(name, conference.ns());
            text.map(|text| Box::from(&*text))
        };
        Self {
            name: conference.attr("name").map(|name| Box::from(&*name)),
            autojoin: matches!(conference.attr("autojoin").as_deref(), Some("1" | "true")),
            nick: text("nick"),
            password: text("password"),
        }
    }

    /// `jid`: in private storage, where the element names the room. `extensions`: of the node's form alone.
    fn write(&self, writer: &mut Writer, jid: Option<&str>, extensions: &[u8]) {
        if jid.is_none() {
            writer.start_ns("conference", NODE);
        } else {
            writer.start("conference");
        }
        writer
            .attr_opt("jid", jid)
            .attr_opt("name", self.name.as_deref())
            .attr("autojoin", if self.autojoin { "true" } else { "false" });
        for (name, text) in [("nick", &self.nick), ("password", &self.password)] {
            if let Some(text) = text {
                writer.leaf(name, text);
            }
        }
        if !extensions.is_empty() {
            writer.raw(extensions);
        }
        writer.end();
    }

    fn to_payload(&self, extensions: &[u8]) -> Arc<[u8]> {
        let mut writer = Writer::new();
        self.write(&mut writer, None, extensions);
        writer.finish().into()
    }
}

/// Whether a request for private storage is for this element and no other.
pub(super) fn is_asked(query: Node<'_>) -> bool {
    let mut children = query.children();
    let first = children.next();
    first.is_some_and(|first| first.is("storage", STORAGE)) && children.next().is_none()
}

fn row_name() -> RowName {
    RowName::Private {
        name: format!("{{{STORAGE}}}storage").into(),
    }
}

/// What private storage has beside the rooms; with them where there is no node yet.
pub(super) fn stored(host: &Host<'_>) -> Option<Element> {
    let bytes = host.account?.bytes(&row_name())?;
    Element::parse(bytes).ok()
}

/// Rooms from the time before there was a node, by their addresses.
fn rooms(storage: Node<'_>) -> BTreeMap<Box<str>, Bookmark> {
    let conferences = storage
        .children()
        .filter(|child| child.is("conference", STORAGE));
    let named = conferences.filter_map(|conference| {
        let jid = BareJid::parse(&conference.attr("jid")?).ok()?;
        Some((Box::from(jid.as_str()), Bookmark::parse(conference)))
    });
    named.collect()
}

/// They go into the node when that is made.
pub(super) fn earlier(host: &Host<'_>) -> Vec<Fresh> {
    let Some(storage) = stored(host) else {
        return Vec::new();
    };
    let rooms = rooms(storage.root()).into_iter();
    rooms
        .map(|(id, bookmark)| Fresh {
            id,
            payload: bookmark.to_payload(&[]),
        })
        .collect()
}

/// The element, made of the items; `None`: there is no node, and private storage has it as it was stored.
pub(super) fn read(visit: &Visit<'_>) -> Option<Result<Proposal, Stop>> {
    let host = &visit.host;
    if !host.has(NODE) {
        return None;
    }
    let place = match host.place(NODE) {
        Ok(place) => place,
        Err(stop) => return Some(Err(stop)),
    };
    Some(Ok(Proposal::answer(visit.result(|writer| {
        writer.start_ns("query", ns::PRIVATE);
        let items = place.items().into_iter();
        let items = items.map(|(id, item)| (id, &*item.payload));
        writer.raw(&element(items, &beside(host))).end();
    }))))
}

/// What is not rooms in the element that is stored.
pub(super) fn beside(host: &Host<'_>) -> Vec<u8> {
    let rest = |storage: Element| {
        let is_room = |child: Node<'_>| child.is("conference", STORAGE);
        storage.root().inner_without(is_room).to_vec()
    };
    stored(host).map_or_else(Vec::new, rest)
}

/// The element with rooms as items have them, and what else is to stand in it.
pub(super) fn element<'a>(
    items: impl Iterator<Item = (&'a str, &'a [u8])>,
    rest: &[u8],
) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.start_ns("storage", STORAGE);
    for (id, payload) in items {
        if let Ok(element) = Element::parse(payload) {
            Bookmark::parse(element.root()).write(&mut writer, Some(id), &[]);
        }
    }
    writer.raw(rest).end();
    writer.finish()
}

/// The element anew: items for rooms that are new or other than before; the rest are taken back.
pub(super) fn write(visit: &Visit<'_>) -> Result<Proposal, Stop> {
    let storage = visit.query.children().next().ok_or(Stop::Ignore)?;
    Ok(replace(visit, storage)?.and_answer(visit.done()))
}

pub(super) fn replace(visit: &Visit<'_>, storage: Node<'_>) -> Result<Proposal, Stop> {
    let host = &visit.host;
    let made;
    let mut proposal = Proposal::nothing();
    let place = if host.has(NODE) {
        host.place(NODE)?
    } else {
        let (row, first) = nodes::make(visit, NODE, private())?;
        proposal = first;
        made = row;
        host.place_of(NODE, &made)?
    };
    let mut wanted = rooms(storage);
    let mut gone = Vec::new();
    let mut fresh = Vec::new();
    for (id, item) in place.items() {
        let Some(bookmark) = wanted.remove(id) else {
            gone.push(id.into());
            continue;
        };
        let old = Element::parse(&item.payload);
        let old = old.as_ref().map(Element::root);
        if old.is_ok_and(|old| Bookmark::parse(old) == bookmark) {
            continue;
        }
        // XEP-0402 section 4: what others have put there is kept.
        let extensions = old.ok().and_then(|old| old.child("extensions", NODE));
        let extensions = extensions.map_or_else(Vec::new, |one| one.outer().into_owned());
        fresh.push(Fresh {
            id: id.into(),
            payload: bookmark.to_payload(&extensions),
        });
    }
    fresh.extend(wanted.into_iter().map(|(id, bookmark)| Fresh {
        id,
        payload: bookmark.to_payload(&[]),
    }));
    proposal = proposal.and(place.propose()).and(publish::ops(
        &place,
        &visit.request.from.to_jid(),
        &fresh,
    )?);
    let rest = storage.inner_without(|child| child.is("conference", STORAGE));
    proposal
        .ops
        .extend(legacy::follow(&place, &fresh, &gone, Some(&rest)));
    if !gone.is_empty() {
        proposal = proposal.and(retract::ops(&place, gone, true));
    }
    if rest.len() > host.view.settings.limits.private_bytes_max / 4 {
        return Err(full("the bookmarks have reached their limit").into());
    }
    let row = (!rest.is_empty()).then(|| {
        let mut writer = Writer::new();
        writer.start_ns("storage", STORAGE).raw(&rest).end();
        Row::Bytes {
            bytes: writer.finish().into(),
        }
    });
    Ok(proposal.row(host.record(), row_name(), row))
}

/// XEP-0402 section 3.3.
fn private() -> NodeConfig {
    NodeConfig {
        access: Access::Whitelist,
        items_max: 0,
        last: SendLast::Never,
        ..config::first(true)
    }
}
