//! What a [`Session`](crate::c2s::Session) asks of its driver and of the core.

use crate::base::jid::BareJid;
use crate::base::jid::FullJid;
use crate::base::secret::Secret;
use crate::sasl::Derivation;
use crate::sasl::Refusal;
use crate::sasl::TokenBinding;
use crate::sasl::TokenSlot;
use crate::stanza::Stanza;

/// One thing to do, in this order.
pub(crate) enum Output {
    /// Send these bytes to the client.
    Write(Vec<u8>),
    /// After all writes so far: start TLS, then `handle_tls`.
    StartTls,
    /// Find what is stored about this account, then `handle_credentials`.
    LookUp(LookUp),
    /// Run the job where it delays nobody, then `handle_derived`.
    Derive(Derivation),
    /// An authentication failed: for those who count failures by address.
    Refused(Refusal),
    /// Deal with the tokens of a device, then `handle_token`.
    Token(TokenRequest),
    /// Make a session of this account, then `handle_bound`.
    Bind(BindRequest),
    /// Take over an earlier session of this account, then `handle_resumed`.
    Resume(ResumeRequest),
    /// A question about an account that does not exist yet, then `handle_registered`.
    Register(Register),
    /// A stanza of the client. Its `from` is absent or its own.
    Stanza(Stanza),
    /// A stanza that is answered without looking further: it is counted, and the answer takes its
    /// place in the order of answers. `None`: there is no answer to it.
    Answered(Option<Vec<u8>>),
    Management(Management),
    Activity(Activity),
    /// The client has said nothing for a while: a good moment for `<r/>`. After the same time again
    /// the stream ends.
    Silent,
    /// The stream is over. Write what is left, close the writing side, and read on for a moment
    /// (RFC 6120 section 4.4), so that the client gets to see it. Nothing follows.
    Close(Ending),
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct LookUp {
    pub(crate) account: BareJid,
    /// Whose tokens are of interest.
    pub(crate) device: Option<DeviceId>,
}

/// An installation of a client: the `id` of `<user-agent/>` (XEP-0388 section 2.4), a UUID.
///
/// It is the client's secret: nobody else may see it.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct DeviceId(pub(crate) u128);

/// What happens to the tokens of a device that has just proved who it is (XEP-0484).
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct TokenRequest {
    pub(crate) account: BareJid,
    pub(crate) device: DeviceId,
    /// This one was used: it becomes the current one, and what came before it is dropped.
    pub(crate) used: Option<TokenSlot>,
    /// The one that was used must not work again.
    pub(crate) is_invalidated: bool,
    /// The client asks for a new one. If it does not and `used` is set and near its end, it gets
    /// one all the same, unless `is_invalidated`.
    pub(crate) wanted: Option<TokenBinding>,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct BindRequest {
    pub(crate) account: BareJid,
    pub(crate) resource: Resource,
    /// An older session of the same device is to end (XEP-0386 section 3.2).
    pub(crate) device: Option<DeviceId>,
    /// What Bind 2 enables with the bind; `None` for the bind of RFC 6120.
    pub(crate) inline: Option<Inline>,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Resource {
    /// The server's choice.
    Any,
    /// The client's choice; the server may still take another (RFC 6120 section 7.7).
    Wanted(FullJid),
    /// The server's choice behind this tag and a slash (XEP-0386 section 3.2.1).
    Tagged(String),
}

/// What a client enables together with a bind (XEP-0386 section 3.2).
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Inline {
    pub(crate) is_carbons: bool,
    pub(crate) management: Option<Enable>,
    pub(crate) activity: Option<Activity>,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct ResumeRequest {
    pub(crate) account: BareJid,
    pub(crate) previd: String,
    /// What the client has taken of the earlier stream.
    pub(crate) h: u32,
}

/// In-band registration before authentication (XEP-0077).
pub(crate) enum Register {
    /// May a stranger register here and now?
    Form,
    /// Make this account; the verifiers of the password have to be derived.
    Create {
        account: BareJid,
        password: Secret,
        /// The word of an invitation that was found good.
        token: Option<Secret>,
    },
    /// May a stranger register with this word (XEP-0445)?
    Token { token: Secret },
}

/// The elements of XEP-0198 that an established stream carries; the counters live in the core.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Management {
    Enable(Enable),
    /// `<r/>`: the client wants to know `h`.
    Request,
    /// `<a/>`: the client has taken so many.
    Ack {
        h: u32,
    },
    /// `<resume/>` on a stream that has a session: to be answered with `<failed/>`.
    Misplaced,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Enable {
    pub(crate) is_resumable: bool,
    /// How long the client would like the session to wait for it.
    pub(crate) max_seconds: Option<u32>,
}

/// Client state indication (XEP-0352).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Activity {
    Active,
    Inactive,
}

/// How a stream ended; a session with stream management outlives all but the first.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Ending {
    /// The client closed its stream (XEP-0198 section 7: it does not want to resume).
    Finished,
    /// A stream error was written.
    Failed(Failure),
}

pub(crate) use crate::c2s::error::Failure;
