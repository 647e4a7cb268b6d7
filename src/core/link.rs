//! Streams and sessions: binding, stream management, activity, and the end.

use std::sync::Arc;

use crate::base::ids::SessionId;
use crate::base::ids::SmKey;
use crate::base::jid::BareJid;
use crate::base::time::Monotonic;
use crate::c2s::Enabled;
use crate::c2s::manage::write_enabled;
use crate::c2s::manage::write_failed;
use crate::core::Core;
use crate::core::EndReason;
use crate::core::Input;
use crate::core::Output;
use crate::core::mistake::Mistake;
use crate::core::order::Asked;
use crate::core::order::Bind;
use crate::core::session::Ack;
use crate::core::session::LinkId;
use crate::core::session::Management;
use crate::core::session::Parked;
use crate::core::session::Session;
use crate::effect::request::Command;
use crate::effect::request::TokenWish;
use crate::effect::sends::Item;
use crate::model::row::Row;
use crate::model::row::RowName;
use crate::stanza::Condition;
use crate::stanza::Stanza;

impl Core {
    pub(super) fn handle_look_up(
        &mut self,
        link: LinkId,
        account: BareJid,
        device: Option<Box<str>>,
    ) {
        let asked = Asked::LookUp {
            link,
            account,
            device,
        };
        self.open(asked, None, None);
    }

    pub(super) fn handle_token(&mut self, link: LinkId, wish: TokenWish) {
        self.open(Asked::Token { link, wish }, None, None);
    }

    pub(super) fn handle_bind(&mut self, link: LinkId, bind: Bind) {
        self.open(Asked::Bind { link, bind }, None, None);
    }

    fn session_of(&mut self, link: LinkId) -> Option<&mut Session> {
        let id = self.links.get(&link)?;
        let session = self.sessions.get_mut(id)?;
        (session.link == Some(link) && !session.ending).then_some(session)
    }

    pub(super) fn handle_stanza(&mut self, link: LinkId, stanza: Arc<Stanza>) {
        if self.session_of(link).is_some() {
            self.holdings.begin(&stanza);
        }
        let Some(session) = self.session_of(link) else {
            return;
        };
        let number = session.next_number();
        let id = session.id;
        let parked = Parked::Stanza { stanza, number };
        if !session.waiting.is_empty() || !session.parked.is_empty() {
            session.parked.push_back(parked);
        } else {
            self.open_parked(id, parked);
        }
    }

    /// What the stream has answered itself is counted in its place.
    pub(super) fn handle_pre_answered(&mut self, link: LinkId, answer: Option<Arc<[u8]>>) {
        let Some(session) = self.session_of(link) else {
            return;
        };
        let id = session.id;
        let number = session.next_number();
        let answer = Parked::Answer { answer, number };
        if !session.waiting.is_empty() || !session.parked.is_empty() {
            session.parked.push_back(answer);
        } else {
            self.open_parked(id, answer);
        }
    }

    /// XEP-0198 section 3: the client is told before anything that is counted.
    pub(super) fn handle_enable(&mut self, link: LinkId, is_resumable: bool, max_ms: Option<u64>) {
        let answer = match self.enable(link, is_resumable, max_ms) {
            Some(enabled) => write_enabled(&enabled),
            None => write_failed(Condition::UnexpectedRequest, None),
        };
        self.note(link, &answer);
    }

    /// Counting begins here, on both sides; whoever calls tells the client. `None`: it has begun
    /// already.
    pub(crate) fn enable(
        &mut self,
        link: LinkId,
        is_resumable: bool,
        max_ms: Option<u64>,
    ) -> Option<Enabled> {
        let key = SmKey(self.entropy.u128());
        let longest = self.limits.resume_ms_max;
        let session = self.session_of(link)?;
        if session.management.is_some() {
            return None;
        }
        let resume_ms = is_resumable.then(|| max_ms.map_or(longest, |wish| wish.min(longest)));
        session.management = Some(Management {
            key,
            resume_ms,
            ack: Ack::None,
            asked: false,
        });
        session.queue.managed = true;
        let id = session.id;
        self.keys.insert(key, id);
        self.tell_managed(id, key, resume_ms);
        let resumption =
            resume_ms.map(|ms| (previd(key), u32::try_from(ms / 1_000).unwrap_or(u32::MAX)));
        let location = self.settings.location.clone();
        Some(Enabled {
            resumption,
            location,
        })
    }

