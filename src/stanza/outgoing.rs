//! A stanza on its way out: a header, and a payload shared by all who get it.

use std::sync::Arc;

use crate::base::jid::FullJid;
use crate::base::jid::Jid;
use crate::stanza::Kind;

/// The payload is the bytes between the start and the end tag, self-contained below a default
/// namespace of `jabber:client`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Outgoing {
    pub(crate) kind: Kind,
    pub(crate) from: Jid,
    /// `None`: the full JID of whoever gets it.
    pub(crate) to: Option<Jid>,
    pub(crate) id: Option<Box<str>>,
    pub(crate) lang: Option<Box<str>>,
    pub(crate) payload: Arc<[u8]>,
}

impl Outgoing {
    /// Appends the stanza as `reader` sees it, with `extra` children after the payload.
    pub(crate) fn write(&self, out: &mut Vec<u8>, reader: &FullJid, extra: &[u8]) {
        let to = self.to.as_ref().map_or_else(|| reader.as_str(), Jid::as_str);
        crate::stanza::write_stanza(
            out,
            &crate::stanza::Header {
                kind: self.kind,
                from: self.from.as_str(),
                to: Some(to),
                id: self.id.as_deref(),
                lang: self.lang.as_deref(),
            },
            &[&self.payload, extra],
        );
    }
}
