//! Kicks, bans, voice, moderation, membership, ownership (XEP-0045 sections 8 to 10).

use crate::model::room::Affiliation;
use crate::muc::tests::town::Town;
use crate::muc::tests::town::all;
use crate::muc::tests::town::none;
use crate::muc::tests::town::one;

/// Alice owns the hall, Bob and Carol are inside.
fn hall() -> Town {
    let mut town = Town::with(&["alice", "bob", "carol", "dave"]);
    town.open_hall("alice", "A");
    town.enter("bob", "B");
    town.enter("carol", "C");
    town.clear();
    town
}

fn items(inner: &str) -> String {
    format!(
        "<iq xmlns='jabber:client' type='set' id='set' to='hall@rooms.test'>\
         <query xmlns='http://jabber.org/protocol/muc#admin'>{inner}</query></iq>"
    )
}

fn list(what: &str) -> String {
    format!(
        "<iq xmlns='jabber:client' type='get' id='get' to='hall@rooms.test'>\
         <query xmlns='http://jabber.org/protocol/muc#admin'><item {what}/></query></iq>"
    )
}

#[test]
fn who_is_kicked_is_told_by_whom_and_why_and_may_come_back() {
    let mut town = hall();
    town.send(
        "alice",
        &items("<item nick='B' role='none'><reason>late</reason></item>"),
    );
    let inbox = town.inbox("bob");
    let own = one(&inbox, &["type='unavailable'", "code='307'", "code='110'"]);
    assert!(own.contains("<actor nick='A'/>") && own.contains("<reason>late</reason>"));
    one(&town.inbox("carol"), &["/B'", "code='307'", "role='none'"]);
    one(&town.inbox("alice"), &["type='result'", "id='set'"]);
    town.enter("bob", "B");
    one(&town.inbox("bob"), &["/B'", "code='110'"]);
}

#[test]
fn who_is_banned_is_out_and_stays_out() {
    let mut town = hall();
    town.send(
        "alice",
        &items("<item jid='bob@test/any' affiliation='outcast'/>"),
    );
    one(
        &town.inbox("bob"),
        &["type='unavailable'", "code='301'", "affiliation='outcast'"],
    );
    one(&town.inbox("carol"), &["/B'", "code='301'"]);
    town.enter("bob", "B");
    one(&town.inbox("bob"), &["type='error'", "<forbidden"]);
    town.clear();
    town.send("alice", &list("affiliation='outcast'"));
    one(
        &town.inbox("alice"),
        &["affiliation='outcast'", "jid='bob@test'"],
    );
    town.send("alice", &items("<item jid='bob@test' affiliation='none'/>"));
    town.enter("bob", "B");
    one(&town.inbox("bob"), &["/B'", "code='110'"]);
}

#[test]
fn nobody_below_may_do_what_is_for_those_above() {
    let mut town = hall();
    town.send(
        "alice",
        &items("<item jid='bob@test' affiliation='admin'/>"),
    );
    town.clear();
    let mut refused = |name: &str, item: &str, condition: &str| {
        town.send(name, &items(item));
        one(&town.inbox(name), &["type='error'", condition]);
    };
    for item in [
        "<item nick='B' role='none'/>",
        "<item nick='C' role='moderator'/>",
        "<item jid='dave@test' affiliation='member'/>",
        "<item jid='dave@test' affiliation='outcast'/>",
    ] {
        refused("carol", item, "<forbidden");
        refused("dave", item, "<forbidden");
    }
    refused(
        "bob",
        "<item jid='dave@test' affiliation='owner'/>",
        "<forbidden",
    );
    refused(
        "bob",
        "<item jid='alice@test' affiliation='none'/>",
        "<forbidden",
    );
    refused(
        "bob",
        "<item jid='alice@test' affiliation='outcast'/>",
        "<not-allowed",
    );
    refused("bob", "<item nick='A' role='none'/>", "<not-allowed");
    refused("bob", "<item nick='A' role='participant'/>", "<not-allowed");
    refused(
        "bob",
        "<item jid='bob@test' affiliation='outcast'/>",
        "<conflict",
    );
    refused(
        "alice",
        "<item jid='alice@test' affiliation='member'/>",
        "<conflict",
    );
    refused("alice", "<item nick='Z' role='none'/>", "<item-not-found");
    refused(
        "alice",
        "<item jid='x@y' affiliation='member' role='none'/>",
        "<bad-request",
    );
}

