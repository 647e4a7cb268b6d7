//! What comes back to a [`Session`](crate::c2s::Session): answers to its outputs.

use std::sync::Arc;

use crate::base::jid::FullJid;
use crate::base::time::Timestamp;
use crate::sasl::ChannelBindings;
use crate::sasl::Credentials;

/// The TLS session below, once its handshake is done.
#[derive(Clone, Debug, Default)]
pub(crate) struct TlsFacts {
    pub(crate) bindings: ChannelBindings,
}

/// The answer to `Output::LookUp`.
pub(crate) enum Account {
    Found(Credentials),
    /// There is none, or it may not log in and must look as if there was none.
    Absent,
    /// It cannot be read now: `temporary-auth-failure`.
    Unavailable,
}

/// The answer to `Output::Token`: a new token, if there is one.
pub(crate) struct NewToken {
    pub(crate) text: String,
    pub(crate) expires: Timestamp,
}

/// The answer to `Output::Bind`.
pub(crate) struct Bound {
    pub(crate) jid: FullJid,
    /// For Bind 2: what became of `Inline::management`.
    pub(crate) management: Option<Enabled>,
    /// For Bind 2: the `<metadata/>` of the archive (XEP-0313), as it goes into `<bound/>`.
    pub(crate) metadata: Option<Vec<u8>>,
}

/// Stream management is on (XEP-0198 section 3).
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Enabled {
    /// The resumption id and for how long it is good; `None`: the session cannot be resumed.
    pub(crate) resumption: Option<(String, u32)>,
    /// Where the client should try that first; `None`: wherever it finds the domain.
    pub(crate) location: Option<Arc<str>>,
}

/// Why there is no new session.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum BindRefusal {
    /// Too many sessions of this account, or no room: `resource-constraint`.
    Full,
    /// The resource is taken and its owner stays: `conflict`.
    Taken,
    /// The account ended in the meantime: `not-allowed`.
    NotAllowed,
    /// It cannot be done now: `internal-server-error`.
    Unavailable,
}

/// An earlier session goes on in this stream.
pub(crate) struct Resumed {
    pub(crate) jid: FullJid,
    pub(crate) previd: String,
    /// What the server has taken of the earlier stream.
    pub(crate) h: u32,
}

/// The earlier session cannot go on; a new one may begin.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct ResumeRefusal {
    /// What the server had taken, if that is still known.
    pub(crate) h: Option<u32>,
}

/// The answer to `Output::Register`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Registered {
    /// There is no such invitation.
    Unknown,
    /// The form may be shown, or the account is there.
    Done,
    /// Registration is closed here: `not-allowed`.
    Closed,
    /// The name is taken: `conflict`.
    Taken,
    /// Too many from this address, or too weak a password: `not-acceptable`.
    NotAcceptable,
    /// Not now: `resource-constraint`.
    Later,
}

impl From<FullJid> for Bound {
    fn from(jid: FullJid) -> Self {
        Self {
            jid,
            management: None,
            metadata: None,
        }
    }
}
