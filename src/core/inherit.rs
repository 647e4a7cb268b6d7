//! The other node has died while both served: this one goes on with its sessions (rule U7).
//!
//! They sleep here until their clients come. What a client has counted is not known to the last: it is told
//! by the client itself, and decides what it gets again (rule U6).

use crate::base::ids::SessionId;
use crate::base::ids::SmKey;
use crate::core::Core;
use crate::core::EndReason;
use crate::core::Output;
use crate::core::catch_up::CatchUp;
use crate::core::order::Place;
use crate::core::queue::Queue;
use crate::core::session::Ack;
use crate::core::session::Inherited;
use crate::core::session::Management;
use crate::core::session::Session;
use crate::core::session::reached;
use crate::core::shadow;
use crate::core::shadow::Shadow;
use crate::effect::records::records_of;
use crate::effect::sends::Item;
use crate::model::entry::Entry;
use crate::model::entry::Origin;
use crate::model::op::Op;
use crate::model::op::Soft;
use crate::model::peer::PeerCount;
use crate::model::peer::PeerSession;
use crate::model::peer::Report;
use crate::model::position::Position;
use crate::model::row::RecordKey;
use crate::stanza::IqType;

impl Session {
    /// The first stream here: what its client has not got comes first. Gives what it has got.
    pub(super) fn begin_inherited(&mut self, h: u32, doubts: Vec<(u32, Vec<Item>)>) -> Vec<Item> {
        let mut got = Vec::new();
        let mut again = Vec::new();
        for (sent, items) in doubts {
            let to = if reached(h, sent) {
                &mut got
            } else {
                &mut again
            };
            to.extend(items);
        }
        self.queue.begin_at(h, again);
        got
    }

    fn inherit(
        id: SessionId,
        (key, resume_ms): (SmKey, u64),
        shadow: Shadow,
        queue: Queue,
    ) -> Self {
        let (jid, h) = (shadow.jid.clone(), shadow.h);
        let (doubts, items) = shadow.into_items();
        let mut session = Self::asleep(id, jid, queue);
        session.management = Some(Management {
            key,
            resume_ms: Some(resume_ms),
            ack: Ack::None,
            asked: false,
        });
        session.received.count = h;
        session.received.handled = h;
        session.received.sure = h;
        session.queue.managed = true;
        for item in items {
            // It fitted over there.
            session.queue.push(item, false);
        }
        session.inherited = Some(Inherited {
            doubts,
            is_resumed: false,
        });
        session
    }
}

impl Core {
    /// The other node has died while both served, or is back without its sessions: those that can be resumed
    /// are this one's from here on, behind everything that is known of them (rule U14).
    pub(super) fn handle_peer_died(&mut self) {
        self.peer.has_died = true;
        let node = self.node;
        let moved = self.peer.shadows.resumable().map(|(session, jid)| {
            let jid = jid.clone();
            let moved = Soft::Moved { jid, session, node };
            (Position::ZERO, vec![Op::soft(moved)])
        });
        let moved: Vec<_> = moved.collect();
        self.take_over(None, &moved);
    }

    /// Whether the session behind this stream is to move here, behind what is in the line.
    pub(super) fn is_moving(&self, key: SmKey) -> bool {
        let Some(shadow) = self.peer.shadows.by_key(key) else {
            return false;
        };
        let moves =
            |op: &Op| matches!(op, Op::Soft { op: Soft::Moved { jid, .. } } if *jid == shadow.jid);
        let mut line = self.order.line.iter();
        self.peer.has_died
            && line.any(|place| match place {
                Place::Entry { entry, .. } => entry.ops.iter().any(moves),
                Place::Merged { .. } | Place::Answer { .. } => false,
            })
    }

    /// A session of the other node counts.
    pub(super) fn follow_managed(&mut self, id: SessionId, count: &PeerCount, is_all: bool) {
        self.peer.shadows.manage(id, count, is_all);
        let shadow = self.peer.shadows.get(id);
        let Some(shadow) = shadow.filter(|one| self.peer.has_died && one.is_resumable()) else {
            return;
        };
        // It stood in the line when its node died.
        let moved = Soft::Moved {
            jid: shadow.jid.clone(),
            session: id,
            node: self.node,
        };
        self.take_over(None, &[(Position::ZERO, vec![Op::soft(moved)])]);
    }

    /// A session has moved here or away.
    pub(super) fn follow_move(&mut self, id: SessionId, node: u8) {
        if node != self.node {
            return;
        }
        let Some(mut shadow) = self.peer.shadows.end(id) else {
            return;
        };
        let Some(stream) = shadow.key().zip(shadow.resume_ms) else {
            return;
        };
        let mut queue = Queue::new(self.limits.stanza_bytes);
        queue.tag = self.peer.tag;
        let told = std::mem::take(&mut shadow.told);
        let online = self.states.delivered.accounts.get(&shadow.jid.bare());
        let online = online.and_then(|account| account.online.get(shadow.jid.resource()));
        let wants_copies = online.is_some_and(|online| online.carbons);
        let mut session = Session::inherit(id, stream, shadow, queue);
        session.sleeps_until = Some(self.now.monotonic.plus_ms(stream.1));
        session.catch_up = CatchUp::moved(told, self.order.delivering, wants_copies);
        let bytes = session.held_bytes();
        self.holdings.add(bytes);
        self.keys.insert(stream.0, id);
        self.sessions.insert(id, session);
        self.touched.insert(id);
        self.find_pushes(id);
    }

