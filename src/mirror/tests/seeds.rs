//! Runs from seeds: faults at random, then peace, then one board alone, then peace again.

use crate::base::random::Rng;
use crate::mirror::Mistake;
use crate::mirror::State;
use crate::mirror::tests::wires::index;
use crate::mirror::tests::world::World;

/// What a run may do beside crashes and cuts.
#[derive(Clone, Copy)]
struct Plan {
    mistake: Option<Mistake>,
    reuses_salt: bool,
}

const HONEST: Plan = Plan {
    mistake: None,
    reuses_salt: false,
};

/// `MIRROR_SEEDS=100000 cargo test --lib mirror::` runs more of them.
const SEEDS: u64 = 2_000;

#[expect(clippy::disallowed_methods, reason = "a switch of the test itself")]
fn seeds() -> u64 {
    let wanted = std::env::var("MIRROR_SEEDS").ok();
    wanted.map_or(SEEDS, |count| count.parse().unwrap())
}

/// Enough for each mistake, the rarest of which shows in one of twenty.
const SEEDS_OF_MISTAKES: u64 = 200;

/// At most so long from the end of all faults to rest.
const HEAL_MS: u64 = 30_000;

fn run(seed: u64, plan: Plan) -> Result<World, String> {
    let mut world = World::new(seed, plan.mistake);
    world.reuses_salt = plan.reuses_salt;
    let mut script = Rng::from_number(seed ^ 0x005c_0917);
    // Either the log is trimmed, or a disk may be replaced: not both.
    world.trims = seed % 2 == 1;
    world.gives_up = seed % 4 == 1;
    world.boot(0);
    let later = script.below(3_000);
    world.run_until(1_000 + later);
    world.boot(1);
    let mut sent = Vec::new();
    let steps = 20 + script.below(30);
    for _ in 0..steps {
        let pause = if script.one_in(8) { 2_500 } else { 120 };
        let until = world.now + script.below(pause);
        world.run_until(until);
        step(&mut world, &mut script, &mut sent);
    }
    rest(&mut world)?;
    alone(&mut world, &mut script)?;
    rest(&mut world)?;
    Ok(world)
}

fn step(world: &mut World, script: &mut Rng, sent: &mut Vec<u64>) {
    let n = usize::from(script.one_in(2));
    match script.below(40) {
        0 => world.wires.cut = [true; 2],
        1 => world.wires.cut[n] = true,
        2..5 => world.wires.cut = [false; 2],
        5 => world.crash(n, true),
        6 => world.crash(n, false),
        7..10 => world.boot(n),
        10 if script.one_in(3) => replace(world, script, n),
        14 | 15 if world.gives_up => world.give_up(n),
        11..14 => {
            // A client that lost its answer, or its patience, sends again.
            let open: Vec<u64> = sent
                .iter()
                .filter(|op| world.acked.get(op) == Some(&false))
                .copied()
                .collect();
            if let Some(op) = open.first() {
                world.client(n, *op);
            }
        }
        _ => {
            let op = world.fresh_op();
            sent.push(op);
            world.client(n, op);
        }
    }
}

/// One disk in a run, and only while the other board has all there is.
fn replace(world: &mut World, script: &mut Rng, n: usize) {
    let other_is_whole = !world.boards[1 - n].join_mark;
    if world.is_replaced || world.trims || !other_is_whole {
        return;
    }
    world.is_replaced = true;
    let keep = if script.one_in(2) {
        0
    } else {
        1 + index(script, world.boards[n].durable)
    };
    world.replace_disk(n, keep);
}

/// No more faults: in bounded time both serve, hold the same and have answered everything.
fn rest(world: &mut World) -> Result<(), String> {
    world.wires.cut = [false; 2];
    world.boot(0);
    world.boot(1);
    let end = world.now + HEAL_MS;
    while world.now < end && world.broken.is_none() && !world.is_quiet() {
        let until = world.now + 100;
        world.run_until(until);
    }
    if !world.is_quiet() {
        let states = [world.state(0), world.state(1)];
        world.fail(&format!("no rest: {states:?}"));
    }
    world.check_at_rest();
    world.broken.take().map_or(Ok(()), Err)
}

