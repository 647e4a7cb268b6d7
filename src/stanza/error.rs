//! Errors about one stanza, answered to its sender; the stream goes on (RFC 6120 section 8.3).

use std::borrow::Cow;

use crate::base::jid::Jid;
use crate::stanza::Kind;
use crate::stanza::Stanza;
use crate::stanza::envelope::Header;
use crate::stanza::envelope::IqType;
use crate::stanza::envelope::MessageType;
use crate::stanza::envelope::PresenceType;
use crate::stanza::ns;
use crate::xml::Element;
use crate::xml::Node;
use crate::xml::Writer;

/// What the sender should do (RFC 6120 section 8.3.2).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum ErrorType {
    /// Retry after providing credentials.
    Auth,
    /// Do not retry.
    Cancel,
    /// Proceed; it was a warning.
    Continue,
    /// Retry after changing what was sent.
    Modify,
    /// Retry after waiting.
    Wait,
}

macro_rules! conditions {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $kind:ident;)*) => {
        /// The defined conditions (RFC 6120 section 8.3.3).
        #[derive(Clone, Copy, Debug, Eq, PartialEq)]
        pub(crate) enum Condition {
            $($(#[$doc])* $variant,)*
        }

        impl Condition {
            pub(crate) const ALL: &[Self] = &[$(Self::$variant,)*];

            pub(crate) fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            /// The type that the RFC recommends for it.
            pub(crate) fn usual_type(self) -> ErrorType {
                match self {
                    $(Self::$variant => ErrorType::$kind,)*
                }
            }
        }
    };
}

conditions! {
    BadRequest = "bad-request", Modify;
    Conflict = "conflict", Cancel;
    FeatureNotImplemented = "feature-not-implemented", Cancel;
    Forbidden = "forbidden", Auth;
    /// Its content may be a new address, as URI.
    Gone = "gone", Cancel;
    InternalServerError = "internal-server-error", Cancel;
    ItemNotFound = "item-not-found", Cancel;
    JidMalformed = "jid-malformed", Modify;
    NotAcceptable = "not-acceptable", Modify;
    NotAllowed = "not-allowed", Cancel;
    NotAuthorized = "not-authorized", Auth;
    PolicyViolation = "policy-violation", Modify;
    RecipientUnavailable = "recipient-unavailable", Wait;
    /// Its content may be another address, as URI.
    Redirect = "redirect", Modify;
    RegistrationRequired = "registration-required", Auth;
    RemoteServerNotFound = "remote-server-not-found", Cancel;
    RemoteServerTimeout = "remote-server-timeout", Wait;
    ResourceConstraint = "resource-constraint", Wait;
    ServiceUnavailable = "service-unavailable", Cancel;
    SubscriptionRequired = "subscription-required", Auth;
    Undefined = "undefined-condition", Cancel;
    UnexpectedRequest = "unexpected-request", Wait;
}

/// An error to answer a stanza with.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct StanzaError {
    pub(crate) kind: ErrorType,
    pub(crate) condition: Condition,
    /// The new address in `gone` and `redirect`, as URI.
    pub(crate) uri: Option<Box<str>>,
    /// Who found the error, if not the one the stanza was for.
    pub(crate) by: Option<Jid>,
    /// For people, in English.
    pub(crate) text: Option<Cow<'static, str>>,
    /// Name and namespace of a condition of the application.
    pub(crate) detail: Option<(&'static str, &'static str)>,
}

impl StanzaError {
    /// With the usual type of the condition.
    pub(crate) fn new(condition: Condition) -> Self {
        Self {
            kind: condition.usual_type(),
            condition,
            uri: None,
            by: None,
            text: None,
            detail: None,
        }
    }

    pub(crate) fn with_type(mut self, kind: ErrorType) -> Self {
        self.kind = kind;
        self
    }

    pub(crate) fn with_text(mut self, text: impl Into<Cow<'static, str>>) -> Self {
        self.text = Some(text.into());
        self
    }

    pub(crate) fn with_by(mut self, by: Jid) -> Self {
        self.by = Some(by);
        self
    }

