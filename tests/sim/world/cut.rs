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
        if let Some(link) = self.links.get_mut(&id) {
            link.is_cut = true;
            // A part of what was under way may still arrive.
            let left = self.rng.index(link.up.len() + 1);
            link.up.truncate(left);
            let last: Vec<Up> = link.up.drain(..).collect();
            let board = link.board;
            if self.machines[board].wants_input(id) && !self.is_frozen(board) {
                self.arrive_late(board, id, last);
            }
        }
    }

    /// Read by the server before it sees that nobody will read the answer.
    fn arrive_late(&mut self, board: usize, id: u64, last: Vec<Up>) {
        for up in last {
            match up {
                Up::Stanza { text } => {
                    let taken = self.machines[board].stanza(id, &text);
                    debug_assert!(taken.is_ok(), "{text}");
                }
                Up::AskAck => {}
                Up::Bind | Up::Resume { .. } | Up::Enable | Up::Ack { .. } => return,
            }
        }
    }
}
