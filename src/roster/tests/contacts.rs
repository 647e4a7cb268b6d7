//! Roster sets, what is wrong with some, and pushes (RFC 6121 sections 2.1 to 2.5).

use crate::route::tests::house::House;

fn set(item: &str) -> String {
    format!("<iq type='set' id='s'><query xmlns='jabber:iq:roster'>{item}</query></iq>")
}

fn error_of(item: &str) -> String {
    let mut house = House::with(&["ann"]);
    house.bind("ann/phone");
    house.send("ann/phone", &set(item));
    let answers = house.take("ann/phone");
    assert_eq!(answers.len(), 1, "{answers:?}");
    assert_eq!(house.account("ann").contacts().count(), 0);
    answers[0].clone()
}

#[test]
fn a_set_is_pushed_to_interested_resources_and_answered() {
    let mut house = House::with(&["ann"]);
    house.log_in("ann/phone");
    house.log_in("ann/desk");
    house.bind("ann/uninterested");
    house.take("ann/phone");

    house.send(
        "ann/phone",
        &set("<item jid='bob@house.example' name='B &amp; b'><group>Friends</group></item>"),
    );

    let got = house.take("ann/phone");
    assert_eq!(got.len(), 2, "{got:?}");
    assert!(got[0].contains("type='set' from='ann@house.example' to='ann@house.example/phone'"));
    assert!(got[0].contains(
        "<item jid='bob@house.example' name='B &amp; b' subscription='none'>\
         <group>Friends</group></item>"
    ));
    assert!(
        got[1].contains("type='result'") && got[1].contains("id='s'"),
        "{got:?}"
    );
    let other = house.take("ann/desk");
    assert_eq!(other.len(), 1, "{other:?}");
    assert!(other[0].contains("to='ann@house.example/desk'"));
    assert!(house.take("ann/uninterested").is_empty());
}

#[test]
fn the_roster_lists_what_was_set_and_only_that() {
    let mut house = House::with(&["ann", "bob", "eve"]);
    house.log_in("ann/phone");
    house.log_in("eve/den");
    house.send(
        "ann/phone",
        &set("<item jid='bob@house.example' subscription='both' ask='x'/>"),
    );
    house.send(
        "eve/den",
        "<presence type='subscribe' to='ann@house.example'/>",
    );
    house.take("ann/phone");

    house.send(
        "ann/phone",
        "<iq type='get' id='g'><query xmlns='jabber:iq:roster'/></iq>",
    );

    let got = house.take("ann/phone");
    assert_eq!(got[0].matches("<item ").count(), 1, "{got:?}");
    assert!(got[0].contains("<item jid='bob@house.example' subscription='none'/>"));
}

#[test]
fn a_set_keeps_the_subscription_and_replaces_name_and_groups() {
    let mut house = House::with(&["ann", "bob"]);
    house.befriend("ann", "bob");
    house.log_in("ann/phone");
    house.send(
        "ann/phone",
        &set("<item jid='bob@house.example' name='B'><group>A</group></item>"),
    );
    house.send(
        "ann/phone",
        &set("<item jid='bob@house.example'><group>Z</group></item>"),
    );

    let got = house.take("ann/phone");
    assert!(
        got[2]
            .contains("<item jid='bob@house.example' subscription='both'><group>Z</group></item>"),
        "{got:?}"
    );
}

#[test]
fn two_items_or_none_are_a_bad_request() {
    for item in [
        "",
        "<item jid='a@b.example'/><item jid='c@d.example'/>",
        "<item/>",
        "<item jid='a@b.example/full'/>",
        "<item jid='a@b.example'><group>G</group><group>G</group></item>",
    ] {
        assert!(error_of(item).contains("<bad-request "), "{item}");
    }
}

#[test]
fn a_contact_without_an_address_that_can_be_read_is_malformed() {
    assert!(error_of("<item jid='@'/>").contains("<jid-malformed "));
}

#[test]
fn empty_and_overlong_names_are_not_acceptable() {
    let long = "x".repeat(1_024);
    let many: Vec<String> = (0..65).map(|n| format!("<group>{n}</group>")).collect();
    let many = many.concat();
    for item in [
        "<item jid='a@b.example'><group/></item>".to_owned(),
        format!("<item jid='a@b.example'><group>{long}</group></item>"),
        format!("<item jid='a@b.example' name='{long}'/>"),
        format!("<item jid='a@b.example'>{many}</item>"),
    ] {
        assert!(error_of(&item).contains("<not-acceptable "), "{item}");
    }
}

#[test]
fn nobody_is_a_contact_of_oneself() {
    assert!(error_of("<item jid='ann@house.example'/>").contains("<not-allowed "));
}

