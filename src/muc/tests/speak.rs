//! Messages to everybody, and the subject (XEP-0045 sections 7.4 and 8.1).

use crate::muc::tests::town::Town;
use crate::muc::tests::town::none;
use crate::muc::tests::town::one;

#[test]
fn a_message_goes_to_all_occupants_with_the_rooms_id() {
    let mut town = Town::with(&["alice", "bob"]);
    town.open_hall("alice", "A");
    town.enter("bob", "B");
    town.clear();
    town.say("bob", "hello");
    let (alice, bob) = (town.inbox("alice"), town.inbox("bob"));
    for inbox in [&alice, &bob] {
        let text = one(
            inbox,
            &["hello", "from='hall@rooms.test/B'", "type='groupchat'"],
        );
        assert!(text.contains("id='m'") && text.contains("by='hall@rooms.test'"));
        assert!(text.contains("<occupant-id xmlns='urn:xmpp:occupant-id:0'"));
    }
}

/// What refers to another message (XEP-0308, XEP-0444, XEP-0461) is referred to itself by the room's id, and stays.
#[test]
fn corrections_reactions_and_replies_have_the_rooms_id_and_are_told_to_who_enters() {
    let mut town = Town::with(&["alice", "bob"]);
    town.open_hall("alice", "A");
    let reference = [
        "<body>Alas</body><replace xmlns='urn:xmpp:message-correct:0' id='m'/>",
        "<body>Yes</body><reply xmlns='urn:xmpp:reply:0' to='hall@rooms.test/A' id='1'/>",
        "<reactions xmlns='urn:xmpp:reactions:0' id='1'><reaction>+</reaction></reactions>",
    ];
    for content in reference {
        town.clear();
        town.send(
            "alice",
            &format!("<message xmlns='jabber:client' type='groupchat' id='n' to='hall@rooms.test'>{content}</message>"),
        );
        one(
            &town.inbox("alice"),
            &[content, "<stanza-id", "by='hall@rooms.test'"],
        );
    }

    town.enter("bob", "B");

    let past = town.inbox("bob");
    for content in reference {
        one(&past, &[content, "<delay", "<stanza-id"]);
    }
}

#[test]
fn nobody_speaks_in_the_rooms_name() {
    let mut town = Town::with(&["alice"]);
    town.open_hall("alice", "A");
    town.send(
        "alice",
        "<message xmlns='jabber:client' to='hall@rooms.test' type='groupchat'><body>x</body>\
         <stanza-id xmlns='urn:xmpp:sid:0' id='forged' by='hall@rooms.test'/>\
         <stanza-id xmlns='urn:xmpp:sid:0' id='forged' by='alice@test'/>\
         <stanza-id xmlns='urn:xmpp:sid:0' id='passed' by='elsewhere.example'/>\
         <occupant-id xmlns='urn:xmpp:occupant-id:0' id='forged'/>\
         <x xmlns='http://jabber.org/protocol/muc#user'><status code='301'/></x></message>",
    );
    let inbox = town.inbox("alice");
    one(&inbox, &["<body>x</body>", "passed"]);
    none(&inbox, &["forged"]);
    none(&inbox, &["301"]);
}

#[test]
fn only_who_is_inside_and_has_voice_speaks() {
    let mut town = Town::with(&["alice", "bob"]);
    town.open_hall("alice", "A");
    town.say("bob", "hello");
    one(&town.inbox("bob"), &["type='error'", "<not-acceptable"]);

    town.configure("alice", &[("moderatedroom", "1")]);
    town.enter("bob", "B");
    one(&town.inbox("bob"), &["role='visitor'"]);
    town.clear();
    town.say("bob", "hello");
    one(&town.inbox("bob"), &["type='error'", "<forbidden"]);
    none(&town.inbox("alice"), &["hello"]);
}

#[test]
fn what_is_not_to_be_kept_is_heard_but_not_remembered() {
    let mut town = Town::with(&["alice", "bob"]);
    town.open_hall("alice", "A");
    town.send(
        "alice",
        "<message xmlns='jabber:client' to='hall@rooms.test' type='groupchat'>\
         <composing xmlns='http://jabber.org/protocol/chatstates'/></message>",
    );
    one(&town.inbox("alice"), &["<composing"]);
    town.configure("alice", &[("enablelogging", "0")]);
    town.say("alice", "off the record");
    one(&town.inbox("alice"), &["off the record"]);
    town.enter("bob", "B");
    none(&town.inbox("bob"), &["<composing"]);
}

#[test]
fn the_subject_is_set_by_who_may_and_kept() {
    let mut town = Town::with(&["alice", "bob", "carol"]);
    town.open_hall("alice", "A");
    town.enter("bob", "B");
    town.clear();
    let subject = |text: &str| {
        format!(
            "<message xmlns='jabber:client' to='hall@rooms.test' type='groupchat'>\
             <subject>{text}</subject></message>"
        )
    };
    town.send("bob", &subject("mine"));
    one(&town.inbox("bob"), &["type='error'", "<forbidden"]);
    town.send("alice", &subject("ours"));
    one(
        &town.inbox("bob"),
        &["<subject>ours</subject>", "from='hall@rooms.test/A'"],
    );

    town.enter("carol", "C");
    let inbox = town.inbox("carol");
    let last = inbox.last().unwrap();
    assert!(last.contains("<subject>ours</subject>") && last.contains("<delay"));

    town.configure("alice", &[("changesubject", "1")]);
    town.send("bob", &subject(""));
    one(&town.inbox("alice"), &["<subject></subject>", "/B'"]);
}

#[test]
fn what_a_room_keeps_in_memory_is_bounded() {
    let mut town = Town::with(&["alice"]);
    town.open_hall("alice", "A");
    let long = "x".repeat(10_000);
    town.send(
        "alice",
        &format!(
            "<message xmlns='jabber:client' to='hall@rooms.test' type='groupchat'>\
             <subject>{long}</subject></message>"
        ),
    );
    one(&town.inbox("alice"), &["type='error'", "<policy-violation"]);
    town.send(
        "alice",
        &format!(
            "<presence xmlns='jabber:client' to='hall@rooms.test/A'><status>{long}</status>\
             </presence>"
        ),
    );
    one(&town.inbox("alice"), &["type='error'", "<policy-violation"]);
}
