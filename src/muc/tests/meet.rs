//! Private messages, invitations, nicknames, requests between occupants, discovery.

use crate::muc::tests::town::Town;
use crate::muc::tests::town::none;
use crate::muc::tests::town::one;

fn hall() -> Town {
    let mut town = Town::with(&["alice", "bob", "carol"]);
    town.open_hall("alice", "A");
    town.enter("bob", "B");
    town.clear();
    town
}

fn get(to: &str, child: &str) -> String {
    format!("<iq xmlns='jabber:client' type='get' id='get' to='{to}'>{child}</iq>")
}

#[test]
fn a_private_message_goes_to_one_occupant_under_the_senders_nickname() {
    let mut town = hall();
    town.enter("carol", "C");
    town.clear();
    let private = |nick: &str, kind: &str| {
        format!(
            "<message xmlns='jabber:client' type='{kind}' to='hall@rooms.test/{nick}'>\
             <body>psst</body></message>"
        )
    };
    town.send("alice", &private("B", "chat"));
    let inbox = town.inbox("bob");
    let text = one(
        &inbox,
        &["psst", "from='hall@rooms.test/A'", "to='bob@test/one'"],
    );
    assert!(text.contains("muc#user") && text.contains("<occupant-id"));
    assert!(town.inbox("carol").is_empty());

    town.send("alice", &private("B", "groupchat"));
    one(&town.inbox("alice"), &["<bad-request"]);
    town.send("alice", &private("Z", "chat"));
    one(&town.inbox("alice"), &["<item-not-found"]);
    town.configure("alice", &[("allowpm", "moderators")]);
    town.send("bob", &private("A", "chat"));
    one(&town.inbox("bob"), &["<forbidden"]);
    town.log_out("carol");
    town.log_in("carol");
    town.send("carol", &private("A", "chat"));
    one(&town.inbox("carol"), &["<not-acceptable"]);
}

#[test]
fn a_private_message_waits_for_who_is_gone_before_it_was_taken() {
    let mut town = hall();
    town.make_account("alice");
    town.make_account("bob");
    town.enter("alice", "A");
    town.enter("bob", "B");
    town.clear();
    town.send(
        "alice",
        "<message xmlns='jabber:client' type='chat' to='hall@rooms.test/B'><body>psst</body></message>",
    );
    let inbox = town.inbox("bob");
    one(&inbox, &["psst", "to='bob@test/one'", "by='bob@test'"]);
    none(&inbox, &["alice@test"]);
    assert_eq!(town.untaken("bob"), 1);
    assert_eq!(town.untaken("alice"), 0);
}

#[test]
fn a_new_nickname_is_told_with_the_old_one() {
    let mut town = hall();
    town.send(
        "bob",
        "<presence xmlns='jabber:client' to='hall@rooms.test/A'/>",
    );
    one(&town.inbox("bob"), &["type='error'", "<conflict"]);
    town.send(
        "bob",
        "<presence xmlns='jabber:client' to='hall@rooms.test/Bo'><show>away</show></presence>",
    );
    for name in ["alice", "bob"] {
        let inbox = town.inbox(name);
        let gone = inbox.iter().position(|text| {
            text.contains("/B'") && text.contains("code='303'") && text.contains("nick='Bo'")
        });
        let come = inbox
            .iter()
            .position(|text| text.contains("/Bo'") && text.contains("<show>away"));
        assert!(gone.unwrap() < come.unwrap(), "{inbox:#?}");
        assert_eq!(inbox[come.unwrap()].contains("code='110'"), name == "bob");
    }
    town.say("bob", "new me");
    one(
        &town.inbox("alice"),
        &["new me", "from='hall@rooms.test/Bo'"],
    );
}

#[test]
fn presence_is_passed_on_without_what_only_the_room_says() {
    let mut town = hall();
    town.send(
        "bob",
        "<presence xmlns='jabber:client' to='hall@rooms.test/B' id='p'><status>here</status>\
         <x xmlns='http://jabber.org/protocol/muc#user'><item affiliation='owner'/></x>\
         <occupant-id xmlns='urn:xmpp:occupant-id:0' id='forged'/></presence>",
    );
    let inbox = town.inbox("alice");
    let text = one(&inbox, &["/B'", "<status>here</status>"]);
    assert!(!text.contains("affiliation='owner'") && !text.contains("forged"));
    one(&town.inbox("bob"), &["id='p'", "code='110'"]);
}

