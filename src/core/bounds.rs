//! What a proposal may be at all: of a level that the other board reads, and within the room of the log.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

use crate::base::ids::Ticket;
use crate::base::limits::JID_BYTES_MAX;
use crate::base::limits::LOG_RECORD_BYTES_MAX;
use crate::core::Core;
use crate::core::Output;
use crate::core::order::Asked;
use crate::effect::proposal::Proposal;
use crate::effect::request::Outcome;
use crate::model::codec::Code as _;
use crate::model::codec::to_bytes;
use crate::model::fields;
use crate::model::fields::FIELDS_LEVEL;
use crate::model::file::FileKeys;
use crate::model::level::LEVEL;
use crate::model::op::Durable;
use crate::model::op::Op;
use crate::model::row::RowKey;
use crate::stanza::Condition;
use crate::stanza::Kind;
use crate::stanza::StanzaError;

/// What an entry costs in the log beyond its ops: header, the client behind it (an address and an
/// id, `ID_BYTES_MAX`), frame, padding to a sector.
pub(super) const ENTRY_OVERHEAD_BYTES: u64 = 8_192;

/// What an entry holds of somebody who gets another name; with both values of a last row it is a record still.
pub(super) const RESCUE_BYTES_MAX: usize = 200 << 10;

/// What a user is told of what the other board cannot read.
const NEWER: &str = "not before both boards of this server have the same version";

impl Core {
    /// What is written from now on may be of this level.
    pub(crate) fn set_level(&mut self, level: u8) {
        self.level = level;
    }

    /// Before anything is asked: what the addresses of files are made with.
    pub(crate) fn set_file_keys(&mut self, keys: FileKeys) {
        Arc::make_mut(&mut self.settings).file_keys = keys;
    }

    pub(super) fn within_bounds(&mut self, ticket: Ticket, mut proposal: Proposal) -> Proposal {
        self.narrow(ticket, &mut proposal);
        let proposal = self.within_level(ticket, proposal);
        self.within_credit(ticket, proposal)
    }

    /// Where another branch may change the other fields of a row meanwhile, ours are named.
    fn narrow(&self, ticket: Ticket, proposal: &mut Proposal) {
        let open = self.order.open.get(&ticket);
        let is_rescue = matches!(open.map(|open| &open.asked), Some(Asked::Rescue { .. }));
        if self.level < FIELDS_LEVEL || is_rescue || !(self.order.is_paired || self.is_parted()) {
            return;
        }
        let (mut swept, mut known) = (BTreeSet::new(), BTreeMap::new());
        for op in &mut proposal.ops {
            match op {
                Op::Durable {
                    op: Durable::Sweep { record },
                } => drop(swept.insert(record.clone())),
                Op::Durable {
                    op: Durable::Row { record, name, row },
                } if fields::has_fields(name) && !swept.contains(record) => {
                    let key = RowKey {
                        record: record.clone(),
                        name: name.clone(),
                    };
                    let written = row.clone();
                    let old = known.get(&key).map(Option::as_ref);
                    let old = old.unwrap_or_else(|| self.states.row(&key));
                    *row = row.take().map(|new| fields::narrowed(old, new));
                    known.insert(key, written);
                }
                _ => {}
            }
        }
    }

    /// Where the other board is older: what a user asks for is refused, and what goes with something
    /// else is left out.
    fn within_level(&self, ticket: Ticket, mut proposal: Proposal) -> Proposal {
        let level = self.level;
        if level >= LEVEL || proposal.ops.iter().all(|op| op.level() <= level) {
            return proposal;
        }
        let open = self.order.open.get(&ticket);
        if let Some(Asked::Stanza { request }) = open.map(|open| &open.asked)
            && !matches!(request.stanza.kind, Kind::Presence(_))
        {
            let error = StanzaError::new(Condition::FeatureNotImplemented);
            return self.refusal(ticket, &error.with_text(NEWER));
        }
        proposal.ops.retain(|op| op.level() <= level);
        proposal
    }

    /// Space is a credit known ahead: without it a durable change is refused here, so that an
    /// append never fails for want of space.
    fn within_credit(&mut self, ticket: Ticket, proposal: Proposal) -> Proposal {
        let own = self.order.open.get(&ticket).is_none_or(|open| {
            matches!(
                open.asked,
                Asked::End { .. }
                    | Asked::Gone { .. }
                    | Asked::Emptied { .. }
                    | Asked::Rescue { .. }
                    | Asked::Own { .. }
            )
        });
        if !proposal.ops.iter().any(Op::is_durable) {
            return proposal;
        }
        let cost = cost_bytes(&proposal);
        if cost > u64::try_from(LOG_RECORD_BYTES_MAX).unwrap_or(u64::MAX) && !own {
            return self.refusal(ticket, &StanzaError::new(Condition::PolicyViolation));
        }
        if self.credit < cost {
            if own {
                self.put_off(&proposal.ops);
                return proposal.without_durable();
            }
            let error = StanzaError::new(Condition::ResourceConstraint);
            if let Some(open) = self.order.open.get_mut(&ticket)
                && let Asked::Command { id, .. } = open.asked
            {
                let outcome = Outcome::Full;
                self.outputs.push_back(Output::Answer { id, outcome });
                // It has its answer; what is left is its place.
                open.asked = Asked::Own { ops: Vec::new() };
            }
            return self.refusal(ticket, &error);
        }
        proposal
    }
}

/// An upper bound of what the proposal's entry takes in the log.
pub(super) fn cost_bytes(proposal: &Proposal) -> u64 {
    let ops = proposal.ops.iter().map(|op| match op {
        Op::Durable {
            op: Durable::Message { message, places },
        } => message
            .payload
            .len()
            .saturating_add(message.id.as_ref().map_or(0, |id| id.len()))
            .saturating_add(message.lang.as_ref().map_or(0, |lang| lang.len()))
            .saturating_add((places.len() * 2 + 3).saturating_mul(JID_BYTES_MAX)),
        Op::Durable { op } => to_bytes(op).len(),
        Op::Soft { .. } => 0,
    });
    let bytes = ops.fold(0_usize, usize::saturating_add);
    u64::try_from(bytes)
        .unwrap_or(u64::MAX)
        .saturating_add(ENTRY_OVERHEAD_BYTES)
}
