//! What goes into the core and what comes out.

use std::sync::Arc;

use crate::base::ids::SessionId;
use crate::base::ids::SmKey;
use crate::base::ids::Ticket;
use crate::base::jid::BareJid;
use crate::base::jid::FullJid;
use crate::base::secret::Secret;
use crate::base::time::Monotonic;
use crate::base::time::Timestamp;
use crate::core::order::Bind;
use crate::core::session::LinkId;
use crate::effect::proposal::Proposal;
use crate::effect::query::Found;
use crate::effect::query::Horizon;
use crate::effect::query::Kept;
use crate::effect::query::Query;
use crate::effect::request::Command;
use crate::effect::request::Outcome;
use crate::effect::request::TokenWish;
use crate::model::account::Credentials;
use crate::model::account::Token;
use crate::model::entry::Entry;
use crate::model::entry::EpochRecord;
use crate::model::entry::Origin;
use crate::model::op::Halt;
use crate::model::op::KickReason;
use crate::model::op::Op;
use crate::model::peer::PeerSession;
use crate::model::position::Epoch;
use crate::model::position::Index;
use crate::model::position::OpId;
use crate::model::position::Position;
pub(crate) use crate::model::record::Record;
use crate::model::row::RecordKey;
use crate::stanza::Condition;
use crate::stanza::Stanza;

/// The time of an input.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Now {
    pub(crate) monotonic: Monotonic,
    pub(crate) wall: Timestamp,
}

/// What comes in.
#[derive(Debug)]
pub(crate) enum Input {
    /// A stream asks for what the account's password is checked against.
    LookUp {
        link: LinkId,
        account: BareJid,
        /// Whose token is of interest.
        device: Option<Box<str>>,
    },
    /// A stream that has proved who it is deals with its device's tokens.
    Token {
        link: LinkId,
        wish: TokenWish,
    },
    /// An authenticated stream wants a resource.
    Bind {
        link: LinkId,
        bind: Bind,
    },
    /// An authenticated stream wants to go on with a session (XEP-0198 section 5).
    Resume {
        link: LinkId,
        account: BareJid,
        key: SmKey,
        h: u32,
    },
    Stanza {
        link: LinkId,
        stanza: Arc<Stanza>,
    },
    /// A stanza that was answered on the way here: it is counted, and the answer, a whole stanza,
    /// takes its place in the order.
    PreAnswered {
        link: LinkId,
        answer: Option<Arc<[u8]>>,
    },
    /// XEP-0198 section 3.
    Enable {
        link: LinkId,
        is_resumable: bool,
        max_ms: Option<u64>,
    },
    /// A `<resume/>` where there is a session already (XEP-0198 section 5).
    Misplaced {
        link: LinkId,
    },
    /// The client has been silent for long: it is asked whether it is there.
    Silent {
        link: LinkId,
    },
    /// `<r/>`
    AckRequest {
        link: LinkId,
    },
    /// `<a/>`
    Ack {
        link: LinkId,
        h: u32,
    },
    /// XEP-0352.
    Activity {
        link: LinkId,
        active: bool,
    },
    /// The stream is over. Orderly: the client closed it, and with it the session.
    Closed {
        link: LinkId,
        orderly: bool,
    },
    Command {
        id: u64,
        command: Command,
    },
    /// Ready ops of the node itself, such as what has expired.
    Own {
        ops: Vec<Op>,
    },
    /// Time has passed.
    Tick,

    /// Everything at or below is on disk.
    Durable {
        upto: Position,
    },
    Loaded {
        key: RecordKey,
        record: Record,
    },
    /// `None`: the password is none that anybody could use (RFC 4013).
    Derived {
        ticket: Ticket,
        keys: Option<Arc<Credentials>>,
    },
    Answered {
        query: u64,
        found: Found,
        /// The tables knew everything at or below.
        upto: Index,
    },
    Fetched {
        session: SessionId,
        rows: Vec<Kept>,
    },
    /// The tables had no room; what they were given stays in the tail.
    NotCheckpointed,
    /// The tables hold everything at or below.
    Checkpointed {
        upto: Index,
    },

    /// From the sequencer elsewhere: an entry has its number.
    Numbered {
        entry: Arc<Entry>,
        ticket: Option<Ticket>,
    },
    /// From the sequencer elsewhere: a guard of this proposal does not hold any more.
    Rejected {
        ticket: Ticket,
        generation: u64,
    },

