//! When a push service is told that something waits for a client, and how often (XEP-0357 section 6).
//!
//! | the client | its service is told |
//! |---|---|
//! | is not there | at once |
//! | has lost its stream, which can be resumed | at once, of what it has not counted, too |
//! | said that it is inactive | when it has not counted for [`PUSH_POCKET_MS`]; without stream management at once |
//! | is looked at | when it has not counted for [`PUSH_SILENT_MS`]; without stream management never |
//!
//! One notification in [`PUSH_PAUSE_MS`] for a client; the next one tells how many messages it is about. What is said in
//! a room counts where the room is for members only or the reader is named. Nothing of this is stored: after a
//! crash the next message tells the service.

use std::collections::BTreeMap;

use crate::base::ids::SessionId;
use crate::base::jid::BareJid;
use crate::base::jid::FullJid;
use crate::base::mobile_limits::PUSH_PAUSE_MS;
use crate::base::mobile_limits::PUSH_POCKET_MS;
use crate::base::mobile_limits::PUSH_SILENT_MS;
use crate::base::mobile_limits::PUSHES_MAX;
use crate::base::time::Monotonic;
use crate::core::Core;
use crate::core::order::Asked;
use crate::core::session::Session;
use crate::core::tail::Tail;
use crate::effect::sends::How;
use crate::effect::sends::Item;
use crate::effect::state::State;
use crate::model::message::Message;
use crate::model::op::Durable;
use crate::model::op::Op;
use crate::model::row::RecordKey;
use crate::model::row::RowName;
use crate::push;

/// Clients whose services have been told something lately, or are about to be.
#[derive(Debug, Default)]
pub(crate) struct Pushes {
    waiting: BTreeMap<(BareJid, RowName), Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    /// Messages that the client has not counted.
    count: u32,
    due: Option<Monotonic>,
    last: Option<Monotonic>,
}

impl Waiting {
    fn bring_forward(&mut self, to: Monotonic) {
        let earliest = self.last.map(|last| last.plus_ms(PUSH_PAUSE_MS));
        let at = earliest.map_or(to, |earliest| earliest.max(to));
        self.due = Some(self.due.map_or(at, |due| due.min(at)));
    }

    fn is_over(&self, now: Monotonic) -> bool {
        let is_quiet = |last: Monotonic| now.since_ms(last) >= PUSH_PAUSE_MS;
        self.due.is_none() && self.last.is_none_or(is_quiet)
    }
}

impl Pushes {
    /// One more message for the client; its service is told so much later, if nothing happens until then.
    pub(crate) fn note(&mut self, user: BareJid, name: RowName, (now, later_ms): (Monotonic, u64)) {
        let key = (user, name);
        if self.waiting.len() >= PUSHES_MAX && !self.waiting.contains_key(&key) {
            self.waiting.retain(|_, one| !one.is_over(now));
            if self.waiting.len() >= PUSHES_MAX {
                return;
            }
        }
        let one = self.waiting.entry(key).or_default();
        one.count = one.count.saturating_add(1);
        one.bring_forward(now.plus_ms(later_ms));
    }

    /// The client is gone, with messages that it has not counted.
    fn hurry(&mut self, key: &(BareJid, RowName), now: Monotonic) {
        if let Some(one) = self.waiting.get_mut(key).filter(|one| one.due.is_some()) {
            one.bring_forward(now);
        }
    }

    /// The client is here, and may count what it has.
    fn postpone(&mut self, key: &(BareJid, RowName), until: Monotonic) {
        if let Some(one) = self.waiting.get_mut(key).filter(|one| one.count > 0) {
            one.due = Some(until);
        }
    }

    /// The client has all.
    fn forget(&mut self, key: &(BareJid, RowName)) {
        if let Some(one) = self.waiting.get_mut(key) {
            one.count = 0;
            one.due = None;
        }
    }

    pub(crate) fn timeout(&self) -> Option<Monotonic> {
        self.waiting.values().filter_map(|one| one.due).min()
    }

    /// Who is to be told now, and of how many.
    fn take_due(&mut self, now: Monotonic) -> Vec<((BareJid, RowName), u32)> {
        let mut due = Vec::new();
        self.waiting
            .retain(|_, one| one.count > 0 || !one.is_over(now));
        for (key, one) in &mut self.waiting {
            if one.due.is_some_and(|at| at <= now) {
                one.due = None;
                one.last = Some(now);
                due.push((key.clone(), one.count));
            }
        }
        due
    }
}

