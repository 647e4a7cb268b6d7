//! Two nodes that lose each other and meet again: whose sessions stand, and what comes late.

use std::sync::Arc;

use crate::base::jid::BareJid;
use crate::base::secret::Secret;
use crate::core::CoreLimits;
use crate::core::Input;
use crate::core::Output;
use crate::core::tests::duo::Duo;
use crate::core::tests::harness::account;
use crate::core::tests::harness::bare;
use crate::core::tests::harness::enabled;
use crate::core::tests::pair::befriend;
use crate::core::tests::pair::join;
use crate::core::tests::pair::open_room;
use crate::core::tests::pair::say_in_room;
use crate::effect::request::Command;
use crate::effect::request::Outcome;
use crate::effect::settings::Settings;
use crate::model::account::AccountRow;
use crate::model::account::AccountState;
use crate::model::copies::copies_of;
use crate::model::entry::Entry;
use crate::model::op::Op;
use crate::model::position::Epoch;
use crate::model::position::Hlc;
use crate::model::position::OpId;
use crate::model::position::Position;
use crate::model::row::Row;
use crate::model::row::RowName;
use crate::model::row::Rows;

/// Ann at node 0, Bob at node 1, who see each other.
pub(super) fn friends() -> Duo {
    let mut duo = Duo::new();
    duo.arrive(0, 1, "ann");
    duo.arrive(1, 2, "bob");
    befriend(&mut duo, (0, 1, "ann"), (1, 2, "bob"));
    duo
}

/// What Bob says is numbered at both, apart.
pub(super) fn numbered_twice() -> Duo {
    let mut duo = friends();
    duo.nodes[1].chat(2, "ann@h", "numbered twice");
    duo.carry(0);
    duo.go_apart();
    duo.sync(0);
    duo.sync(1);
    duo
}

#[test]
fn a_short_outage_is_seen_by_nobody() {
    let mut duo = friends();
    duo.go_apart();
    duo.nodes[0].pass_ms(299_000);

    duo.meet(0);
    duo.settle();

    assert_eq!(duo.heard(0, 1), [""; 0]);
    assert_eq!(duo.heard(1, 2), [""; 0]);
}

#[test]
fn the_sessions_of_a_node_that_stays_away_end() {
    let mut duo = friends();
    duo.go_apart();

    duo.nodes[0].pass_ms(301_000);
    duo.sync(0);

    assert_eq!(duo.heard(0, 1), ["bob@h/r2 unavailable"]);
    assert_eq!(
        duo.heard(1, 2),
        [""; 0],
        "the other node's clock has not moved"
    );
}

#[test]
fn sessions_that_had_ended_here_are_there_again() {
    let mut duo = friends();
    duo.go_apart();
    duo.nodes[0].pass_ms(301_000);
    duo.sync(0);
    duo.heard(0, 1);

    duo.meet(0);
    duo.settle();

    assert_eq!(duo.heard(0, 1), ["bob@h/r2"]);
}

#[test]
fn sessions_that_ended_over_there_end_here_at_once() {
    let mut duo = friends();
    duo.go_apart();
    duo.nodes[1].say(2, "<presence type='unavailable'/>");
    duo.nodes[1].step(Input::Closed {
        link: crate::core::session::LinkId(2),
        orderly: true,
    });

    duo.meet(0);
    duo.settle();

    assert_eq!(duo.heard(0, 1), ["bob@h/r2 unavailable"]);
    let held = duo.nodes[0].core.states.delivered.accounts.values();
    assert_eq!(held.map(|account| account.online.len()).sum::<usize>(), 1);
}

#[test]
fn presence_said_while_apart_is_seen_when_they_meet() {
    let mut duo = friends();
    duo.go_apart();
    duo.nodes[1].say(2, "<presence><show>away</show></presence>");
    duo.arrive(1, 5, "bob");

    duo.meet(1);
    duo.settle();

    let mut heard = duo.heard(0, 1);
    heard.sort();
    assert_eq!(heard, ["bob@h/r2", "bob@h/r5"]);
}

#[test]
fn one_address_taken_on_both_sides_is_the_later_ones() {
    let mut duo = Duo::new();
    duo.go_apart();
    duo.nodes[0].bind(1, "ann", "same");
    duo.nodes[1].pass_ms(10);
    duo.nodes[1].bind(2, "ann", "same");

    duo.meet(0);
    duo.settle();

    assert!(duo.nodes[0].end_of(1).is_some());
    assert!(duo.nodes[1].end_of(2).is_none());
    let sessions = duo.nodes.each_ref().map(|node| {
        let held = &node.core.states.delivered.accounts;
        held.values()
            .map(|account| account.online.len())
            .sum::<usize>()
    });
    assert_eq!(sessions, [1, 1]);
}

