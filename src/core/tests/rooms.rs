//! How many rooms there are, whatever happens to them.

use crate::core::tests::harness::Bench;
use crate::model::op::Durable;
use crate::model::row::RowName;

/// Rooms that a bench takes.
const ROOMS_MAX: usize = 50;

#[test]
fn the_room_beyond_the_limit_is_refused_until_another_one_is_destroyed() {
    let mut bench = Bench::new();
    bench.open(1, "ann", "a");
    make(&mut bench, 0..ROOMS_MAX);
    assert_eq!(there(&bench), ROOMS_MAX);

    assert!(!is_made(&mut bench, "another"));

    bench.say(
        1,
        "<iq type='set' id='d' to='room3@rooms.h'>\
         <query xmlns='http://jabber.org/protocol/muc#owner'><destroy/></query></iq>",
    );
    assert_eq!(there(&bench), ROOMS_MAX);
    // What is numbered counts, though it is not durable yet.
    assert!(is_made(&mut bench, "another"));
    assert!(!is_made(&mut bench, "onemore"));
}

#[test]
fn all_rooms_that_a_session_leaves_empty_end_with_it() {
    let mut bench = Bench::new();
    bench.bind(1, "ann", "a");
    make(&mut bench, 0..ROOMS_MAX);

    bench.cut(1);
    bench.sync();

    assert_eq!(there(&bench), 0);
    assert!(bench.rooms_kept().is_empty());
}

#[test]
fn a_crash_ends_rooms_that_do_not_persist_and_forgets_no_other() {
    let mut bench = Bench::new();
    bench.open(1, "ann", "a");
    make(&mut bench, 0..ROOMS_MAX);
    bench.say(
        1,
        "<iq type='set' id='c' to='room3@rooms.h'>\
         <query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'>\
         <field var='muc#roomconfig_persistentroom'><value>1</value></field></x></query></iq>",
    );
    bench.sync();

    bench.crash();
    bench.open(1, "ann", "b");
    assert_eq!(there(&bench), ROOMS_MAX);
    bench.sync();

    assert_eq!(there(&bench), 1);
    let left = bench.rooms_kept();
    assert_eq!(left, ["room3@rooms.h"]);
}

#[test]
fn an_empty_room_ends_when_it_persists_no_more() {
    let mut bench = Bench::new();
    bench.open(1, "ann", "a");
    make(&mut bench, 0..1);
    let persist = |yes: u8| {
        format!(
            "<iq type='set' id='c' to='room0@rooms.h'>\
             <query xmlns='http://jabber.org/protocol/muc#owner'>\
             <x xmlns='jabber:x:data' type='submit'><field var='muc#roomconfig_persistentroom'>\
             <value>{yes}</value></field></x></query></iq>"
        )
    };
    bench.say(1, &persist(1));
    bench.say(1, "<presence to='room0@rooms.h/A' type='unavailable'/>");
    bench.sync();
    assert_eq!(there(&bench), 1);

    bench.say(1, &persist(0));
    bench.sync();
    bench.sync();

    assert_eq!(there(&bench), 0);
}

fn there(bench: &Bench) -> usize {
    bench.core.states.delivered.rooms_there
}

fn make(bench: &mut Bench, numbers: std::ops::Range<usize>) {
    for number in numbers {
        assert!(is_made(bench, &format!("room{number}")));
    }
    bench.sync();
}

fn is_made(bench: &mut Bench, room: &str) -> bool {
    let before = bench.appended.len();
    bench.say(
        1,
        &format!(
            "<presence to='{room}@rooms.h/A'><x xmlns='http://jabber.org/protocol/muc'/></presence>"
        ),
    );
    let fresh = bench.appended.iter().skip(before);
    fresh
        .flat_map(|entry| entry.durable_ops())
        .any(|op| matches!(op, Durable::Row { name, .. } if *name == RowName::Room))
}
