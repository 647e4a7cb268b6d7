//! Probes that a client sends (RFC 6121 section 4.3.2).

use crate::model::contact::Contact;
use crate::model::contact::Outward;
use crate::model::row::Row;
use crate::model::row::RowName;
use crate::route::tests::house::House;
use crate::route::tests::house::bare;

fn friends() -> House {
    let mut house = House::with(&["ann", "bob", "eve"]);
    house.befriend("ann", "bob");
    house.log_in("bob/desk");
    house.log_in("bob/pad");
    house.log_in("ann/phone");
    house
}

fn probe(house: &mut House, to: &str) -> Vec<String> {
    house.send("ann/phone", &format!("<presence type='probe' to='{to}'/>"));
    house.take("ann/phone")
}

#[test]
fn a_subscriber_gets_the_last_presence_of_each_resource() {
    let mut house = friends();
    house.send("bob/pad", "<presence><show>away</show></presence>");
    house.take("ann/phone");

    let got = probe(&mut house, "bob@house.example");
    assert_eq!(got.len(), 2, "{got:?}");
    assert!(got[1].contains("from='bob@house.example/pad'"), "{got:?}");
    assert!(got[1].contains("<show>away</show>"), "{got:?}");
    assert_eq!(probe(&mut house, "bob@house.example/desk").len(), 1);
    assert_eq!(probe(&mut house, "ann@house.example").len(), 1);
}

#[test]
fn of_who_is_gone_a_subscriber_gets_when_and_with_which_words() {
    let mut house = friends();
    house.send("bob/pad", "<presence type='unavailable'/>");
    house.send(
        "bob/desk",
        "<presence type='unavailable'><status>bye</status></presence>",
    );
    let left = house.now.to_xep0082();
    house.take("ann/phone");

    let got = probe(&mut house, "bob@house.example");

    assert_eq!(got.len(), 1, "{got:?}");
    assert!(
        got[0].contains("type='unavailable' from='bob@house.example'"),
        "{got:?}"
    );
    assert!(
        got[0].contains("<status>bye</status><delay xmlns='urn:xmpp:delay'"),
        "{got:?}"
    );
    assert!(got[0].contains(&left), "{got:?}");
}

#[test]
fn a_stranger_is_told_to_be_unsubscribed_whether_the_account_exists_or_not() {
    let mut house = friends();
    house.log_in("eve/den");
    for name in ["eve", "nobody"] {
        let got = probe(&mut house, &format!("{name}@house.example"));
        assert_eq!(
            got,
            [format!(
                "<presence type='unsubscribed' from='{name}@house.example' \
                 to='ann@house.example/phone'></presence>"
            )]
        );
    }
    assert!(house.take("eve/den").is_empty());
}

#[test]
fn who_waits_for_an_answer_keeps_waiting() {
    let mut house = friends();
    house.send(
        "ann/phone",
        "<presence type='subscribe' to='eve@house.example'/>",
    );
    house.take("ann/phone");

    assert!(probe(&mut house, "eve@house.example").is_empty());

    assert_eq!(house.contact("ann", "eve").unwrap().out, Outward::Asked);
}

#[test]
fn a_subscription_that_the_other_side_does_not_know_ends() {
    let mut house = friends();
    let contact = Contact {
        listed: true,
        out: Outward::To,
        ..Contact::default()
    };
    let name = RowName::Contact { jid: bare("eve") };
    house.set(
        &bare("ann"),
        name,
        Some(Row::Contact {
            contact: contact.into(),
        }),
    );
    house.take("ann/phone");

    let got = probe(&mut house, "eve@house.example");

    assert!(got[0].contains("subscription='none'"), "{got:?}");
    assert!(got[1].contains("type='unsubscribed'"), "{got:?}");
}

#[test]
fn who_is_blocked_learns_no_more_than_a_stranger() {
    let mut house = friends();
    house.block("bob", "ann@house.example");
    house.take("ann/phone");

    let got = probe(&mut house, "bob@house.example");

    assert!(!got.iter().any(|text| text.contains("/desk")), "{got:?}");
}

#[test]
fn a_probe_of_nobody_in_particular_is_a_bad_request() {
    let mut house = friends();
    house.send("ann/phone", "<presence type='probe'/>");
    assert!(house.take("ann/phone")[0].contains("<bad-request "));
}
