//! A node dies while both serve: its clients go on with their sessions at the other one.

use crate::base::ids::SmKey;
use crate::base::mirror_limits::REPORT_MS;
use crate::core::EndReason;
use crate::core::Input;
use crate::core::session::LinkId;
use crate::core::tests::duo::Duo;
use crate::core::tests::pair::befriend;
use crate::core::tests::pair::join;
use crate::core::tests::pair::open_room;
use crate::core::tests::pair::say_in_room;
use crate::testing::sim::reading::Copy;
use crate::testing::sim::reading::Seen;

/// Each tells the other how its sessions stand.
fn tell(duo: &mut Duo) {
    duo.pass_ms(REPORT_MS + 10);
    duo.settle();
}

/// Ann at the node that will die, Bob at the other; which numbers is up to the test.
fn two(dead: usize) -> (Duo, SmKey) {
    let mut duo = Duo::new();
    let key = duo.arrive(dead, 1, "ann");
    duo.arrive(1 - dead, 2, "bob");
    tell(&mut duo);
    (duo, key)
}

#[test]
fn a_session_goes_on_at_the_other_node_with_what_came_for_it() {
    for dead in [0, 1] {
        let (mut duo, key) = two(dead);
        let left = 1 - dead;
        duo.nodes[dead].chat(1, "bob@h", "counted");
        duo.nodes[left].chat(2, "ann@h", "unread");
        duo.settle();

        duo.die(dead);
        duo.nodes[left].chat(2, "ann@h", "while away");
        duo.settle();
        duo.nodes[left].resume(7, "ann", key, 1);
        duo.settle();

        assert_eq!(duo.nodes[left].resumption(7), Some(Ok(2)));
        assert_eq!(
            duo.heard(left, 7),
            ["bob@h/r2: unread", "bob@h/r2: while away"]
        );
        duo.nodes[left].chat(7, "bob@h", "again");
        duo.settle();
        let heard = duo.heard(left, 2);
        assert_eq!(heard, ["ann@h/r1: counted", "ann@h/r1: again"]);
    }
}

#[test]
fn what_the_client_has_counted_does_not_come_again() {
    for dead in [0, 1] {
        let (mut duo, key) = two(dead);
        let left = 1 - dead;
        for body in ["one", "two", "three"] {
            duo.nodes[left].chat(2, "ann@h", body);
            duo.settle();
            // Her node has written it, and said so.
            duo.nodes[dead].read(1);
            tell(&mut duo);
        }

        duo.die(dead);
        // Her presence, and two of the three.
        duo.nodes[left].resume(7, "ann", key, 3);
        duo.settle();

        let seen = duo.nodes[left].read(7);
        let [Seen::Message(text), Seen::AckRequest] = seen.as_slice() else {
            panic!("{seen:?}");
        };
        assert_eq!((text.body.as_str(), &text.copy), ("three", &Copy::Late));
    }
}

#[test]
fn after_a_planned_stop_comes_what_the_client_has_not_counted_and_nothing_else() {
    for (dead, count) in [0, 1]
        .into_iter()
        .flat_map(|dead| (2..=6).map(move |count| (dead, count)))
    {
        let (mut duo, key) = two(dead);
        let left = 1 - dead;
        // Given messages that were reported together, and some that were not
        for body in ["one", "two", "three"] {
            duo.nodes[left].chat(2, "ann@h", body);
            duo.settle();
        }
        duo.nodes[dead].read(1);
        tell(&mut duo);
        for body in ["four", "five"] {
            duo.nodes[left].chat(2, "ann@h", body);
            duo.settle();
            duo.nodes[dead].read(1);
        }

        // When her board stops in order, knows of two of them, and her client has got as far as it has
        duo.nodes[dead].ack(1, 2);
        duo.nodes[dead].hand_over();
        duo.settle();
        assert!(duo.nodes[dead].core.is_told());
        duo.nodes[left].chat(2, "ann@h", "six");
        duo.settle();
        assert_eq!(duo.nodes[dead].bodies(1), [""; 0], "told to the last");
        duo.die(dead);
        duo.nodes[left].resume(7, "ann", key, count);
        duo.settle();

        // Then it gets the rest, each once
        let all = ["one", "two", "three", "four", "five", "six"];
        let got = usize::try_from(count).unwrap() - 1;
        assert_eq!(
            duo.nodes[left].bodies(7),
            all[got..],
            "board {dead}, {count} counted"
        );
    }
}

