//! Weeks of two boards: people sleep, phones vanish for days, boards are off for longer than the log keeps.
//!
//! A day is some bursts, in which everything happens that happens in a short run, and hours between them. While
//! nothing is under way but signs of life, time goes from one event to the next; the first minutes of each pause
//! and now and then a whole hour are played beat by beat.

mod house;
mod lived;
mod strike;

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::VecDeque;

use meerkat::testing::sim::Archived;
use meerkat::testing::sim::Image;
use meerkat::testing::sim::Machine;
use meerkat::testing::sim::Options;
use meerkat::testing::sim::Rng;

use crate::client::State;
use crate::world::World;

pub(crate) use crate::world::weeks::lived::Lived;

const SECOND_MS: u64 = 1_000;
const MINUTE_MS: u64 = 60 * SECOND_MS;
const HOUR_MS: u64 = 60 * MINUTE_MS;
const DAY_MS: u64 = 24 * HOUR_MS;

/// When bursts begin, in hours of the day, each with up to an hour on top.
const BURSTS: [u64; 5] = [7, 10, 13, 18, 21];

/// What a log keeps for the other board, where it is little: a day or two of the other's absence.
const KEPT_BYTES: u64 = 96 << 10;
const SEGMENT_BYTES: u64 = 32 << 10;

/// Steps until everything that was said has gone through.
const LINGER_STEPS_MAX: u64 = 400;

/// Habits, and what is remembered for later.
pub(crate) struct Weeks {
    rng: Rng,
    /// From when to when each device is on, in hours of the day; and until when it has vanished.
    hours: Vec<(u64, u64)>,
    gone_until: Vec<u64>,
    /// Who is not on now.
    pub(super) is_away: Vec<bool>,
    /// How fast the clock of each board goes wrong, in millionths, and how wrong it is.
    drift_ppm: [i64; 2],
    clock_ms: [i64; 2],
    images: [Option<Image>; 2],
    is_swept: bool,
    /// Both boards keep little of the log.
    are_short: bool,
    /// What a sweep has taken, by the archive.
    swept: BTreeMap<u128, (Archived, BTreeSet<String>)>,
    pub(super) lived: Lived,
}

impl Weeks {
    pub(super) fn new(seed: u64, devices: usize, boards: &mut [Options]) -> Self {
        let mut rng = Rng::new(seed ^ 0x3ee5);
        let hours = (0..devices).map(|_| match rng.below(4) {
            // A computer that stays on.
            0 => (0, 24),
            _ => (6 + rng.below(5), 17 + rng.below(8)),
        });
        let hours: Vec<(u64, u64)> = hours.collect();
        // A log is short, and sometimes both: then each may throw away what the other lacks.
        let first = rng.index(2);
        let are_short = Rng::new(seed ^ 0x50f7).one_in(4);
        for (board, options) in boards.iter_mut().enumerate() {
            if board == first || are_short {
                options.kept_bytes = KEPT_BYTES;
                options.segment_bytes = SEGMENT_BYTES;
            }
        }
        let drift_ppm = [0, 1].map(|_| i64::try_from(rng.below(400)).unwrap_or(0) - 200);
        Self {
            hours,
            gone_until: vec![0; devices],
            is_away: vec![false; devices],
            drift_ppm,
            clock_ms: [0; 2],
            images: [None, None],
            is_swept: rng.one_in(2),
            are_short,
            swept: BTreeMap::new(),
            lived: Lived::default(),
            rng,
        }
    }
}

impl World {
    fn weeks(&mut self) -> Option<&mut Weeks> {
        self.weeks.as_mut()
    }

    fn draw(&mut self, below: u64) -> u64 {
        self.weeks().map_or(0, |weeks| weeks.rng.below(below))
    }

    fn lived(&mut self, count: impl FnOnce(&mut Lived)) {
        if let Some(weeks) = self.weeks() {
            count(&mut weeks.lived);
        }
    }

    fn net_now(&self) -> u64 {
        self.net.as_ref().map_or(0, |net| net.now)
    }

    /// So many days.
    pub(super) fn live(&mut self, days: u64) -> Result<(), String> {
        for day in 0..days {
            for hour in BURSTS {
                let at = day * DAY_MS + hour * HOUR_MS + self.draw(HOUR_MS);
                self.pass_long(at.saturating_sub(self.net_now()))?;
                self.strike()?;
                self.wake_and_sleep(hour);
                let steps = 50 + self.draw(250);
                for _ in 0..steps {
                    self.step()?;
                }
                self.lived(|lived| lived.steps += steps);
                self.linger()?;
                let is_slow = self.draw(24) == 0;
                self.pass_ms(if is_slow { HOUR_MS } else { MINUTE_MS });
                self.keep_house()?;
            }
            if self.is_stuck()? {
                return Ok(());
            }
        }
        // What was swept last goes from the tables.
        for machine in &mut self.machines {
            machine.checkpoint();
        }
        let devices = self.devices.len();
        if let Some(weeks) = self.weeks() {
            weeks.is_away = vec![false; devices];
        }
        Ok(())
    }

