//! All sessions of this node, for the other one: how they stand as both begin to serve together.

use std::sync::Arc;

use crate::base::ids::SessionId;
use crate::base::ids::SmKey;
use crate::base::jid::BareJid;
use crate::base::mirror_limits::TOLD_ITEMS_MAX;
use crate::base::mirror_limits::TOLD_SESSIONS_MAX;
use crate::core::Core;
use crate::core::peer::device_in;
use crate::effect::sends::Item;
use crate::model::account::Online;
use crate::model::op::Soft;
use crate::model::peer::PeerCount;
use crate::model::peer::PeerOccupancy;
use crate::model::peer::PeerSession;
use crate::model::peer::Told;

impl Core {
    /// Streams of the other node that were called lost here.
    pub(crate) fn lost_streams(&self) -> Vec<Option<SmKey>> {
        self.peer.disowned.told().collect()
    }

    /// All sessions of this node, for the other one.
    pub(crate) fn own_sessions(&self) -> Vec<PeerSession> {
        let accounts = self.states.delivered.accounts.values();
        let online = accounts.flat_map(|account| account.online.values());
        let mut room = TOLD_ITEMS_MAX;
        online
            .filter(|online| online.node == self.node)
            .map(|online| self.told(online, &mut room))
            .collect()
    }

    /// What these sessions were told, for a node that goes on with them.
    pub(super) fn tell_told(&mut self, ids: &[SessionId]) {
        let mut room = TOLD_ITEMS_MAX;
        let sessions = ids.iter().filter_map(|id| self.sessions.get(id));
        let resumable = sessions.filter(|session| session.management.is_some());
        let all = resumable.filter_map(|session| {
            let told = session
                .catch_up
                .to_tell(session.id, &session.queue.positions());
            room = room.checked_sub(told.late.len())?;
            told.bound.is_some().then_some(told)
        });
        let all: Vec<Told> = all.collect();
        for sessions in all.chunks(TOLD_SESSIONS_MAX) {
            let sessions = sessions.to_vec();
            self.tell(Soft::Told { sessions });
        }
    }

    /// `room`: so many kept messages may still be told.
    fn told(&self, online: &Online, room: &mut usize) -> PeerSession {
        let occupancy = |jid: &BareJid| {
            let room = self.states.delivered.rooms.get(jid)?;
            let (nick, occupant, device) = device_in(room, &online.jid)?;
            Some(PeerOccupancy {
                room: jid.clone(),
                nick,
                occupant_id: Arc::clone(&occupant.id),
                silenced: Arc::clone(&occupant.silenced),
                role: occupant.role,
                shown: Arc::clone(&device.shown),
                said: device.said,
            })
        };
        let session = self.sessions.get(&online.session);
        let counted = session.and_then(|session| {
            let management = session.management.as_ref()?;
            let inherited = session.inherited.iter();
            let doubts = inherited.flat_map(|inherited| &inherited.doubts);
            let doubts = doubts.flat_map(|(_, items)| items);
            let doubts = doubts.filter_map(|item| match item {
                Item::Kept { position, how } => Some((*position, *how)),
                _ => None,
            });
            let queue: Vec<_> = doubts.chain(session.queue.kept()).collect();
            let is_fit = queue.len() <= *room;
            *room = room.saturating_sub(if is_fit { queue.len() } else { 0 });
            Some(PeerCount {
                key: management.key,
                h: session.received.handled,
                resume_ms: management.resume_ms,
                queue: is_fit.then_some(queue),
            })
        });
        let inherited = session.and_then(|session| session.inherited.as_ref());
        PeerSession {
            jid: online.jid.clone(),
            session: online.session,
            node: online.node,
            device: online.device.clone(),
            since: online.since,
            order: online.order,
            presence: online.presence.clone(),
            carbons: online.carbons,
            interested: online.interested,
            watches_blocks: online.watches_blocks,
            directed: online.directed.clone(),
            rooms: online.rooms.iter().filter_map(occupancy).collect(),
            counted,
            is_inherited: inherited.is_some_and(|inherited| !inherited.is_resumed),
        }
    }
}
