//! How time passes for two boards: from one event to the next, on a grid.

use meerkat::testing::sim::Machine;

use crate::world::Link;
use crate::world::World;
use crate::world::duo::Net;

/// What two boards say to each other is carried between them so often.
const SLICE_MS: u64 = 20;

/// A while in which everything is done that can be.
const LONG_MS: u64 = 100;

impl World {
    /// Time passes for all.
    pub(super) fn pass_ms(&mut self, ms: u64) {
        if self.net.is_none() {
            return self.machines[0].pass_ms(ms);
        }
        let mut left = ms;
        while left > 0 {
            let idle = self.idle_ms(left, ms > LONG_MS);
            if idle > 0 {
                left -= idle;
                self.rest_ms(idle);
                continue;
            }
            let slice = left.min(SLICE_MS);
            left -= slice;
            let is_frozen = [self.is_frozen(0), self.is_frozen(1)];
            for (machine, is_frozen) in self.machines.iter_mut().zip(is_frozen) {
                if is_frozen {
                    continue;
                }
                machine.pass_ms(slice);
                if ms > LONG_MS {
                    do_work(machine);
                }
            }
            if ms > LONG_MS {
                self.read_late();
            }
            self.go_between();
            self.take_events();
        }
    }

    /// What a client that is gone has sent last does not lie for long where there is time, and then the board sees that
    /// it is gone.
    fn read_late(&mut self) {
        let now = self.now_ms();
        let due = self.seems_to_live().filter(|(_, until)| *until <= now);
        let due: Vec<u64> = due.map(|(id, _)| id).collect();
        for id in due {
            while self.broken.is_none() && self.links.contains_key(&id) {
                self.broken = self.read_from(id).err();
            }
        }
    }

    /// Connections without clients, at boards that could know, and until when they seem to live.
    pub(super) fn seems_to_live(&self) -> impl Iterator<Item = (u64, u64)> {
        let is_here =
            |link: &Link| self.machines[link.board].is_up() && !self.is_frozen(link.board);
        let cut = self.links.iter().filter(|(_, link)| link.is_cut);
        let cut = cut.filter(move |(_, link)| is_here(link));
        cut.map(|(id, link)| (*id, link.lives_until))
    }

    /// How much of this time no slice would change anything but the clocks: up to the slice of the next event.
    fn idle_ms(&self, left: u64, does_work: bool) -> u64 {
        let Some(net) = &self.net else {
            return 0;
        };
        let mut next = net.next_at();
        for (board, machine) in self.machines.iter().enumerate() {
            // A board that is down, or was held up by its disk, is looked at in each slice of a short run.
            let is_down = !machine.is_up() && self.weeks.is_none();
            let is_apart = is_down || machine.now_ms() != net.now;
            if is_apart || does_work && machine.work_count() > 0 {
                return 0;
            }
            if net.frozen_until[board] > net.now {
                return 0;
            }
            next = next.min(machine.wake_at().unwrap_or(u64::MAX));
        }
        if does_work && let Some(at) = self.seems_to_live().map(|(_, at)| at).min() {
            next = next.min(at.max(net.now));
        }
        let until = next.saturating_sub(net.now);
        if until > left {
            return left;
        }
        // The slice that reaches the event is played.
        until.saturating_sub(1) / SLICE_MS * SLICE_MS
    }

    fn rest_ms(&mut self, ms: u64) {
        for machine in &mut self.machines {
            machine.pass_ms(ms);
        }
        if let Some(net) = &mut self.net {
            net.now += ms;
        }
    }

    /// A board whose disk kept it waiting is not ahead of the other.
    pub(super) fn level_clocks(&mut self) {
        let newest = self.machines.iter().map(Machine::now_ms).max();
        let newest = newest.unwrap_or_default();
        if let Some(net) = &mut self.net {
            net.now = newest;
        }
        let is_frozen = [self.is_frozen(0), self.is_frozen(1)];
        for (machine, is_frozen) in self.machines.iter_mut().zip(is_frozen) {
            let behind = newest - machine.now_ms();
            if behind > 0 && !is_frozen {
                machine.pass_ms(behind);
            }
        }
    }
}

impl Net {
    /// When something arrives, or a connection is begun.
    fn next_at(&self) -> u64 {
        let arrive = self.queues.iter().zip(self.cut_until);
        let arrive = arrive.filter_map(|(queue, cut)| Some(queue.front()?.at.max(cut)));
        arrive.chain(self.dial_at).min().unwrap_or(u64::MAX)
    }
}

fn do_work(board: &mut Machine) {
    for _ in 0..8 {
        if board.work_count() > 0 {
            board.work(0);
        }
    }
}
