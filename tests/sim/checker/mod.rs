//! What the clients were told, and whether it was true: the promises of the server as its users see them.
//!
//! `src/manual/simulator.md` says which invariant is looked at where.

pub(crate) mod end;
pub(crate) mod excuse;
pub(crate) mod items;
pub(crate) mod room;
pub(crate) mod sets;

use crate::checker::excuse::Excuse;
use crate::checker::excuse::Excuses;
use crate::checker::items::Items;
use crate::checker::room::TakenBack;
use crate::checker::sets::Set;
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

/// Something said in the room.
#[derive(Clone, Debug)]
struct Line {
    number: u64,
    sender: String,
    /// Whoever sent it was inside when it was sent, as far as it knows.
    is_inside: bool,
    session: (usize, u64),
    acked: bool,
    refused: bool,
}

/// One session of one device.
#[derive(Clone, Debug, Default)]
pub(crate) struct Watch {
    account: String,
    /// Bodies in the order of their arrival, late ones apart.
    live: Vec<String>,
    seen: BTreeSet<String>,
    ids: BTreeMap<String, Option<String>>,
}

#[derive(Debug, Default)]
pub(crate) struct Checker {
    ops: BTreeMap<String, Op>,
    sets: BTreeMap<String, Set>,
    items: Items,
    lines: BTreeMap<String, Line>,
    taken_back: TakenBack,
    /// Files that were answered with 201: account and name.
    files: BTreeSet<(String, String)>,
    /// What a session was shown of the room, in order.
    heard: BTreeMap<(usize, u64), Vec<String>>,
    /// The ids in the reader's archive under which a message was shown.
    ids: BTreeMap<(String, String), BTreeSet<String>>,
    sessions: BTreeMap<(usize, u64), Watch>,
    seen_by_account: BTreeMap<String, BTreeSet<String>>,
    /// Acknowledged before it was durable; fine only if it was refused.
    suspects: BTreeSet<String>,
    /// Accounts with a device that acknowledges nothing: what was written to it counts as taken.
    careless: BTreeSet<String>,
    /// Accounts with a device that was cut off before it counted: the same for what was sent to it alone.
    careless_alone: BTreeSet<String>,
    /// Sent to one board and, while the two were apart, to the other: it has a place in the order of each.
    pub(crate) doubled: BTreeSet<String>,
    /// Swept out of an archive: nobody finds it there any more.
    pub(crate) gone: BTreeSet<(String, String)>,
    /// The same, as far as it was asked for.
    pub(crate) swept: BTreeSet<(String, String)>,
    /// Sessions that went on at the other board, or at one that died and came back: what they were shown may be
    /// shown again, with the same id (rule U6).
    pub(crate) moved: BTreeSet<(usize, u64)>,
    /// The ids under which a line of the room was shown.
    room_ids: BTreeMap<String, BTreeSet<String>>,
    /// Counts what is sent and answered.
    tick: u64,
    /// How often the boards have begun an epoch of both.
    met: u64,
    pub(crate) excuses: Excuses,
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

    pub(crate) fn said(&mut self, body: &str, number: u64, sender: &str) {
        let line = Line {
            number,
            sender: sender.to_owned(),
            is_inside: false,
            session: (usize::MAX, 0),
            acked: false,
            refused: false,
        };
        self.lines.insert(body.to_owned(), line);
    }

    /// The room shows a line to a device.
    pub(crate) fn heard(
        &mut self,
        who: (usize, u64),
        text: &Text,
        is_durable: bool,
    ) -> Result<(), String> {
        let body = text.body.as_str();
        if !is_durable {
            return Err(format!("{body} was shown before it was on the disk"));
        }
        let ids = self.room_ids.entry(body.to_owned()).or_default();
        ids.extend(text.stanza_id.clone());
        let may_have_two = self.doubled.contains(body);
        if ids.len() > 1 && !self.excuses.admit(Excuse::TwoPlaces, may_have_two) {
            return Err(format!("{body} was shown under two ids: {ids:?}"));
        }
        let heard = self.heard.entry(who).or_default();
        if heard.iter().any(|one| one == body) {
            if self
                .excuses
                .admit(Excuse::ShownAgain, self.moved.contains(&who))
            {
                return Ok(());
            }
            return Err(format!("{body} was shown twice in one session"));
        }
        heard.push(body.to_owned());
        Ok(())
    }

    /// A refusal is on no disk (R7): what is said on a new stream is answered anew.
    pub(crate) fn sent_again(&mut self, body: &str, session: (usize, u64), is_inside: bool) {
        if let Some(line) = self.lines.get_mut(body) {
            line.refused &= line.session == session;
            line.session = session;
            line.is_inside = is_inside;
        }
        if let Some(op) = self.ops.get_mut(body) {
            op.refused &= op.session == session;
            op.session = session;
        }
        if let Some(set) = self.sets.get_mut(body) {
            self.tick += 1;
            set.sent_at.get_or_insert(self.tick);
            set.course.sent.get_or_insert(self.met);
        }
        self.items.sent(body, self.met);
    }

