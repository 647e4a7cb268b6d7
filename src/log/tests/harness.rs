//! A seeded run of many lives of a log on one model disk, and the checker that watches it.

use std::fmt::Write as _;

use crate::base::random::Rng;
use crate::log::Failure;
use crate::log::Kind;
use crate::log::Log;
use crate::log::Position;
use crate::log::Settings;
use crate::log::credit::cost;
use crate::store::disk::log::LogFiles;
use crate::store::disk::model::Faults;
use crate::store::disk::model::Model;

/// Mistakes that the checker has to find.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Mutant {
    None,
    /// Durable is said when the write begins.
    DurableBeforeSync,
    /// Segments are used again before their records are in the tables.
    ReleasedBeforeApplied,
}

#[derive(Clone, Debug, Eq, PartialEq)]
struct Row {
    position: Position,
    kind: Kind,
    bytes: Vec<u8>,
}

/// How many of what a row of runs has seen; a test that exercises nothing proves nothing.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen {
    pub(crate) lives: u64,
    pub(crate) reported: u64,
    pub(crate) recovered: u64,
    pub(crate) unreported_kept: u64,
    pub(crate) unreported_dropped: u64,
    pub(crate) deaths_in_recovery: u64,
    pub(crate) sync_errors: u64,
    pub(crate) out_of_space: u64,
    pub(crate) refused_for_space: u64,
}

pub(crate) struct Run {
    model: Model,
    rng: Rng,
    mutant: Mutant,
    /// What the tables hold, durably.
    applied_to: Position,
    /// Reported durable and not applied.
    reported: Vec<Row>,
    /// Appended after those, in this life or recovered from an earlier one.
    unreported: Vec<Row>,
    epoch: u64,
    pub(crate) seen: Seen,
}

pub(crate) const SETTINGS: Settings = Settings {
    segment_bytes: 16 << 10,
    segments_max: 8,
};

impl Run {
    pub(crate) fn new(seed: u64, mutant: Mutant) -> Self {
        Self {
            model: Model::new(seed ^ 0x5eed),
            rng: Rng::from_number(seed),
            mutant,
            applied_to: 0,
            reported: Vec::new(),
            unreported: Vec::new(),
            epoch: 0,
            seen: Seen::default(),
        }
    }

    /// So many lives; an error is a broken promise.
    pub(crate) fn live(&mut self, lives: u64) -> Result<(), String> {
        for _ in 0..lives {
            self.seen.lives += 1;
            self.draw_faults();
            self.one_life()?;
            if self.rng.one_in(3) {
                self.model.kill();
            } else {
                self.model.cut_power();
            }
        }
        Ok(())
    }

    fn draw_faults(&mut self) {
        let sync_error = if self.rng.one_in(4) { 40 } else { 0 };
        self.model.set_faults(Faults {
            sync_error,
            write_error: sync_error * 3,
            stall: 50,
            write_through: 1 + self.rng.below(8),
            is_garbling: self.rng.one_in(3),
            ..Faults::default()
        });
        if !self.rng.one_in(4) {
            let is_soon = self.rng.one_in(3);
            let calls = self.rng.below(if is_soon { 12 } else { 400 });
            self.model.die_after(calls);
        }
    }

    fn one_life(&mut self) -> Result<(), String> {
        let mut files = LogFiles::new(self.model.disk());
        let mut rows = Vec::new();
        let recovered = files.recover(self.applied_to, 7, &mut |record| {
            rows.push(Row {
                position: record.position,
                kind: record.kind,
                bytes: record.bytes.to_vec(),
            });
        });
        let recovered = match recovered {
            Ok(recovered) => recovered,
            Err(_) if self.model.is_down() => {
                self.seen.deaths_in_recovery += 1;
                return Ok(());
            }
            // An error of the sync at the end of the recovery.
            Err(crate::store::disk::log::LogError::Disk(_)) => return Ok(()),
            Err(error) => return Err(format!("a crash was taken for damage: {error:?}")),
        };
        self.check_recovered(rows)?;
        let mut log = Log::open(SETTINGS, recovered);
        self.epoch += 1;
        let mut sequence = 0;
        for _ in 0..self.rng.below(60) {
            let is_alive = self.one_step(&mut log, &mut files, &mut sequence)?;
            if !is_alive {
                return Ok(());
            }
        }
        Ok(())
    }

    /// What was reported is there, in order and once; then a prefix of what was not.
    fn check_recovered(&mut self, rows: Vec<Row>) -> Result<(), String> {
        let mut rows = rows.into_iter();
        for expected in &self.reported {
            let found = rows.next();
            if found.as_ref() != Some(expected) {
                let found = found.map(|row| row.position);
                return Err(format!(
                    "reported {:x}, found {found:x?}",
                    expected.position
                ));
            }
        }
        let kept: Vec<Row> = rows.collect();
        if !self.unreported.starts_with(&kept) {
            let mut text = String::from("not a prefix of what was appended:");
            for row in &kept {
                write!(text, " {:x}", row.position).unwrap();
            }
            return Err(text);
        }
        let dropped = self.unreported.len() - kept.len();
        self.seen.recovered += u64::try_from(self.reported.len() + kept.len()).unwrap();
        self.seen.unreported_kept += u64::try_from(kept.len()).unwrap();
        self.seen.unreported_dropped += u64::try_from(dropped).unwrap();
        // What was dropped once is not in `unreported` any more and must never be seen again.
        self.unreported = kept;
        Ok(())
    }

