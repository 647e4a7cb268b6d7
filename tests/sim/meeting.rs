//! Service while boards meet (invariant 15): who is served does not feel that the other board catches up.

use meerkat::testing::sim::Mutation;

use crate::two_boards;
use crate::world::Plan;
use crate::world::Trouble;
use crate::world::World;
use crate::world::meeting::percentile;

const SEEDS: u64 = 2;
/// Nobody numbers from FREEZE to BEGIN: some ways over the line, and some writes.
const FROZEN_MS_MAX: u64 = 1_000;

fn meet(seed: u64, mutation: Option<Mutation>) -> Result<String, String> {
    // Nothing goes wrong by itself here; tables that know of branches are needed.
    let plan = Plan {
        mutation,
        ..two_boards(Trouble {
            breaks: u64::MAX,
            ..Trouble::NONE
        })
    };
    let mut felt = World::new(seed, &plan, false).meet_with_backlog()?;
    let alone = percentile(&mut felt.alone, 99);
    let catching_up = percentile(&mut felt.catching_up, 99);
    let frozen = percentile(&mut felt.frozen, 100);
    let story = format!(
        "acknowledged after {alone} ms (p99 of {}), while the other board catches up {catching_up} ms (p99 of {}), \
         while nobody numbers {frozen} ms at most ({})",
        felt.alone.len(),
        felt.catching_up.len(),
        felt.frozen.len()
    );
    if catching_up > 2 * alone || frozen > FROZEN_MS_MAX {
        return Err(format!("users feel that the boards meet: {story}"));
    }
    Ok(story)
}

#[test]
fn nobody_feels_that_the_other_board_catches_up() {
    for seed in 1..=SEEDS {
        let story = meet(seed, None).unwrap_or_else(|broken| panic!("seed {seed}: {broken}"));
        eprintln!("seed {seed}: {story}");
    }
}

fn check_is_seen(mutation: Mutation, as_what: &str) {
    let broken = match meet(1, Some(mutation)) {
        Err(broken) => broken,
        Ok(story) => panic!("{mutation:?} is not seen: {story}"),
    };
    eprintln!("{mutation:?} is seen: {broken}");
    assert!(
        broken.contains(as_what),
        "{mutation:?} as something else: {broken}"
    );
}

#[test]
fn a_heal_that_blocks_is_seen() {
    check_is_seen(Mutation::HealBlocks, "users feel");
}

#[test]
fn a_bound_that_is_ignored_is_seen() {
    check_is_seen(Mutation::BoundIgnored, "beyond its bound");
}
