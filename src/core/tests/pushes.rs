//! Who is told that something waits for a client, and when (XEP-0357).

use crate::core::Input;
use crate::core::session::LinkId;
use crate::core::tests::harness::Bench;
use crate::testing::sim::reading::Seen;

const ENABLE: &str = "<iq type='set' id='e'>\
     <enable xmlns='urn:xmpp:push:0' jid='cid@h/app' node='n1'/></iq>";

/// `cid@h/app` is the service of ann's phone, bob writes; the phone's key.
fn bench() -> (Bench, crate::base::ids::SmKey) {
    let mut bench = Bench::new();
    bench.bind(3, "cid", "app");
    bench.open(2, "bob", "b");
    let key = bench.open(1, "ann", "phone");
    bench.say(1, "<presence/>");
    bench.say(1, ENABLE);
    bench.sync();
    bench.read(1);
    bench.ack(1, 2);
    (bench, key)
}

/// Writes as `bob@h`; what the service is told because of it.
fn write(bench: &mut Bench, body: &str) -> usize {
    bench.chat(2, "ann@h", body);
    bench.sync();
    told(bench)
}

fn told(bench: &mut Bench) -> usize {
    bench.pass_ms(1);
    let seen = bench.read(3);
    seen.iter()
        .filter(|seen| matches!(seen, Seen::Iq { .. }))
        .count()
}

fn end(bench: &mut Bench, orderly: bool) {
    let link = LinkId(1);
    bench.step(Input::Closed { link, orderly });
}

#[test]
fn the_service_of_a_client_that_is_not_there_is_told_at_once_and_not_more_often_than_it_may() {
    let (mut bench, _) = bench();
    end(&mut bench, true);

    assert_eq!(write(&mut bench, "one"), 1);
    assert_eq!(write(&mut bench, "two"), 0);
    bench.pass_ms(10_000);
    assert_eq!(told(&mut bench), 1);
    bench.pass_ms(60_000);
    assert_eq!(told(&mut bench), 0);
}

#[test]
fn a_client_that_lost_its_stream_is_woken_for_what_it_has_not_counted_and_for_what_comes() {
    let (mut bench, _) = bench();
    assert_eq!(write(&mut bench, "one"), 0);
    bench.read(1);

    end(&mut bench, false);
    assert_eq!(told(&mut bench), 1);

    bench.pass_ms(10_000);
    assert_eq!(write(&mut bench, "two"), 1);
}

#[test]
fn a_client_that_counts_is_not_woken() {
    let (mut bench, _) = bench();
    assert_eq!(write(&mut bench, "one"), 0);
    bench.read(1);
    bench.ack(1, 3);

    bench.pass_ms(60_000);
    end(&mut bench, false);

    assert_eq!(told(&mut bench), 0);
}

#[test]
fn a_client_that_does_not_count_is_woken_after_a_while_and_sooner_in_a_pocket() {
    for (active, seconds) in [(true, 30), (false, 5)] {
        let (mut bench, _) = bench();
        let link = LinkId(1);
        bench.step(Input::Activity { link, active });
        assert_eq!(write(&mut bench, "one"), 0);

        bench.pass_ms(seconds * 1_000 - 10);
        assert_eq!(told(&mut bench), 0, "{active}");
        bench.pass_ms(20);
        assert_eq!(told(&mut bench), 1, "{active}");
    }
}

#[test]
fn a_client_that_is_back_has_time_to_count() {
    let (mut bench, key) = bench();
    end(&mut bench, false);
    assert_eq!(write(&mut bench, "one"), 1);
    assert_eq!(write(&mut bench, "two"), 0);

    bench.resume(4, "ann", key, 2);
    bench.pass_ms(15_000);
    assert_eq!(told(&mut bench), 0);
    assert_eq!(bench.bodies(4), ["one", "two"]);
    bench.ack(4, 4);
    bench.pass_ms(60_000);

    assert_eq!(told(&mut bench), 0);
}

#[test]
fn nobody_is_told_of_what_nobody_would_see() {
    let (mut bench, _) = bench();
    end(&mut bench, true);

    bench.say(
        2,
        "<message type='chat' to='ann@h'><received xmlns='urn:xmpp:receipts' id='1'/><store xmlns='urn:xmpp:hints'/></message>",
    );
    bench.sync();

    assert_eq!(told(&mut bench), 0);
}

#[test]
fn the_room_of_a_sleeping_occupant_wakes_it_by_its_name() {
    let (mut bench, _) = bench();
    let open = "<iq type='set' id='c' to='room@rooms.h'>\
         <query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'/></query></iq>";
    for (link, nick) in [(1, "Ann"), (2, "Bob")] {
        bench.say(
            link,
            &format!(
                "<presence to='room@rooms.h/{nick}'><x xmlns='http://jabber.org/protocol/muc'/></presence>"
            ),
        );
        bench.say(1, open);
        bench.sync();
    }
    bench.read(1);
    end(&mut bench, false);
    bench.pass_ms(20_000);
    told(&mut bench);
    let mut speak = |body: &str| {
        bench.say(
            2,
            &format!("<message type='groupchat' to='room@rooms.h'><body>{body}</body></message>"),
        );
        bench.sync();
        told(&mut bench)
    };

    assert_eq!(speak("what do you all think"), 0);
    assert_eq!(speak("what does ann think"), 1);
}
