//! Taking back what was said in a room, by who said it (XEP-0424) and by moderators (XEP-0425).

use crate::muc::tests::town::Town;
use crate::muc::tests::town::none;
use crate::muc::tests::town::one;

/// Alice moderates, Bob and Carol are participants, and Bob has said something; its stanza id.
fn hall() -> (Town, String) {
    let mut town = Town::with(&["alice", "bob", "carol", "dave"]);
    town.open_hall("alice", "A");
    town.enter("bob", "B");
    town.enter("carol", "C");
    town.clear();
    town.say("bob", "secret");
    let inbox = town.inbox("carol");
    let said = one(&inbox, &["secret"]);
    let (_, id) = said
        .split_once("<stanza-id xmlns='urn:xmpp:sid:0' id='")
        .unwrap();
    let id = id.split('\'').next().unwrap().to_owned();
    town.clear();
    (town, id)
}

fn moderate(id: &str) -> String {
    format!(
        "<iq xmlns='jabber:client' type='set' id='mod' to='hall@rooms.test'>\
         <moderate xmlns='urn:xmpp:message-moderate:1' id='{id}'>\
         <retract xmlns='urn:xmpp:message-retract:1'/><reason>rude</reason></moderate></iq>"
    )
}

fn retract(id: &str) -> String {
    format!(
        "<message xmlns='jabber:client' type='groupchat' id='back' to='hall@rooms.test'>\
         <retract xmlns='urn:xmpp:message-retract:1' id='{id}'/></message>"
    )
}

#[test]
fn what_a_moderator_takes_back_is_told_to_all_by_the_room() {
    let (mut town, id) = hall();
    town.send("alice", &moderate(&id));
    one(&town.inbox("alice"), &["type='result'", "id='mod'"]);
    let inbox = town.inbox("carol");
    let told = one(&inbox, &["type='groupchat'", "from='hall@rooms.test'"]);
    let retract = format!("<retract xmlns='urn:xmpp:message-retract:1' id='{id}'>");
    assert!(told.contains(&retract), "{told}");
    let by = "<moderated xmlns='urn:xmpp:message-moderate:1' by='hall@rooms.test/A'>";
    assert!(
        told.contains(by) && told.contains("<reason>rude</reason>"),
        "{told}"
    );
    assert!(told.contains("<stanza-id"), "{told}");
}

#[test]
fn what_was_taken_back_is_not_said_again_to_who_enters() {
    let (mut town, id) = hall();
    town.send("alice", &moderate(&id));
    town.enter("dave", "D");
    let inbox = town.inbox("dave");
    none(&inbox, &["secret"]);
    none(&inbox, &["<retracted"]);
    one(&inbox, &["<moderated"]);
}

#[test]
fn only_moderators_take_back_what_others_have_said() {
    let (mut town, id) = hall();
    for name in ["carol", "dave"] {
        town.send(name, &moderate(&id));
        one(&town.inbox(name), &["type='error'", "<forbidden"]);
    }
    none(&town.inbox("bob"), &["<retract"]);
    town.enter("dave", "D");
    one(&town.inbox("dave"), &["secret"]);
}

#[test]
fn an_id_that_the_room_has_not_given_is_not_found() {
    let (mut town, _) = hall();
    for id in ["x", "00000000000000000000000000000000"] {
        town.send("alice", &moderate(id));
        one(&town.inbox("alice"), &["type='error'", "<item-not-found"]);
    }
}

#[test]
fn who_has_said_it_takes_it_back_under_another_nickname_too() {
    let (mut town, id) = hall();
    town.send(
        "bob",
        "<presence xmlns='jabber:client' to='hall@rooms.test/Robert'/>",
    );
    town.send("bob", &retract(&id));
    one(&town.inbox("carol"), &["<retract ", "/Robert'"]);
    town.enter("dave", "D");
    none(&town.inbox("dave"), &["secret"]);
}

#[test]
fn nobody_takes_back_what_somebody_else_has_said_by_a_message() {
    let (mut town, id) = hall();
    town.send("carol", &retract(&id));
    town.enter("dave", "D");
    one(&town.inbox("dave"), &["secret"]);
}

#[test]
fn a_room_with_an_archive_says_that_messages_can_be_taken_back() {
    let (mut town, _) = hall();
    let info = "<iq xmlns='jabber:client' type='get' id='i' to='hall@rooms.test'>\
         <query xmlns='http://jabber.org/protocol/disco#info'/></iq>";
    town.send("bob", info);
    one(
        &town.inbox("bob"),
        &[
            "urn:xmpp:message-moderate:1",
            "'urn:xmpp:message-retract:1'",
            "urn:xmpp:message-retract:1#tombstone",
        ],
    );
}
