//! Who numbers, and numbering what the other node of a pair proposes.
//!
//! One node numbers for both. The other's proposals come with the versions of what they read; they
//! are compared with everything numbered here, committed or not. One that does not hold is rejected,
//! and with it all that was proposed on top of it: what still carries the old generation is dropped,
//! the other node evaluates again and proposes in the next.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::VecDeque;
use std::sync::Arc;

use crate::base::ids::SessionId;
use crate::base::ids::Ticket;
use crate::base::mirror_limits::PEER_TICKETS_MAX;
use crate::base::time::Monotonic;
use crate::core::Core;
use crate::core::Output;
use crate::core::bounds::cost_bytes;
use crate::core::disowned::Disowned;
use crate::core::meetings::Meetings;
use crate::core::mistake::Mistake;
use crate::core::order::Place;
use crate::core::order::Sequencer;
use crate::core::report::Reports;
use crate::core::shadow::Shadows;
use crate::core::states::is_provisional;
use crate::effect::fits::fits;
use crate::effect::fits::records_read;
use crate::effect::proposal::Proposal;
use crate::effect::records::records_of;
use crate::effect::view::Facts;
use crate::effect::view::View;
use crate::model::entry::Entry;
use crate::model::entry::Origin;
use crate::model::op::Op;
use crate::model::position::Epoch;
use crate::model::position::OpId;
use crate::model::position::Position;
use crate::model::row::RecordKey;

/// The other node of a pair, as this one knows it.
#[derive(Debug, Default)]
pub(crate) struct Peer {
    /// What it proposed and is not numbered: the first waits for its records.
    waiting: VecDeque<Proposed>,
    generation: u64,
    /// What its own proposals became: its next ones may have read them before it knew.
    numbered: BTreeMap<Ticket, Position>,
    /// The ops of those that are in the log, and their age.
    ops: BTreeSet<OpId>,
    ops_by_age: VecDeque<OpId>,
    /// When those of its sessions end that it has not named by then.
    pub(super) zombies_until: Option<Monotonic>,
    /// An epoch of both is not over, as far as this node knows.
    pub(super) is_there: bool,
    /// Sessions of before a restart are taken up again: nobody is told what was told before.
    pub(super) is_taking_up: bool,
    /// Its sessions are here, and next comes who numbers: what is proposed in between waits for that.
    pub(super) is_opening: bool,
    /// It died, or is back without its sessions: they move here.
    pub(super) has_died: bool,
    /// Sessions that count since both began to become one.
    pub(super) enabled: Vec<SessionId>,
    /// The last epoch of both, and the number in it of what is being delivered.
    pub(super) epoch: Option<Epoch>,
    pub(super) tag: u64,
    pub(super) shadows: Shadows,
    pub(super) reports: Reports,
    pub(super) disowned: Disowned,
    /// What devices may have passed by while the two were apart.
    pub(super) meetings: Meetings,
}

/// A proposal of the other node.
#[derive(Debug)]
pub(crate) struct Proposed {
    pub(crate) ticket: Ticket,
    pub(crate) generation: u64,
    pub(crate) proposal: Arc<Proposal>,
    pub(crate) op_id: OpId,
    pub(crate) origin: Option<Origin>,
}

impl Peer {
    /// What passed between the two on an earlier connection counts for nothing.
    fn begin(&mut self) {
        self.is_opening = false;
        self.waiting.clear();
        self.numbered.clear();
        self.generation = 0;
    }

    fn note(&mut self, ticket: Ticket, position: Position) {
        self.numbered.insert(ticket, position);
        if self.numbered.len() > PEER_TICKETS_MAX {
            self.numbered.pop_first();
        }
    }

    fn note_op(&mut self, op: OpId) {
        if !self.ops.insert(op) {
            return;
        }
        self.ops_by_age.push_back(op);
        if self.ops_by_age.len() > PEER_TICKETS_MAX
            && let Some(oldest) = self.ops_by_age.pop_front()
        {
            self.ops.remove(&oldest);
        }
    }

    /// Whether this change that the other node proposes is in the log.
    fn has_numbered(&self, op: OpId) -> bool {
        self.ops.contains(&op)
    }

    /// Records that the next proposal is judged by.
    pub(super) fn records(&self) -> Vec<RecordKey> {
        let next = self.waiting.front();
        next.map_or_else(Vec::new, |next| records_read(&next.proposal))
    }
}

impl Core {
    /// This node numbers no more.
    pub(super) fn handle_follow(&mut self) {
        self.order.sequencer = Sequencer::There { generation: 0 };
        self.order.is_paired = true;
        self.order.delivering =
            Position::new(self.states.epochs.newest().unwrap_or_default(), 0, 0);
        self.peer.begin();
        self.propose_again();
    }

