//! Evaluating inputs and numbering what they propose.

use std::sync::Arc;

use crate::base::ids::SessionId;
use crate::base::ids::SmKey;
use crate::base::ids::Ticket;
use crate::base::mirror_limits::REJECTIONS_MAX;
use crate::core::Core;
use crate::core::Output;
use crate::core::binding::resource_from;
use crate::core::bounds::ENTRY_OVERHEAD_BYTES;
use crate::core::order::Asked;
use crate::core::order::Bind;
use crate::core::order::Open;
use crate::core::order::Place;
use crate::core::order::Sequencer;
use crate::core::order::WantedResource;
use crate::core::rescue;
use crate::effect::fits::crosses;
use crate::effect::proposal::Need;
use crate::effect::proposal::Proposal;
use crate::effect::proposal::Stop;
use crate::effect::records::records_of;
use crate::effect::request::Command;
use crate::effect::view::Facts;
use crate::effect::view::View;
use crate::model::account::AccountState;
use crate::model::account::Online;
use crate::model::entry::Entry;
use crate::model::entry::Mode;
use crate::model::entry::Origin;
use crate::model::op::Op;
use crate::model::op::Soft;
use crate::model::op::Want;
use crate::model::position::OpId;
use crate::model::row::RecordKey;
use crate::model::row::RowName;
use crate::route;
use crate::stanza::Condition;
use crate::stanza::StanzaError;

impl Core {
    /// Gives the input a ticket and evaluates it.
    pub(super) fn open(&mut self, asked: Asked, source: Option<SessionId>, number: Option<u32>) {
        let random = self.random();
        let counted = number.and_then(|number| Some((self.key_of(source?)?, number)));
        let op_id = match counted {
            // It never repeats: a stream has a key of its own.
            Some((key, number)) => OpId {
                source: key.0,
                number: u64::from(number),
            },
            None => self.order.op_id(),
        };
        let open = Open {
            asked,
            source,
            counted,
            op_id,
            random,
            derived: None,
            is_unusable: false,
            proposal: None,
            proposed: false,
            is_numbered: false,
            refused: None,
            rejections: 0,
        };
        if let Some(session) = source.and_then(|id| self.sessions.get_mut(&id)) {
            session.received.open = session.received.open.saturating_add(1);
        }
        let ticket = self.order.ticket(open);
        self.evaluate(ticket);
    }

    fn key_of(&self, session: SessionId) -> Option<SmKey> {
        let management = self.sessions.get(&session)?.management.as_ref()?;
        Some(management.key)
    }

    /// Evaluates an input with a ticket, for the first time or again; behind an earlier one of its
    /// session that still waits, it waits too.
    pub(super) fn evaluate(&mut self, ticket: Ticket) {
        let Some(open) = self.order.open.get(&ticket) else {
            return;
        };
        let source = open.source;
        if source.is_some_and(|id| !self.sessions.contains_key(&id)) {
            // Another stream took its place: what is not numbered was not counted, and is dropped.
            if let Some(open) = self.order.open.remove(&ticket) {
                self.finish_under_way(&open.asked);
            }
            return;
        }
        if let Some(session) = source.and_then(|id| self.sessions.get_mut(&id))
            && session.waiting.first().is_some_and(|first| *first < ticket)
        {
            session.waiting.insert(ticket);
            return;
        }
        let facts = Facts {
            node: self.node,
            is_alone: !self.order.is_paired,
            is_parted: self.is_parted(),
            now: self.now.wall,
            newest_epoch: self.states.epochs.newest().map_or(0, |epoch| epoch.counter),
            random: open.random,
            derived: open.derived.clone(),
            is_unusable: open.is_unusable,
        };
        let mut view = View::new(&self.states.delivered, &self.settings, &facts);
        view.over = Some(&self.states.over);
        view.epochs = Some(&self.states.epochs);
        let result = if open.rejections < REJECTIONS_MAX {
            self.ask_feature(&view, &open.asked, ticket)
        } else {
            Err(StanzaError::new(Condition::ResourceConstraint).into())
        };
        let read_pending = view.read_pending.get();
        match result {
            Ok(proposal) => self.accept(ticket, proposal, read_pending),
            Err(Stop::Refuse { error }) => {
                if let Some(open) = self.order.open.get_mut(&ticket) {
                    open.refused = Some(error.condition);
                }
                let proposal = self.refusal(ticket, &error);
                self.accept(ticket, proposal, read_pending);
            }
            Err(Stop::Ignore) => self.accept(ticket, Proposal::nothing(), read_pending),
            Err(Stop::Need {
                need: Need::Load { key },
            }) => {
                self.park(ticket);
                self.load(key, Some(ticket));
            }
            Err(Stop::Need {
                need: Need::Derive { password },
            }) => {
                self.park(ticket);
                self.outputs.push_back(Output::Derive { ticket, password });
            }
        }
    }