    /// What came for a session of the other node.
    pub(super) fn shade(&mut self, id: SessionId, item: Item) {
        let tag = self.peer.tag;
        self.peer.shadows.push(id, tag, item);
    }

    /// The number of what is delivered now, by which both nodes know it.
    pub(super) fn follow_tag(&mut self, entry: &Entry) {
        if self.peer.epoch == Some(entry.position.epoch()) {
            self.peer.tag = entry.position.seq();
        }
    }

    /// What the node that died had numbered for a session comes after the session itself (rule U14).
    pub(super) fn follow_inherited(&mut self, entry: &Entry) {
        let Some(Origin { key, h, .. }) = &entry.origin else {
            return;
        };
        let session = self.keys.get(key).and_then(|id| self.sessions.get_mut(id));
        let waits = |session: &&mut Session| {
            let inherited = session.inherited.as_ref();
            inherited.is_some_and(|one| !one.is_resumed) && !reached(session.received.handled, *h)
        };
        if let Some(session) = session.filter(waits) {
            session.received.count = *h;
            session.received.handled = *h;
            session.received.sure = *h;
        }
    }

    /// The client behind an entry has a session at the other node: how far it is counted, and what it is answered.
    pub(super) fn follow_origin(&mut self, entry: &Entry) {
        let Some(Origin { key, h, iq, .. }) = &entry.origin else {
            return;
        };
        let Some(session) = self.peer.shadows.count(*key, *h) else {
            return;
        };
        if let Some(id) = iq {
            let own = self.peer.shadows.get(session).map(|one| one.jid.bare());
            let room = records_of(&entry.ops)
                .into_iter()
                .find_map(|key| match key {
                    RecordKey::Room { jid } => Some(jid),
                    RecordKey::Leaf { leaf } if leaf.is_of_service() => Some(leaf.owner),
                    RecordKey::Leaf { .. } | RecordKey::Account { .. } | RecordKey::Node => None,
                });
            if let Some(by) = room.or(own) {
                self.shade_answer(session, (id, by.to_jid()), IqType::Result, Vec::new());
            }
        }
    }

    /// What a session of the other node left unread goes to the same one here as there.
    pub(super) fn end_shadow(&mut self, id: SessionId) {
        let Some(shadow) = self.peer.shadows.end(id) else {
            return;
        };
        let account = shadow.jid.bare();
        let Some(record) = self.states.delivered.accounts.get(&account) else {
            return;
        };
        let Some((heir, node)) = self.heir(record, &shadow.jid) else {
            return;
        };
        if node == self.node {
            return;
        }
        let untaken = record.untaken.clone();
        let (doubts, rest) = shadow.into_items();
        let doubts = doubts.into_iter().flat_map(|(_, items)| items);
        for item in doubts.chain(rest) {
            if let Item::Kept { position, .. } = item
                && untaken.contains(&position)
                && !self.peer.shadows.holds(heir, position)
            {
                self.shade(heir, shadow::kept_late(position));
            }
        }
    }

    /// The stream counts from here on: the other node hears of it before anything that it counts.
    pub(super) fn tell_managed(&mut self, session: SessionId, key: SmKey, resume_ms: Option<u64>) {
        if !self.peer.is_there {
            if self.order.is_paired {
                self.peer.enabled.push(session);
            }
            return;
        }
        let count = PeerCount {
            key,
            h: 0,
            resume_ms,
            queue: None,
        };
        let is_all = false;
        self.tell(Soft::Managed {
            session,
            count,
            is_all,
        });
    }

    /// An epoch of both begins: entries are numbered anew, and all is told anew.
    pub(super) fn begin_reports(&mut self) {
        self.peer.is_there = true;
        self.peer.has_died = false;
        self.peer.epoch = self.states.epochs.newest();
        self.peer.tag = 0;
        self.peer.reports.forget();
        self.peer.shadows.renew();
        let ids: Vec<SessionId> = self.sessions.keys().copied().collect();
        for id in ids.iter().copied() {
            if let Some(session) = self.sessions.get_mut(&id) {
                session.queue.reset_tags();
                session.reported = Report::default();
            }
            self.note_report(id);
        }
        for id in std::mem::take(&mut self.peer.enabled) {
            let session = self.sessions.get(&id);
            let management = session.and_then(|session| session.management.as_ref());
            if let Some((key, resume_ms)) = management.map(|one| (one.key, one.resume_ms)) {
                self.tell_managed(id, key, resume_ms);
            }
        }
        self.tell_told(&ids);
        self.all_catch_up();
    }

    /// Both go on with one session, because one of them was wrong about the other. It stays where its client
    /// is; `true`: here.
    pub(super) fn keeps(&mut self, told: &PeerSession) -> bool {
        let Some(own) = self.sessions.get(&told.session) else {
            return false;
        };
        let is_unused = own.inherited.as_ref().is_some_and(|one| !one.is_resumed);
        if told.is_inherited || own.inherited.is_some() && !is_unused {
            return true;
        }
        let (id, link) = (own.id, own.link);
        if let Some(key) = own.management.as_ref().map(|one| one.key) {
            self.keys.remove(&key);
        }
        if let Some(link) = link {
            self.links.remove(&link);
            let why = EndReason::Conflict;
            self.outputs.push_back(Output::End { link, why });
        }
        self.sessions.remove(&id);
        self.peer.shadows.begin(id, &told.jid);
        false
    }
}
