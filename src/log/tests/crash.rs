//! What was reported durable survives every crash, in order and once; nothing comes back from the dead.

use std::ops::Range;

use super::harness::Mutant;
use super::harness::Run;
use super::harness::Seen;

const LIVES: u64 = 8;

fn first_broken_promise(seeds: u64, mutant: Mutant) -> Option<String> {
    (0..seeds).find_map(|seed| {
        let broken = Run::new(seed, mutant).live(LIVES).err()?;
        Some(format!("seed={seed}: {broken}"))
    })
}

#[test]
fn every_reported_record_survives_thousands_of_crashes() {
    crash(0..500);
}

/// Half an hour; run it with `--ignored` after every change to the log.
#[test]
#[ignore = "half an hour"]
fn every_reported_record_survives_a_million_crashes() {
    crash(500..125_500);
}

fn crash(seeds: Range<u64>) {
    let mut total = Seen::default();
    for seed in seeds {
        let mut run = Run::new(seed, Mutant::None);
        let result = run.live(LIVES);
        assert_eq!(result, Ok(()), "seed={seed}");
        total.lives += run.seen.lives;
        total.reported += run.seen.reported;
        total.recovered += run.seen.recovered;
        total.unreported_kept += run.seen.unreported_kept;
        total.unreported_dropped += run.seen.unreported_dropped;
        total.deaths_in_recovery += run.seen.deaths_in_recovery;
        total.sync_errors += run.seen.sync_errors;
        total.out_of_space += run.seen.out_of_space;
        total.refused_for_space += run.seen.refused_for_space;
    }
    println!("{total:?}");
    let each = [
        total.reported,
        total.recovered,
        total.unreported_kept,
        total.unreported_dropped,
        total.deaths_in_recovery,
        total.sync_errors,
        total.out_of_space,
        total.refused_for_space,
    ];
    assert!(
        each.iter().all(|count| *count > 100),
        "something was never tried: {total:?}"
    );
}

#[test]
fn the_checker_sees_durable_said_before_the_sync() {
    let broken = first_broken_promise(200, Mutant::DurableBeforeSync);

    assert!(broken.is_some_and(|broken| broken.contains("reported")));
}

#[test]
fn the_checker_sees_a_segment_used_again_too_early() {
    let broken = first_broken_promise(200, Mutant::ReleasedBeforeApplied);

    assert!(broken.is_some());
}