    /// This node numbers no more. What it has proposed and nobody has numbered goes out again, in
    /// order, in generation 0: a first one stops it, and what it proposes from then on counts for
    /// nothing; a second one begins an epoch.
    Follow,
    /// This node numbers from here on, in an epoch of its own that begins; `paired`: what it
    /// numbers is for the other node too.
    Lead {
        epoch: Epoch,
        paired: bool,
    },
    /// From the other node, where this one numbers.
    Proposed {
        ticket: Ticket,
        generation: u64,
        proposal: Arc<Proposal>,
        op_id: OpId,
        origin: Option<Origin>,
    },
    /// An entry of another branch, durable in this node's log.
    Merged {
        entry: Arc<Entry>,
    },
    /// The other node is not heard any more: its sessions may come back, or end.
    PeerGone,
    /// The other node, of which [`Input::PeerGone`] was said, has died, or is back without its sessions: this
    /// one goes on with them. Before `PeerSessions`, `Lead` or `Follow`.
    PeerDied,
    /// All sessions of the other node ([`Core::own_sessions`](crate::core::Core::own_sessions) over
    /// there, asked for once it is still), as both begin an epoch together: before `Lead` or `Follow`.
    PeerSessions {
        sessions: Vec<PeerSession>,
        lost: Vec<Option<SmKey>>,
    },
}

/// What goes out.
#[derive(Debug)]
pub(crate) enum Output {
    /// To the log; `Durable` tells when it is safe.
    Append {
        index: Index,
        position: Position,
        bytes: Vec<u8>,
    },
    /// To the sequencer elsewhere.
    Propose {
        ticket: Ticket,
        generation: u64,
        proposal: Arc<Proposal>,
        op_id: OpId,
        /// Goes into the entry, so that both logs hold the same.
        origin: Option<Origin>,
    },
    /// To the other node of a pair: this was numbered, for that ticket of its own if it asked.
    Ship {
        entry: Arc<Entry>,
        ticket: Option<Ticket>,
    },
    /// To the other node: a guard of its proposal does not hold. What it still sends of that
    /// generation is dropped.
    Reject {
        ticket: Ticket,
        generation: u64,
    },
    Load {
        key: RecordKey,
    },
    Derive {
        ticket: Ticket,
        password: Secret,
    },
    /// To the tables; the answer is united with the tail here.
    Ask {
        query: u64,
        asked: Arc<Query>,
        horizon: Horizon,
    },
    /// Kept messages by position.
    Fetch {
        session: SessionId,
        positions: Vec<Position>,
    },
    /// Delivered entries for the tables, in order.
    Checkpoint {
        entries: Vec<(Index, Arc<Entry>)>,
        epochs: Vec<EpochRecord>,
        upto: Index,
    },

    /// An administrator ends the server.
    Halt {
        halt: Halt,
    },
    Credentials {
        link: LinkId,
        found: Lookup,
    },
    /// The device's new token and its end, if there is one.
    Token {
        link: LinkId,
        given: Option<(String, Timestamp)>,
    },
    Bound {
        link: LinkId,
        bound: Result<FullJid, Option<Condition>>,
        /// Where the archive begins and ends, for a bind that catches up with it (XEP-0313).
        metadata: Option<Arc<[u8]>>,
    },
    Resumed {
        link: LinkId,
        jid: FullJid,
        key: SmKey,
        h: u32,
    },
    /// `h`: what is known of the session, if anything is.
    ResumeFailed {
        link: LinkId,
        h: Option<u32>,
    },
    /// There is something to write: [`Core::write`].
    Ready {
        link: LinkId,
    },
    /// To be written before the [`Output::End`] that follows.
    Last {
        link: LinkId,
        bytes: Vec<u8>,
    },
    /// The stream ends, with this stream error.
    End {
        link: LinkId,
        why: EndReason,
    },
    Answer {
        id: u64,
        outcome: Outcome,
    },
}

/// What authentication has to know of an account.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lookup {
    /// The account exists and is enabled.
    pub(crate) usable: bool,
    pub(crate) disabled: bool,
    pub(crate) keys: Option<Arc<Credentials>>,
    /// Of the device that asks.
    pub(crate) token: Option<Token>,
}

/// Why a stream is ended from here (RFC 6120 section 4.9.3).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum EndReason {
    /// Another stream took the resource or the session.
    Conflict,
    /// It holds more than the other sessions, and there is no memory left.
    Crowding,
    /// The client does not read, or floods.
    PolicyViolation,
    /// It acknowledged more than it got.
    HandledTooMuch { h: u32, sent: u32 },
    /// The account was deleted, disabled or got a new password.
    NotAuthorized,
    /// An administrator ended it; or it begins anew with the same session (`core::disowned`).
    Reset,
    /// The server stops.
    Shutdown,
}

impl From<KickReason> for EndReason {
    fn from(why: KickReason) -> Self {
        match why {
            KickReason::NotAuthorized => Self::NotAuthorized,
            KickReason::Ended => Self::Reset,
        }
    }
}
