//! Subscriptions between two users of the domain (RFC 6121 section 3).

use crate::model::contact::Contact;
use crate::model::contact::Inward;
use crate::model::contact::Outward;
use crate::model::row::Row;
use crate::model::row::RowName;
use crate::route::tests::house::House;
use crate::route::tests::house::bare;

fn house() -> House {
    let mut house = House::with(&["ann", "bob"]);
    house.log_in("ann/phone");
    house.log_in("bob/desk");
    house
}

fn subscribe(house: &mut House) {
    house.send(
        "ann/phone",
        "<presence type='subscribe' to='bob@house.example/desk' id='1'><status>me</status></presence>",
    );
}

#[test]
fn a_request_is_stamped_with_bare_addresses_delivered_and_pushed_as_pending() {
    let mut house = house();

    subscribe(&mut house);

    let bob = house.take("bob/desk");
    assert_eq!(
        bob,
        [
            "<presence type='subscribe' from='ann@house.example' to='bob@house.example' id='1'>\
          <status>me</status></presence>"
        ]
    );
    let ann = house.take("ann/phone");
    assert_eq!(ann.len(), 1, "{ann:?}");
    assert!(
        ann[0].contains("<item jid='bob@house.example' subscription='none' ask='subscribe'/>"),
        "{ann:?}"
    );
}

#[test]
fn a_request_goes_to_all_available_resources_and_no_other() {
    let mut house = house();
    house.log_in("bob/pad");
    house.bind("bob/silent");
    house.take("bob/desk");

    subscribe(&mut house);

    assert_eq!(house.take("bob/desk").len(), 1);
    assert_eq!(house.take("bob/pad").len(), 1);
    assert!(house.take("bob/silent").is_empty());
}

#[test]
fn a_request_is_shown_at_each_login_until_it_is_answered() {
    let mut house = house();
    house.end("bob/desk");
    subscribe(&mut house);
    for resource in ["bob/one", "bob/two"] {
        house.bind(resource);
        house.send(resource, "<presence/>");
        let got = house.take(resource);
        let shown = got.iter().filter(|text| text.contains("type='subscribe'"));
        let shown: Vec<_> = shown.collect();
        assert_eq!(shown.len(), 1, "{got:?}");
        assert!(shown[0].contains("<status>me</status>"), "{got:?}");
    }

    house.send(
        "bob/one",
        "<presence type='unsubscribed' to='ann@house.example'/>",
    );

    house.bind("bob/three");
    house.send("bob/three", "<presence/>");
    let got = house.take("bob/three");
    assert!(
        !got.iter().any(|text| text.contains("type='subscribe'")),
        "{got:?}"
    );
    assert_eq!(house.contact("bob", "ann"), None);
    assert_eq!(house.contact("ann", "bob").unwrap().out, Outward::Without);
}

#[test]
fn a_repeated_request_is_not_delivered_again() {
    let mut house = house();
    subscribe(&mut house);
    house.take("bob/desk");

    subscribe(&mut house);

    assert!(house.take("bob/desk").is_empty());
}

#[test]
fn an_approval_is_delivered_pushed_on_both_sides_and_followed_by_presence() {
    let mut house = house();
    house.send("bob/desk", "<presence><show>away</show></presence>");
    subscribe(&mut house);
    house.take("ann/phone");
    house.take("bob/desk");

    house.send(
        "bob/desk",
        "<presence type='subscribed' to='ann@house.example/phone'/>",
    );

    let ann = house.take("ann/phone");
    assert_eq!(ann.len(), 3, "{ann:?}");
    assert!(ann[0].contains("type='subscribed' from='bob@house.example' to='ann@house.example'"));
    assert!(
        ann[1].contains("jid='bob@house.example' subscription='to'/>"),
        "{ann:?}"
    );
    assert!(ann[2].contains("from='bob@house.example/desk'"), "{ann:?}");
    assert!(ann[2].contains("<show>away</show>"), "{ann:?}");
    let bob = house.take("bob/desk");
    assert_eq!(bob.len(), 1, "{bob:?}");
    assert!(
        bob[0].contains("jid='ann@house.example' subscription='from'/>"),
        "{bob:?}"
    );
}

