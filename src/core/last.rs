//! Who came gets the last items of the nodes that it wants to hear of, one owner after the other.

use std::collections::VecDeque;

use crate::core::Core;
use crate::core::order::Asked;
use crate::effect::sends::LastItems;
use crate::model::op::Op;
use crate::model::op::Soft;

/// Owners that are looked at together: records are loaded for each, and must not push out each other's.
const OWNERS_OPEN_MAX: usize = 8;

/// Sessions that wait for last items: at most one wish each, and those of contacts that are new.
pub(crate) type LastQueue = VecDeque<LastItems>;

impl Core {
    pub(super) fn want_last(&mut self, wish: LastItems) {
        if self.sessions.contains_key(&wish.session) && !wish.owners.is_empty() {
            self.lasts.push_back(wish);
        }
    }

    /// Some owners at a time, the sessions taking turns.
    pub(super) fn ask_last(&mut self) {
        if self.lasts.is_empty() {
            return;
        }
        while self.lasts_open() < OWNERS_OPEN_MAX {
            let Some(mut wish) = self.lasts.pop_front() else {
                return;
            };
            let owner = wish.owners.pop();
            let is_here = self.sessions.contains_key(&wish.session);
            let Some(owner) = owner.filter(|_| is_here) else {
                continue;
            };
            let step = LastItems {
                owners: vec![owner],
                ..wish.clone()
            };
            if !wish.owners.is_empty() {
                self.lasts.push_back(wish);
            }
            self.open(Asked::Last { wish: step }, None, None);
        }
    }

    /// The boards have met: the other one goes on with a session of this node where this one dies.
    pub(super) fn tell_interests(&mut self) {
        let accounts = self.states.delivered.accounts.values();
        let online = accounts.flat_map(|account| account.online.values());
        let own = online.filter(|online| online.node == self.node);
        let ops: Vec<Op> = own
            .filter_map(|online| {
                let interests = online.interests.clone()?;
                let jid = online.jid.clone();
                Some(Op::soft(Soft::Interests { jid, interests }))
            })
            .collect();
        for op in ops {
            self.open(Asked::Own { ops: vec![op] }, None, None);
        }
    }

    fn lasts_open(&self) -> usize {
        let open = self.order.open.values();
        open.filter(|open| matches!(open.asked, Asked::Last { .. }))
            .count()
    }
}
