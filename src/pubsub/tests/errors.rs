//! What is refused, with the conditions that XEP-0060 names, where no other scenario has it.

use crate::pubsub::tests::square::SERVICE;
use crate::pubsub::tests::square::ask;
use crate::pubsub::tests::square::form;
use crate::pubsub::tests::square::own;
use crate::route::tests::house::House;

fn town() -> House {
    let mut house = House::with(&["alice", "bob"]);
    house.log_in("alice/one");
    house.log_in("bob/one");
    ask(
        &mut house,
        "alice/one",
        SERVICE,
        "set",
        "<create node='n'/>",
    );
    house
}

/// Asks the service; the answer has to be an error with all of these elements.
fn refused(house: &mut House, user: &str, kind: &str, inside: &str, conditions: &[&str]) {
    let answer = ask(house, user, SERVICE, kind, inside);
    assert!(answer.contains("type='error'"), "{inside}\n{answer}");
    for condition in conditions {
        assert!(
            answer.contains(&format!("<{condition} ")),
            "{condition}\n{answer}"
        );
    }
}

#[test]
fn a_request_that_lacks_something_is_told_what() {
    let mut house = town();
    let jid = "jid='bob@house.example'";
    for (kind, inside, conditions) in [
        // Sections 6.3.4, 7.2.3.3, 7.2.3.4, 6.5.
        (
            "get",
            "<options node='n'/>".to_owned(),
            ["bad-request", "jid-required"],
        ),
        (
            "get",
            format!("<options {jid}/>"),
            ["bad-request", "nodeid-required"],
        ),
        (
            "get",
            format!("<options node='n' {jid}/>"),
            ["unexpected-request", "not-subscribed"],
        ),
        (
            "set",
            "<retract><item id='i'/></retract>".to_owned(),
            ["bad-request", "nodeid-required"],
        ),
        (
            "set",
            "<retract node='n'/>".to_owned(),
            ["bad-request", "item-required"],
        ),
        (
            "set",
            "<retract node='n'><item/></retract>".to_owned(),
            ["bad-request", "item-required"],
        ),
        (
            "get",
            "<items/>".to_owned(),
            ["bad-request", "nodeid-required"],
        ),
        (
            "set",
            format!("<unsubscribe node='n' {jid}/>"),
            ["unexpected-request", "not-subscribed"],
        ),
    ] {
        refused(&mut house, "bob/one", kind, &inside, &conditions);
    }
}

#[test]
fn a_publication_has_to_be_what_the_node_is_for() {
    let mut house = town();
    let publish = |inside: &str| format!("<publish node='n'>{inside}</publish>");
    let item = "<item><x xmlns='u:x'/></item>";
    for (inside, conditions) in [
        // Sections 7.1.3.5 and 7.1.3.6.
        ("", ["bad-request", "item-required"]),
        ("<item/>", ["bad-request", "payload-required"]),
        (
            "<item><x xmlns='u:x'/><y xmlns='u:x'/></item>",
            ["bad-request", "invalid-payload"],
        ),
    ] {
        refused(
            &mut house,
            "alice/one",
            "set",
            &publish(inside),
            &conditions,
        );
    }
    let big = "x".repeat(512 << 10);
    let inside = publish(&format!("<item><x xmlns='u:x'>{big}</x></item>"));
    let conditions = ["not-acceptable", "payload-too-big"];
    refused(&mut house, "alice/one", "set", &inside, &conditions);

    let mut configure = |fields: &[(&str, &str)]| {
        let config = form("node_config", fields);
        let inside = format!("<configure node='n'>{config}</configure>");
        assert!(own(&mut house, "alice/one", SERVICE, "set", &inside).contains("type='result'"));
    };
    configure(&[("type", "u:other"), ("max_items", "1")]);
    let conditions = ["bad-request", "invalid-payload"];
    refused(&mut house, "alice/one", "set", &publish(item), &conditions);
    let two = "<item id='1'><x xmlns='u:other'/></item><item id='2'><x xmlns='u:other'/></item>";
    let conditions = ["not-allowed", "max-items-exceeded"];
    refused(&mut house, "alice/one", "set", &publish(two), &conditions);
}

#[test]
fn what_the_service_does_not_have_is_refused_when_a_node_is_made() {
    let mut house = town();
    for (fields, condition) in [
        ([("access_model", "sorcery")], "unsupported-access-model"),
        ([("purge_offline", "1")], "not-acceptable"),
        ([("node_type", "collection")], "not-acceptable"),
    ] {
        let config = form("node_config", &fields);
        let inside = format!("<create node='m'/><configure>{config}</configure>");
        refused(
            &mut house,
            "bob/one",
            "set",
            &inside,
            &["not-acceptable", condition],
        );
    }
    // Section 8.1.3: the name stands in one place, and first.
    let config = form("node_config", &[]);
    for inside in [
        format!("<create node='m'/><configure node='m'>{config}</configure>"),
        format!("<configure>{config}</configure><create node='m'/>"),
    ] {
        refused(&mut house, "bob/one", "set", &inside, &["bad-request"]);
    }
}

#[test]
fn options_that_cannot_hold_stop_a_publication() {
    let mut house = town();
    let publish = |fields: &[(&str, &str)]| {
        let options = form("publish-options", fields);
        format!(
            "<publish node='n'><item><x xmlns='u:x'/></item></publish>\
             <publish-options>{options}</publish-options>"
        )
    };
    let conditions = ["conflict", "precondition-not-met"];
    for fields in [
        [("access_model", "roster")],
        [("access_model", "sorcery")],
        [("purge_offline", "1")],
        [("max_items", "many")],
    ] {
        refused(
            &mut house,
            "alice/one",
            "set",
            &publish(&fields),
            &conditions,
        );
    }
    let holds = publish(&[("access_model", "open"), ("purge_offline", "0")]);
    assert!(ask(&mut house, "alice/one", SERVICE, "set", &holds).contains("type='result'"));
}