#[test]
fn what_is_not_in_the_roster_cannot_be_removed() {
    let item = "<item jid='bob@house.example' subscription='remove'/>";
    assert!(error_of(item).contains("<item-not-found "));
}

#[test]
fn the_roster_of_another_is_forbidden_and_that_of_nobody_unavailable() {
    let mut house = House::with(&["ann", "bob"]);
    house.bind("ann/phone");
    for (to, kind, condition) in [
        ("bob@house.example", "set", "<forbidden "),
        ("bob@house.example", "get", "<forbidden "),
        ("nobody@house.example", "get", "<service-unavailable "),
    ] {
        house.send(
            "ann/phone",
            &format!("<iq type='{kind}' id='x' to='{to}'><query xmlns='jabber:iq:roster'/></iq>"),
        );
        let got = house.take("ann/phone");
        assert!(got[0].contains(condition), "{got:?}");
    }
}

#[test]
fn a_full_roster_takes_changes_but_no_new_contact() {
    let mut house = House::with(&["ann", "bob"]);
    house.settings.limits.roster_items_max = 2;
    house.bind("ann/phone");
    for n in 0..3 {
        house.send("ann/phone", &set(&format!("<item jid='c{n}@b.example'/>")));
    }
    house.settings.limits.roster_items_max = 1;
    house.send("ann/phone", &set("<item jid='c1@b.example' name='N'/>"));
    house.send(
        "ann/phone",
        "<presence type='subscribe' to='bob@house.example' id='p'/>",
    );

    let got = house.take("ann/phone");
    assert!(got[2].contains("<resource-constraint "), "{got:?}");
    assert!(got[3].contains("type='result'"), "{got:?}");
    assert!(got[4].contains("<resource-constraint "), "{got:?}");
    assert_eq!(house.account("ann").contacts().count(), 2);
}

#[test]
fn a_roster_is_bounded_in_bytes_as_it_is_written() {
    let mut house = House::with(&["ann"]);
    house.bind("ann/phone");
    let group = "&apos;".repeat(1_000);
    let mut refused = 0;
    for n in 0..60 {
        let item = format!("<item jid='c{n}@b.example'><group>{group}</group></item>");
        house.send("ann/phone", &set(&item));
        refused += house.take("ann/phone")[0]
            .matches("<resource-constraint ")
            .count();
    }
    assert!((10..30).contains(&refused), "{refused}");
}

#[test]
fn removal_ends_both_subscriptions_and_tells_the_contact() {
    let mut house = House::with(&["ann", "bob"]);
    house.befriend("ann", "bob");
    house.log_in("ann/phone");
    house.log_in("bob/desk");
    house.take("ann/phone");

    house.send(
        "ann/phone",
        &set("<item jid='bob@house.example' subscription='remove'/>"),
    );

    let bob = house.take("bob/desk");
    assert_eq!(bob.len(), 4, "{bob:?}");
    assert!(
        bob[0].contains("type='unavailable' from='ann@house.example/phone'"),
        "{bob:?}"
    );
    assert!(bob[1].contains("type='unsubscribe' from='ann@house.example' to='bob@house.example'"));
    assert!(bob[2].contains("type='unsubscribed' from='ann@house.example' to='bob@house.example'"));
    assert!(
        bob[3].contains("jid='ann@house.example' subscription='none'"),
        "{bob:?}"
    );
    let ann = house.take("ann/phone");
    assert!(
        ann[0].contains("<item jid='bob@house.example' subscription='remove'/>"),
        "{ann:?}"
    );
    assert!(
        ann[1].contains("type='unavailable' from='bob@house.example/desk'"),
        "{ann:?}"
    );
    assert!(ann[2].contains("type='result'"));
    assert_eq!(house.contact("ann", "bob"), None);
    assert_eq!(house.contact("bob", "ann").unwrap().subscription(), "none");
}

#[test]
fn removal_takes_back_a_request_and_refuses_one() {
    let mut house = House::with(&["ann", "bob", "eve"]);
    house.log_in("ann/phone");
    house.log_in("eve/den");
    house.send(
        "ann/phone",
        "<presence type='subscribe' to='bob@house.example'/>",
    );
    house.send(
        "eve/den",
        "<presence type='subscribe' to='ann@house.example'/>",
    );
    house.send("ann/phone", &set("<item jid='eve@house.example'/>"));
    house.take("eve/den");

    for name in ["bob", "eve"] {
        let item = format!("<item jid='{name}@house.example' subscription='remove'/>");
        house.send("ann/phone", &set(&item));
    }

    assert_eq!(house.contact("bob", "ann"), None);
    let eve = house.take("eve/den");
    assert!(
        eve[0].contains("type='unsubscribed' from='ann@house.example'"),
        "{eve:?}"
    );
    assert!(
        eve[1].contains("jid='ann@house.example' subscription='none'/>"),
        "{eve:?}"
    );
}
