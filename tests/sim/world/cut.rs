//! A client's connection breaks, and a part of what was under way arrives.

use crate::client::Up;
use crate::world::World;

impl World {
    /// A connection breaks; the server does not know yet.
    pub(super) fn cut_one(&mut self) {
        let index = self.rng.index(self.devices.len());
        self.cut(index);
    }

    pub(super) fn cut(&mut self, index: usize) {
        let Some(id) = self.devices[index].link else {
            return;
        };
        self.faulted.clients += 1;
        self.note(|| format!("link {id}: cut"));
        let device = &self.devices[index];
        if device.stream.as_ref().is_none_or(|one| one.id.is_none()) {
            // Until it counts, what was written to it is taken.
            self.checker.may_lose_direct(&device.account);
        }
        self.devices[index].handle_cut();
        let now = self.now_ms();
        if let Some(link) = self.links.get_mut(&id) {
            link.is_cut = true;
            // A part of what was under way may still arrive, before the server sees that nobody will read the answer.
            let left = self.rng.index(link.up.len() + 1);
            link.up.truncate(left);
            let is_late = |up: &Up| matches!(up, Up::Stanza { .. } | Up::AskAck);
            let late = link.up.iter().position(|up| !is_late(up));
            link.up.truncate(late.unwrap_or(left));
            link.lives_until = now + [0, 0, 1_000, 10_000][self.rng.index(4)];
        }
    }

    pub(super) fn now_ms(&self) -> u64 {
        let alone = || self.machines[0].now_ms();
        self.net.as_ref().map_or_else(alone, |net| net.now)
    }
}
