//! Streams and sessions: binding, stream management, activity, and the end.

use std::sync::Arc;

use crate::base::ids::SessionId;
use crate::base::ids::SmKey;
use crate::base::jid::BareJid;
use crate::base::time::Monotonic;
use crate::core::Core;
use crate::core::EndReason;
use crate::core::Input;
use crate::core::Output;
use crate::core::order::Asked;
use crate::core::order::Bind;
use crate::core::session::Ack;
use crate::core::session::LinkId;
use crate::core::session::Management;
use crate::core::session::Parked;
use crate::core::session::Session;
use crate::effect::request::Command;
use crate::effect::sends::Item;
use crate::effect::state::At;
use crate::model::entry::Origin;
use crate::model::op::Op;
use crate::model::op::Soft;
use crate::model::row::Row;
use crate::model::row::RowName;
use crate::stanza::Stanza;

impl Core {
    pub(super) fn handle_look_up(&mut self, link: LinkId, account: BareJid) {
        self.open(Asked::LookUp { link, account }, None, None);
    }

    pub(super) fn handle_bind(&mut self, link: LinkId, bind: Bind) {
        self.open(Asked::Bind { link, bind }, None, None);
    }

    /// The session exists from here on, or the stream is told that it cannot have it.
    pub(super) fn finish_bind(&mut self, link: LinkId, ops: &[Op]) {
        let bound = ops.iter().find_map(|op| match op {
            Op::Soft {
                op: Soft::Bind { jid, session, .. },
            } => Some((jid.clone(), *session)),
            _ => None,
        });
        if let Some((jid, id)) = &bound {
            self.sessions
                .insert(*id, Session::new(*id, jid.clone(), link));
            self.links.insert(link, *id);
        }
        self.outputs.push_back(Output::Bound { link, bound });
    }

    fn session_of(&mut self, link: LinkId) -> Option<&mut Session> {
        let id = self.links.get(&link)?;
        let session = self.sessions.get_mut(id)?;
        (session.link == Some(link) && !session.ending).then_some(session)
    }

    pub(super) fn handle_stanza(&mut self, link: LinkId, stanza: Arc<Stanza>) {
        let Some(session) = self.session_of(link) else {
            return;
        };
        let number = session.management.is_some().then(|| {
            session.received.count = session.received.count.wrapping_add(1);
            session.received.count
        });
        if session.is_parked || !session.parked.is_empty() {
            session.parked.push_back(Parked::Stanza { stanza, number });
            return;
        }
        let (id, from) = (session.id, session.jid.clone());
        self.open_stanza(id, from, stanza, number);
    }

    /// XEP-0198 section 3: counting begins here, on both sides.
    pub(super) fn handle_enable(&mut self, link: LinkId, resume_ms: Option<u64>) {
        let key = SmKey(self.entropy.u128());
        let max = self.limits.resume_ms_max;
        let Some(session) = self.session_of(link) else {
            return;
        };
        if session.management.is_some() {
            return;
        }
        let resume_ms = resume_ms.map(|wish| wish.min(max));
        session.management = Some(Management {
            key,
            resume_ms,
            ack: Ack::None,
            asked: false,
        });
        session.queue.managed = true;
        let id = session.id;
        self.keys.insert(key, id);
        self.outputs.push_back(Output::Enabled {
            link,
            key,
            resume_ms,
        });
    }

    pub(super) fn handle_ack_request(&mut self, link: LinkId) {
        let now = self.now.monotonic;
        if let Some(session) = self.session_of(link) {
            session.ask_ack(now);
            let id = session.id;
            self.touched.insert(id);
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
            Some(items) => self.taken_by(id, &items),
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
            if let Item::Kept { position, .. } = item
                && record.untaken.contains(position)
            {
                self.taken.take(&account, *position, self.now.monotonic);
            }
        }
    }

    pub(super) fn handle_activity(&mut self, link: LinkId, active: bool) {
        if let Some(session) = self.session_of(link) {
            session.active = active;
            let id = session.id;
            self.touched.insert(id);
        }
    }