    /// The boards are one.
    pub(crate) fn meet(&mut self) {
        self.met += 1;
    }

    /// Whatever id a message was shown under, the archive knows it by it.
    pub(crate) fn check_ids(
        &self,
        resolve: impl Fn(&str, &str) -> Option<String>,
    ) -> Result<(), String> {
        for ((account, body), ids) in &self.ids {
            if self.gone.contains(&(account.clone(), body.clone())) {
                continue;
            }
            for id in ids {
                let found = resolve(account, id);
                if found.as_ref() != Some(body) {
                    return Err(format!(
                        "{body} was shown to {account} as {id}, which is {found:?}"
                    ));
                }
            }
        }
        Ok(())
    }

    /// An archive as a device has read it, page by page, is the archive.
    pub(crate) fn check_pages(
        &self,
        account: &str,
        pages: &[(String, String)],
        archive: &[Archived],
    ) -> Result<(), String> {
        let bare = |jid: &str| jid.split('/').next().unwrap_or_default().to_owned();
        let whole = archive
            .iter()
            .filter(|kept| bare(&kept.from) == account || bare(&kept.to) == account);
        let whole: Vec<&str> = whole.map(|kept| kept.body.as_str()).collect();
        let read: Vec<&str> = pages.iter().map(|(_, body)| body.as_str()).collect();
        if whole != read {
            let missing: Vec<&&str> = whole.iter().filter(|one| !read.contains(one)).collect();
            let beyond: Vec<&&str> = read.iter().filter(|one| !whole.contains(one)).collect();
            return Err(format!(
                "a device of {account} has read {} of {} messages of its archive; {missing:?} missing, {beyond:?} not there",
                read.len(),
                whole.len()
            ));
        }
        for (id, body) in pages {
            let shown = self.ids.get(&(account.to_owned(), body.clone()));
            let is_another = shown.is_some_and(|shown| !shown.contains(id));
            let may_have_two = self.doubled.contains(body);
            if is_another && !self.excuses.admit(Excuse::TwoPlaces, may_have_two) {
                return Err(format!("{body} has another id than it was shown with"));
            }
        }
        Ok(())
    }

    /// The client was told that the server has it.
    pub(crate) fn acked(
        &mut self,
        body: &str,
        is_durable: bool,
        may_refuse: bool,
    ) -> Result<(), String> {
        let Some(op) = self.ops.get_mut(body) else {
            if let Some(line) = self.lines.get_mut(body) {
                line.acked = true;
                return Ok(());
            }
            let is_set = self.sets.contains_key(body);
            if is_set && !is_durable && !may_refuse {
                return Err(format!("{body} was acknowledged before it was on the disk"));
            }
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

    /// Each board may have numbered it, when it was alone.
    fn may_be_late(&self, body: &str) -> bool {
        let holds = self.doubled.contains(body);
        self.excuses.admit(Excuse::NumberedAlone, holds)
    }

    /// The boards are apart: what was under way may be numbered by both (rule R6 of the link).
    pub(crate) fn part(&mut self) {
        let ops = self.ops.iter().filter(|(_, op)| !op.acked);
        let lines = self.lines.iter().filter(|(_, line)| !line.acked);
        let bodies = ops.map(|(body, _)| body).chain(lines.map(|(body, _)| body));
        let sets = self.sets.iter().filter(|(_, set)| !set.resulted);
        let bodies = bodies.chain(sets.map(|(body, _)| body));
        let bodies = bodies.chain(self.items.unanswered());
        self.doubled.extend(bodies.cloned());
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
        if let Some(line) = self.lines.get_mut(body) {
            line.refused = true;
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
        let before = watch.ids.insert(body.clone(), text.stanza_id.clone());
        if !watch.seen.insert(body.clone()) {
            let is_same = self.moved.contains(&who) && before.as_ref() == Some(&text.stanza_id);
            if self.excuses.admit(Excuse::ShownAgain, is_same) {
                return Ok(());
            }
            return Err(format!(
                "{body} was shown twice in one session of {account}"
            ));
        }
        if text.copy == Copy::Direct {
            watch.live.push(body.clone());
        }
        if text.copy != Copy::Sent {
            let seen = self.seen_by_account.entry(account.to_owned()).or_default();
            seen.insert(body.clone());
        }
        if let Some(id) = &text.stanza_id {
            let key = (account.to_owned(), body.clone());
            let known = self.ids.entry(key).or_default();
            known.insert(id.clone());
            let may_have_two = self.doubled.contains(body);
            if known.len() > 1 && !self.excuses.admit(Excuse::TwoPlaces, may_have_two) {
                return Err(format!("{body} was shown under two ids"));
            }
        }
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
}