    fn one_step(
        &mut self,
        log: &mut Log,
        files: &mut LogFiles,
        sequence: &mut u64,
    ) -> Result<bool, String> {
        match self.rng.below(10) {
            0..5 => {
                for _ in 0..self.rng.below(12) {
                    self.append(log, sequence)?;
                }
            }
            5 => self.checkpoint(log),
            6 => self.change_space(log),
            _ => {}
        }
        let requests = if self.rng.one_in(3) {
            u64::MAX
        } else {
            self.rng.below(4)
        };
        self.pump(log, files, requests)
    }

    fn append(&mut self, log: &mut Log, sequence: &mut u64) -> Result<(), String> {
        let bytes_max = match self.rng.below(20) {
            0 => log.record_bytes_max() + 1,
            1..5 => 2_000,
            _ => 300,
        };
        let bytes = self.rng.below(u64::try_from(bytes_max).unwrap());
        let bytes: Vec<u8> = (0..bytes)
            .map(|_| self.rng.next().to_be_bytes()[0])
            .collect();
        *sequence += 1 + self.rng.below(2);
        let row = Row {
            position: self.epoch << 40 | *sequence,
            kind: if *sequence < 3 {
                Kind::Epoch
            } else {
                Kind::Entry
            },
            bytes,
        };
        if cost(row.bytes.len()) > log.credit() {
            self.seen.refused_for_space += 1;
            return Ok(());
        }
        let before = log.credit();
        log.append(row.position, row.kind, &row.bytes)
            .map_err(|error| format!("credit was promised: {error:?}"))?;
        if log.credit() < before - cost(row.bytes.len()) {
            return Err("a record took more credit than it costs".to_owned());
        }
        self.unreported.push(row);
        Ok(())
    }

    fn checkpoint(&mut self, log: &mut Log) {
        // The tables are never ahead of what this life knows to be durable.
        let durable = log.durable();
        let rows = self.reported.iter().filter(|row| row.position <= durable);
        let rows = u64::try_from(rows.count()).unwrap();
        let count = if self.rng.one_in(2) {
            rows
        } else {
            self.rng.below(rows + 1)
        };
        let mut applied = self.reported.drain(..usize::try_from(count).unwrap());
        if let Some(last) = applied.next_back() {
            self.applied_to = last.position;
        }
        log.release(self.applied_to);
    }

    fn change_space(&mut self, log: &mut Log) {
        if self.rng.one_in(2) {
            let capacity = Some(self.rng.below(160 << 10));
            self.model.set_faults(Faults {
                capacity,
                write_through: 4,
                ..Faults::default()
            });
        } else {
            self.model.set_faults(Faults {
                write_through: 4,
                ..Faults::default()
            });
            log.handle_retry();
        }
    }

    /// Lets the disk work; false when the process has died.
    fn pump(&mut self, log: &mut Log, files: &mut LogFiles, requests: u64) -> Result<bool, String> {
        for _ in 0..requests {
            let credit = log.credit();
            let Some(request) = log.poll_output() else {
                // The last batch of an earlier life may wait for space; nothing of this one does.
                let is_from_now = self
                    .unreported
                    .last()
                    .is_some_and(|row| row.position >> 40 == self.epoch);
                if log.pending_bytes() > 0 && is_from_now {
                    return Err("what had credit is not written".to_owned());
                }
                return Ok(true);
            };
            if log.credit() < credit {
                return Err("writing took credit".to_owned());
            }
            self.seen.out_of_space += u64::from(log.is_out_of_space());
            let is_early = self.mutant == Mutant::DurableBeforeSync;
            if is_early {
                log.handle_synced();
                self.report(log);
            }
            // While the disk works, the core goes on.
            if self.rng.one_in(4) {
                self.checkpoint(log);
            }
            let result = files.perform(&request);
            if self.model.is_down() {
                return Ok(false);
            }
            match result {
                Ok(()) if is_early => {}
                Ok(()) => log.handle_synced(),
                Err(error) => log.handle_failed(Failure::from(&error)),
            }
            self.report(log);
            if self.mutant == Mutant::ReleasedBeforeApplied {
                log.release(log.durable());
            }
            if log.poisoned().is_some() {
                self.seen.sync_errors += 1;
                return Ok(false);
            }
            if log.credit() < credit {
                return Err("a finished request took credit".to_owned());
            }
        }
        Ok(true)
    }

    fn report(&mut self, log: &Log) {
        let durable = log.durable();
        let count = self
            .unreported
            .iter()
            .take_while(|row| row.position <= durable)
            .count();
        self.seen.reported += u64::try_from(count).unwrap();
        self.reported.extend(self.unreported.drain(..count));
    }
}
