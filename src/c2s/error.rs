//! Every way a stream ends against the client's will, and what it is told (RFC 6120 section 4.9.3).

use crate::stanza::StreamCondition;
use crate::stanza::StreamError;
use crate::stanza::ns;
use crate::xml::Writer;
use crate::xml::XmlError;

/// Why a stream ends. `Peer..` is the client's doing, `Local..` is ours or the operator's.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Failure {
    /// Not XML, or more of it than is allowed.
    PeerXml(XmlError),
    /// The root element is not a stream's, or its content is not a client's.
    PeerNamespace,
    /// XML that is fine and does not belong where it stands.
    PeerFormat,
    /// A stream to a domain that is not served here.
    PeerHost,
    /// A stream to nobody.
    PeerAddress,
    /// A stream before XMPP 1.0.
    PeerVersion,
    /// A `from` that is not the client's own address.
    PeerFrom,
    /// A stanza before the login or before the bind.
    PeerEarly,
    /// An element of the stream that is neither a stanza nor known.
    PeerElement,
    /// `<starttls/>` where it was not offered; told by an element of its own.
    PeerTls,
    /// Failed logins on this stream.
    PeerAttempts {
        attempts_max: u8,
    },
    /// A stranger says more than a login needs.
    PeerTalks {
        bytes_max: usize,
    },
    /// A login takes too long.
    PeerLate {
        seconds_max: u32,
    },
    /// The client has been silent too long.
    PeerSilent {
        seconds_max: u32,
    },
    /// It claims to have taken more stanzas than it was sent (XEP-0198 section 6).
    PeerHandled {
        h: u32,
        sent: u32,
    },
    /// It sent a stream error itself, which needs no answer but the end.
    PeerError,
    /// It reads too slowly, or acknowledges nothing: its queue is full.
    PeerSlow,
    /// Another stream took this session over, or a device wants the resource.
    LocalConflict,
    /// The account was disabled, deleted, or got another password.
    LocalRevoked,
    /// An operator ended this stream.
    LocalReset,
    /// The server stops.
    LocalShutdown,
    /// The server cannot serve this now: memory, disk, number of connections.
    LocalFull,
    LocalInternal,
}

impl Failure {
    /// The condition of the stream error; `None` where there is none.
    pub(crate) fn condition(self) -> Option<StreamCondition> {
        Some(match self {
            Self::PeerXml(error) => error.into(),
            Self::PeerNamespace => StreamCondition::InvalidNamespace,
            Self::PeerFormat => StreamCondition::BadFormat,
            Self::PeerHost => StreamCondition::HostUnknown,
            Self::PeerAddress => StreamCondition::ImproperAddressing,
            Self::PeerVersion => StreamCondition::UnsupportedVersion,
            Self::PeerFrom => StreamCondition::InvalidFrom,
            Self::PeerEarly | Self::LocalRevoked => StreamCondition::NotAuthorized,
            Self::PeerElement => StreamCondition::UnsupportedStanzaType,
            Self::PeerTls | Self::PeerError => return None,
            // RFC 6120 section 6.4.5 names this one for too many retries.
            Self::PeerAttempts { .. } | Self::PeerTalks { .. } | Self::PeerSlow => {
                StreamCondition::PolicyViolation
            }
            Self::PeerLate { .. } | Self::PeerSilent { .. } => StreamCondition::ConnectionTimeout,
            Self::PeerHandled { .. } => StreamCondition::Undefined,
            Self::LocalFull => StreamCondition::ResourceConstraint,
            Self::LocalReset => StreamCondition::Reset,
            Self::LocalShutdown => StreamCondition::SystemShutdown,
            Self::LocalConflict => StreamCondition::Conflict,
            Self::LocalInternal => StreamCondition::InternalServerError,
        })
    }

    /// Appends `<stream:error/>`, if there is one.
    pub(crate) fn write(self, out: &mut Vec<u8>) {
        let Some(condition) = self.condition() else {
            return;
        };
        match self {
            Self::PeerXml(error) => {
                StreamError::new(condition)
                    .with_text(error.to_string())
                    .write(out);
            }
            Self::PeerHandled { h, sent } => write_handled(h, sent, out),
            _ => StreamError::new(condition).write(out),
        }
    }
}

/// XEP-0198 section 6 wants the numbers as attributes.
fn write_handled(h: u32, sent: u32, out: &mut Vec<u8>) {
    let mut writer = Writer::onto(std::mem::take(out));
    writer.start("stream:error");
    writer.empty_ns(StreamCondition::Undefined.name(), ns::STREAM_ERRORS);
    writer.start_ns("handled-count-too-high", ns::SM);
    writer
        .attr("h", &h.to_string())
        .attr("send-count", &sent.to_string());
    *out = writer.finish();
}

impl From<XmlError> for Failure {
    fn from(error: XmlError) -> Self {
        Self::PeerXml(error)
    }
}