    /// XEP-0198 section 5. Needs the account: a session that is not in memory has its count there.
    pub(super) fn handle_resume(&mut self, link: LinkId, account: BareJid, key: SmKey, h: u32) {
        self.open(
            Asked::Resume {
                link,
                account,
                key,
                h,
            },
            None,
            None,
        );
        if let Some(id) = self.keys.get(&key).copied()
            && let Some(session) = self.sessions.get_mut(&id)
            && let Some((waiting, count)) = &mut session.resuming
            && *waiting == link
        {
            *count = h;
            self.try_resume(id);
        }
    }

    pub(super) fn finish_resume(&mut self, link: LinkId, account: &BareJid, key: SmKey) {
        let session = self.keys.get(&key).and_then(|id| self.sessions.get_mut(id));
        let resumable = session.filter(|session| {
            session.jid.bare() == *account
                && !session.ending
                && session
                    .management
                    .as_ref()
                    .is_some_and(|one| one.resume_ms.is_some())
        });
        let Some(session) = resumable else {
            let h = self.stream_count(account, key);
            self.outputs.push_back(Output::ResumeFailed { link, h });
            return;
        };
        session.resuming = Some((link, 0));
        session.sleeps_until = None;
        let id = session.id;
        if let Some(old) = session.link.take() {
            self.links.remove(&old);
            self.outputs.push_back(Output::End {
                link: old,
                why: EndReason::Conflict,
            });
        }
        self.try_resume(id);
    }

    /// The count of a stream that this node does not hold (any more), as the log has it.
    fn stream_count(&self, account: &BareJid, key: SmKey) -> Option<u32> {
        let record = self.states.delivered.accounts.get(account)?;
        match record.rows.row(&RowName::Stream { key }) {
            Some(Row::Stream { stream }) => Some(stream.h),
            _ => None,
        }
    }

    /// `<resumed/>` waits until all that the session received is committed, so that its `h` is
    /// what will hold.
    pub(super) fn try_resume(&mut self, id: SessionId) {
        let Some(session) = self.sessions.get_mut(&id) else {
            return;
        };
        if session.received.open > 0 || !session.parked.is_empty() {
            return;
        }
        let Some((link, h)) = session.resuming.take() else {
            return;
        };
        let Some(key) = session.management.as_ref().map(|management| management.key) else {
            return;
        };
        let sent = session.queue.sent();
        let Some(items) = session.queue.rewind(h) else {
            self.outputs.push_back(Output::End {
                link,
                why: EndReason::HandledTooMuch { h, sent },
            });
            self.end_session(id, EndReason::HandledTooMuch { h, sent });
            return;
        };
        session.link = Some(link);
        session.active = true;
        session.announced = false;
        session.fetching = false;
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
        self.outputs.push_back(resumed);
        self.touched.insert(id);
        self.taken_by(id, &items);
    }

    /// The stream is over: the session sleeps if it may, and ends otherwise.
    pub(super) fn handle_closed(&mut self, link: LinkId, orderly: bool) {
        let now = self.now.monotonic;
        let Some(id) = self.links.remove(&link) else {
            return;
        };
        let Some(session) = self.sessions.get_mut(&id) else {
            return;
        };
        if session.link != Some(link) {
            return;
        }
        session.link = None;
        let resume_ms = session
            .management
            .as_ref()
            .and_then(|management| management.resume_ms);
        match resume_ms {
            Some(resume_ms) if !orderly && !session.ending => {
                session.sleeps_until = Some(now.plus_ms(resume_ms));
            }
            _ => self.begin_end(id),
        }
    }

    /// Ends the session and its stream, with a stream error.
    pub(super) fn end_session(&mut self, id: SessionId, why: EndReason) {
        let Some(session) = self.sessions.get_mut(&id) else {
            return;
        };
        if let Some(link) = session.link.take() {
            self.links.remove(&link);
            self.outputs.push_back(Output::End { link, why });
        }
        self.ends.push(id);
    }

    /// The end is an input like any other, behind what the session still has under way.
    pub(super) fn begin_end(&mut self, id: SessionId) {
        let Some(session) = self.sessions.get_mut(&id) else {
            return;
        };
        if session.ending {
            return;
        }
        session.ending = true;
        session.sleeps_until = None;
        session.parked.push_back(Parked::End);
        self.go_on(id);
    }

