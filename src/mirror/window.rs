//! Flow control: so much is under way to the other board, and no more.
//!
//! Counted are records, entries and proposals. The receiver says how many it has taken in: a record
//! when it is on its disk, anything else at once. What finds no room waits here, in order; whoever
//! makes more is held up meanwhile ([`Outbox::is_full`]).

use std::collections::VecDeque;

use crate::base::mirror_limits::MIRROR_FRAME_BYTES_MAX;
use crate::base::mirror_limits::MIRROR_FREEZE_BYTES;
use crate::base::mirror_limits::MIRROR_HELD_BYTES_MAX;
use crate::base::mirror_limits::MIRROR_WINDOW_BYTES;
use crate::base::mirror_limits::MIRROR_WINDOW_ENTRIES;
use crate::core::measure::Measured;
use crate::mirror::fault::Fault;
use crate::mirror::frame::Frame;
use crate::mirror::io::Index;
use crate::model::position::Position;

/// A frame that waits for room: it is encoded, and may be a record of this log.
#[derive(Debug)]
struct Held {
    bytes: Vec<u8>,
    is_counted: bool,
    index: Option<Index>,
}

/// The sending side.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    /// Sent and not taken: length, and the record of this log behind it.
    under_way: VecDeque<(usize, Option<Index>)>,
    under_way_bytes: usize,
    held: VecDeque<Held>,
    held_bytes: usize,
    sent: u64,
    taken: u64,
}

impl Outbox {
    /// A frame that keeps its place among the counted ones.
    pub(crate) fn push(&mut self, frame: &Frame, index: Option<Index>) {
        let bytes = frame.write();
        self.held_bytes += bytes.len();
        self.held.push_back(Held {
            bytes,
            is_counted: frame.is_counted(),
            index,
        });
    }

    /// The next to be sent.
    pub(crate) fn poll(&mut self) -> Option<Vec<u8>> {
        if self.held.front()?.is_counted && !self.has_room() {
            return None;
        }
        let held = self.held.pop_front()?;
        self.held_bytes -= held.bytes.len();
        if held.is_counted {
            self.sent += 1;
            self.under_way_bytes += held.bytes.len();
            self.under_way.push_back((held.bytes.len(), held.index));
        }
        Some(held.bytes)
    }

    /// The other has taken so many since the connection began. Returns the newest record of this
    /// log among those that are new.
    pub(crate) fn handle_taken(&mut self, taken: u64) -> Result<Option<Index>, Fault> {
        if taken > self.sent {
            let sent = self.sent;
            return Err(Fault::PeerTookTooMuch { taken, sent });
        }
        let mut newest = None;
        while self.taken < taken {
            self.taken += 1;
            if let Some((bytes, index)) = self.under_way.pop_front() {
                self.under_way_bytes -= bytes;
                newest = index.or(newest);
            }
        }
        Ok(newest)
    }

    /// The first record of this log that the other is not known to have on its disk.
    pub(crate) fn untaken(&self) -> Option<Index> {
        let under_way = self.under_way.iter().filter_map(|(_, index)| *index);
        let held = self.held.iter().filter_map(|held| held.index);
        under_way.chain(held).next()
    }

    fn has_room(&self) -> bool {
        self.under_way.len() < MIRROR_WINDOW_ENTRIES && self.under_way_bytes < MIRROR_WINDOW_BYTES
    }

    /// Whoever makes more has to wait.
    pub(crate) fn is_full(&self) -> bool {
        !self.has_room()
    }

    pub(crate) fn check(&self) -> Result<(), Fault> {
        let bytes = self.held_bytes;
        if bytes > MIRROR_HELD_BYTES_MAX {
            return Err(Fault::LocalHeld { bytes });
        }
        Ok(())
    }

    /// What waits here, beside its bounds: the first frame beyond the window is sent, and one more may wait.
    pub(crate) fn measured(&self) -> [Measured; 3] {
        let held_max = MIRROR_HELD_BYTES_MAX + MIRROR_FRAME_BYTES_MAX;
        let bytes_max = MIRROR_WINDOW_BYTES + MIRROR_FRAME_BYTES_MAX;
        [
            Measured::new(
                "frames under way",
                self.under_way.len(),
                MIRROR_WINDOW_ENTRIES,
            ),
            Measured::new("bytes under way", self.under_way_bytes, bytes_max),
            Measured::new("bytes that wait for the window", self.held_bytes, held_max),
        ]
    }

    /// Everything is sent.
    pub(crate) fn is_sent(&self) -> bool {
        self.held.is_empty()
    }

