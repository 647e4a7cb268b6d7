//! Two nodes that were apart and met again hold the same, in whatever order it came to each.

use std::collections::BTreeSet;
use std::sync::Arc;

use redb::ReadableDatabase as _;

use crate::base::random::Rng;
use crate::model::entry::Entry;
use crate::model::entry::EpochRecord;
use crate::model::position::Index;
use crate::model::record::Record;
use crate::model::row::RecordKey;
use crate::store::Store;
use crate::store::digest::visit;
use crate::store::memory;
use crate::store::tests::apply::finish_removals;
use crate::testing::branches::Branches;
use crate::testing::branches::Item;
use crate::testing::branches::Side;

const CACHE_BYTES: usize = 1 << 20;

/// The log of one node in checkpoints of random sizes, some entries a second time.
fn filled(log: &[Item], rng: &mut Rng) -> Store {
    let store = memory(CACHE_BYTES).unwrap();
    let log: Vec<(Index, &Item)> = (1..).map(Index).zip(log).collect();
    let mut from = 0;
    while from < log.len() {
        let upto = (from + 1 + usize::try_from(rng.below(20)).unwrap()).min(log.len());
        let again = from.saturating_sub(usize::try_from(rng.below(5)).unwrap());
        let mut entries: Vec<(Index, Arc<Entry>)> = Vec::new();
        let mut epochs: Vec<EpochRecord> = Vec::new();
        for (index, item) in &log[again..upto] {
            match item {
                Item::Epoch(record) => epochs.push(record.clone()),
                Item::Entry(entry) => entries.push((*index, Arc::clone(entry))),
            }
        }
        store
            .checkpoint(&entries, &epochs, log[upto - 1].0)
            .unwrap();
        from = upto;
    }
    store
}

fn assert_loads(store: &Store, side: &Side) {
    for (jid, account) in &side.state.accounts {
        let key = RecordKey::Account { jid: jid.clone() };
        let Record::Account { account: loaded } = store.load(&key).unwrap() else {
            panic!("{key:?} is no account")
        };
        assert_eq!(loaded.rows, account.rows, "{key:?}");
    }
    let Record::Node { rows } = store.load(&RecordKey::Node).unwrap() else {
        panic!("the node is none")
    };
    assert_eq!(Some(&rows), side.state.node.as_deref());
}

/// What is summed, for seeing a difference.
fn rows(store: &Store) -> BTreeSet<(Vec<u8>, Vec<u8>)> {
    let database = store.database.read().unwrap();
    let mut rows = BTreeSet::new();
    visit(&database.begin_read().unwrap(), &mut |key, value| {
        rows.insert((key.to_vec(), value.to_vec()));
    })
    .unwrap();
    rows
}

#[test]
fn both_nodes_have_equal_tables_in_the_end() {
    for seed in 0..400 {
        println!("seed {seed}");
        let mut rng = Rng::from_number(seed);
        let branches = Branches::of(seed, 1 + seed % 3, seed % 2 == 0);
        let [first, second] = branches
            .sides
            .each_ref()
            .map(|side| (filled(&side.log, &mut rng), side));
        assert_loads(&first.0, first.1);
        assert_loads(&second.0, second.1);
        let (one, two) = (rows(&first.0), rows(&second.0));
        let differ: Vec<_> = one.symmetric_difference(&two).collect();
        assert!(differ.is_empty(), "{differ:?}");
        assert_eq!(first.0.digest(), second.0.digest());

        finish_removals(&first.0);

        assert_eq!(first.0.digest(), second.0.digest());
    }
}

#[test]
fn one_change_changes_the_digest() {
    let branches = Branches::of(3, 1, false);
    let [first, _] = &branches.sides;
    let mut rng = Rng::from_number(3);
    let mut digests = Vec::new();
    for cut in 0..10 {
        let log = &first.log[..first.log.len() - cut];
        digests.push(filled(log, &mut rng).digest().unwrap());
    }
    let count = digests.len();
    digests.sort_unstable();
    digests.dedup();
    assert_eq!(digests.len(), count);
}