    /// The session's end is committed. What it did not take stays for other devices: kept messages
    /// lie above the account's frontier.
    pub(super) fn drop_session(&mut self, id: SessionId) {
        let Some(mut session) = self.sessions.remove(&id) else {
            return;
        };
        if let Some(link) = session.link {
            self.links.remove(&link);
            self.outputs.push_back(Output::End {
                link,
                why: EndReason::Conflict,
            });
        }
        if let Some((link, _)) = session.resuming {
            self.outputs
                .push_back(Output::ResumeFailed { link, h: None });
        }
        if let Some(management) = &session.management {
            self.keys.remove(&management.key);
        }
        self.keep_count(&session);
        self.hand_over(&session.jid, session.queue.drain());
    }

    /// The count of a session that is gone, for a client that asks to resume it. The tables have it
    /// from the entries; in memory it is of use only now.
    fn keep_count(&mut self, session: &Session) {
        let Some(management) = &session.management else {
            return;
        };
        let origin = Origin {
            jid: session.jid.clone(),
            key: management.key,
            h: session.received.handled,
            iq: None,
        };
        let stamp = self.order.stamp;
        let op = crate::core::taken::stream_row(&origin, stamp);
        self.states.fold(
            At {
                position: self.order.committed,
                stamp,
            },
            &op,
        );
    }

    /// RFC 6121 section 8.5.3.2.1, XEP-0198 section 5: kept messages that this session got first
    /// and did not take are offered to the account's other devices now; requests bounce.
    fn hand_over(&mut self, from: &crate::base::jid::FullJid, items: Vec<Item>) {
        let account = from.bare();
        let Some(record) = self.states.delivered.accounts.get(&account) else {
            return;
        };
        let heir = record
            .available()
            .filter(|(online, here)| online.jid != *from && here.priority >= 0)
            .max_by_key(|(online, here)| (here.priority, online.order))
            .map(|(online, _)| online.session);
        let untaken = Arc::clone(&record.untaken);
        for item in items {
            match (&item, heir) {
                (Item::Kept { position, .. }, Some(heir))
                    if untaken.contains(position) && !self.taken.has(&account, *position) =>
                {
                    self.push_unless_queued(heir, item);
                }
                (Item::Stanza { stanza }, _) => {
                    if let Some((to, bounce)) = crate::route::bounce::undelivered(stanza, from) {
                        self.push_to(&to, bounce);
                    }
                }
                _ => {}
            }
        }
    }

    fn push_unless_queued(&mut self, id: SessionId, item: Item) {
        let Item::Kept { position, .. } = item else {
            return;
        };
        let queued = self
            .sessions
            .get(&id)
            .is_none_or(|session| session.queue.holds(position));
        if !queued {
            self.push(id, item);
        }
    }

    fn push_to(&mut self, to: &crate::base::jid::Jid, stanza: crate::stanza::outgoing::Outgoing) {
        let session = self
            .states
            .delivered
            .accounts
            .get(&to.to_bare())
            .and_then(|account| account.online.get(to.resource()?))
            .map(|online| online.session);
        if let Some(session) = session {
            self.push(
                session,
                Item::Stanza {
                    stanza: Arc::new(stanza),
                },
            );
        }
    }

    pub(super) fn handle_command(&mut self, id: u64, command: Command) {
        self.open(Asked::Command { id, command }, None, None);
    }

    pub(super) fn handle_derived(
        &mut self,
        ticket: crate::base::ids::Ticket,
        keys: Arc<crate::model::account::Credentials>,
    ) {
        if let Some(open) = self.order.open.get_mut(&ticket) {
            open.derived = Some(keys);
            self.unpark(ticket);
        }
    }

    pub(super) fn handle_tick(&mut self) {
        let now = self.now.monotonic;
        let mut over = Vec::new();
        for session in self.sessions.values_mut() {
            if session.check_ack(now) {
                self.touched.insert(session.id);
            }
            if session.sleeps_until.is_some_and(|until| until <= now) {
                over.push(session.id);
            }
        }
        for id in over {
            self.begin_end(id);
        }
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
