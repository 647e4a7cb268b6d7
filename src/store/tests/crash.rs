//! Whatever the power does: the tables open, at one of the marks, with what the entries up to it say.

use std::sync::Arc;

use crate::base::random::Rng;
use crate::model::entry::Entry;
use crate::model::position::Index;
use crate::store::Store;
use crate::store::StoreError;
use crate::store::disk::model::Faults;
use crate::store::disk::model::Model;
use crate::store::tests::apply::assert_loads;
use crate::store::tests::oracle::Oracle;
use crate::store::tests::script::Script;
use crate::store::tests::script::Step;

const CACHE_BYTES: usize = 64 << 10;

/// The oracle after each checkpoint, as the script goes.
struct Writer<'a> {
    left: &'a [Step],
    oracle: Oracle,
    mark: Index,
}

impl<'a> Writer<'a> {
    fn new(script: &'a Script) -> Self {
        Self {
            left: &script.steps,
            oracle: Oracle::default(),
            mark: Index::default(),
        }
    }

    /// One checkpoint; where it fails, `self` stays and what it might have become comes back.
    fn write(&mut self, store: &Store, rng: &mut Rng) -> Result<(), (StoreError, Box<Self>)> {
        let count = 1 + usize::try_from(rng.below(40)).unwrap();
        let (now, left) = self.left.split_at(count.min(self.left.len()));
        let mut next = Self {
            left,
            oracle: self.oracle.clone(),
            mark: self.mark,
        };
        let (mut entries, mut epochs) = (Vec::<(Index, Arc<Entry>)>::new(), Vec::new());
        for step in now {
            match step {
                Step::Epoch(record) => {
                    next.oracle.begin_epoch(record);
                    epochs.push(record.clone());
                }
                Step::Entry(index, entry) => {
                    next.oracle.apply(entry);
                    next.mark = *index;
                    entries.push((*index, Arc::clone(entry)));
                }
            }
        }
        match store.checkpoint(&entries, &epochs, next.mark) {
            Ok(()) => {
                *self = next;
                Ok(())
            }
            Err(error) => Err((error, Box::new(next))),
        }
    }

    /// After a crash the tables are as before the last checkpoint or as after it.
    fn assert_is_either(&mut self, store: &Store, next: Self) {
        let mark = store.applied_to().unwrap();
        if mark == next.mark && mark != self.mark {
            *self = next;
        }
        assert_eq!(mark, self.mark);
        assert_loads(store, &self.oracle);
    }
}

#[test]
fn after_a_crash_the_tables_are_at_a_mark() {
    let mut crashes = 0;
    for seed in 0..30 {
        let script = Script::of(seed, 250);
        let mut rng = Rng::from_number(seed);
        let model = Model::new(seed);
        model.set_faults(Faults {
            write_through: 1 + rng.below(5),
            ..Faults::default()
        });
        let mut writer = Writer::new(&script);
        let mut store = Store::open(model.disk(), CACHE_BYTES).unwrap();
        while !writer.left.is_empty() {
            model.die_after(rng.below(400));
            let next = loop {
                match writer.write(&store, &mut rng) {
                    Ok(()) if writer.left.is_empty() => break None,
                    Ok(()) => {}
                    Err((_, next)) => break Some(*next),
                }
            };
            drop(store);
            if rng.one_in(4) {
                model.kill();
            } else {
                model.cut_power();
            }

            store = Store::open(model.disk(), CACHE_BYTES).unwrap();

            if let Some(next) = next {
                crashes += 1;
                writer.assert_is_either(&store, next);
            }
        }
        assert_loads(&store, &script.oracle);
    }
    assert!(crashes > 30, "only {crashes} crashes");
}

/// A sector that is under way when the power goes may hold anything then: that of the head, too, without which redb
/// finds nothing.
#[test]
fn wherever_the_power_leaves_garbage_in_a_checkpoint_the_tables_open() {
    let script = Script::of(1, 60);
    let mut rng = Rng::from_number(1);
    let model = Model::new(1);
    let store = Store::open(model.disk(), CACHE_BYTES).unwrap();
    let mut writer = Writer::new(&script);
    writer
        .write(&store, &mut rng)
        .map_err(|error| error.0)
        .unwrap();
    drop(store);
    let image = model.image();
    let mut calls = 0;
    loop {
        let mut is_whole = true;
        for _ in 0..8 {
            // Given tables that are whole, and a checkpoint that is cut off after so many calls
            model.set_faults(Faults::default());
            model.set_image(&image);
            let mut writer = Writer {
                oracle: writer.oracle.clone(),
                ..writer
            };
            let store = Store::open(model.disk(), CACHE_BYTES).unwrap();
            model.set_faults(Faults {
                write_through: 2,
                is_garbling: true,
                ..Faults::default()
            });
            model.die_after(calls);
            let cut_off = writer.write(&store, &mut Rng::from_number(2)).err();
            is_whole &= cut_off.is_none();
            drop(store);
            model.cut_power();

            let store = Store::open(model.disk(), CACHE_BYTES).unwrap();

            if let Some((_, next)) = cut_off {
                writer.assert_is_either(&store, *next);
            }
        }
        if is_whole {
            break;
        }
        calls += 1;
    }
    assert!(calls > 10, "{calls}");
}

