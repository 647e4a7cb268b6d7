//! What a device does not come by that reads on: written beside what it has, while the boards were apart (rule U9).
//!
//! Clients read an archive on from where they were. What two boards wrote apart has its places there side by
//! side: who was at the branch that counts as the later one does not come by the other. Whoever is there when
//! the boards meet is told at once (rule U8). Who is not is sent it when it comes, late and under the same
//! ids, and so is a session that came while the boards were apart: it may have been at the other one before.
//!
//! What that is, the tree of epochs tells (`Epochs::passed_by`); no message costs anything. When the client
//! has counted all of it, the account gets a mark for the device, and it is sent none of it again.
//!
//! | | |
//! |---|---|
//! | a device | is what the client calls its installation (XEP-0388 section 2.3), else the resource that it wants |
//! | without either | it is sent everything at each login, for [`PASSED_BY_MS`] |
//! | seen for the first time | the same, once: nobody knows where it was |
//! | without copies (XEP-0280) | it is sent what is for it, at each login until it wants them |

use std::collections::BTreeSet;
use std::collections::VecDeque;

use crate::base::device_limits::CAUGHT_UP_MAX;
use crate::base::device_limits::PASSED_BY_MS;
use crate::base::device_limits::PASSED_BY_PAGE;
use crate::base::ids::SessionId;
use crate::base::jid::FullJid;
use crate::base::time::Timestamp;
use crate::core::Core;
use crate::core::catch_up::UnderWay;
use crate::core::catch_up::stands_on;
use crate::core::meetings::Stretch;
use crate::core::order::Asked;
use crate::core::session::Session;
use crate::effect::query::ArchivePage;
use crate::effect::query::Found;
use crate::effect::query::Kept;
use crate::effect::query::Query;
use crate::effect::query::Question;
use crate::effect::sends::How;
use crate::effect::sends::Item;
use crate::effect::sends::Sends;
use crate::effect::state::At;
use crate::model::account::Account;
use crate::model::account::Online;
use crate::model::entry::Mode;
use crate::model::message::Owner;
use crate::model::op::Op;
use crate::model::position::Epoch;
use crate::model::position::Hlc;
use crate::model::position::Position;
use crate::model::row::Cell;
use crate::model::row::RecordKey;
use crate::model::row::Row;
use crate::model::row::RowName;
use crate::route::local;

/// Marks in one entry: an op's number is a byte.
const MARKS_PER_ENTRY: usize = 64;

impl Core {
    /// The session is there from here on, behind the entry that is delivered.
    pub(super) fn begin_catch_up(&mut self, id: SessionId) {
        let is_apart = self.is_apart();
        let Some(session) = self.sessions.get_mut(&id) else {
            return;
        };
        session.catch_up.since = Some(self.order.delivering);
        if is_apart {
            let queued = session.queue.positions();
            for at in queued {
                session.catch_up.note(at);
            }
        }
        self.catch_up_with_all(id);
    }

    /// The boards are one again.
    pub(super) fn all_catch_up(&mut self) {
        let ids: Vec<SessionId> = self.sessions.keys().copied().collect();
        for id in ids {
            self.catch_up_with_all(id);
        }
    }

    /// The client wants copies from here on.
    pub(super) fn catch_up_with_copies(&mut self, jid: &FullJid) {
        let sessions = self.states.delivered.accounts.get(&jid.bare());
        let online = sessions.and_then(|account| account.online.get(jid.resource()));
        let Some(id) = online.map(|online| online.session) else {
            return;
        };
        let Some(session) = self.sessions.get_mut(&id) else {
            return;
        };
        session.catch_up.copies_since = Some(self.order.delivering);
        let under_way = session.catch_up.under_way.as_ref();
        if under_way.is_some_and(|one| one.lacks_copies) {
            self.catch_up_with_all(id);
        }
    }

    /// Whatever the session may have passed by is looked for.
    pub(super) fn catch_up_with_all(&mut self, id: SessionId) {
        let epochs = &self.states.epochs;
        let upto = epochs.newest();
        if self.peer.meetings.is_empty() {
            return self.end_told(id, upto);
        }
        let Some((account, online)) = self.whose(id) else {
            return;
        };
        let Some(session) = self.sessions.get(&id) else {
            return;
        };
        let marked = device_of(session, online).and_then(|device| mark(account, &device));
        let has: Vec<Epoch> = marked.into_iter().chain(session.catch_up.has).collect();
        let stretches = self.peer.meetings.since(&has, epochs, self.now.wall);
        let is_told = |one: &Stretch| session.catch_up.was_told(*one.start(), epochs);
        let left = stretches.iter().filter(|stretch| !is_told(stretch));
        let left: VecDeque<_> = left.map(around).collect();
        let Some(session) = self.sessions.get_mut(&id) else {
            return;
        };
        let Some(newest) = upto.filter(|_| !stretches.is_empty()) else {
            session.catch_up.under_way = None;
            return self.end_told(id, upto);
        };
        session.catch_up.told.extend(session.queue.positions());
        session.catch_up.under_way = Some(Box::new(UnderWay {
            stretches,
            left,
            asked: None,
            owed: BTreeSet::new(),
            upto: newest,
            lacks_copies: false,
        }));
        self.go_on_catching_up(id);
    }

