//! The core where another node numbers: proposals, rejections, what comes in between.

use std::sync::Arc;

use crate::base::ids::Ticket;
use crate::base::jid::FullJid;
use crate::base::mirror_limits::REJECTIONS_MAX;
use crate::core::Input;
use crate::core::Output;
use crate::core::order::Sequencer;
use crate::core::tests::harness::Bench;
use crate::core::tests::harness::EPOCH;
use crate::core::tests::harness::account;
use crate::core::tests::harness::enabled;
use crate::effect::proposal::Proposal;
use crate::model::account::AccountState;
use crate::model::entry::Entry;
use crate::model::entry::Origin;
use crate::model::op::Op;
use crate::model::op::Soft;
use crate::model::position::Hlc;
use crate::model::position::OpId;
use crate::model::position::Position;
use crate::model::row::Row;
use crate::model::row::RowName;
use crate::testing::sim::reading::Seen;

/// What the other node was asked.
struct Asked {
    ticket: Ticket,
    generation: u64,
    proposal: Arc<Proposal>,
    op_id: OpId,
    origin: Option<Origin>,
}

struct Pair {
    bench: Bench,
    seq: u64,
}

impl Pair {
    fn new() -> Self {
        Self {
            bench: Bench::with(Sequencer::There { generation: 0 }),
            seq: 0,
        }
    }

    fn asked(&mut self) -> Vec<Asked> {
        let mut asked = Vec::new();
        self.bench.outputs.retain_mut(|output| {
            if let Output::Propose {
                ticket,
                generation,
                proposal,
                op_id,
                origin,
            } = output
            {
                asked.push(Asked {
                    ticket: *ticket,
                    generation: *generation,
                    proposal: Arc::clone(proposal),
                    op_id: *op_id,
                    origin: origin.clone(),
                });
                return false;
            }
            true
        });
        asked
    }

    fn number(&mut self, ops: Vec<Op>, of: Option<&Asked>) -> Position {
        self.seq += 1;
        let position = Position::new(EPOCH, self.seq, 0);
        let entry = Entry {
            position,
            stamp: Hlc::default().next(self.seq, 1),
            op_id: of.map_or_else(OpId::default, |one| one.op_id),
            origin: of.and_then(|one| one.origin.clone()),
            ops,
        };
        let entry = Arc::new(entry);
        let ticket = of.map(|one| one.ticket);
        self.bench.step(Input::Numbered { entry, ticket });
        position
    }

    /// The other node is asked for a stream, and has none such.
    fn knows_no_stream(&mut self, key: crate::base::ids::SmKey) {
        self.number_all();
        self.number(vec![Op::soft(Soft::Recalled { key, h: None })], None);
    }

    fn number_all(&mut self) {
        for one in self.asked() {
            self.number(one.proposal.ops.clone(), Some(&one));
        }
    }

    fn open(&mut self, link: u64, name: &str, resource: &str) -> crate::base::ids::SmKey {
        self.bench.bind(link, name, resource);
        self.number_all();
        self.bench.enable(link)
    }

    /// Another stream takes the resource of the only session: `ann@h/a`.
    fn take_resource(&mut self) {
        let session = *self.bench.core.links.values().next().unwrap();
        let gone = Soft::Unbind {
            jid: FullJid::parse("ann@h/a").unwrap(),
            session,
            status: None,
        };
        self.number(vec![Op::soft(gone)], None);
    }

    /// The other node disables an account or enables it again.
    fn set_state(&mut self, name: &str, state: AccountState) -> Position {
        let Row::Account { row } = enabled() else {
            unreachable!("an account's row");
        };
        let row = Row::Account {
            row: crate::model::account::AccountRow { state, ..row },
        };
        let op = Op::row(account(name), RowName::Account, Some(row));
        self.number(vec![op], None)
    }
}

#[test]
fn a_rejection_goes_back_to_everything_that_is_not_numbered() {
    let mut pair = Pair::new();
    pair.open(1, "ann", "a");
    for body in ["one", "two", "three"] {
        pair.bench.chat(1, "bob@h", body);
    }
    let first = pair.asked();
    pair.number(first[0].proposal.ops.clone(), Some(&first[0]));
    let touched = pair.set_state("bob", AccountState::Enabled);

    pair.bench.step(Input::Rejected {
        ticket: first[1].ticket,
        generation: 0,
    });

    let again = pair.asked();
    let names = |asked: &[Asked]| -> Vec<(Ticket, OpId)> {
        asked.iter().map(|one| (one.ticket, one.op_id)).collect()
    };
    assert_eq!(names(&again), names(&first[1..]));
    assert!(again.iter().all(|one| one.generation == 1));
    let guards = &again[0].proposal.guards;
    assert!(
        guards.iter().any(|guard| guard.version == touched),
        "{guards:?}"
    );
}

#[test]
fn who_is_disabled_meanwhile_is_refused_when_it_is_evaluated_again() {
    let mut pair = Pair::new();
    pair.open(1, "ann", "a");
    pair.bench.chat(1, "bob@h", "one");
    let first = pair.asked();
    pair.set_state("ann", AccountState::Disabled);

    pair.bench.step(Input::Rejected {
        ticket: first[0].ticket,
        generation: 0,
    });

    assert_eq!(pair.asked().len(), 0);
}

