//! Errors about one stanza, answered to its sender; the stream goes on (RFC 6120 section 8.3).

use std::borrow::Cow;

use crate::base::jid::Jid;
use crate::stanza::Kind;
use crate::stanza::envelope::Header;
use crate::stanza::envelope::IqType;
use crate::stanza::envelope::MessageType;
use crate::stanza::envelope::PresenceType;
use crate::stanza::ns;
use crate::xml::Element;
use crate::xml::Writer;

/// What the sender should do (RFC 6120 section 8.3.2).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum ErrorType {
    /// Retry after providing credentials.
    Auth,
    /// Do not retry.
    Cancel,
    /// Retry after changing what was sent.
    Modify,
    /// Retry after waiting.
    Wait,
}

macro_rules! conditions {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $kind:ident;)*) => {
        /// The defined conditions that are used here (RFC 6120 section 8.3.3).
        #[derive(Clone, Copy, Debug, Eq, PartialEq)]
        pub(crate) enum Condition {
            $($(#[$doc])* $variant,)*
        }

        impl Condition {
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
    InternalServerError = "internal-server-error", Cancel;
    ItemNotFound = "item-not-found", Cancel;
    JidMalformed = "jid-malformed", Modify;
    NotAcceptable = "not-acceptable", Modify;
    NotAllowed = "not-allowed", Cancel;
    NotAuthorized = "not-authorized", Auth;
    PolicyViolation = "policy-violation", Modify;
    RegistrationRequired = "registration-required", Auth;
    RemoteServerNotFound = "remote-server-not-found", Cancel;
    ResourceConstraint = "resource-constraint", Wait;
    ServiceUnavailable = "service-unavailable", Cancel;
    UnexpectedRequest = "unexpected-request", Wait;
}

/// An error to answer a stanza with.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct StanzaError {
    pub(crate) kind: ErrorType,
    pub(crate) condition: Condition,
    /// Who found the error, if not the one the stanza was for.
    pub(crate) by: Option<Jid>,
    /// For people, in English.
    pub(crate) text: Option<Cow<'static, str>>,
    /// Name and namespace of a condition of the application.
    pub(crate) detail: Option<(&'static str, &'static str)>,
    /// What that condition is about (XEP-0060 section 12).
    pub(crate) feature: Option<&'static str>,
}

impl StanzaError {
    /// With the usual type of the condition.
    pub(crate) fn new(condition: Condition) -> Self {
        Self {
            kind: condition.usual_type(),
            condition,
            by: None,
            text: None,
            detail: None,
            feature: None,
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

    /// XEP-0191 section 3: the sender itself has blocked whom it writes to.
    pub(crate) fn blocked() -> Self {
        Self::new(Condition::NotAcceptable).with_detail("blocked", ns::BLOCKING_ERRORS)
    }

    pub(crate) fn with_detail(mut self, name: &'static str, namespace: &'static str) -> Self {
        self.detail = Some((name, namespace));
        self
    }

    /// The error stanza for the sender of what `Stanza::parse` refused: addresses swapped, id kept, payload not
    /// repeated. `sender` is known from the stream.
    ///
    /// `None` for errors and IQ results, which are never answered (RFC 6120 section 8.3.1).
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
        self.write_with(writer, &[]);
    }

    /// With more of the application's in it.
    pub(crate) fn write_with(&self, writer: &mut Writer, detail: &[u8]) {
        let kind = match self.kind {
            ErrorType::Auth => "auth",
            ErrorType::Cancel => "cancel",
            ErrorType::Modify => "modify",
            ErrorType::Wait => "wait",
        };
        writer
            .start("error")
            .attr("type", kind)
            .attr_opt("by", self.by.as_ref().map(Jid::as_str));
        writer.empty_ns(self.condition.name(), ns::STANZA_ERRORS);
        if let Some(text) = &self.text {
            writer
                .start_ns("text", ns::STANZA_ERRORS)
                .attr("xml:lang", "en");
            writer.text(text).end();
        }
        if let Some((name, namespace)) = self.detail {
            writer
                .start_ns(name, namespace)
                .attr_opt("feature", self.feature)
                .end();
        }
        writer.raw(detail).end();
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

impl Condition {}
