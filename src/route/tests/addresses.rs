//! The rules of RFC 6121 section 8.5 for messages and requests.

use crate::route::tests::house::House;

/// Bob's resources `r0`, `r1`.. with these priorities, and Ann.
fn house(priorities: &[i8]) -> House {
    let mut house = House::with(&["ann", "bob"]);
    house.log_in("ann/phone");
    for (number, priority) in priorities.iter().enumerate() {
        let user = format!("bob/r{number}");
        house.bind(&user);
        house.send(
            &user,
            &format!("<presence><priority>{priority}</priority></presence>"),
        );
    }
    for number in 0..priorities.len() {
        house.take(&format!("bob/r{number}"));
    }
    house
}

/// Which of Bob's resources got something, and what Ann was told.
fn outcome(house: &mut House, count: usize, stanza: &str) -> (Vec<usize>, String) {
    house.send("ann/phone", stanza);
    let reached = (0..count)
        .filter(|number| !house.take(&format!("bob/r{number}")).is_empty())
        .collect();
    (reached, house.take("ann/phone").concat())
}

fn message(kind: &str, to: &str, content: &str) -> String {
    format!("<message type='{kind}' to='bob@house.example{to}' id='m'>{content}</message>")
}

const BODY: &str = "<body>hi</body>";
const STATE: &str = "<active xmlns='http://jabber.org/protocol/chatstates'/>";

#[test]
fn chat_and_normal_messages_to_a_bare_address_reach_all_who_are_not_negative() {
    for kind in ["chat", "normal"] {
        for content in [BODY, STATE] {
            let mut house = house(&[1, -1, 0]);
            let found = outcome(&mut house, 3, &message(kind, "", content));
            assert_eq!(found, (vec![0, 2], String::new()), "{kind} {content}");
        }
    }
}

#[test]
fn no_message_to_a_bare_address_reaches_a_negative_priority() {
    for kind in ["chat", "normal", "headline"] {
        let mut house = house(&[-1, -2]);
        let found = outcome(&mut house, 2, &message(kind, "", BODY));
        assert_eq!(found, (vec![], String::new()), "{kind}");
        let is_kept = !house.account("bob").untaken.is_empty();
        assert_eq!(is_kept, kind != "headline", "{kind}");
    }
}

#[test]
fn a_headline_reaches_all_who_are_not_negative_and_is_not_kept() {
    let mut house = house(&[3, 0, -1]);
    let found = outcome(&mut house, 3, &message("headline", "", BODY));
    assert_eq!(found, (vec![0, 1], String::new()));
    assert!(house.account("bob").untaken.is_empty());
}

#[test]
fn a_message_to_a_room_that_is_none_comes_back() {
    for to in ["", "/gone"] {
        let mut house = house(&[1]);
        let (reached, told) = outcome(&mut house, 1, &message("groupchat", to, BODY));
        assert!(reached.is_empty());
        assert!(told.contains("<service-unavailable "), "{told}");
    }
}

#[test]
fn an_error_is_for_one_resource_or_nobody() {
    for (to, reached) in [("", vec![]), ("/gone", vec![]), ("/r0", vec![0])] {
        let mut house = house(&[1]);
        let found = outcome(&mut house, 1, &message("error", to, BODY));
        assert_eq!(found, (reached, String::new()), "{to}");
    }
}

#[test]
fn a_resource_that_is_there_gets_whatever_is_addressed_to_it() {
    for kind in ["chat", "normal", "headline", "groupchat", "error"] {
        let mut house = house(&[5, -1]);
        let found = outcome(&mut house, 2, &message(kind, "/r1", BODY));
        assert_eq!(found, (vec![1], String::new()), "{kind}");
    }
}

#[test]
fn only_chat_goes_on_from_a_resource_that_is_gone() {
    for (kind, reached, is_told) in [
        ("chat", vec![0], false),
        ("normal", vec![], true),
        ("headline", vec![], false),
    ] {
        let mut house = house(&[1, -1]);
        let (found, told) = outcome(&mut house, 2, &message(kind, "/gone", BODY));
        assert_eq!(found, reached, "{kind}");
        assert_eq!(
            told.contains("<service-unavailable "),
            is_told,
            "{kind}: {told}"
        );
    }
}

#[test]
fn a_message_to_nobody_comes_back_and_an_error_does_not() {
    for to in ["nobody@house.example", "nobody@house.example/x"] {
        let mut house = house(&[]);
        for (kind, is_told) in [("chat", true), ("normal", true), ("error", false)] {
            house.send(
                "ann/phone",
                &format!("<message type='{kind}' to='{to}'>{BODY}</message>"),
            );
            let told = house.take("ann/phone").concat();
            assert_eq!(
                told.contains("<service-unavailable "),
                is_told,
                "{kind}: {told}"
            );
        }
    }
}

#[test]
fn a_request_to_nobody_or_to_a_resource_that_is_gone_is_answered_with_an_error() {
    let mut house = house(&[1]);
    for to in [
        "nobody@house.example",
        "nobody@house.example/x",
        "bob@house.example/gone",
    ] {
        for kind in ["get", "set"] {
            for name in ["ping xmlns='urn:xmpp:ping'", "x xmlns='urn:x'"] {
                let iq = format!("<iq type='{kind}' id='q' to='{to}'><{name}/></iq>");
                house.send("ann/phone", &iq);
                let told = house.take("ann/phone").concat();
                assert!(
                    told.contains("<service-unavailable "),
                    "{to} {name}: {told}"
                );
            }
        }
    }
}

#[test]
fn a_request_to_a_bare_address_is_never_passed_to_a_resource() {
    let mut house = house(&[1]);
    let iq = "<iq type='get' id='q' to='bob@house.example'><x xmlns='urn:x'/></iq>";
    let (reached, told) = outcome(&mut house, 1, iq);
    assert!(reached.is_empty());
    assert!(told.contains("<service-unavailable "), "{told}");
}

#[test]
fn a_request_to_a_resource_and_its_answer_pass_through() {
    let mut house = house(&[-1]);
    let iq = "<iq type='get' id='q' to='bob@house.example/r0'><x xmlns='urn:x'/></iq>";
    let found = outcome(&mut house, 1, iq);
    assert_eq!(found, (vec![0], String::new()));

    house.send(
        "bob/r0",
        "<iq type='result' id='q' to='ann@house.example/phone'/>",
    );

    let told = house.take("ann/phone");
    assert_eq!(
        told,
        ["<iq type='result' from='bob@house.example/r0' to='ann@house.example/phone' id='q'></iq>"]
    );
}
