//! The states of a session: one type each, in the file of its phase.
//!
//! ```text
//!           +---------- TLS -----------+
//!           v                          |
//! (new) -> Open -> Negotiate -> StartTls
//!           ^       |  |   |
//!           |       |  |   +-> Register -> Negotiate
//!           |       v  v
//!        Sasl (RFC 6120)   Sasl (XEP-0388) -> Welcome -> Bind or Online
//!           |
//!           +-> Open -> Bind -> Online                       any -> Closed
//! ```

use crate::c2s::Failure;
use crate::c2s::auth::Sasl;
use crate::c2s::auth2::Welcome;
use crate::c2s::bind::Bind;
use crate::c2s::negotiate::Negotiate;
use crate::c2s::online::Online;
use crate::c2s::open::Open;
use crate::c2s::open::Stranger;
use crate::c2s::register::Registering;
use crate::c2s::wire::Wire;
use crate::stanza::ns;
use crate::xml::Frame;

/// Where a session is. Boxed but for the one in which it spends its life.
pub(crate) enum State {
    /// A stream header is awaited.
    Open(Box<Open>),
    /// The features are out; a stranger may choose.
    Negotiate(Box<Negotiate>),
    /// The handshake goes on below.
    StartTls(Box<Stranger>),
    /// An account is asked for, not logged in to.
    Register(Box<Registering>),
    /// An authentication goes on.
    Sasl(Box<Sasl>),
    /// Authenticated; what was asked for with the login is being done (XEP-0388).
    Welcome(Box<Welcome>),
    /// Authenticated, without a session.
    Bind(Box<Bind>),
    /// A session of the core is attached.
    Online(Online),
    /// Over. Nothing comes in and nothing goes out any more.
    Closed,
}

/// What of a session others may care about.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Phase {
    /// A stream header is awaited.
    Header,
    /// Nobody, or somebody without a session.
    Stranger,
    Session,
    Over,
}

impl State {
    pub(crate) const fn phase(&self) -> Phase {
        match self {
            Self::Open(_) => Phase::Header,
            Self::Online(_) => Phase::Session,
            Self::Closed => Phase::Over,
            _ => Phase::Stranger,
        }
    }

    pub(crate) fn handle_frame(self, frame: Frame, wire: &mut Wire) -> Result<Self, Failure> {
        match (self, frame) {
            (Self::Open(state), Frame::Open(header)) => state.handle_header(&header, wire),
            (_, Frame::Close) => Ok(wire.finish()),
            (_, Frame::Element(element)) if element.root().is("error", ns::STREAM) => {
                Err(Failure::PeerError)
            }
            (Self::Negotiate(state), Frame::Element(element)) => {
                state.handle_element(&element, wire)
            }
            (Self::Sasl(state), Frame::Element(element)) => state.handle_element(&element, wire),
            (Self::Bind(state), Frame::Element(element)) => state.handle_element(&element, wire),
            (Self::Online(state), Frame::Element(element)) => state.handle_element(&element, wire),
            // The framer gives a header first and only once, and is not asked while we wait.
            (_, Frame::Open(_) | Frame::Element(_)) => Err(Failure::PeerFormat),
        }
    }

    /// An answer is awaited, or nothing at all: no input is taken meanwhile.
    pub(crate) fn is_waiting(&self) -> bool {
        match self {
            Self::Open(_) | Self::Negotiate(_) | Self::Online(_) => false,
            Self::Sasl(state) => state.is_waiting(),
            Self::Bind(state) => state.is_waiting(),
            Self::StartTls(_) | Self::Register(_) | Self::Welcome(_) | Self::Closed => true,
        }
    }
}