#[test]
fn two_subscriptions_make_both() {
    let mut house = house();
    subscribe(&mut house);
    house.send(
        "bob/desk",
        "<presence type='subscribed' to='ann@house.example'/>",
    );
    house.send(
        "bob/desk",
        "<presence type='subscribe' to='ann@house.example'/>",
    );
    house.send(
        "ann/phone",
        "<presence type='subscribed' to='bob@house.example'/>",
    );

    assert_eq!(house.contact("ann", "bob").unwrap().subscription(), "both");
    assert_eq!(house.contact("bob", "ann").unwrap().subscription(), "both");
}

#[test]
fn a_cancelled_subscription_hides_before_it_tells() {
    let mut house = House::with(&["ann", "bob"]);
    house.befriend("ann", "bob");
    house.log_in("ann/phone");
    house.log_in("bob/desk");
    house.take("ann/phone");

    house.send(
        "bob/desk",
        "<presence type='unsubscribed' to='ann@house.example'/>",
    );

    let ann = house.take("ann/phone");
    assert_eq!(ann.len(), 3, "{ann:?}");
    assert!(
        ann[0].contains("type='unavailable' from='bob@house.example/desk'"),
        "{ann:?}"
    );
    assert!(
        ann[1].contains("type='unsubscribed' from='bob@house.example'"),
        "{ann:?}"
    );
    assert!(ann[2].contains("subscription='from'"), "{ann:?}");
    let bob = house.take("bob/desk");
    assert!(bob[0].contains("subscription='to'"), "{bob:?}");
}

#[test]
fn who_unsubscribes_sees_the_contact_leave() {
    let mut house = House::with(&["ann", "bob"]);
    house.befriend("ann", "bob");
    house.log_in("ann/phone");
    house.log_in("bob/desk");
    house.take("ann/phone");

    house.send(
        "ann/phone",
        "<presence type='unsubscribe' to='bob@house.example'/>",
    );

    let bob = house.take("bob/desk");
    assert!(
        bob[0].contains("type='unsubscribe' from='ann@house.example'"),
        "{bob:?}"
    );
    assert!(bob[1].contains("subscription='to'"), "{bob:?}");
    let ann = house.take("ann/phone");
    assert!(ann[0].contains("subscription='from'"), "{ann:?}");
    assert!(
        ann[1].contains("type='unavailable' from='bob@house.example/desk'"),
        "{ann:?}"
    );
}

#[test]
fn a_request_to_who_has_granted_it_is_answered_by_the_server() {
    let mut house = House::with(&["ann", "bob"]);
    house.befriend("ann", "bob");
    house.log_in("ann/phone");
    house.log_in("bob/desk");
    house.take("ann/phone");

    subscribe(&mut house);

    assert!(house.take("bob/desk").is_empty());
    assert!(house.take("ann/phone").is_empty());
    assert_eq!(house.contact("ann", "bob").unwrap().subscription(), "both");
}

#[test]
fn approval_in_advance_is_noted_and_answers_the_request() {
    let mut house = house();
    house.send(
        "bob/desk",
        "<presence type='subscribed' to='ann@house.example'/>",
    );
    let bob = house.take("bob/desk");
    assert!(
        bob[0].contains("<item jid='ann@house.example' subscription='none' approved='true'/>"),
        "{bob:?}"
    );
    assert!(house.take("ann/phone").is_empty());

    subscribe(&mut house);

    let bob = house.take("bob/desk");
    assert_eq!(bob.len(), 1, "{bob:?}");
    assert!(bob[0].contains("subscription='from'"), "{bob:?}");
    let ann = house.take("ann/phone");
    assert!(
        ann[0].contains("type='subscribed' from='bob@house.example'"),
        "{ann:?}"
    );
    assert!(ann[1].contains("subscription='to'"), "{ann:?}");
    assert!(ann[2].contains("from='bob@house.example/desk'"), "{ann:?}");
}

#[test]
fn approval_in_advance_can_be_taken_back_unseen() {
    let mut house = house();
    house.send(
        "bob/desk",
        "<presence type='subscribed' to='ann@house.example'/>",
    );
    house.send(
        "bob/desk",
        "<presence type='unsubscribed' to='ann@house.example'/>",
    );

    let bob = house.take("bob/desk");
    assert!(
        bob[1].contains("<item jid='ann@house.example' subscription='none'/>"),
        "{bob:?}"
    );
    assert!(house.take("ann/phone").is_empty());
    subscribe(&mut house);
    assert!(house.take("bob/desk")[0].contains("type='subscribe'"));
}

