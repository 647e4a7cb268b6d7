//! The link between two boards: connections, bytes under way, cuts in one or both directions.

use std::collections::VecDeque;

use crate::base::random::Rng;

/// What arrives at an end.
pub(super) enum Packet {
    Bytes(Vec<u8>),
    Closed,
}

/// One of so many.
pub(super) fn index(rng: &mut Rng, count: usize) -> usize {
    let count = u64::try_from(count).unwrap();
    usize::try_from(rng.below(count)).unwrap()
}

struct UnderWay {
    at: u64,
    wire: u64,
    packet: Packet,
}

/// Index 0 and 1: towards that board.
#[derive(Default)]
pub(super) struct Wires {
    queues: [VecDeque<UnderWay>; 2],
    /// Nothing arrives at that board; what is sent waits, as with TCP.
    pub(super) cut: [bool; 2],
    /// The connection that each end believes in.
    pub(super) ends: [Option<u64>; 2],
    count: u64,
    /// A board that connects gets its answer then.
    pub(super) dialing: [Option<u64>; 2],
    /// A link that carries so many bytes in a millisecond, and is never disturbed.
    pub(super) bytes_per_ms: Option<usize>,
    /// What the link carries is through at this time, and so many bytes of the next millisecond are taken.
    busy: [(u64, usize); 2],
}

impl Wires {
    pub(super) fn send(&mut self, rng: &mut Rng, now: u64, from: usize, wire: u64, bytes: Vec<u8>) {
        let to = 1 - from;
        if let Some(rate) = self.bytes_per_ms {
            return self.carry(now, to, wire, bytes, rate);
        }
        let mut parts = vec![bytes];
        if rng.one_in(16) {
            let at = index(rng, parts[0].len());
            let rest = parts[0].split_off(at);
            parts.push(rest);
        }
        for part in parts {
            self.push(rng, now, to, wire, Packet::Bytes(part));
        }
    }

    fn carry(&mut self, now: u64, to: usize, wire: u64, bytes: Vec<u8>, rate: usize) {
        let (since, taken) = self.busy[to];
        let (since, taken) = if since < now {
            (now, 0)
        } else {
            (since, taken)
        };
        let taken = taken + bytes.len();
        let through = since + u64::try_from(taken / rate).unwrap();
        self.busy[to] = (through, taken % rate);
        let packet = Packet::Bytes(bytes);
        self.queues[to].push_back(UnderWay {
            at: through + 1,
            wire,
            packet,
        });
    }

    fn push(&mut self, rng: &mut Rng, now: u64, to: usize, wire: u64, packet: Packet) {
        let slow = if rng.one_in(64) { 400 } else { 20 };
        let last = self.queues[to].back().map_or(0, |packet| packet.at);
        let at = last.max(now + 1 + rng.below(slow));
        self.queues[to].push_back(UnderWay { at, wire, packet });
    }

    /// This end is closed; the other hears of it, unless the power is gone.
    pub(super) fn close(&mut self, rng: &mut Rng, now: u64, end: usize, is_told: bool) {
        let Some(wire) = self.ends[end].take() else {
            return;
        };
        self.queues[end].retain(|packet| packet.wire != wire);
        let to = 1 - end;
        // A reset overtakes and discards what was under way.
        if rng.one_in(2) {
            let keep = index(rng, self.queues[to].len() + 1);
            self.queues[to].truncate(keep);
        }
        if is_told {
            self.push(rng, now, to, wire, Packet::Closed);
        }
    }

    /// When something arrives next.
    pub(super) fn next(&self, to: usize) -> Option<u64> {
        if self.cut[to] {
            return None;
        }
        self.queues[to].front().map(|packet| packet.at)
    }

    /// What arrives now; of a connection that the end has given up nothing does, and the sender is
    /// told if it still believes in it.
    pub(super) fn receive(&mut self, rng: &mut Rng, now: u64, to: usize) -> Option<(u64, Packet)> {
        let UnderWay { wire, packet, .. } = self.queues[to].pop_front()?;
        if self.ends[to] == Some(wire) {
            if matches!(packet, Packet::Closed) {
                self.ends[to] = None;
            }
            return Some((wire, packet));
        }
        if self.ends[1 - to] == Some(wire) && matches!(packet, Packet::Bytes(_)) {
            self.push(rng, now, 1 - to, wire, Packet::Closed);
        }
        None
    }

    pub(super) fn connect(&mut self) -> u64 {
        self.count += 1;
        for queue in &mut self.queues {
            queue.clear();
        }
        self.ends = [Some(self.count); 2];
        self.count
    }
}
