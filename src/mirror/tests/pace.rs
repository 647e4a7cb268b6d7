//! A board that comes back does not slow the other down: latencies in the time of the model.

use std::collections::BTreeMap;

use crate::mirror::State;
use crate::mirror::tests::world::World;

/// A memory card of a small board: the time of a sync, and bytes in a millisecond.
const SYNC_MS: u64 = 8;
const DISK_BYTES_PER_MS: usize = 20_000;
/// Ethernet of 100 Mbit/s.
const LINK_BYTES_PER_MS: usize = 12_500;

/// Between two messages of clients, and their size.
const EVERY_MS: u64 = 5;
const MESSAGE_BYTES: usize = 600;

/// Messages that a board lacks when it comes back: 28 MB, more than two seconds of the link.
const BACKLOG: usize = 40_000;

/// What is looked at: the return is within.
const TALK_MS: u64 = 10_000;

/// Numbering rests while the epoch of both begins: a sync of each board, one after the other, and the next of both.
const SLOWEST_MS: u64 = 8 * SYNC_MS;

/// What was sent, when, and waits for its acknowledgement.
struct Clients {
    sent: BTreeMap<u64, u64>,
}

impl Clients {
    /// Latencies of what is sent to the first board until `is_over`, in ms.
    fn talk(&mut self, world: &mut World, is_over: impl Fn(&World, u64) -> bool) -> Vec<u64> {
        let (begin, mut done) = (world.now, Vec::new());
        while !is_over(world, world.now - begin) || !self.sent.is_empty() {
            if world.now.is_multiple_of(EVERY_MS) && !is_over(world, world.now - begin) {
                let op = world.durable_op();
                self.sent.insert(op, world.now);
            }
            // Where nobody reads, it stays in the client's socket.
            for op in self.sent.keys() {
                if !world.acked.contains_key(op) {
                    world.client(0, *op);
                }
            }
            let until = world.now + 1;
            world.run_until(until);
            assert_eq!(world.broken, None);
            self.sent.retain(|op, at| {
                let is_acked = world.acked.get(op) == Some(&true);
                if is_acked {
                    done.push(world.now - *at);
                }
                !is_acked
            });
        }
        done
    }
}

fn is_paired(world: &World) -> bool {
    (0..2).all(|n| matches!(world.state(n), Some(State::Paired { .. })))
}

fn pair(link_bytes_per_ms: usize) -> World {
    let mut world = World::new(1, None);
    world.sync_ms = SYNC_MS;
    world.payload = MESSAGE_BYTES;
    world.disk_bytes_per_ms = Some(DISK_BYTES_PER_MS);
    world.wires.bytes_per_ms = Some(link_bytes_per_ms);
    world.boot(0);
    world.boot(1);
    while !is_paired(&world) {
        let until = world.now + 1;
        world.run_until(until);
    }
    world
}

/// The first board alone numbers so many messages.
fn fall_behind(world: &mut World, count: usize) {
    world.crash(1, true);
    let until = world.now + 5_000;
    world.run_until(until);
    for _ in 0..count {
        let op = world.durable_op();
        world.client(0, op);
    }
    let until = world.now + 5_000;
    world.run_until(until);
}

#[test]
fn clients_that_write_more_than_the_link_carries_do_not_keep_the_other_board_away() {
    let mut world = pair(1_000);
    fall_behind(&mut world, 4_000);

    // When clients write three times what the link carries
    world.boot(1);
    let begin = world.now;
    while !is_paired(&world) {
        for _ in 0..5 {
            let op = world.durable_op();
            world.client(0, op);
        }
        let until = world.now + 1;
        world.run_until(until);
        assert_eq!(world.broken, None);

        // Then they are held up: the 3 MB are there after twice the time that the link needs for them
        let ms = world.now - begin;
        assert!(ms < 10_000, "{:?} after {ms} ms", world.state(0));
    }
}

#[test]
fn a_board_that_comes_back_at_most_doubles_what_one_of_a_hundred_waits() {
    // Given two boards, and what clients wait for while both are there
    let mut world = pair(LINK_BYTES_PER_MS);
    let mut clients = Clients {
        sent: BTreeMap::new(),
    };
    let mut before = clients.talk(&mut world, |_, ms| ms >= TALK_MS);

    // When one was away, and gets what it lacks
    world.crash(1, true);
    fall_behind(&mut world, BACKLOG);
    world.boot(1);
    let mut meanwhile = clients.talk(&mut world, |world, ms| is_paired(world) && ms >= TALK_MS);

    // Then
    let p99 = [&mut before, &mut meanwhile].map(|latencies| {
        latencies.sort_unstable();
        latencies[latencies.len() * 99 / 100]
    });
    let slowest = meanwhile.last();
    assert!(p99[1] <= 2 * p99[0], "p99 {p99:?} ms, slowest {slowest:?}");
    assert!(slowest <= Some(&SLOWEST_MS), "{slowest:?} ms");
}
