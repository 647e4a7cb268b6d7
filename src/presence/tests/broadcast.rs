//! Presence for all: initial, changed, withdrawn, ended.

use crate::model::row::Row;
use crate::model::row::RowName;
use crate::route::tests::house::House;

fn friends() -> House {
    let mut house = House::with(&["ann", "bob", "eve"]);
    house.befriend("ann", "bob");
    house
}

#[test]
fn initial_presence_goes_to_subscribers_and_to_oneself() {
    let mut house = friends();
    house.log_in("bob/desk");
    house.log_in("eve/den");
    house.bind("bob/silent");
    house.bind("ann/phone");

    house.send("ann/phone", "<presence id='p'><show>away</show></presence>");

    let seen = "<presence from='ann@house.example/phone'";
    for user in ["bob/desk", "ann/phone"] {
        let got = house.take(user);
        assert!(got[0].starts_with(seen), "{got:?}");
        assert!(got[0].contains("id='p'><show>away</show>"), "{got:?}");
    }
    assert!(house.take("bob/silent").is_empty());
    assert!(house.take("eve/den").is_empty());
}

#[test]
fn initial_presence_brings_that_of_contacts_and_of_own_resources_and_then_the_mail() {
    let mut house = friends();
    house.log_in("bob/desk");
    house.log_in("ann/desk");
    house.bind("ann/phone");

    house.send("ann/phone", "<presence/>");

    let got = house.take("ann/phone");
    assert_eq!(got.len(), 4, "{got:?}");
    assert!(got[0].contains("from='ann@house.example/phone'"), "{got:?}");
    assert!(got[1].contains("from='ann@house.example/desk'"), "{got:?}");
    assert!(got[2].contains("from='bob@house.example/desk'"), "{got:?}");
    assert_eq!(got[3], "replay");
}

#[test]
fn a_change_is_told_without_asking_anew() {
    let mut house = friends();
    house.log_in("bob/desk");
    house.log_in("ann/phone");
    house.take("bob/desk");

    house.send("ann/phone", "<presence><show>dnd</show></presence>");

    assert_eq!(house.take("bob/desk").len(), 1);
    let got = house.take("ann/phone");
    assert_eq!(got.len(), 1, "{got:?}");
}

#[test]
fn only_who_may_see_it_is_told() {
    let mut house = House::with(&["ann", "bob"]);
    house.log_in("bob/desk");
    house.log_in("ann/phone");
    house.send(
        "ann/phone",
        "<presence type='subscribe' to='bob@house.example'/>",
    );
    house.take("bob/desk");

    house.send("ann/phone", "<presence><show>chat</show></presence>");

    assert!(house.take("bob/desk").is_empty());
}

#[test]
fn messages_wait_until_the_priority_is_not_negative() {
    let mut house = House::with(&["ann"]);
    house.bind("ann/phone");
    let mut replays = Vec::new();
    for priority in ["-128", "-1", "0", "127", "-5", "3"] {
        house.send(
            "ann/phone",
            &format!("<presence><priority>{priority}</priority></presence>"),
        );
        let got = house.take("ann/phone");
        replays.push(got.iter().any(|text| text == "replay"));
    }
    assert_eq!(replays, [false, false, true, false, false, true]);
}

#[test]
fn a_priority_out_of_range_is_a_bad_request() {
    let mut house = House::with(&["ann"]);
    house.bind("ann/phone");
    for priority in ["128", "-129", "high", ""] {
        house.send(
            "ann/phone",
            &format!("<presence id='p'><priority>{priority}</priority></presence>"),
        );
        let got = house.take("ann/phone");
        assert!(got[0].contains("<bad-request "), "{priority}: {got:?}");
    }
    assert!(house.account("ann").available().next().is_none());
}

#[test]
fn withdrawn_presence_is_told_with_its_words_and_remembered() {
    let mut house = friends();
    house.log_in("bob/desk");
    house.log_in("ann/phone");
    house.log_in("ann/desk");
    house.take("ann/phone");
    house.take("bob/desk");

    house.send(
        "ann/phone",
        "<presence type='unavailable'><status>gone</status></presence>",
    );

    for user in ["bob/desk", "ann/phone", "ann/desk"] {
        let got = house.take(user);
        assert_eq!(got.len(), 1, "{user}: {got:?}");
        assert!(got[0].contains("type='unavailable' from='ann@house.example/phone'"));
        assert!(got[0].contains("<status>gone</status>"), "{got:?}");
    }
    let Some(Row::LastSeen { seen }) = house.account("ann").rows.row(&RowName::LastSeen) else {
        panic!("no word of it");
    };
    assert_eq!(seen.status.as_deref(), Some("gone"));
    assert_eq!(seen.at, house.now);
}

#[test]
fn withdrawing_twice_says_nothing_the_second_time() {
    let mut house = friends();
    house.log_in("bob/desk");
    house.log_in("ann/phone");
    house.send("ann/phone", "<presence type='unavailable'/>");
    house.take("bob/desk");

    house.send("ann/phone", "<presence type='unavailable'/>");

    assert!(house.take("bob/desk").is_empty());
}

#[test]
fn the_end_of_a_session_is_told_like_withdrawn_presence() {
    let mut house = friends();
    house.log_in("bob/desk");
    house.log_in("ann/phone");
    house.take("bob/desk");

    house.end("ann/phone");

    let got = house.take("bob/desk");
    assert_eq!(got.len(), 1, "{got:?}");
    assert!(
        got[0].contains("type='unavailable' from='ann@house.example/phone'"),
        "{got:?}"
    );
    assert!(house.account("ann").rows.row(&RowName::LastSeen).is_some());
    assert!(house.account("ann").online.is_empty());
}

#[test]
fn the_end_of_a_session_without_presence_changes_nothing() {
    let mut house = friends();
    house.log_in("bob/desk");
    house.bind("ann/phone");

    house.end("ann/phone");

    assert!(house.take("bob/desk").is_empty());
    assert_eq!(house.account("ann").rows.row(&RowName::LastSeen), None);
}

#[test]
fn neither_sees_the_other_while_one_of_them_blocks() {
    for (who, whom) in [("ann", "bob@house.example"), ("bob", "ann@house.example")] {
        let mut house = friends();
        house.block(who, whom);
        house.log_in("bob/desk");
        house.bind("ann/phone");

        house.send("ann/phone", "<presence/>");

        assert!(house.take("bob/desk").is_empty());
        let got = house.take("ann/phone");
        assert_eq!(got.len(), 2, "{got:?}");
    }
}

#[test]
fn an_overlong_farewell_is_kept_in_part() {
    let mut house = House::with(&["ann"]);
    house.log_in("ann/phone");
    let status = "\u{e4}".repeat(300);

    house.send(
        "ann/phone",
        &format!("<presence type='unavailable'><status>{status}</status></presence>"),
    );

    let Some(Row::LastSeen { seen }) = house.account("ann").rows.row(&RowName::LastSeen) else {
        panic!("no word of it");
    };
    assert_eq!(seen.status.as_ref().unwrap().len(), 512);
}
