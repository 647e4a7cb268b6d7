//! Files that users upload (XEP-0363): a slot from one board, the file to whichever serves, and what was answered.

use std::collections::BTreeMap;

use crate::client::Outgoing;
use crate::world::World;

/// Files that are under way to a board: the board, the account and the name.
pub(super) type Puts = BTreeMap<u64, (usize, String, String)>;

impl World {
    /// Asks for a slot.
    pub(super) fn ask_slot(number: u64) -> Outgoing {
        let id = format!("u{number}");
        let text = format!(
            "<iq type='get' id='{id}' to='upload.sim.example'>\
             <request xmlns='urn:xmpp:http:upload:0' filename='{id}' size='10'/></iq>"
        );
        Outgoing { body: None, text }
    }

    /// A device that has a slot uses it, with a connection of its own.
    pub(super) fn put_file(&mut self, index: usize) {
        if self.devices[index].slots.is_empty() {
            return;
        }
        let Some(board) = self
            .board_for(index)
            .filter(|board| !self.is_frozen(*board))
        else {
            return;
        };
        let device = &mut self.devices[index];
        let Some((name, url)) = device.slots.pop() else {
            return;
        };
        let account = device.account.clone();
        let id = self.next_op;
        self.next_op += 1;
        self.note(|| format!("{account} gives {name} to {board}"));
        self.taken.note(&name);
        self.puts.insert(id, (board, account, name.clone()));
        self.machines[board].put(id, &url, &name);
    }

    /// The board answers, with 201 or not.
    pub(super) fn see_put(&mut self, id: u64, is_kept: bool) {
        let Some((board, account, name)) = self.puts.remove(&id).filter(|_| is_kept) else {
            return;
        };
        let is_durable = self.is_blind || self.machines[board].is_durable(&name);
        if !is_durable {
            self.broken = Some(format!("{name} had 201 before it was on the disk"));
        } else if let Err(broken) = self.check_on_both_if_paired(board, &name) {
            self.broken = Some(broken);
        }
        self.checker.kept(&account, &name);
    }
}
