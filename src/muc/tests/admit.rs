//! Strangers ask for membership, and admins answer (XEP-0045 sections 7.10 and 9.9).

use crate::base::jid::BareJid;
use crate::base::room_limits::APPLICANT_MS;
use crate::model::room::Affiliation;
use crate::muc::tests::town::Town;
use crate::muc::tests::town::none;
use crate::muc::tests::town::one;

/// Alice owns a hall for members, Bob is its admin, Carol is a stranger.
fn closed_hall() -> Town {
    let mut town = Town::with(&["alice", "bob", "carol", "dave"]);
    for name in ["alice", "bob", "carol", "dave"] {
        town.make_account(name);
    }
    town.open_hall("alice", "A");
    town.configure(
        "alice",
        &[
            ("membersonly", "1"),
            ("roomadmins", "bob@test"),
            ("persistentroom", "1"),
        ],
    );
    town.clear();
    town
}

fn register(kind: &str, inner: &str) -> String {
    format!(
        "<iq xmlns='jabber:client' type='{kind}' id='reg' to='hall@rooms.test'>\
         <query xmlns='jabber:iq:register'>{inner}</query></iq>"
    )
}

fn form(fields: &[(&str, &str)]) -> String {
    let field = |(name, value): &(&str, &str)| {
        format!("<field var='{name}'><value>{value}</value></field>")
    };
    let fields: Vec<String> = fields.iter().map(field).collect();
    format!(
        "<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'>\
         <value>http://jabber.org/protocol/muc#register</value></field>{}</x>",
        fields.concat()
    )
}

fn ask(town: &mut Town, name: &str, nick: &str) {
    let fields = [
        ("muc#register_roomnick", nick),
        ("muc#register_faqentry", "I sing"),
    ];
    town.send(name, &register("set", &form(&fields)));
    one(&town.inbox(name), &["type='result'", "id='reg'"]);
}

fn decide(town: &mut Town, name: &str, allow: &str) {
    let fields = [
        ("muc#jid", "carol@test"),
        ("muc#register_roomnick", "C"),
        ("muc#register_allow", allow),
    ];
    let answer = form(&fields);
    town.send(
        name,
        &format!("<message xmlns='jabber:client' to='hall@rooms.test'>{answer}</message>"),
    );
}

fn affiliation(town: &Town, name: &str) -> Affiliation {
    let jid = BareJid::parse(&format!("{name}@test")).unwrap();
    town.room("hall").unwrap().affiliation(&jid)
}

#[test]
fn all_admins_are_asked_and_the_first_answer_holds() {
    let mut town = closed_hall();
    town.send("carol", &register("get", ""));
    one(
        &town.inbox("carol"),
        &["muc#register_roomnick", "muc#register_faqentry"],
    );

    ask(&mut town, "carol", "C");

    for admin in ["alice", "bob"] {
        let inbox = town.inbox(admin);
        let asked = one(&inbox, &["<message", "carol@test", "I sing"]);
        assert!(asked.contains("muc#register_allow") && asked.contains("type='form'"));
    }
    assert_eq!(affiliation(&town, "carol"), Affiliation::None);
    decide(&mut town, "bob", "1");
    assert_eq!(affiliation(&town, "carol"), Affiliation::Member);
    one(&town.inbox("carol"), &["<invite from='bob@test/one'"]);
    decide(&mut town, "alice", "0");
    one(&town.inbox("alice"), &["type='error'", "<item-not-found"]);
    assert_eq!(affiliation(&town, "carol"), Affiliation::Member);
    town.enter("bob", "C");
    one(&town.inbox("bob"), &["<conflict"]);
    town.enter("carol", "C");
    one(
        &town.inbox("carol"),
        &["affiliation='member'", "code='110'"],
    );
}

#[test]
fn nobody_is_asked_twice_until_the_request_is_refused() {
    let mut town = closed_hall();
    ask(&mut town, "carol", "C");
    town.clear();
    ask(&mut town, "carol", "C");
    none(&town.inbox("bob"), &["<message"]);

    decide(&mut town, "alice", "0");

    assert_eq!(affiliation(&town, "carol"), Affiliation::None);
    ask(&mut town, "carol", "C");
    one(&town.inbox("bob"), &["<message", "carol@test"]);
}

#[test]
fn a_request_is_withdrawn_or_too_old() {
    let mut town = closed_hall();
    ask(&mut town, "carol", "C");
    town.send("carol", &register("set", "<remove/>"));
    one(&town.inbox("carol"), &["type='result'"]);
    decide(&mut town, "bob", "1");
    assert_eq!(affiliation(&town, "carol"), Affiliation::None);

    ask(&mut town, "carol", "C");
    town.now = town.now.plus_ms(APPLICANT_MS);
    decide(&mut town, "bob", "1");
    assert_eq!(affiliation(&town, "carol"), Affiliation::None);
    ask(&mut town, "dave", "D");
    let room = town.room("hall").unwrap();
    assert_eq!(room.applicants().count(), 1, "what is too old is removed");
}

#[test]
fn only_admins_answer_and_only_what_was_asked() {
    let mut town = closed_hall();
    ask(&mut town, "carol", "C");
    town.clear();
    for stranger in ["carol", "dave"] {
        decide(&mut town, stranger, "1");
        one(&town.inbox(stranger), &["type='error'", "<forbidden"]);
    }
    decide(&mut town, "bob", "perhaps");
    one(&town.inbox("bob"), &["type='error'", "<bad-request"]);
    assert_eq!(affiliation(&town, "carol"), Affiliation::None);
}

#[test]
fn whoever_is_banned_or_made_an_admin_meanwhile_stays_that() {
    for other in ["outcast", "admin"] {
        let mut town = closed_hall();
        ask(&mut town, "carol", "C");
        town.send(
            "alice",
            &format!(
                "<iq xmlns='jabber:client' type='set' id='set' to='hall@rooms.test'>\
                 <query xmlns='http://jabber.org/protocol/muc#admin'>\
                 <item jid='carol@test' affiliation='{other}'/></query></iq>"
            ),
        );
        let before = affiliation(&town, "carol");
        town.clear();

        decide(&mut town, "bob", "1");

        one(&town.inbox("bob"), &["<item-not-found"]);
        assert_eq!(affiliation(&town, "carol"), before);
    }
}

#[test]
fn whoever_has_the_name_later_has_not_asked() {
    let mut town = closed_hall();
    ask(&mut town, "carol", "C");
    town.make_account_again("carol");

    decide(&mut town, "bob", "1");

    assert_eq!(affiliation(&town, "carol"), Affiliation::None);
}

#[test]
fn an_owner_may_keep_strangers_from_asking() {
    let mut town = closed_hall();
    let field = "<field var='x-muc#roomconfig_registration'><value>0</value></field>";
    town.send("alice", &town_config(field));
    one(&town.inbox("alice"), &["type='result'"]);
    for kind in ["get", "set"] {
        town.send("carol", &register(kind, ""));
        one(&town.inbox("carol"), &["type='error'", "<not-allowed"]);
    }
}

fn town_config(fields: &str) -> String {
    format!(
        "<iq xmlns='jabber:client' type='set' id='conf' to='hall@rooms.test'>\
         <query xmlns='http://jabber.org/protocol/muc#owner'>\
         <x xmlns='jabber:x:data' type='submit'>{fields}</x></query></iq>"
    )
}
