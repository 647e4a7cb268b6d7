//! The end of a run: everything comes to rest, and what is left is compared with what was said.

use std::collections::BTreeMap;

use meerkat::testing::sim::Archived;
use meerkat::testing::sim::Faults;
use meerkat::testing::sim::Foreign;
use meerkat::testing::sim::Machine;

use crate::checker::end::check_times;
use crate::client::Kind;
use crate::client::State;
use crate::world::DOMAIN;
use crate::world::NAMES;
use crate::world::Reading;
use crate::world::Report;
use crate::world::World;
use crate::world::personal::NODES;

/// Steps in which all has to calm down once nothing new happens.
const CALM_STEPS_MAX: u64 = 40_000;
/// Two boards that nothing keeps apart have met and know the same.
const MEETING_MS_MAX: u64 = 60_000;

impl World {
    /// No more faults, nothing new: everything under way has to come to its end.
    pub(super) fn calm_down(&mut self) -> Result<(), String> {
        self.note(|| "calm".to_owned());
        self.is_calm = true;
        self.faults = Faults::default();
        for machine in &mut self.machines {
            machine.set_faults(self.faults);
            machine.wait_for_disk();
        }
        self.mend();
        if self.is_follower {
            for name in NAMES {
                self.machines[0].foreign(&Foreign::SetEnabled {
                    account: format!("{name}@{DOMAIN}"),
                    is_enabled: true,
                });
            }
        }
        // A start may have taken its disk half a minute.
        let now_ms = self.machines.iter().map(Machine::now_ms).max();
        let mut met_within_ms = Some(now_ms.unwrap_or_default() + MEETING_MS_MAX);
        for round in 0..CALM_STEPS_MAX {
            for board in 0..self.machines.len() {
                if !self.machines[board].is_up() {
                    self.lose_links(board);
                    self.boot(board)?;
                }
            }
            match self.rng.below(6) {
                0 => self.act(),
                1 => self.go_up()?,
                2 => self.go_out()?,
                3 => self.go_down()?,
                4 => self.go_work(),
                _ => self.pass_ms(40),
            }
            self.step_between();
            self.take_events();
            self.check_bounds()?;
            if self.is_stuck()? {
                return Ok(());
            }
            self.check_meeting(&mut met_within_ms)?;
            if let Some(broken) = self.broken.take() {
                return Err(broken);
            }
            if round.is_multiple_of(64) && self.is_quiet() && !self.read_archives()? {
                return Ok(());
            }
        }
        Err(format!("it does not come to rest: {}", self.unrest()))
    }

    /// Nothing in memory is beyond its bound (invariant 19).
    pub(super) fn check_bounds(&self) -> Result<(), String> {
        self.machines.iter().try_for_each(Machine::check_bounds)
    }

    /// Two boards that nothing keeps apart are one within a bounded time (invariant 14).
    fn check_meeting(&self, within_ms: &mut Option<u64>) -> Result<(), String> {
        let Some(until) = *within_ms else {
            return Ok(());
        };
        if self.is_level() {
            *within_ms = None;
        } else if self.machines[0].now_ms() > until {
            return Err(format!("the boards do not meet: {}", self.unrest()));
        }
        Ok(())
    }

    /// First from where each device was, as clients do; then, where what was merged may lie before that,
    /// from the beginning. Returns whether there is more to do.
    fn read_archives(&mut self) -> Result<bool, String> {
        self.reading = match self.reading {
            Reading::Not => Reading::On,
            Reading::On => {
                self.check_known()?;
                Reading::Anew
            }
            Reading::Anew => return Ok(false),
        };
        for device in &mut self.devices {
            if self.reading == Reading::Anew {
                device.archive.clear();
            }
            device.is_caught_up = false;
        }
        Ok(true)
    }

    /// Every device has everything that was written to its account or from it, live, pushed or read from
    /// its own place in the archive on (invariant 4).
    fn check_known(&self) -> Result<(), String> {
        let careless = |account: &str| {
            let mut devices = self.devices.iter().filter(|one| one.account == account);
            devices.any(|one| one.kind == Kind::Plain)
        };
        for device in &self.devices {
            let is_careless = careless(&device.account);
            let is_on_disk = |body: &str| self.was_on_disk(body);
            let may_part = self.has_trouble();
            self.checker
                .check_known(device, (is_careless, may_part), is_on_disk)?;
        }
        Ok(())
    }

    /// What is refused is on no disk.
    pub(super) fn was_on_disk(&self, body: &str) -> bool {
        self.machines.iter().any(|one| one.is_durable(body))
    }

