//! Sessions that outlive their stream, and what is known of those that did not (XEP-0198 section 5).

use crate::base::limits::FETCH_BYTES_MAX;
use crate::core::CoreLimits;
use crate::core::EndReason;
use crate::core::Input;
use crate::core::Output;
use crate::core::session::LinkId;
use crate::core::tests::harness::Bench;
use crate::effect::settings::Settings;

#[test]
fn a_resumed_stream_goes_on_where_the_client_has_counted_to() {
    let (mut bench, key) = Bench::two_uncounted();

    bench.cut(2);
    bench.chat(1, "bob@h", "four");
    bench.sync();
    bench.resume(3, "bob", key, 3);

    assert_eq!(bench.resumption(3), Some(Ok(1)));
    assert_eq!(bench.bodies(3), ["three", "four"]);
}

#[test]
fn whoever_can_resume_is_told_where_to_try_first() {
    let mut bench = Bench::new();
    let settings = Settings {
        domain: "h".into(),
        location: Some("a.h".into()),
        ..Settings::default()
    };
    bench.core.set_policies(settings, CoreLimits::default());
    for (link, is_resumable) in [(1, true), (2, false)] {
        bench.bind(link, "ann", &format!("r{link}"));
        bench.step(Input::Enable {
            link: LinkId(link),
            is_resumable,
            max_ms: None,
        });
        let told = String::from_utf8(bench.written(link)).unwrap();
        assert!(told.starts_with("<enabled "), "{told}");
        assert_eq!(told.contains(" location='a.h'"), is_resumable, "{told}");
    }
}

#[test]
fn a_resumption_waits_for_what_was_received_before() {
    let mut bench = Bench::new();
    let key = bench.open(1, "ann", "a");
    bench.chat(1, "bob@h", "one");
    bench.cut(1);

    bench.resume(2, "ann", key, 0);
    assert_eq!(bench.resumption(2), None);
    bench.sync();

    assert_eq!(bench.resumption(2), Some(Ok(1)));
}

#[test]
fn a_stream_that_is_cut_while_it_waits_to_resume_leaves_the_session_asleep() {
    let mut bench = Bench::new();
    let key = bench.open(1, "ann", "a");
    bench.chat(1, "bob@h", "one");
    bench.cut(1);
    bench.resume(2, "ann", key, 0);
    bench.cut(2);
    bench.sync();
    assert_eq!(bench.resumption(2), None);

    bench.resume(3, "ann", key, 0);

    assert_eq!(bench.resumption(3), Some(Ok(1)));
}

#[test]
fn the_later_of_two_resumptions_gets_the_session() {
    let mut bench = Bench::new();
    let key = bench.open(1, "ann", "a");
    bench.chat(1, "bob@h", "one");
    bench.cut(1);
    bench.resume(2, "ann", key, 0);
    bench.resume(3, "ann", key, 0);
    bench.sync();

    assert_eq!(bench.resumption(3), Some(Ok(1)));
    assert_eq!(bench.end_of(2), Some(EndReason::Conflict));
}

#[test]
fn a_bind_whose_stream_is_gone_leaves_no_session() {
    let mut bench = Bench::new();
    bench.loads_wait = true;
    bench.bind(1, "ann", "a");
    bench.cut(1);
    bench.load();
    bench.loads_wait = false;
    bench.open(2, "bob", "b");
    bench.chat(2, "ann@h/a", "for a session that is not there");
    bench.sync();

    bench.bind(3, "ann", "a");

    assert_eq!(bench.end_of(1), None, "a session was there to be replaced");
    assert_eq!(bench.bodies(3), [""; 0]);
}

#[test]
fn what_still_waited_when_another_stream_took_the_place_is_not_counted() {
    let mut bench = Bench::new();
    let key = bench.open(1, "ann", "a");
    bench.chat(1, "bob@h", "one");
    bench.sync();
    bench.loads_wait = true;
    bench.chat(1, "cid@h", "two, for one who is not in memory");
    bench.bind(2, "ann", "a");
    assert_eq!(bench.end_of(1), Some(EndReason::Conflict));

    bench.load();
    bench.resume(3, "ann", key, 0);

    assert_eq!(bench.resumption(3), Some(Err(Some(1))));
    assert_eq!(bench.appended.len(), 1, "it was handled after all");
}

#[test]
fn rows_on_their_way_when_the_stream_is_cut_are_not_taken_for_gone() {
    let mut bench = Bench::new();
    bench.open(1, "ann", "a");
    let key = bench.open(2, "bob", "b");
    bench.say(2, "<presence/>");
    bench.read(2);
    bench.chat(1, "bob@h", "one");
    bench.sync();
    bench.checkpoint();
    // Out of the tail, so the tables are asked.
    assert_eq!(bench.bodies(2), [""; 0]);
    bench.cut(2);
    bench.resume(3, "bob", key, 1);
    assert_eq!(bench.resumption(3), Some(Ok(1)));
    assert_eq!(bench.bodies(3), [""; 0]);

    let outputs = std::mem::take(&mut bench.outputs);
    for output in outputs {
        if let Output::Fetch { session, positions } = output {
            let rows = bench.tables.fetch(&positions);
            bench.step(Input::Fetched { session, rows });
        }
    }

    assert_eq!(bench.bodies(3), ["one"]);
}

#[test]
fn large_rows_come_one_by_one_and_one_that_is_gone_stops_nobody() {
    let mut bench = Bench::new();
    bench.open(1, "ann", "a");
    bench.open(2, "bob", "b");
    bench.say(2, "<presence/>");
    bench.read(2);
    let texts = ["one", "two", "three", "four"].map(|text| text.repeat(FETCH_BYTES_MAX / 2));
    for text in &texts {
        bench.chat(1, "bob@h", text);
    }
    bench.sync();
    bench.checkpoint();

    let (mut bodies, mut fetches, mut first) = (bench.bodies(2), 0, None);
    loop {
        let outputs = std::mem::take(&mut bench.outputs);
        let fetch = outputs.into_iter().find_map(|output| match output {
            Output::Fetch { session, positions } => Some((session, positions)),
            _ => None,
        });
        let Some((session, positions)) = fetch else {
            break;
        };
        fetches += 1;
        let gone = *first.get_or_insert(positions[0]);
        // As the tables do: up to the row that is too much.
        let rows = positions.iter().filter(|position| **position != gone);
        let rows = bench
            .tables
            .fetch(&rows.copied().take(1).collect::<Vec<_>>());
        bench.step(Input::Fetched { session, rows });
        bodies.extend(bench.bodies(2));
    }

    assert!(bodies == texts[1..], "{}", bodies.len());
    assert_eq!(fetches, 3);
}
