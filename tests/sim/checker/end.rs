//! The end of a run: what is on the disk is compared with what was said.

use std::collections::BTreeMap;

use meerkat::testing::sim::Archived;

use crate::checker::Checker;
use crate::checker::Watch;

impl Checker {
    /// All is over, all is delivered: what is on the disk is compared with what was said.
    pub(crate) fn finish(
        &self,
        archive: &[Archived],
        alive: &BTreeMap<(usize, u64), u64>,
        states: &[(u128, String, bool)],
        may_refuse: bool,
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
            if found.len() > 1 && !self.doubled.contains(*body) {
                return Err(format!("{body} is {} times in the archive", found.len()));
            }
        }
        for (body, op) in &self.ops {
            let is_lost = op.acked && !op.refused && !places.contains_key(body.as_str());
            // The error may have gone with its session.
            let is_excused = may_refuse && !alive.contains_key(&op.session);
            if is_lost && !is_excused {
                return Err(format!("{body} was acknowledged and is lost"));
            }
            if op.refused && places.contains_key(body.as_str()) {
                return Err(format!("{body} was refused and is in the archive"));
            }
        }
        for watch in self.sessions.values() {
            for body in &watch.seen {
                if !places.contains_key(body.as_str()) {
                    return Err(format!("{body} was shown and is gone"));
                }
            }
            check_order(watch, &places)?;
        }
        self.check_senders(archive)?;
        self.check_delivered(archive, &places, alive)?;
        check_states(archive, states)
    }

    /// The order of each pair of JIDs.
    fn check_senders(&self, archive: &[Archived]) -> Result<(), String> {
        let mut last: BTreeMap<(&str, &str), (u64, &str)> = BTreeMap::new();
        for kept in archive {
            let Some(op) = self.ops.get(&kept.body) else {
                return Err(format!("{} was never sent", kept.body));
            };
            let pair = (op.sender.as_str(), op.account.as_str());
            if let Some((before, body)) = last.insert(pair, (op.number, &kept.body))
                && before > op.number
            {
                return Err(format!("{body} is in the archive before {}", kept.body));
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
            if !is_careless && !seen.is_some_and(|seen| seen.contains(&kept.body)) {
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

/// What came live came in the order of the archive.
fn check_order(watch: &Watch, places: &BTreeMap<&str, Vec<u128>>) -> Result<(), String> {
    let position = |body: &String| places.get(body.as_str()).and_then(|found| found.first());
    for pair in watch.live.windows(2) {
        if position(&pair[0]) > position(&pair[1]) {
            return Err(format!(
                "{} came before {}, but is behind it in the archive",
                pair[0], pair[1]
            ));
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