    fn is_quiet(&self) -> bool {
        let devices = self.devices.iter().all(|device| {
            device.state == State::Online
                && device.outbox.is_empty()
                && !device.owes_ack
                && !device.is_paging
                && (self.reading == Reading::Not || device.is_caught_up)
                && (self.reading != Reading::Anew || device.answers.len() == NODES.len())
                && device
                    .stream
                    .as_ref()
                    .is_none_or(|one| one.unacked.is_empty())
        });
        let links = self.links.values().all(|link| {
            !link.is_cut && !link.is_ready && link.up.is_empty() && link.down.is_empty()
        });
        devices && links && self.work_count() == 0 && self.is_level()
    }

    fn work_count(&self) -> usize {
        self.machines.iter().map(Machine::work_count).sum()
    }

    fn unrest(&self) -> String {
        let mut text = format!("{} things to do;", self.work_count());
        for (index, device) in self.devices.iter().enumerate() {
            let unacked = device.stream.as_ref().map_or(0, |one| one.unacked.len());
            text += &format!(
                " {index} {:?} {:?} outbox {} unacked {unacked};",
                device.kind,
                device.state,
                device.outbox.len()
            );
        }
        for (id, link) in &self.links {
            text += &format!(
                " link {id} of {}: up {} down {} ready {} cut {};",
                link.device,
                link.up.len(),
                link.down.len(),
                link.is_ready,
                link.is_cut
            );
        }
        for machine in &self.machines {
            text += &machine.status();
        }
        text
    }

    pub(super) fn finish(&mut self) -> Result<Report, String> {
        let mut alive = BTreeMap::new();
        for (index, device) in self.devices.iter().enumerate() {
            if let Some(from) = device.available_from {
                alive.insert((index, device.session), from);
            }
        }
        let mut inside = BTreeMap::new();
        for (index, device) in self.devices.iter().enumerate() {
            if let Some(from) = device.inside_from {
                inside.insert((index, device.session), from);
            }
        }
        let held = self.check_held()?;
        let mut archives = Vec::new();
        for machine in &mut self.machines {
            machine.kill();
            let (errors, stalls) = machine.disk_faults();
            self.faulted.disk_errors += errors;
            self.faulted.stalls += stalls;
            archives.push(machine.archive()?);
        }
        self.check_equal(&archives)?;
        self.check_epochs()?;
        let kept = archives.swap_remove(0);
        let whole = self.with_swept(&kept)?;
        let (room, archive): (Vec<_>, Vec<_>) = whole.into_iter().partition(|one| one.is_room);
        check_times(&archive)?;
        check_times(&room)?;
        let place = |id: &str| self.machines[0].place_in_room(id);
        self.checker.check_room(&room, &inside, &alive, place)?;
        let states = self.machines[0].account_states();
        for device in self.devices.iter().filter(|one| one.kind == Kind::Plain) {
            self.checker.may_lose(&device.account);
        }
        let is_on_disk: &dyn Fn(&str) -> bool = &|body| self.was_on_disk(body);
        let may_refuse = self.may_refuse.then_some(is_on_disk);
        self.checker.finish(&archive, &alive, &states, may_refuse)?;
        for device in &self.devices {
            let gone = |one: &&Archived| {
                let place = (device.account.clone(), one.body.clone());
                // What was swept at one place may have another, of a time when the boards were apart.
                let is_read = || device.archive.iter().any(|(_, body)| *body == one.body);
                !self.checker.gone.contains(&place) || is_read()
            };
            let archive: Vec<Archived> = archive.iter().filter(gone).cloned().collect();
            self.checker
                .check_pages(&device.account, &device.archive, &archive)?;
        }
        self.check_items()?;
        self.check_occupants(&held)?;
        for machine in &self.machines {
            self.checker
                .check_ids(|account, id| machine.resolve(account, id))?;
        }
        self.checker
            .check_sets(|account, name| self.machines[0].private(account, name))?;
        Ok(self.report())
    }

    pub(super) fn report(&self) -> Report {
        Report {
            boots: self.retired_boots + self.machines.iter().map(Machine::boots).sum::<u64>(),
            acked: self.checker.acked,
            shown: self.checker.shown,
            ms: self.machines[0].now_ms(),
            faulted: self.faulted,
            excuses: self.checker.excuses.clone(),
            lived: self
                .weeks
                .as_ref()
                .map(|weeks| weeks.lived)
                .unwrap_or_default(),
        }
    }
}
