//! Tickets and the line: what is numbered, what is committed, what waits for which.
//!
//! Every input that was evaluated has a ticket. What changes something is numbered and stands in
//! the line until it is committed; what only answers stands there too, if it has to wait for
//! something before it. The line is delivered from the front, so its order is the order of
//! everything anybody sees.

use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::sync::Arc;

use crate::base::ids::SessionId;
use crate::base::ids::SmKey;
use crate::base::ids::Ticket;
use crate::base::jid::BareJid;
use crate::base::jid::FullJid;
use crate::core::session::LinkId;
use crate::effect::proposal::Proposal;
use crate::effect::request::Command;
use crate::effect::request::Request;
use crate::effect::request::TokenWish;
use crate::effect::sends::LastItems;
use crate::model::account::Credentials;
use crate::model::entry::Entry;
use crate::model::op::Op;
use crate::model::position::Epoch;
use crate::model::position::Hlc;
use crate::model::position::OpId;
use crate::model::position::Position;
use crate::model::row::RecordKey;
use crate::model::row::RowName;
use crate::stanza::Condition;

/// An input under way.
#[derive(Clone, Debug)]
pub(crate) struct Open {
    pub(crate) asked: Asked,
    /// The session whose order it keeps.
    pub(crate) source: Option<SessionId>,
    /// The stream it came on and its number there, if the client counts. Kept here because an
    /// entry may be numbered after its session is gone.
    pub(crate) counted: Option<(SmKey, u32)>,
    pub(crate) op_id: OpId,
    /// The same at every evaluation of this input.
    pub(crate) random: [u8; 32],
    pub(crate) derived: Option<Arc<Credentials>>,
    /// The password that was to be derived is none.
    pub(crate) is_unusable: bool,
    pub(crate) proposal: Option<Arc<Proposal>>,
    /// The proposal went out under this generation and is not numbered yet.
    pub(crate) proposed: bool,
    /// The log has its durable ops: the other node had numbered it before the link broke.
    pub(crate) is_numbered: bool,
    /// Why it was refused, if it was.
    pub(crate) refused: Option<Condition>,
    /// How often the sequencer elsewhere has rejected it.
    pub(crate) rejections: u8,
}

/// What an input asks.
#[derive(Clone, Debug)]
pub(crate) enum Asked {
    Stanza {
        request: Request,
    },
    Bind {
        link: LinkId,
        bind: Bind,
    },
    Resume {
        link: LinkId,
        account: BareJid,
        key: SmKey,
        h: u32,
    },
    LookUp {
        link: LinkId,
        account: BareJid,
        device: Option<Box<str>>,
    },
    Token {
        link: LinkId,
        wish: TokenWish,
    },
    End {
        session: SessionId,
    },
    /// The end of a session of a node that is away.
    Gone {
        jid: FullJid,
        session: SessionId,
    },
    Answered {
        answer: Option<Arc<[u8]>>,
    },
    Command {
        id: u64,
        command: Command,
    },
    /// The core's own: rooms that may be over.
    Emptied {
        rooms: Vec<BareJid>,
    },
    /// The core's own: the last items of one owner's nodes.
    Last {
        wish: LastItems,
    },
    /// The core's own: two were given the name of the record.
    Rescue {
        record: RecordKey,
    },
    /// The core's own: ready ops.
    Own {
        ops: Vec<Op>,
    },
    /// The core's own: a push service is told (XEP-0357).
    Notify {
        user: BareJid,
        name: RowName,
        count: u32,
    },
}

/// A resource that an authenticated stream wants (RFC 6120 section 7).
#[derive(Clone, Debug)]
pub(crate) struct Bind {
    pub(crate) account: BareJid,
    pub(crate) resource: WantedResource,
    /// An older session of this installation ends (XEP-0386 section 3.2).
    pub(crate) device: Option<Box<str>>,
    /// Carbons from the start (XEP-0386 section 4).
    pub(crate) carbons: bool,
    /// The client archives for itself: what is kept offline is not replayed (XEP-0386 section 3).
    pub(crate) catches_up: bool,
}

/// Which resource a stream wants.
#[derive(Clone, Debug)]
pub(crate) enum WantedResource {
    /// The server's choice (RFC 6120 section 7.6).
    Any,
    /// The client's choice (RFC 6120 section 7.7).
    Named { resource: Box<str> },
    /// The server's choice behind the client's tag (XEP-0386 section 3.2.1).
    Tagged { tag: Box<str> },
}

