//! What a user is told who logs in (XEP-0133 sections 4.24 and 4.27).

use crate::model::row::Row;
use crate::model::row::RowName;
use crate::route::tests::house::House;

fn house() -> House {
    let mut house = House::with(&["ann"]);
    for (name, text) in [("motd", "Closed on Monday"), ("welcome", "Nice to see you")] {
        let bytes = text.as_bytes().into();
        house.set_node(RowName::Text { name: name.into() }, Row::Bytes { bytes });
    }
    house
}

fn come(house: &mut House, user: &str) -> String {
    house.bind(user);
    house.send(user, "<presence/>");
    house.take(user).concat()
}

#[test]
fn who_comes_for_the_first_time_is_welcomed_and_later_told_of_the_day() {
    let mut house = house();
    let first = come(&mut house, "ann/phone");
    assert!(
        first.contains("Nice to see you") && first.contains("Closed on Monday"),
        "{first}"
    );
    house.end("ann/phone");

    let second = come(&mut house, "ann/phone");

    assert!(
        !second.contains("Nice to see you") && second.contains("Closed on Monday"),
        "{second}"
    );
}

#[test]
fn it_is_told_once_a_session() {
    let mut house = house();
    come(&mut house, "ann/phone");

    house.send("ann/phone", "<presence><show>away</show></presence>");

    assert!(
        !house
            .take("ann/phone")
            .concat()
            .contains("Closed on Monday")
    );
}
