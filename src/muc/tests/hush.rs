//! Blocked rooms and blocked occupants (XEP-0191).

use crate::muc::tests::town::Town;
use crate::muc::tests::town::all;
use crate::muc::tests::town::none;
use crate::muc::tests::town::one;

/// Alice owns the hall, Bob and Carol are inside.
fn hall() -> Town {
    let mut town = Town::with(&["alice", "bob", "carol"]);
    town.open_hall("alice", "A");
    town.enter("bob", "B");
    town.enter("carol", "C");
    town.clear();
    town
}

fn block(town: &mut Town, name: &str, verb: &str, jid: &str) {
    let xml = format!(
        "<iq xmlns='jabber:client' type='set' id='b'><{verb} xmlns='urn:xmpp:blocking'>\
         <item jid='{jid}'/></{verb}></iq>"
    );
    town.send(name, &xml);
}

#[test]
fn who_blocks_a_room_has_left_it_and_cannot_enter() {
    for jid in ["hall@rooms.test", "rooms.test"] {
        let mut town = hall();
        block(&mut town, "bob", "block", jid);
        one(&town.inbox("alice"), &["/B'", "type='unavailable'"]);
        town.clear();

        town.say("alice", "hello");
        assert!(town.inbox("bob").is_empty());
        town.enter("bob", "B");
        one(&town.inbox("bob"), &["<not-acceptable", "<blocked"]);
        town.say("bob", "hello");
        one(&town.inbox("bob"), &["<not-acceptable", "<blocked"]);

        block(&mut town, "bob", "unblock", jid);
        town.enter("bob", "B");
        one(&town.inbox("bob"), &["code='110'"]);
    }
}

#[test]
fn nothing_of_a_blocked_occupant_is_heard() {
    let mut town = hall();
    block(&mut town, "bob", "block", "hall@rooms.test/A");
    town.clear();

    town.say("alice", "hello");
    town.send(
        "alice",
        "<message xmlns='jabber:client' to='hall@rooms.test' type='groupchat'>\
         <composing xmlns='http://jabber.org/protocol/chatstates'/></message>",
    );
    town.send(
        "alice",
        "<presence xmlns='jabber:client' to='hall@rooms.test/A'><show>away</show></presence>",
    );
    town.say("carol", "hello");

    let inbox = town.inbox("bob");
    none(&inbox, &["hall@rooms.test/A'"]);
    one(&inbox, &["hall@rooms.test/C'", "hello"]);
    let others = town.inbox("carol");
    assert_eq!(all(&others, &["from='hall@rooms.test/A'"]).len(), 3);
}

#[test]
fn a_request_of_a_blocked_occupant_and_one_to_it_are_refused() {
    let mut town = hall();
    block(&mut town, "bob", "block", "hall@rooms.test/A");
    town.clear();
    let ask = |nick: &str| {
        format!(
            "<iq xmlns='jabber:client' type='get' id='v' to='hall@rooms.test/{nick}'>\
             <query xmlns='jabber:iq:version'/></iq>"
        )
    };

    town.send("alice", &ask("B"));
    town.send("bob", &ask("A"));

    one(&town.inbox("alice"), &["id='v'", "<service-unavailable"]);
    one(
        &town.inbox("bob"),
        &["id='v'", "<not-acceptable", "<blocked"],
    );
}

#[test]
fn who_enters_hears_nothing_of_whom_it_has_blocked_before() {
    let mut town = hall();
    town.say("alice", "hello");
    town.say("carol", "hello");
    town.log_in("dave");
    block(&mut town, "dave", "block", "hall@rooms.test/A");
    town.clear();

    town.enter("dave", "D");

    let inbox = town.inbox("dave");
    none(&inbox, &["hall@rooms.test/A'"]);
    one(&inbox, &["hall@rooms.test/C'", "hello"]);
}

#[test]
fn who_is_unblocked_is_there_again() {
    let mut town = hall();
    block(&mut town, "bob", "block", "hall@rooms.test/A");
    town.clear();

    block(&mut town, "bob", "unblock", "hall@rooms.test/A");

    one(
        &town.inbox("bob"),
        &["<presence", "from='hall@rooms.test/A'"],
    );
    town.say("alice", "hello");
    one(&town.inbox("bob"), &["hello"]);
}