#[test]
fn an_occupant_has_one_id_whatever_its_nickname() {
    let mut town = hall();
    let id_in = |text: &str| {
        let rest = text.split("<occupant-id").nth(1).unwrap();
        rest.split("id='")
            .nth(1)
            .unwrap()
            .split('\'')
            .next()
            .unwrap()
            .to_owned()
    };
    town.say("bob", "one");
    let before = id_in(&town.inbox("alice")[0]);
    town.send(
        "bob",
        "<presence xmlns='jabber:client' to='hall@rooms.test/Bo'/>",
    );
    town.clear();
    town.say("bob", "two");
    let inbox = town.inbox("alice");
    assert_eq!(id_in(&inbox[0]), before);
    town.say("alice", "three");
    assert_ne!(id_in(&town.inbox("alice")[0]), before);
}

#[test]
fn an_invitation_through_a_members_only_room_makes_a_member() {
    let mut town = hall();
    town.make_account("carol");
    let invite = "<message xmlns='jabber:client' to='hall@rooms.test'>\
         <x xmlns='http://jabber.org/protocol/muc#user'><invite to='carol@test'>\
         <reason>come</reason></invite></x></message>";
    town.send("bob", invite);
    let inbox = town.inbox("carol");
    let text = one(
        &inbox,
        &["<invite from='bob@test/one'", "<reason>come</reason>"],
    );
    assert!(text.contains("from='hall@rooms.test'") && text.contains("jabber:x:conference"));

    town.configure("alice", &[("membersonly", "1")]);
    town.send("alice", invite);
    town.clear();
    town.enter("carol", "C");
    one(
        &town.inbox("carol"),
        &["affiliation='member'", "code='110'"],
    );
    town.configure("alice", &[("allowinvites", "0")]);
    town.clear();
    town.send("carol", invite);
    one(&town.inbox("carol"), &["<forbidden"]);
}

#[test]
fn a_decline_reaches_who_invited() {
    let mut town = hall();
    town.make_account("alice");
    town.send(
        "carol",
        "<message xmlns='jabber:client' to='hall@rooms.test'>\
         <x xmlns='http://jabber.org/protocol/muc#user'><decline to='alice@test'>\
         <reason>busy</reason></decline></x></message>",
    );
    one(
        &town.inbox("alice"),
        &["<decline from='carol@test'", "<reason>busy</reason>"],
    );
    town.send(
        "carol",
        "<message xmlns='jabber:client' to='hall@rooms.test'>\
         <x xmlns='http://jabber.org/protocol/muc#user'><decline to='dave@test'/></x></message>",
    );
    one(&town.inbox("carol"), &["<item-not-found"]);
}

#[test]
fn a_registered_nickname_is_for_nobody_else() {
    let mut town = hall();
    let set = "<iq xmlns='jabber:client' type='set' id='r' to='hall@rooms.test'>\
         <query xmlns='jabber:iq:register'><x xmlns='jabber:x:data' type='submit'>\
         <field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#register</value></field>\
         <field var='muc#register_roomnick'><value>Bee</value></field></x></query></iq>";
    town.send("bob", set);
    one(&town.inbox("bob"), &["type='result'"]);
    town.enter("carol", "Bee");
    one(&town.inbox("carol"), &["<conflict"]);
    town.send(
        "bob",
        &get(
            "hall@rooms.test",
            "<query xmlns='http://jabber.org/protocol/disco#info' node='x-roomuser-item'/>",
        ),
    );
    one(&town.inbox("bob"), &["name='Bee'"]);
    town.send("alice", set);
    one(&town.inbox("alice"), &["<conflict"]);
}