/// Opening may be cut off as well, and what it has written with it.
#[test]
fn an_opening_that_is_cut_off_can_be_repeated() {
    for seed in 0..30 {
        let script = Script::of(seed, 60);
        let mut rng = Rng::from_number(seed);
        let model = Model::new(seed);
        let mut writer = Writer::new(&script);
        let mut patience = 0;
        let store = loop {
            patience += 10;
            model.die_after(rng.below(patience));
            match Store::open(model.disk(), CACHE_BYTES) {
                Ok(store) => break store,
                Err(_) => model.cut_power(),
            }
        };
        drop(store);
        model.cut_power();
        let store = Store::open(model.disk(), CACHE_BYTES).unwrap();
        while !writer.left.is_empty() {
            writer
                .write(&store, &mut rng)
                .map_err(|error| error.0)
                .unwrap();
        }
        drop(store);
        for _ in 0..10 {
            model.die_after(rng.below(20));
            drop(Store::open(model.disk(), CACHE_BYTES));
            model.cut_power();
        }

        let store = Store::open(model.disk(), CACHE_BYTES).unwrap();

        assert_loads(&store, &script.oracle);
    }
}

/// The checkpoint fails and changes nothing, reads go on, and with room it works again.
#[test]
fn a_full_disk_only_delays() {
    let mut fulls = 0;
    for seed in 0..10 {
        let script = Script::with_payloads(seed, 300, 40_000);
        let mut rng = Rng::from_number(seed);
        let model = Model::new(seed);
        let mut writer = Writer::new(&script);
        let store = Store::open(model.disk(), CACHE_BYTES).unwrap();
        while !writer.left.is_empty() {
            let used = model.image().values().map(Vec::len).sum::<usize>();
            let capacity = u64::try_from(used).unwrap() + rng.below(40_000);
            model.set_faults(Faults {
                capacity: Some(capacity),
                ..Faults::default()
            });
            if let Err((error, _)) = writer.write(&store, &mut rng) {
                assert_eq!(error, StoreError::Full);
                fulls += 1;
                assert_eq!(store.applied_to(), Ok(writer.mark));
                assert_loads(&store, &writer.oracle);
                model.set_faults(Faults::default());
                writer
                    .write(&store, &mut rng)
                    .map_err(|error| error.0)
                    .unwrap();
            }
        }
        assert_loads(&store, &script.oracle);
    }
    assert!(fulls > 0, "the disk was never full");
}

/// After a failed sync nobody knows what is on the disk: nothing works until the process starts anew.
#[test]
fn a_failed_sync_is_the_end_of_the_process() {
    for seed in 0..10 {
        let script = Script::of(seed, 200);
        let mut rng = Rng::from_number(seed);
        let model = Model::new(seed);
        let mut writer = Writer::new(&script);
        let store = Store::open(model.disk(), CACHE_BYTES).unwrap();
        writer
            .write(&store, &mut rng)
            .map_err(|error| error.0)
            .unwrap();
        model.set_faults(Faults {
            sync_error: 1,
            ..Faults::default()
        });
        let Err((error, next)) = writer.write(&store, &mut rng) else {
            panic!("the sync failed")
        };
        assert!(matches!(error, StoreError::Io { .. }), "{error:?}");
        model.set_faults(Faults::default());
        let again = store.checkpoint(&[], &[], Index::default());
        assert_eq!(again, Err(StoreError::Poisoned));
        drop(store);
        model.cut_power();

        let store = Store::open(model.disk(), CACHE_BYTES).unwrap();

        writer.assert_is_either(&store, *next);
    }
}

#[test]
fn damaged_or_foreign_tables_are_refused() {
    let model = Model::new(1);
    drop(Store::open(model.disk(), CACHE_BYTES).unwrap());
    let image = model.image();
    let mut foreign = image.clone();
    foreign.insert("tables".to_owned(), b"not tables at all".repeat(600));
    model.set_image(&foreign);
    let found = Store::open(model.disk(), CACHE_BYTES).map(drop);
    assert!(found.is_err(), "{found:?}");
    model.set_image(&image);
    assert!(Store::open(model.disk(), CACHE_BYTES).is_ok());
}
