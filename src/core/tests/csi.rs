//! What a client gets that nobody looks at (XEP-0352), and what that saves.

use crate::core::Input;
use crate::core::session::LinkId;
use crate::core::tests::harness::Bench;
use crate::core::tests::harness::account;
use crate::core::tests::harness::bare;
use crate::core::tests::harness::enabled;
use crate::model::contact::Contact;
use crate::model::contact::Inward;
use crate::model::contact::Outward;
use crate::model::position::Hlc;
use crate::model::position::Position;
use crate::model::row::Row;
use crate::model::row::RowName;
use crate::testing::sim::reading::Seen;

const TYPING: &str = "<composing xmlns='http://jabber.org/protocol/chatstates'/>";

#[test]
fn presence_waits_for_a_message_and_only_the_last_one_of_a_contact_goes_out() {
    let mut bench = friends();
    put_away(&mut bench);

    bench.say(2, "<presence><show>away</show></presence>");
    bench.say(2, "<presence><show>dnd</show></presence>");
    assert_eq!(bench.read(1), []);
    bench.chat(2, "ann@h", "look");
    bench.sync();

    let got = names(&bench.read(1));
    assert_eq!(got, ["presence bob@h/b", "message look"]);
}

#[test]
fn a_client_that_is_looked_at_again_gets_all_that_was_held_in_order() {
    let mut bench = friends();
    put_away(&mut bench);
    bench.say(2, "<presence><show>away</show></presence>");
    bench.say(
        2,
        &format!("<message type='chat' to='ann@h'>{TYPING}</message>"),
    );
    bench.say(
        2,
        &format!("<message type='chat' to='ann@h'>{TYPING}</message>"),
    );
    assert_eq!(bench.read(1), []);

    look_at(&mut bench);

    let got = names(&bench.read(1));
    assert_eq!(got, ["presence bob@h/b", "message "]);
}

#[test]
fn an_answer_never_waits_so_that_nobody_learns_whether_the_client_is_looked_at() {
    let mut bench = friends();
    put_away(&mut bench);

    bench.say(
        2,
        "<iq type='get' id='p' to='ann@h/a'><ping xmlns='urn:xmpp:ping'/></iq>",
    );

    assert_eq!(names(&bench.read(1)), ["iq p"]);
}

#[test]
fn a_client_that_asks_for_a_count_gets_along_with_it_what_was_held() {
    let mut bench = friends();
    put_away(&mut bench);
    bench.say(2, "<presence><show>away</show></presence>");
    assert_eq!(bench.read(1), []);

    bench.ask_ack(1);

    let seen = bench.read(1);
    assert!(matches!(seen.first(), Some(Seen::Ack { .. })), "{seen:?}");
    assert_eq!(names(&seen[1..2]), ["presence bob@h/b"]);
}

#[test]
fn a_room_waits_half_a_minute_unless_it_names_the_reader() {
    let mut bench = Bench::new();
    bench.open(1, "ann", "a");
    bench.open(2, "bob", "b");
    bench.say(1, &enter("room", "Ann"));
    bench.say(2, &enter("room", "Bob"));
    // A room is locked until it has got its configuration.
    let open = "<iq type='set' id='c' to='room@rooms.h'>\
         <query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'/></query></iq>";
    bench.say(1, open);
    bench.sync();
    bench.say(2, &enter("room", "Bob"));
    bench.sync();
    bench.read(1);
    put_away(&mut bench);

    bench.say(2, &speak("room", "nobody in particular"));
    bench.sync();
    assert_eq!(bench.read(1), []);
    bench.pass_ms(30_000);
    assert_eq!(names(&bench.read(1)), ["message nobody in particular"]);

    bench.say(2, &speak("room", "well, ann?"));
    bench.sync();
    assert_eq!(names(&bench.read(1)), ["message well, ann?"]);
}

#[test]
fn what_is_held_is_bounded() {
    let mut bench = friends();
    put_away(&mut bench);
    let mut got = 0;
    for number in 0..2_000 {
        let node = format!(
            "<message type='headline' to='ann@h/a'><event xmlns='http://jabber.org/protocol/pubsub#event'>\
             <items node='n{number}'><item id='i'/></items></event></message>"
        );
        bench.say(2, &node);
        got += bench.read(1).len();
    }
    assert!(got > 1_400, "{got}");
    assert!(bench.end_of(1).is_none());
}

/// An hour of a phone in a pocket: 50 contacts come and go, 12 of them write now and then and type before, and a
/// room of 20 talks. `--nocapture` prints what the hour costs with and without XEP-0352.
#[test]
fn an_hour_in_a_pocket_keeps_the_radio_down_for_most_of_the_time() {
    let awake = hour(true);
    let held = hour(false);
    println!("looked at:   {awake:?}");
    println!("in a pocket: {held:?}");

    assert_eq!(held.bodies, awake.bodies);
    assert!(held.radio_seconds * 4 < awake.radio_seconds);
    assert!(held.writes * 10 < awake.writes);
    assert!(held.bytes < awake.bytes);
}