#[test]
fn a_request_to_an_occupant_and_its_answer_find_their_ways() {
    let mut town = hall();
    let version = "<query xmlns='jabber:iq:version'/>";
    town.send("alice", &get("hall@rooms.test/B", version));
    let inbox = town.inbox("bob");
    let text = one(&inbox, &["from='hall@rooms.test/A'", "to='bob@test/one'"]);
    let id = text
        .split("id='")
        .nth(1)
        .unwrap()
        .split('\'')
        .next()
        .unwrap();
    assert!(id.ends_with("get") && id.len() > 3);
    let answer = format!(
        "<iq xmlns='jabber:client' type='result' id='{id}' to='hall@rooms.test/A'>{version}</iq>"
    );
    town.send("bob", &answer);
    one(
        &town.inbox("alice"),
        &["from='hall@rooms.test/B'", "id='get'", "type='result'"],
    );
    town.send("alice", &get("hall@rooms.test/Z", version));
    one(&town.inbox("alice"), &["<item-not-found"]);
    town.send("carol", &get("hall@rooms.test/B", version));
    one(&town.inbox("carol"), &["<not-acceptable"]);
    town.send(
        "carol",
        &get(
            "hall@rooms.test/B",
            "<query xmlns='http://jabber.org/protocol/disco#items'/>",
        ),
    );
    one(&town.inbox("carol"), &["<bad-request"]);
}

#[test]
fn a_ping_to_oneself_says_whether_one_is_inside() {
    let mut town = hall();
    let ping = get("hall@rooms.test/B", "<ping xmlns='urn:xmpp:ping'/>");
    town.send("bob", &ping);
    one(
        &town.inbox("bob"),
        &["type='result'", "from='hall@rooms.test/B'"],
    );
    town.send("carol", &ping);
    one(&town.inbox("carol"), &["type='error'", "<not-acceptable"]);
}

#[test]
fn a_room_tells_what_kind_of_room_it_is() {
    let mut town = hall();
    let info = get(
        "hall@rooms.test",
        "<query xmlns='http://jabber.org/protocol/disco#info'/>",
    );
    town.send("carol", &info);
    let inbox = town.inbox("carol");
    let text = one(
        &inbox,
        &["category='conference'", "muc_semianonymous", "muc_open"],
    );
    assert!(text.contains("muc_public") && text.contains("urn:xmpp:occupant-id:0"));
    assert!(text.contains("<field var='muc#roominfo_occupants'><value>2</value>"));
    town.configure(
        "alice",
        &[
            ("publicroom", "0"),
            ("whois", "anyone"),
            ("moderatedroom", "1"),
        ],
    );
    town.send("carol", &info);
    one(
        &town.inbox("carol"),
        &["muc_hidden", "muc_nonanonymous", "muc_moderated"],
    );

    town.send(
        "carol",
        &get(
            "nowhere@rooms.test",
            "<query xmlns='http://jabber.org/protocol/disco#info'/>",
        ),
    );
    one(&town.inbox("carol"), &["<item-not-found"]);
    town.send(
        "carol",
        &get(
            "rooms.test",
            "<query xmlns='http://jabber.org/protocol/disco#info'/>",
        ),
    );
    one(
        &town.inbox("carol"),
        &["category='conference'", "http://jabber.org/protocol/muc'"],
    );
    let items = get(
        "hall@rooms.test",
        "<query xmlns='http://jabber.org/protocol/disco#items'/>",
    );
    town.send("bob", &items);
    one(
        &town.inbox("bob"),
        &["hall@rooms.test/A", "hall@rooms.test/B"],
    );
    town.configure("alice", &[("membersonly", "1")]);
    town.send("carol", &items);
    none(&town.inbox("carol"), &["hall@rooms.test/A"]);
}

#[test]
fn who_makes_rooms_is_limited_and_what_is_gone_does_not_count() {
    let mut town = Town::with(&["alice"]);
    town.settings.limits.rooms_per_user_max = 2;
    let enter = |room: &str| {
        format!(
            "<presence xmlns='jabber:client' to='{room}@rooms.test/A'>\
             <x xmlns='http://jabber.org/protocol/muc'/></presence>"
        )
    };
    for room in ["one", "two"] {
        town.send("alice", &enter(room));
        one(&town.inbox("alice"), &["code='201'"]);
    }
    town.send("alice", &enter("three"));
    one(
        &town.inbox("alice"),
        &["type='error'", "<resource-constraint"],
    );
    town.send(
        "alice",
        "<presence xmlns='jabber:client' to='one@rooms.test/A' type='unavailable'/>",
    );
    town.clear();
    town.send("alice", &enter("three"));
    one(&town.inbox("alice"), &["code='201'"]);
    town.settings.rooms_by_admins_only = true;
    town.send("alice", &enter("four"));
    one(&town.inbox("alice"), &["<not-allowed"]);
}

