//! Messages that were sent more than once: what is named as a copy of what, and when.

use std::collections::BTreeSet;

use crate::core::Input;
use crate::core::Output;
use crate::core::tests::apart::friends;
use crate::core::tests::apart::numbered_twice;
use crate::core::tests::duo::Duo;
use crate::core::tests::harness::Bench;
use crate::core::tests::harness::account;
use crate::core::tests::harness::bare;
use crate::core::tests::pair::has_message;
use crate::model::copies::Copies;
use crate::model::copies::Copy;
use crate::model::copies::copies_of;
use crate::model::entry::Entry;
use crate::model::position::Position;

/// At node 1, on a stream that does not go on with the one before.
fn send_again(duo: &mut Duo) {
    duo.nodes[1].cut(2);
    duo.nodes[1].bind(5, "bob", "again");
    duo.nodes[1].enable(5);
    duo.nodes[1].chat(5, "ann@h", "numbered twice");
}

/// What the tables are given after a while, and are done with.
fn checkpointed(bench: &mut Bench) -> Vec<Position> {
    bench.pass_ms(61_000);
    let given = bench.outputs.iter().filter_map(|output| match output {
        Output::Checkpoint { entries, .. } => Some(entries),
        _ => None,
    });
    let messages = given.flatten().filter(|(_, entry)| has_message(entry));
    let positions = messages.map(|(_, entry)| entry.position).collect();
    bench.checkpoint();
    positions
}

fn messages(bench: &Bench) -> Vec<Position> {
    let messages = bench.appended.iter().filter(|entry| has_message(entry));
    messages.map(|entry| entry.position).collect()
}

#[test]
fn what_is_sent_a_third_time_is_the_same_message_still() {
    // Given what node 0 has numbered for both, and node 1 alone; and node 1 once more, on a new stream
    let mut duo = numbered_twice();
    send_again(&mut duo);
    duo.sync(1);
    duo.heard(0, 1);

    duo.meet(0);
    duo.settle();

    assert_eq!(duo.heard(0, 1), [""; 0]);
    for node in &duo.nodes {
        let positions = messages(node);
        assert_eq!(positions.len(), 3);
        let ann = &node.core.states.delivered.accounts[&bare("ann")];
        let entries = positions.iter().map(|at| ann.rows.entry_of(*at));
        let entries: BTreeSet<Position> = entries.collect();
        assert_eq!(entries.len(), 1);
        assert_eq!(*ann.untaken, entries);
    }
}

/// Node 1 alone, which has a message that is sent again, and its name on the way to the disk; where they stand.
fn sent_again() -> (Duo, Vec<Position>) {
    let mut duo = friends();
    duo.go_apart();
    duo.nodes[1].chat(2, "ann@h", "numbered twice");
    duo.sync(1);
    send_again(&mut duo);
    let copies: Vec<Position> = messages(&duo.nodes[1]);
    let is_name = |entry: &Entry| copies_of(entry).next().is_some();
    let upto = copies[1];
    duo.nodes[1].step(Input::Durable { upto });
    assert!(duo.nodes[1].appended.iter().any(|one| is_name(one)));
    (duo, copies)
}

#[test]
fn the_tables_are_given_a_copy_when_the_log_names_it() {
    let (mut duo, copies) = sent_again();
    // A small log, which has room for the longest record still.
    duo.nodes[1].core.set_credit(36 << 10, 32 << 10);

    assert_eq!(checkpointed(&mut duo.nodes[1]), copies[..1]);
    duo.sync(1);
    assert_eq!(checkpointed(&mut duo.nodes[1]), copies[1..]);
}

#[test]
fn where_the_log_has_no_room_for_the_next_record_the_tables_are_given_all() {
    let (mut duo, copies) = sent_again();
    duo.nodes[1].core.set_credit(31 << 10, 32 << 10);

    assert_eq!(checkpointed(&mut duo.nodes[1]), copies);
}

#[test]
fn a_copy_that_the_tables_hold_without_a_name_is_named_after_a_start() {
    let mut duo = numbered_twice();
    let [at, alias] = [0, 1].map(|one: usize| messages(&duo.nodes[one])[0]);
    let copy = Copy { entry: at, alias };
    let mut copies = Copies::default();
    copies.note_nameless(copy, vec![account("ann"), account("bob")]);

    duo.restart_with(1, copies);
    duo.part();
    duo.go_solo(1);

    let named = duo.nodes[1].appended.iter();
    let named: Vec<Copy> = named.flat_map(|entry| copies_of(entry)).collect();
    assert_eq!(named, [copy; 2]);
}