    pub(crate) fn with_uri(mut self, uri: &str) -> Self {
        self.uri = Some(uri.into());
        self
    }

    pub(crate) fn with_detail(mut self, name: &'static str, namespace: &'static str) -> Self {
        self.detail = Some((name, namespace));
        self
    }

    /// The error stanza for the sender of `stanza`: addresses swapped, id kept, payload not repeated.
    ///
    /// `None` for errors and IQ results, which are never answered (RFC 6120 section 8.3.1).
    pub(crate) fn reply(&self, stanza: &Stanza) -> Option<Vec<u8>> {
        if !stanza.kind.may_bounce() {
            return None;
        }
        let header = Header {
            kind: as_error(stanza.kind),
            from: stanza.to.as_ref(),
            to: stanza.from.as_ref(),
            id: stanza.id.as_deref(),
            lang: None,
        };
        Some(self.write_stanza(&header))
    }

    /// As [`StanzaError::reply`], for what [`Stanza::parse`] refused. `sender` is known from the stream.
    pub(crate) fn reply_to_element(&self, element: &Element, sender: &Jid) -> Option<Vec<u8>> {
        let root = element.root();
        let kind = match root.name() {
            "message" => Kind::Message(MessageType::Error),
            "presence" => Kind::Presence(PresenceType::Error),
            "iq" => Kind::Iq(IqType::Error),
            _ => return None,
        };
        if matches!(root.attr("type").as_deref(), Some("error" | "result")) {
            return None;
        }
        let recipient = root.attr("to").and_then(|to| Jid::parse(&to).ok());
        let id = root.attr("id");
        let header = Header {
            kind,
            from: recipient.as_ref(),
            to: Some(sender),
            id: id.as_deref(),
            lang: None,
        };
        Some(self.write_stanza(&header))
    }

    /// The element `<error/>` alone.
    pub(crate) fn write(&self, writer: &mut Writer) {
        let kind = match self.kind {
            ErrorType::Auth => "auth",
            ErrorType::Cancel => "cancel",
            ErrorType::Continue => "continue",
            ErrorType::Modify => "modify",
            ErrorType::Wait => "wait",
        };
        writer
            .start("error")
            .attr("type", kind)
            .attr_opt("by", self.by.as_ref().map(Jid::as_str));
        writer.start_ns(self.condition.name(), ns::STANZA_ERRORS);
        if let Some(uri) = &self.uri {
            writer.text(uri);
        }
        writer.end();
        if let Some(text) = &self.text {
            writer
                .start_ns("text", ns::STANZA_ERRORS)
                .attr("xml:lang", "en");
            writer.text(text).end();
        }
        if let Some((name, namespace)) = self.detail {
            writer.empty_ns(name, namespace);
        }
        writer.end();
    }

    fn write_stanza(&self, header: &Header<'_>) -> Vec<u8> {
        let mut writer = Writer::new();
        self.write(&mut writer);
        let mut out = Vec::with_capacity(320);
        header.write(&mut out, &[&writer.finish()]);
        out
    }
}

impl From<Condition> for StanzaError {
    fn from(condition: Condition) -> Self {
        Self::new(condition)
    }
}

impl Condition {
    /// The condition that an error stanza carries; unknown ones count as `undefined-condition`
    /// (RFC 6120 section 8.3.3.21). `None` without `<error/>`.
    pub(crate) fn of(root: Node<'_>) -> Option<Self> {
        let error = root.child("error", ns::CLIENT)?;
        let defined = error
            .children()
            .filter(|child| child.ns() == ns::STANZA_ERRORS);
        let known = |child: Node<'_>| {
            let name = child.name();
            Self::ALL
                .iter()
                .copied()
                .find(|condition| condition.name() == name)
        };
        Some(
            defined
                .into_iter()
                .find_map(known)
                .unwrap_or(Self::Undefined),
        )
    }
}

fn as_error(kind: Kind) -> Kind {
    match kind {
        Kind::Message(_) => Kind::Message(MessageType::Error),
        Kind::Presence(_) => Kind::Presence(PresenceType::Error),
        Kind::Iq(_) => Kind::Iq(IqType::Error),
    }
}
