//! Sessions that outlive a planned restart.

use crate::base::ids::SmKey;
use crate::core::Input;
use crate::core::Output;
use crate::core::tests::harness::Bench;
use crate::core::tests::harness::now;
use crate::model::codec::from_bytes;
use crate::model::codec::to_bytes;
use crate::model::position::Index;

/// The server stops and starts again `away_ms` later; gives how many sessions go on.
fn restart(bench: &mut Bench, away_ms: u64) -> usize {
    bench.sync();
    let saved = bench.core.saved_sessions(now(bench.now_ms));
    let mut saved: crate::core::restart::Saved = from_bytes(&to_bytes(&saved)).unwrap();
    bench.crash();
    bench.now_ms += away_ms;
    // The record of the new start's epoch is the first one here.
    saved.last = Index(0);
    let count = bench.core.take_up(now(bench.now_ms), saved);
    bench.pass_ms(0);
    bench.core.end_taking_up();
    count
}

fn enter(bench: &mut Bench, link: u64, nick: &str) {
    let x = "<x xmlns='http://jabber.org/protocol/muc'/>";
    bench.say(
        link,
        &format!("<presence to='r@rooms.h/{nick}'>{x}</presence>"),
    );
    bench.sync();
    bench.read(link);
}

/// Ann and Bob are in a room that does not persist.
fn two_in_a_room() -> (Bench, SmKey, SmKey) {
    let mut bench = Bench::new();
    let ann = bench.open(1, "ann", "a");
    let bob = bench.open(2, "bob", "b");
    bench.say(1, "<presence/>");
    enter(&mut bench, 1, "A");
    let open = "<iq type='set' id='o' to='r@rooms.h'>\
         <query xmlns='http://jabber.org/protocol/muc#owner'>\
         <x xmlns='jabber:x:data' type='submit'/></query></iq>";
    bench.say(1, open);
    bench.sync();
    enter(&mut bench, 2, "B");
    bench.read(1);
    (bench, ann, bob)
}

#[test]
fn a_session_goes_on_with_what_its_client_has_not_counted() {
    let (mut bench, key) = Bench::two_uncounted();

    assert_eq!(restart(&mut bench, 1_000), 2);
    bench.resume(3, "bob", key, 3);

    assert_eq!(bench.resumption(3), Some(Ok(1)));
    // The tables have it, and are asked first.
    assert!(bench.bodies(3).is_empty());
    for output in std::mem::take(&mut bench.outputs) {
        if let Output::Fetch { session, positions } = output {
            let rows = bench.tables.fetch(&positions);
            bench.step(Input::Fetched { session, rows });
        }
    }
    assert_eq!(bench.bodies(3), ["three"]);
}

#[test]
fn occupants_are_in_their_room_and_are_told_nothing_twice() {
    let (mut bench, ann, bob) = two_in_a_room();

    restart(&mut bench, 1_000);
    let sent = bench.counted(bob);
    bench.resume(3, "ann", ann, bench.counted(ann));
    bench.resume(4, "bob", bob, sent);

    assert!(bench.read(4).is_empty());
    bench.say(
        3,
        "<message to='r@rooms.h' type='groupchat'><body>still</body></message>",
    );
    bench.sync();
    assert_eq!(bench.bodies(4), ["still"]);
    assert_eq!(bench.rooms_kept(), ["r@rooms.h"]);
}

#[test]
fn who_does_not_come_back_in_time_leaves_the_room() {
    let (mut bench, ann, _) = two_in_a_room();
    restart(&mut bench, 1_000);
    bench.resume(3, "ann", ann, bench.counted(ann));
    bench.read(3);

    bench.pass_ms(24 * 3_600_000);
    bench.sync();

    let seen = format!("{:?}", bench.read(3));
    assert!(
        seen.contains("r@rooms.h/B") && seen.contains("unavailable"),
        "{seen}"
    );
}

#[test]
fn nothing_is_taken_up_where_the_log_has_gone_on() {
    let mut bench = Bench::new();
    bench.open(1, "ann", "a");
    let mut saved = bench.core.saved_sessions(now(bench.now_ms));
    saved.last = Index(7);
    bench.crash();
    assert_eq!(bench.core.take_up(now(2_000), saved), 0);
}
