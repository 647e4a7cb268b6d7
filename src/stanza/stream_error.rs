//! Errors that end a stream (RFC 6120 section 4.9).

use std::borrow::Cow;

use crate::stanza::ns;
use crate::xml::Writer;
use crate::xml::XmlError;

macro_rules! conditions {
    ($($(#[$doc:meta])* $variant:ident = $name:literal;)*) => {
        /// The defined conditions that are used here (RFC 6120 section 4.9.3).
        #[derive(Clone, Copy, Debug, Eq, PartialEq)]
        pub(crate) enum StreamCondition {
            $($(#[$doc])* $variant,)*
        }

        impl StreamCondition {
            pub(crate) fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

conditions! {
    BadFormat = "bad-format";
    Conflict = "conflict";
    ConnectionTimeout = "connection-timeout";
    HostUnknown = "host-unknown";
    ImproperAddressing = "improper-addressing";
    InternalServerError = "internal-server-error";
    InvalidFrom = "invalid-from";
    InvalidNamespace = "invalid-namespace";
    NotAuthorized = "not-authorized";
    NotWellFormed = "not-well-formed";
    PolicyViolation = "policy-violation";
    Reset = "reset";
    ResourceConstraint = "resource-constraint";
    RestrictedXml = "restricted-xml";
    SystemShutdown = "system-shutdown";
    Undefined = "undefined-condition";
    UnsupportedEncoding = "unsupported-encoding";
    UnsupportedStanzaType = "unsupported-stanza-type";
    UnsupportedVersion = "unsupported-version";
}

/// An error that is the last thing said before the stream is closed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct StreamError {
    pub(crate) condition: StreamCondition,
    /// For people, in English.
    pub(crate) text: Option<Cow<'static, str>>,
}

impl StreamError {
    pub(crate) fn new(condition: StreamCondition) -> Self {
        Self {
            condition,
            text: None,
        }
    }

    pub(crate) fn with_text(mut self, text: impl Into<Cow<'static, str>>) -> Self {
        self.text = Some(text.into());
        self
    }

    /// Appends `<stream:error/>`; the stream's root has to bind the prefix `stream`.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let mut writer = Writer::onto(std::mem::take(out));
        writer.start("stream:error");
        writer.empty_ns(self.condition.name(), ns::STREAM_ERRORS);
        if let Some(text) = &self.text {
            writer
                .start_ns("text", ns::STREAM_ERRORS)
                .attr("xml:lang", "en");
            writer.text(text).end();
        }
        writer.end();
        *out = writer.finish();
    }
}

impl From<StreamCondition> for StreamError {
    fn from(condition: StreamCondition) -> Self {
        Self::new(condition)
    }
}

impl From<XmlError> for StreamCondition {
    fn from(error: XmlError) -> Self {
        match error {
            // Violations of the namespace rules are in section 4.9.3.13 as well.
            XmlError::Malformed => Self::NotWellFormed,
            XmlError::Restricted => Self::RestrictedXml,
            XmlError::Encoding => Self::UnsupportedEncoding,
            XmlError::StrayText | XmlError::Closed => Self::BadFormat,
            XmlError::TooLarge { .. } | XmlError::TooDeep { .. } | XmlError::TooMuch { .. } => {
                Self::PolicyViolation
            }
        }
    }
}

impl From<XmlError> for StreamError {
    fn from(error: XmlError) -> Self {
        Self::new(error.into()).with_text(error.to_string())
    }
}
