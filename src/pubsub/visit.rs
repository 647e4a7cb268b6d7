//! What every verb starts from: who asks, of whom, with which element.

use std::borrow::Cow;

use crate::base::jid::BareJid;
use crate::base::jid::Jid;
use crate::base::pubsub_limits::NODE_NAME_BYTES_MAX;
use crate::effect::request::Request;
use crate::pubsub::error::bad_request;
use crate::pubsub::error::refused;
use crate::pubsub::host::Host;
use crate::stanza::Condition;
use crate::stanza::StanzaError;
use crate::stanza::outgoing::Outgoing;
use crate::xml::Node;
use crate::xml::Writer;

pub(super) struct Visit<'a> {
    pub(super) host: Host<'a>,
    pub(super) request: &'a Request,
    /// `<pubsub/>`, or a question of discovery.
    pub(super) query: Node<'a>,
    /// Who asks.
    pub(super) user: BareJid,
}

impl<'a> Visit<'a> {
    pub(super) fn new(host: Host<'a>, request: &'a Request, query: Node<'a>) -> Self {
        Self {
            host,
            request,
            query,
            user: request.from.bare().to_compact(),
        }
    }

    /// A child of `<pubsub/>`, in its own namespace.
    pub(super) fn child(&self, name: &str) -> Option<Node<'a>> {
        self.query.child(name, self.query.ns())
    }

    /// The address that an element names: of the user, who may do that for itself alone (XEP-0060 section 6.1.3.1).
    pub(super) fn own_jid(&self, element: Node<'a>) -> Result<Jid, StanzaError> {
        let jid = jid_of(element)?;
        if jid.bare_str() == self.user.as_str() {
            Ok(jid)
        } else {
            Err(refused(Condition::BadRequest, "invalid-jid"))
        }
    }

    /// A name that nobody has, the same at every evaluation of this request.
    pub(super) fn unique(&self, number: usize) -> Box<str> {
        let random = self.host.view.facts.random;
        let drawn = u128::from_be_bytes(random.first_chunk().copied().unwrap_or_default());
        let text = match number {
            0 => format!("{drawn:032x}"),
            _ => format!("{drawn:032x}-{number}"),
        };
        text.into()
    }

    pub(super) fn result(&self, write: impl FnOnce(&mut Writer)) -> Outgoing {
        let mut writer = Writer::new();
        write(&mut writer);
        let stanza = &self.request.stanza;
        stanza.result(&self.request.from, writer.finish())
    }

    pub(super) fn done(&self) -> Outgoing {
        self.result(|_| {})
    }
}

/// The node that an element names.
pub(super) fn node_of(element: Node<'_>) -> Result<Cow<'_, str>, StanzaError> {
    let node = element.attr("node").filter(|node| !node.is_empty());
    let node = node.ok_or_else(|| refused(Condition::BadRequest, "nodeid-required"))?;
    if node.len() > NODE_NAME_BYTES_MAX {
        return Err(StanzaError::new(Condition::NotAcceptable));
    }
    Ok(node)
}

/// The address that an element names.
pub(super) fn jid_of(element: Node<'_>) -> Result<Jid, StanzaError> {
    let jid = element.attr("jid");
    let jid = jid.ok_or_else(|| refused(Condition::BadRequest, "jid-required"))?;
    Jid::parse(&jid).map_err(|_| bad_request())
}
