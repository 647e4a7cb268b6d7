//! A request with the word of an invitation (XEP-0379).

use crate::effect::invite::name_of;
use crate::model::contact::Inward;
use crate::model::contact::Outward;
use crate::model::invite::Invite;
use crate::model::row::Row;
use crate::route::tests::house::House;
use crate::route::tests::house::bare;

fn house() -> House {
    let mut house = House::with(&["ann", "bob"]);
    let invite = Invite {
        by: Some(bare("ann")),
        name: None,
        may_register: false,
        expires: house.now.plus_ms(60_000),
    };
    house.set_node(
        name_of("abc"),
        Row::Invite {
            invite: invite.into(),
        },
    );
    house.log_in("ann/phone");
    house.log_in("bob/phone");
    house
}

fn ask(house: &mut House, token: &str) {
    house.send(
        "bob/phone",
        &format!(
            "<presence type='subscribe' to='ann@house.example'>\
             <preauth xmlns='urn:xmpp:pars:0' token='{token}'/></presence>"
        ),
    );
}

fn states(house: &House) -> [(Outward, Inward); 2] {
    [("ann", "bob"), ("bob", "ann")].map(|(own, other)| {
        let contact = house.contact(own, other).unwrap();
        (contact.out, contact.inward.clone())
    })
}

#[test]
fn who_has_the_word_and_has_approved_is_a_contact_and_has_one() {
    let mut house = house();
    house.send(
        "bob/phone",
        "<presence type='subscribed' to='ann@house.example'/>",
    );

    ask(&mut house, "abc");

    let both = (Outward::To, Inward::From);
    assert_eq!(states(&house), [both.clone(), both]);
    assert!(
        !house
            .take("ann/phone")
            .concat()
            .contains("type='subscribe'")
    );
}

#[test]
fn who_has_not_approved_is_asked() {
    let mut house = house();

    ask(&mut house, "abc");

    let [ann, bob] = states(&house);
    assert_eq!(ann, (Outward::Asked, Inward::From));
    assert_eq!(bob.0, Outward::To);
    assert!(matches!(bob.1, Inward::Asked { .. }));
    assert!(
        house
            .take("bob/phone")
            .concat()
            .contains("type='subscribe'")
    );
}

#[test]
fn it_is_good_once_and_another_word_for_nothing() {
    for token in ["abc", "abd"] {
        let mut house = house();
        if token == "abc" {
            ask(&mut house, "abc");
            house.send(
                "bob/phone",
                "<presence type='unsubscribe' to='ann@house.example'/>",
            );
            house.send(
                "ann/phone",
                "<presence type='unsubscribed' to='bob@house.example'/>",
            );
        }

        ask(&mut house, token);

        let contact = house.contact("ann", "bob").unwrap();
        assert!(
            matches!(contact.inward, Inward::Asked { .. }),
            "{token} {contact:?}"
        );
    }
}
