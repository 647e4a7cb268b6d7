//! What an evaluation gives back: a proposal, a refusal, or what it lacks.

use std::sync::Arc;

use crate::base::ids::SessionId;
use crate::base::jid::FullJid;
use crate::base::secret::Secret;
use crate::effect::query::Query;
use crate::model::codec::Code;
use crate::model::codec::CodecError;
use crate::model::codec::Reader;
use crate::model::codec::coded;
use crate::model::op::Durable;
use crate::model::op::Op;
use crate::model::op::Soft;
use crate::model::position::Position;
use crate::model::row::RecordKey;
use crate::model::row::Row;
use crate::model::row::RowKey;
use crate::model::row::RowName;
use crate::stanza::StanzaError;
use crate::stanza::outgoing::Outgoing;

/// A row as the evaluation read it: whoever numbers the proposal checks that it still holds.
///
/// Guards name rows of policy, never rows that traffic changes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Guard {
    pub(crate) key: RowKey,
    pub(crate) version: Position,
}

coded!(struct Guard { key, version });

/// What should happen, all of it or nothing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Proposal {
    pub(crate) guards: Vec<Guard>,
    pub(crate) ops: Vec<Op>,
    /// To the session that asked, when the ops are committed, in this order.
    pub(crate) answers: Vec<Arc<Outgoing>>,
    /// To be looked up off the core when the ops are committed; its answer follows `answers`.
    pub(crate) query: Option<Query>,
    /// The session that asked, where another node numbers: it may be gone by then.
    pub(crate) by: Option<(FullJid, SessionId)>,
}

/// What whoever numbers it has to know. Its answers stay where they are given.
impl Code for Proposal {
    fn encode(&self, out: &mut Vec<u8>) {
        self.guards.encode(out);
        self.ops.encode(out);
        self.by.encode(out);
    }

    fn decode(input: &mut Reader<'_>) -> Result<Self, CodecError> {
        Ok(Self {
            guards: Vec::decode(input)?,
            ops: Vec::decode(input)?,
            by: Option::decode(input)?,
            ..Self::default()
        })
    }
}

/// Why an evaluation gave no proposal.
#[derive(Clone, Debug)]
pub(crate) enum Stop {
    /// The sender is told so.
    Refuse { error: StanzaError },
    /// The stanza is dropped without a word (RFC 6121 section 8.5 says when).
    Ignore,
    /// Evaluate again when this is there.
    Need { need: Need },
}

/// What an evaluation cannot go on without.
#[derive(Clone, Debug)]
pub(crate) enum Need {
    /// A record that is not in memory.
    Load { key: RecordKey },
    /// The keys of a password: much arithmetic, done elsewhere.
    Derive { password: Secret },
}

impl From<StanzaError> for Stop {
    fn from(error: StanzaError) -> Self {
        Self::Refuse { error }
    }
}

impl Proposal {
    /// What is left where the log has its durable ops already, or has no room for them.
    pub(crate) fn without_durable(mut self) -> Self {
        self.ops.retain(|op| !op.is_durable());
        self
    }

    /// Nothing to change, nothing to say.
    pub(crate) fn nothing() -> Self {
        Self::default()
    }

    pub(crate) fn answer(answer: Outgoing) -> Self {
        Self {
            answers: vec![Arc::new(answer)],
            ..Self::default()
        }
    }

    pub(crate) fn ask(query: Query) -> Self {
        Self {
            query: Some(query),
            ..Self::default()
        }
    }

    /// Both, as one.
    pub(crate) fn and(mut self, other: Self) -> Self {
        self.guards.extend(other.guards);
        self.ops.extend(other.ops);
        self.answers.extend(other.answers);
        self.query = self.query.or(other.query);
        self.by = self.by.or(other.by);
        self
    }

    pub(crate) fn and_answer(mut self, answer: Outgoing) -> Self {
        self.answers.push(Arc::new(answer));
        self
    }

    pub(crate) fn guarded(mut self, guard: Guard) -> Self {
        self.guards.push(guard);
        self
    }

    pub(crate) fn op(mut self, op: Op) -> Self {
        self.ops.push(op);
        self
    }

    pub(crate) fn durable(self, op: Durable) -> Self {
        self.op(Op::Durable { op })
    }

    pub(crate) fn soft(self, op: Soft) -> Self {
        self.op(Op::Soft { op })
    }

    pub(crate) fn row(self, record: RecordKey, name: RowName, row: Option<Row>) -> Self {
        self.op(Op::row(record, name, row))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::codec::from_bytes;
    use crate::model::codec::to_bytes;

    #[test]
    fn what_numbers_a_proposal_learns_its_guards_and_ops() {
        let guard = Guard {
            key: RowKey {
                record: RecordKey::Node,
                name: RowName::VCard,
            },
            version: Position::from_u128(3 << 8),
        };
        let proposal = Proposal::nothing()
            .row(RecordKey::Node, RowName::VCard, None)
            .guarded(guard.clone());

        let read: Proposal = from_bytes(&to_bytes(&proposal)).unwrap();

        assert_eq!(read.guards, [guard]);
        assert_eq!(format!("{:?}", read.ops), format!("{:?}", proposal.ops));
    }
}
