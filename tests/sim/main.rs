//! The simulator: the whole server with model clients over a model disk, from a seed.
//!
//! Everything that is random comes from the seed, so a failure prints `seed=...` and
//! `SIM_SEED=n cargo test --test sim` runs exactly that again, with its story. `SIM_SEEDS=n` runs so many,
//! `SIM_FROM=n` begins elsewhere, `SIM_ALL=1` goes on after a failure and names all that fail. With `--nocapture` each mode says at its end how many hours it has simulated
//! and what went wrong in them, by class. `SIM_DAYS=n` says how many days two boards for weeks are played.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::disallowed_methods,
    clippy::format_push_string,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::string_slice,
    reason = "a test: it reads settings and the clock, and reports by panicking"
)]

mod checker;
mod client;
mod meeting;
mod mistakes;
mod weeks;
mod world;

use std::time::Instant;

use meerkat::testing::sim::Mutation;

use world::Plan;
use world::Report;
use world::Trouble;
use world::World;

/// Seeds of a mode in CI: with all else here, ten minutes of one core.
const SEEDS: u64 = 2_000;

/// Of two boards: nine modes, four minutes of one core.
const DUO_SEEDS: u64 = 100;
const STEPS: u64 = 1_500;
/// A mistake made on purpose has to be seen within so many seeds.
const MUTANT_SEEDS_MAX: u64 = 200;

/// One board, nothing wrong with it.
const PLAN: Plan = Plan {
    steps: STEPS,
    is_follower: false,
    duo: None,
    mutation: None,
    is_blind: false,
    dies_after: None,
    is_gentle: false,
    is_mixed: false,
    days: 0,
};

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

fn run(seed: u64, plan: &Plan, traces: bool) -> Result<Report, String> {
    let mut world = World::new(seed, plan, traces);
    let report = world.run(plan);
    if traces {
        for line in world.trace() {
            eprintln!("{line}");
        }
    }
    report
}

fn run_many(name: &str, plan: &Plan) {
    if let Some(seed) = setting("SIM_SEED") {
        let report = run(seed, plan, true);
        panic_if_broken(name, seed, report);
        return;
    }
    let from = setting("SIM_FROM").unwrap_or(1);
    let seeds = match plan {
        Plan { days: 1.., .. } => weeks::SEEDS,
        Plan { duo: Some(_), .. } => DUO_SEEDS,
        Plan { .. } => SEEDS,
    };
    let seeds = setting("SIM_SEEDS").unwrap_or(seeds);
    let (began, mut total) = (Instant::now(), Report::default());
    let mut failed = Vec::new();
    for seed in from..from + seeds {
        match run(seed, plan, false) {
            Ok(report) => total.add(&report),
            Err(broken) if setting("SIM_ALL").is_some() => {
                eprintln!("{name} seed={seed}: {broken}");
                failed.push(seed);
            }
            broken @ Err(_) => drop(panic_if_broken(name, seed, broken)),
        }
    }
    let seconds = began.elapsed().as_secs_f64();
    let Report {
        boots,
        acked,
        shown,
        ms,
        faulted,
        excuses,
        lived,
    } = total;
    let hours = ms / 3_600_000;
    eprintln!(
        "{name}: {seeds} seeds in {seconds:.1} s: {hours} simulated hours, {boots} starts, \
         {acked} acknowledged, {shown} shown, {faulted}; {excuses}"
    );
    if plan.days > 0 {
        eprintln!("{name}: {lived}");
    }
    assert!(failed.is_empty(), "{name}: broken by the seeds {failed:?}");
}

fn panic_if_broken(name: &str, seed: u64, report: Result<Report, String>) -> Report {
    report.unwrap_or_else(|broken| {
        panic!("{name}: {broken}\nseed={seed}: SIM_SEED={seed} cargo test --test sim {name}")
    })
}

#[test]
fn one_board_keeps_its_promises() {
    run_many("one_board_keeps_its_promises", &PLAN);
}

#[test]
fn a_follower_keeps_the_same_promises() {
    let plan = Plan {
        is_follower: true,
        ..PLAN
    };
    run_many("a_follower_keeps_the_same_promises", &plan);
}

/// Boards that do not die of anything but this.
fn two_boards(trouble: Trouble) -> Plan {
    Plan {
        duo: Some(trouble),
        is_gentle: true,
        ..PLAN
    }
}

#[test]
fn two_boards_without_trouble_hold_the_same() {
    let plan = two_boards(Trouble::NONE);
    run_many("two_boards_without_trouble_hold_the_same", &plan);
}

#[test]
fn two_boards_whose_link_breaks_hold_the_same() {
    let plan = two_boards(Trouble {
        breaks: 300,
        ..Trouble::NONE
    });
    run_many("two_boards_whose_link_breaks_hold_the_same", &plan);
}

#[test]
fn two_boards_that_are_cut_off_hold_the_same() {
    let plan = two_boards(Trouble {
        breaks: 600,
        cuts: 300,
        ..Trouble::NONE
    });
    run_many("two_boards_that_are_cut_off_hold_the_same", &plan);
}

#[test]
fn two_boards_that_die_hold_the_same() {
    let plan = Plan {
        duo: Some(Trouble {
            breaks: 600,
            cuts: 600,
            ..Trouble::NONE
        }),
        ..PLAN
    };
    run_many("two_boards_that_die_hold_the_same", &plan);
}

