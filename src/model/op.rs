//! Operations: every change there is, durable or volatile, as absolute values.
//!
//! Applying an op needs no policy and no older version of the program: it says what holds
//! afterwards, not what was asked. One input makes at most one entry; an entry is its ops.

use std::sync::Arc;

use crate::base::ids::SessionId;
use crate::base::ids::SmKey;
use crate::base::jid::BareJid;
use crate::base::jid::FullJid;
use crate::base::jid::Jid;
use crate::base::time::Timestamp;
use crate::model::account::Present;
use crate::model::codec::coded;
use crate::model::message::Message;
use crate::model::message::Owner;
use crate::model::message::Place;
use crate::model::peer::PeerCount;
use crate::model::peer::Report;
use crate::model::peer::Told;
use crate::model::position::Epoch;
use crate::model::position::Position;
use crate::model::position::subs;
use crate::model::pubsub::Interests;
use crate::model::pubsub::LeafKey;
use crate::model::pubsub::NodeEvent;
use crate::model::retraction::Retraction;
use crate::model::room::RoomChange;
use crate::model::row::RecordKey;
use crate::model::row::Row;
use crate::model::row::RowName;
use crate::stanza::outgoing::Outgoing;

/// One change.
#[derive(Clone, Debug)]
pub(crate) enum Op {
    /// It survives a restart.
    Durable { op: Durable },
    /// It is numbered like everything else, but written nowhere; recovery does not know it.
    Soft { op: Soft },
}

coded!(enum Op { 0 => Durable { op }, 1 => Soft { op } });

/// What is written to the log and applied to the tables.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Durable {
    /// The row has this value from now on; `None` removes it.
    Row {
        record: RecordKey,
        name: RowName,
        row: Option<Row>,
    },
    /// The message is kept in these places, under the entry's position.
    Message {
        message: Arc<Message>,
        places: Vec<Place>,
    },
    /// Nothing at or below `upto` is kept in this archive any more.
    Expire { owner: Owner, upto: Position },
    /// All rows and archives of the record go, in bounded steps.
    Sweep { record: RecordKey },
    /// These rows were removed, and nobody has to know any more.
    Forget {
        record: RecordKey,
        names: Vec<RowName>,
    },
    /// A message of these archives is taken back.
    Retract {
        retraction: Arc<Retraction>,
        places: Vec<Place>,
    },
}

coded!(enum Durable {
    1 => Row { record, name, row },
    2 => Message { message, places },
    3 => Expire { owner, upto },
    4 => Sweep { record },
    5 => Forget { record, names },
    40 => Retract { retraction, places },
});

/// What lives in memory only and belongs to the node that has the socket.
#[derive(Clone, Debug)]
pub(crate) enum Soft {
    /// A session exists from here on; what was numbered before is not for it.
    Bind {
        jid: FullJid,
        session: SessionId,
        node: u8,
        /// The installation of the client, if it named itself.
        device: Option<Box<str>>,
        since: Timestamp,
    },
    /// The session is gone, and so is all that it owned; `status` as in its last presence.
    Unbind {
        jid: FullJid,
        session: SessionId,
        status: Option<Arc<[u8]>>,
    },
    /// The resource's presence for all; `None`: unavailable, with what it said.
    Presence {
        jid: FullJid,
        presence: Option<Present>,
        said: Arc<Outgoing>,
    },
    /// Presence to one address (RFC 6121 section 4.6), remembered so that the end can be told.
    Directed {
        jid: FullJid,
        to: Jid,
        available: bool,
        said: Arc<Outgoing>,
    },
    /// What the session asked for.
    Wants { jid: FullJid, want: Want, on: bool },
    /// A stanza to be routed at its place in the order.
    Route { stanza: Arc<Outgoing>, to: Jid },
    /// A change among the occupants of a room, or a message that is not kept.
    Room {
        room: BareJid,
        change: Arc<RoomChange>,
    },
    /// Sessions of the account end with a stream error.
    Kick {
        account: BareJid,
        whom: Kicked,
        why: KickReason,
    },
    /// Everybody who is available gets this (XEP-0133 section 4.23).
    Announce { stanza: Arc<Outgoing> },
    /// Kept messages that a session got first and did not take, for another of the account.
    Handed {
        session: SessionId,
        positions: Vec<Position>,
    },
    /// A client asks this node for a stream that it does not have: the other one ends its session.
    Recall {
        account: BareJid,
        key: SmKey,
        node: u8,
    },
    /// The stream is over, with this count.
    Recalled { key: SmKey, h: Option<u32> },
    /// The session counts (XEP-0198). `is_all`: what its client has not counted is told, too.
    Managed {
        session: SessionId,
        count: PeerCount,
        is_all: bool,
    },
    /// How sessions of the node stand, in an epoch of both.
    Reports {
        node: u8,
        number: u64,
        epoch: Epoch,
        reports: Vec<Report>,
    },
    /// The other node knows.
    Reported { node: u8, number: u64 },
    /// The session goes on at this node.
    Moved {
        jid: FullJid,
        session: SessionId,
        node: u8,
    },
    /// What the session wants to hear of (XEP-0163 section 4.3.2).
    Interests { jid: FullJid, interests: Interests },
    /// What everybody wants to hear of who runs this version of a program (XEP-0115).
    Caps { interests: Interests },
    /// Something happened to a node of publish-subscribe.
    Node { leaf: LeafKey, event: NodeEvent },
    /// What sessions of one node were told, for the other one.
    Told { sessions: Vec<Told> },
    /// An administrator ends the server, both boards of a pair.
    Halt { halt: Halt },
    /// Who delivers the entry reads this record, although nothing in it changes.
    Reads { record: RecordKey },
}

