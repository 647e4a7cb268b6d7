//! Two nodes, one line: what the users of each see of those of the other.

use crate::core::Input;
use crate::core::Output;
use crate::core::order::Bind;
use crate::core::order::Sequencer;
use crate::core::order::WantedResource;
use crate::core::session::LinkId;
use crate::core::tests::duo::Duo;
use crate::core::tests::duo::Frame;
use crate::core::tests::harness::Bench;
use crate::core::tests::harness::account;
use crate::core::tests::harness::bare;
use crate::model::entry::Entry;
use crate::model::op::Durable;

pub(super) fn has_message(entry: &Entry) -> bool {
    let mut ops = entry.durable_ops();
    ops.any(|op| matches!(op, Durable::Message { .. }))
}

fn count(bench: &Bench, is_it: impl Fn(&Output) -> bool) -> usize {
    bench.outputs.iter().filter(|output| is_it(output)).count()
}

/// Both see each other's presence from now on.
pub(super) fn befriend(
    duo: &mut Duo,
    (one, link, name): (usize, u64, &str),
    (two, to, other): (usize, u64, &str),
) {
    for kind in ["subscribe", "subscribed"] {
        let stanza = |whom: &str| format!("<presence type='{kind}' to='{whom}@h'/>");
        duo.nodes[one].say(link, &stanza(other));
        duo.settle();
        duo.nodes[two].say(to, &stanza(name));
        duo.settle();
    }
    duo.nodes[one].read(link);
    duo.nodes[two].read(to);
}

pub(super) fn join(duo: &mut Duo, one: usize, link: u64, nick: &str) {
    let ask = "<x xmlns='http://jabber.org/protocol/muc'><history maxstanzas='0'/></x>";
    duo.nodes[one].say(
        link,
        &format!("<presence to='room@rooms.h/{nick}'>{ask}</presence>"),
    );
    duo.settle();
}

/// The room is open to all.
pub(super) fn open_room(duo: &mut Duo, one: usize, link: u64) {
    let form = "<x xmlns='jabber:x:data' type='submit'/>";
    duo.nodes[one].say(
        link,
        &format!("<iq type='set' id='o' to='room@rooms.h'><query xmlns='http://jabber.org/protocol/muc#owner'>{form}</query></iq>"),
    );
    duo.settle();
}

pub(super) fn say_in_room(duo: &mut Duo, one: usize, link: u64, body: &str) {
    duo.nodes[one].say(
        link,
        &format!(
            "<message type='groupchat' to='room@rooms.h' id='{body}'><body>{body}</body></message>"
        ),
    );
}

#[test]
fn a_message_reaches_the_other_node_once_both_disks_have_it() {
    for (from, to) in [(0, 1), (1, 0)] {
        let mut duo = Duo::new();
        duo.arrive(from, 1, "ann");
        duo.arrive(to, 2, "bob");

        duo.nodes[from].chat(1, "bob@h", "hi");
        while duo.carry(0) | duo.carry(1) {}
        assert_eq!(duo.heard(to, 2), [""; 0], "no disk has it");
        duo.sync(to);
        while duo.carry(0) | duo.carry(1) {}
        assert_eq!(duo.heard(to, 2), [""; 0], "one disk has it");
        duo.settle();

        assert_eq!(duo.heard(to, 2), ["ann@h/r1: hi"]);
        let logs = duo.nodes.each_ref().map(|node| node.appended.len());
        assert_eq!(logs[0], logs[1]);
    }
}

#[test]
fn both_logs_hold_the_same_entries() {
    let mut duo = Duo::new();
    duo.arrive(0, 1, "ann");
    duo.arrive(1, 2, "bob");
    for number in 0..5 {
        duo.nodes[0].chat(1, "bob@h", &format!("a{number}"));
        duo.nodes[1].chat(2, "ann@h", &format!("b{number}"));
    }
    duo.settle();

    let logs = duo.nodes.each_ref().map(|node| {
        let entries = node.appended.iter().map(|entry| format!("{entry:?}"));
        entries.collect::<Vec<_>>()
    });
    assert_eq!(logs[0], logs[1]);
    assert_eq!(duo.heard(0, 1).len(), 5);
    assert_eq!(duo.heard(1, 2).len(), 5);
}

