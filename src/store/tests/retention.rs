//! Archives stay within their bounds, and nothing goes that somebody waits for.

use std::collections::BTreeSet;

use crate::base::ids::Incarnation;
use crate::base::time::Timestamp;
use crate::model::message::Owner;
use crate::model::op::Durable;
use crate::model::position::Position;
use crate::model::row::RecordKey;
use crate::store::RetentionLimits;
use crate::store::Store;
use crate::store::memory;
use crate::store::retention::Retention;
use crate::store::schema::PlaceValue;
use crate::store::tests::apply::assert_loads;
use crate::store::tests::apply::finish_removals;
use crate::store::tests::apply::write;
use crate::store::tests::oracle::Oracle;
use crate::store::tests::script::Script;
use crate::store::tests::script::account;
use crate::store::tests::script::owner;
use crate::store::tests::script::room;

const CACHE_BYTES: usize = 1 << 20;

/// Numbers and applies what has expired until nothing has.
fn expire(store: &Store, script: &mut Script, limits: &RetentionLimits, now: Timestamp) {
    finish_removals(store);
    for _ in 0..20 {
        let (mut from, mut count) = (Incarnation(0), 0);
        loop {
            let expired = store.find_expired(limits, now, from).unwrap();
            if !expired.ops.is_empty() {
                count += expired.ops.len();
                script.number(expired.ops);
                write(store, &script.steps[script.steps.len() - 1..]);
            }
            match expired.next {
                Some(next) => from = next,
                None => break,
            }
        }
        finish_removals(store);
        if count == 0 {
            return;
        }
    }
    panic!("it does not end");
}

/// Age and size of what an archive keeps, oldest first, and whether somebody waits for it.
fn kept(oracle: &Oracle, record: &RecordKey) -> Vec<(Timestamp, u64, bool)> {
    let untaken = match oracle.incarnation(record) {
        Some(own) => oracle.untaken_of(own),
        None => BTreeSet::new(),
    };
    let row = |(position, place): (Position, &crate::model::message::Place)| {
        let (stamp, message) = &oracle.messages[&position];
        let value = PlaceValue::new(place, *stamp, message);
        (value.at, value.bytes.into(), untaken.contains(&position))
    };
    oracle
        .archive(&owner(record))
        .into_iter()
        .map(row)
        .collect()
}

fn records() -> Vec<RecordKey> {
    (0..4).map(account).chain((0..2).map(room)).collect()
}

#[test]
fn archives_keep_what_is_young_small_or_waited_for() {
    for seed in 0..12 {
        let mut script = Script::of(seed, 500);
        let store = memory(CACHE_BYTES).unwrap();
        write(&store, &script.steps);
        let now = script.now();
        let (age, waiting) = (30_000_000 * (1 + seed % 4), 90_000_000);
        let limits = RetentionLimits {
            account: Retention {
                age_ms_max: Some(age),
                bytes_max: Some(6_000),
            },
            room: Retention {
                age_ms_max: None,
                bytes_max: Some(3_000),
            },
            total_bytes_max: None,
            untaken_ms_max: Some(waiting),
            upto_max: None,
        };
        let before: Vec<usize> = records()
            .iter()
            .map(|record| kept(&script.oracle, record).len())
            .collect();

        expire(&store, &mut script, &limits, now);

        assert_loads(&store, &script.oracle);
        for (record, before) in records().iter().zip(before) {
            let kept = kept(&script.oracle, record);
            let own = match owner(record) {
                Owner::Account { .. } => limits.account,
                Owner::Room { .. } => limits.room,
            };
            let bytes: u64 = kept.iter().map(|row| row.1).sum();
            let is_old = |at: Timestamp| own.age_ms_max.is_some_and(|age| at < now.minus_ms(age));
            if let Some((at, _, is_waited_for)) = kept.first() {
                let is_stuck = *is_waited_for && *at >= now.minus_ms(waiting);
                let is_within = bytes <= own.bytes_max.unwrap() && !is_old(*at);
                assert!(is_stuck || is_within, "{record:?} {bytes}");
            }
            // Not more than necessary: the last that went would have been too much.
            if own.age_ms_max.is_none() && kept.len() < before {
                assert!(bytes > own.bytes_max.unwrap() - 600, "{record:?} {bytes}");
            }
        }
    }
}

#[test]
fn all_archives_together_stay_within_their_bound() {
    let mut script = Script::growing(5, 800);
    let store = memory(CACHE_BYTES).unwrap();
    write(&store, &script.steps);
    let limits = RetentionLimits {
        total_bytes_max: Some(50_000),
        untaken_ms_max: Some(0),
        ..RetentionLimits::default()
    };
    let total = |oracle: &Oracle| -> u64 {
        let all = records();
        let rows = all.iter().flat_map(|record| kept(oracle, record));
        rows.map(|row| row.1).sum()
    };
    let now = script.now();
    assert!(total(&script.oracle) > 100_000);

    expire(&store, &mut script, &limits, now);

    let left = total(&script.oracle);
    assert!((40_000..=50_000).contains(&left), "{left} bytes are left");
}

#[test]
fn what_the_other_node_may_not_know_of_does_not_expire() {
    let script = Script::growing(5, 800);
    let store = memory(CACHE_BYTES).unwrap();
    write(&store, &script.steps);
    let all: Vec<Position> = script.oracle.messages.keys().copied().collect();
    let known = all[all.len() / 2];
    let limits = RetentionLimits {
        total_bytes_max: Some(1),
        untaken_ms_max: Some(0),
        upto_max: Some(known),
        ..RetentionLimits::default()
    };

    let found = store.find_expired(&limits, script.now(), Incarnation(0));

    let ops = found.unwrap().ops;
    assert!(!ops.is_empty());
    for op in ops {
        assert!(
            matches!(op, Durable::Expire { upto, .. } if upto <= known),
            "{op:?}"
        );
    }
}