    /// This node numbers from here on: first what it has proposed (rule U16), evaluated again
    /// because the other node may have numbered what it would not go with.
    pub(super) fn handle_lead(&mut self, epoch: Epoch, is_paired: bool) {
        self.order.sequencer = Sequencer::Here { epoch, seq: 0 };
        self.order.is_paired = is_paired;
        self.order.delivering = Position::new(epoch, 0, 0);
        self.peer.begin();
        self.propose_again();
        if !is_paired {
            self.ask_here();
        }
    }

    pub(super) fn handle_proposed(&mut self, mut proposed: Proposed) {
        self.peer.disowned.confirm();
        if self.peer.has_numbered(proposed.op_id) {
            // Before the link broke: the log has it.
            let proposal = proposed.proposal.as_ref().clone();
            proposed.proposal = Arc::new(proposal.without_durable());
        }
        self.peer.waiting.push_back(proposed);
        self.number_proposed();
    }

    /// Numbers what the other node proposed, as far as the records are here.
    pub(super) fn number_proposed(&mut self) {
        while let Some(next) = self.peer.waiting.front() {
            let is_current = next.generation == self.peer.generation;
            if is_current && !self.is_judgeable() {
                return;
            }
            let Some(next) = self.peer.waiting.pop_front() else {
                return;
            };
            if !is_current || !self.order.is_leading() || !self.order.is_paired {
                continue;
            }
            if self.goes_with_all(&next.proposal) {
                self.number_for_peer(next);
            } else {
                self.peer.generation = self.peer.generation.saturating_add(1);
                self.outputs.push_back(Output::Reject {
                    ticket: next.ticket,
                    generation: next.generation,
                });
            }
        }
    }

    /// Whether the records of the next proposal are here; they are asked for otherwise.
    fn is_judgeable(&mut self) -> bool {
        let mut is_judgeable = true;
        for key in self.peer.records() {
            if !self.states.delivered.holds(&key) {
                is_judgeable = false;
                self.load(key, None);
            }
        }
        is_judgeable
    }

    fn goes_with_all(&self, proposal: &Proposal) -> bool {
        if self.is_mistaken(Mistake::GuardsIgnored) {
            return true;
        }
        let guards = proposal.guards.iter();
        let mut held = guards.map(|guard| {
            let version = guard.version;
            let numbered = if is_provisional(version) {
                let own = self.peer.numbered.get(&Ticket(version.seq()));
                own.map(|position| position.with_sub(version.sub()))
            } else {
                Some(version)
            };
            numbered == Some(self.states.version(&guard.key))
        });
        if !held.all(|holds| holds) {
            return false;
        }
        if proposal.ops.iter().any(Op::is_durable) && self.credit < cost_bytes(proposal) {
            return false;
        }
        let facts = Facts::default();
        let mut view = View::new(&self.states.delivered, &self.settings, &facts);
        view.over = Some(&self.states.over);
        fits(&view, proposal)
    }

    fn number_for_peer(&mut self, proposed: Proposed) {
        let Some(position) = self.order.number() else {
            return;
        };
        self.order.stamp = self.order.stamp.next(self.now.wall.unix_ms(), self.node);
        let entry = Arc::new(Entry {
            position,
            stamp: self.order.stamp,
            op_id: proposed.op_id,
            origin: proposed.origin,
            ops: proposed.proposal.ops.clone(),
        });
        self.peer.note(proposed.ticket, position);
        if entry.is_durable() {
            self.peer.note_op(entry.op_id);
        }
        let records = records_of(&entry.ops);
        self.pin_records(&records);
        self.states
            .pend(position, entry.stamp, &entry.ops, &records);
        self.append(&entry);
        self.outputs.push_back(Output::Ship {
            entry: Arc::clone(&entry),
            ticket: Some(proposed.ticket),
        });
        self.order.line.push_back(Place::Entry {
            entry,
            ticket: None,
            records,
        });
        self.release();
    }

    /// Everything own that is not numbered is evaluated again, in order, with the same ticket and
    /// op id.
    pub(super) fn propose_again(&mut self) {
        let again: Vec<Ticket> = self.order.proposed.drain(..).collect();
        for ticket in &again {
            if let Some(open) = self.order.open.get_mut(ticket) {
                open.proposed = false;
                open.proposal = None;
            }
        }
        self.rebuild_pending();
        for ticket in again {
            self.evaluate(ticket);
        }
    }
}