#[test]
fn a_subscription_and_presence_go_across() {
    let mut duo = Duo::new();
    duo.arrive(0, 1, "ann");
    duo.arrive(1, 2, "bob");
    befriend(&mut duo, (0, 1, "ann"), (1, 2, "bob"));

    duo.nodes[0].say(1, "<presence><show>away</show></presence>");
    duo.nodes[1].say(2, "<presence type='unavailable'/>");
    duo.settle();

    assert!(duo.heard(1, 2).contains(&"ann@h/r1".to_owned()));
    assert!(duo.heard(0, 1).contains(&"bob@h/r2 unavailable".to_owned()));
}

#[test]
fn a_room_has_one_order_on_both_nodes() {
    let mut duo = Duo::new();
    duo.arrive(0, 1, "ann");
    duo.arrive(1, 2, "bob");
    join(&mut duo, 0, 1, "ann");
    open_room(&mut duo, 0, 1);
    join(&mut duo, 1, 2, "bob");
    assert!(duo.heard(0, 1).contains(&"room@rooms.h/bob".to_owned()));
    assert!(duo.heard(1, 2).contains(&"room@rooms.h/ann".to_owned()));

    for number in 0..4 {
        say_in_room(&mut duo, 1, 2, &format!("b{number}"));
        say_in_room(&mut duo, 0, 1, &format!("a{number}"));
    }
    duo.settle();

    let one = duo.heard(0, 1);
    assert_eq!(one.len(), 8);
    assert_eq!(one, duo.heard(1, 2));
}

#[test]
fn a_nickname_is_given_to_one_of_two_who_ask_at_once() {
    let mut duo = Duo::new();
    for (node, link, name) in [(0, 1, "ann"), (1, 2, "bob"), (0, 3, "cid")] {
        duo.arrive(node, link, name);
    }
    join(&mut duo, 0, 3, "cid");
    open_room(&mut duo, 0, 3);
    duo.heard(0, 3);

    let ask =
        "<presence to='room@rooms.h/x'><x xmlns='http://jabber.org/protocol/muc'/></presence>";
    duo.nodes[1].say(2, ask);
    duo.nodes[0].say(1, ask);
    duo.settle();

    assert!(duo.heard(0, 1).contains(&"room@rooms.h/x".to_owned()));
    assert_eq!(duo.heard(1, 2), ["room@rooms.h/x error"]);
    assert_eq!(duo.heard(0, 3), ["room@rooms.h/x"]);
}

#[test]
fn a_resource_that_both_nodes_give_away_is_the_later_ones() {
    let mut duo = Duo::new();
    duo.nodes[1].bind(2, "ann", "same");
    duo.nodes[0].bind(1, "ann", "same");
    duo.settle();

    assert!(duo.nodes[0].end_of(1).is_some());
    assert!(duo.nodes[1].end_of(2).is_none());
    let sessions = duo
        .nodes
        .each_ref()
        .map(|node| node.core.own_sessions().len());
    assert_eq!(sessions, [0, 1]);
}

#[test]
fn who_is_blocked_at_one_node_is_refused_by_it_though_the_other_has_not_heard_of_it() {
    let mut duo = Duo::new();
    duo.arrive(0, 1, "bob");
    duo.arrive(1, 2, "ann");
    let block = "<block xmlns='urn:xmpp:blocking'><item jid='ann@h'/></block>";
    duo.nodes[0].say(1, &format!("<iq type='set' id='b'>{block}</iq>"));

    duo.nodes[1].chat(2, "bob@h", "one");
    duo.nodes[1].chat(2, "cid@h", "two");
    duo.settle();

    assert_eq!(duo.heard(0, 1), ["iq b result"]);
    let refused = duo.heard(1, 2);
    assert_eq!(refused, ["bob@h: "], "an error for the first alone");
    let kept = duo.nodes[0].appended.len();
    assert_eq!(kept, duo.nodes[1].appended.len());
}

#[test]
fn requests_between_sessions_of_two_nodes_are_answered() {
    let mut duo = Duo::new();
    duo.arrive(0, 1, "ann");
    duo.arrive(1, 2, "bob");

    duo.nodes[0].say(
        1,
        "<iq type='get' id='p' to='bob@h/r2'><ping xmlns='urn:xmpp:ping'/></iq>",
    );
    duo.settle();
    assert_eq!(duo.heard(1, 2), ["iq p get"]);
    duo.nodes[1].say(2, "<iq type='result' id='p' to='ann@h/r1'/>");
    duo.settle();

    assert_eq!(duo.heard(0, 1), ["iq p result"]);
    let appended = duo.nodes.each_ref().map(|node| node.appended.len());
    assert_eq!(appended, [0, 0], "no disk had to know");
}