    /// Something of the stream's own, before the next stanza.
    pub(super) fn note(&mut self, link: LinkId, element: &[u8]) {
        if let Some(session) = self.session_of(link) {
            session.notes.extend_from_slice(element);
            let id = session.id;
            self.touched.insert(id);
        }
    }

    /// XEP-0198 section 4: an `<r/>` shows whether anybody is there.
    pub(super) fn handle_silent(&mut self, link: LinkId) {
        let managed = self
            .session_of(link)
            .is_some_and(|session| session.management.is_some());
        if managed {
            self.note(link, b"<r xmlns='urn:xmpp:sm:3'/>");
        }
    }

    pub(super) fn handle_ack_request(&mut self, link: LinkId) {
        let now = self.now.monotonic;
        if let Some(session) = self.session_of(link) {
            session.ask_ack(now);
            let id = session.id;
            self.touched.insert(id);
            self.note_report(id);
        }
    }

    pub(super) fn handle_ack(&mut self, link: LinkId, h: u32) {
        let Some(session) = self.session_of(link) else {
            return;
        };
        if let Some(management) = &mut session.management {
            management.asked = false;
        }
        let (id, sent) = (session.id, session.queue.sent());
        match session.queue.acknowledge(h) {
            Some(items) => {
                self.taken_by(id, &items);
                self.wake_no_more(id);
                self.note_report(id);
            }
            None => self.end_session(id, EndReason::HandledTooMuch { h, sent }),
        }
    }

    /// A device of the account has these now: they need not be offered to another.
    pub(super) fn taken_by(&mut self, id: SessionId, items: &[Item]) {
        let Some(session) = self.sessions.get(&id) else {
            return;
        };
        let account = session.jid.bare();
        let Some(record) = self.states.delivered.accounts.get(&account) else {
            return;
        };
        for item in items {
            if let Item::Kept { position, .. } = item {
                let position = self.entry_of(&record.rows, *position);
                if record.untaken.contains(&position) {
                    self.taken.take(&account, position, self.now.monotonic);
                }
            }
        }
        self.follow_catch_up(id, items);
    }

    pub(super) fn handle_activity(&mut self, link: LinkId, active: bool) {
        if let Some(session) = self.session_of(link) {
            session.set_active(active);
            let id = session.id;
            self.touched.insert(id);
        }
    }

    /// XEP-0198 section 5. Needs the account: a session that is not in memory has its count there.
    pub(super) fn handle_resume(&mut self, link: LinkId, account: BareJid, key: SmKey, h: u32) {
        let asked = Asked::Resume {
            link,
            account,
            key,
            h,
        };
        self.open(asked, None, None);
    }

    pub(super) fn finish_resume(&mut self, link: LinkId, account: &BareJid, key: SmKey, h: u32) {
        if self.closed_early.remove(&link) {
            return;
        }
        let session = self.keys.get(&key).and_then(|id| self.sessions.get_mut(id));
        let resumable = session.filter(|session| {
            session.jid.bare() == *account
                && session
                    .management
                    .as_ref()
                    .is_some_and(|one| one.resume_ms.is_some())
        });
        let Some(session) = resumable else {
            if self.is_under_way(key) || self.is_moving(key) {
                self.handle_resume(link, account.clone(), key, h);
                return;
            }
            if self.recall(link, account, (key, h)) {
                return;
            }
            let h = self.stream_count(account, key);
            self.disown(key);
            self.outputs.push_back(Output::ResumeFailed { link, h });
            return;
        };
        let waited = session.resuming.replace((link, h));
        session.sleeps_until = None;
        let id = session.id;
        let cut = session.link.take();
        for old in cut.into_iter().chain(waited.map(|(old, _)| old)) {
            self.links.remove(&old);
            self.outputs.push_back(Output::End {
                link: old,
                why: EndReason::Conflict,
            });
        }
        self.try_resume(id);
    }

    /// Whether something of a session that is gone stands in the line still, to be counted. What was
    /// rejected and is not proposed again does not: it is dropped.
    pub(super) fn is_under_way(&self, key: SmKey) -> bool {
        let is_of = |counted: Option<(SmKey, u32)>| counted.is_some_and(|(one, _)| one == key);
        let mut proposed = self.order.open.values().filter(|open| open.proposed);
        !self.keys.contains_key(&key) && proposed.any(|open| is_of(open.counted))
    }

