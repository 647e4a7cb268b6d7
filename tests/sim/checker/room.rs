//! The room: what was said there, and what was taken back by who said it (XEP-0424) or by a moderator (XEP-0425).

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use meerkat::testing::sim::Archived;

use crate::checker::Checker;
use crate::checker::end::epoch;
use crate::checker::excuse::Excuse;

/// What somebody wanted to have taken back.
#[derive(Debug, Default)]
pub(super) struct TakenBack {
    /// By the line that takes back, or the request of a moderator: the line that is meant.
    asked: BTreeMap<String, String>,
    /// Requests that had their result.
    resulted: BTreeSet<String>,
    /// What was asked of one board while the other may have had the line alone.
    elsewhere: BTreeSet<String>,
}

impl TakenBack {
    fn is_asked(&self, line: &str) -> bool {
        self.asked.values().any(|one| one == line)
    }
}

impl Checker {
    pub(crate) fn takes_back(&mut self, by: &str, line: &str, is_apart: bool) {
        if is_apart {
            self.taken_back.elsewhere.insert(by.to_owned());
        }
        let asked = &mut self.taken_back.asked;
        asked.insert(by.to_owned(), line.to_owned());
    }

    pub(crate) fn moderated(&mut self, by: &str, is_apart: bool) {
        if is_apart {
            self.taken_back.elsewhere.insert(by.to_owned());
        }
        self.taken_back.resulted.insert(by.to_owned());
    }

    /// Which line a tombstone stands for.
    fn buried(&self, position: u128, place: impl Fn(&str) -> Option<u128>) -> Result<&str, String> {
        let mut shown = self.room_ids.iter();
        let is_meant = |id: &String| place(id) == Some(position);
        match shown.find(|(_, ids)| ids.iter().any(is_meant)) {
            Some((line, _)) if self.taken_back.is_asked(line) => Ok(line),
            Some((line, _)) => Err(format!("{line} is gone, and nobody took it back")),
            None => Err("something that nobody was shown was taken back".to_owned()),
        }
    }

    /// What was taken back stays so (invariant 11).
    fn check_taken_back(
        &self,
        archive: &[Archived],
        places: &BTreeMap<&str, u128>,
    ) -> Result<(), String> {
        for (by, line) in &self.taken_back.asked {
            let is_done = places.contains_key(by.as_str()) || self.taken_back.resulted.contains(by);
            let is_there = archive.iter().any(|kept| kept.body == *line);
            let may_lack = self.taken_back.elsewhere.contains(by) || self.doubled.contains(by);
            if is_done && is_there && !self.excuses.admit(Excuse::OtherBranch, may_lack) {
                return Err(format!("{by} took {line} back, and it is there"));
            }
        }
        Ok(())
    }

    /// The room: one order for all, nothing lost, nothing twice, everything to who was inside.
    pub(crate) fn check_room(
        &self,
        archive: &[Archived],
        inside: &BTreeMap<(usize, u64), u64>,
        alive: &BTreeMap<(usize, u64), u64>,
        place: impl Fn(&str) -> Option<u128>,
    ) -> Result<(), String> {
        let mut places: BTreeMap<&str, u128> = BTreeMap::new();
        let mut last: BTreeMap<&str, (u128, u64, &str)> = BTreeMap::new();
        for kept in archive.iter().filter(|kept| !kept.is_notice) {
            let body = if kept.is_tombstone {
                self.buried(kept.position, &place)?
            } else {
                kept.body.as_str()
            };
            let Some(line) = self.lines.get(body) else {
                return Err(format!("{body} was never said"));
            };
            if places.insert(body, kept.position).is_some() {
                return Err(format!("{body} is twice in the room's archive"));
            }
            let branch = epoch(kept.position);
            if let Some((_, before, early)) = last
                .insert(&line.sender, (branch, line.number, body))
                .filter(|(one, ..)| *one == branch)
                && before > line.number
                && !self.may_be_late(body)
            {
                return Err(format!("{early} is in the room's archive before {body}"));
            }
        }
        self.check_taken_back(archive, &places)?;
        for (body, line) in &self.lines {
            // Who was not inside is told so, and the error may have gone with its session.
            let is_gone = !alive.contains_key(&line.session) || self.moved.contains(&line.session);
            let is_excused = !line.is_inside || is_gone;
            let is_here = places.contains_key(body.as_str());
            let is_lost = line.acked && !line.refused && !is_here;
            if is_lost && !self.excuses.admit(Excuse::RefusalLost, is_excused) {
                return Err(format!("{body} was acknowledged and is lost"));
            }
            if line.refused && is_here && !self.may_be_late(body) {
                return Err(format!("{body} was refused and is in the archive"));
            }
        }
        for (who, heard) in &self.heard {
            let mut found: BTreeMap<u128, Vec<u128>> = BTreeMap::new();
            for body in heard {
                let Some(position) = places.get(body.as_str()) else {
                    return Err(format!("{body} was shown and is gone"));
                };
                if !self.doubled.contains(body) {
                    found.entry(epoch(*position)).or_default().push(*position);
                }
            }
            if !found.values().all(|found| found.is_sorted()) {
                return Err(format!("{who:?} heard {heard:?}, not in the room's order"));
            }
        }
        for (who, from) in inside {
            let heard = self.heard.get(who);
            for (body, line) in &self.lines {
                let is_there = places.contains_key(body.as_str());
                let is_entitled =
                    line.number >= *from && is_there && !self.taken_back.is_asked(body);
                if is_entitled && !heard.is_some_and(|heard| heard.contains(body)) {
                    return Err(format!("{body} never reached {who:?}, who was inside"));
                }
            }
        }
        Ok(())
    }
}
