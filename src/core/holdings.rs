//! What all sessions keep in memory, and who has to go when that is too much.
//!
//! What came and is under way is counted: when it is too much, nobody is read. What clients have not taken
//! can stay for long, so that waiting does not help. Stanzas are shared among queues, so that the sum is not that of its parts. It is looked at now and then
//! instead: after a look it cannot have grown by more than what was put into queues since, and when that is as
//! much as there was room for, it is looked at again. Ordinary traffic costs one addition an item.

use crate::base::ids::SessionId;
use crate::core::Core;
use crate::core::EndReason;
use crate::core::order::Asked;
use crate::model::entry::Entry;
use crate::model::op::Durable;
use crate::stanza::Stanza;

#[derive(Debug, Default)]
pub(crate) struct Holdings {
    /// Of stanzas that came and are not done.
    under_way_bytes: usize,
    /// How much may still come into queues before the next look.
    room_bytes: usize,
}

impl Holdings {
    /// So many bytes at most came into a queue.
    pub(crate) fn add(&mut self, bytes: usize) {
        self.room_bytes = self.room_bytes.saturating_sub(bytes);
    }

    /// The stanza came.
    pub(crate) fn begin(&mut self, stanza: &Stanza) {
        self.under_way_bytes = self.under_way_bytes.saturating_add(weight(stanza));
    }

    /// It is done, or dropped.
    pub(crate) fn finish(&mut self, stanza: &Stanza) {
        self.under_way_bytes = self.under_way_bytes.saturating_sub(weight(stanza));
    }

    pub(crate) fn under_way_bytes(&self) -> usize {
        self.under_way_bytes
    }

    fn is_used_up(&self) -> bool {
        self.room_bytes == 0
    }
}

fn weight(stanza: &Stanza) -> usize {
    stanza.element.bytes().len() + size_of::<Stanza>()
}

impl Core {
    pub(super) fn finish_under_way(&mut self, asked: &Asked) {
        if let Asked::Stanza { request } = asked {
            self.holdings.finish(&request.stanza);
        }
    }

    #[cfg(test)]
    pub(super) fn under_way_bytes(&self) -> usize {
        self.holdings.under_way_bytes()
    }

    /// Ends the sessions that hold most until an eighth is free. What was kept for their users stays in the
    /// store; the rest bounces, as with every session that ends.
    pub(super) fn check_holdings(&mut self) {
        if !self.holdings.is_used_up() {
            return;
        }
        let bytes_max = self.limits.queue_bytes;
        let mark = bytes_max.saturating_sub(bytes_max / 8);
        let sessions = self.sessions.values().filter(|session| !session.ending);
        let mut held: Vec<(usize, SessionId)> = sessions
            .map(|session| (session.held_bytes(), session.id))
            .collect();
        let sum = held.iter().map(|(bytes, _)| *bytes);
        let mut bytes = sum.fold(0, usize::saturating_add);
        if bytes > mark {
            held.sort_unstable();
        }
        while bytes > mark
            && let Some((most, id)) = held.pop()
        {
            bytes = bytes.saturating_sub(most);
            self.end_session(id, EndReason::Crowding);
        }
        self.holdings.room_bytes = bytes_max.saturating_sub(bytes).max(1);
    }
}

/// Memory that an entry takes beyond its payload, roughly.
const ENTRY_BYTES: usize = 512;

/// What an entry of the tail takes in memory, roughly.
pub(super) fn entry_bytes(entry: &Entry) -> usize {
    let payload: usize = entry
        .durable_ops()
        .map(|op| match op {
            Durable::Message { message, .. } => message.payload.len(),
            Durable::Retract { retraction, .. } => retraction.tombstone.len(),
            Durable::Row { .. } | Durable::Expire { .. } | Durable::Sweep { .. } => 64,
            Durable::Forget { names, .. } => names.len().saturating_mul(64),
        })
        .sum();
    payload.saturating_add(ENTRY_BYTES)
}
