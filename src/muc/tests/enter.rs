//! Entering, being there, leaving (XEP-0045 sections 7.2 and 7.14).

use crate::model::room::RoomConfig;
use crate::muc::tests::town::Town;
use crate::muc::tests::town::all;
use crate::muc::tests::town::none;
use crate::muc::tests::town::one;

#[test]
fn a_new_room_is_locked_for_all_but_its_owner_until_it_is_configured() {
    let mut town = Town::with(&["alice", "bob"]);
    town.enter("alice", "A");
    let inbox = town.inbox("alice");
    let own = one(&inbox, &["<presence", "from='hall@rooms.test/A'"]);
    assert!(own.contains("affiliation='owner' role='moderator'"));
    assert!(own.contains("code='110'") && own.contains("code='201'"));
    assert!(inbox.last().unwrap().contains("<subject></subject>"));

    town.enter("bob", "B");
    one(&town.inbox("bob"), &["type='error'", "<item-not-found"]);
    none(&town.inbox("alice"), &["/B"]);

    town.open_hall("alice", "A");
    town.enter("bob", "B");
    one(
        &town.inbox("bob"),
        &["from='hall@rooms.test/B'", "code='110'"],
    );
}

#[test]
fn cancelling_the_first_form_ends_the_room() {
    let mut town = Town::with(&["alice"]);
    town.enter("alice", "A");
    town.clear();
    town.send(
        "alice",
        "<iq xmlns='jabber:client' type='set' id='c' to='hall@rooms.test'>\
         <query xmlns='http://jabber.org/protocol/muc#owner'>\
         <x xmlns='jabber:x:data' type='cancel'/></query></iq>",
    );
    let inbox = town.inbox("alice");
    one(&inbox, &["type='unavailable'", "<destroy/>"]);
    one(&inbox, &["type='result'"]);
    assert!(!town.room("hall").unwrap().exists());
}

#[test]
fn who_enters_sees_all_others_then_itself_then_the_past_then_the_subject() {
    let mut town = Town::with(&["alice", "bob", "carol"]);
    town.open_hall("alice", "A");
    town.enter("bob", "B");
    town.say("alice", "first");
    town.say("bob", "second");
    town.clear();

    town.enter("carol", "C");

    let inbox = town.inbox("carol");
    let places: Vec<usize> = ["/A'", "/B'", "code='110'", "first", "second", "<subject>"]
        .iter()
        .map(|part| inbox.iter().position(|text| text.contains(part)).unwrap())
        .collect();
    assert!(places.is_sorted(), "{inbox:#?}");
    assert_eq!(inbox.len(), 6);
    assert!(inbox[3].contains("<delay") && inbox[3].contains("<stanza-id"));
    one(
        &town.inbox("bob"),
        &[
            "from='hall@rooms.test/C'",
            "affiliation='none' role='participant'",
        ],
    );
}

#[test]
fn only_moderators_see_real_addresses_unless_the_room_is_open() {
    let mut town = Town::with(&["alice", "bob", "carol"]);
    town.open_hall("alice", "A");
    town.enter("bob", "B");
    town.clear();
    town.enter("carol", "C");
    one(&town.inbox("alice"), &["/C'", "jid='carol@test/one'"]);
    none(&town.inbox("bob"), &["carol@test"]);
    let inbox = town.inbox("carol");
    none(&inbox, &["alice@test"]);
    none(&inbox, &["bob@test"]);
    none(&inbox, &["code='100'"]);
    one(&inbox, &["code='110'", "jid='carol@test/one'"]);

    town.configure("alice", &[("whois", "anyone")]);
    one(&town.inbox("bob"), &["<message", "code='172'"]);
    town.send(
        "carol",
        "<presence xmlns='jabber:client' to='hall@rooms.test/C' type='unavailable'/>",
    );
    town.clear();
    town.enter("carol", "C");
    one(&town.inbox("bob"), &["/C'", "jid='carol@test/one'"]);
    one(&town.inbox("carol"), &["code='100'", "code='110'"]);
}

#[test]
fn a_nickname_belongs_to_one_user_who_may_bring_several_devices() {
    let mut town = Town::with(&["alice", "bob", "bob/two", "carol"]);
    town.open_hall("alice", "A");
    town.enter("bob", "B");
    town.clear();

    town.enter("carol", "B");
    one(&town.inbox("carol"), &["type='error'", "<conflict"]);

    town.enter("bob/two", "B");
    one(&town.inbox("bob/two"), &["/B'", "code='110'"]);
    one(&town.inbox("bob"), &["/B'", "jid='bob@test/two'"]);
    town.clear();
    town.say("alice", "hello");
    one(&town.inbox("bob"), &["hello"]);
    one(&town.inbox("bob/two"), &["hello"]);

    town.clear();
    town.log_out("bob/two");
    none(&town.inbox("alice"), &["unavailable"]);
    town.log_out("bob");
    one(&town.inbox("alice"), &["/B'", "type='unavailable'"]);
}

