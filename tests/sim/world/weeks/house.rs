//! What boards do beside serving: sweeps, copies, comparisons.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use meerkat::testing::sim::Archived;
use meerkat::testing::sim::Fetched;
use meerkat::testing::sim::Machine;
use meerkat::testing::sim::Standing;

use crate::world::World;
use crate::world::weeks::SECOND_MS;

/// What an archive holds, where old messages are swept away.
const ARCHIVE_BYTES: u64 = 12_000;

impl World {
    /// What a board does from time to time; and the tables of both are compared.
    pub(super) fn keep_house(&mut self) -> Result<(), String> {
        let is_swept = self.weeks.as_ref().is_some_and(|weeks| weeks.is_swept);
        for board in 0..2 {
            if is_swept && self.machines[board].is_up() {
                let found = self.machines[board].sweep(ARCHIVE_BYTES);
                self.note_swept(found)?;
            }
            if self.draw(30) == 0 {
                let image = self.machines[board].image();
                if let Some(weeks) = self.weeks() {
                    weeks.images[board] = Some(image);
                }
            }
        }
        self.pass_ms(2 * SECOND_MS);
        if self.is_level() && self.draw(4) == 0 {
            self.compare()?;
        }
        Ok(())
    }

    fn note_swept(&mut self, found: Result<Vec<(String, Archived)>, String>) -> Result<(), String> {
        let may_fail = self.faults.read_error > 0;
        let found = match found {
            Ok(found) => found,
            Err(_) if may_fail => return Ok(()),
            Err(error) => return Err(error),
        };
        let Some(weeks) = &mut self.weeks else {
            return Ok(());
        };
        for (owner, kept) in found {
            self.checker
                .swept
                .insert((owner.clone(), kept.body.clone()));
            let known = weeks.swept.entry(kept.position);
            let (_, owners) = known.or_insert_with(|| (kept, BTreeSet::new()));
            if owners.insert(owner) {
                weeks.lived.swept += 1;
            }
        }
        Ok(())
    }

    /// Both are one: what the tables hold is the same.
    fn compare(&mut self) -> Result<(), String> {
        let whole = self.machines.iter_mut().all(Machine::checkpoint);
        self.pass_ms(SECOND_MS);
        if !whole || !self.is_level() {
            return Ok(());
        }
        let applied = |one: &Machine| one.is_applied();
        if !self.machines.iter().all(applied) {
            return Ok(());
        }
        let digests: Result<Vec<_>, _> = self.machines.iter().map(Machine::digest).collect();
        let Ok(digests) = digests else {
            return Ok(());
        };
        self.lived(|lived| lived.compared += 1);
        if digests[0] != digests[1] {
            return Err("the tables differ on the way".to_owned());
        }
        Ok(())
    }

    /// A board that cannot go on takes a copy first. Says whether it may start.
    pub(in crate::world) fn fetch(&mut self, board: usize) -> Result<bool, String> {
        if !self.machines[board].needs_copy() {
            return Ok(true);
        }
        let is_cut = self
            .net
            .as_ref()
            .is_some_and(|net| net.cut_until.iter().any(|until| *until > net.now));
        let serves = !matches!(
            self.machines[1 - board].standing(),
            Standing::Down | Standing::Waiting
        );
        if is_cut || !serves || self.is_frozen(1 - board) {
            return Ok(false);
        }
        let batches = if self.is_calm || self.draw(2) == 0 {
            u64::MAX
        } else {
            1 + self.draw(3)
        };
        let (one, two) = self.machines.split_at_mut(1);
        let (own, other) = if board == 0 {
            (&mut one[0], &mut two[0])
        } else {
            (&mut two[0], &mut one[0])
        };
        let fetched = match own.fetch(other, batches) {
            Ok(fetched) => fetched,
            Err(error) if self.is_calm => return Err(error),
            Err(_) => Fetched::Part,
        };
        self.note(|| format!("board {board} takes a copy: {fetched:?}"));
        match fetched {
            Fetched::Whole => {
                self.lived(|lived| lived.copies += 1);
                return Ok(true);
            }
            Fetched::Part => {
                self.lived(|lived| lived.half_copies += 1);
                self.machines[board].cut_power();
            }
            Fetched::Refused => {}
        }
        Ok(false)
    }

    pub(in crate::world) fn has_older_image(&self) -> bool {
        let weeks = self.weeks.as_ref();
        weeks.is_some_and(|weeks| weeks.lived.images > 0)
    }

    /// What the link tells is counted; a board that needs a copy ends for it.
    pub(in crate::world) fn heed(&mut self, board: usize, notice: &str) {
        if notice.starts_with("Alone") {
            self.lived(|lived| lived.alone += 1);
        }
        if notice.starts_with("Paired") && notice.contains("leads: true") {
            self.checker.meet();
            self.lived(|lived| lived.heals += 1);
        }
        if notice.contains("PeerOrphan") {
            let status = self
                .machines
                .iter()
                .map(Machine::status)
                .collect::<String>();
            self.note(|| status);
        }
        if notice.contains("BothNeedCopies") {
            self.lived(|lived| lived.stuck = 1);
        }
        if notice == "needs a copy" && self.weeks.is_some() {
            self.lose(board, false);
        }
    }

    /// The archive with what was swept away in it, and how many archives hold each.
    pub(in crate::world) fn with_swept(
        &mut self,
        archive: &[Archived],
    ) -> Result<Vec<Archived>, String> {
        let Some(weeks) = &self.weeks else {
            return Ok(archive.to_vec());
        };
        let places = archive.iter().map(|one| (&one.body, one.position));
        let mut places: BTreeMap<&String, u128> = places.collect();
        let rows = archive.iter().map(|one| (one.position, one.clone()));
        let mut whole: BTreeMap<u128, Archived> = rows.collect();
        for (position, (kept, owners)) in &weeks.swept {
            // What its client has sent once more since then is there again.
            if *places.entry(&kept.body).or_insert(*position) != *position {
                continue;
            }
            for owner in owners {
                if self.machines[0].holds(owner, *position)? {
                    continue;
                }
                self.checker.gone.insert((owner.clone(), kept.body.clone()));
                let row = whole.entry(*position).or_insert_with(|| kept.clone());
                row.places += 1;
            }
        }
        Ok(whole.into_values().collect())
    }
}
