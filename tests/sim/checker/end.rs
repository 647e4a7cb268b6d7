//! The end of a run: what is on the disk is compared with what was said.

use std::collections::BTreeMap;

use meerkat::testing::sim::Archived;

use crate::checker::Checker;
use crate::checker::Watch;
use crate::checker::excuse::Excuse;
use crate::client::Device;
use crate::client::Kind;

impl Checker {
    /// All is over, all is delivered: what is on the disk is compared with what was said.
    pub(crate) fn finish(
        &self,
        archive: &[Archived],
        alive: &BTreeMap<(usize, u64), u64>,
        states: &[(u128, String, bool)],
        may_refuse: Option<&dyn Fn(&str) -> bool>,
    ) -> Result<(), String> {
        let mut places: BTreeMap<&str, Vec<u128>> = BTreeMap::new();
        for kept in archive {
            places.entry(&kept.body).or_default().push(kept.position);
            let sender = kept.from.split('/').next().unwrap_or_default();
            if kept.places
                != if sender == kept.to.split('/').next().unwrap_or_default() {
                    1
                } else {
                    2
                }
            {
                return Err(format!("{} is in {} archives", kept.body, kept.places));
            }
        }
        for (body, found) in &places {
            if found.len() > 1 {
                return Err(format!("{body} is {} times in the archive", found.len()));
            }
        }
        for (body, op) in &self.ops {
            let is_here = places.contains_key(body.as_str());
            let is_lost = op.acked && !op.refused && !is_here;
            // The error may have gone with its session.
            let is_gone = !alive.contains_key(&op.session);
            let went_with = self.moved.contains(&op.session) && self.suspects.contains(body);
            let is_on_disk = may_refuse.is_none_or(|is_on_disk| is_on_disk(body));
            let is_excused = !is_on_disk && (is_gone || went_with);
            if is_lost && !self.excuses.admit(Excuse::RefusalLost, is_excused) {
                return Err(format!("{body} was acknowledged and is lost"));
            }
            let is_early = self.suspects.contains(body) && is_here && !op.refused;
            if is_early && !self.may_be_late(body) {
                return Err(format!("{body} was acknowledged before it was on a disk"));
            }
            // What was under way when the boards parted may be refused by one and numbered by the other.
            if op.refused && is_here && !self.may_be_late(body) {
                return Err(format!("{body} was refused and is in the archive"));
            }
        }
        for watch in self.sessions.values() {
            for body in &watch.seen {
                if !places.contains_key(body.as_str()) {
                    return Err(format!("{body} was shown and is gone"));
                }
            }
            self.check_order(watch, &places)?;
        }
        self.check_senders(archive)?;
        self.check_delivered(archive, &places, alive)?;
        check_states(archive, states)
    }

    /// The order of each pair of JIDs.
    fn check_senders(&self, archive: &[Archived]) -> Result<(), String> {
        let mut last: BTreeMap<(&str, &str), (u128, u64, &str)> = BTreeMap::new();
        for kept in archive {
            let Some(op) = self.ops.get(&kept.body) else {
                return Err(format!("{} was never sent", kept.body));
            };
            let pair = (op.sender.as_str(), op.account.as_str());
            let Some((_, before, body)) = last
                .insert(pair, (epoch(kept.position), op.number, &kept.body))
                .filter(|(one, ..)| *one == epoch(kept.position))
            else {
                continue;
            };
            if before > op.number && !self.may_be_late(&kept.body) {
                return Err(format!("{body} is in the archive before {}", kept.body));
            }
        }
        Ok(())
    }

    /// What came live came in the order of the archive.
    fn check_order(&self, watch: &Watch, places: &BTreeMap<&str, Vec<u128>>) -> Result<(), String> {
        let live = watch
            .live
            .iter()
            .filter(|body| !self.doubled.contains(*body));
        let live: Vec<(&String, u128)> = live
            .filter_map(|body| Some((body, *places.get(body.as_str())?.first()?)))
            .collect();
        for pair in live.windows(2) {
            let [(one, first), (two, second)] = pair else {
                continue;
            };
            if epoch(*first) == epoch(*second) && first > second {
                return Err(format!(
                    "{one} came before {two}, but is behind it in the archive"
                ));
            }
        }
        Ok(())
    }

