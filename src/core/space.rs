//! Who waits until the log has room.
//!
//! A log makes its next segment while it writes the one before. Clients of a slow disk may be faster than that; what
//! finds no room then waits, as room comes by itself, and others are read on. Only where none is on its way (the disk
//! is full, the tables take nothing) is it refused ([`Core::within_bounds`]).

use std::collections::VecDeque;

use crate::base::ids::Ticket;
use crate::base::limits::LOG_RECORD_BYTES_MAX;
use crate::core::Core;
use crate::core::bounds::cost_bytes;
use crate::effect::proposal::Proposal;
use crate::model::op::Op;
use crate::model::position::Index;

/// What the log takes, and who waits for it.
#[derive(Debug)]
pub(crate) struct Space {
    /// Bytes that it takes for sure.
    pub(super) credit: u64,
    /// Its longest record may find no room.
    pub(super) is_tight: bool,
    /// There will be more without anybody's doing.
    is_growing: bool,
    /// In their order, and what each takes.
    waiting: VecDeque<(Ticket, u64)>,
}

impl Default for Space {
    fn default() -> Self {
        Self {
            credit: u64::MAX,
            is_tight: false,
            is_growing: false,
            waiting: VecDeque::new(),
        }
    }
}

impl Space {
    /// Whether it is worth to wait for so many bytes.
    pub(super) fn is_awaited(&self, cost: u64) -> bool {
        self.credit < cost && self.is_growing
    }
}

impl Core {
    /// Bytes that the log takes for sure, what its longest record takes of them, and whether there will be more by
    /// itself: [`Input::Space`](crate::core::Input::Space) says when.
    pub(crate) fn set_credit(&mut self, bytes: u64, record_bytes_max: u64, is_growing: bool) {
        self.space.credit = bytes;
        self.space.is_tight = bytes < record_bytes_max;
        self.space.is_growing = is_growing;
    }

    /// Whether somebody waits for room in the log.
    pub(crate) fn wants_space(&self) -> bool {
        !self.space.waiting.is_empty() || self.order.is_leading() && self.peer.has_waiting()
    }

    /// Whether what was evaluated waits for room; then it is evaluated again.
    pub(super) fn waits_for_space(&mut self, ticket: Ticket, proposal: &Proposal) -> bool {
        // Most often there is room for anything.
        let is_short =
            usize::try_from(self.space.credit).is_ok_and(|credit| credit < LOG_RECORD_BYTES_MAX);
        if !is_short || !proposal.ops.iter().any(Op::is_durable) || self.is_own(ticket) {
            return false;
        }
        let cost = cost_bytes(proposal);
        if !self.space.is_awaited(cost) {
            return false;
        }
        self.park(ticket);
        self.space.waiting.push_back((ticket, cost));
        true
    }

    /// What the tables hold the log may give up.
    pub(super) fn handle_checkpointed(&mut self, upto: Index) {
        let written = std::mem::take(&mut self.epochs_written);
        let known = written.min(self.fresh_epochs.len());
        self.fresh_epochs.drain(..known);
        self.tail.checkpointed(upto);
        self.handle_space();
    }

    /// There is more room in the log, or there will be none.
    pub(super) fn handle_space(&mut self) {
        while let Some((ticket, cost)) = self.space.waiting.front().copied()
            && !self.space.is_awaited(cost)
        {
            self.space.waiting.pop_front();
            self.unpark(ticket);
        }
        self.number_proposed();
    }
}