    fn ask_feature(
        &self,
        view: &View<'_>,
        asked: &Asked,
        ticket: Ticket,
    ) -> Result<Proposal, Stop> {
        match asked {
            Asked::Stanza { request } => {
                // Its sessions end, but what they said last may be evaluated after that is numbered.
                let sender = view.account(&request.from.bare())?.row();
                if sender.is_none_or(|row| row.state != AccountState::Enabled) {
                    return Err(StanzaError::new(Condition::NotAuthorized).into());
                }
                route::evaluate(view, request)
            }
            Asked::Command {
                command: Command::File { ask },
                ..
            } => crate::upload::evaluate_ask(view, ask),
            Asked::Command { command, .. } => crate::account::command::evaluate(view, command),
            Asked::End { session } => match self.sessions.get(session) {
                Some(session) => route::evaluate_end(view, &session.jid, session.id),
                None => Ok(Proposal::nothing()),
            },
            Asked::Gone { jid, session } => match view.online(jid.as_jid()) {
                Some(online) if online.session == *session => {
                    route::evaluate_end(view, jid, *session)
                }
                Some(_) | None => Ok(Proposal::nothing()),
            },
            Asked::Bind { bind, .. } => self.evaluate_bind(view, bind, ticket),
            Asked::Resume { account, .. } | Asked::LookUp { account, .. } => {
                view.account(account).map(|_| Proposal::nothing())
            }
            Asked::Token { wish, .. } => crate::account::token::evaluate(view, wish),
            Asked::Answered { .. } => Ok(Proposal::nothing()),
            Asked::Emptied { rooms } => crate::muc::evaluate_emptied(view, rooms),
            Asked::Notify { user, name, count } => route::own::notify(view, user, name, *count),
            Asked::Last { wish } => crate::pubsub::evaluate_last(view, wish),
            Asked::Rescue { record } => rescue::evaluate(view, record, &self.states.epochs),
            Asked::Own { ops } => Ok(Proposal {
                ops: ops.clone(),
                ..Proposal::default()
            }),
        }
    }

    /// RFC 6120 section 7: a resource that is free, or taken over from an older session.
    fn evaluate_bind(
        &self,
        view: &View<'_>,
        bind: &Bind,
        ticket: Ticket,
    ) -> Result<Proposal, Stop> {
        let account = view.account(&bind.account)?;
        if account
            .row()
            .is_none_or(|row| row.state != AccountState::Enabled)
        {
            return Err(StanzaError::new(Condition::NotAllowed).into());
        }
        let resource = match &bind.resource {
            WantedResource::Named { resource } => resource.clone(),
            WantedResource::Any => resource_from(view.facts.random),
            WantedResource::Tagged { tag } => {
                format!("{tag}/{}", resource_from(view.facts.random)).into()
            }
        };
        let jid = bind
            .account
            .with_resource(&resource)
            .map_err(|_| StanzaError::new(Condition::BadRequest))?;
        let old = account.online.get(jid.resource());
        if old.is_none() && account.online.len() >= self.settings.limits.sessions_max {
            return Err(StanzaError::new(Condition::ResourceConstraint).into());
        }
        let mut proposal = Proposal::nothing();
        let is_same = |one: &Online| bind.device.is_some() && one.device == bind.device;
        for one in account.online.values() {
            if one.jid == jid || is_same(one) {
                // What the other board told of it may wait for a room: it is to leave that, too.
                for room in &one.rooms {
                    view.room(room)?;
                }
                proposal = proposal.and(route::evaluate_end(view, &one.jid, one.session)?);
            }
        }
        let record = RecordKey::Account {
            jid: bind.account.clone(),
        };
        proposal = proposal.guarded(view.guard(record, RowName::Account));
        let session = self.order.session_id(self.node, ticket);
        proposal = proposal.soft(Soft::Bind {
            jid: jid.clone(),
            session,
            node: self.node,
            device: bind.device.clone(),
            since: view.now(),
        });
        if bind.carbons {
            proposal = proposal.soft(Soft::Wants {
                jid,
                want: Want::Carbons,
                on: true,
            });
        }
        Ok(proposal)
    }

    /// The answer to what cannot be done. An error is never answered with an error.
    pub(super) fn refusal(&self, ticket: Ticket, error: &StanzaError) -> Proposal {
        match self.order.open.get(&ticket).map(|open| &open.asked) {
            Some(Asked::Stanza { request }) => match error.answer(&request.stanza, &request.from) {
                Some(answer) => Proposal::answer(answer),
                None => Proposal::nothing(),
            },
            _ => Proposal::nothing(),
        }
    }