coded!(enum Soft {
    1 => Bind { jid, session, node, device, since },
    2 => Unbind { jid, session, status },
    3 => Presence { jid, presence, said },
    4 => Directed { jid, to, available, said },
    5 => Wants { jid, want, on },
    6 => Route { stanza, to },
    7 => Room { room, change },
    8 => Kick { account, whom, why },
    9 => Announce { stanza },
    10 => Handed { session, positions },
    11 => Recall { account, key, node },
    12 => Recalled { key, h },
    13 => Managed { session, count, is_all },
    14 => Reports { node, number, epoch, reports },
    15 => Reported { node, number },
    16 => Moved { jid, session, node },
    30 => Interests { jid, interests },
    31 => Caps { interests },
    32 => Node { leaf, event },
    33 => Told { sessions },
    150 => Halt { halt },
    240 => Reads { record },
});

/// The end of the server (XEP-0133 sections 4.30 and 4.31).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Halt {
    pub(crate) delay_ms: u64,
    /// It begins anew.
    pub(crate) again: bool,
}

coded!(struct Halt { delay_ms, again });

/// Which sessions of an account end.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Kicked {
    All,
    /// All but the one that asked for it.
    Others {
        session: SessionId,
    },
    /// The one with this resource.
    Resource {
        resource: Box<str>,
    },
}

coded!(enum Kicked { 0 => All, 1 => Others { session }, 2 => Resource { resource } });

/// A switch of a session that delivery looks at.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Want {
    /// Message carbons (XEP-0280).
    Carbons,
    /// Roster pushes.
    Roster,
    /// Block list pushes.
    Blocks,
}

coded!(enum Want { 0 => Carbons, 1 => Roster, 2 => Blocks });

/// Why the sessions of an account end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum KickReason {
    /// The account is deleted, disabled or has a new password.
    NotAuthorized,
    /// An administrator ended the session (XEP-0133 section 4.5).
    Ended,
}

coded!(enum KickReason { 0 => NotAuthorized, 1 => Ended });

impl Op {
    pub(crate) fn row(record: RecordKey, name: RowName, row: Option<Row>) -> Self {
        Self::Durable {
            op: Durable::Row { record, name, row },
        }
    }

    pub(crate) fn soft(op: Soft) -> Self {
        Self::Soft { op }
    }

    pub(crate) fn is_durable(&self) -> bool {
        matches!(self, Self::Durable { .. })
    }
}

/// Each op with its number in the entry, the last part of its position.
///
/// Durable ops alone are counted, because the log keeps no others: what is read back after a crash
/// has the positions, and so the stanza ids, that clients have seen.
pub(crate) fn numbered(ops: &[Op]) -> impl Iterator<Item = (u8, &Op)> {
    let mut durable = subs().peekable();
    ops.iter().map(move |op| {
        let sub = durable.peek().copied().unwrap_or(u8::MAX);
        if op.is_durable() {
            durable.next();
        }
        (sub, op)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::entry::Entry;
    use crate::model::position::Hlc;
    use crate::model::position::OpId;

    fn kept() -> Op {
        Op::row(RecordKey::Node, RowName::VCard, None)
    }

    fn volatile() -> Op {
        let jid = FullJid::parse("a@b/c").unwrap();
        Op::soft(Soft::Wants {
            jid,
            want: Want::Carbons,
            on: true,
        })
    }

    #[test]
    fn a_durable_op_keeps_its_number_when_the_volatile_ones_are_forgotten() {
        let entry = Entry {
            position: Position::ZERO,
            stamp: Hlc::default(),
            op_id: OpId::default(),
            origin: None,
            ops: vec![volatile(), kept(), volatile(), kept()],
        };
        let of = |entry: &Entry| -> Vec<u8> {
            let durable = numbered(&entry.ops).filter(|(_, op)| op.is_durable());
            durable.map(|(sub, _)| sub).collect()
        };
        let mut bytes = Vec::new();
        entry.encode(&mut bytes);
        assert_eq!(of(&entry), [0, 1]);
        assert_eq!(of(&Entry::decode(&bytes).unwrap()), [0, 1]);
    }
}