    /// A device has all that was acknowledged of what is for its account or from it.
    pub(crate) fn check_known(
        &self,
        device: &Device,
        (is_careless, may_part): (bool, bool),
        is_on_disk: impl Fn(&str) -> bool,
    ) -> Result<(), String> {
        let (account, jid) = (&device.account, device.jid());
        for (body, op) in self.ops.iter().filter(|(_, op)| op.acked && !op.refused) {
            let is_own = op.sender == jid;
            let is_for = op.account == *account || op.sender.starts_with(&format!("{account}/"));
            let is_swept = self.swept.contains(&(account.clone(), body.clone()));
            let is_kept = is_for && is_on_disk(body) && !is_swept;
            let is_missed = is_kept && !is_own && !device.known.contains(body);
            let went = self.careless_alone.contains(account);
            let is_copy = op.account != *account || !op.is_to_bare;
            let has_no_copies = may_part && is_copy && device.kind == Kind::Dino;
            if is_missed
                && !self.excuses.admit(Excuse::Written, is_careless || went)
                && !self.excuses.admit(Excuse::NoCopies, has_no_copies)
            {
                return Err(format!("{jid} has {body} from nowhere, and reads on"));
            }
        }
        Ok(())
    }

    fn check_delivered(
        &self,
        archive: &[Archived],
        places: &BTreeMap<&str, Vec<u128>>,
        alive: &BTreeMap<(usize, u64), u64>,
    ) -> Result<(), String> {
        for kept in archive {
            let account = kept.to.split('/').next().unwrap_or_default();
            let seen = self.seen_by_account.get(account);
            let is_alone = kept.to != account && self.careless_alone.contains(account);
            let is_careless = is_alone || self.careless.contains(account);
            let is_unseen = !seen.is_some_and(|seen| seen.contains(&kept.body));
            if is_unseen && !self.excuses.admit(Excuse::Written, is_careless) {
                return Err(format!("{} never reached {account}", kept.body));
            }
        }
        for (who, available_from) in alive {
            let Some(watch) = self.sessions.get(who) else {
                continue;
            };
            for (body, op) in &self.ops {
                let is_entitled = op.account == watch.account
                    && op.is_to_bare
                    && op.number >= *available_from
                    && places.contains_key(body.as_str());
                if is_entitled && !watch.seen.contains(body) {
                    return Err(format!(
                        "{body} never reached a session of {} that was there",
                        watch.account
                    ));
                }
            }
        }
        Ok(())
    }
}

/// Each branch has its own; a position begins with it.
pub(super) fn epoch(position: u128) -> u128 {
    position >> 56
}

/// In a branch time does not go back (invariant 16).
pub(crate) fn check_times(archive: &[Archived]) -> Result<(), String> {
    for pair in archive.windows(2) {
        let [one, two] = pair else { continue };
        if epoch(one.position) == epoch(two.position) && one.at_ms > two.at_ms {
            return Err(format!("{} is dated before {}", two.body, one.body));
        }
    }
    Ok(())
}

/// Nobody wrote while disabled.
fn check_states(archive: &[Archived], states: &[(u128, String, bool)]) -> Result<(), String> {
    for kept in archive {
        let sender = kept.from.split('/').next().unwrap_or_default();
        let before = states
            .iter()
            .rfind(|(position, jid, _)| jid == sender && *position < kept.position);
        if before.is_some_and(|(_, _, is_enabled)| !is_enabled) {
            return Err(format!(
                "{} was accepted from {sender}, who is disabled",
                kept.body
            ));
        }
    }
    Ok(())
}