#[test]
fn members_only_password_bans_and_full_rooms_keep_strangers_out() {
    let mut town = Town::with(&["alice", "bob"]);
    town.open_hall("alice", "A");
    town.configure("alice", &[("membersonly", "1")]);
    town.enter("bob", "B");
    one(&town.inbox("bob"), &["<registration-required"]);

    town.configure("alice", &[("membersonly", "0"), ("roomsecret", "abc")]);
    town.enter("bob", "B");
    one(&town.inbox("bob"), &["<not-authorized"]);
    let with_password = "<presence xmlns='jabber:client' to='hall@rooms.test/B'>\
         <x xmlns='http://jabber.org/protocol/muc'><password>abc</password></x></presence>";
    town.configure("alice", &[("maxusers", "1")]);
    town.send("bob", with_password);
    one(&town.inbox("bob"), &["<service-unavailable", "type='wait'"]);

    town.configure("alice", &[("maxusers", "10")]);
    town.send("bob", with_password);
    one(&town.inbox("bob"), &["/B'", "code='110'"]);
}

#[test]
fn without_the_wish_to_enter_presence_is_answered_with_a_kick() {
    let mut town = Town::with(&["alice", "bob"]);
    town.open_hall("alice", "A");
    town.send(
        "bob",
        "<presence xmlns='jabber:client' to='hall@rooms.test/B'/>",
    );
    let inbox = town.inbox("bob");
    one(
        &inbox,
        &[
            "type='unavailable'",
            "code='110'",
            "code='307'",
            "code='333'",
        ],
    );
    none(&town.inbox("alice"), &["/B"]);
}

#[test]
fn a_nickname_that_was_prepared_is_told() {
    let mut town = Town::with(&["alice", "bob"]);
    town.open_hall("alice", "A");
    // A no-break space becomes a space (RFC 8265 section 4.2.2).
    town.enter("bob", "B\u{a0}B");
    one(&town.inbox("bob"), &["hall@rooms.test/B B", "code='210'"]);
    none(&town.inbox("alice"), &["code='210'"]);
}

#[test]
fn who_has_lost_its_session_enters_again_and_gets_everything() {
    let mut town = Town::with(&["alice", "bob"]);
    town.open_hall("alice", "A");
    town.enter("bob", "B");
    town.clear();
    town.enter("bob", "B");
    let inbox = town.inbox("bob");
    one(&inbox, &["/A'"]);
    one(&inbox, &["/B'", "code='110'"]);
    one(&inbox, &["<subject>"]);
    assert_eq!(town.room("hall").unwrap().occupants.len(), 2);
}

#[test]
fn a_room_that_does_not_persist_is_gone_with_its_last_occupant() {
    let mut town = Town::with(&["alice", "bob"]);
    town.open_hall("alice", "A");
    let before = town.room("hall").unwrap().row().unwrap();
    town.log_out("alice");
    assert!(!town.room("hall").unwrap().exists());

    town.enter("bob", "B");
    one(&town.inbox("bob"), &["affiliation='owner'", "code='201'"]);
    let room = town.room("hall").unwrap();
    assert_ne!(room.row().unwrap().incarnation, before.incarnation);
    assert_eq!(room.affiliations().count(), 1);
}

#[test]
fn after_a_restart_only_persistent_rooms_are_there() {
    for persistent in ["0", "1"] {
        let mut town = Town::with(&["alice"]);
        town.open_hall("alice", "A");
        town.configure("alice", &[("persistentroom", persistent)]);
        town.restart();
        assert_eq!(town.room("hall").unwrap().exists(), persistent == "1");
        town.log_in("bob");
        town.enter("bob", "B");
        let is_new = all(&town.inbox("bob"), &["code='201'"]).len() == 1;
        assert_eq!(is_new, persistent == "0");
    }
}

#[test]
fn history_is_as_long_as_asked_for() {
    let mut town = Town::with(&["alice", "bob"]);
    town.open_hall("alice", "A");
    for number in 0..5 {
        town.now = town.now.plus_ms(10_000);
        town.say("alice", &format!("message {number}"));
    }
    let mut ask = |wish: &str| {
        let xml = format!(
            "<presence xmlns='jabber:client' to='hall@rooms.test/B'>\
             <x xmlns='http://jabber.org/protocol/muc'><history {wish}/></x></presence>"
        );
        town.send("bob", &xml);
        let inbox = town.inbox("bob");
        assert!(inbox.last().unwrap().contains("<subject>"));
        all(&inbox, &["<body>message"]).len()
    };
    assert_eq!(ask(""), 5);
    assert_eq!(ask("maxstanzas='2'"), 2);
    assert_eq!(ask("maxstanzas='0'"), 0);
    assert_eq!(ask("maxchars='0'"), 0);
    assert_eq!(ask("maxchars='600'"), 2);
    assert_eq!(ask("seconds='15'"), 2);
    assert_eq!(ask("since='2023-11-14T22:13:50Z'"), 3);
    assert_eq!(ask("since='2023-11-14T22:14:05Z'"), 1);
}

#[test]
fn what_is_not_configured_is_as_the_first_form_says() {
    let config = crate::muc::create::first_config();
    assert_ne!(config, RoomConfig::default());
    assert!(config.public && config.archived && !config.persistent);
}
