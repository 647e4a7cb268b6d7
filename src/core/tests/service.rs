//! What concerns the service as a whole on two boards: reports to its administrators, and its end.

use crate::core::Input;
use crate::core::Output;
use crate::core::tests::duo::Duo;
use crate::core::tests::harness::bare;
use crate::effect::request::Command;
use crate::model::abuse::AbuseReport;
use crate::model::abuse::reports;
use crate::model::op::Halt;
use crate::model::op::Op;
use crate::model::op::Soft;
use crate::model::row::RecordKey;
use crate::model::row::RowName;

fn report(duo: &mut Duo, (one, link): (usize, u64), about: &str, text: &str) {
    duo.nodes[one].pass_ms(10);
    duo.nodes[one].say(
        link,
        &format!(
            "<iq type='set' id='r'><block xmlns='urn:xmpp:blocking'><item jid='{about}'>\
             <report xmlns='urn:xmpp:reporting:1' reason='urn:xmpp:reporting:spam'><text>{text}</text></report>\
             </item></block></iq>"
        ),
    );
    duo.sync(one);
}

/// What an administrator's command proposes there.
fn propose(duo: &mut Duo, one: usize, op: Op) {
    let command = Command::Restore {
        jid: bare("ann"),
        ops: vec![op],
    };
    duo.nodes[one].step(Input::Command { id: 7, command });
}

/// Who reports whom, with which words, on each board.
fn kept(duo: &Duo) -> [Vec<String>; 2] {
    duo.nodes.each_ref().map(|node| {
        let rows = node.core.states.delivered.node.as_ref().unwrap();
        let told = |one: &AbuseReport| format!("{} {} {}", one.by, one.about, one.text);
        reports(rows).map(told).collect()
    })
}

#[test]
fn reports_of_two_boards_are_all_there_and_of_one_about_one_address_the_later() {
    let mut duo = Duo::new();
    duo.arrive(0, 1, "ann");
    duo.arrive(1, 2, "bob");
    duo.arrive(1, 3, "ann");
    duo.go_apart();

    report(&mut duo, (0, 1), "spam@h", "first");
    report(&mut duo, (0, 1), "scam@h", "here");
    report(&mut duo, (1, 2), "spam@h", "there");
    duo.nodes[1].pass_ms(1_000);
    report(&mut duo, (1, 3), "spam@h", "later");
    duo.heal();

    let expected = [
        "ann@h scam@h here",
        "ann@h spam@h later",
        "bob@h spam@h there",
    ];
    assert_eq!(kept(&duo), [expected, expected]);
}

#[test]
fn a_report_that_comes_after_the_reports_were_cleared_elsewhere_stays() {
    let mut duo = Duo::new();
    duo.arrive(0, 1, "ann");
    duo.arrive(1, 3, "ann");
    report(&mut duo, (0, 1), "spam@h", "old");
    report(&mut duo, (0, 1), "scam@h", "old");
    duo.settle();
    duo.go_apart();

    for about in ["spam@h", "scam@h"] {
        let id = format!("ann@h {about}").into();
        let clear = Op::row(RecordKey::Node, RowName::AbuseReport { id }, None);
        propose(&mut duo, 0, clear);
    }
    duo.sync(0);
    duo.nodes[1].pass_ms(1_000);
    report(&mut duo, (1, 3), "spam@h", "again");
    duo.heal();

    assert_eq!(kept(&duo), [["ann@h spam@h again"], ["ann@h spam@h again"]]);
}

#[test]
fn an_end_that_is_ordered_at_one_board_is_the_end_of_both() {
    for one in [0, 1] {
        let mut duo = Duo::new();
        let (delay_ms, again) = (30_000, true);
        let halt = Halt { delay_ms, again };

        propose(&mut duo, one, Op::soft(Soft::Halt { halt }));
        duo.settle();

        let ordered = duo.nodes.each_ref().map(|node| {
            let ends = node.outputs.iter();
            ends.filter(|output| matches!(output, Output::Halt { halt: this } if *this == halt))
                .count()
        });
        assert_eq!(ordered, [1, 1]);
    }
}

#[test]
fn a_board_that_was_away_does_not_hear_of_an_end_later() {
    let mut duo = Duo::new();
    duo.arrive(0, 1, "ann");
    duo.go_apart();
    let halt = Halt {
        delay_ms: 0,
        again: true,
    };
    propose(&mut duo, 0, Op::soft(Soft::Halt { halt }));
    duo.nodes[0].chat(1, "bob@h", "with something that lasts");

    duo.heal();

    let is_end = |output: &Output| matches!(output, Output::Halt { .. });
    let ordered = duo
        .nodes
        .each_ref()
        .map(|node| node.outputs.iter().any(is_end));
    assert_eq!(ordered, [true, false]);
}
