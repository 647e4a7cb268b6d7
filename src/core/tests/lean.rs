//! Presence without the capabilities that its reader has (XEP-0115 section 8.4), from session to session.

use std::sync::Arc;

use crate::core::Input;
use crate::core::session::LinkId;
use crate::core::tests::harness::Bench;

const CAPS: &str = "<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='n' ver='v'/>";

/// Two devices of Ann, at links 1 and 2, of which the second says what it can do; both are there.
fn bench(is_on: bool) -> Bench {
    let mut bench = Bench::new();
    Arc::make_mut(&mut bench.core.settings).caps_optimization = is_on;
    bench.open(1, "ann", "a");
    bench.open(2, "ann", "b");
    bench.say(1, "<presence/>");
    bench.say(2, &format!("<presence>{CAPS}</presence>"));
    bench.sync();
    bench
}

fn say_away(bench: &mut Bench, caps: &str) {
    bench.say(2, &format!("<presence><show>away</show>{caps}</presence>"));
    bench.sync();
}

/// What the link is told of the second device: for each presence whether its capabilities are in it.
fn told(bench: &mut Bench, link: u64) -> Vec<bool> {
    let text = String::from_utf8(bench.written(link)).unwrap();
    let presences = text.split("<presence ").skip(1);
    let presences = presences.filter(|one| one.contains("from='ann@h/b'"));
    presences.map(|one| one.contains(CAPS)).collect()
}

fn look(bench: &mut Bench, active: bool) {
    let link = LinkId(1);
    bench.step(Input::Activity { link, active });
}

#[test]
fn capabilities_are_told_once() {
    let mut bench = bench(true);
    say_away(&mut bench, CAPS);
    assert_eq!(told(&mut bench, 1), [true, false]);
}

#[test]
fn where_it_is_off_presence_is_as_it_was_said() {
    let mut bench = bench(false);
    say_away(&mut bench, CAPS);
    say_away(&mut bench, "");
    assert_eq!(told(&mut bench, 1), [true, true, false]);
}

#[test]
fn a_stream_that_resumes_is_told_whole() {
    let mut bench = Bench::new();
    Arc::make_mut(&mut bench.core.settings).caps_optimization = true;
    let key = bench.open(1, "ann", "a");
    bench.open(2, "ann", "b");
    bench.say(1, "<presence/>");
    bench.say(2, &format!("<presence>{CAPS}</presence>"));
    bench.sync();
    assert_eq!(told(&mut bench, 1), [true]);
    bench.cut(1);
    say_away(&mut bench, CAPS);

    // Its own presence and nothing else has arrived.
    bench.resume(3, "ann", key, 1);
    bench.sync();

    assert_eq!(told(&mut bench, 3), [true, false]);
}

/// XEP-0352: of the two only the newer is written.
#[test]
fn capabilities_do_not_go_with_a_presence_that_was_replaced() {
    let mut bench = bench(true);
    assert_eq!(told(&mut bench, 1), [true]);
    look(&mut bench, false);
    bench.say(2, "<presence type='unavailable'/>");
    bench.say(2, &format!("<presence>{CAPS}</presence>"));
    say_away(&mut bench, CAPS);
    assert_eq!(told(&mut bench, 1), []);

    look(&mut bench, true);

    assert_eq!(told(&mut bench, 1), [true]);
}

#[test]
fn who_goes_and_comes_again_is_told_whole() {
    let mut bench = bench(true);
    assert_eq!(told(&mut bench, 1), [true]);
    bench.say(1, "<presence type='unavailable'/>");
    bench.say(1, "<presence/>");
    bench.sync();
    assert_eq!(told(&mut bench, 1), [true]);
}

#[test]
fn whoever_comes_later_learns_what_was_said_in_the_first_presence_alone() {
    let mut bench = bench(true);
    say_away(&mut bench, "");

    bench.open(3, "ann", "c");
    bench.say(3, "<presence/>");
    bench.sync();

    assert_eq!(told(&mut bench, 3), [true]);
    assert_eq!(told(&mut bench, 1), [true, false]);
}
