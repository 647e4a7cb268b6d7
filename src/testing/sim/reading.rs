//! What a client reads: the bytes of a stream as a list of what they say.

use crate::stanza::ns;
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
        error: error.and_then(|error| {
            let condition = error.children().next()?;
            Some(condition.name().to_owned())
        }),
    }
}