#[test]
fn a_nickname_taken_on_both_sides_stays_with_node_0() {
    let mut duo = Duo::new();
    for (node, link, name) in [(0, 1, "ann"), (1, 2, "bob"), (0, 3, "cid")] {
        duo.arrive(node, link, name);
    }
    join(&mut duo, 0, 3, "cid");
    open_room(&mut duo, 0, 3);
    duo.go_apart();
    join(&mut duo, 0, 1, "x");
    join(&mut duo, 1, 2, "x");
    duo.sync(0);
    duo.sync(1);
    for (node, link) in [(0, 1), (1, 2), (0, 3)] {
        duo.heard(node, link);
    }

    duo.meet(0);
    duo.settle();

    assert_eq!(duo.heard(0, 3), [""; 0], "cid saw ann only");
    assert_eq!(duo.heard(1, 2), ["room@rooms.h/x unavailable"]);
    say_in_room(&mut duo, 0, 1, "still here");
    say_in_room(&mut duo, 1, 2, "not inside");
    duo.settle();
    assert_eq!(duo.heard(0, 1), ["room@rooms.h/x: still here"]);
    assert_eq!(duo.heard(1, 2), ["room@rooms.h: "], "an error");
}

#[test]
fn who_entered_a_room_while_apart_is_seen_when_they_meet() {
    let mut duo = Duo::new();
    duo.arrive(0, 1, "ann");
    duo.arrive(1, 2, "bob");
    join(&mut duo, 0, 1, "ann");
    open_room(&mut duo, 0, 1);
    duo.go_apart();
    join(&mut duo, 1, 2, "bob");
    duo.sync(1);
    duo.heard(0, 1);
    duo.heard(1, 2);

    duo.meet(0);
    duo.settle();
    assert_eq!(duo.heard(0, 1), ["room@rooms.h/bob"]);
    say_in_room(&mut duo, 1, 2, "hi");
    duo.settle();

    assert_eq!(duo.heard(0, 1), ["room@rooms.h/bob: hi"]);
    assert_eq!(duo.heard(1, 2), ["room@rooms.h/bob: hi"]);
}

#[test]
fn a_message_of_the_other_branch_comes_late() {
    let mut duo = friends();
    duo.go_apart();
    duo.nodes[0].chat(1, "bob@h", "while apart");
    duo.sync(0);
    let entry = duo.nodes[0].appended.back().cloned().unwrap();

    duo.nodes[1].step(Input::Merged { entry });

    let seen = duo.nodes[1].read(2);
    let [crate::testing::sim::reading::Seen::Message(text)] = seen.as_slice() else {
        panic!("{seen:?}");
    };
    assert_eq!(text.body, "while apart");
    assert_eq!(text.copy, crate::testing::sim::reading::Copy::Late);
}

#[test]
fn what_both_branches_have_is_shown_once() {
    let mut duo = friends();
    duo.nodes[1].chat(2, "ann@h", "numbered twice");
    duo.carry(0);
    assert_eq!(duo.nodes[0].appended.len(), duo.nodes[1].appended.len() + 1);
    duo.go_apart();
    duo.sync(0);
    duo.sync(1);
    assert_eq!(duo.heard(0, 1), ["bob@h/r2: numbered twice"]);
    let entries = [0, 1].map(|one: usize| duo.nodes[one].appended.back().cloned().unwrap());
    assert_eq!(entries[0].op_id, entries[1].op_id);

    duo.heard(1, 2);

    duo.meet(0);
    duo.settle();

    assert_eq!(duo.heard(0, 1), [""; 0]);
    assert_eq!(duo.heard(1, 2), [""; 0]);
    assert_eq!(
        aliases(&duo),
        [(entries[0].position, entries[1].position); 4]
    );
}

/// Each message with the one that became its alias, of both accounts on both nodes.
fn aliases(duo: &Duo) -> Vec<(Position, Position)> {
    let nodes = duo.nodes.iter();
    let records = nodes.flat_map(|node| {
        let delivered = &node.core.states.delivered;
        ["ann", "bob"].map(|name| delivered.rows(&account(name)).unwrap())
    });
    let copies = records.flat_map(Rows::aliases);
    copies.map(|copy| (copy.entry, copy.alias)).collect()
}

/// As [`Bench::chat`] does, with an id that the client has given.
fn send(duo: &mut Duo, one: usize, link: u64, what: &str) {
    duo.nodes[one].say(
        link,
        &format!("<message type='chat' id='m1' to='ann@h'>{what}</message>"),
    );
    duo.settle();
    duo.sync(one);
}

