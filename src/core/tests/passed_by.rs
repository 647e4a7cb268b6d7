//! What two nodes wrote apart, for devices that were away when they met.

use crate::base::device_limits::CAUGHT_UP_MAX;
use crate::base::device_limits::PASSED_BY_MS;
use crate::base::ids::SmKey;
use crate::core::Input;
use crate::core::Output;
use crate::core::session::LinkId;
use crate::core::tests::apart::numbered_twice;
use crate::core::tests::duo::Duo;
use crate::core::tests::harness::Bench;
use crate::core::tests::harness::bare;
use crate::model::row::RowName;
use crate::testing::sim::reading::Seen;

/// Whatever is asked of the tables is answered.
fn look_up(bench: &mut Bench) {
    let outputs = std::mem::take(&mut bench.outputs);
    for output in outputs {
        match output {
            Output::Ask {
                query,
                asked,
                horizon,
            } => {
                let found = bench.tables.answer(&asked, &horizon);
                let upto = bench.core.applied();
                bench.step(Input::Answered { query, found, upto });
            }
            output => bench.outputs.push(output),
        }
    }
}

/// Until nothing is under way, with what the tables are asked.
fn settle(duo: &mut Duo) {
    for _ in 0..4 {
        duo.settle();
        duo.nodes.iter_mut().for_each(look_up);
    }
}

const COPIES: &str = "<iq type='set' id='c'><enable xmlns='urn:xmpp:carbons:2'/></iq>";

/// A device logs in, and is silent.
fn log_in(duo: &mut Duo, node: usize, link: u64, resource: &str) -> SmKey {
    duo.nodes[node].bind(link, "ann", resource);
    duo.settle();
    duo.nodes[node].enable(link)
}

/// A device comes, with copies, and reads what waits for it.
fn come(duo: &mut Duo, node: usize, link: u64, resource: &str) -> Vec<String> {
    log_in(duo, node, link, resource);
    duo.nodes[node].say(link, COPIES);
    duo.nodes[node].say(link, "<presence/>");
    settle(duo);
    read(duo, node, link)
}

/// What it is sent, which it counts.
fn read(duo: &mut Duo, node: usize, link: u64) -> Vec<String> {
    settle(duo);
    let mut bodies = Vec::new();
    loop {
        let more = duo.nodes[node].bodies(link);
        let sent = sent(duo, node, link);
        duo.nodes[node].ack(link, sent);
        settle(duo);
        if more.is_empty() {
            return bodies;
        }
        bodies.extend(more);
    }
}

/// How many stanzas it was sent.
fn sent(duo: &Duo, node: usize, link: u64) -> u32 {
    let id = duo.nodes[node].core.links[&LinkId(link)];
    duo.nodes[node].core.sessions[&id].queue.sent()
}

fn go(duo: &mut Duo, node: usize, link: u64) {
    duo.nodes[node].step(Input::Closed {
        link: LinkId(link),
        orderly: true,
    });
    settle(duo);
}

fn write(duo: &mut Duo, node: usize, link: u64, to: &str, body: &str) {
    duo.nodes[node].chat(link, to, body);
    settle(duo);
}

/// Ann's laptop at node 0, where Bob writes, and her phone at node 1, where Cid does; apart, and then one again.
/// The phone is away when they meet.
fn healed() -> Duo {
    let mut duo = Duo::new();
    duo.arrive(0, 1, "bob");
    duo.arrive(1, 2, "cid");
    assert_eq!(come(&mut duo, 0, 3, "laptop"), [""; 0]);
    assert_eq!(come(&mut duo, 1, 4, "phone"), [""; 0]);
    duo.go_apart();
    write(&mut duo, 0, 1, "ann@h", "left");
    assert_eq!(read(&mut duo, 0, 3), ["left"]);
    write(&mut duo, 0, 3, "bob@h", "answer");
    write(&mut duo, 1, 2, "ann@h", "right");
    assert_eq!(read(&mut duo, 1, 4), ["right"]);
    go(&mut duo, 1, 4);
    heal(&mut duo);
    duo
}

/// What devices have taken is saved by then.
fn heal(duo: &mut Duo) {
    duo.pass_ms(31_000);
    duo.sync(0);
    duo.sync(1);
    duo.meet(0);
    settle(duo);
}

