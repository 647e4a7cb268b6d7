//! Who brings much to others is read more slowly, and nobody else is.

use std::sync::Arc;

use crate::base::search_limits::QUERIES_PER_SESSION_MAX;
use crate::core::Input;
use crate::core::Output;
use crate::core::session::LinkId;
use crate::core::tests::harness::Bench;
use crate::effect::settings::Settings;

const DEVICES: u64 = 20;

fn is_read(bench: &Bench, link: u64) -> bool {
    bench.core.wants_input(LinkId(link))
}

#[test]
fn who_brings_more_to_others_than_it_may_is_not_read_for_a_while() {
    // Given an account with many devices, each of which hears of the others
    let mut bench = Bench::new();
    let settings = bench.core.settings.as_ref().clone();
    bench.core.settings = Arc::new(Settings {
        deliveries_per_second: Some(10),
        ..settings
    });
    for link in 1..=DEVICES {
        bench.bind(link, "ann", &format!("r{link}"));
        bench.say(link, "<presence/>");
    }
    assert!((1..=DEVICES).all(|link| is_read(&bench, link)));

    // When one of them changes its presence more often than ten seconds' worth
    for _ in 0..6 {
        bench.say(1, "<presence/>");
    }

    // Then it waits, and nobody else does
    assert!(!is_read(&bench, 1));
    assert!((2..=DEVICES).all(|link| is_read(&bench, link)));

    // And it is read again when that is over
    for _ in 0..60 {
        bench.pass_ms(1_000);
    }
    assert!(is_read(&bench, 1));
}

/// All queries wait in one line, and so does the record of who logs in.
#[test]
fn who_asks_for_much_is_read_again_when_it_has_been_answered() {
    let mut bench = Bench::new();
    bench.bind(1, "ann", "a");
    bench.bind(2, "bob", "b");
    for number in 0..QUERIES_PER_SESSION_MAX {
        assert!(is_read(&bench, 1), "{number}");
        bench.say(
            1,
            &format!("<iq type='set' id='q{number}'><query xmlns='urn:xmpp:mam:2'/></iq>"),
        );
    }
    assert!(!is_read(&bench, 1) && is_read(&bench, 2));

    for output in std::mem::take(&mut bench.outputs) {
        if let Output::Ask {
            query,
            asked,
            horizon,
        } = output
        {
            let found = bench.tables.answer(&asked, &horizon);
            let upto = bench.tables.applied_to();
            bench.step(Input::Answered { query, found, upto });
        }
    }
    assert!(is_read(&bench, 1));
}
