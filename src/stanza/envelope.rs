//! A stanza: what kind it is, who it is from and to, and the element as it arrived.
//!
//! The envelope is read once; the payload is not looked at and travels as the same bytes to every recipient.

use std::borrow::Cow;

use crate::base::jid::Jid;
use crate::stanza::Condition;
use crate::stanza::StanzaError;
use crate::stanza::ns;
use crate::xml::Element;
use crate::xml::Node;
use crate::xml::append_attribute;

/// What the name and the attribute `type` say.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    Message(MessageType),
    Presence(PresenceType),
    Iq(IqType),
}

/// RFC 6121 section 5.2.2.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum MessageType {
    Chat,
    Error,
    Groupchat,
    Headline,
    /// Also where the type is missing or unknown.
    Normal,
}

/// RFC 6121 section 4.7.1.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum PresenceType {
    /// No type.
    Available,
    Error,
    Probe,
    Subscribe,
    Subscribed,
    Unavailable,
    Unsubscribe,
    Unsubscribed,
}

/// RFC 6120 section 8.2.3.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum IqType {
    Get,
    Set,
    Result,
    Error,
}

/// A stanza with its envelope read and checked.
///
/// `from` is what the peer wrote; whoever accepts the stanza checks it against the stream and sets it.
#[derive(Clone, Debug)]
pub(crate) struct Stanza {
    pub(crate) kind: Kind,
    pub(crate) to: Option<Jid>,
    pub(crate) from: Option<Jid>,
    pub(crate) id: Option<Box<str>>,
    pub(crate) lang: Option<Box<str>>,
    pub(crate) element: Element,
}

#[cfg(target_pointer_width = "64")]
const _: () = assert!(size_of::<Stanza>() <= 128);

impl Kind {
    /// The name of the element.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Message(_) => "message",
            Self::Presence(_) => "presence",
            Self::Iq(_) => "iq",
        }
    }

    /// The attribute `type`; `None` where its absence says the same.
    pub(crate) fn type_name(self) -> Option<&'static str> {
        match self {
            Self::Message(MessageType::Normal) | Self::Presence(PresenceType::Available) => None,
            Self::Message(MessageType::Chat) => Some("chat"),
            Self::Message(MessageType::Groupchat) => Some("groupchat"),
            Self::Message(MessageType::Headline) => Some("headline"),
            Self::Presence(PresenceType::Probe) => Some("probe"),
            Self::Presence(PresenceType::Subscribe) => Some("subscribe"),
            Self::Presence(PresenceType::Subscribed) => Some("subscribed"),
            Self::Presence(PresenceType::Unavailable) => Some("unavailable"),
            Self::Presence(PresenceType::Unsubscribe) => Some("unsubscribe"),
            Self::Presence(PresenceType::Unsubscribed) => Some("unsubscribed"),
            Self::Iq(IqType::Get) => Some("get"),
            Self::Iq(IqType::Set) => Some("set"),
            Self::Iq(IqType::Result) => Some("result"),
            Self::Message(MessageType::Error)
            | Self::Presence(PresenceType::Error)
            | Self::Iq(IqType::Error) => Some("error"),
        }
    }

    pub(crate) fn is_error(self) -> bool {
        self.type_name() == Some("error")
    }

    /// Whether an error may be sent back (RFC 6120 section 8.3.1: not to an error, and an IQ result is an
    /// answer already).
    pub(crate) fn may_bounce(self) -> bool {
        !self.is_error() && self != Self::Iq(IqType::Result)
    }

    fn parse(root: Node<'_>, kind: Option<&str>) -> Result<Self, StanzaError> {
        let bad = || StanzaError::new(Condition::BadRequest);
        if root.ns() != ns::CLIENT {
            return Err(bad());
        }
        match (root.name(), kind) {
            ("message", kind) => Ok(Self::Message(match kind {
                Some("chat") => MessageType::Chat,
                Some("error") => MessageType::Error,
                Some("groupchat") => MessageType::Groupchat,
                Some("headline") => MessageType::Headline,
                _ => MessageType::Normal,
            })),
            ("presence", kind) => Ok(Self::Presence(match kind {
                None => PresenceType::Available,
                Some("error") => PresenceType::Error,
                Some("probe") => PresenceType::Probe,
                Some("subscribe") => PresenceType::Subscribe,
                Some("subscribed") => PresenceType::Subscribed,
                Some("unavailable") => PresenceType::Unavailable,
                Some("unsubscribe") => PresenceType::Unsubscribe,
                Some("unsubscribed") => PresenceType::Unsubscribed,
                Some(_) => return Err(bad()),
            })),
            ("iq", Some(kind)) => Ok(Self::Iq(match kind {
                "get" => IqType::Get,
                "set" => IqType::Set,
                "result" => IqType::Result,
                "error" => IqType::Error,
                _ => return Err(bad()),
            })),
            _ => Err(bad()),
        }
    }
}