#[test]
fn a_count_that_was_told_is_not_forgotten() {
    for dead in [0, 1] {
        let (mut duo, key) = two(dead);
        let left = 1 - dead;
        let ping = "<iq type='get' id='p' to='bob@h/r2'><ping xmlns='urn:xmpp:ping'/></iq>";
        duo.nodes[dead].say(1, ping);
        duo.nodes[dead].say(
            1,
            "<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>",
        );
        duo.nodes[dead].say(1, "<iq type='get' id='q'><query xmlns='urn:nothing'/></iq>");
        duo.nodes[dead].ask_ack(1);
        assert_eq!(
            duo.acked(dead, 1),
            None,
            "the other node knows nothing of it"
        );
        duo.settle();
        assert_eq!(duo.acked(dead, 1), Some(4));

        duo.die(dead);
        duo.nodes[left].resume(7, "ann", key, 0);
        duo.settle();

        assert_eq!(duo.nodes[left].resumption(7), Some(Ok(4)));
    }
}

#[test]
fn a_request_whose_answer_died_is_answered() {
    for dead in [0, 1] {
        let (mut duo, key) = two(dead);
        let left = 1 - dead;
        let set = "<query xmlns='jabber:iq:roster'><item jid='bob@h' name='Bob'/></query>";
        duo.nodes[dead].say(1, &format!("<iq type='set' id='s'>{set}</iq>"));
        duo.nodes[dead].say(
            1,
            "<iq type='get' id='g'><query xmlns='jabber:iq:roster'/></iq>",
        );
        duo.settle();
        tell(&mut duo);

        duo.die(dead);
        duo.nodes[left].resume(7, "ann", key, 1);
        duo.settle();

        let heard = duo.heard(left, 7);
        assert!(heard.contains(&"iq s result".to_owned()), "{heard:?}");
        assert!(heard.contains(&"iq g error".to_owned()), "{heard:?}");
    }
}

#[test]
fn an_answer_that_was_counted_is_not_made_up() {
    for dead in [0, 1] {
        let (mut duo, key) = two(dead);
        let left = 1 - dead;
        let set = "<query xmlns='jabber:iq:roster'><item jid='bob@h' name='Bob'/></query>";
        duo.nodes[dead].say(1, &format!("<iq type='set' id='s'>{set}</iq>"));
        duo.settle();
        assert_eq!(duo.heard(dead, 1), ["iq s result"]);
        duo.nodes[dead].ack(1, 2);
        tell(&mut duo);

        duo.die(dead);
        duo.nodes[left].resume(7, "ann", key, 2);
        duo.settle();

        assert_eq!(duo.heard(left, 7), [""; 0]);
    }
}

#[test]
fn nobody_leaves_a_room_because_its_node_died() {
    for dead in [0, 1] {
        let (mut duo, key) = two(dead);
        let left = 1 - dead;
        join(&mut duo, dead, 1, "ann");
        open_room(&mut duo, dead, 1);
        join(&mut duo, left, 2, "bob");
        duo.heard(left, 2);
        let count = duo.nodes[dead].read(1).len();
        assert!(count > 0);

        duo.die(dead);
        say_in_room(&mut duo, left, 2, "hello?");
        duo.settle();
        duo.nodes[left].resume(7, "ann", key, 100);
        duo.settle();
        let heard = duo.heard(left, 7);
        assert!(
            heard.contains(&"room@rooms.h/bob: hello?".to_owned()),
            "{heard:?}"
        );
        say_in_room(&mut duo, left, 7, "still here");
        duo.settle();

        let heard = duo.heard(left, 2);
        assert_eq!(
            heard,
            ["room@rooms.h/bob: hello?", "room@rooms.h/ann: still here"]
        );
        assert_eq!(duo.heard(left, 7), ["room@rooms.h/ann: still here"]);
    }
}

#[test]
fn in_doubt_the_client_is_told_how_far_it_was_counted() {
    for dead in [0, 1] {
        let (mut duo, key) = two(dead);
        let left = 1 - dead;
        duo.nodes[dead].chat(1, "bob@h", "one");
        duo.settle();

        duo.part();
        duo.go_solo(left);
        duo.sync(left);
        duo.nodes[left].resume(7, "ann", key, 1);
        duo.settle();

        assert_eq!(duo.nodes[left].resumption(7), Some(Err(Some(2))));
    }
}

#[test]
fn a_resumption_waits_until_all_that_is_known_is_committed() {
    for is_dead in [false, true] {
        let (mut duo, key) = two(1);
        duo.nodes[1].chat(1, "bob@h", "on its way to one disk");
        duo.carry(0);
        assert_eq!(duo.nodes[0].appended.len(), 1);

        duo.gone(1);
        duo.nodes[0].resume(7, "ann", key, 0);
        assert_eq!(duo.nodes[0].resumption(7), None);
        if is_dead {
            duo.nodes[0].step(Input::PeerDied);
        }
        duo.go_solo(0);
        assert_eq!(duo.nodes[0].resumption(7), None);
        duo.sync(0);

        let told = if is_dead { Ok(2) } else { Err(Some(2)) };
        assert_eq!(duo.nodes[0].resumption(7), Some(told));
    }
}