fn marks(duo: &Duo) -> Vec<String> {
    let account = &duo.nodes[0].core.states.delivered.accounts[&bare("ann")];
    let marks = account.rows.iter().filter_map(|(name, cell)| match name {
        RowName::CaughtUp { device } if cell.row.is_some() => Some(device.to_string()),
        _ => None,
    });
    marks.collect()
}

#[test]
fn a_device_that_was_away_is_sent_once_what_another_one_took_on_the_other_side() {
    let mut duo = healed();
    assert_eq!(
        read(&mut duo, 0, 3),
        ["right"],
        "who is there is told at once"
    );

    assert_eq!(come(&mut duo, 1, 5, "phone"), ["left", "answer"]);
    go(&mut duo, 1, 5);
    assert_eq!(come(&mut duo, 0, 6, "phone"), [""; 0]);
}

#[test]
fn it_comes_late_and_under_its_id() {
    let mut duo = healed();
    duo.nodes[1].bind(5, "ann", "phone");
    duo.settle();
    duo.nodes[1].say(5, "<presence/>");
    settle(&mut duo);

    let seen = duo.nodes[1].read(5).into_iter();
    let mut texts = seen.filter_map(|seen| match seen {
        Seen::Message(text) => Some(text),
        _ => None,
    });
    let left = texts.next().unwrap();
    assert_eq!(left.body, "left");
    assert!(left.stanza_id.is_some());
    assert_eq!(left.copy, crate::testing::sim::reading::Copy::Late);
    assert_eq!(
        texts.next(),
        None,
        "without copies none of what others wrote"
    );
}

#[test]
fn what_was_not_counted_is_sent_again_at_the_next_login() {
    let mut duo = healed();
    log_in(&mut duo, 1, 5, "phone");
    duo.nodes[1].say(5, "<presence/>");
    settle(&mut duo);
    assert_eq!(duo.nodes[1].bodies(5), ["left"]);
    go(&mut duo, 1, 5);

    assert_eq!(come(&mut duo, 1, 6, "phone"), ["left", "answer"]);
}

#[test]
fn who_wants_copies_later_gets_the_rest_then() {
    let mut duo = healed();
    log_in(&mut duo, 1, 5, "phone");
    duo.nodes[1].say(5, "<presence/>");
    assert_eq!(read(&mut duo, 1, 5), ["left"]);

    duo.nodes[1].say(5, COPIES);

    assert_eq!(read(&mut duo, 1, 5), ["answer"]);
}

#[test]
fn a_device_that_was_there_when_they_met_is_sent_nothing_again() {
    let mut duo = healed();
    read(&mut duo, 0, 3);
    assert_eq!(marks(&duo), ["laptop"]);
    go(&mut duo, 0, 3);

    assert_eq!(come(&mut duo, 1, 5, "laptop"), [""; 0]);
}

#[test]
fn a_device_that_changed_sides_is_told_when_they_meet_what_it_had_passed_by() {
    let mut duo = Duo::new();
    duo.arrive(0, 1, "bob");
    come(&mut duo, 0, 3, "laptop");
    come(&mut duo, 1, 4, "phone");
    duo.go_apart();
    write(&mut duo, 0, 1, "ann@h", "before it came");
    read(&mut duo, 0, 3);
    write(&mut duo, 1, 4, "ann@h", "to myself");
    go(&mut duo, 1, 4);
    assert_eq!(come(&mut duo, 0, 5, "phone"), [""; 0]);
    write(&mut duo, 0, 1, "ann@h", "while it is there");
    assert_eq!(read(&mut duo, 0, 5), ["while it is there"]);

    heal(&mut duo);

    let mut late = read(&mut duo, 0, 5);
    late.sort();
    assert_eq!(late[0], "before it came");
    assert!(!late.contains(&"while it is there".to_owned()), "{late:?}");
}

#[test]
fn after_a_month_nothing_is_sent() {
    let mut duo = healed();
    duo.pass_ms(PASSED_BY_MS + 1_000);

    assert_eq!(come(&mut duo, 1, 5, "phone"), [""; 0]);
}