impl Stanza {
    /// Whether an element is a stanza at all; anything else ends a stream with `unsupported-stanza-type`.
    pub(crate) fn is_stanza(element: &Element) -> bool {
        let root = element.root();
        root.ns() == ns::CLIENT && matches!(root.name(), "message" | "presence" | "iq")
    }

    /// Reads and checks the envelope.
    ///
    /// An error is for the sender; [`StanzaError::reply_to_element`] makes it a stanza.
    pub(crate) fn parse(element: Element) -> Result<Self, StanzaError> {
        let root = element.root();
        let (mut to, mut from, mut id, mut lang, mut kind) = (None, None, None, None, None);
        for attribute in root.attributes() {
            let slot = match (attribute.prefix, attribute.name) {
                ("", "to") => &mut to,
                ("", "from") => &mut from,
                ("", "id") => &mut id,
                ("", "type") => &mut kind,
                ("xml", "lang") => &mut lang,
                _ => continue,
            };
            *slot = Some(attribute.value);
        }
        let kind = Kind::parse(root, kind.as_deref())?;
        if matches!(kind, Kind::Iq(_)) && id.is_none() {
            // RFC 6120 section 8.2.3, rule 1.
            return Err(StanzaError::new(Condition::BadRequest));
        }
        if matches!(kind, Kind::Iq(IqType::Get | IqType::Set)) && root.children().count() != 1 {
            // RFC 6120 section 8.2.3, rule 4.
            return Err(StanzaError::new(Condition::BadRequest));
        }
        let (to, from) = (parse_address(to)?, parse_address(from)?);
        let (id, lang) = (id.map(Box::from), lang.map(Box::from));
        Ok(Self {
            kind,
            to,
            from,
            id,
            lang,
            element,
        })
    }

    pub(crate) fn root(&self) -> Node<'_> {
        self.element.root()
    }

    /// The one child of an IQ get or set.
    pub(crate) fn query(&self) -> Option<Node<'_>> {
        match self.kind {
            Kind::Iq(IqType::Get | IqType::Set) => self.root().children().next(),
            _ => None,
        }
    }

    /// The answer to an IQ get or set, with addresses swapped; `None` for anything else.
    pub(crate) fn to_result(&self, payload: &[u8]) -> Option<Vec<u8>> {
        self.query()?;
        let mut out = Vec::with_capacity(payload.len() + 192);
        let header = Header {
            kind: Kind::Iq(IqType::Result),
            from: self.to.as_ref(),
            to: self.from.as_ref(),
            id: self.id.as_deref(),
            lang: None,
        };
        header.write(&mut out, &[payload]);
        Some(out)
    }
}

/// The start tag of a stanza to be written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Header<'a> {
    pub(crate) kind: Kind,
    pub(crate) from: Option<&'a Jid>,
    pub(crate) to: Option<&'a Jid>,
    pub(crate) id: Option<&'a str>,
    pub(crate) lang: Option<&'a str>,
}

impl Header<'_> {
    /// Appends a whole stanza with this header and these pieces of content.
    pub(crate) fn write(&self, out: &mut Vec<u8>, payload: &[&[u8]]) {
        let name = self.kind.name();
        out.push(b'<');
        out.extend_from_slice(name.as_bytes());
        append(out, "from", self.from.map(Jid::as_str));
        append(out, "to", self.to.map(Jid::as_str));
        append(out, "id", self.id);
        append(out, "type", self.kind.type_name());
        append(out, "xml:lang", self.lang);
        if payload.iter().all(|part| part.is_empty()) {
            out.extend_from_slice(b"/>");
            return;
        }
        out.push(b'>');
        for part in payload {
            out.extend_from_slice(part);
        }
        out.extend_from_slice(b"</");
        out.extend_from_slice(name.as_bytes());
        out.push(b'>');
    }
}

fn append(out: &mut Vec<u8>, name: &str, value: Option<&str>) {
    let Some(value) = value else { return };
    out.push(b' ');
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"='");
    append_attribute(out, value);
    out.push(b'\'');
}

fn parse_address(text: Option<Cow<'_, str>>) -> Result<Option<Jid>, StanzaError> {
    // RFC 6120 section 8.3.3.8.
    let malformed = |_| StanzaError::new(Condition::JidMalformed);
    text.map(|text| Jid::parse(&text).map_err(malformed))
        .transpose()
}
