//! What a client can do, as its presence says it (XEP-0115), where that is said once only (section 8.4).

use std::borrow::Cow;

use crate::stanza::ns;
use crate::stanza::outgoing::Outgoing;
use crate::stanza::outgoing::parse_payload;
use crate::xml::Element;
use crate::xml::Node;

/// The presence for a reader who has got `known`; `None`: it says something else, and stays whole.
pub(crate) fn without_known(known: &Outgoing, new: &Outgoing) -> Option<Outgoing> {
    let (old, fresh) = (parse(known)?, parse(new)?);
    if annotation(&old)? != annotation(&fresh)? {
        return None;
    }
    let payload = fresh.root().inner_without(is_annotation);
    Some(Outgoing {
        payload: payload.into_owned().into(),
        ..new.clone()
    })
}

/// A client may say it in its first presence alone. Who comes later has to be told all the same.
pub(super) fn completed(old: &Outgoing, new: Outgoing) -> Outgoing {
    let Some(before) = parse(old).filter(|_| parse(&new).is_none()) else {
        return new;
    };
    let annotation = annotation(&before).unwrap_or_default();
    Outgoing {
        payload: [&new.payload, &*annotation].concat().into(),
        ..new
    }
}

/// `None`: it says nothing of what the client can do.
fn parse(presence: &Outgoing) -> Option<Element> {
    memchr::memmem::find(&presence.payload, ns::CAPS.as_bytes())?;
    let element = parse_payload(&presence.payload)?;
    element
        .root()
        .children()
        .any(is_annotation)
        .then_some(element)
}

fn annotation(presence: &Element) -> Option<Cow<'_, [u8]>> {
    let mut found = presence.root().children();
    found.find(|child| is_annotation(*child)).map(Node::outer)
}

fn is_annotation(child: Node<'_>) -> bool {
    child.is("c", ns::CAPS)
}
