//! Which services an account has, and what they are told (XEP-0357).

use crate::model::row::RowName;
use crate::push::services;
use crate::route::tests::house::House;
use crate::route::tests::house::bare;

fn house() -> House {
    let mut house = House::with(&["ann", "bob"]);
    house.log_in("ann/phone");
    house.log_in("bob/app");
    house
}

fn ask(house: &mut House, what: &str) -> String {
    house.send("ann/phone", &format!("<iq type='set' id='e'>{what}</iq>"));
    house.take("ann/phone").concat()
}

fn enable(house: &mut House, node: &str, form: &str) -> String {
    let element = format!(
        "<enable xmlns='urn:xmpp:push:0' jid='bob@house.example/app' node='{node}'>{form}</enable>"
    );
    ask(house, &element)
}

fn form(form_type: &str, secret: &str) -> String {
    format!(
        "<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>{form_type}</value></field>\
         <field var='secret'><value>{secret}</value></field></x>"
    )
}

const OPTIONS: &str = "http://jabber.org/protocol/pubsub#publish-options";

fn nodes(house: &House) -> Vec<String> {
    let names = services(house.account("ann")).map(|(name, _)| match name {
        RowName::Push { node, .. } => node.to_string(),
        other => panic!("{other:?}"),
    });
    names.collect()
}

fn notification(house: &mut House, count: u32) -> Option<String> {
    let name = services(house.account("ann")).next()?.0.clone();
    house.notify(&bare("ann"), &name, count);
    Some(house.take("bob/app").concat())
}

fn id_of(stanza: &str) -> &str {
    let (_, behind) = stanza.split_once("id='").unwrap();
    behind.split_once('\'').unwrap().0
}

#[test]
fn each_node_of_a_service_is_switched_on_and_off() {
    let mut house = house();
    for node in ["one", "two", "three"] {
        assert!(enable(&mut house, node, "").contains("type='result'"));
    }
    assert_eq!(nodes(&house), ["one", "three", "two"]);
    let off = "jid='bob@house.example/app'";

    ask(
        &mut house,
        &format!("<disable xmlns='urn:xmpp:push:0' {off} node='two'/>"),
    );
    assert_eq!(nodes(&house), ["one", "three"]);
    ask(
        &mut house,
        &format!("<disable xmlns='urn:xmpp:push:0' {off}/>"),
    );
    assert_eq!(nodes(&house), [""; 0]);
}

#[test]
fn a_service_is_told_a_number_with_what_it_asked_for_and_nothing_else() {
    let mut house = house();
    enable(&mut house, "one", &form(OPTIONS, "s3cret"));

    let told = notification(&mut house, 3).unwrap();

    let value = |var: &str, value: &str| format!("<field var='{var}'><value>{value}</value>");
    assert!(told.contains("from='ann@house.example'"), "{told}");
    assert!(
        told.contains("<publish node='one'><item><notification"),
        "{told}"
    );
    assert!(told.contains(&value("message-count", "3")), "{told}");
    assert!(told.contains("<publish-options><x"), "{told}");
    assert!(told.contains(&value("secret", "s3cret")), "{told}");
}

#[test]
fn what_is_wrong_with_a_request_is_told() {
    let mut house = house();
    let wrong = [
        ("<enable xmlns='urn:xmpp:push:0'/>", "bad-request"),
        ("<enable xmlns='urn:xmpp:push:0' jid='@'/>", "jid-malformed"),
    ];
    for (element, condition) in wrong {
        let answer = ask(&mut house, element);
        assert!(answer.contains(condition), "{answer}");
    }
    let answer = enable(&mut house, "one", &form("another", "x"));
    assert!(answer.contains("bad-request"), "{answer}");
    let answer = enable(&mut house, "one", &form(OPTIONS, &"x".repeat(5_000)));
    assert!(answer.contains("not-acceptable"), "{answer}");
    assert_eq!(nodes(&house), [""; 0]);
}

#[test]
fn beyond_the_bound_the_oldest_service_goes() {
    let mut house = house();
    for number in 10..30 {
        enable(&mut house, &number.to_string(), "");
    }
    let nodes = nodes(&house);
    assert_eq!(nodes.len(), 16);
    assert_eq!(nodes[0], "14");
}

#[test]
fn an_error_that_is_to_stay_ends_it_and_no_other() {
    let mut house = house();
    enable(&mut house, "one", "");
    enable(&mut house, "two", "");
    let told = notification(&mut house, 1).unwrap();
    let id = id_of(&told);
    let fail = |id: &str, kind: &str, condition: &str| {
        format!(
            "<iq type='error' id='{id}' to='ann@house.example'><error type='{kind}'>\
             <{condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>"
        )
    };

    house.send("bob/app", &fail(id, "wait", "resource-constraint"));
    house.send("bob/app", &fail(id, "cancel", "service-unavailable"));
    house.send("bob/app", &fail("push-0", "cancel", "item-not-found"));
    assert_eq!(nodes(&house), ["one", "two"]);

    house.send("bob/app", &fail(id, "cancel", "item-not-found"));
    assert_eq!(nodes(&house), ["two"]);
}

#[test]
fn only_the_service_itself_can_end_it() {
    let mut house = house();
    enable(&mut house, "one", "");
    let told = notification(&mut house, 1).unwrap();
    let id = id_of(&told);
    house.log_in("bob/other");

    house.send(
        "bob/other",
        &format!(
            "<iq type='error' id='{id}' to='ann@house.example'><error type='cancel'>\
             <gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>"
        ),
    );

    assert_eq!(nodes(&house), ["one"]);
}