#[test]
fn a_volatile_stanza_does_not_overtake_what_its_sender_said_before() {
    let mut duo = Duo::new();
    duo.arrive(0, 1, "ann");
    duo.arrive(1, 2, "bob");

    duo.nodes[0].chat(1, "bob@h/r2", "kept");
    duo.nodes[0].say(1, "<message type='chat' to='bob@h/r2'><paused xmlns='http://jabber.org/protocol/chatstates'/></message>");
    while duo.carry(0) | duo.carry(1) {}
    assert_eq!(duo.heard(1, 2), [""; 0]);
    duo.settle();

    assert_eq!(duo.heard(1, 2), ["ann@h/r1: kept", "ann@h/r1: "]);
}

#[test]
fn a_board_alone_sends_no_volatile_stanza_through_the_line() {
    let mut bench = Bench::new();
    bench.bind(1, "ann", "a");
    bench.bind(2, "bob", "b");
    let line = bench.core.order.stamp;

    bench.say(
        1,
        "<iq type='get' id='p' to='bob@h/b'><ping xmlns='urn:xmpp:ping'/></iq>",
    );

    assert_eq!(bench.read(2).len(), 1);
    assert_eq!(bench.core.order.stamp, line, "nothing was numbered");
    assert_eq!(
        count(&bench, |output| matches!(output, Output::Ship { .. })),
        0
    );
}

#[test]
fn what_was_proposed_when_the_other_node_died_is_numbered_here() {
    let mut duo = Duo::new();
    let key = duo.arrive(1, 2, "ann");
    for body in ["one", "two"] {
        duo.nodes[1].chat(2, "bob@h", body);
    }
    duo.drain(1);
    let asked: Vec<_> = duo.wires[1]
        .iter()
        .filter_map(|frame| match frame {
            Frame::Propose { op_id, .. } => Some(*op_id),
            _ => None,
        })
        .collect();
    assert_eq!(asked.len(), 2);

    duo.part();
    duo.go_solo(1);
    duo.sync(1);

    let made = duo.nodes[1].appended.iter().map(|entry| entry.op_id);
    assert_eq!(made.collect::<Vec<_>>(), asked);
    duo.nodes[1].cut(2);
    duo.nodes[1].resume(3, "ann", key, 1);
    assert_eq!(duo.nodes[1].resumption(3), Some(Ok(3)));
}

#[test]
fn a_proposal_under_way_survives_a_change_of_the_node_that_numbers() {
    let mut duo = Duo::new();
    duo.arrive(0, 1, "ann");
    duo.arrive(1, 2, "bob");
    duo.nodes[1].chat(2, "ann@h", "from the one that followed");
    duo.nodes[0].chat(1, "bob@h", "from the one that numbered");
    duo.drain(1);
    assert_eq!(duo.wires[1].len(), 1, "proposed and not heard of");

    duo.part();
    duo.meet(1);
    duo.settle();

    assert_eq!(duo.heard(0, 1), ["bob@h/r2: from the one that followed"]);
    assert_eq!(duo.heard(1, 2), ["ann@h/r1: from the one that numbered"]);
    let Sequencer::Here { epoch, .. } = duo.nodes[1].core.order.sequencer else {
        panic!("node 1 does not number");
    };
    assert_eq!(epoch, duo.epoch);
}

#[test]
fn what_was_numbered_before_a_break_is_not_numbered_again_for_the_other_node() {
    let mut duo = Duo::new();
    duo.arrive(0, 1, "ann");
    duo.arrive(1, 2, "bob");
    duo.nodes[1].chat(2, "ann@h", "once");
    duo.drain(1);
    let proposed = duo.wires[1].front().cloned().unwrap();
    duo.settle();

    // The number did not arrive: the same is proposed on the next connection.
    duo.part();
    duo.meet(0);
    duo.settle();
    duo.wires[1].push_back(proposed);
    duo.settle();

    assert_eq!(duo.heard(0, 1), ["bob@h/r2: once"]);
    let kept = duo.nodes[0].appended.iter();
    assert_eq!(kept.filter(|entry| has_message(entry)).count(), 1);
}

