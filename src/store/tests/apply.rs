//! Entries, split into checkpoints anyhow, are what they are.

use std::collections::BTreeSet;
use std::sync::Arc;

use redb::ReadableDatabase as _;

use crate::base::ids::Incarnation;
use crate::base::random::Rng;
use crate::model::entry::Entry;
use crate::model::entry::EpochRecord;
use crate::model::position::Index;
use crate::model::position::Position;
use crate::model::record::Record;
use crate::model::vector::Vector;
use crate::store::Store;
use crate::store::key::PlaceKey;
use crate::store::key::place_position;
use crate::store::memory;
use crate::store::schema;
use crate::store::tests::oracle::Oracle;
use crate::store::tests::script::Script;
use crate::store::tests::script::Step;

const CACHE_BYTES: usize = 1 << 20;

/// Writes what the steps say, as one checkpoint.
pub(super) fn write(store: &Store, steps: &[Step]) {
    let mut entries: Vec<(Index, Arc<Entry>)> = Vec::new();
    let mut epochs: Vec<EpochRecord> = Vec::new();
    for step in steps {
        match step {
            Step::Epoch(record) => epochs.push(record.clone()),
            Step::Entry(index, entry) => entries.push((*index, Arc::clone(entry))),
        }
    }
    let upto = entries
        .last()
        .map_or_else(Index::default, |(index, _)| *index);
    store.checkpoint(&entries, &epochs, upto).unwrap();
}

/// Writes the steps in checkpoints of random sizes, some entries a second time.
pub(super) fn write_split(store: &Store, steps: &[Step], rng: &mut Rng) {
    let mut from = 0;
    while from < steps.len() {
        let count = 1 + usize::try_from(rng.below(60)).unwrap();
        let upto = (from + count).min(steps.len());
        let again = usize::try_from(rng.below(10)).unwrap();
        write(store, &steps[from.saturating_sub(again)..upto]);
        from = upto;
    }
}

/// Every record reads as the oracle has it.
pub(super) fn assert_loads(store: &Store, oracle: &Oracle) {
    for key in oracle.records() {
        let (rows, untaken, unarchived) = match store.load(key).unwrap() {
            Record::Node { rows } | Record::Leaf { rows } => {
                (Arc::new(rows), Arc::default(), Arc::default())
            }
            Record::Account { account } => (account.rows, account.untaken, account.unarchived),
            Record::Room { room } => (room.rows, Arc::default(), Arc::default()),
        };
        assert_eq!(*rows, oracle.rows(key), "{key:?}");
        if let Some(own) = oracle.incarnation(key) {
            let expected = oracle.untaken_of(own);
            assert_eq!(*untaken, expected, "{key:?}");
            let is_lacking = |position: &&Position| !oracle.places[&(own, **position)].archived;
            assert!(
                unarchived.iter().eq(expected.iter().filter(is_lacking)),
                "{key:?}"
            );
        }
    }
    let positions: Vec<Position> = oracle.messages.keys().copied().collect();
    let kept = store.fetch(&positions, usize::MAX).unwrap();
    assert_eq!(kept.len(), positions.len());
    for kept in kept {
        let (stamp, message) = &oracle.messages[&kept.position];
        assert_eq!(kept.at.unix_ms(), stamp.unix_ms());
        assert_eq!(kept.message, *message);
    }
}

/// Once everything was removed that shall be, the tables hold nothing that the oracle does not.
fn assert_nothing_is_left_behind(store: &Store, oracle: &Oracle) {
    let database = store.database.read().unwrap();
    let snapshot = database.begin_read().unwrap();
    let table = snapshot.open_table(schema::PLACES).unwrap();
    let keys = table.range::<&PlaceKey>(..).unwrap();
    let places: BTreeSet<(Incarnation, Position)> = keys
        .map(|row| {
            let key = *row.unwrap().0.value();
            let archive = u64::from_be_bytes(*key.first_chunk().unwrap());
            (Incarnation(archive), place_position(&key))
        })
        .collect();
    assert_eq!(places, oracle.places.keys().copied().collect());
    let table = snapshot.open_table(schema::MESSAGES).unwrap();
    let keys = table.range::<&[u8; 16]>(..).unwrap();
    let messages: BTreeSet<Position> = keys
        .map(|row| Position::from_bytes(*row.unwrap().0.value()))
        .collect();
    assert_eq!(messages, oracle.messages.keys().copied().collect());
    let table = snapshot.open_table(schema::UNTAKEN).unwrap();
    assert_eq!(
        table.range::<&PlaceKey>(..).unwrap().count(),
        oracle.untaken.len()
    );
}

pub(super) fn finish_removals(store: &Store) {
    for _ in 0..1_000 {
        write(store, &[]);
        let database = store.database.read().unwrap();
        let snapshot = database.begin_read().unwrap();
        let work = snapshot.open_table(schema::WORK).unwrap();
        if work.range::<&[u8]>(..).unwrap().next().is_none() {
            return;
        }
    }
    panic!("removals do not end");
}

#[test]
fn any_split_into_checkpoints_reads_the_same() {
    for seed in 0..16 {
        let script = Script::of(seed, 400);
        let mut rng = Rng::from_number(seed);
        let mut store = memory(CACHE_BYTES).unwrap();
        store.clears_max = 1 + usize::try_from(rng.below(30)).unwrap();

        write_split(&store, &script.steps, &mut rng);

        assert_loads(&store, &script.oracle);
        finish_removals(&store);
        assert_loads(&store, &script.oracle);
        assert_nothing_is_left_behind(&store, &script.oracle);
    }
}

#[test]
fn every_checkpoint_reads_as_the_entries_up_to_it() {
    for seed in 100..104 {
        let script = Script::of(seed, 200);
        let store = memory(CACHE_BYTES).unwrap();
        let mut oracle = Oracle::default();
        for step in &script.steps {
            match step {
                Step::Epoch(record) => oracle.begin_epoch(record),
                Step::Entry(_, entry) => oracle.apply(entry),
            }

            write(&store, std::slice::from_ref(step));

            assert_loads(&store, &oracle);
        }
    }
}

#[test]
fn the_mark_and_the_epochs_are_read_back() {
    let script = Script::of(7, 200);
    let store = memory(CACHE_BYTES).unwrap();

    write(&store, &script.steps);

    let (mut last, mut reach) = (Index::default(), Vector::default());
    let mut epochs = Vec::new();
    for step in &script.steps {
        match step {
            Step::Epoch(record) => {
                reach.add(Position::new(record.epoch, 0, 0));
                epochs.push(record.clone());
            }
            Step::Entry(index, entry) => {
                last = *index;
                reach.add(entry.position);
            }
        }
    }
    assert!(epochs.len() > 1);
    assert_eq!(store.applied_to(), Ok(last));
    assert_eq!(store.epochs(), Ok(epochs));
    assert_eq!(store.reach(), Ok(reach));
}