#[test]
fn voice_comes_and_goes_and_can_be_asked_for() {
    let mut town = hall();
    town.send("alice", &items("<item nick='B' role='visitor'/>"));
    one(&town.inbox("bob"), &["/B'", "role='visitor'", "code='110'"]);
    town.clear();
    let form = |fields: &str| {
        format!(
            "<message xmlns='jabber:client' to='hall@rooms.test'><x xmlns='jabber:x:data' \
             type='submit'><field var='FORM_TYPE'>\
             <value>http://jabber.org/protocol/muc#request</value></field>{fields}</x></message>"
        )
    };
    town.send(
        "bob",
        &form("<field var='muc#role'><value>participant</value></field>"),
    );
    one(
        &town.inbox("alice"),
        &["<message", "muc#request_allow", "bob@test/one"],
    );
    assert!(town.inbox("carol").is_empty());
    let allow = form(
        "<field var='muc#roomnick'><value>B</value></field>\
         <field var='muc#request_allow'><value>true</value></field>",
    );
    town.send("carol", &allow);
    one(&town.inbox("carol"), &["<forbidden"]);
    town.send("alice", &allow);
    one(&town.inbox("carol"), &["/B'", "role='participant'"]);
}

#[test]
fn affiliations_change_the_role_of_who_is_inside() {
    let mut town = hall();
    town.send(
        "alice",
        &items("<item jid='bob@test' affiliation='admin'/>"),
    );
    one(
        &town.inbox("carol"),
        &["/B'", "affiliation='admin' role='moderator'"],
    );
    town.send("alice", &items("<item jid='bob@test' affiliation='none'/>"));
    one(
        &town.inbox("carol"),
        &["/B'", "affiliation='none' role='participant'"],
    );

    town.configure("alice", &[("membersonly", "1")]);
    one(&town.inbox("bob"), &["type='unavailable'", "code='322'"]);
    // Both go at once: neither hears of the other.
    assert_eq!(all(&town.inbox("carol"), &["code='322'"]).len(), 1);
    town.send(
        "alice",
        &items("<item jid='carol@test' affiliation='member'/>"),
    );
    town.enter("carol", "C");
    one(
        &town.inbox("carol"),
        &["affiliation='member' role='participant'", "code='110'"],
    );
    town.send(
        "alice",
        &items("<item jid='carol@test' affiliation='none'/>"),
    );
    one(&town.inbox("carol"), &["type='unavailable'", "code='321'"]);
}

#[test]
fn lists_of_owners_and_admins_in_the_form_are_whole() {
    let mut town = hall();
    town.configure("alice", &[("roomadmins", "bob@test")]);
    one(
        &town.inbox("bob"),
        &["affiliation='admin'", "role='moderator'"],
    );
    town.clear();
    town.send(
        "alice",
        "<iq xmlns='jabber:client' type='get' id='form' to='hall@rooms.test'>\
         <query xmlns='http://jabber.org/protocol/muc#owner'/></iq>",
    );
    let inbox = town.inbox("alice");
    one(
        &inbox,
        &["muc#roomconfig_roomadmins", "<value>bob@test</value>"],
    );
    town.configure("alice", &[("roomadmins", "carol@test")]);
    let room = town.room("hall").unwrap();
    let of = |name: &str| room.affiliation(&crate::base::jid::BareJid::parse(name).unwrap());
    assert_eq!(of("bob@test"), Affiliation::None);
    assert_eq!(of("carol@test"), Affiliation::Admin);
    assert_eq!(of("alice@test"), Affiliation::Owner);

    town.send("bob", &list("affiliation='owner'"));
    one(&town.inbox("bob"), &["type='error'", "<forbidden"]);
}

#[test]
fn only_owners_configure_and_protection_needs_a_password() {
    let mut town = hall();
    let submit = |fields: &str| {
        format!(
            "<iq xmlns='jabber:client' type='set' id='set' to='hall@rooms.test'>\
             <query xmlns='http://jabber.org/protocol/muc#owner'>\
             <x xmlns='jabber:x:data' type='submit'>{fields}</x></query></iq>"
        )
    };
    town.send("bob", &submit(""));
    one(&town.inbox("bob"), &["<forbidden"]);
    let protected = "<field var='muc#roomconfig_passwordprotectedroom'><value>1</value></field>";
    town.send("alice", &submit(protected));
    one(&town.inbox("alice"), &["<not-acceptable"]);
    let unknown = "<field var='muc#roomconfig_whois'><value>cats</value></field>";
    town.send("alice", &submit(unknown));
    one(&town.inbox("alice"), &["<not-acceptable"]);
    let no_owner = "<field var='muc#roomconfig_roomowners'/>";
    town.send("alice", &submit(no_owner));
    one(&town.inbox("alice"), &["<conflict"]);

    town.configure("alice", &[("roomname", "Hall")]);
    one(&town.inbox("bob"), &["<message", "code='104'"]);
    town.clear();
    town.configure("alice", &[("roomname", "Hall")]);
    none(&town.inbox("bob"), &["<message"]);
}

