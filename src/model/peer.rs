//! A session as its node tells the other one about it.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::base::ids::SessionId;
use crate::base::ids::SmKey;
use crate::base::jid::BareJid;
use crate::base::jid::FullJid;
use crate::base::jid::Jid;
use crate::base::time::Timestamp;
use crate::model::account::Present;
use crate::model::codec::coded;
use crate::model::message::How;
use crate::model::position::Epoch;
use crate::model::position::Position;
use crate::model::room::Nicks;
use crate::model::room::RoomRole;
use crate::model::room::Shown;

/// Streams of the other node that their clients were told are lost, `None`: it may be any of them. Told beside the
/// sessions, where each of those begins with its address.
#[derive(Clone, Debug)]
pub(crate) struct Lost {
    pub(crate) no_address: Box<str>,
    pub(crate) keys: Vec<Option<SmKey>>,
}

coded!(struct Lost { no_address, keys });

/// The level of the format that has them.
pub(crate) const LOST_LEVEL: u8 = 2;

/// All that the other node has to know of a session: how it stands, not how it came to be so.
#[derive(Clone, Debug)]
pub(crate) struct PeerSession {
    pub(crate) jid: FullJid,
    pub(crate) session: SessionId,
    pub(crate) node: u8,
    pub(crate) device: Option<Box<str>>,
    pub(crate) since: Timestamp,
    /// When it last became available or changed its presence.
    pub(crate) order: Position,
    pub(crate) presence: Option<Present>,
    pub(crate) carbons: bool,
    pub(crate) interested: bool,
    pub(crate) watches_blocks: bool,
    pub(crate) directed: BTreeSet<Jid>,
    pub(crate) rooms: Vec<PeerOccupancy>,
    /// Its stream and how many of its stanzas are handled, if it counts (XEP-0198).
    pub(crate) counted: Option<PeerCount>,
    /// The other node's, which has died; its client has not been heard of since.
    pub(crate) is_inherited: bool,
}

coded!(struct PeerSession {
    jid, session, node, device, since, order, presence, carbons, interested, watches_blocks, directed,
    rooms, counted, is_inherited,
});

/// A room that a session is in, and as whom.
#[derive(Clone, Debug)]
pub(crate) struct PeerOccupancy {
    pub(crate) room: BareJid,
    pub(crate) nick: Arc<str>,
    pub(crate) occupant_id: Arc<str>,
    pub(crate) silenced: Arc<Nicks>,
    pub(crate) role: RoomRole,
    pub(crate) shown: Arc<Shown>,
    /// When it said that.
    pub(crate) said: Position,
}

coded!(struct PeerOccupancy { room, nick, occupant_id, silenced, role, shown, said });

/// How far a stream was counted, and what its client has not counted.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct PeerCount {
    pub(crate) key: SmKey,
    pub(crate) h: u32,
    /// How long the session may sleep; `None`: it cannot be resumed.
    pub(crate) resume_ms: Option<u64>,
    /// Kept messages, in order; `None`: too many to be told.
    pub(crate) queue: Option<Vec<(Position, How)>>,
}

coded!(struct PeerCount { key, h, resume_ms, queue });

/// Since when a session is told of what, and what it was told late: a node that goes on with it tells it none of that
/// again.
#[derive(Clone, Debug, Default)]
pub(crate) struct Told {
    pub(crate) session: SessionId,
    /// From behind these entries on: what is for its own address, for its user, and copies.
    pub(crate) bound: Option<Position>,
    pub(crate) since: Option<Position>,
    pub(crate) copies_since: Option<Position>,
    /// It has what is in the past of this.
    pub(crate) has: Option<Epoch>,
    /// Of what came before, and is counted.
    pub(crate) late: Vec<Position>,
}

coded!(struct Told { session, bound, since, copies_since, has, late });

/// Where a session stands, as its node reports it again and again.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Report {
    pub(crate) session: SessionId,
    /// Stanzas handled.
    pub(crate) h: u32,
    /// What came into its queue with entries numbered before this one is written ..
    pub(crate) before: u64,
    /// .. when so many stanzas are,
    pub(crate) sent: u32,
    /// of which the client has counted so many.
    pub(crate) acked: u32,
    /// Requests that were handled without an entry, and who answers: that node alone knows what.
    pub(crate) asked: Vec<(Box<str>, Jid)>,
}

coded!(struct Report { session, h, before, sent, acked, asked });