#[test]
fn two_boards_that_stand_still_hold_the_same() {
    let plan = two_boards(Trouble {
        breaks: 900,
        freezes: 250,
        ..Trouble::NONE
    });
    run_many("two_boards_that_stand_still_hold_the_same", &plan);
}

#[test]
fn two_boards_with_slow_disks_hold_the_same() {
    let plan = two_boards(Trouble {
        breaks: 600,
        cuts: 600,
        stalls: 6,
        ..Trouble::NONE
    });
    run_many("two_boards_with_slow_disks_hold_the_same", &plan);
}

#[test]
fn two_boards_that_are_off_hold_the_same() {
    let plan = two_boards(Trouble {
        cuts: 600,
        outages: 200,
        blackouts: 400,
        ..Trouble::NONE
    });
    run_many("two_boards_that_are_off_hold_the_same", &plan);
}

#[test]
fn two_boards_whose_clocks_jump_hold_the_same() {
    let plan = two_boards(Trouble {
        breaks: 600,
        cuts: 400,
        jumps: 100,
        ..Trouble::NONE
    });
    run_many("two_boards_whose_clocks_jump_hold_the_same", &plan);
}

#[test]
fn two_boards_one_of_which_is_replaced_hold_the_same() {
    let plan = two_boards(Trouble {
        breaks: 600,
        replacements: 250,
        ..Trouble::NONE
    });
    run_many("two_boards_one_of_which_is_replaced_hold_the_same", &plan);
}

#[test]
fn two_boards_of_two_versions_hold_the_same() {
    let plan = Plan {
        is_mixed: true,
        ..two_boards(Trouble {
            breaks: 600,
            cuts: 400,
            ..Trouble::NONE
        })
    };
    run_many("two_boards_of_two_versions_hold_the_same", &plan);
}

#[test]
fn the_same_seed_gives_the_same_story() {
    let plan = Plan { steps: 600, ..PLAN };
    let story = |seed| {
        let mut world = World::new(seed, &plan, true);
        let report = world.run(&plan);
        let lines: Vec<String> = world.trace().cloned().collect();
        (format!("{report:?}"), lines)
    };
    assert_eq!(story(5), story(5));
}

/// Every call to the disk in a short life, one after the other.
#[test]
fn a_death_in_any_call_to_the_disk_breaks_no_promise() {
    if setting("SIM_SEED").is_some() {
        return;
    }
    for calls in 0..150 {
        let plan = Plan {
            steps: 400,
            dies_after: Some(calls),
            ..PLAN
        };
        // Maps for tables, then the real ones.
        for seed in [3, 4] {
            if let Err(broken) = run(seed, &plan, false) {
                panic!("death after {calls} calls, seed {seed}: {broken}");
            }
        }
    }
}

fn check_is_seen(mutation: Mutation, is_follower: bool) {
    let plan = Plan {
        is_follower,
        mutation: Some(mutation),
        ..PLAN
    };
    check_plan_is_seen(mutation, &plan);
}

/// With nothing but what the clients were told.
fn check_is_seen_blindly(mutation: Mutation) {
    let plan = Plan {
        mutation: Some(mutation),
        is_blind: true,
        ..PLAN
    };
    check_plan_is_seen(mutation, &plan);
}

fn check_plan_is_seen(mutation: Mutation, plan: &Plan) {
    for seed in 1..=MUTANT_SEEDS_MAX {
        if let Err(broken) = run(seed, plan, false) {
            eprintln!("{mutation:?} is seen at seed {seed}: {broken}");
            return;
        }
    }
    panic!("{mutation:?} is not seen within {MUTANT_SEEDS_MAX} seeds");
}

#[test]
fn an_acknowledgement_before_the_sync_is_seen() {
    check_is_seen(Mutation::AckBeforeSync, false);
    check_is_seen_blindly(Mutation::AckBeforeSync);
}

#[test]
fn a_delivery_before_the_commit_is_seen() {
    check_is_seen(Mutation::DeliverBeforeCommit, false);
    check_is_seen_blindly(Mutation::DeliverBeforeCommit);
}

#[test]
fn an_entry_that_never_reaches_the_log_is_seen() {
    check_is_seen(Mutation::DropEntry, false);
    check_is_seen_blindly(Mutation::DropEntry);
}

#[test]
fn an_entry_that_is_applied_twice_is_seen() {
    check_is_seen(Mutation::ApplyTwice, false);
}

#[test]
fn a_replay_that_skips_one_is_seen() {
    check_is_seen(Mutation::ReplaySkipsOne, false);
}

#[test]
fn a_count_of_what_is_not_committed_is_seen() {
    check_is_seen(Mutation::CountUncommitted, false);
    check_is_seen_blindly(Mutation::CountUncommitted);
}

#[test]
fn a_guard_that_nobody_checks_is_seen() {
    check_is_seen(Mutation::GuardIgnored, true);
}

/// Two boards that are parted and meet again.
fn check_is_seen_by_two(mutation: Mutation) {
    let plan = Plan {
        mutation: Some(mutation),
        ..two_boards(Trouble {
            breaks: 600,
            cuts: 300,
            ..Trouble::NONE
        })
    };
    check_plan_is_seen(mutation, &plan);
}

#[test]
fn two_boards_see_a_heal_that_pushes_nothing() {
    check_is_seen_by_two(Mutation::NothingPushed);
}

#[test]
fn two_boards_see_a_count_that_is_too_high() {
    check_is_seen_by_two(Mutation::CountTooHigh);
}

#[test]
fn two_boards_see_a_merge_in_which_the_second_loses() {
    check_is_seen_by_two(Mutation::SecondLoses);
}