#[derive(Debug, Default)]
struct Cost {
    bytes: usize,
    writes: usize,
    /// It stays up for ten seconds after it was used.
    radio_seconds: u64,
    /// Messages, as the phone shows them.
    bodies: usize,
}

fn hour(is_active: bool) -> Cost {
    const CONTACTS: u64 = 50;
    let mut bench = Bench::new();
    for number in 0..CONTACTS {
        let name = format!("c{number}");
        befriend(&mut bench, "ann", &name);
    }
    bench.open(1, "ann", "a");
    bench.say(1, "<presence/>");
    for number in 0..CONTACTS {
        let link = 100 + number;
        bench.bind(link, &format!("c{number}"), "desk");
        bench.say(link, "<presence/>");
    }
    bench.say(1, &enter("room", "Ann"));
    bench.say(
        1,
        "<iq type='set' id='c' to='room@rooms.h'>\
         <query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'/></query></iq>",
    );
    bench.sync();
    for number in 0..20 {
        bench.say(100 + number, &enter("room", &format!("Guest{number}")));
    }
    bench.sync();
    bench.read(1);
    if !is_active {
        put_away(&mut bench);
    }
    let mut cost = Cost::default();
    let mut last = None;
    for second in 0..3_600_u64 {
        bench.pass_ms(1_000);
        happen(&mut bench, second, CONTACTS);
        bench.sync();
        let mut bytes = Vec::new();
        // As the driver does it: a stream that has nothing to write is not asked.
        while bench.is_ready(1) && bench.core.write(LinkId(1), &mut bytes, usize::MAX) {}
        if bytes.is_empty() {
            continue;
        }
        cost.bytes += bytes.len();
        cost.writes += 1;
        cost.radio_seconds += last.map_or(10, |last: u64| 10.min(second - last));
        last = Some(second);
        let seen = crate::testing::sim::reading::read(&bytes).unwrap();
        let is_text = |seen: &&Seen| matches!(seen, Seen::Message(text) if !text.body.is_empty());
        cost.bodies += seen.iter().filter(is_text).count();
    }
    cost
}

/// A second of it.
fn happen(bench: &mut Bench, second: u64, contacts: u64) {
    // Each contact changes every five minutes.
    if second.is_multiple_of(6) {
        let link = 100 + second / 6 % contacts;
        let show = ["away", "xa", "chat", "dnd"][usize::try_from(second / 300 % 4).unwrap()];
        bench.say(link, &format!("<presence><show>{show}</show></presence>"));
    }
    // Twelve messages of contacts, typed for a while.
    let (at, which) = (second % 300, 100 + second / 300);
    if (270..290).contains(&at) && at.is_multiple_of(5) {
        bench.say(
            which,
            &format!("<message type='chat' to='ann@h'>{TYPING}</message>"),
        );
    }
    if at == 292 {
        bench.chat(
            which,
            "ann@h",
            "A few words that somebody has for Ann alone.",
        );
    }
    // The room: five lines a minute in the first half of every ten minutes, and Ann is named once in each.
    if second % 600 < 300 && second.is_multiple_of(12) {
        let body = if second % 600 == 60 {
            "What does Ann think?"
        } else {
            "What do you all think of this one?"
        };
        bench.say(100 + second / 12 % 20, &speak("room", body));
    }
}

fn friends() -> Bench {
    let mut bench = Bench::new();
    befriend(&mut bench, "ann", "bob");
    bench.open(1, "ann", "a");
    bench.open(2, "bob", "b");
    bench.say(1, "<presence/>");
    bench.say(2, "<presence/>");
    bench.read(1);
    bench
}

fn befriend(bench: &mut Bench, one: &str, other: &str) {
    for (name, friend) in [(one, other), (other, one)] {
        let contact = Contact {
            listed: true,
            out: Outward::To,
            inward: Inward::From,
            ..Contact::default()
        };
        let contact = Row::Contact {
            contact: contact.into(),
        };
        let named = RowName::Contact { jid: bare(friend) };
        for (row, value) in [(RowName::Account, enabled()), (named, contact)] {
            bench.tables.put(
                account(name),
                row,
                Position::ZERO,
                Hlc::default(),
                Some(value),
            );
        }
    }
}

fn put_away(bench: &mut Bench) {
    let link = LinkId(1);
    bench.step(Input::Activity {
        link,
        active: false,
    });
    bench.outputs.clear();
}

fn look_at(bench: &mut Bench) {
    let link = LinkId(1);
    bench.step(Input::Activity { link, active: true });
}

fn enter(room: &str, nick: &str) -> String {
    format!(
        "<presence to='{room}@rooms.h/{nick}'><x xmlns='http://jabber.org/protocol/muc'/></presence>"
    )
}

fn speak(room: &str, body: &str) -> String {
    format!("<message type='groupchat' to='{room}@rooms.h' id='i'><body>{body}</body></message>")
}

fn names(seen: &[Seen]) -> Vec<String> {
    let names = seen.iter().filter_map(|seen| match seen {
        Seen::Message(text) => Some(format!("message {}", text.body)),
        Seen::Presence { from, .. } => Some(format!("presence {from}")),
        Seen::Iq { id, .. } => Some(format!("iq {id}")),
        _ => None,
    });
    names.collect()
}
