//! The end of a session: its stream, what it leaves behind, and who gets it.

use std::sync::Arc;

use crate::base::ids::SessionId;
use crate::base::jid::FullJid;
use crate::base::jid::Jid;
use crate::core::Core;
use crate::core::EndReason;
use crate::core::Output;
use crate::core::order::Asked;
use crate::core::session::LinkId;
use crate::core::session::Parked;
use crate::core::session::Session;
use crate::core::shadow;
use crate::effect::sends::How;
use crate::effect::sends::Item;
use crate::effect::state::At;
use crate::model::account::Account;
use crate::model::entry::Origin;
use crate::model::op::Op;
use crate::model::op::Soft;
use crate::model::op::Want;
use crate::model::position::Position;
use crate::stanza::outgoing::Outgoing;

impl Core {
    /// The stream is over: the session sleeps if it may, and ends otherwise.
    pub(super) fn handle_closed(&mut self, link: LinkId, orderly: bool) {
        let now = self.now.monotonic;
        let Some(id) = self.links.remove(&link) else {
            self.close_early(link);
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
                self.touched.insert(id);
                self.wake_now(id);
            }
            _ => self.begin_end(id),
        }
    }

    /// A stream that has no session yet, but waits for one.
    fn close_early(&mut self, link: LinkId) {
        if self.forget_recall(link) {
            return;
        }
        let now = self.now.monotonic;
        let waits = |session: &&mut Session| session.resuming.is_some_and(|(one, _)| one == link);
        if let Some(session) = self.sessions.values_mut().find(waits) {
            session.resuming = None;
            let management = session.management.as_ref();
            let resume_ms = management.and_then(|management| management.resume_ms);
            session.sleeps_until = Some(now.plus_ms(resume_ms.unwrap_or(0)));
            self.touched.insert(session.id);
            return;
        }
        let asks = |asked: &Asked| match asked {
            Asked::Bind { link: one, .. } | Asked::Resume { link: one, .. } => *one == link,
            _ => false,
        };
        if self.order.open.values().any(|open| asks(&open.asked)) {
            self.closed_early.insert(link);
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
        for ticket in &session.waiting {
            // Not handled, and so not counted: the client sends it again, or knows that it is lost.
            if let Some(open) = self.order.open.remove(ticket) {
                self.finish_under_way(&open.asked);
            }
        }
        for parked in &session.parked {
            if let Parked::Stanza { stanza, .. } = parked {
                self.holdings.finish(stanza);
            }
        }
        let key = session.management.as_ref().map(|one| one.key);
        if let Some(key) = key {
            self.keys.remove(&key);
        }
        self.keep_count(&session);
        let doubts = session.inherited.take().unwrap_or_default().doubts;
        let mut left: Vec<Item> = doubts.into_iter().flat_map(|(_, items)| items).collect();
        left.extend(session.queue.drain());
        self.hand_over(&session.jid, left);
        if let Some(key) = key {
            self.tell_recalled(key, session.received.handled);
        }
        if let (Some((link, h)), Some(key)) = (session.resuming, key) {
            // What of it is still under way is counted first.
            self.handle_resume(link, session.jid.bare(), key, h);
        }
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
    fn hand_over(&mut self, from: &FullJid, items: Vec<Item>) {
        let account = from.bare();
        let Some(record) = self.states.delivered.accounts.get(&account) else {
            return;
        };
        let heir = self.heir(record, from);
        let record = Arc::clone(record);
        let mut handed = Vec::new();
        for item in items {
            match (&item, heir) {
                (Item::Kept { position, .. }, Some((heir, node))) => {
                    // The other node may have shown it under another id.
                    let entry = self.entry_of(&record.rows, *position);
                    if self.is_taken(&account, &record, entry) {
                    } else if node == self.node {
                        self.push_late(heir, *position);
                    } else {
                        handed.push(entry);
                    }
                }
                (Item::Stanza { stanza }, _) => {
                    if let Some((to, bounce)) = crate::route::bounce::undelivered(stanza, from) {
                        self.push_to(&to, bounce);
                    }
                }
                _ => {}
            }
        }
        if let Some((session, _)) = heir.filter(|_| !handed.is_empty()) {
            let positions = handed;
            let ops = vec![Op::soft(Soft::Handed { session, positions })];
            self.open(Asked::Own { ops }, None, None);
        }
    }

    /// Who of the account gets what the session has not taken, and where.
    pub(super) fn heir(&self, account: &Account, from: &FullJid) -> Option<(SessionId, u8)> {
        let reachable = account.available().filter(|(online, here)| {
            let is_reachable = self.order.is_paired || online.node == self.node;
            online.jid != *from && here.priority >= 0 && is_reachable
        });
        let heir = reachable.max_by_key(|(online, here)| (here.priority, online.order));
        heir.map(|(online, _)| (online.session, online.node))
    }

    /// The other node hands over. What a device here has taken meanwhile it cannot know.
    pub(super) fn take_handed(&mut self, id: SessionId, positions: &[Position]) {
        let Some(account) = self.sessions.get(&id).map(|one| one.jid.bare()) else {
            for position in positions {
                if !self.peer.shadows.holds(id, *position) {
                    self.shade(id, shadow::kept_late(*position));
                }
            }
            return;
        };
        let Some(record) = self.states.delivered.accounts.get(&account).cloned() else {
            return;
        };
        for position in record.untaken.iter() {
            if positions.contains(position) && !self.is_taken(&account, &record, *position) {
                self.push_late(id, *position);
            }
        }
    }

    /// A session begins or ends with its entry, here or at the other node.
    pub(super) fn follow_bind(&mut self, op: &Op) {
        let Op::Soft { op } = op else {
            return;
        };
        match op {
            Soft::Bind {
                jid, session, node, ..
            } if *node != self.node => self.peer.shadows.begin(*session, jid),
            Soft::Unbind { session, .. } => {
                self.end_shadow(*session);
                self.drop_session(*session);
            }
            Soft::Wants {
                jid,
                want: Want::Carbons,
                on: true,
            } => self.catch_up_with_copies(jid),
            Soft::Handed { session, positions } => self.take_handed(*session, positions),
            Soft::Recall { account, key, node } => self.handle_recall(account, *key, *node),
            Soft::Recalled { key, h } => self.handle_recalled(*key, *h),
            Soft::Managed {
                session,
                count,
                is_all,
            } => self.follow_managed(*session, count, *is_all),
            Soft::Told { sessions } => self.peer.shadows.note_told(sessions),
            Soft::Moved { session, node, .. } => self.follow_move(*session, *node),
            Soft::Reports { .. } | Soft::Reported { .. } => self.follow_report(op),
            _ => {}
        }
    }

    /// It comes behind what was numbered later, and says so.
    pub(super) fn push_late(&mut self, id: SessionId, position: Position) {
        let how = How::Late;
        let Some(session) = self.sessions.get(&id) else {
            return;
        };
        let record = self.states.delivered.accounts.get(&session.jid.bare());
        let copies = record.map(|record| self.copies_of(&record.rows, position));
        let mut ids = copies.unwrap_or_default().into_iter();
        if !session.queue.holds(position) && !ids.any(|copy| session.queue.holds(copy)) {
            self.push(id, Item::Kept { position, how });
            self.note_late(id, position);
        }
    }

    /// To the session that has the address, here or on the other node.
    fn push_to(&mut self, to: &Jid, stanza: Outgoing) {
        let account = self.states.delivered.accounts.get(&to.to_bare());
        let online = account.and_then(|account| account.online.get(to.resource()?));
        let Some(online) = online else {
            return;
        };
        let stanza = Arc::new(stanza);
        if online.node == self.node {
            self.push(online.session, Item::Stanza { stanza });
        } else if self.order.is_paired {
            let to = to.clone();
            let ops = vec![Op::soft(Soft::Route { stanza, to })];
            self.open(Asked::Own { ops }, None, None);
        }
    }
}