#[test]
fn a_destroyed_room_says_where_to_go() {
    let mut town = hall();
    let destroy = "<iq xmlns='jabber:client' type='set' id='set' to='hall@rooms.test'>\
         <query xmlns='http://jabber.org/protocol/muc#owner'><destroy jid='new@rooms.test'>\
         <reason>moved</reason><password>abc</password></destroy></query></iq>";
    town.send("bob", destroy);
    one(&town.inbox("bob"), &["<forbidden"]);
    town.send("alice", destroy);
    for name in ["alice", "bob", "carol"] {
        let inbox = town.inbox(name);
        let text = one(
            &inbox,
            &["type='unavailable'", "<destroy jid='new@rooms.test'>"],
        );
        assert!(text.contains("<reason>moved</reason><password>abc</password>"));
    }
    let room = town.room("hall").unwrap();
    assert!(!room.exists() && room.occupants.is_empty());
    assert_eq!(room.affiliations().count(), 0);
}

#[test]
fn hidden_presence_is_seen_by_moderators_alone() {
    let mut town = hall();
    town.configure(
        "alice",
        &[("moderatedroom", "1"), ("presencebroadcast", "moderator")],
    );
    // Bob and Carol do not see each other any more.
    one(&town.inbox("bob"), &["/C'", "type='unavailable'"]);
    one(&town.inbox("carol"), &["/B'", "type='unavailable'"]);
    town.clear();
    town.enter("dave", "D");
    one(&town.inbox("alice"), &["/D'", "role='visitor'"]);
    none(&town.inbox("bob"), &["/D'"]);
    let inbox = town.inbox("dave");
    one(&inbox, &["/A'"]);
    none(&inbox, &["/B'"]);
    one(&inbox, &["/D'", "code='110'"]);

    town.send("alice", &items("<item nick='B' role='moderator'/>"));
    one(&town.inbox("dave"), &["/B'", "role='moderator'"]);
    town.send("alice", &items("<item nick='B' role='participant'/>"));
    one(&town.inbox("dave"), &["/B'", "type='unavailable'"]);
}

#[test]
fn admins_enter_a_full_room() {
    let mut town = hall();
    town.configure("alice", &[("maxusers", "3")]);
    town.enter("dave", "D");
    one(
        &town.inbox("dave"),
        &["type='error'", "<service-unavailable"],
    );
    town.send(
        "alice",
        &items("<item jid='dave@test' affiliation='admin'/>"),
    );
    town.enter("dave", "D");
    one(&town.inbox("dave"), &["affiliation='admin'", "code='110'"]);
}

#[test]
fn members_keep_the_nickname_that_they_were_given() {
    let mut town = hall();
    town.send(
        "alice",
        &items("<item jid='dave@test' affiliation='member' nick='D'/>"),
    );
    town.send(
        "bob",
        "<presence xmlns='jabber:client' to='hall@rooms.test/D'/>",
    );
    one(&town.inbox("bob"), &["type='error'", "<conflict"]);
    town.clear();
    town.send(
        "alice",
        &items("<item jid='carol@test' affiliation='member' nick='D'/>"),
    );
    one(&town.inbox("alice"), &["type='error'", "<conflict"]);
    town.send(
        "alice",
        &items("<item jid='dave@test' affiliation='outcast'/>"),
    );
    town.send(
        "bob",
        "<presence xmlns='jabber:client' to='hall@rooms.test/D'/>",
    );
    one(&town.inbox("bob"), &["code='303'", "code='110'"]);
}

#[test]
fn a_member_that_is_not_inside_may_see_the_list_where_addresses_are_open() {
    let mut town = hall();
    town.send(
        "alice",
        &items("<item jid='dave@test' affiliation='member'/>"),
    );
    town.clear();
    town.send("dave", &list("affiliation='member'"));
    one(&town.inbox("dave"), &["<forbidden"]);
    town.configure("alice", &[("whois", "anyone")]);

    town.send("dave", &list("affiliation='member'"));

    one(&town.inbox("dave"), &["type='result'", "dave@test"]);
}

#[test]
fn an_empty_nickname_takes_the_reserved_one_away() {
    let mut town = hall();
    for nick in ["Davy", ""] {
        town.send(
            "alice",
            &items(&format!(
                "<item jid='dave@test' affiliation='member' nick='{nick}'/>"
            )),
        );
        one(&town.inbox("alice"), &["type='result'"]);
    }
    town.send("alice", &list("affiliation='member'"));
    let inbox = town.inbox("alice");
    assert!(!one(&inbox, &["dave@test"]).contains("nick="));
}

#[test]
fn who_makes_a_room_members_only_says_whether_members_may_invite() {
    let mut town = hall();
    town.configure("alice", &[("membersonly", "1")]);
    assert!(!town.room("hall").unwrap().config().unwrap().anyone_invites);
    town.configure("alice", &[("membersonly", "0")]);
    town.configure("alice", &[("membersonly", "1"), ("allowinvites", "1")]);
    assert!(town.room("hall").unwrap().config().unwrap().anyone_invites);
}