#[test]
fn a_device_without_a_name_is_sent_all_each_time_and_leaves_no_mark() {
    let mut duo = healed();
    read(&mut duo, 0, 3);
    for link in [5, 6] {
        duo.nodes[1].step(Input::Bind {
            link: LinkId(link),
            bind: crate::core::order::Bind {
                account: bare("ann"),
                resource: crate::core::order::WantedResource::Any,
                carbons: true,
                device: None,
                catches_up: false,
            },
        });
        duo.settle();
        duo.nodes[1].enable(link);
        duo.nodes[1].say(link, "<presence/>");
        assert_eq!(read(&mut duo, 1, link), ["left", "answer"]);
        go(&mut duo, 1, link);
    }
    assert_eq!(marks(&duo), ["laptop"]);
}

#[test]
fn the_marks_of_an_account_are_bounded() {
    let mut duo = healed();
    read(&mut duo, 0, 3);
    for one in 0..CAUGHT_UP_MAX + 3 {
        let link = 10 + u64::try_from(one).unwrap();
        come(&mut duo, 1, link, &format!("device{one:02}"));
        go(&mut duo, 1, link);
    }

    let marks = marks(&duo);
    assert_eq!(marks.len(), CAUGHT_UP_MAX);
    assert!(!marks.contains(&"laptop".to_owned()), "{marks:?}");
}

#[test]
fn where_only_one_side_wrote_nothing_is_looked_for() {
    let mut duo = Duo::new();
    duo.arrive(0, 1, "bob");
    come(&mut duo, 0, 3, "laptop");
    duo.go_apart();
    write(&mut duo, 0, 1, "ann@h", "left");
    read(&mut duo, 0, 3);
    heal(&mut duo);

    assert_eq!(come(&mut duo, 1, 5, "phone"), [""; 0]);
    assert_eq!(marks(&duo), [""; 0]);
}

#[test]
fn what_a_device_was_told_while_the_nodes_met_is_not_sent_again() {
    // Given a device that comes as the nodes meet: its presence waits for the disk behind a message
    let mut duo = Duo::new();
    duo.arrive(0, 1, "bob");
    duo.arrive(1, 2, "cid");
    duo.go_apart();
    write(&mut duo, 0, 1, "ann@h", "left");
    write(&mut duo, 1, 2, "ann@h", "right");
    log_in(&mut duo, 0, 5, "phone");
    duo.nodes[0].say(5, COPIES);
    duo.nodes[0].chat(5, "bob@h", "first");
    duo.nodes[0].say(5, "<presence/>");
    duo.draw_near();
    assert_eq!(read(&mut duo, 0, 5), ["left", "right"]);

    duo.meet(0);

    assert_eq!(read(&mut duo, 0, 5), [""; 0]);
}

/// A device without copies goes on at node 0, because its node dies; the nodes meet again. Gives what it is sent then.
fn move_over(duo: &mut Duo, key: SmKey) -> Vec<String> {
    let h = sent(duo, 1, 5);
    duo.die(1);
    duo.nodes[0].resume(7, "ann", key, h);
    settle(duo);
    assert!(matches!(duo.nodes[0].resumption(7), Some(Ok(_))));
    duo.reboot(1);
    duo.part();
    duo.go_solo(1);
    heal(duo);
    read(duo, 0, 7)
}

#[test]
fn a_session_that_moved_is_not_sent_again_what_it_was_told_under_the_id_of_a_copy() {
    // Given a device that came to node 1, apart, where it was told of a message that node 0 has as well
    let mut duo = numbered_twice();
    write(&mut duo, 0, 1, "bob@h", "as a copy");
    let key = log_in(&mut duo, 1, 5, "phone");
    duo.nodes[1].say(5, "<presence/>");
    assert_eq!(read(&mut duo, 1, 5), ["numbered twice"]);
    heal(&mut duo);
    assert_eq!(read(&mut duo, 1, 5), [""; 0]);

    assert_eq!(move_over(&mut duo, key), [""; 0]);
}

#[test]
fn a_session_that_moved_is_not_sent_again_what_it_was_told_late() {
    let mut duo = healed();
    let key = log_in(&mut duo, 1, 5, "phone");
    duo.nodes[1].say(5, "<presence/>");
    assert_eq!(read(&mut duo, 1, 5), ["left"]);

    assert_eq!(move_over(&mut duo, key), [""; 0]);
}
