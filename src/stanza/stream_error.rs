//! Errors that end a stream (RFC 6120 section 4.9).

use std::borrow::Cow;

use crate::stanza::ns;
use crate::xml::Writer;
use crate::xml::XmlError;

macro_rules! conditions {
    ($($(#[$doc:meta])* $variant:ident = $name:literal;)*) => {
        /// The defined conditions (RFC 6120 section 4.9.3).
        #[derive(Clone, Copy, Debug, Eq, PartialEq)]
        pub(crate) enum StreamCondition {
            $($(#[$doc])* $variant,)*
        }

        impl StreamCondition {
            pub(crate) const ALL: &[Self] = &[$(Self::$variant,)*];

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
    BadNamespacePrefix = "bad-namespace-prefix";
    Conflict = "conflict";
    ConnectionTimeout = "connection-timeout";
    HostGone = "host-gone";
    HostUnknown = "host-unknown";
    ImproperAddressing = "improper-addressing";
    InternalServerError = "internal-server-error";
    InvalidFrom = "invalid-from";
    InvalidNamespace = "invalid-namespace";
    InvalidXml = "invalid-xml";
    NotAuthorized = "not-authorized";
    NotWellFormed = "not-well-formed";
    PolicyViolation = "policy-violation";
    RemoteConnectionFailed = "remote-connection-failed";
    Reset = "reset";
    ResourceConstraint = "resource-constraint";
    RestrictedXml = "restricted-xml";
    /// Its content is the other host.
    SeeOtherHost = "see-other-host";
    SystemShutdown = "system-shutdown";
    Undefined = "undefined-condition";
    UnsupportedEncoding = "unsupported-encoding";
    UnsupportedFeature = "unsupported-feature";
    UnsupportedStanzaType = "unsupported-stanza-type";
    UnsupportedVersion = "unsupported-version";
}

/// An error that is the last thing said before the stream is closed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct StreamError {
    pub(crate) condition: StreamCondition,
    /// The other host in `see-other-host`.
    pub(crate) host: Option<Box<str>>,
    /// For people, in English.
    pub(crate) text: Option<Cow<'static, str>>,
    /// Name and namespace of a condition of the application.
    pub(crate) detail: Option<(&'static str, &'static str)>,
}

impl StreamError {
    pub(crate) fn new(condition: StreamCondition) -> Self {
        Self {
            condition,
            host: None,
            text: None,
            detail: None,
        }
    }

    pub(crate) fn with_text(mut self, text: impl Into<Cow<'static, str>>) -> Self {
        self.text = Some(text.into());
        self
    }

    pub(crate) fn with_host(mut self, host: &str) -> Self {
        self.host = Some(host.into());
        self
    }

    pub(crate) fn with_detail(mut self, name: &'static str, namespace: &'static str) -> Self {
        self.detail = Some((name, namespace));
        self
    }

    /// Appends `<stream:error/>`; the stream's root has to bind the prefix `stream`.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        self.write_root(out, false);
    }

    /// Appends `<stream:error/>` with the declaration of its prefix (RFC 7395 section 3.3.2).
    pub(crate) fn write_standalone(&self, out: &mut Vec<u8>) {
        self.write_root(out, true);
    }

    fn write_root(&self, out: &mut Vec<u8>, declares_prefix: bool) {
        let mut writer = Writer::onto(std::mem::take(out));
        writer.start("stream:error");
        if declares_prefix {
            writer.attr("xmlns:stream", ns::STREAM);
        }
        writer.start_ns(self.condition.name(), ns::STREAM_ERRORS);
        if let Some(host) = &self.host {
            writer.text(host);
        }
        writer.end();
        if let Some(text) = &self.text {
            writer
                .start_ns("text", ns::STREAM_ERRORS)
                .attr("xml:lang", "en");
            writer.text(text).end();
        }
        if let Some((name, namespace)) = self.detail {
            writer.empty_ns(name, namespace);
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