/// One board goes on alone, in the time that its timers say.
fn alone(world: &mut World, script: &mut Rng) -> Result<(), String> {
    let n = usize::from(script.one_in(2));
    let within = match script.below(3) {
        0 => {
            world.crash(1 - n, true);
            600
        }
        1 => {
            world.crash(1 - n, false);
            3_000
        }
        _ => {
            world.wires.cut = [true; 2];
            3_000
        }
    };
    let op = world.fresh_op();
    world.client(n, op);
    // Beside the timer: the way of the reset, and two syncs.
    let until = world.now + within + 1_200;
    world.run_until(until);
    if world.acked.get(&op) != Some(&true) || world.state(n) != Some(State::Alone) {
        let state = world.state(n);
        world.fail(&format!("alone, and no answer: {state:?}"));
    }
    world.broken.take().map_or(Ok(()), Err)
}

#[test]
fn two_boards_lose_nothing_and_meet_again() {
    let seeds = seeds();
    let (mut paired, mut facts, mut trimmed, mut replaced, mut copies) = (0, 0, 0, 0, 0);
    for seed in 0..seeds {
        let world = run(seed, HONEST).unwrap_or_else(|broken| panic!("seed {seed}: {broken}"));
        paired += world.paired;
        facts += world.facts.len();
        trimmed += world.boards[0].trimmed;
        copies += world.copies;
        replaced += usize::from(world.is_replaced);
    }
    // The runs do what they are for.
    let least = usize::try_from(seeds).unwrap();
    assert!(paired > 20 * seeds && facts > 5 * least);
    assert!(
        trimmed > 2 * least && replaced > least / 20 && copies > least / 40,
        "{trimmed} {replaced} {copies}"
    );
}

/// From the start of a board that was away for a moment to the end of everybody's wait: the attempts to
/// connect, a catch-up and a barrier, each with slow syncs; nothing of it waits for a timer.
const BACK_MS: u64 = 1_500;

#[test]
fn a_board_that_is_back_at_once_is_served_with_at_once() {
    let mut longest = 0;
    for seed in 0..400 {
        let mut world = World::new(seed, None);
        world.boot(0);
        world.boot(1);
        rest(&mut world).unwrap_or_else(|broken| panic!("seed {seed}: {broken}"));

        // Given load on both boards, in the middle of which one dies and is back
        let n = index(&mut world.rng, 2);
        for _ in 0..20 {
            let op = world.fresh_op();
            world.client(0, op);
            let op = world.fresh_op();
            world.client(1, op);
            let until = world.now + world.rng.below(6);
            world.run_until(until);
        }
        let is_told = seed % 4 > 0;
        world.crash(n, is_told);
        let until = world.now + world.rng.below(600);
        world.run_until(until);
        world.boot(n);
        let begin = world.now;

        // Then both serve, and nobody waits for an answer
        while !world.is_quiet() && world.broken.is_none() {
            let until = world.now + 10;
            world.run_until(until);
            let ms = world.now - begin;
            assert!(ms < BACK_MS, "seed {seed}: {ms} ms, {:?}", world.state(n));
        }
        assert_eq!(world.broken, None, "seed {seed}");
        longest = longest.max(world.now - begin);
    }
    assert!(longest > 100, "{longest} ms: nothing was under way");
}

#[test]
fn every_mistake_is_found() {
    const MISTAKES: [Mistake; 13] = [
        Mistake::OldMarksCount,
        Mistake::EpochUsedBeforeDurable,
        Mistake::BeginWithoutFrozen,
        Mistake::SoloWithoutClosing,
        Mistake::JoinerServes,
        Mistake::UndurableShipped,
        Mistake::CommitWithoutPeer,
        Mistake::SoloCommitsUndurable,
        Mistake::NeverFrozen,
        Mistake::CounterStuck,
        Mistake::OwnTailKept,
        Mistake::NeverThawed,
        Mistake::CopiedTooEarly,
    ];
    let mut plans: Vec<Plan> = MISTAKES
        .iter()
        .map(|mistake| Plan {
            mistake: Some(*mistake),
            ..HONEST
        })
        .collect();
    plans.push(Plan {
        reuses_salt: true,
        ..HONEST
    });
    let mut missed = Vec::new();
    for plan in plans {
        if (0..SEEDS_OF_MISTAKES).all(|seed| run(seed, plan).is_ok()) {
            missed.push(plan.mistake);
        }
    }
    assert!(missed.is_empty(), "not found: {missed:?}");
}