/// Whether a client that does not take the item should be woken for it.
pub(crate) fn is_worth_it(tail: &Tail, state: &State, reader: &FullJid, item: &Item) -> bool {
    let Item::Kept { position, how } = item else {
        return false;
    };
    let Some((_, message)) = tail.message(*position) else {
        return false;
    };
    push::is_worth_it(message.kind, &message.payload)
        && match how {
            How::Direct => true,
            How::Room => is_for_reader(state, reader, message),
            // Another client of the user has them, or this one is there.
            How::Late | How::CarbonSent | How::CarbonReceived | How::RoomHistory => false,
        }
}

fn is_for_reader(state: &State, reader: &FullJid, said: &Message) -> bool {
    let Some(room) = state.rooms.get(&said.from.to_bare()) else {
        return false;
    };
    let is_closed = room.config().is_some_and(|config| config.members_only);
    let nick = room.nicks.get(reader).map(AsRef::as_ref);
    let is_other = nick.is_some() && nick != said.from.resource();
    is_other && (is_closed || nick.is_some_and(|nick| push::may_name(&said.payload, nick)))
}

impl Core {
    /// Something worth it has come for a client.
    pub(super) fn wake_later(&mut self, id: SessionId) {
        let Some(session) = self.sessions.get(&id) else {
            return;
        };
        let Some(later_ms) = patience_ms(session) else {
            return;
        };
        let user = session.jid.bare();
        for name in session.pushes.clone() {
            let when = (self.now.monotonic, later_ms);
            self.pushes.note(user.clone(), name, when);
        }
    }

    /// The client has lost its stream.
    pub(super) fn wake_now(&mut self, id: SessionId) {
        let now = self.now.monotonic;
        for key in self.push_keys(id) {
            self.pushes.hurry(&key, now);
        }
    }

    /// The client is here, or has counted something: with nothing left it need not be woken.
    pub(super) fn wake_no_more(&mut self, id: SessionId) {
        let now = self.now.monotonic;
        let Some(session) = self.sessions.get(&id).filter(|one| !one.pushes.is_empty()) else {
            return;
        };
        let has_all = session.queue.kept().next().is_none();
        let patience_ms = patience_ms(session).unwrap_or(PUSH_SILENT_MS);
        for key in self.push_keys(id) {
            if has_all {
                self.pushes.forget(&key);
            } else {
                self.pushes.postpone(&key, now.plus_ms(patience_ms));
            }
        }
    }

    fn push_keys(&self, id: SessionId) -> Vec<(BareJid, RowName)> {
        let session = self.sessions.get(&id).filter(|one| !one.pushes.is_empty());
        let keys = session.into_iter().flat_map(|session| {
            let names = session.pushes.iter();
            names.map(|name| (session.jid.bare(), name.clone()))
        });
        keys.collect()
    }

    /// Which services are for the session's client.
    pub(super) fn find_pushes(&mut self, id: SessionId) {
        let Some(session) = self.sessions.get_mut(&id) else {
            return;
        };
        let account = self.states.delivered.accounts.get(&session.jid.bare());
        let found = account.and_then(|account| {
            let online = account.online.get(session.jid.resource())?;
            let own = push::services(account).filter(|(_, push)| push::is_for(push, online));
            Some(own.map(|(name, _)| name.clone()).collect())
        });
        session.pushes = found.unwrap_or_default();
    }

    /// Services of an account have changed.
    pub(super) fn follow_push(&mut self, op: &Op) {
        let Op::Durable {
            op:
                Durable::Row {
                    record: RecordKey::Account { jid },
                    name: RowName::Push { .. },
                    ..
                },
        } = op
        else {
            return;
        };
        let account = self.states.delivered.accounts.get(jid);
        let sessions = account.into_iter().flat_map(|one| one.online.values());
        let sessions: Vec<SessionId> = sessions.map(|online| online.session).collect();
        for id in sessions {
            self.find_pushes(id);
        }
    }

    /// Tells those that have waited long enough.
    pub(super) fn send_pushes(&mut self) {
        for ((user, name), count) in self.pushes.take_due(self.now.monotonic) {
            self.open(Asked::Notify { user, name, count }, None, None);
        }
    }
}

/// How long the client may leave a message uncounted; `None`: nobody knows what it has.
fn patience_ms(session: &Session) -> Option<u64> {
    let counts = session.management.is_some();
    match (&session.link, session.active) {
        (None, _) => Some(0),
        (Some(_), false) => Some(if counts { PUSH_POCKET_MS } else { 0 }),
        (Some(_), true) => counts.then_some(PUSH_SILENT_MS),
    }
}