    /// What was evaluated goes on: at once, or behind what it depends on.
    fn accept(&mut self, ticket: Ticket, proposal: Proposal, read_pending: bool) {
        let Some(open) = self.order.open.get(&ticket) else {
            return;
        };
        let source_waits = open
            .source
            .and_then(|id| self.sessions.get(&id))
            .is_some_and(|session| session.received.open > 1);
        let is_plain = proposal.ops.iter().all(|op| {
            matches!(
                op,
                Op::Soft {
                    op: Soft::Route { .. }
                }
            )
        });
        // What a stream counted before it was cut may still be in the line.
        let is_late = matches!(open.asked, Asked::Resume { .. }) && !self.order.is_clear();
        let proposal = if open.is_numbered {
            proposal.without_durable()
        } else {
            self.within_bounds(ticket, proposal)
        };
        let is_plain = is_plain && !self.crosses(&proposal.ops);
        if is_plain && !source_waits && !read_pending && !is_late {
            self.deliver_plain(&proposal.ops);
            self.set_proposal(ticket, proposal);
            self.finish(ticket);
        } else if proposal.ops.is_empty() {
            self.set_proposal(ticket, proposal);
            if self.order.proposed.is_empty() {
                self.order.line.push_back(Place::Answer { ticket });
            } else {
                self.order.proposed.push_back(ticket);
            }
            self.release();
        } else {
            self.set_proposal(ticket, proposal);
            self.propose(ticket);
        }
    }

    /// This node numbers for itself, and another one may, too.
    pub(super) fn is_parted(&self) -> bool {
        match self.order.sequencer {
            Sequencer::Here { epoch, .. } => self.states.epochs.mode(epoch) == Some(Mode::Solo),
            Sequencer::There { .. } => false,
        }
    }

    /// The other node may have what this one lacks: it is away, or both have just met.
    pub(super) fn is_apart(&self) -> bool {
        let is_told = matches!(self.order.sequencer, Sequencer::There { .. });
        self.is_parted() || (is_told && !self.peer.is_there)
    }

    /// Whether one of these is for a session of the other node: then it is an entry.
    fn crosses(&self, ops: &[Op]) -> bool {
        if !self.order.is_paired {
            return false;
        }
        self.seen(|view| {
            ops.iter().any(|op| match op {
                Op::Soft {
                    op: Soft::Route { to, .. },
                } => crosses(view, to),
                Op::Soft { .. } | Op::Durable { .. } => false,
            })
        })
    }

    fn set_proposal(&mut self, ticket: Ticket, mut proposal: Proposal) {
        if !self.order.is_leading() {
            let source = self.order.open.get(&ticket).and_then(|open| open.source);
            let session = source.and_then(|id| self.sessions.get(&id));
            proposal.by = session.map(|session| (session.jid.clone(), session.id));
        }
        if let Some(open) = self.order.open.get_mut(&ticket) {
            open.proposal = Some(Arc::new(proposal));
        }
    }

    /// To the sequencer: a number at once if that is here, later if it is elsewhere.
    pub(super) fn propose(&mut self, ticket: Ticket) {
        let Some(open) = self.order.open.get_mut(&ticket) else {
            return;
        };
        let Some(proposal) = open.proposal.clone() else {
            return;
        };
        let op_id = open.op_id;
        open.proposed = true;
        if let Some(position) = self.order.number() {
            self.order.stamp = self.order.stamp.next(self.now.wall.unix_ms(), self.node);
            let entry = Arc::new(Entry {
                position,
                stamp: self.order.stamp,
                op_id,
                origin: self.origin_of(ticket),
                ops: proposal.ops.clone(),
            });
            let records = records_of(&entry.ops);
            self.pin_records(&records);
            self.states
                .pend(position, entry.stamp, &entry.ops, &records);
            self.append(&entry);
            if self.order.is_paired {
                self.outputs.push_back(Output::Ship {
                    entry: Arc::clone(&entry),
                    ticket: None,
                });
            }
            self.order.line.push_back(Place::Entry {
                entry,
                ticket: Some(ticket),
                records,
            });
            self.release();
        } else if let Sequencer::There { generation } = self.order.sequencer {
            let at = crate::core::states::provisional(ticket);
            let origin = self.origin_of(ticket);
            let records = records_of(&proposal.ops);
            self.pin_records(&records);
            self.states
                .pend(at, self.order.stamp, &proposal.ops, &records);
            self.order.proposed.push_back(ticket);
            if self.peer.is_opening {
                return;
            }
            self.outputs.push_back(Output::Propose {
                ticket,
                generation,
                proposal,
                op_id,
                origin,
            });
        }
    }

    pub(super) fn append(&mut self, entry: &Entry) {
        if !entry.is_durable() {
            return;
        }
        let mut bytes = Vec::new();
        entry.encode(&mut bytes);
        let cost = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        if self.credit != u64::MAX {
            let cost = cost.saturating_add(ENTRY_OVERHEAD_BYTES);
            self.credit = self.credit.saturating_sub(cost);
        }
        let index = self.tail.number(Some(entry.position));
        self.outputs.push_back(Output::Append {
            index,
            position: entry.position,
            bytes,
        });
    }

    /// The client behind a proposal, if it counts its stanzas.
    pub(super) fn origin_of(&self, ticket: Ticket) -> Option<Origin> {
        let open = self.order.open.get(&ticket)?;
        let (key, h) = open.counted?;
        let Asked::Stanza { request } = &open.asked else {
            return None;
        };
        Some(Origin {
            jid: request.from.clone(),
            key,
            h,
            iq: request.stanza.set_id().map(Into::into),
        })
    }
}