#[test]
fn a_guard_on_what_is_proposed_names_its_ticket() {
    let mut pair = Pair::new();
    pair.open(1, "ann", "a");
    for name in ["one", "two"] {
        let item = format!("<item jid='bob@h' name='{name}'/>");
        pair.bench.say(
            1,
            &format!(
                "<iq type='set' id='{name}'><query xmlns='jabber:iq:roster'>{item}</query></iq>"
            ),
        );
    }

    let asked = pair.asked();

    let guards = |one: &Asked| -> Vec<u64> {
        let versions = one.proposal.guards.iter().map(|guard| guard.version);
        let own = versions.filter(|version| version.epoch().counter == u32::MAX);
        own.map(Position::seq).collect()
    };
    assert_eq!(guards(&asked[0]), [0; 0]);
    assert_eq!(guards(&asked[1]), [asked[0].ticket.0]);
}

#[test]
fn an_entry_numbered_after_its_session_is_gone_is_still_counted() {
    let mut pair = Pair::new();
    let key = pair.open(1, "ann", "a");
    pair.bench.chat(1, "bob@h", "one");
    let asked = pair.asked();
    pair.take_resource();
    pair.bench.resume(2, "ann", key, 0);
    assert_eq!(pair.bench.resumption(2), None);

    let position = pair.number(asked[0].proposal.ops.clone(), Some(&asked[0]));
    pair.bench.step(Input::Durable { upto: position });
    pair.knows_no_stream(key);

    assert_eq!(pair.bench.resumption(2), Some(Err(Some(1))));
}

#[test]
fn a_resumption_waits_for_what_was_proposed_behind_it() {
    let mut pair = Pair::new();
    let key = pair.open(1, "ann", "a");
    pair.bench.chat(1, "bob@h", "one");
    pair.bench.loads_wait = true;
    pair.bench
        .chat(1, "cid@h", "two, for one who is not in memory");
    pair.bench.resume(2, "ann", key, 0);
    pair.bench.load();
    let asked = pair.asked();
    assert_eq!(asked.len(), 2);
    pair.take_resource();

    let first = pair.number(asked[0].proposal.ops.clone(), Some(&asked[0]));
    pair.bench.step(Input::Durable { upto: first });
    assert_eq!(pair.bench.resumption(2), None);
    let last = pair.number(asked[1].proposal.ops.clone(), Some(&asked[1]));
    pair.bench.step(Input::Durable { upto: last });
    pair.knows_no_stream(key);

    assert_eq!(pair.bench.resumption(2), Some(Err(Some(2))));
}

#[test]
fn a_resumption_does_not_wait_for_what_a_rejection_drops_behind_it() {
    let mut pair = Pair::new();
    let key = pair.open(1, "ann", "a");
    pair.bench.chat(1, "bob@h", "one");
    pair.bench.loads_wait = true;
    pair.bench
        .chat(1, "cid@h", "two, for one who is not in memory");
    pair.bench.resume(2, "ann", key, 0);
    pair.bench.load();
    let asked = pair.asked();
    let session = *pair.bench.core.links.values().next().unwrap();
    let jid = FullJid::parse("ann@h/a").unwrap();
    let gone = Soft::Unbind {
        jid,
        session,
        status: None,
    };
    pair.number(vec![Op::soft(gone)], None);

    pair.bench.step(Input::Rejected {
        ticket: asked[0].ticket,
        generation: 0,
    });
    pair.knows_no_stream(key);

    assert_eq!(pair.bench.resumption(2), Some(Err(Some(0))));
}

#[test]
fn what_is_not_numbered_when_its_session_is_gone_is_dropped_by_a_rejection() {
    let mut pair = Pair::new();
    let key = pair.open(1, "ann", "a");
    pair.bench.chat(1, "bob@h", "one");
    let asked = pair.asked();
    pair.take_resource();

    pair.bench.step(Input::Rejected {
        ticket: asked[0].ticket,
        generation: 0,
    });
    pair.bench.resume(2, "ann", key, 0);

    // Nothing but the question whether the other node has the stream.
    pair.knows_no_stream(key);
    assert_eq!(pair.bench.resumption(2), Some(Err(Some(0))));
}

#[test]
fn who_is_rejected_again_and_again_is_refused() {
    let mut pair = Pair::new();
    pair.open(1, "ann", "a");
    pair.bench.chat(1, "bob@h", "one");
    for generation in 0..u64::from(REJECTIONS_MAX) {
        let asked = pair.asked();
        assert_eq!(asked.len(), 1);
        pair.bench.step(Input::Rejected {
            ticket: asked[0].ticket,
            generation,
        });
    }

    assert_eq!(pair.asked().len(), 0);
    let seen = pair.bench.read(1);
    let [Seen::Message(text), Seen::AckRequest] = seen.as_slice() else {
        panic!("{seen:?}");
    };
    assert_eq!(text.error.as_deref(), Some("resource-constraint"));
}
