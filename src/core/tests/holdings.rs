//! What all sessions keep together is bounded, and who keeps most goes.

use crate::core::CoreLimits;
use crate::core::EndReason;
use crate::core::Input;
use crate::core::session::LinkId;
use crate::core::tests::harness::Bench;
use crate::effect::settings::Settings;

const QUEUES: usize = 200_000;

fn bench() -> Bench {
    let mut bench = Bench::new();
    let limits = CoreLimits {
        queue_bytes: QUEUES,
        ..CoreLimits::default()
    };
    let settings = Settings {
        domain: "h".into(),
        ..Settings::default()
    };
    bench.core.set_policies(settings, limits);
    bench
}

/// A message that nobody keeps.
fn hint(bench: &mut Bench, to: &str, bytes: usize) {
    let body = "x".repeat(bytes);
    bench.say(
        1,
        &format!("<message type='headline' to='{to}'><body>{body}</body></message>"),
    );
}

#[test]
fn whoever_has_taken_least_goes_when_all_queues_are_too_much() {
    let mut bench = bench();
    bench.open(1, "ann", "a");
    for (link, resource) in [(2, "slow"), (3, "late"), (4, "desk")] {
        bench.open(link, "bob", resource);
        bench.say(link, "<presence/>");
    }
    for link in [2, 3, 4] {
        bench.read(link);
    }
    for _ in 0..9 {
        hint(&mut bench, "bob@h/slow", 10_000);
    }
    for _ in 0..4 {
        hint(&mut bench, "bob@h/late", 10_000);
        hint(&mut bench, "bob@h/desk", 10_000);
    }
    assert_eq!(bench.end_of(2), None);

    for _ in 0..4 {
        hint(&mut bench, "bob@h/desk", 10_000);
    }

    assert_eq!(bench.end_of(2), Some(EndReason::Crowding));
    assert_eq!((bench.end_of(3), bench.end_of(4)), (None, None));
    bench.sync();
    assert_eq!(bench.bodies(4).len(), 8);
}

#[test]
fn what_is_taken_makes_room() {
    let mut bench = bench();
    bench.open(1, "ann", "a");
    bench.bind(2, "bob", "b");
    bench.say(2, "<presence/>");
    bench.read(2);
    for _ in 0..100 {
        hint(&mut bench, "bob@h/b", 10_000);
        assert!(!bench.read(2).is_empty());
    }
    assert_eq!(bench.end_of(2), None);
}

/// One stanza for many is in memory once.
#[test]
fn what_queues_share_is_counted_once() {
    let mut bench = bench();
    bench.open(1, "ann", "a");
    for link in 2..12 {
        bench.open(link, "bob", &format!("r{link}"));
        bench.say(link, "<presence/>");
    }
    for link in 2..12 {
        bench.read(link);
    }
    for _ in 0..8 {
        hint(&mut bench, "bob@h", 10_000);
    }
    for link in 2..12 {
        assert_eq!(bench.end_of(link), None, "{link}");
    }

    for _ in 0..12 {
        hint(&mut bench, "bob@h", 10_000);
    }

    assert!((2..12).any(|link| bench.end_of(link) == Some(EndReason::Crowding)));
}

#[test]
fn what_is_under_way_is_counted_until_it_is_done() {
    let mut bench = bench();
    let limits = CoreLimits {
        tail_bytes: 20_000,
        ..CoreLimits::default()
    };
    let settings = Settings {
        domain: "h".into(),
        ..Settings::default()
    };
    bench.core.set_policies(settings, limits);
    bench.open(1, "ann", "a");
    bench.loads_wait = true;
    let body = "x".repeat(25_000);
    let text = format!("<message type='chat' to='cid@h'><body>{body}</body></message>");

    bench.say(1, &text);
    assert!(bench.core.wants_input(LinkId(1)));
    bench.say(1, &text);
    assert!(!bench.core.wants_input(LinkId(1)));

    bench.load();
    bench.sync();
    assert_eq!(bench.core.under_way_bytes(), 0);
    bench.checkpoint();
    bench.checkpoint();
    assert!(bench.core.wants_input(LinkId(1)));
}

/// What waited when its session ended is not counted for ever.
#[test]
fn what_was_dropped_is_not_under_way() {
    let mut bench = bench();
    bench.bind(1, "ann", "a");
    bench.bind(2, "bob", "b");
    bench.loads_wait = true;
    let body = "x".repeat(25_000);
    let text = format!("<message type='chat' to='cid@h'><body>{body}</body></message>");
    for _ in 0..3 {
        bench.say(1, &text);
    }
    assert!(bench.core.under_way_bytes() > 75_000);

    bench.step(Input::Closed {
        link: LinkId(1),
        orderly: true,
    });
    bench.load();
    bench.sync();

    assert_eq!(bench.core.under_way_bytes(), 0);
}
