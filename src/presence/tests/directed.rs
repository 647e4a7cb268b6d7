//! Presence for one address (RFC 6121 sections 4.6 and 8.5).

use crate::route::tests::house::House;

fn strangers() -> House {
    let mut house = House::with(&["ann", "bob"]);
    house.log_in("ann/phone");
    house.log_in("bob/desk");
    house
}

#[test]
fn it_goes_to_all_available_resources_of_a_bare_address_as_it_is() {
    let mut house = strangers();
    house.log_in("bob/pad");
    house.bind("bob/silent");
    house.take("bob/desk");

    house.send(
        "ann/phone",
        "<presence to='bob@house.example' id='d'><show>xa</show></presence>",
    );

    for user in ["bob/desk", "bob/pad"] {
        assert_eq!(
            house.take(user),
            [
                "<presence from='ann@house.example/phone' to='bob@house.example' id='d'>\
              <show>xa</show></presence>"
            ]
        );
    }
    assert!(house.take("bob/silent").is_empty());
    assert!(house.take("ann/phone").is_empty());
}

#[test]
fn it_goes_to_the_one_resource_of_a_full_address_available_or_not() {
    let mut house = strangers();
    house.bind("bob/silent");

    house.send("ann/phone", "<presence to='bob@house.example/silent'/>");

    assert_eq!(house.take("bob/silent").len(), 1);
    assert!(house.take("bob/desk").is_empty());
}

#[test]
fn where_nobody_is_it_is_ignored() {
    let mut house = strangers();
    for to in [
        "bob@house.example/none",
        "nobody@house.example",
        "nobody@house.example/x",
        "house.example",
    ] {
        for kind in [
            "",
            "type='unavailable'",
            "type='error'",
            "type='unsubscribed'",
        ] {
            house.send("ann/phone", &format!("<presence {kind} to='{to}'/>"));
        }
    }
    assert!(house.take("ann/phone").is_empty());
    assert!(house.take("bob/desk").is_empty());
}

#[test]
fn who_was_told_of_the_presence_is_told_of_its_end() {
    for by_end in [false, true] {
        let mut house = strangers();
        house.send("ann/phone", "<presence to='bob@house.example'/>");
        house.take("bob/desk");

        if by_end {
            house.end("ann/phone");
        } else {
            house.send("ann/phone", "<presence type='unavailable'/>");
        }

        let got = house.take("bob/desk");
        assert_eq!(got.len(), 1, "{got:?}");
        assert!(
            got[0].contains("type='unavailable' from='ann@house.example/phone'"),
            "{got:?}"
        );
    }
}

#[test]
fn who_was_told_of_the_end_already_is_not_told_again() {
    let mut house = strangers();
    house.send("ann/phone", "<presence to='bob@house.example'/>");
    house.send(
        "ann/phone",
        "<presence type='unavailable' to='bob@house.example'/>",
    );
    house.take("bob/desk");

    house.end("ann/phone");

    assert!(house.take("bob/desk").is_empty());
}

#[test]
fn a_subscriber_is_told_of_the_end_once() {
    let mut house = House::with(&["ann", "bob"]);
    house.befriend("ann", "bob");
    house.log_in("ann/phone");
    house.log_in("bob/desk");
    house.send("ann/phone", "<presence to='bob@house.example'/>");
    house.take("bob/desk");

    house.end("ann/phone");

    assert_eq!(house.take("bob/desk").len(), 1);
}

#[test]
fn it_may_come_before_presence_for_all() {
    let mut house = strangers();
    house.bind("ann/new");
    house.send("ann/new", "<presence to='bob@house.example/desk'/>");
    house.take("bob/desk");

    house.end("ann/new");

    assert_eq!(house.take("bob/desk").len(), 1);
}

#[test]
fn changes_are_not_told_to_who_was_only_addressed() {
    let mut house = strangers();
    house.send("ann/phone", "<presence to='bob@house.example'/>");
    house.take("bob/desk");

    house.send("ann/phone", "<presence><show>dnd</show></presence>");

    assert!(house.take("bob/desk").is_empty());
}

#[test]
fn the_addresses_of_a_session_are_bounded() {
    let mut house = strangers();
    house.settings.limits.directed_max = 1;
    house.send("ann/phone", "<presence to='bob@house.example'/>");
    house.send(
        "ann/phone",
        "<presence to='bob@house.example/desk' id='2'/>",
    );
    house.send("ann/phone", "<presence to='bob@house.example'/>");

    let got = house.take("ann/phone");
    assert_eq!(got.len(), 1, "{got:?}");
    assert!(got[0].contains("<resource-constraint "), "{got:?}");
    assert_eq!(house.take("bob/desk").len(), 2);
}

#[test]
fn who_blocks_is_not_told_and_who_is_blocked_cannot_be() {
    let mut house = strangers();
    house.block("bob", "ann@house.example");
    house.send("ann/phone", "<presence to='bob@house.example'/>");
    assert!(house.take("bob/desk").is_empty());
    assert!(house.take("ann/phone").is_empty());

    house.send("bob/desk", "<presence to='ann@house.example' id='1'/>");

    assert!(house.take("bob/desk")[0].contains("<blocked "));
    assert!(house.take("ann/phone").is_empty());
}

#[test]
fn an_error_goes_to_the_resource_that_it_is_for() {
    let mut house = strangers();
    house.send(
        "ann/phone",
        "<presence type='error' to='bob@house.example'/>",
    );
    assert!(house.take("bob/desk").is_empty());

    house.send(
        "ann/phone",
        "<presence type='error' to='bob@house.example/desk'/>",
    );

    assert_eq!(house.take("bob/desk").len(), 1);
}
