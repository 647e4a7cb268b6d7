//! What is in memory, for tests: beside the bounds that hold for it, and who is in a room.

use std::fmt;

use crate::base::jid::BareJid;
use crate::base::mirror_limits::COPIES_MAX;
use crate::base::mirror_limits::SHADOW_MARKS_MAX;
use crate::base::mirror_limits::SHADOW_VOLATILE_MAX;
use crate::core::Core;
use crate::core::limits::CoreLimits;
use crate::core::session::PARKED_MAX;
use crate::core::session::Session;

/// Something that is bounded.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measured {
    pub(crate) what: &'static str,
    pub(crate) held: usize,
    pub(crate) most: usize,
}

impl Measured {
    pub(crate) fn new(what: &'static str, held: usize, most: usize) -> Self {
        Self { what, held, most }
    }
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} of {}", self.what, self.held, self.most)
    }
}

impl Core {
    /// Against these bounds. `beside_bytes`: what may come into the tail while nobody is read any more.
    pub(crate) fn measured(&self, limits: &CoreLimits, beside_bytes: usize) -> [Measured; 7] {
        let sessions = || self.sessions.values();
        let open = sessions().map(|session| session.received.open).max();
        let parked = sessions().map(|session| session.parked.len()).max();
        let held = sessions().map(Session::held_bytes);
        let (volatile, marks) = self.peer.shadows.measured();
        let tail_max = limits.tail_bytes.saturating_mul(2);
        [
            Measured::new(
                "bytes that the tables do not hold",
                self.tail.bytes(),
                tail_max.saturating_add(beside_bytes),
            ),
            Measured::new(
                "inputs of one session under way",
                usize::try_from(open.unwrap_or(0)).unwrap_or(usize::MAX),
                usize::try_from(limits.open_max).unwrap_or(usize::MAX),
            ),
            // Its end comes behind what waits.
            Measured::new(
                "inputs of one session that wait",
                parked.unwrap_or(0),
                PARKED_MAX + 1,
            ),
            Measured::new("bytes in queues", held.sum(), limits.queue_bytes),
            Measured::new(
                "stanzas of one session of the other board that are not kept",
                volatile,
                SHADOW_VOLATILE_MAX,
            ),
            Measured::new(
                "reports of one session of the other board",
                marks,
                SHADOW_MARKS_MAX,
            ),
            Measured::new("messages that may be copies", self.copies.len(), COPIES_MAX),
        ]
    }

    /// Who is in a room by nickname, and whether each device still has the session that it came with.
    pub(crate) fn occupants(&self, room: &BareJid) -> Vec<(&str, bool)> {
        let state = &self.states.delivered;
        let room = state.rooms.get(room).into_iter();
        let occupants = room.flat_map(|room| &room.occupants);
        let occupants = occupants.map(|(nick, occupant)| {
            let account = state.accounts.get(&occupant.user);
            let is_there = occupant.devices.iter().all(|(jid, device)| {
                let online = account.and_then(|account| account.online.get(jid.resource()));
                online.is_some_and(|online| online.session == device.session)
            });
            (&**nick, is_there)
        });
        occupants.collect()
    }
}
