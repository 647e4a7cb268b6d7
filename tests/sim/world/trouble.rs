//! What goes wrong with two boards, and how often it did.

use std::fmt;

use meerkat::testing::sim::Heard;
use meerkat::testing::sim::Machine;

use crate::world::World;
use crate::world::duo::What;

/// What goes wrong: once in so many steps, never for 0.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Trouble {
    /// The connection breaks.
    pub(crate) breaks: u64,
    /// Nothing passes in one direction or in both, for a while.
    pub(crate) cuts: u64,
    /// A process stands still for a while, and its clock does not.
    pub(crate) freezes: u64,
    /// A board is off for a while.
    pub(crate) outages: u64,
    /// The power of both goes; they come back in either order.
    pub(crate) blackouts: u64,
    /// A clock jumps.
    pub(crate) jumps: u64,
    /// A blank board takes the place of one, while the other has everything.
    pub(crate) replacements: u64,
    /// The disks stall, once in so many calls, for up to five seconds.
    pub(crate) stalls: u64,
}

impl Trouble {
    pub(crate) const NONE: Self = Self {
        breaks: 0,
        cuts: 0,
        freezes: 0,
        outages: 0,
        blackouts: 0,
        jumps: 0,
        replacements: 0,
        stalls: 0,
    };

    pub(super) fn is_some(self) -> bool {
        self.breaks
            + self.cuts
            + self.freezes
            + self.outages
            + self.blackouts
            + self.jumps
            + self.replacements
            + self.stalls
            > 0
    }
}

/// What went wrong, by class.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Faulted {
    /// Connections of clients, and between the boards.
    pub(crate) clients: u64,
    pub(crate) breaks: u64,
    pub(crate) cuts: u64,
    pub(crate) one_way_cuts: u64,
    pub(crate) kills: u64,
    pub(crate) power_cuts: u64,
    pub(crate) freezes: u64,
    pub(crate) outages: u64,
    pub(crate) blackouts: u64,
    pub(crate) jumps: u64,
    pub(crate) replacements: u64,
    /// Calls to a disk that failed, or took long.
    pub(crate) disk_errors: u64,
    pub(crate) stalls: u64,
}

impl Faulted {
    fn classes(&self) -> [(&'static str, u64); 13] {
        [
            ("client cuts", self.clients),
            ("link breaks", self.breaks),
            ("link cuts", self.cuts),
            ("one-way cuts", self.one_way_cuts),
            ("kills", self.kills),
            ("power cuts", self.power_cuts),
            ("freezes", self.freezes),
            ("outages", self.outages),
            ("blackouts", self.blackouts),
            ("clock jumps", self.jumps),
            ("replaced boards", self.replacements),
            ("disk errors", self.disk_errors),
            ("disk stalls", self.stalls),
        ]
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.clients += other.clients;
        self.breaks += other.breaks;
        self.cuts += other.cuts;
        self.one_way_cuts += other.one_way_cuts;
        self.kills += other.kills;
        self.power_cuts += other.power_cuts;
        self.freezes += other.freezes;
        self.outages += other.outages;
        self.blackouts += other.blackouts;
        self.jumps += other.jumps;
        self.replacements += other.replacements;
        self.disk_errors += other.disk_errors;
        self.stalls += other.stalls;
    }
}

impl fmt::Display for Faulted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total: u64 = self.classes().iter().map(|(_, count)| count).sum();
        write!(f, "{total} faults")?;
        for (class, count) in self.classes().iter().filter(|(_, count)| *count > 0) {
            write!(f, ", {count} {class}")?;
        }
        Ok(())
    }
}

impl World {
    pub(super) fn make_trouble(&mut self) {
        let is_calm = self.is_calm;
        let Some(net) = self.net.as_mut().filter(|_| !is_calm) else {
            return;
        };
        let trouble = net.trouble;
        let kinds = [
            trouble.breaks,
            trouble.cuts,
            trouble.freezes,
            trouble.outages,
            trouble.blackouts,
            trouble.jumps,
            trouble.replacements,
        ];
        let happens = |once_in: &u64| *once_in > 0 && net.rng.one_in(*once_in);
        match kinds.iter().position(happens) {
            Some(0) => self.break_wire(),
            Some(1) => self.cut_wire(),
            Some(2) => self.freeze(),
            Some(3) => self.turn_off(),
            Some(4) => self.black_out(),
            Some(5) => self.jump(),
            Some(6) => self.replace(),
            Some(_) | None => {}
        }
    }

