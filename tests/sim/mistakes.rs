//! Mistakes made on purpose in two boards: the checker has to see each, from what clients are told and what is on the
//! disks, within a few seeds.
//!
//! Each stands for an invariant of the pair (`src/manual/simulator.md` has the table); beside its name is what is expected to be seen.

use meerkat::testing::sim::Mutation;

use crate::PLAN;
use crate::run;
use crate::two_boards;
use crate::world::Plan;
use crate::world::Trouble;

/// A mistake has to be seen within so many seeds.
const SEEDS_MAX: u64 = 40;

const PARTED: Trouble = Trouble {
    breaks: 600,
    cuts: 300,
    ..Trouble::NONE
};

fn seen(mutation: Mutation, plan: &Plan) -> (u64, String) {
    let plan = Plan {
        mutation: Some(mutation),
        ..*plan
    };
    for seed in 1..=SEEDS_MAX {
        if let Err(broken) = run(seed, &plan, false) {
            eprintln!("{mutation:?} is seen at seed {seed}: {broken}");
            return (seed, broken);
        }
    }
    panic!("{mutation:?} is not seen within {SEEDS_MAX} seeds");
}

/// Two boards that are parted and meet again see it, and for what it is.
fn check(mutation: Mutation, as_what: &[&str]) {
    check_in(mutation, &two_boards(PARTED), as_what);
}

fn check_in(mutation: Mutation, plan: &Plan, as_what: &[&str]) {
    let (seed, broken) = seen(mutation, plan);
    assert!(
        as_what.iter().any(|what| broken.contains(what)),
        "{mutation:?} is seen at seed {seed} as something else: {broken}"
    );
}

#[test]
fn a_merge_that_forgets_rows_is_seen() {
    check(
        Mutation::MergedRowDropped,
        &["had its result, but", "tables differ", "answered with 201"],
    );
}

#[test]
fn a_second_name_that_is_forgotten_is_seen() {
    check(
        Mutation::AliasDropped,
        &[
            "was shown to",
            "times in the archive",
            "twice in the room",
            "the archives differ",
        ],
    );
}

#[test]
fn a_hole_in_the_archive_is_seen() {
    check(
        Mutation::ArchiveHole,
        &[
            "is lost",
            "is gone",
            "from nowhere",
            // Who pages on from there is refused each time.
            "does not come to rest",
        ],
    );
}

#[test]
fn a_clock_that_turns_back_is_seen() {
    check(Mutation::ClockTurnsBack, &["is dated before"]);
}

#[test]
fn a_message_that_is_shown_twice_is_seen() {
    check(Mutation::ShownTwice, &["was shown twice"]);
}

#[test]
fn two_messages_that_change_places_are_seen() {
    check(Mutation::OrderSwapped, &["came before"]);
}

#[test]
fn an_id_that_changes_is_seen() {
    check(
        Mutation::IdChanged,
        &["under two ids", "which is None", "another id"],
    );
}

#[test]
fn a_message_to_somebody_else_is_seen() {
    check(
        Mutation::ShownToAnother,
        &["was shown a message to", "was shown twice"],
    );
}

#[test]
fn an_occupant_who_is_forgotten_is_seen() {
    check(Mutation::OccupantLost, &["who was inside"]);
}

#[test]
fn a_copy_that_is_shown_is_seen() {
    check(Mutation::CopiesShown, &["was shown twice", "under two ids"]);
}

#[test]
fn a_log_that_is_trimmed_too_early_is_seen() {
    let plan = Plan {
        duo: Some(Trouble {
            cuts: 600,
            outages: 200,
            ..Trouble::NONE
        }),
        is_gentle: true,
        ..PLAN
    };
    check_in(
        Mutation::TrimmedTooEarly,
        &plan,
        &["of a log that is whole", "archives differ", "from nowhere"],
    );
}

#[test]
fn an_acknowledgement_before_the_other_has_it_is_seen() {
    check(Mutation::AckBeforePeer, &["on both disks"]);
}

#[test]
fn an_acknowledgement_alone_before_the_sync_is_seen() {
    check(
        Mutation::AckAloneBeforeSync,
        &[
            "was acknowledged before",
            "shown before",
            "result before",
            "had 201 before",
        ],
    );
}

#[test]
fn a_blank_board_that_serves_is_seen() {
    let plan = two_boards(Trouble {
        breaks: 600,
        replacements: 250,
        ..Trouble::NONE
    });
    check_in(Mutation::BlankBoardServes, &plan, &["is blank, and serves"]);
}

#[test]
fn a_counter_that_stands_still_is_seen() {
    check(
        Mutation::CounterStuck,
        &[
            "before it was on",
            "was begun before",
            "is lost",
            "differ",
            "a message to",
            "who is not inside",
        ],
    );
}

#[test]
fn a_tail_that_is_kept_is_seen() {
    let plan = Plan {
        duo: Some(Trouble {
            breaks: 600,
            cuts: 600,
            ..Trouble::NONE
        }),
        ..PLAN
    };
    check_in(
        Mutation::TailKept,
        &plan,
        &["do not meet", "differ", "of a log that is whole"],
    );
}

#[test]
fn news_of_a_node_that_do_not_come_are_seen() {
    check(Mutation::NewsDropped, &["was told"]);
}

#[test]
fn an_occupant_who_is_dead_and_stays_is_seen() {
    check(Mutation::GhostStays, &["in the room, who is gone"]);
}

#[test]
fn what_is_sent_again_and_numbered_again_is_seen() {
    check(
        Mutation::CopiesIgnored,
        &[
            "was shown twice",
            "under two ids",
            "times in the archive",
            "twice in the room",
        ],
    );
}

#[test]
fn a_tag_that_the_other_board_does_not_know_is_seen() {
    let plan = Plan {
        is_mixed: true,
        ..two_boards(PARTED)
    };
    check_in(
        Mutation::LevelIgnored,
        &plan,
        &["cannot read what it hears"],
    );
}

#[test]
fn what_is_taken_back_and_stays_is_seen() {
    check(Mutation::RetractionDropped, &["took r"]);
}

#[test]
fn a_file_that_is_forgotten_is_seen() {
    check(Mutation::FileDropped, &["answered with 201"]);
}
