//! Two of one name, made on two branches.

use std::sync::Arc;

use crate::base::ids::Incarnation;
use crate::base::jid::BareJid;
use crate::base::time::Timestamp;
use crate::effect::state::At;
use crate::effect::state::State;
use crate::model::account::Account;
use crate::model::account::AccountRow;
use crate::model::account::AccountState;
use crate::model::entry::EpochRecord;
use crate::model::entry::Mode;
use crate::model::epochs::Epochs;
use crate::model::op::Op;
use crate::model::parted::part;
use crate::model::position::Epoch;
use crate::model::position::Hlc;
use crate::model::position::Position;
use crate::model::row::RecordKey;
use crate::model::row::Row;
use crate::model::row::RowName;

fn epoch(counter: u32, node: u8) -> Epoch {
    let salt = 1;
    Epoch {
        counter,
        node,
        salt,
    }
}

fn epochs() -> Epochs {
    let begin = |epoch, mode, parents: &[Position]| EpochRecord {
        epoch,
        stamp: Hlc::default(),
        mode,
        parents: parents.to_vec(),
    };
    let ends = [0, 1].map(|node| Position::new(epoch(2, node), 9, 0));
    let mut epochs = Epochs::default();
    epochs.add(&begin(epoch(2, 0), Mode::Solo, &[]));
    epochs.add(&begin(epoch(2, 1), Mode::Solo, &[]));
    epochs.add(&begin(epoch(3, 0), Mode::Sync, &ends));
    epochs
}

fn carol() -> RecordKey {
    let jid = BareJid::parse("carol@h").unwrap();
    RecordKey::Account { jid }
}

fn account(incarnation: u64, created: u64) -> Op {
    let row = AccountRow {
        incarnation: Incarnation(incarnation),
        state: AccountState::Enabled,
        admin: false,
        created: Timestamp::from_unix_ms(created),
    };
    Op::row(carol(), RowName::Account, Some(Row::Account { row }))
}

fn row(name: RowName, text: &str) -> Op {
    let bytes = Arc::from(text.as_bytes());
    Op::row(carol(), name, Some(Row::Bytes { bytes }))
}

/// What stands for a password here: all rows are merged alike.
const PASSWORD: RowName = RowName::Credentials;

/// Node 0's carol was made first; node 1's has written last.
fn writes() -> Vec<(Position, u64, Op)> {
    let at = |node, seq| Position::new(epoch(2, node), seq, 0);
    vec![
        (at(0, 1), 10, account(7, 10)),
        (at(0, 2), 11, row(PASSWORD, "first")),
        (at(1, 1), 20, account(8, 20)),
        (at(1, 2), 21, row(PASSWORD, "second")),
        (at(1, 3), 22, row(RowName::VCard, "second")),
    ]
}

fn fold(state: &mut State, (position, ms, op): &(Position, u64, Op)) {
    let at = At {
        position: *position,
        stamp: Hlc::default().next(*ms, position.epoch().node),
    };
    state.apply(at, op, &epochs());
}

fn folded(order: &[usize]) -> State {
    let mut state = State::default();
    let RecordKey::Account { jid } = carol() else {
        panic!("an account")
    };
    state.accounts.insert(jid, Arc::new(Account::default()));
    for place in order {
        fold(&mut state, &writes()[*place]);
    }
    state
}

fn shown(state: &State, name: &RowName) -> Option<String> {
    match state.rows(&carol()).unwrap().row(name) {
        Some(Row::Bytes { bytes }) => Some(String::from_utf8(bytes.to_vec()).unwrap()),
        _ => None,
    }
}

#[test]
fn nobody_gets_in_with_the_password_of_another_one_of_the_name() {
    for order in [[0, 1, 2, 3, 4], [2, 3, 4, 0, 1], [0, 2, 1, 3, 4]] {
        let state = folded(&order);
        assert_eq!(shown(&state, &PASSWORD).as_deref(), Some("first"));
        assert_eq!(shown(&state, &RowName::VCard), None);
    }
}

#[test]
fn the_other_one_of_a_name_takes_along_all_that_was_written_for_it() {
    let mut state = folded(&[0, 1, 2, 3, 4]);
    let other = part(&carol(), state.rows(&carol()).unwrap(), &epochs()).unwrap();
    let names: Vec<&RowName> = other.rows.iter().map(|one| &one.name).collect();
    assert_eq!(names, [&PASSWORD, &RowName::VCard]);
    assert!(matches!(
        other.root,
        Some((at, Row::Account { row })) if row.incarnation == Incarnation(8) && at.epoch().node == 1
    ));

    let kept = other.rows.into_iter().map(|one| one.kept);
    for (seq, op) in (1..).zip(kept.chain([other.end])) {
        fold(&mut state, &(Position::new(epoch(3, 0), seq, 0), 30, op));
    }

    let rows = state.rows(&carol()).unwrap();
    assert!(part(&carol(), rows, &epochs()).is_none());
    assert!(rows.iter().all(|(_, cell)| cell.beside.is_empty()));
    assert_eq!(shown(&state, &PASSWORD).as_deref(), Some("first"));
    assert_eq!(shown(&state, &RowName::VCard), None);
}
