//! Nothing is told before it is on the disks that vouch for it: on both, while there are two (invariant 9).

use std::collections::BTreeMap;

use meerkat::testing::sim::Copy;
use meerkat::testing::sim::Machine;
use meerkat::testing::sim::Seen;
use meerkat::testing::sim::Standing;
use meerkat::testing::sim::read;

use crate::checker::excuse::Excuse;
use crate::world::World;

/// When boards took what clients sent.
#[derive(Debug, Default)]
pub(super) struct Taken {
    /// Counts whenever the boards part, meet, or one is replaced.
    age: u64,
    ages: BTreeMap<String, u64>,
}

impl Taken {
    pub(super) fn pass(&mut self) {
        self.age += 1;
    }

    pub(super) fn note(&mut self, body: &str) {
        self.ages.insert(body.to_owned(), self.age);
    }
}

impl World {
    /// A board of two writes this to one of its clients.
    pub(super) fn check_written(
        &self,
        board: usize,
        device: usize,
        bytes: &[u8],
    ) -> Result<(), String> {
        let is_paired = matches!(self.machines[board].standing(), Standing::Paired { .. });
        if self.net.is_none() || !is_paired || self.is_blind {
            return Ok(());
        }
        for seen in read(bytes)? {
            match seen {
                Seen::Ack { h } => {
                    let stream = self.devices[device].stream.as_ref();
                    let unacked = stream.into_iter().flat_map(|stream| &stream.unacked);
                    let covered = unacked.take_while(|(number, _)| *number <= h);
                    for body in covered.filter_map(|(_, outgoing)| outgoing.body.as_ref()) {
                        self.check_on_both(body, "acknowledged")?;
                    }
                }
                Seen::Iq { id, kind, .. } if kind == "result" => {
                    self.check_on_both(&id, "answered")?;
                }
                Seen::Message(text) if text.kind != "error" && text.copy != Copy::Late => {
                    self.check_on_both(&text.body, "shown")?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// A file that was answered with 201.
    pub(super) fn check_on_both_if_paired(&self, board: usize, name: &str) -> Result<(), String> {
        let is_paired = matches!(self.machines[board].standing(), Standing::Paired { .. });
        if self.is_blind || !is_paired {
            return Ok(());
        }
        self.check_on_both(name, "answered with 201")
    }

    fn check_on_both(&self, body: &str, how: &str) -> Result<(), String> {
        let Some(age) = self.taken.ages.get(body) else {
            return Ok(());
        };
        let has = |machine: &Machine| machine.is_durable(body);
        let is_here = self.machines.iter().any(has);
        // A line in a room may be refused, and a refusal is on no disk.
        if !is_here || self.machines.iter().all(has) {
            return Ok(());
        }
        let is_older = *age != self.taken.age;
        if self.checker.excuses.admit(Excuse::Adopted, is_older) {
            return Ok(());
        }
        Err(format!("{body} was {how} before it was on both disks"))
    }
}