    /// The count of a stream that this node does not hold (any more), as the log has it.
    pub(super) fn stream_count(&self, account: &BareJid, key: SmKey) -> Option<u32> {
        let record = self.states.delivered.accounts.get(account)?;
        let logged = match record.rows.row(&RowName::Stream { key }) {
            Some(Row::Stream { stream }) => Some(stream.h),
            _ => None,
        };
        let shadow = self.peer.shadows.by_key(key);
        let shadow = shadow.filter(|shadow| shadow.jid.bare() == *account);
        let h = logged.max(shadow.map(|shadow| shadow.h))?;
        let more = u32::from(self.is_mistaken(Mistake::CountTooHigh));
        Some(h.saturating_add(more))
    }

    /// `<resumed/>` waits until all that the session received is committed, so that its `h` is
    /// what will hold.
    pub(super) fn try_resume(&mut self, id: SessionId) {
        let Some(session) = self.sessions.get_mut(&id) else {
            return;
        };
        if session.ending || session.received.open > 0 || !session.parked.is_empty() {
            return;
        }
        if session.resuming.is_some() && !session.is_sure() {
            return self.note_report(id);
        }
        let Some((link, h)) = session.resuming.take() else {
            return;
        };
        let Some(key) = session.management.as_ref().map(|management| management.key) else {
            return;
        };
        let sent = session.queue.sent();
        let mut has_moved = false;
        let items = match &mut session.inherited {
            Some(inherited) if !inherited.is_resumed => {
                inherited.is_resumed = true;
                has_moved = true;
                let doubts = std::mem::take(&mut inherited.doubts);
                Some(session.begin_inherited(h, doubts))
            }
            Some(_) | None => session.queue.rewind(h),
        };
        let Some(items) = items else {
            self.outputs.push_back(Output::End {
                link,
                why: EndReason::HandledTooMuch { h, sent },
            });
            self.end_session(id, EndReason::HandledTooMuch { h, sent });
            return;
        };
        session.link = Some(link);
        session.set_active(true);
        session.announced = false;
        session.notes.clear();
        if let Some(management) = &mut session.management {
            management.asked = false;
            management.ack = Ack::None;
        }
        let resumed = Output::Resumed {
            link,
            jid: session.jid.clone(),
            key,
            h: session.received.handled,
        };
        self.links.insert(link, id);
        self.wake_no_more(id);
        self.outputs.push_back(resumed);
        self.touched.insert(id);
        self.taken_by(id, &items);
        if has_moved {
            self.catch_up_with_all(id);
        }
    }

    pub(super) fn handle_command(&mut self, id: u64, command: Command) {
        self.open(Asked::Command { id, command }, None, None);
    }

    pub(super) fn handle_derived(
        &mut self,
        ticket: crate::base::ids::Ticket,
        keys: Option<Arc<crate::model::account::Credentials>>,
    ) {
        if let Some(open) = self.order.open.get_mut(&ticket) {
            open.is_unusable = keys.is_none();
            open.derived = keys;
            self.unpark(ticket);
        }
    }

    pub(super) fn handle_tick(&mut self) {
        self.check_sessions();
        self.end_zombies();
        self.end_late_recalls();
        self.send_pushes();
        self.save_frontiers(false);
    }

    /// An orderly stop: everything that may be saved late is saved now.
    pub(crate) fn stop(&mut self, now: crate::core::Now) {
        self.now = now;
        self.save_frontiers(true);
        self.settle_step();
    }

    /// The earliest moment at which waiting is over, for a driver without a timer of its own.
    pub(crate) fn tick_if_due(&mut self, now: crate::core::Now) {
        let due = self
            .timeout()
            .is_some_and(|at: Monotonic| at <= now.monotonic);
        if due {
            self.step(now, Input::Tick);
        }
    }
}

/// The resumption id of a session: its key, as text.
pub(crate) fn previd(key: SmKey) -> String {
    format!("{:032x}", key.0)
}

/// The key behind a resumption id, if it has the form of one.
pub(crate) fn key_of(previd: &str) -> Option<SmKey> {
    let is_hex = previd.len() == 32 && previd.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_hex {
        u128::from_str_radix(previd, 16).ok().map(SmKey)
    } else {
        None
    }
}