    /// The account of a session that is there, and how it is there.
    fn whose(&self, id: SessionId) -> Option<(&Account, &Online)> {
        let jid = &self.sessions.get(&id)?.jid;
        let account = self.states.delivered.accounts.get(&jid.bare())?;
        let online = account.online.get(jid.resource())?;
        let is_there = online
            .presence
            .as_ref()
            .is_some_and(|here| here.priority >= 0);
        (online.session == id && is_there).then_some((account, online))
    }

    /// The next page, once the client has counted the last one; or the end.
    fn go_on_catching_up(&mut self, id: SessionId) {
        let Some(session) = self.sessions.get_mut(&id) else {
            return;
        };
        let queued = session.queue.positions();
        let Some(under_way) = &mut session.catch_up.under_way else {
            return;
        };
        let is_in = |at: &Position| under_way.stretches.iter().any(|one| one.contains(at));
        under_way.owed = queued.into_iter().filter(is_in).collect();
        if under_way.asked.is_some() || !under_way.owed.is_empty() {
            return;
        }
        let Some((after, before)) = under_way.left.front().copied() else {
            return self.end_catch_up(id);
        };
        under_way.asked = Some(self.next_query);
        let account = session.jid.bare();
        let record = self.states.delivered.accounts.get(&account);
        let Some(incarnation) = record.and_then(|record| record.incarnation()) else {
            return;
        };
        let page = ArchivePage {
            owner: Owner::Account {
                jid: account.clone(),
            },
            incarnation,
            with: None,
            start: None,
            end: None,
            after: Some(after),
            before: Some(before),
            ids: Vec::new(),
            backwards: false,
            count_max: PASSED_BY_PAGE,
            flipped: false,
        };
        let query = Query {
            iq: "".into(),
            from: account.to_jid(),
            question: Question::PassedBy { page },
        };
        self.inquire(id, query, false);
    }

    /// A page is here.
    pub(super) fn send_passed_by(&mut self, id: SessionId, number: u64, found: Found) {
        let Found::Page { rows, complete, .. } = found else {
            return;
        };
        let session = self.sessions.get_mut(&id);
        let Some(under_way) = session.and_then(|session| session.catch_up.under_way.as_mut())
        else {
            return;
        };
        if under_way.asked != Some(number) {
            return;
        }
        under_way.asked = None;
        match (rows.last(), under_way.left.front_mut()) {
            (Some(last), Some((after, _))) if !complete => *after = last.position,
            _ => drop(under_way.left.pop_front()),
        }
        for row in rows {
            if let Some(item) = self.passed_by_item(id, &row) {
                self.push(id, item);
                if let Some(session) = self.sessions.get_mut(&id) {
                    session.catch_up.note(row.position);
                }
            }
        }
        self.go_on_catching_up(id);
    }

    /// How the session gets the message, if it has not got it.
    fn passed_by_item(&mut self, id: SessionId, row: &Kept) -> Option<Item> {
        let (account, online) = self.whose(id)?;
        let session = self.sessions.get(&id)?;
        // XEP-0424 section 5: what was taken back is not said again.
        if row.message.is_tombstone() || self.copies.is_later(row.position) {
            return None;
        }
        let is_there =
            |at: &Position| session.catch_up.told.contains(at) || session.queue.holds(*at);
        let mut copies = self.copies_of(&account.rows, row.position);
        copies.push(row.position);
        let is_own = row.message.from == *session.jid.as_jid();
        if is_own || copies.iter().any(is_there) {
            return None;
        }
        let at = At {
            position: row.position,
            stamp: Hlc::default(),
        };
        let mut sends = Sends::default();
        self.seen(|view| local::deliver_message(view, at, &row.message, &mut sends));
        let own = sends.items.into_iter().find(|(session, _)| *session == id);
        let Some((_, Item::Kept { position, how })) = own else {
            let is_copy = local::copies_allowed(row.message.kind, &row.message.payload);
            let lacks = !online.carbons && is_copy;
            let session = self.sessions.get_mut(&id)?;
            session.catch_up.under_way.as_mut()?.lacks_copies |= lacks;
            return None;
        };
        let (since, epochs) = (&session.catch_up, &self.states.epochs);
        let since = match how {
            How::CarbonSent => [since.copies_since, None],
            _ if row.message.to == *session.jid.as_jid() => [since.bound, None],
            // As it was, or as a copy: it was perhaps not there yet, or the other device was.
            _ => [since.since, since.copies_since],
        };
        let is_told = |at: &Position| {
            let mut since = since.iter().flatten();
            since.any(|since| stands_on(*since, *at, epochs))
        };
        (!copies.iter().any(is_told)).then(|| Item::Kept {
            position,
            how: how.late(),
        })
    }

