//! Delivering what is committed: in order, and not before.

use std::sync::Arc;

use crate::base::ids::SessionId;
use crate::base::ids::Ticket;
use crate::core::Core;
use crate::core::Output;
use crate::core::order::Asked;
use crate::core::order::Open;
use crate::core::order::Place;
use crate::core::order::Sequencer;
use crate::core::patience;
use crate::core::patience::Patience;
use crate::core::pushes;
use crate::effect::records::records_of;
use crate::effect::request::Command;
use crate::effect::request::Outcome;
use crate::effect::sends::Item;
use crate::effect::sends::Sends;
use crate::effect::state::At;
use crate::effect::view::Facts;
use crate::effect::view::View;
use crate::model::entry::Entry;
use crate::model::op::Op;
use crate::model::op::numbered;
use crate::model::position::Position;
use crate::route;
use crate::stanza::Condition;

/// What a session that is ended still gets of what waits for it: an answer, not a backlog.
const LAST_BYTES: usize = 16_384;

impl Core {
    /// The log is safe up to here.
    pub(super) fn handle_durable(&mut self, upto: Position) {
        self.order.committed = self.order.committed.max(upto);
        self.release();
    }

    /// The sequencer elsewhere has numbered an entry, of this node or of another.
    pub(super) fn handle_numbered(&mut self, entry: Arc<Entry>, ticket: Option<Ticket>) {
        self.order.stamp = self.order.stamp.max(entry.stamp);
        self.peer.disowned.confirm();
        match ticket {
            Some(ticket) if self.order.proposed.front() == Some(&ticket) => {
                self.order.proposed.pop_front();
                let count = entry.ops.len();
                let open = self.order.open.get(&ticket);
                let open_ops = open.and_then(|open| Some(open.proposal.as_ref()?.ops.len()));
                self.states
                    .settle(ticket, entry.position, entry.stamp, &entry.ops);
                self.append(&entry);
                let records = records_of(&entry.ops);
                self.order.line.push_back(Place::Entry {
                    entry,
                    ticket: Some(ticket),
                    records,
                });
                self.answers_follow();
                if open_ops != Some(count) {
                    // Without what the log had of it already.
                    self.rebuild_pending();
                }
            }
            // A number for something that is not next in line: the sequencer speaks of a
            // generation that is over. Nothing of it may be shown.
            Some(_) => {}
            None => {
                self.append(&entry);
                let records = records_of(&entry.ops);
                self.stand_in_line(Place::Entry {
                    entry,
                    ticket: None,
                    records,
                });
            }
        }
        self.release();
    }

    /// Answers that stood behind a proposal move into the line behind its entry.
    pub(super) fn answers_follow(&mut self) {
        while let Some(ticket) = self.order.proposed.front().copied() {
            if self
                .order
                .open
                .get(&ticket)
                .is_some_and(|open| open.proposed)
            {
                return;
            }
            self.order.proposed.pop_front();
            self.order.line.push_back(Place::Answer { ticket });
        }
    }

    /// A guard did not hold: go back to it. Everything numbered stays.
    pub(super) fn handle_rejected(&mut self, ticket: Ticket, rejected: u64) {
        let Sequencer::There { generation } = &mut self.order.sequencer else {
            return;
        };
        if *generation != rejected || self.order.proposed.front() != Some(&ticket) {
            return;
        }
        *generation = generation.saturating_add(1);
        if let Some(open) = self.order.open.get_mut(&ticket) {
            open.rejections = open.rejections.saturating_add(1);
        }
        self.propose_again();
    }

    /// Delivers the front of the line as far as it is committed.
    pub(super) fn release(&mut self) {
        if self.releasing {
            return;
        }
        self.releasing = true;
        self.release_line();
        self.releasing = false;
    }