#[test]
fn what_the_other_node_has_numbered_is_not_numbered_here_though_it_waited_for_a_record() {
    let mut duo = Duo::new();
    duo.arrive(0, 1, "ann");
    duo.arrive(1, 2, "bob");
    duo.nodes[1].chat(2, "ann@h", "once");
    duo.carry(0);
    duo.sync(0);
    duo.part();
    duo.nodes[1].loads_wait = true;
    duo.nodes[1].core.states.delivered.forget(&account("ann"));
    duo.nodes[1].step(Input::Follow);
    assert!(duo.nodes[1].core.order.proposed.is_empty(), "it waits");

    duo.meet(0);
    duo.settle();

    assert_eq!(duo.heard(0, 1), ["bob@h/r2: once"]);
    for node in &duo.nodes {
        let kept = node.appended.iter();
        assert_eq!(kept.filter(|entry| has_message(entry)).count(), 1);
    }
    assert!(duo.nodes[1].core.order.open.is_empty());
}

#[test]
fn what_a_session_left_unread_goes_to_a_device_at_the_other_node() {
    let mut duo = Duo::new();
    duo.arrive(0, 1, "ann");
    duo.arrive(1, 2, "bob");
    duo.arrive(0, 3, "bob");
    duo.nodes[1].read(2);
    duo.heard(0, 3);
    duo.nodes[0].chat(1, "bob@h/r2", "for one device");
    duo.settle();
    assert_eq!(duo.heard(0, 3), [""; 0]);

    duo.nodes[1].step(Input::Closed {
        link: LinkId(2),
        orderly: true,
    });
    duo.settle();

    let heard = duo.heard(0, 3);
    assert_eq!(heard, ["bob@h/r2 unavailable", "ann@h/r1: for one device"]);
}

#[test]
fn a_request_to_a_session_that_ends_unread_is_answered_across() {
    let mut duo = Duo::new();
    duo.arrive(0, 1, "ann");
    duo.arrive(1, 2, "bob");
    duo.nodes[0].say(
        1,
        "<iq type='get' id='p' to='bob@h/r2'><ping xmlns='urn:xmpp:ping'/></iq>",
    );
    duo.settle();

    duo.nodes[1].step(Input::Closed {
        link: LinkId(2),
        orderly: true,
    });
    duo.settle();

    assert_eq!(duo.heard(0, 1), ["iq p error"]);
}

#[test]
fn a_request_to_a_node_that_is_away_is_answered_here() {
    let mut duo = Duo::new();
    duo.arrive(0, 1, "ann");
    duo.arrive(1, 2, "bob");
    duo.part();
    duo.go_solo(0);

    duo.nodes[0].say(
        1,
        "<iq type='get' id='p' to='bob@h/r2'><ping xmlns='urn:xmpp:ping'/></iq>",
    );

    assert_eq!(duo.heard(0, 1), ["iq p error"]);
}

#[test]
fn a_device_that_changes_sides_ends_its_earlier_session() {
    let mut duo = Duo::new();
    for (node, link) in [(0, 1), (1, 2)] {
        duo.nodes[node].step(Input::Bind {
            link: LinkId(link),
            bind: Bind {
                account: bare("ann"),
                resource: WantedResource::Any,
                device: Some("phone".into()),
                carbons: false,
                catches_up: false,
            },
        });
        duo.settle();
    }

    assert!(duo.nodes[0].end_of(1).is_some());
    assert!(duo.nodes[1].end_of(2).is_none());
}

#[test]
fn a_session_that_was_replaced_does_not_take_its_successor_out_of_a_room() {
    let mut duo = Duo::new();
    duo.arrive(0, 1, "ann");
    join(&mut duo, 0, 1, "ann");
    open_room(&mut duo, 0, 1);
    duo.nodes[1].bind(2, "bob", "same");
    duo.settle();
    join(&mut duo, 1, 2, "bob");
    let ask = "<x xmlns='http://jabber.org/protocol/muc'/>";
    duo.nodes[0].bind(3, "bob", "same");
    duo.nodes[0].say(
        3,
        &format!("<presence to='room@rooms.h/bob'>{ask}</presence>"),
    );
    duo.heard(0, 1);

    duo.nodes[1].say(2, "<presence type='unavailable' to='room@rooms.h/bob'/>");
    duo.settle();

    assert_eq!(duo.heard(0, 1), [""; 0]);
    say_in_room(&mut duo, 0, 3, "here");
    duo.settle();
    assert_eq!(duo.heard(0, 1), ["room@rooms.h/bob: here"]);
}
