//! What a board has in memory, against the bounds it was made with; and whom it has in the room.

use std::collections::BTreeMap;

use crate::base::jid::BareJid;
use crate::base::mirror_limits::MIRROR_WINDOW_BYTES;
use crate::core::CoreLimits;
use crate::mirror::Mirror;
use crate::testing::sim::machine::Machine;
use crate::testing::sim::machine::ROOM;
use crate::testing::sim::machine::ROOMS_HOST;

/// What may come into memory while clients are not read any more: answers, presence, what the other board sends.
const BESIDE_BYTES: usize = 64 << 10;

impl Machine {
    /// Nothing is beyond its bound (invariant 19).
    pub fn check_bounds(&self) -> Result<(), String> {
        let Some(running) = &self.running else {
            return Ok(());
        };
        let limits = CoreLimits {
            tail_bytes: self.options.tail_bytes,
            ..CoreLimits::default()
        };
        let member = &running.member;
        let of_link = member.mirror().map(Mirror::measured).unwrap_or_default();
        // While they are connected, what is on its way to this disk comes on top.
        let beside_bytes = if of_link.is_empty() {
            BESIDE_BYTES
        } else {
            BESIDE_BYTES + MIRROR_WINDOW_BYTES
        };
        let of_core = member.engine.core.measured(&limits, beside_bytes);
        let mut all = of_core.into_iter().chain(of_link);
        match all.find(|one| one.held > one.most) {
            Some(one) => Err(format!("in memory beyond its bound: {one}")),
            None => Ok(()),
        }
    }

    /// Who is in the room, and whether the sessions behind each are there.
    pub fn occupants(&self) -> BTreeMap<String, bool> {
        let Ok(room) = BareJid::from_parts(Some(ROOM), ROOMS_HOST) else {
            return BTreeMap::new();
        };
        let running = self.running.iter();
        let occupants = running.flat_map(|running| running.member.engine.core.occupants(&room));
        let occupants = occupants.map(|(nick, is_there)| (format!("{room}/{nick}"), is_there));
        occupants.collect()
    }
}