    fn release_line(&mut self) {
        while self.order.front_is_committed() && self.front_is_here() {
            match self.order.line.pop_front() {
                Some(Place::Entry {
                    entry,
                    ticket,
                    records,
                }) => {
                    self.follow_tag(&entry);
                    let deliveries = self.deliver(&entry);
                    self.states.unpend(&records);
                    self.follow_count(&entry);
                    if let Some(ticket) = ticket {
                        self.charge(ticket, deliveries);
                        self.note_empty(&entry);
                        self.finish(ticket);
                    }
                }
                Some(Place::Merged {
                    entry,
                    ticket: Some(ticket),
                    records,
                }) => {
                    self.deliver(&entry);
                    self.states.unpend(&records);
                    self.follow_count(&entry);
                    self.note_empty(&entry);
                    self.finish(ticket);
                }
                Some(Place::Merged { entry, records, .. }) => {
                    let is_more = self.deliver_merged(&entry);
                    self.states.unpend(&records);
                    if is_more {
                        self.rebuild_pending();
                    }
                    self.follow_count(&entry);
                }
                Some(Place::Answer { ticket }) => self.finish(ticket),
                None => return,
            }
        }
    }

    /// Folds a committed entry into the delivered state and sends what follows from it; says to how many.
    fn deliver(&mut self, entry: &Arc<Entry>) -> usize {
        let mut deliveries = 0;
        if entry.is_durable() {
            self.order.delivering = entry.position;
            self.tail.push(Arc::clone(entry));
        }
        for (sub, op) in numbered(&entry.ops) {
            let at = At {
                position: entry.position.with_sub(sub),
                stamp: entry.stamp,
            };
            if self.note_copy(at.position, op, entry) {
                self.states.fold(at, op);
                continue;
            }
            let sends = self.sends_of(at, op);
            self.states.fold(at, op);
            self.follow_bind(op);
            self.follow_alias(op);
            self.follow_push(op);
            deliveries += sends.items.len();
            self.dispatch(sends);
        }
        deliveries
    }

    /// The count of a stream whose session is not here (any more): whoever asks to resume it is told.
    pub(super) fn follow_count(&mut self, entry: &Entry) {
        self.follow_inherited(entry);
        let gone = entry
            .origin
            .as_ref()
            .filter(|origin| !self.keys.contains_key(&origin.key));
        if let Some(origin) = gone {
            let at = At {
                position: entry.position,
                stamp: entry.stamp,
            };
            let op = crate::core::taken::stream_row(origin, entry.stamp);
            self.states.fold(at, &op);
            self.follow_origin(entry);
        }
    }

    pub(super) fn sends_of(&self, at: At, op: &Op) -> Sends {
        if self.peer.is_taking_up {
            return Sends::default();
        }
        let mut sends = Sends::default();
        self.seen(|view| route::deliver(view, at, op, &mut sends));
        sends
    }

