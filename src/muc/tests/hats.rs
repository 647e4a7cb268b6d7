//! Hats: made, given, shown, taken off and destroyed (XEP-0317).

use crate::base::room_limits::HATS_OF_ONE_MAX;
use crate::muc::tests::town::Town;
use crate::muc::tests::town::none;
use crate::muc::tests::town::one;

const TEACHER: &str = "http://test/hats#teacher";

/// Alice owns the hall, Bob and Carol are inside; there is the hat of a teacher.
fn hall() -> Town {
    let mut town = Town::with(&["alice", "bob", "carol", "dave"]);
    for name in ["alice", "bob", "carol", "dave"] {
        town.make_account(name);
    }
    town.open_hall("alice", "A");
    town.enter("bob", "B");
    town.enter("carol", "C");
    run(
        &mut town,
        "create",
        &[("title", "Teacher"), ("uri", TEACHER), ("hue", "327.25")],
    );
    town.clear();
    town
}

fn command(name: &str, fields: &[(&str, &str)]) -> String {
    let field = |(name, value): &(&str, &str)| {
        format!("<field var='hats#{name}'><value>{value}</value></field>")
    };
    let values: Vec<String> = fields.iter().map(field).collect();
    let form = format!(
        "<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'>\
         <value>urn:xmpp:hats:commands</value></field>{}</x>",
        values.concat()
    );
    let form = if fields.is_empty() { "" } else { &form };
    format!(
        "<iq xmlns='jabber:client' type='set' id='cmd' to='hall@rooms.test'>\
         <command xmlns='http://jabber.org/protocol/commands' action='execute' \
         node='urn:xmpp:hats:commands:{name}'>{form}</command></iq>"
    )
}

fn run(town: &mut Town, name: &str, fields: &[(&str, &str)]) {
    town.send("alice", &command(name, fields));
    one(
        &town.inbox("alice"),
        &["id='cmd'", "type='result'", "status='completed'"],
    );
}

fn give(town: &mut Town, user: &str) {
    let user = format!("{user}@test");
    run(town, "assign", &[("jid", &user), ("uri", TEACHER)]);
}

fn disco(town: &mut Town, name: &str, kind: &str, node: &str) -> String {
    town.send(
        name,
        &format!(
            "<iq xmlns='jabber:client' type='get' id='d' to='hall@rooms.test'>\
             <query xmlns='http://jabber.org/protocol/disco#{kind}' node='{node}'/></iq>"
        ),
    );
    one(&town.inbox(name), &["id='d'"]).to_owned()
}

#[test]
fn who_is_given_a_hat_shows_it_to_all_until_it_is_taken_off() {
    let mut town = hall();
    give(&mut town, "bob");
    let hat = format!("<hat title='Teacher' uri='{TEACHER}' hue='327.25'/>");
    one(&town.inbox("carol"), &["<presence", "/B'", &hat]);
    one(
        &town.inbox("bob"),
        &["<presence", "/B'", &hat, "code='110'"],
    );
    town.enter("dave", "D");
    one(&town.inbox("dave"), &["/B'", &hat]);
    town.clear();
    town.send(
        "bob",
        "<presence xmlns='jabber:client' to='hall@rooms.test/Bee'/>",
    );
    one(&town.inbox("carol"), &["/Bee'", &hat]);

    run(
        &mut town,
        "unassign",
        &[("jid", "bob@test"), ("uri", TEACHER)],
    );

    let inbox = town.inbox("carol");
    assert!(!one(&inbox, &["<presence", "/Bee'"]).contains("<hat"));
}

#[test]
fn a_hat_outlasts_the_visit_and_a_restart() {
    let mut town = hall();
    town.configure("alice", &[("persistentroom", "1")]);
    give(&mut town, "dave");
    town.restart();
    for name in ["alice", "dave"] {
        town.log_in(name);
    }
    town.enter("alice", "A");
    town.enter("dave", "D");
    one(
        &town.inbox("dave"),
        &["/D'", "code='110'", "title='Teacher'"],
    );
    one(&town.inbox("alice"), &["/D'", "title='Teacher'"]);
}

#[test]
fn a_changed_hat_is_shown_and_a_destroyed_one_is_gone_for_good() {
    let mut town = hall();
    give(&mut town, "bob");
    town.clear();
    run(
        &mut town,
        "create",
        &[("title", "Master"), ("uri", TEACHER)],
    );
    let inbox = town.inbox("carol");
    one(&inbox, &["/B'", "<hat title='Master'"]);
    one(&inbox, &["<message", "code='104'"]);

    run(&mut town, "destroy", &[("uri", TEACHER)]);

    let inbox = town.inbox("carol");
    assert!(!one(&inbox, &["<presence", "/B'"]).contains("<hat"));
    run(
        &mut town,
        "create",
        &[("title", "Teacher"), ("uri", TEACHER)],
    );
    none(&town.inbox("carol"), &["<presence"]);
}