#[test]
fn what_a_client_sent_to_both_sides_is_one_message() {
    let mut duo = friends();
    duo.arrive(1, 4, "ann");
    duo.go_apart();
    send(&mut duo, 1, 2, "<body>once</body>");
    duo.nodes[1].cut(2);
    duo.nodes[0].bind(5, "bob", "elsewhere");
    duo.nodes[0].enable(5);
    let late = "<body>once</body><delay xmlns='urn:xmpp:delay' stamp='2026-01-01T00:00:00Z'/>";
    send(&mut duo, 0, 5, late);
    assert_eq!(duo.heard(0, 1).last().unwrap(), "bob@h/elsewhere: once");
    assert_eq!(duo.heard(1, 4).last().unwrap(), "bob@h/r2: once");

    duo.meet(0);
    duo.settle();

    let messages = |heard: Vec<String>| heard.iter().filter(|one| one.contains(':')).count();
    assert_eq!(messages(duo.heard(0, 1)), 0);
    assert_eq!(messages(duo.heard(1, 4)), 0);
    assert_eq!(aliases(&duo).len(), 4);
    let untaken = duo.nodes.each_ref().map(|node| {
        let delivered = &node.core.states.delivered;
        let ann = delivered.accounts.get(&bare("ann"));
        ann.map_or(9, |ann| ann.untaken.len())
    });
    assert_eq!(untaken, [1, 1], "both wait for it under the same id");
}

#[test]
fn a_copy_is_named_when_the_log_has_room_again() {
    let mut duo = numbered_twice();
    for node in &mut duo.nodes {
        node.core.set_credit(0, 0);
    }

    duo.meet(0);
    duo.settle();
    assert_eq!(aliases(&duo), []);
    duo.nodes[0].core.set_credit(u64::MAX, 0);
    duo.pass_ms(1);
    duo.settle();

    assert_eq!(aliases(&duo).len(), 4);
}

#[test]
fn a_copy_that_nothing_names_is_named_after_a_start() {
    // Given a log whose last entries are lost: those that named the copy
    let mut duo = numbered_twice();
    duo.meet(0);
    duo.settle();
    let is_alias = |entry: &Entry| copies_of(entry).next().is_some();
    duo.reread(0, |entry| !is_alias(entry));
    assert!(!duo.nodes[0].appended.iter().any(|one| is_alias(one)));

    duo.part();
    duo.go_solo(0);

    assert!(duo.nodes[0].appended.iter().any(|one| is_alias(one)));
}

#[test]
fn a_client_that_repeats_itself_on_one_side_means_it() {
    let mut duo = friends();
    duo.go_apart();
    send(&mut duo, 1, 2, "<body>ping</body>");
    send(&mut duo, 1, 2, "<body>ping</body>");

    duo.meet(0);
    duo.settle();

    assert_eq!(duo.heard(0, 1), ["bob@h/r2: ping", "bob@h/r2: ping"]);
    assert_eq!(aliases(&duo), []);
}

#[test]
fn who_was_disabled_on_the_other_side_is_logged_out() {
    let mut duo = friends();
    duo.go_apart();
    let Row::Account { row } = enabled() else {
        unreachable!("an account's row");
    };
    let row = AccountRow {
        state: AccountState::Disabled,
        ..row
    };
    let epoch = Epoch {
        counter: 8,
        node: 0,
        salt: 7,
    };
    let row = Some(Row::Account { row });
    let entry = Arc::new(Entry {
        position: Position::new(epoch, 1, 0),
        stamp: Hlc::default().next(1 << 45, 0),
        op_id: OpId::default(),
        origin: None,
        ops: vec![Op::row(account("bob"), RowName::Account, row)],
    });

    duo.nodes[1].step(Input::Merged { entry });
    duo.settle();

    assert!(duo.nodes[1].end_of(2).is_some());
}

#[test]
fn a_stream_of_the_other_node_is_told_how_far_it_was_counted() {
    let mut duo = Duo::new();
    let key = duo.arrive(0, 1, "ann");
    duo.nodes[0].chat(1, "bob@h", "two");
    duo.nodes[0].chat(1, "bob@h", "three");
    duo.settle();

    duo.part();
    duo.go_solo(1);
    duo.nodes[1].resume(7, "ann", key, 0);

    assert_eq!(duo.nodes[1].resumption(7), Some(Err(Some(3))));
}

#[test]
fn nobody_makes_an_account_where_the_other_board_may_have_the_name() {
    let mut duo = Duo::new();
    let settings = Settings {
        domain: "h".into(),
        registration: true,
        ..Settings::default()
    };
    let register = |duo: &mut Duo| {
        let command = Command::Register {
            jid: BareJid::parse("eve@h").unwrap(),
            password: Secret::from("secret"),
            token: None,
        };
        duo.nodes[1].step(Input::Command { id: 7, command });
        let outputs = duo.nodes[1].outputs.drain(..);
        let mut answers = outputs.filter_map(|output| match output {
            Output::Answer { outcome, .. } => Some(outcome),
            _ => None,
        });
        answers.next()
    };
    let limits = CoreLimits::default();
    duo.nodes[1].core.set_policies(settings, limits);
    assert_eq!(register(&mut duo), None, "the keys are made first");

    duo.go_apart();

    assert_eq!(register(&mut duo), Some(Outcome::Full));
}