    pub(crate) fn under_way_bytes(&self) -> usize {
        self.under_way_bytes
    }

    /// What is under way is taken in a moment.
    pub(crate) fn is_nearly_quiet(&self) -> bool {
        self.held.is_empty() && self.under_way_bytes <= MIRROR_FREEZE_BYTES
    }

    /// Everything is taken.
    pub(crate) fn is_quiet(&self) -> bool {
        self.held.is_empty() && self.under_way.is_empty()
    }
}

/// The receiving side: what has come and counts as taken when it is durable here.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    waiting: VecDeque<(usize, Option<Position>)>,
    waiting_bytes: usize,
    taken: u64,
    told: u64,
}

impl Inbox {
    /// A counted frame of so many bytes. `None`: nothing to wait for.
    pub(crate) fn push(&mut self, bytes: usize, until: Option<Position>) -> Result<(), Fault> {
        self.waiting_bytes += bytes;
        self.waiting.push_back((bytes, until));
        // The sender stops at the first frame beyond the window.
        let most = MIRROR_WINDOW_BYTES + MIRROR_FRAME_BYTES_MAX;
        if self.waiting_bytes > most || self.waiting.len() > MIRROR_WINDOW_ENTRIES {
            let bytes = self.waiting_bytes;
            return Err(Fault::PeerTooMuch { bytes });
        }
        Ok(())
    }

    /// Takes in what need not wait any more.
    pub(crate) fn take(&mut self, is_durable: impl Fn(Position) -> bool) {
        while let Some((bytes, until)) = self.waiting.front()
            && until.is_none_or(&is_durable)
        {
            self.waiting_bytes -= bytes;
            self.taken += 1;
            self.waiting.pop_front();
        }
    }

    /// What the other does not know yet.
    pub(crate) fn untold(&self) -> u64 {
        self.taken - self.told
    }

    /// What the other is told now.
    pub(crate) fn tell(&mut self) -> u64 {
        self.told = self.taken;
        self.taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::ids::Ticket;

    fn proposal(bytes: usize) -> Frame {
        Frame::Propose {
            ticket: Ticket(1),
            generation: 0,
            bytes: vec![0; bytes].into(),
        }
    }

    #[test]
    fn nothing_is_sent_beyond_the_window_until_something_is_taken() {
        let mut outbox = Outbox::default();
        for _ in 0..=MIRROR_WINDOW_ENTRIES {
            outbox.push(&proposal(1), None);
        }
        outbox.push(&Frame::Level, None);
        let sent = std::iter::from_fn(|| outbox.poll()).count();
        assert_eq!(sent, MIRROR_WINDOW_ENTRIES);
        assert!(outbox.is_full());

        outbox.handle_taken(2).unwrap();

        assert_eq!(std::iter::from_fn(|| outbox.poll()).count(), 2);
        assert!(outbox.is_sent() && !outbox.is_quiet());
    }

    #[test]
    fn a_window_of_bytes_closes_too() {
        let mut outbox = Outbox::default();
        for _ in 0..8 {
            outbox.push(&proposal(MIRROR_WINDOW_BYTES / 4), None);
        }
        assert_eq!(std::iter::from_fn(|| outbox.poll()).count(), 4);
    }

    #[test]
    fn who_takes_more_than_was_sent_is_told_so() {
        let mut outbox = Outbox::default();
        outbox.push(&proposal(1), Some(7));
        outbox.poll();
        assert_eq!(
            outbox.handle_taken(2),
            Err(Fault::PeerTookTooMuch { taken: 2, sent: 1 })
        );
        assert_eq!(outbox.handle_taken(1), Ok(Some(7)));
    }

    #[test]
    fn what_came_is_taken_in_order_and_when_it_is_durable() {
        let mut inbox = Inbox::default();
        inbox.push(1, Some(Position::MAX)).unwrap();
        inbox.push(1, None).unwrap();
        inbox.take(|_| false);
        assert_eq!(inbox.untold(), 0);
        inbox.take(|_| true);
        assert_eq!((inbox.untold(), inbox.tell(), inbox.untold()), (2, 2, 0));
    }

    #[test]
    fn who_sends_beyond_the_window_is_stopped() {
        let mut inbox = Inbox::default();
        let pushed: Result<Vec<()>, Fault> = (0..=MIRROR_WINDOW_ENTRIES)
            .map(|_| inbox.push(1, Some(Position::MAX)))
            .collect();
        assert!(matches!(pushed, Err(Fault::PeerTooMuch { .. })));
    }
}
