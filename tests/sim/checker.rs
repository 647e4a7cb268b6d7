//! What the clients were told, and whether it was true: the promises of the server as its users see them.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use meerkat::testing::sim::Archived;
use meerkat::testing::sim::Copy;
use meerkat::testing::sim::Text;

/// A message that somebody wrote, to be kept.
#[derive(Clone, Debug)]
struct Op {
    number: u64,
    /// The device, or who it was on the other node.
    sender: String,
    /// Bare.
    account: String,
    /// To all devices of the account, not to one.
    is_to_bare: bool,
    acked: bool,
    refused: bool,
    /// The session that sent it last.
    session: (usize, u64),
}

/// One session of one device.
#[derive(Clone, Debug, Default)]
pub(crate) struct Watch {
    account: String,
    /// Bodies in the order of their arrival, late ones apart.
    live: Vec<String>,
    seen: BTreeSet<String>,
}

#[derive(Debug, Default)]
pub(crate) struct Checker {
    ops: BTreeMap<String, Op>,
    sessions: BTreeMap<(usize, u64), Watch>,
    seen_by_account: BTreeMap<String, BTreeSet<String>>,
    /// Acknowledged before it was durable; fine only if it was refused.
    suspects: BTreeSet<String>,
    /// Accounts with a device that acknowledges nothing: what was written to it counts as taken.
    careless: BTreeSet<String>,
    /// Accounts with a device that was cut off before it counted: the same for what was sent to it alone.
    careless_alone: BTreeSet<String>,
    pub(crate) acked: u64,
    pub(crate) shown: u64,
}

impl Checker {
    pub(crate) fn sent(
        &mut self,
        body: &str,
        number: u64,
        sender: &str,
        to: &str,
        session: (usize, u64),
    ) {
        let account = to.split('/').next().unwrap_or(to).to_owned();
        let op = Op {
            number,
            sender: sender.to_owned(),
            is_to_bare: account == to,
            account,
            acked: false,
            refused: false,
            session,
        };
        self.ops.insert(body.to_owned(), op);
    }

    pub(crate) fn sent_again(&mut self, body: &str, session: (usize, u64)) {
        if let Some(op) = self.ops.get_mut(body) {
            op.session = session;
        }
    }

    /// The client was told that the server has it.
    pub(crate) fn acked(
        &mut self,
        body: &str,
        is_durable: bool,
        may_refuse: bool,
    ) -> Result<(), String> {
        let Some(op) = self.ops.get_mut(body) else {
            return Ok(());
        };
        op.acked = true;
        self.acked += 1;
        if is_durable || op.refused {
            return Ok(());
        }
        if !may_refuse {
            return Err(format!("{body} was acknowledged before it was on the disk"));
        }
        self.suspects.insert(body.to_owned());
        Ok(())
    }

    pub(crate) fn may_lose(&mut self, account: &str) {
        self.careless.insert(account.to_owned());
    }

    pub(crate) fn may_lose_direct(&mut self, account: &str) {
        self.careless_alone.insert(account.to_owned());
    }

    pub(crate) fn refused(&mut self, body: &str) {
        if let Some(op) = self.ops.get_mut(body) {
            op.refused = true;
        }
    }

    /// A message appears at a device.
    pub(crate) fn shown(
        &mut self,
        who: (usize, u64),
        account: &str,
        text: &Text,
        is_durable: bool,
    ) -> Result<(), String> {
        let body = &text.body;
        self.shown += 1;
        if !is_durable {
            return Err(format!("{body} was shown before it was on the disk"));
        }
        let to = text.to.split('/').next().unwrap_or_default();
        if to != account && text.copy != Copy::Sent {
            return Err(format!("{account} was shown a message to {to}"));
        }
        let watch = self.sessions.entry(who).or_default();
        account.clone_into(&mut watch.account);
        if !watch.seen.insert(body.clone()) {
            return Err(format!(
                "{body} was shown twice in one session of {account}"
            ));
        }
        if text.copy == Copy::Direct {
            watch.live.push(body.clone());
        }
        let seen = self.seen_by_account.entry(account.to_owned()).or_default();
        seen.insert(body.clone());
        Ok(())
    }

    /// A stanza that is not kept arrives: everything that its sender said to this account before it has
    /// to be there (RFC 6120 section 10.1), from what the session was there for.
    pub(crate) fn volatile(
        &self,
        who: (usize, u64),
        from: &str,
        account: &str,
        number: u64,
        available_from: u64,
    ) -> Result<(), String> {
        let watch = self.sessions.get(&who);
        for (body, op) in &self.ops {
            let is_before = op.sender == from
                && op.account == account
                && op.is_to_bare
                && !op.refused
                && op.number < number
                && op.number >= available_from;
            if is_before && !watch.is_some_and(|watch| watch.seen.contains(body)) {
                return Err(format!("v{number} of {from} overtook {body}"));
            }
        }
        Ok(())
    }

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
            if found.len() > 1 {
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
