//! A message under two ids: pages have it once, and both ids lead to it.

use std::sync::Arc;

use crate::base::ids::Incarnation;
use crate::effect::query::ArchivePage;
use crate::effect::query::Found;
use crate::effect::query::Horizon;
use crate::effect::query::Question;
use crate::model::account::AccountRow;
use crate::model::account::AccountState;
use crate::model::copies::Copy;
use crate::model::entry::Entry;
use crate::model::entry::EpochRecord;
use crate::model::entry::Mode;
use crate::model::frontier::Frontier;
use crate::model::message::Message;
use crate::model::message::Place;
use crate::model::message::Role;
use crate::model::op::Durable;
use crate::model::op::Op;
use crate::model::position::Epoch;
use crate::model::position::Hlc;
use crate::model::position::Index;
use crate::model::position::OpId;
use crate::model::position::Position;
use crate::model::record::Record;
use crate::model::row::Row;
use crate::model::row::RowName;
use crate::stanza::MessageType;
use crate::store::Store;
use crate::store::memory;
use crate::store::tests::script::account;
use crate::store::tests::script::name;
use crate::store::tests::script::owner;

const ARCHIVE: Incarnation = Incarnation(5);

fn at(node: u8, seq: u64) -> Position {
    let epoch = Epoch {
        counter: 2,
        node,
        salt: 1,
    };
    Position::new(epoch, seq, 0)
}

fn began(node: u8) -> EpochRecord {
    EpochRecord {
        epoch: at(node, 0).epoch(),
        stamp: Hlc::default(),
        mode: Mode::Solo,
        parents: Vec::new(),
    }
}

fn entry(position: Position, op: Op) -> Arc<Entry> {
    Arc::new(Entry {
        position,
        stamp: Hlc::default().next(1_700_000_000_000 + position.seq(), 0),
        op_id: OpId::default(),
        origin: None,
        ops: vec![op],
    })
}

fn made() -> Arc<Entry> {
    let row = AccountRow {
        incarnation: ARCHIVE,
        state: AccountState::Enabled,
        admin: false,
        created: crate::base::time::Timestamp::from_unix_ms(1),
    };
    let row = Some(Row::Account { row });
    entry(at(0, 1), Op::row(account(1), RowName::Account, row))
}

fn message(position: Position, text: &str) -> Arc<Entry> {
    let jid = name(&account(1)).to_jid();
    let message = Message {
        kind: MessageType::Chat,
        from: jid.clone(),
        to: jid.clone(),
        id: Some(text.into()),
        lang: None,
        payload: text.as_bytes().into(),
        sender: None,
    };
    let place = Place {
        owner: owner(&account(1)),
        incarnation: ARCHIVE,
        with: jid,
        role: Role::Received,
        archived: true,
    };
    let op = Durable::Message {
        message: Arc::new(message),
        places: vec![place],
    };
    entry(position, Op::Durable { op })
}

/// In this order, one checkpoint each.
fn filled(entries: &[Arc<Entry>]) -> Store {
    let store = memory(1 << 20).unwrap();
    for (index, entry) in (1..).map(Index).zip(entries) {
        let entries = [(index, Arc::clone(entry))];
        let epochs = [began(0), began(1)];
        store.checkpoint(&entries, &epochs, index).unwrap();
    }
    store
}

fn ask(store: &Store, after: Option<Position>, ids: Vec<Position>) -> Vec<Position> {
    let page = ArchivePage {
        owner: owner(&account(1)),
        incarnation: ARCHIVE,
        with: None,
        start: None,
        end: None,
        after,
        before: None,
        ids,
        backwards: false,
        count_max: 10,
        flipped: false,
    };
    let question = Question::Archive {
        query_id: None,
        page,
        shows_senders: false,
    };
    match store.ask(&question, &Horizon::none()).unwrap().0 {
        Found::Page { rows, total, .. } => {
            assert!(after.is_some() || total == Some(u64::try_from(rows.len()).unwrap()));
            rows.iter().map(|row| row.position).collect()
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_alias_is_on_no_page_and_still_leads_to_its_message() {
    let (one, other, last) = (at(0, 2), at(1, 1), at(1, 2));
    let copy = Copy {
        entry: one,
        alias: other,
    };
    let alias = || entry(at(0, 3), copy.op(account(1)));
    let here = [
        made(),
        message(one, "m1"),
        message(other, "m1"),
        alias(),
        message(last, "m2"),
    ];
    let there = [
        message(other, "m1"),
        message(last, "m2"),
        made(),
        message(one, "m1"),
        alias(),
    ];
    let [here, there] = [&here[..], &there[..]].map(filled);

    for store in [&here, &there] {
        assert_eq!(ask(store, None, Vec::new()), [one, last]);
        assert_eq!(ask(store, Some(other), Vec::new()), [last]);
        assert_eq!(ask(store, None, vec![other]), [other]);
    }
    assert_eq!(here.digest(), there.digest());
    let copies = here.copies().unwrap();
    assert!(!copies.is_later(other));
}

#[test]
fn who_has_taken_a_copy_of_a_copy_has_the_message() {
    let (entry_at, second, third) = (at(0, 2), at(1, 3), at(1, 2));
    let name = |entry_at, alias, as_at| {
        let copy = Copy {
            entry: entry_at,
            alias,
        };
        entry(as_at, copy.op(account(1)))
    };
    let mut frontier = Frontier::default();
    frontier.advance(third);
    let row = Row::Frontier {
        frontier: Arc::new(frontier),
    };
    let taken = || {
        let row = Some(row.clone());
        entry(at(1, 5), Op::row(account(1), RowName::Frontier, row))
    };
    let begun = [
        made(),
        message(entry_at, "m1"),
        message(second, "m1"),
        message(third, "m1"),
    ];
    let named = [
        name(second, third, at(1, 4)),
        name(entry_at, second, at(0, 3)),
    ];
    let [first, last] = named;
    let orders = [
        [first.clone(), last.clone(), taken()],
        [last.clone(), taken(), first.clone()],
        [taken(), first, last],
    ];

    let stores = orders.map(|order| filled(&[&begun[..], &order].concat()));

    for store in &stores {
        assert_eq!(ask(store, None, Vec::new()), [entry_at]);
        let Record::Account { account } = store.load(&account(1)).unwrap() else {
            unreachable!("an account");
        };
        assert!(account.untaken.is_empty());
        assert_eq!(store.digest(), stores[0].digest());
    }
}