#[test]
fn a_session_whose_client_does_not_come_ends() {
    let (mut duo, key) = two(1);
    befriend(&mut duo, (1, 1, "ann"), (0, 2, "bob"));
    duo.die(1);
    duo.nodes[0].pass_ms(299_000);
    duo.settle();
    assert_eq!(duo.heard(0, 2), [""; 0]);

    duo.nodes[0].pass_ms(2_000);
    duo.settle();

    assert_eq!(duo.heard(0, 2), ["ann@h/r1 unavailable"]);
    duo.nodes[0].resume(7, "ann", key, 1);
    duo.settle();
    assert!(matches!(duo.nodes[0].resumption(7), Some(Err(_))));
}

#[test]
fn a_session_that_moved_is_of_its_new_node_when_both_serve_again() {
    for is_resumed in [false, true] {
        let (mut duo, key) = two(1);
        befriend(&mut duo, (1, 1, "ann"), (0, 2, "bob"));
        duo.die(1);
        duo.reboot(1);
        if is_resumed {
            duo.nodes[0].resume(7, "ann", key, 100);
            duo.settle();
        }

        duo.meet(0);
        duo.settle();
        duo.arrive(1, 3, "cid");
        duo.nodes[1].chat(3, "ann@h", "hi");
        duo.settle();
        if !is_resumed {
            duo.nodes[0].resume(7, "ann", key, 100);
            duo.settle();
        }

        assert!(matches!(duo.nodes[0].resumption(7), Some(Ok(_))));
        let heard = duo.heard(0, 7);
        assert!(heard.contains(&"cid@h/r3: hi".to_owned()), "{heard:?}");
        assert!(!duo.heard(0, 2).contains(&"ann@h/r1 unavailable".to_owned()));
    }
}

#[test]
fn a_node_that_was_taken_for_dead_keeps_its_session_until_the_client_goes_over() {
    for is_resumed in [false, true] {
        let (mut duo, key) = two(1);
        duo.die(1);
        duo.nodes[1].step(Input::PeerGone);
        duo.go_solo(1);
        if is_resumed {
            duo.nodes[0].resume(7, "ann", key, 100);
            duo.settle();
        }

        duo.meet(0);
        duo.settle();

        let ended = duo.nodes[1].end_of(1);
        assert_eq!(ended, is_resumed.then_some(EndReason::Conflict));
        let (node, link) = if is_resumed { (0, 7) } else { (1, 1) };
        duo.nodes[1 - node].bind(9, "cid", "c");
        duo.settle();
        duo.nodes[1 - node].chat(9, "ann@h", "where?");
        duo.settle();
        assert!(
            duo.heard(node, link)
                .contains(&"cid@h/c: where?".to_owned())
        );
        let held = duo.nodes.each_ref().map(|one| one.core.sessions.len());
        assert_eq!(held.iter().sum::<usize>(), 3);
    }
}

#[test]
fn two_die_one_after_the_other_and_the_session_goes_on() {
    let (mut duo, key) = two(1);
    duo.die(1);
    duo.reboot(1);
    duo.nodes[0].resume(7, "ann", key, 1);
    duo.settle();
    duo.nodes[0].chat(7, "bob@h", "at the second");
    duo.meet(0);
    duo.settle();
    duo.nodes[0].chat(2, "ann@h", "unread");
    duo.settle();

    duo.die(0);
    duo.nodes[1].resume(8, "ann", key, 1);
    duo.settle();

    assert_eq!(duo.nodes[1].resumption(8), Some(Ok(2)));
    assert_eq!(duo.heard(1, 8), ["bob@h/r2: unread"]);
}

#[test]
fn a_client_that_left_its_stream_while_its_node_lived_is_remembered() {
    for dead in [0, 1] {
        let (mut duo, key) = two(dead);
        let left = 1 - dead;
        duo.nodes[dead].step(Input::Closed {
            link: LinkId(1),
            orderly: false,
        });
        duo.nodes[left].chat(2, "ann@h", "asleep");
        duo.settle();
        duo.die(dead);
        duo.nodes[left].resume(7, "ann", key, 1);
        duo.settle();
        assert_eq!(duo.heard(left, 7), ["bob@h/r2: asleep"]);
    }
}
