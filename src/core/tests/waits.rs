//! What waits for the disk, for a record, for what was said before.

use crate::core::Input;
use crate::core::Output;
use crate::core::session::LinkId;
use crate::core::tests::harness::Bench;
use crate::testing::sim::reading::Copy;
use crate::testing::sim::reading::Seen;

#[test]
fn nothing_is_told_before_it_is_durable() {
    let mut bench = Bench::new();
    bench.open(1, "ann", "a");
    bench.open(2, "bob", "b");
    bench.say(2, "<presence/>");
    bench.read(2);
    bench.chat(1, "bob@h", "one");
    bench.ask_ack(1);

    assert_eq!(bench.read(1), []);
    assert_eq!(bench.bodies(2), [""; 0]);

    bench.sync();

    assert_eq!(bench.read(1), [Seen::Ack { h: 1 }]);
    assert_eq!(bench.bodies(2), ["one"]);
}

#[test]
fn a_request_for_the_count_is_answered_after_a_second_and_again_when_all_is_safe() {
    let mut bench = Bench::new();
    bench.open(1, "ann", "a");
    bench.chat(1, "bob@h", "one");
    bench.sync();
    bench.chat(1, "bob@h", "two");
    bench.ask_ack(1);

    bench.pass_ms(1_000);

    assert_eq!(bench.read(1), [Seen::Ack { h: 1 }]);

    bench.sync();

    assert_eq!(bench.read(1), [Seen::Ack { h: 2 }]);
}

#[test]
fn a_stanza_that_waits_for_a_record_holds_up_those_behind_it() {
    let mut bench = Bench::new();
    bench.open(1, "ann", "a");
    bench.open(2, "bob", "b");
    bench.say(2, "<presence/>");
    bench.read(2);
    bench.loads_wait = true;

    bench.chat(1, "cid@h", "to one who is not in memory");
    bench.chat(1, "bob@h", "to one who is");

    assert_eq!(bench.appended.len(), 0);

    bench.load();
    bench.sync();

    let bodies: Vec<_> = bench
        .appended
        .iter()
        .map(|entry| entry.origin.as_ref().unwrap().h)
        .collect();
    assert_eq!(bodies, [1, 2]);
    assert_eq!(bench.bodies(2), ["to one who is"]);
}

#[test]
fn a_volatile_stanza_does_not_overtake_a_kept_one() {
    let mut bench = Bench::new();
    bench.open(1, "ann", "a");
    bench.open(2, "bob", "b");
    bench.say(2, "<presence/>");
    bench.read(2);
    bench.chat(1, "bob@h", "one");
    let state = "<active xmlns='http://jabber.org/protocol/chatstates'/>";
    bench.say(
        1,
        &format!("<message type='chat' to='bob@h' id='state'>{state}</message>"),
    );

    assert_eq!(bench.read(2), []);

    bench.sync();

    assert_eq!(bench.bodies(2), ["one", ""]);
}

#[test]
fn a_message_that_one_device_did_not_take_comes_late_to_the_other() {
    let mut bench = Bench::new();
    bench.open(1, "ann", "a");
    bench.open(2, "bob", "phone");
    bench.open(3, "bob", "desk");
    bench.say(3, "<presence/>");
    bench.read(3);
    bench.chat(1, "bob@h/phone", "for the phone");
    bench.sync();
    assert_eq!(bench.bodies(2), ["for the phone"]);

    bench.step(Input::Closed {
        link: LinkId(2),
        orderly: true,
    });

    let seen = bench.read(3);
    let late = seen.iter().find_map(|seen| match seen {
        Seen::Message(text) => Some((text.body.as_str(), text.copy)),
        _ => None,
    });
    assert_eq!(late, Some(("for the phone", Copy::Late)));
}

#[test]
fn what_a_session_has_in_its_queue_is_not_replayed_to_it() {
    let mut bench = Bench::new();
    bench.open(1, "ann", "a");
    bench.open(2, "bob", "b");
    bench.chat(1, "bob@h/b", "before the presence");
    bench.sync();

    bench.say(2, "<presence/>");

    assert_eq!(bench.bodies(2), ["before the presence"]);
}

#[test]
fn a_checkpoint_that_fails_leaves_the_epoch_to_the_next() {
    let mut bench = Bench::new();
    bench.open(1, "ann", "a");
    bench.chat(1, "bob@h", "one");
    bench.sync();
    let epochs = |bench: &mut Bench| {
        bench.pass_ms(61_000);
        bench.outputs.drain(..).find_map(|output| match output {
            Output::Checkpoint { epochs, .. } => Some(epochs.len()),
            _ => None,
        })
    };
    assert_eq!(epochs(&mut bench), Some(1));

    bench.step(Input::NotCheckpointed);

    assert_eq!(epochs(&mut bench), Some(1));
}

#[test]
fn a_tail_that_is_full_again_right_after_a_checkpoint_holds_clients_up_for_a_moment_only() {
    // Given a checkpoint, and more than the tail may hold just after it began
    let mut bench = Bench::new();
    bench.open(1, "ann", "a");
    bench.chat(1, "bob@h", "one");
    bench.sync();
    bench.pass_ms(61_000);
    let upto = |bench: &mut Bench| {
        bench.outputs.drain(..).find_map(|output| match output {
            Output::Checkpoint { upto, .. } => Some(upto),
            _ => None,
        })
    };
    let first = upto(&mut bench).unwrap();
    let long = "x".repeat(200_000);
    for _ in 0..90 {
        bench.chat(1, "bob@h", &long);
        bench.sync();
    }
    bench.step(Input::Checkpointed { upto: first });
    assert!(!bench.core.wants_input(LinkId(1)));

    // When nobody may say anything, and a moment passes
    bench.pass_ms(100);

    // Then there is another one
    assert!(upto(&mut bench).is_some());
}