    fn break_wire(&mut self) {
        let is_frozen = self.is_frozen(0);
        let Some(net) = self.net.as_mut().filter(|_| !is_frozen) else {
            return;
        };
        let Some(wire) = net.ends[0] else {
            return;
        };
        net.close(0, Some(What::Broken));
        self.faulted.breaks += 1;
        self.note(|| format!("wire {wire} breaks"));
        self.machines[0].hear(Heard::Broken { wire });
        self.take_said(0);
    }

    fn cut_wire(&mut self) {
        let Some(net) = &mut self.net else {
            return;
        };
        let ms = [100, 900, 4_000, 30_000][net.rng.index(4)];
        let until = net.now + ms;
        match net.rng.below(3) {
            0 => net.cut_until = [until; 2],
            1 => net.cut_until[0] = until,
            _ => net.cut_until[1] = until,
        }
        let cut = net.cut_until;
        if cut[0] == cut[1] {
            self.faulted.cuts += 1;
        } else {
            self.faulted.one_way_cuts += 1;
        }
        self.note(|| format!("nothing passes until {cut:?}"));
    }

    fn freeze(&mut self) {
        let board = self.any_board();
        if self.is_frozen(1 - board) || !self.machines.iter().all(Machine::is_up) {
            return;
        }
        let Some(net) = &mut self.net else {
            return;
        };
        let until = net.now + [400, 2_500, 6_000, 40_000][net.rng.index(4)];
        net.frozen_until[board] = until;
        self.faulted.freezes += 1;
        self.note(|| format!("board {board} stands still until {until}"));
    }

    fn turn_off(&mut self) {
        let board = self.any_board();
        let Some(net) = &mut self.net else {
            return;
        };
        let until = net.now + [1_000, 8_000, 60_000, 400_000][net.rng.index(4)];
        net.off_until[board] = until;
        let is_power = net.rng.one_in(2);
        self.faulted.outages += 1;
        self.note(|| format!("board {board} is off until {until}, power: {is_power}"));
        self.lose(board, is_power);
    }

    pub(super) fn black_out(&mut self) {
        self.faulted.blackouts += 1;
        for board in 0..2 {
            if let Some(net) = &mut self.net {
                net.off_until[board] = net.now + [0, 2_000, 20_000, 100_000][net.rng.index(4)];
            }
            self.lose(board, true);
        }
        self.note(|| "the power of both is cut".to_owned());
    }

    pub(super) fn lose(&mut self, board: usize, is_power: bool) {
        if let Some(net) = &mut self.net {
            net.frozen_until[board] = 0;
        }
        if is_power {
            self.machines[board].cut_power();
        } else {
            self.machines[board].kill();
        }
        self.lose_links(board);
    }

    fn jump(&mut self) {
        const HOUR_MS: i64 = 3_600_000;
        let board = self.any_board();
        let hours = [-1, 1, -30 * 24, 3 * 24, -40 * 365 * 24][self.rng.index(5)];
        self.faulted.jumps += 1;
        self.note(|| format!("the clock of board {board} jumps by {hours} h"));
        self.machines[board].set_clock_ms(hours * HOUR_MS);
    }

    /// The board and its disk are gone, and a blank one joins in its place.
    pub(super) fn replace(&mut self) {
        let board = self.any_board();
        if !self.is_level() || (0..2).any(|one| self.is_frozen(one)) {
            return;
        }
        self.faulted.replacements += 1;
        self.note(|| format!("board {board} is replaced"));
        self.lose(board, true);
        self.taken.pass();
        let own = self
            .devices
            .iter_mut()
            .filter(|one| one.board == Some(board));
        own.for_each(|device| device.boot = 0);
        let seed = self.rng.below(1 << 40);
        if let Some(options) = self.seats.get(board) {
            self.retired_boots += self.machines[board].boots();
            self.machines[board] = Machine::new(seed, options.as_joining(), self.mutation);
            self.machines[board].set_faults(self.faults);
        }
    }

    /// Not both boards read the newest level, as far as either knows.
    pub(super) fn is_mixed(&self) -> bool {
        self.machines.iter().any(Machine::writes_older)
    }

    /// Whichever board has the program of the version before gets the newest.
    pub(super) fn upgrade(&mut self) {
        for board in 0..self.machines.len() {
            if self.machines[board].is_older() {
                self.note(|| format!("board {board} is upgraded"));
                self.lose(board, false);
                self.machines[board].upgrade();
            }
        }
    }

    /// A process that stands still takes nothing, and says nothing.
    pub(super) fn is_frozen(&self, board: usize) -> bool {
        let net = self.net.as_ref();
        net.is_some_and(|net| net.frozen_until[board] > net.now)
    }

    pub(super) fn is_off(&self, board: usize) -> bool {
        let net = self.net.as_ref();
        net.is_some_and(|net| net.off_until[board] > net.now)
    }
}