#[test]
fn only_admins_have_hats_to_give() {
    let mut town = hall();
    let item = [("jid", "bob@test"), ("uri", TEACHER)];
    for name in ["create", "destroy", "assign", "unassign", "list-assigned"] {
        town.send("bob", &command(name, &item));
        one(&town.inbox("bob"), &["type='error'", "<forbidden"]);
    }
    let listed = disco(
        &mut town,
        "bob",
        "items",
        "http://jabber.org/protocol/commands",
    );
    assert!(listed.contains("commands:list'") && !listed.contains("commands:assign"));
    let listed = disco(
        &mut town,
        "alice",
        "items",
        "http://jabber.org/protocol/commands",
    );
    assert_eq!(listed.matches("<item ").count(), 6);
}

#[test]
fn nobody_puts_on_a_hat_by_saying_so() {
    let mut town = hall();
    let own = format!("<hats xmlns='urn:xmpp:hats:0'><hat title='T' uri='{TEACHER}'/></hats>");
    town.send(
        "bob",
        &format!("<presence xmlns='jabber:client' to='hall@rooms.test/B'>{own}</presence>"),
    );
    let inbox = town.inbox("carol");
    assert!(!one(&inbox, &["<presence", "/B'"]).contains("hats"));
    town.send(
        "bob",
        &format!(
            "<message xmlns='jabber:client' to='hall@rooms.test' type='groupchat'>\
             <body>x</body>{own}</message>"
        ),
    );
    assert!(!one(&town.inbox("carol"), &["<message"]).contains("hats"));
}

#[test]
fn a_room_says_that_there_are_hats_and_which() {
    let mut town = hall();
    let before = disco(&mut town, "dave", "info", "");
    assert!(before.contains("var='urn:xmpp:hats:0'") && before.contains("hats#hash"));
    run(
        &mut town,
        "create",
        &[("title", "Pupil"), ("uri", "urn:pupil")],
    );
    assert_ne!(disco(&mut town, "dave", "info", ""), before);
    town.clear();

    town.send("dave", &command("list", &[]));
    let inbox = town.inbox("dave");
    one(
        &inbox,
        &["status='completed'", "<reported>", TEACHER, "urn:pupil"],
    );
    give(&mut town, "bob");
    town.send("alice", &command("list-assigned", &[]));
    let inbox = town.inbox("alice");
    one(
        &inbox,
        &["<value>bob@test</value>", "<value>Teacher</value>"],
    );
}

#[test]
fn a_command_without_a_form_gets_the_form() {
    let mut town = hall();
    for (name, fields) in [
        ("create", "hats#title"),
        ("destroy", TEACHER),
        ("assign", "hats#jid"),
        ("unassign", "hats#jid"),
    ] {
        town.send("alice", &command(name, &[]));
        let inbox = town.inbox("alice");
        one(
            &inbox,
            &["status='executing'", "sessionid=", "type='form'", fields],
        );
    }
}

#[test]
fn what_is_no_hat_or_too_much_is_refused() {
    let mut town = hall();
    for (fields, condition) in [
        (vec![("title", "T"), ("uri", "no uri")], "<not-acceptable"),
        (vec![("title", " "), ("uri", "urn:x")], "<not-acceptable"),
        (
            vec![("title", "T"), ("uri", "urn:x"), ("hue", "361")],
            "<not-acceptable",
        ),
        (
            vec![("title", "T"), ("uri", "urn:x"), ("hue", "red")],
            "<not-acceptable",
        ),
        (vec![("title", "T")], "<bad-payload"),
    ] {
        town.send("alice", &command("create", &fields));
        one(&town.inbox("alice"), &["type='error'", condition]);
    }
    for (user, uri, condition) in [
        ("bob@test", "urn:none", "<item-not-found"),
        ("nobody@test", TEACHER, "<not-acceptable"),
        ("@", TEACHER, "<jid-malformed"),
    ] {
        town.send("alice", &command("assign", &[("jid", user), ("uri", uri)]));
        one(&town.inbox("alice"), &["type='error'", condition]);
    }
    for number in 0..=HATS_OF_ONE_MAX {
        let uri = format!("urn:hat:{number}");
        run(&mut town, "create", &[("title", "T"), ("uri", &uri)]);
        town.clear();
        town.send(
            "alice",
            &command("assign", &[("jid", "bob@test"), ("uri", &uri)]),
        );
        let is_done = town
            .inbox("alice")
            .iter()
            .any(|text| text.contains("completed"));
        assert_eq!(is_done, number < HATS_OF_ONE_MAX);
    }
}

#[test]
fn whoever_has_the_name_later_wears_no_hat() {
    let mut town = hall();
    give(&mut town, "dave");
    town.make_account_again("dave");
    town.clear();
    town.enter("dave", "D");
    let inbox = town.inbox("alice");
    assert!(!one(&inbox, &["<presence", "/D'"]).contains("<hat"));
    town.send("alice", &command("list-assigned", &[]));
    none(&town.inbox("alice"), &["dave@test"]);
}
