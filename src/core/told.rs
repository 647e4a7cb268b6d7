//! All sessions of this node, for the other one: how they stand as both begin to serve together.

use std::sync::Arc;

use crate::base::ids::SmKey;
use crate::base::jid::BareJid;
use crate::base::mirror_limits::TOLD_ITEMS_MAX;
use crate::core::Core;
use crate::core::peer::device_in;
use crate::effect::sends::Item;
use crate::model::account::Online;
use crate::model::peer::PeerCount;
use crate::model::peer::PeerOccupancy;
use crate::model::peer::PeerSession;

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