    /// The client has these.
    pub(super) fn follow_catch_up(&mut self, id: SessionId, items: &[Item]) {
        let session = self.sessions.get_mut(&id);
        let under_way = session.and_then(|session| session.catch_up.under_way.as_mut());
        let Some(under_way) = under_way.filter(|one| !one.owed.is_empty()) else {
            return;
        };
        for item in items {
            if let Item::Kept { position, .. } = item {
                under_way.owed.remove(position);
            }
        }
        if under_way.owed.is_empty() {
            self.go_on_catching_up(id);
        }
    }

    fn end_catch_up(&mut self, id: SessionId) {
        let device = self.whose(id).and_then(|(_, online)| {
            let session = self.sessions.get(&id)?;
            device_of(session, online)
        });
        let Some(session) = self.sessions.get_mut(&id) else {
            return;
        };
        let under_way = session.catch_up.under_way.as_ref();
        if let Some(under_way) = under_way.filter(|one| !one.lacks_copies) {
            let upto = under_way.upto;
            session.catch_up.has = Some(upto);
            session.catch_up.under_way = None;
            if let Some(device) = device {
                let account = session.jid.bare();
                self.peer.meetings.note_caught_up(account, device, upto);
            }
            self.end_told(id, Some(upto));
        }
        if self.peer.is_there {
            self.tell_told(&[id]);
        }
    }

    /// It has what both had when they were one: what it was told before is not looked for any more.
    fn end_told(&mut self, id: SessionId, upto: Option<Epoch>) {
        let mode = upto.and_then(|epoch| self.states.epochs.mode(epoch));
        if mode != Some(Mode::Sync) || self.is_apart() {
            return;
        }
        if let Some(session) = self.sessions.get_mut(&id) {
            session.catch_up.told = BTreeSet::new();
        }
    }

    /// Another session has not taken it, and this one is told.
    pub(super) fn note_late(&mut self, id: SessionId, position: Position) {
        let is_apart = self.is_apart();
        if let Some(session) = self.sessions.get_mut(&id)
            && (is_apart || session.catch_up.under_way.is_some())
        {
            session.catch_up.note(position);
        }
    }

    /// Merged messages that the session was told, of what it may look for later.
    pub(super) fn note_told(&mut self, sends: &Sends) {
        let epochs = &self.states.epochs;
        for (id, item) in &sends.items {
            if let Item::Kept { position, .. } = item
                && let Some(session) = self.sessions.get_mut(id)
                && !session.catch_up.was_told(*position, epochs)
            {
                session.catch_up.note(*position);
            }
        }
    }

    /// Writes down which devices have all.
    pub(super) fn save_caught_up(&mut self) {
        let mut ops = Vec::new();
        for (jid, device, epoch) in self.peer.meetings.take_caught_up() {
            let Some(account) = self.states.delivered.accounts.get(&jid) else {
                continue;
            };
            let name = RowName::CaughtUp { device };
            let record = RecordKey::Account { jid };
            let outdated = outdated(account, &name, self.now.wall);
            let outdated = outdated.map(|name| Op::row(record.clone(), name.clone(), None));
            ops.extend(outdated);
            let row = Row::CaughtUp { epoch };
            ops.push(Op::row(record, name, Some(row)));
        }
        for chunk in ops.chunks(MARKS_PER_ENTRY) {
            let ops = chunk.to_vec();
            self.open(Asked::Own { ops }, None, None);
        }
    }
}

/// The bounds of a page of it.
fn around(stretch: &Stretch) -> (Position, Position) {
    let (first, last) = (stretch.start(), stretch.end());
    let after = Position::new(first.epoch(), first.seq().saturating_sub(1), 0).last_sub();
    let before = Position::new(last.epoch(), last.seq().saturating_add(1), 0);
    (after, before)
}

/// The name under which the client comes again.
fn device_of(session: &Session, online: &Online) -> Option<Box<str>> {
    let resource = || {
        session
            .catch_up
            .is_named
            .then(|| session.jid.resource().into())
    };
    online.device.clone().or_else(resource)
}

fn mark(account: &Account, device: &str) -> Option<Epoch> {
    let device = device.into();
    match account.rows.row(&RowName::CaughtUp { device }) {
        Some(Row::CaughtUp { epoch }) => Some(*epoch),
        _ => None,
    }
}

/// Marks that go when another one is written.
fn outdated<'a>(
    account: &'a Account,
    new: &RowName,
    now: Timestamp,
) -> impl Iterator<Item = &'a RowName> {
    let first = RowName::CaughtUp {
        device: Box::default(),
    };
    let marks = account.rows.from(&first);
    let marks = marks.take_while(|(name, _)| matches!(name, RowName::CaughtUp { .. }));
    let others = marks.filter(|(name, cell)| cell.row.is_some() && *name != new);
    let mut others: Vec<(&RowName, &Cell)> = others.collect();
    others.sort_by_key(|(_, cell)| (cell.stamp, cell.at));
    let surplus = others.len().saturating_sub(CAUGHT_UP_MAX - 1);
    let all = others.into_iter().enumerate();
    all.filter(move |(index, (_, cell))| {
        let at = Timestamp::from_unix_ms(cell.stamp.unix_ms());
        *index < surplus || now.since_ms(at) >= PASSED_BY_MS
    })
    .map(|(_, (name, _))| name)
}