    /// Each board has thrown away what the other lacks, and nobody but an operator can choose between them.
    pub(super) fn is_stuck(&self) -> Result<bool, String> {
        let Some(weeks) = &self.weeks else {
            return Ok(false);
        };
        let is_stuck = weeks.lived.stuck > 0;
        if is_stuck && !weeks.are_short {
            return Err("the pair needs an operator, and one of its logs is whole".to_owned());
        }
        Ok(is_stuck)
    }

    /// Hours pass: boards that were off come back, cuts end.
    fn pass_long(&mut self, ms: u64) -> Result<(), String> {
        let end = self.net_now() + ms;
        while self.net_now() < end {
            self.come_back()?;
            let now = self.net_now();
            let left = self.next_change().min(end).saturating_sub(now).max(1);
            if let Some(rest) = self.quiet_ms().filter(|rest| *rest > 2 * SECOND_MS) {
                let rest = rest.min(left);
                for machine in &mut self.machines {
                    machine.rest_ms(rest);
                }
                if let Some(net) = &mut self.net {
                    net.now += rest;
                }
                self.lived(|lived| lived.rested_ms += rest);
                continue;
            }
            let is_apart = self.is_apart();
            let chunk = left.min(if is_apart {
                10 * MINUTE_MS
            } else {
                5 * SECOND_MS
            });
            self.pass_ms(chunk);
            self.take_events();
            if is_apart {
                self.lived(|lived| lived.alone_ms += chunk);
            }
        }
        Ok(())
    }

    /// When the next board is switched on, or a cut ends.
    fn next_change(&self) -> u64 {
        let Some(net) = &self.net else {
            return u64::MAX;
        };
        let ends = net.off_until.into_iter().chain(net.cut_until);
        ends.filter(|at| *at > net.now).min().unwrap_or(u64::MAX)
    }

    /// How long nothing happens but signs of life.
    fn quiet_ms(&self) -> Option<u64> {
        let net = self.net.as_ref()?;
        let is_still = net.queues.iter().all(VecDeque::is_empty) && net.dial_at.is_none();
        let is_open = net.cut_until.iter().all(|until| *until <= net.now);
        let rests = |one: &Machine| one.is_resting() && one.now_ms() == net.now;
        let is_read = self.seems_to_live().next().is_none();
        if !is_still || !is_open || !is_read || !self.machines.iter().all(rests) {
            return None;
        }
        let due = self.machines.iter().filter_map(Machine::due_at).min();
        Some(due.map_or(u64::MAX, |at| at.saturating_sub(net.now + 1)))
    }

    fn come_back(&mut self) -> Result<(), String> {
        for board in 0..2 {
            if !self.machines[board].is_up() && !self.is_off(board) {
                self.lose_links(board);
                self.machines[board].set_faults(self.faults);
                self.boot(board)?;
                self.pass_ms(SECOND_MS);
            }
        }
        Ok(())
    }

    /// Who is on now; the others fall asleep, or their batteries do.
    fn wake_and_sleep(&mut self, hour: u64) {
        let now = self.net_now();
        for index in 0..self.devices.len() {
            let Some(weeks) = self.weeks() else {
                return;
            };
            let vanishes = weeks.rng.one_in(60);
            if vanishes {
                weeks.gone_until[index] = now + (1 + weeks.rng.below(9)) * DAY_MS;
            }
            let (from, to) = weeks.hours[index];
            let is_away = hour < from || hour >= to || weeks.gone_until[index] > now;
            weeks.is_away[index] = is_away;
            if is_away && self.devices[index].state != State::Offline {
                self.cut(index);
            }
        }
    }

    pub(super) fn is_away(&self, index: usize) -> bool {
        self.weeks
            .as_ref()
            .is_some_and(|weeks| weeks.is_away[index])
    }

    /// What is under way comes to its end, as far as it can.
    fn linger(&mut self) -> Result<(), String> {
        for round in 0..LINGER_STEPS_MAX {
            match round % 5 {
                0 => self.go_up()?,
                1 => self.go_out()?,
                2 => self.go_down()?,
                3 => self.go_work(),
                _ => self.pass_ms(40),
            }
            self.go_between();
            self.take_events();
            let is_still = |link: &crate::world::Link| {
                !link.is_cut && !link.is_ready && link.up.is_empty() && link.down.is_empty()
            };
            if round % 16 == 15 && self.links.values().all(is_still) && self.is_level() {
                break;
            }
        }
        Ok(())
    }
}
