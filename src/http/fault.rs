//! What can be wrong with a request, and the status that says so.

use crate::http::Status;

/// Why a request is not answered as asked. Each is the peer's fault; the connection ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Fault {
    /// Not the grammar of RFC 9112 sections 2 to 5.
    Syntax,
    /// A target that no path can be taken from, or one that climbs.
    Target,
    /// No `Host`, several of them, or one that is none (RFC 9112 section 3.2).
    Host,
    /// Two lengths, or one that is none: the ways of request smuggling (RFC 9112 section 6.3).
    Framing,
    /// A chunk that is none (RFC 9112 section 7.1).
    Chunk,
    Line {
        bytes_max: usize,
    },
    Head {
        bytes_max: usize,
    },
    Fields {
        count_max: usize,
    },
    Body {
        bytes_max: u64,
    },
    Method,
    /// A transfer coding other than `chunked`.
    Coding,
    Version,
    /// An `Expect` other than `100-continue`.
    Expectation,
    Late,
}

impl Fault {
    pub(crate) const fn status(self) -> Status {
        match self {
            Self::Syntax | Self::Target | Self::Host | Self::Framing | Self::Chunk => {
                Status::BAD_REQUEST
            }
            Self::Line { .. } => Status::URI_TOO_LONG,
            Self::Head { .. } | Self::Fields { .. } => Status::FIELDS_TOO_LARGE,
            Self::Body { .. } => Status::CONTENT_TOO_LARGE,
            Self::Method | Self::Coding => Status::NOT_IMPLEMENTED,
            Self::Version => Status::VERSION_NOT_SUPPORTED,
            Self::Expectation => Status::EXPECTATION_FAILED,
            Self::Late => Status::REQUEST_TIMEOUT,
        }
    }
}
