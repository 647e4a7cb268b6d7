//! A copy of what differs makes the tables the same, moves little, and can be cut off anywhere.

use crate::store::Store;
use crate::store::StoreError;
use crate::store::compare::Piece;
use crate::store::compare::Place;
use crate::store::compare::Range;
use crate::store::compare::Span;
use crate::store::disk::head::HEAD_NAME;
use crate::store::disk::model::Faults;
use crate::store::disk::model::Model;
use crate::store::disk::model::Rot;
use crate::store::memory;
use crate::store::tests::apply::write;
use crate::store::tests::script::Script;

const CACHE: usize = 1 << 20;

fn tables(entries: usize) -> Store {
    let store = memory(CACHE).unwrap();
    write(&store, &Script::of(7, entries).steps);
    store
}

fn open_for_copy(model: &Model) -> Result<Store, StoreError> {
    Store::open_for_copy(model.disk(), CACHE, |_| {})
}

fn dump(store: &Store) -> Vec<u8> {
    let mut file = Vec::new();
    store.backup(&mut file, &mut |_, _| {}).unwrap();
    file
}

fn pieces(store: &Store) -> Vec<Piece> {
    let mut walk = store.walk().unwrap();
    std::iter::from_fn(|| walk.next().unwrap()).collect()
}

/// Takes up to so many pieces that differ; bytes of what came.
fn take(from: &Store, to: &Store, most: usize) -> usize {
    let mut place = Place::default();
    let (mut bytes, mut taken) = (0, 0);
    for piece in pieces(from) {
        let span = place.pass(piece.range).unwrap();
        if taken < most && to.differing(std::slice::from_ref(&span)).unwrap() == [true] {
            taken += 1;
            bytes += piece.rows.len();
            to.replace(&[(span, piece.rows)]).unwrap();
        }
    }
    assert!(place.is_end());
    bytes
}

#[test]
fn tables_become_the_same_wherever_they_stood() {
    let from = tables(2_000);
    for entries in [0, 900, 2_000, 2_600] {
        let to = tables(entries);
        let bytes = take(&from, &to, usize::MAX);
        assert!(dump(&to) == dump(&from), "{entries}");
        assert_eq!(bytes == 0, entries == 2_000, "{entries}");
        assert_eq!(take(&from, &to, usize::MAX), 0);
    }
}

#[test]
fn only_what_differs_moves() {
    let (from, to) = (tables(4_000), tables(3_950));
    let whole = dump(&from).len();

    let bytes = take(&from, &to, usize::MAX);

    assert!(dump(&to) == dump(&from));
    assert!(bytes < whole / 2, "{bytes} of {whole}");
}

#[test]
fn a_copy_that_is_cut_off_goes_on() {
    let (from, to) = (tables(2_000), tables(500));
    let whole = take(&from, &tables(500), usize::MAX);
    let mut bytes = 0;
    loop {
        let more = take(&from, &to, 1);
        bytes += more;
        if more == 0 {
            break;
        }
    }
    assert!(dump(&to) == dump(&from));
    assert_eq!(bytes, whole, "nothing came twice");
}

/// What a board that takes a copy has of it is worth nothing before it is whole.
#[test]
fn damaged_tables_that_wait_for_a_copy_are_begun_anew() {
    // Given a board whose copy was cut off, and whose card is damaged
    let (from, model) = (tables(900), Model::new(1));
    let to = open_for_copy(&model).unwrap();
    take(&from, &to, 3);
    drop(to);
    for name in ["tables", HEAD_NAME] {
        model.rot(name, 0, 8_192, Rot::Flip);
    }

    // Then no server opens them
    let opened = Store::open(model.disk(), CACHE).map(drop);
    assert_eq!(opened, Err(StoreError::Corrupt { place: "head" }));
    // When the disk only fails they stay
    model.set_faults(Faults {
        read_error: 1,
        ..Faults::default()
    });
    let failed = open_for_copy(&model).map(drop);
    assert!(matches!(failed, Err(StoreError::Io { .. })), "{failed:?}");
    model.set_faults(Faults::default());
    let opened = Store::open(model.disk(), CACHE).map(drop);
    assert_eq!(opened, Err(StoreError::Corrupt { place: "head" }));
    // But who takes a copy begins anew
    let to = open_for_copy(&model).unwrap();
    take(&from, &to, usize::MAX);
    assert!(dump(&to) == dump(&from));
}

#[test]
fn pieces_that_are_not_what_they_should_be_change_nothing() {
    let (from, to) = (tables(300), tables(300));
    let before = dump(&to);
    let pass = |range: Range| Place::default().pass(range);
    let first = || pieces(&from).remove(0);
    // Not the first table, a table that there is not
    for table in [0, 2, 13] {
        let range = Range {
            table,
            ..first().range
        };
        assert!(pass(range).is_err(), "{table}");
    }
    // Rows that are not those of the sum
    let span: Span = pass(first().range).unwrap();
    assert!(to.replace(&[(span.clone(), Vec::new())]).is_err());
    let mut rows = first().rows;
    rows.truncate(rows.len() - 1);
    assert!(to.replace(&[(span, rows)]).is_err());
    // An address that is no text, where the tables would believe it
    let mut place = Place::default();
    for piece in pieces(&from) {
        let range = if piece.range.table == 8 {
            Range {
                upto: Some([0xff, 0xfe].as_slice().into()),
                ..piece.range
            }
        } else {
            piece.range
        };
        let table = range.table;
        let span = place.pass(range).unwrap();
        assert_eq!(to.differing(&[span]).is_err(), table == 8, "{table}");
        if table == 8 {
            break;
        }
    }
    assert!(dump(&to) == before);
}
