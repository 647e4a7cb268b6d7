//! A stanza on its way out: a header, and a payload shared by all who get it.

use std::sync::Arc;

use crate::base::jid::FullJid;
use crate::base::jid::Jid;
use crate::stanza::IqType;
use crate::stanza::Kind;
use crate::stanza::MessageType;
use crate::stanza::PresenceType;
use crate::stanza::Stanza;
use crate::stanza::StanzaError;
use crate::stanza::ids;
use crate::xml::Element;
use crate::xml::Writer;
use crate::xml::append_attribute;

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

/// A payload inside an element, so that it can be read.
pub(crate) fn parse_payload(payload: &[u8]) -> Option<Element> {
    let whole = [b"<stanza>", payload, b"</stanza>"].concat();
    Element::parse(&whole).ok()
}

/// The attributes of a stanza's start tag (RFC 6120 section 8.1).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Header<'a> {
    pub(crate) kind: Kind,
    pub(crate) from: &'a str,
    pub(crate) to: Option<&'a str>,
    pub(crate) id: Option<&'a str>,
    pub(crate) lang: Option<&'a str>,
}

impl Outgoing {
    /// Appends the stanza as `reader` sees it, with `extra` children after the payload.
    pub(crate) fn write(&self, out: &mut Vec<u8>, reader: &FullJid, extra: &[u8]) {
        let header = Header {
            kind: self.kind,
            from: self.from.as_str(),
            to: Some(
                self.to
                    .as_ref()
                    .map_or_else(|| reader.as_str(), Jid::as_str),
            ),
            id: self.id.as_deref(),
            lang: self.lang.as_deref(),
        };
        write_header(out, &header, false);
        out.extend_from_slice(&self.payload);
        out.extend_from_slice(extra);
        out.extend_from_slice(b"</");
        out.extend_from_slice(self.kind.name().as_bytes());
        out.push(b'>');
    }
}

impl Stanza {
    /// What is inside, as bytes to pass on or keep.
    pub(crate) fn payload(&self) -> Arc<[u8]> {
        Arc::from(&*self.root().inner())
    }

    /// The same without the ids that only `is_ours` may give (XEP-0359, business rules).
    pub(crate) fn payload_without_ids(&self, is_ours: impl Fn(&str) -> bool) -> Arc<[u8]> {
        Arc::from(&*ids::without_stanza_ids(self.root(), is_ours))
    }

    /// The id of an IQ set.
    pub(crate) fn set_id(&self) -> Option<&str> {
        self.id
            .as_deref()
            .filter(|_| self.kind == Kind::Iq(IqType::Set))
    }

    /// The answer to a request, from whom it was for.
    pub(crate) fn result(&self, from: &FullJid, payload: Vec<u8>) -> Outgoing {
        let by = self.to.clone().unwrap_or_else(|| from.bare().to_jid());
        Outgoing {
            kind: Kind::Iq(IqType::Result),
            from: by,
            to: None,
            id: self.id.clone(),
            lang: None,
            payload: payload.into(),
        }
    }
}

impl StanzaError {
    /// The element `<error/>` alone.
    pub(crate) fn to_payload(&self) -> Vec<u8> {
        self.to_payload_with(&[])
    }

    /// The same with elements of the application.
    pub(crate) fn to_payload_with(&self, detail: &[u8]) -> Vec<u8> {
        let mut writer = Writer::new();
        self.write_with(&mut writer, detail);
        writer.finish()
    }

    /// The error for who sent `stanza`; `None` where nothing is answered (RFC 6120 section 8.3.1).
    pub(crate) fn answer(&self, stanza: &Stanza, from: &FullJid) -> Option<Outgoing> {
        if !stanza.kind.may_bounce() {
            return None;
        }
        let kind = match stanza.kind {
            Kind::Message(_) => Kind::Message(MessageType::Error),
            Kind::Presence(_) => Kind::Presence(PresenceType::Error),
            Kind::Iq(_) => Kind::Iq(IqType::Error),
        };
        let by = stanza.to.clone().unwrap_or_else(|| from.bare().to_jid());
        Some(Outgoing {
            kind,
            from: by,
            to: None,
            id: stanza.id.clone(),
            lang: None,
            payload: self.to_payload().into(),
        })
    }
}

/// Appends a start tag; `declared`: with the default namespace of stanzas, because it stands in
/// another one (XEP-0297 section 3).
pub(crate) fn write_header(out: &mut Vec<u8>, header: &Header<'_>, declared: bool) {
    out.push(b'<');
    out.extend_from_slice(header.kind.name().as_bytes());
    if declared {
        out.extend_from_slice(b" xmlns='jabber:client'");
    }
    let attributes = [
        (" type='", header.kind.type_name()),
        (" from='", Some(header.from)),
        (" to='", header.to),
        (" id='", header.id),
        (" xml:lang='", header.lang),
    ];
    for (name, value) in attributes {
        if let Some(value) = value {
            out.extend_from_slice(name.as_bytes());
            append_attribute(out, value);
            out.push(b'\'');
        }
    }
    out.push(b'>');
}
