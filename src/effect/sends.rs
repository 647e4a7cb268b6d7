//! What delivery gives back: items for the sessions of this node.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::base::ids::SessionId;
use crate::base::jid::BareJid;
use crate::base::jid::FullJid;
use crate::model::codec::coded;
pub(crate) use crate::model::message::How;
use crate::model::op::Halt;
use crate::model::op::KickReason;
use crate::model::position::Position;
use crate::model::row::RowName;
use crate::stanza::outgoing::Outgoing;

/// Something for a session's queue.
#[derive(Clone, Debug)]
pub(crate) enum Item {
    /// A kept message, read from its row when it is written.
    Kept { position: Position, how: How },
    /// A kept message as a result of an archive query (XEP-0313 section 4.2).
    Result {
        position: Position,
        query: Arc<ResultOf>,
    },
    /// A whole stanza, as it stands.
    Bytes { bytes: Arc<[u8]> },
    /// A stanza of its own, shared by all who get it.
    Stanza { stanza: Arc<Outgoing> },
}

coded!(enum Item {
    1 => Kept { position, how },
    2 => Result { position, query },
    3 => Bytes { bytes },
    4 => Stanza { stanza },
});

/// The query that a result answers.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct ResultOf {
    pub(crate) query_id: Option<Box<str>>,
    /// Whose archive: results are from it, and its ids are under its name.
    pub(crate) archive: BareJid,
    /// Whether who reads may see who is behind a room's occupants.
    pub(crate) shows_senders: bool,
}

coded!(struct ResultOf { query_id, archive, shows_senders });

/// Items by session, in order; sessions of other nodes are for those to serve.
#[derive(Debug, Default)]
pub(crate) struct Sends {
    pub(crate) items: Vec<(SessionId, Item)>,
    /// Sessions that end with a stream error.
    pub(crate) ended: Vec<(SessionId, KickReason)>,
    /// Sessions that get what their account's devices have not taken yet (XEP-0160).
    pub(crate) replays: Vec<SessionId>,
    /// Services to be told that something waits for an account (XEP-0357).
    pub(crate) pushes: Vec<(BareJid, RowName)>,
    /// Sessions that get the last items of nodes (XEP-0163 section 4.3.4).
    pub(crate) lasts: Vec<LastItems>,
    /// The server ends.
    pub(crate) halt: Option<Halt>,
}

/// Who gets the last items of whose nodes; each owner is looked at by itself, because it may have to be loaded.
#[derive(Clone, Debug)]
pub(crate) struct LastItems {
    pub(crate) reader: FullJid,
    pub(crate) session: SessionId,
    pub(crate) owners: Vec<BareJid>,
    /// Of these nodes.
    pub(crate) nodes: Arc<BTreeSet<Box<str>>>,
}

impl Sends {
    pub(crate) fn kept(&mut self, session: SessionId, position: Position, how: How) {
        self.items.push((session, Item::Kept { position, how }));
    }

    pub(crate) fn stanza(&mut self, session: SessionId, stanza: &Arc<Outgoing>) {
        self.items.push((
            session,
            Item::Stanza {
                stanza: Arc::clone(stanza),
            },
        ));
    }

    pub(crate) fn replay(&mut self, session: SessionId) {
        self.replays.push(session);
    }

    pub(crate) fn end(&mut self, session: SessionId, why: KickReason) {
        self.ended.push((session, why));
    }
}
