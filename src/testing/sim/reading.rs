//! What a client reads: the bytes of a stream as a list of what they say.

use crate::stanza::ns;
use crate::testing::sim::work::bodies;
use crate::xml::Element;
use crate::xml::Node;

/// One element of the stream.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Seen {
    Message(Text),
    Presence {
        from: String,
        kind: String,
    },
    Iq {
        id: String,
        kind: String,
        from: String,
        /// The namespace of what it asks for or answers.
        about: String,
        /// Items of a node with their bodies, who is blocked, or where a file may go.
        found: Vec<(String, String)>,
        /// The end of a page of the archive: whether it is the last.
        is_complete: Option<bool>,
    },
    /// One message of an archive, with its id there.
    Result {
        id: String,
        body: String,
    },
    Ack {
        h: u32,
    },
    AckRequest,
    Enabled {
        id: Option<String>,
    },
    Other {
        name: String,
    },
}

/// How a message came.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Copy {
    Direct,
    /// With a delay: from the time before.
    Late,
    /// What another device of the user sent (XEP-0280).
    Sent,
    /// What another device of the user got.
    Received,
}

/// What a node of somebody has become (XEP-0060 section 7.1).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Change {
    pub node: String,
    /// Ids, with bodies.
    pub published: Vec<(String, String)>,
    pub retracted: Vec<String>,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Text {
    pub from: String,
    pub to: String,
    pub id: String,
    pub kind: String,
    pub body: String,
    pub copy: Copy,
    /// The id in the archive of the account that reads.
    pub stanza_id: Option<String>,
    /// The condition, if it is an error.
    pub error: Option<String>,
    pub change: Option<Change>,
}

/// Reads whole elements, as [`super::Machine::write`] gives them.
pub fn read(bytes: &[u8]) -> Result<Vec<Seen>, String> {
    let mut whole = b"<stream>".to_vec();
    whole.extend_from_slice(bytes);
    whole.extend_from_slice(b"</stream>");
    let element = Element::parse(&whole).map_err(|error| format!("not XML: {error:?}"))?;
    Ok(element.root().children().map(read_one).collect())
}

fn read_one(node: Node<'_>) -> Seen {
    let attribute = |name: &str| node.attr(name).unwrap_or_default().into_owned();
    match (node.name(), node.ns()) {
        ("message", ns::CLIENT) => {
            read_result(node).unwrap_or_else(|| Seen::Message(read_message(node)))
        }
        ("presence", ns::CLIENT) => Seen::Presence {
            from: attribute("from"),
            kind: attribute("type"),
        },
        ("iq", ns::CLIENT) => Seen::Iq {
            id: attribute("id"),
            kind: attribute("type"),
            from: attribute("from"),
            about: node.children().next().map_or("", Node::ns).to_owned(),
            found: read_found(node),
            is_complete: node
                .child("fin", ns::MAM)
                .map(|fin| fin.attr("complete").as_deref() == Some("true")),
        },
        ("a", ns::SM) => Seen::Ack {
            h: attribute("h").parse().unwrap_or(u32::MAX),
        },
        ("r", ns::SM) => Seen::AckRequest,
        ("enabled", ns::SM) => Seen::Enabled {
            id: node.attr("id").map(std::borrow::Cow::into_owned),
        },
        (name, _) => Seen::Other { name: name.into() },
    }
}

fn read_result(node: Node<'_>) -> Option<Seen> {
    let result = node.child("result", ns::MAM)?;
    let message = result
        .child("forwarded", "urn:xmpp:forward:0")?
        .child("message", ns::CLIENT)?;
    Some(Seen::Result {
        id: result.attr("id")?.into_owned(),
        body: read_message(message).body,
    })
}

fn read_items(items: Node<'_>) -> Vec<(String, String)> {
    let items = items.children().filter(|child| child.name() == "item");
    let items = items.map(|item| {
        let id = item.attr("id").unwrap_or_default().into_owned();
        (id, bodies(&item.outer()).pop().unwrap_or_default())
    });
    items.collect()
}

fn read_found(iq: Node<'_>) -> Vec<(String, String)> {
    let items = iq.child("pubsub", ns::PUBSUB);
    if let Some(items) = items.and_then(|pubsub| pubsub.child("items", ns::PUBSUB)) {
        return read_items(items);
    }
    let slot = iq.child("slot", ns::HTTP_UPLOAD);
    let put = slot.and_then(|slot| slot.child("put", ns::HTTP_UPLOAD));
    if let Some(url) = put.and_then(|put| put.attr("url")) {
        return vec![("put".to_owned(), url.into_owned())];
    }
    let list = iq.child("blocklist", ns::BLOCKING);
    let blocked = list.into_iter().flat_map(Node::children);
    let blocked = blocked.filter_map(|item| item.attr("jid"));
    blocked
        .map(|jid| (jid.into_owned(), String::new()))
        .collect()
}

fn read_change(message: Node<'_>) -> Option<Change> {
    let items = message
        .child("event", ns::PUBSUB_EVENT)?
        .child("items", ns::PUBSUB_EVENT)?;
    let gone = items.children().filter(|child| child.name() == "retract");
    let gone = gone.filter_map(|child| child.attr("id"));
    Some(Change {
        node: items.attr("node")?.into_owned(),
        published: read_items(items),
        retracted: gone.map(std::borrow::Cow::into_owned).collect(),
    })
}

fn read_message(node: Node<'_>) -> Text {
    let carbons = "urn:xmpp:carbons:2";
    let wrapped = [("sent", Copy::Sent), ("received", Copy::Received)]
        .into_iter()
        .find_map(|(name, copy)| Some((node.child(name, carbons)?, copy)));
    if let Some((wrapper, copy)) = wrapped {
        let inner = wrapper
            .child("forwarded", "urn:xmpp:forward:0")
            .and_then(|forwarded| forwarded.child("message", ns::CLIENT));
        if let Some(inner) = inner {
            return Text {
                copy,
                ..read_message(inner)
            };
        }
    }
    let attribute = |name: &str| node.attr(name).unwrap_or_default().into_owned();
    let error = node.child("error", ns::CLIENT);
    let is_late = node.has_child("delay", "urn:xmpp:delay");
    Text {
        from: attribute("from"),
        to: attribute("to"),
        id: attribute("id"),
        kind: attribute("type"),
        body: node
            .child_text("body", ns::CLIENT)
            .unwrap_or_default()
            .into_owned(),
        copy: if is_late { Copy::Late } else { Copy::Direct },
        stanza_id: node
            .child("stanza-id", "urn:xmpp:sid:0")
            .and_then(|id| id.attr("id"))
            .map(std::borrow::Cow::into_owned),
        change: read_change(node),
        error: error.and_then(|error| {
            let condition = error.children().next()?;
            Some(condition.name().to_owned())
        }),
    }
}