#[test]
fn a_request_to_one_who_leaves_without_an_answer_is_answered() {
    let ask = get("hall@rooms.test/B", "<query xmlns='jabber:iq:version'/>");
    let ends: [fn(&mut Town); 3] = [
        |town| town.log_out("bob"),
        |town| {
            town.send(
                "bob",
                "<presence xmlns='jabber:client' to='hall@rooms.test/B' type='unavailable'/>",
            );
        },
        |town| {
            town.send(
                "alice",
                "<iq xmlns='jabber:client' type='set' id='k' to='hall@rooms.test'>\
                 <query xmlns='http://jabber.org/protocol/muc#admin'>\
                 <item nick='B' role='none'/></query></iq>",
            );
        },
    ];
    for end in ends {
        let mut town = hall();
        town.send("alice", &ask);
        end(&mut town);
        let inbox = town.inbox("alice");
        let parts = ["from='hall@rooms.test/B'", "id='get'", "type='error'"];
        assert!(one(&inbox, &parts).contains("<service-unavailable"));
    }
}

#[test]
fn an_answered_request_is_not_answered_again() {
    let mut town = hall();
    let version = "<query xmlns='jabber:iq:version'/>";
    town.send("alice", &get("hall@rooms.test/B", version));
    let inbox = town.inbox("bob");
    let asked = one(&inbox, &["type='get'"]);
    let id = asked
        .split("id='")
        .nth(1)
        .unwrap()
        .split('\'')
        .next()
        .unwrap();
    town.send(
        "bob",
        &format!("<iq xmlns='jabber:client' type='result' id='{id}' to='hall@rooms.test/A'/>"),
    );
    one(&town.inbox("alice"), &["type='result'", "id='get'"]);

    town.log_out("bob");

    none(&town.inbox("alice"), &["<iq"]);
}

#[test]
fn who_becomes_unavailable_has_left() {
    let mut town = hall();
    town.send(
        "bob",
        "<presence xmlns='jabber:client' type='unavailable'/>",
    );
    one(&town.inbox("alice"), &["/B'", "type='unavailable'"]);
}

#[test]
fn rooms_that_do_not_persist_are_listed_while_they_are_there() {
    let mut town = hall();
    let items = get(
        "rooms.test",
        "<query xmlns='http://jabber.org/protocol/disco#items'/>",
    );
    town.send("carol", &items);
    one(
        &town.inbox("carol"),
        &["jid='hall@rooms.test'", "<count>1</count>"],
    );
    town.configure("alice", &[("publicroom", "0")]);
    town.send("carol", &items);
    none(&town.inbox("carol"), &["hall@rooms.test"]);
    town.configure("alice", &[("publicroom", "1"), ("roomname", "The Hall")]);
    town.send("carol", &items);
    one(&town.inbox("carol"), &["name='The Hall'"]);
    town.log_out("alice");
    town.log_out("bob");
    town.send("carol", &items);
    none(&town.inbox("carol"), &["hall@rooms.test"]);
}

#[test]
fn what_is_said_in_a_closed_room_is_not_told_outside() {
    let mut town = Town::with(&["alice", "dave"]);
    town.open_hall("alice", "A");
    town.send(
        "alice",
        "<message xmlns='jabber:client' type='groupchat' to='hall@rooms.test'>\
         <subject>plans</subject></message>",
    );
    let info = "<iq xmlns='jabber:client' type='get' id='i' to='hall@rooms.test'>\
         <query xmlns='http://jabber.org/protocol/disco#info'/></iq>";
    town.clear();
    town.send("dave", info);
    one(
        &town.inbox("dave"),
        &["plans", "muc#roominfo_occupants", "muc#roominfo_subjectmod"],
    );
    town.configure("alice", &[("membersonly", "1")]);
    town.send("dave", info);
    let inbox = town.inbox("dave");
    let told = one(&inbox, &["muc_membersonly"]);
    assert!(
        !told.contains("plans") && !told.contains("roominfo_occupants"),
        "{told}"
    );
    town.send("alice", info);
    one(&town.inbox("alice"), &["plans"]);
}