#[test]
fn a_request_to_nobody_stays_pending_without_a_word() {
    let mut house = house();

    house.send(
        "ann/phone",
        "<presence type='subscribe' to='nobody@house.example'/>",
    );

    let ann = house.take("ann/phone");
    assert_eq!(ann.len(), 1, "{ann:?}");
    assert!(ann[0].contains("ask='subscribe'"), "{ann:?}");
    assert_eq!(house.account("nobody").rows.iter().count(), 0);
}

#[test]
fn a_request_to_oneself_or_the_server_is_ignored_and_one_to_no_address_is_bad() {
    let mut house = house();
    house.send(
        "ann/phone",
        "<presence type='subscribe' to='ann@house.example'/>",
    );
    house.send(
        "ann/phone",
        "<presence type='subscribe' to='house.example'/>",
    );
    assert!(house.take("ann/phone").is_empty());

    house.send("ann/phone", "<presence type='subscribe' id='1'/>");

    assert!(house.take("ann/phone")[0].contains("<bad-request "));
}

#[test]
fn a_blocked_user_may_ask_and_is_not_heard() {
    let mut house = house();
    house.block("bob", "ann@house.example");

    subscribe(&mut house);

    assert!(house.take("bob/desk").is_empty());
    assert_eq!(house.contact("bob", "ann"), None);
    assert_eq!(house.contact("ann", "bob").unwrap().out, Outward::Asked);
}

#[test]
fn who_blocks_a_user_cannot_ask_it() {
    let mut house = house();
    house.block("ann", "bob@house.example");

    subscribe(&mut house);

    let ann = house.take("ann/phone");
    assert!(
        ann[0].contains("<not-acceptable ") && ann[0].contains("<blocked "),
        "{ann:?}"
    );
    assert_eq!(house.contact("ann", "bob"), None);
}

#[test]
fn requests_are_bounded_in_size_and_number() {
    let mut house = house();
    let status = "x".repeat(2_100);
    house.send(
        "ann/phone",
        &format!(
            "<presence type='subscribe' to='bob@house.example'><status>{status}</status></presence>"
        ),
    );
    assert!(house.take("ann/phone")[0].contains("<policy-violation "));
    let names: Vec<String> = (0..101).map(|n| format!("u{n}")).collect();
    let mut all: Vec<&str> = names.iter().map(String::as_str).collect();
    all.push("bob");
    let mut house = House::with(&all);
    for name in &names {
        let user = format!("{name}/x");
        house.bind(&user);
        house.send(&user, "<presence type='subscribe' to='bob@house.example'/>");
    }

    let asked = house.account("bob").contacts();
    let asked = asked.filter(|(_, one, _)| matches!(one.inward, Inward::Asked { .. }));
    assert_eq!(asked.count(), 100);
}

#[test]
fn replies_go_to_interested_resources() {
    let mut house = house();
    house.bind("ann/plain");
    house.send("ann/plain", "<presence/>");
    subscribe(&mut house);
    house.take("ann/plain");

    house.send(
        "bob/desk",
        "<presence type='subscribed' to='ann@house.example'/>",
    );

    let plain = house.take("ann/plain");
    assert!(
        !plain.iter().any(|text| text.contains("'subscribed'")),
        "{plain:?}"
    );
}

#[test]
fn the_end_of_an_account_ends_its_subscriptions() {
    let mut house = House::with(&["ann", "bob"]);
    house.befriend("ann", "bob");
    house.log_in("bob/desk");

    house.delete("ann");

    let bob = house.take("bob/desk");
    assert!(
        bob[0].contains("<item jid='ann@house.example' subscription='none'/>"),
        "{bob:?}"
    );
    assert_eq!(house.contact("ann", "bob"), None);
}

#[test]
fn a_grant_to_an_earlier_life_of_a_name_is_none() {
    let mut house = house();
    let granted = Contact {
        listed: true,
        inward: Inward::From,
        ..Contact::default()
    };
    let name = RowName::Contact { jid: bare("ann") };
    let row = Row::Contact {
        contact: granted.into(),
    };
    house.set(&bare("bob"), name, Some(row));
    house.send("ann/phone", "<presence/>");
    house.take("ann/phone");

    house.send("bob/desk", "<presence><show>away</show></presence>");
    assert!(house.take("ann/phone").is_empty());
    house.take("bob/desk");
    subscribe(&mut house);

    assert!(
        house
            .take("bob/desk")
            .iter()
            .any(|text| text.contains("'subscribe'"))
    );
    assert!(!house.contact("bob", "ann").unwrap().may_see());
}
