//! The element that wraps everything: `<body/>` of a request and of an answer (XEP-0124 section 5).

use std::fmt::Write as _;

use ring::digest;

use crate::stanza::ns;
use crate::xml::Element;
use crate::xml::Node;
use crate::xml::Writer;

const NS_BIND: &str = "http://jabber.org/protocol/httpbind";
const NS_XBOSH: &str = "urn:xmpp:xbosh";
/// Section 14.1: the largest number that every client counts exactly.
const RID_MAX: u64 = 1 << 53;
const BODY_END: &[u8] = b"</body>";

/// What ends a stream (RFC 7395 section 3.6).
pub(super) const CLOSE: &[u8] = b"<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>";

/// Why a session ends (section 17.2).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Condition {
    BadRequest,
    ItemNotFound,
    RemoteConnectionFailed,
    RemoteStreamError,
}

impl Condition {
    const fn name(self) -> &'static str {
        match self {
            Self::BadRequest => "bad-request",
            Self::ItemNotFound => "item-not-found",
            Self::RemoteConnectionFailed => "remote-connection-failed",
            Self::RemoteStreamError => "remote-stream-error",
        }
    }
}

/// A request as it was sent.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) rid: u64,
    /// None asks for a session.
    pub(crate) sid: Option<String>,
    pub(crate) to: Option<String>,
    pub(super) lang: Option<String>,
    pub(super) version: Option<String>,
    pub(super) wait_seconds: Option<u64>,
    pub(super) hold: Option<u64>,
    pub(super) has_acks: bool,
    pub(super) is_restart: bool,
    pub(super) is_end: bool,
    pub(super) key: Option<String>,
    pub(super) new_key: Option<String>,
    /// Elements, one after the other.
    pub(super) payload: Vec<u8>,
}

impl Request {
    /// None: this is no body.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let element = Element::parse(bytes).ok()?;
        let root = element.root();
        if !root.is("body", NS_BIND) {
            return None;
        }
        let text = |name| root.attr(name).map(std::borrow::Cow::into_owned);
        let number = |name| text(name).and_then(|text| text.parse().ok());
        let rid: u64 = number("rid").filter(|rid| (1..RID_MAX).contains(rid))?;
        let mut payload = Vec::new();
        for child in root.children() {
            payload.extend_from_slice(&child.outer());
        }
        Some(Self {
            rid,
            sid: text("sid"),
            to: text("to"),
            lang: root.lang().map(|lang| lang.to_string()),
            version: xbosh(root, "version"),
            wait_seconds: number("wait"),
            hold: number("hold"),
            has_acks: text("ack").is_some(),
            is_restart: xbosh(root, "restart").is_some_and(|value| value == "true" || value == "1"),
            is_end: text("type").as_deref() == Some("terminate"),
            key: text("key"),
            new_key: text("newkey"),
            payload,
        })
    }

    /// What begins a stream (RFC 7395 section 3.4).
    pub(super) fn open(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer
            .start_ns("open", ns::FRAMING)
            .attr_opt("to", self.to.as_deref())
            // XEP-0206 section 3: who names none means 1.0 all the same, since XMPP 0.9 has no BOSH.
            .attr("version", self.version.as_deref().unwrap_or("1.0"))
            .attr_opt("xml:lang", self.lang.as_deref());
        writer.finish()
    }
}

/// An attribute of XEP-0206.
fn xbosh(root: Node<'_>, name: &str) -> Option<String> {
    root.attr_in(NS_XBOSH, name)
        .map(std::borrow::Cow::into_owned)
}

/// An answer that is being written.
pub(super) struct Answer {
    head: String,
    elements: Vec<u8>,
    is_first: bool,
}

impl Answer {
    pub(super) fn new() -> Self {
        Self {
            head: format!("<body xmlns='{NS_BIND}'"),
            elements: Vec::new(),
            is_first: false,
        }
    }

    pub(super) fn is_first(&self) -> bool {
        self.is_first
    }

    /// Attributes; those of XEP-0206 come with the first answer.
    pub(super) fn describe(&mut self, attributes: &[(&str, String)]) {
        for (name, value) in attributes {
            if *name == "sid" {
                self.is_first = true;
                // Writing into a text does not fail.
                write!(
                    self.head,
                    " xmlns:xmpp='{NS_XBOSH}' xmlns:stream='{}'",
                    ns::STREAM
                )
                .ok();
            }
            // Numbers, names of hosts, and text of our own: nothing to be escaped.
            write!(self.head, " {name}='{value}'").ok();
        }
    }

    pub(super) fn terminate(&mut self, condition: Option<Condition>) {
        self.head.push_str(" type='terminate'");
        if let Some(condition) = condition {
            write!(self.head, " condition='{}'", condition.name()).ok();
        }
    }

    pub(super) fn push(&mut self, element: &[u8]) {
        self.elements.extend_from_slice(element);
    }

    pub(super) fn finish(self) -> Vec<u8> {
        let mut body = self.head.into_bytes();
        if self.elements.is_empty() {
            body.extend_from_slice(b"/>");
            return body;
        }
        body.push(b'>');
        body.extend_from_slice(&self.elements);
        body.extend_from_slice(BODY_END);
        body
    }
}

/// An answer to a request that belongs to no session.
pub(crate) fn terminate(condition: Condition) -> Vec<u8> {
    let mut answer = Answer::new();
    answer.terminate(Some(condition));
    answer.finish()
}

/// In hexadecimal digits (section 15.4).
pub(super) fn sha1(text: &str) -> String {
    let digest = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes());
    let mut digits = String::with_capacity(40);
    for byte in digest.as_ref() {
        write!(digits, "{byte:02x}").ok();
    }
    digits
}

/// Of an element that was written here.
pub(super) fn attribute(element: &[u8], name: &str) -> Option<String> {
    let element = Element::parse(element).ok()?;
    let value = element.root().attr(name);
    value.map(std::borrow::Cow::into_owned)
}