    /// A look at what is delivered.
    pub(super) fn seen<T>(&self, look: impl FnOnce(&View<'_>) -> T) -> T {
        let facts = Facts {
            now: self.now.wall,
            node: self.node,
            is_alone: !self.order.is_paired,
            ..Facts::default()
        };
        look(&View::new(&self.states.delivered, &self.settings, &facts))
    }

    /// Volatile stanzas that nothing stands before go at once.
    pub(super) fn deliver_plain(&mut self, ops: &[Op]) {
        for op in ops {
            let at = At {
                position: self.order.committed,
                stamp: self.order.stamp,
            };
            let sends = self.sends_of(at, op);
            self.dispatch(sends);
        }
    }

    pub(super) fn dispatch(&mut self, sends: Sends) {
        for (session, item) in sends.items {
            self.push(session, item);
        }
        for session in sends.replays {
            self.replay(session);
        }
        for (user, name) in sends.pushes {
            self.pushes.note(user, name, (self.now.monotonic, 0));
        }
        let lasts = sends.lasts.into_iter();
        lasts.for_each(|wish| self.want_last(wish));
        for (session, why) in sends.ended {
            self.kicked.push((session, why.into()));
        }
        let halt = sends.halt.map(|halt| Output::Halt { halt });
        self.outputs.extend(halt);
    }

    /// Sessions that an entry has ended. Who asked for it gets its answer first.
    pub(super) fn end_kicked(&mut self) {
        for (id, why) in std::mem::take(&mut self.kicked) {
            if let Some(session) = self.sessions.get_mut(&id)
                && let Some(link) = session.link
            {
                session.queue.press();
                let mut bytes = Vec::new();
                self.write(link, &mut bytes, LAST_BYTES);
                self.outputs.push_back(Output::Last { link, bytes });
            }
            self.end_session(id, why);
        }
    }

    /// Into the session's queue, if it is one of this node.
    pub(super) fn push(&mut self, id: SessionId, item: Item) {
        let Some(session) = self.sessions.get_mut(&id) else {
            return self.shade(id, item);
        };
        session.queue.tag = self.peer.tag;
        self.holdings.add(crate::core::queue::added_bytes(&item));
        let patience = if session.active {
            Patience::Without
        } else {
            patience::of(&self.tail, &self.states.delivered, &session.jid, &item)
        };
        let wakes = !session.pushes.is_empty()
            && pushes::is_worth_it(&self.tail, &self.states.delivered, &session.jid, &item);
        let replace = !session.active || session.link.is_none();
        let fits = session.queue.push(item, replace);
        session.wait_for(patience, self.now.monotonic);
        self.touched.insert(id);
        if wakes {
            self.wake_later(id);
        }
        self.note_report(id);
        if !fits {
            self.end_session(id, crate::core::EndReason::PolicyViolation);
        }
    }

    /// The input is done: its answers leave, its session's count moves.
    pub(super) fn finish(&mut self, ticket: Ticket) {
        let Some(open) = self.order.open.remove(&ticket) else {
            return;
        };
        self.finish_under_way(&open.asked);
        let proposal = open.proposal.clone().unwrap_or_default();
        if let Some(id) = open.source {
            if let Asked::Answered {
                answer: Some(bytes),
            } = &open.asked
            {
                self.push(
                    id,
                    Item::Bytes {
                        bytes: Arc::clone(bytes),
                    },
                );
            }
            for stanza in &proposal.answers {
                self.push(
                    id,
                    Item::Stanza {
                        stanza: Arc::clone(stanza),
                    },
                );
            }
            if let Some(query) = &proposal.query {
                self.ask(id, query.clone());
            }
            let is_entry = !proposal.ops.is_empty() && open.proposed;
            let is_durable = proposal.ops.iter().any(Op::is_durable);
            let is_known = is_entry && (is_durable || !self.order.is_leading());
            self.note_request(id, &open, is_entry);
            if let Some(session) = self.sessions.get_mut(&id) {
                session.received.open = session.received.open.saturating_sub(1);
                if open.counted.is_some() {
                    session.finish_stanza(is_known || !self.peer.is_there);
                }
                self.touched.insert(id);
            }
            self.note_report(id);
            self.try_resume(id);
        }
        self.finish_asked(&open, &proposal.ops);
    }

    fn finish_asked(&mut self, open: &Open, ops: &[Op]) {
        match &open.asked {
            Asked::Bind { link, bind } => self.finish_bind(*link, bind, ops, open.refused),
            Asked::Token { link, .. } => {
                let given = crate::account::token::given(ops, &open.random);
                self.outputs.push_back(Output::Token { link: *link, given });
            }
            Asked::Resume {
                link,
                account,
                key,
                h,
            } => self.finish_resume(*link, account, *key, *h),
            Asked::LookUp {
                link,
                account,
                device,
            } => {
                let account = self
                    .states
                    .delivered
                    .accounts
                    .get(account)
                    .map(AsRef::as_ref);
                let found = crate::core::binding::look_up(account, device.as_deref());
                self.outputs
                    .push_back(Output::Credentials { link: *link, found });
            }
            Asked::Command { id, command } => {
                let outcome = if let Command::File { ask } = command {
                    crate::upload::outcome(&self.states.delivered, ask, open.refused)
                } else if open.is_unusable {
                    Outcome::BadPassword
                } else if open.refused == Some(Condition::NotAllowed) {
                    Outcome::Closed
                } else if open.refused == Some(Condition::ResourceConstraint) {
                    Outcome::Full
                } else if open.refused == Some(Condition::ItemNotFound) {
                    Outcome::NoSuchInvite
                } else if open.refused == Some(Condition::Conflict) {
                    Outcome::UserExists
                } else if ops.is_empty() {
                    crate::account::command::outcome(&self.states.delivered, command)
                } else {
                    Outcome::Done
                };
                self.outputs.push_back(Output::Answer { id: *id, outcome });
            }
            // Perhaps not all of it fitted.
            Asked::Rescue { record } => self.note_claim(record),
            Asked::Stanza { .. }
            | Asked::End { .. }
            | Asked::Gone { .. }
            | Asked::Answered { .. }
            | Asked::Emptied { .. }
            | Asked::Notify { .. }
            | Asked::Last { .. }
            | Asked::Own { .. } => {}
        }
    }
}
