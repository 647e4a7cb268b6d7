//! What is taken back is a tombstone in every archive, under every id.

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
use crate::model::retraction::Named;
use crate::model::retraction::Retraction;
use crate::model::row::Row;
use crate::model::row::RowName;
use crate::stanza::MessageType;
use crate::store::Store;
use crate::store::memory;
use crate::store::tests::script::account;
use crate::store::tests::script::name;
use crate::store::tests::script::owner;

const OWN: Incarnation = Incarnation(5);
const OTHER: Incarnation = Incarnation(6);

fn at(node: u8, seq: u64) -> Position {
    let epoch = Epoch {
        counter: 2,
        node,
        salt: 1,
    };
    Position::new(epoch, seq, 0)
}

fn made(number: u64, seq: u64, incarnation: Incarnation) -> (Position, Op) {
    let row = AccountRow {
        incarnation,
        state: AccountState::Enabled,
        admin: false,
        created: crate::base::time::Timestamp::from_unix_ms(1),
    };
    let row = Some(Row::Account { row });
    (at(0, seq), Op::row(account(number), RowName::Account, row))
}

fn places() -> Vec<Place> {
    let place = |number: u64, incarnation, with: u64, role| Place {
        owner: owner(&account(number)),
        incarnation,
        with: name(&account(with)).to_jid(),
        role,
        archived: true,
    };
    vec![
        place(2, OTHER, 1, Role::Received),
        place(1, OWN, 2, Role::Sent),
    ]
}

/// From the first account to the second.
fn said(position: Position, id: &str) -> (Position, Op) {
    let message = Message {
        kind: MessageType::Chat,
        from: name(&account(1)).to_jid(),
        to: name(&account(2)).to_jid(),
        id: Some(id.into()),
        lang: None,
        payload: b"<body>secret</body>".as_slice().into(),
        sender: None,
    };
    let op = Durable::Message {
        message: Arc::new(message),
        places: places(),
    };
    (position, Op::Durable { op })
}

fn retracted(position: Position, named: Named, stamp: &str) -> (Position, Op) {
    let retraction = Retraction {
        named,
        tombstone: format!("<retracted stamp='{stamp}'/>").into_bytes().into(),
    };
    let op = Durable::Retract {
        retraction: Arc::new(retraction),
        places: places(),
    };
    (position, Op::Durable { op })
}

fn sent(id: &str) -> Named {
    Named::Sent {
        from: name(&account(1)).clone(),
        to: name(&account(2)).to_jid(),
        id: id.into(),
    }
}

/// The tables after entries of two branches, in this order.
fn after(steps: &[(Position, Op)]) -> Store {
    let store = memory(1 << 20).unwrap();
    let began = |node| EpochRecord {
        epoch: at(node, 0).epoch(),
        stamp: Hlc::default(),
        mode: Mode::Solo,
        parents: Vec::new(),
    };
    let both = [made(1, 1, OWN), made(2, 2, OTHER)];
    let entries = both.iter().chain(steps).map(|(position, op)| {
        Arc::new(Entry {
            position: *position,
            stamp: Hlc::default().next(1_700_000_000_000 + position.seq(), 0),
            op_id: OpId::default(),
            origin: None,
            ops: vec![op.clone()],
        })
    });
    let entries: Vec<(Index, Arc<Entry>)> = (1..).map(Index).zip(entries).collect();
    let upto = entries.last().unwrap().0;
    store
        .checkpoint(&entries, &[began(0), began(1)], upto)
        .unwrap();
    store
}

/// What the archives hold, the own one and the other's.
fn texts(store: &Store) -> [Vec<String>; 2] {
    [(1, OWN), (2, OTHER)].map(|(number, incarnation)| {
        let page = ArchivePage {
            owner: owner(&account(number)),
            incarnation,
            with: None,
            start: None,
            end: None,
            after: None,
            before: None,
            ids: Vec::new(),
            backwards: false,
            count_max: 100,
            flipped: false,
        };
        let question = Question::Archive {
            query_id: None,
            page,
            shows_senders: false,
        };
        let (found, _) = store.ask(&question, &Horizon::none()).unwrap();
        let Found::Page { rows, .. } = found else {
            panic!("{found:?}")
        };
        let text = |payload: &[u8]| String::from_utf8(payload.to_vec()).unwrap();
        rows.iter().map(|row| text(&row.message.payload)).collect()
    })
}

#[test]
fn what_is_taken_back_is_a_tombstone_for_both_and_the_rest_stays() {
    let store = after(&[
        said(at(0, 3), "a"),
        said(at(0, 4), "b"),
        retracted(at(0, 5), sent("a"), "1"),
    ]);
    let expected = ["<retracted stamp='1'/>", "<body>secret</body>"];
    assert_eq!(texts(&store), [expected, expected]);
}

#[test]
fn of_two_messages_with_one_id_the_last_before_is_taken_back() {
    let store = after(&[
        said(at(0, 3), "a"),
        said(at(0, 4), "a"),
        retracted(at(0, 5), sent("a"), "1"),
        said(at(0, 6), "a"),
    ]);
    let [own, _] = texts(&store);
    let secret = "<body>secret</body>";
    assert_eq!(own, [secret, "<retracted stamp='1'/>", secret]);
}

#[test]
fn the_earlier_of_two_tombstones_stays_in_whatever_order_they_come() {
    let at_it = || Named::At { at: at(0, 3) };
    for (first, second) in [("1", "2"), ("2", "1")] {
        let store = after(&[
            said(at(0, 3), "a"),
            retracted(at(0, 4), at_it(), first),
            retracted(at(0, 5), sent("a"), second),
        ]);
        assert_eq!(texts(&store)[1], ["<retracted stamp='1'/>"]);
    }
}

#[test]
fn what_another_branch_has_said_meanwhile_is_not_meant() {
    let retraction = retracted(at(1, 3), sent("a"), "1");
    let first = after(&[said(at(0, 3), "a"), retraction.clone()]);
    let second = after(&[retraction, said(at(0, 3), "a")]);
    assert_eq!(texts(&first), texts(&second));
    assert_eq!(texts(&first)[0], ["<body>secret</body>"]);
}

#[test]
fn two_messages_that_are_one_are_taken_back_together() {
    let copy = Copy {
        entry: at(0, 3),
        alias: at(1, 3),
    };
    let steps = [
        said(at(0, 3), "a"),
        said(at(1, 3), "a"),
        (at(0, 5), copy.op(account(1))),
        (at(0, 6), copy.op(account(2))),
    ];
    let retraction = |node| retracted(at(node, 4), sent("a"), "1");
    for node in [0, 1] {
        let mut early = steps.to_vec();
        early.insert(2, retraction(node));
        assert_eq!(texts(&after(&early))[0], ["<retracted stamp='1'/>"]);
        assert_eq!(texts(&after(&early))[1], ["<retracted stamp='1'/>"]);
    }
}

#[test]
fn only_an_author_takes_back_what_was_said_in_a_room() {
    let mark = |text: &[u8]| Named::Said {
        at: at(0, 3),
        mark: text.into(),
    };
    let by = |named| after(&[said(at(0, 3), "a"), retracted(at(0, 4), named, "1")]);
    let other = texts(&by(mark(b"<occupant-id id='x'/>")));
    assert_eq!(other[0], ["<body>secret</body>"]);
    let author = texts(&by(mark(b"<body>secret</body>")));
    assert_eq!(author[0], ["<retracted stamp='1'/>"]);
}