/// A place in the line.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    /// A numbered entry, and the ticket of the input behind it if that is of this node.
    Entry {
        entry: Arc<Entry>,
        ticket: Option<Ticket>,
        /// What its ops change.
        records: Vec<RecordKey>,
    },
    /// An entry of another branch, durable here; the ticket as above.
    Merged {
        entry: Arc<Entry>,
        ticket: Option<Ticket>,
        records: Vec<RecordKey>,
    },
    /// An input of this node that changes nothing and answers after what stands before it.
    Answer { ticket: Ticket },
}

/// Who numbers.
#[derive(Debug)]
pub(crate) enum Sequencer {
    /// This node: the next entry gets the next number at once.
    Here { epoch: Epoch, seq: u64 },
    /// Another node: proposals go there and come back numbered. A rejection begins a new
    /// generation; what still carries the old one is dropped there.
    There { generation: u64 },
}

/// The order of inputs.
#[derive(Debug)]
pub(crate) struct Order {
    pub(crate) sequencer: Sequencer,
    /// Another node has sessions, and is given every entry.
    pub(crate) is_paired: bool,
    pub(crate) stamp: Hlc,
    pub(crate) open: BTreeMap<Ticket, Open>,
    /// Not numbered yet (only where the sequencer is elsewhere), answers in between included.
    pub(crate) proposed: VecDeque<Ticket>,
    pub(crate) line: VecDeque<Place>,
    /// Everything at or below is on disk (on both disks, in a pair).
    pub(crate) committed: Position,
    /// What is being delivered of the line, or was last, of what is in the log.
    pub(crate) delivering: Position,
    next_ticket: Ticket,
    /// Source of op ids made here: `(node, boot salt)`.
    op_source: u128,
    next_op: u64,
}

impl Order {
    pub(crate) fn new(sequencer: Sequencer, stamp: Hlc, op_source: u128) -> Self {
        Self {
            is_paired: matches!(sequencer, Sequencer::There { .. }),
            sequencer,
            stamp,
            open: BTreeMap::new(),
            proposed: VecDeque::new(),
            line: VecDeque::new(),
            committed: Position::ZERO,
            delivering: Position::ZERO,
            next_ticket: Ticket(1),
            op_source,
            next_op: 1,
        }
    }

    /// Up to here all is on disk and delivered.
    pub(crate) fn begin_at(&mut self, position: Position) {
        self.committed = position;
        self.delivering = position;
    }

    pub(crate) fn ticket(&mut self, open: Open) -> Ticket {
        let ticket = self.next_ticket;
        self.next_ticket = ticket.next();
        self.open.insert(ticket, open);
        ticket
    }

    /// A fresh op id of this node (rule R8: it contains the boot's salt).
    pub(crate) fn op_id(&mut self) -> OpId {
        let number = self.next_op;
        self.next_op = number.saturating_add(1);
        OpId {
            source: self.op_source,
            number,
        }
    }

    /// A session's number: sessions outlive the boot of their node, at the other one.
    pub(crate) fn session_id(&self, node: u8, ticket: Ticket) -> SessionId {
        let salt = u64::try_from(self.op_source & 0xf_ffff).unwrap_or_default();
        let count = ticket.0 & 0xf_ffff_ffff;
        SessionId(u64::from(node) << 56 | salt << 36 | count)
    }

    /// Whether nothing stands before what comes now.
    pub(crate) fn is_clear(&self) -> bool {
        self.line.is_empty() && self.proposed.is_empty()
    }

    /// Whether this node numbers.
    pub(crate) fn is_leading(&self) -> bool {
        matches!(self.sequencer, Sequencer::Here { .. })
    }

    /// The next number, where this node gives it.
    pub(crate) fn number(&mut self) -> Option<Position> {
        match &mut self.sequencer {
            Sequencer::Here { epoch, seq } => {
                *seq = seq.saturating_add(1);
                Some(Position::new(*epoch, *seq, 0))
            }
            Sequencer::There { .. } => None,
        }
    }

    /// Whether the front of the line may be delivered.
    pub(crate) fn front_is_committed(&self) -> bool {
        match self.line.front() {
            None => false,
            Some(Place::Answer { .. } | Place::Merged { .. }) => true,
            Some(Place::Entry { entry, .. }) => {
                !entry.is_durable() || entry.position <= self.committed
            }
        }
    }
}
