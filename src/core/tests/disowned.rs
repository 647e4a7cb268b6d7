//! Clients that were told at one node that their stream is lost, while the other had something of it under way.

use crate::base::ids::SmKey;
use crate::core::EndReason;
use crate::core::Input;
use crate::core::tests::duo::Duo;

/// Ann at node 0, which hears nothing and goes on waiting; Bob at node 1, which goes on alone. What Ann says last is
/// not numbered, and at node 1 she is told that her stream is lost.
fn told_lost() -> (Duo, SmKey) {
    let mut duo = Duo::new();
    let key = duo.arrive(0, 1, "ann");
    duo.arrive(1, 2, "bob");
    duo.part();
    duo.go_solo(1);
    duo.nodes[0].step(Input::Follow);
    duo.nodes[0].chat(1, "bob@h", "hi");
    duo.nodes[1].resume(3, "ann", key, 1);
    duo.sync(1);
    assert_eq!(duo.nodes[1].resumption(3), Some(Err(Some(1))));
    (duo, key)
}

/// Bob comes back, and gets what he lacks.
fn bob_is_back(duo: &mut Duo) {
    duo.nodes[1].bind(2, "bob", "r2");
    duo.settle();
    duo.nodes[1].enable(2);
    duo.nodes[1].say(2, "<presence/>");
    duo.settle();
}

#[test]
fn what_a_lost_stream_had_under_way_is_not_numbered_beside_what_is_sent_again() {
    let (mut duo, _) = told_lost();

    // When the nodes meet, and Ann sends again what nobody has counted
    duo.meet(0);
    duo.settle();
    duo.nodes[1].bind(3, "ann", "elsewhere");
    duo.settle();
    duo.nodes[1].enable(3);
    duo.nodes[1].chat(3, "bob@h", "hi");
    duo.settle();

    // Then Bob has it once, and her old stream is over
    assert_eq!(duo.heard(1, 2), ["ann@h/elsewhere: hi"]);
    assert!(duo.nodes[0].end_of(1).is_some());
}

#[test]
fn a_node_that_has_forgotten_whom_it_told_says_so() {
    let (mut duo, key) = told_lost();
    duo.nodes[0].cut(1);
    duo.reboot(1);

    duo.meet(0);
    duo.settle();

    // Then her stream is over, with what it had under way
    assert!(!duo.nodes[0].core.keys.contains_key(&key));
}

#[test]
fn what_a_node_told_before_it_began_anew_is_not_numbered_beside_what_is_sent_again() {
    // Given a connection of Ann that seems to live at node 0, with something under way
    let (mut duo, _) = told_lost();
    duo.reboot(1);

    // When the nodes meet, and Ann sends again what nobody has counted
    duo.meet(0);
    duo.settle();
    bob_is_back(&mut duo);
    duo.nodes[1].bind(3, "ann", "elsewhere");
    duo.settle();
    duo.nodes[1].enable(3);
    duo.nodes[1].chat(3, "bob@h", "hi");
    duo.settle();

    // Then Bob has it once
    assert_eq!(duo.nodes[1].bodies(2), ["hi"]);
}

#[test]
fn who_was_writing_to_the_other_node_meanwhile_resumes_and_sends_it_again() {
    // Given that Ann was never told that her stream is lost
    let (mut duo, key) = told_lost();
    duo.reboot(1);
    duo.meet(0);
    duo.settle();
    bob_is_back(&mut duo);
    assert_eq!(duo.nodes[0].end_of(1), Some(EndReason::Reset));

    // When she comes back
    duo.nodes[0].resume(4, "ann", key, 1);
    duo.settle();
    assert_eq!(duo.nodes[0].resumption(4), Some(Ok(1)));
    duo.nodes[0].chat(4, "bob@h", "hi");
    duo.settle();

    assert_eq!(duo.nodes[1].bodies(2), ["hi"]);
}

#[test]
fn a_node_that_has_forgotten_whom_it_told_cuts_off_nobody_who_has_nothing_under_way() {
    let mut duo = Duo::new();
    let key = duo.arrive(0, 1, "ann");
    duo.part();
    duo.go_solo(1);
    duo.sync(1);
    duo.reboot(1);

    duo.meet(0);
    duo.settle();

    assert!(duo.nodes[0].end_of(1).is_none());
    assert!(duo.nodes[0].core.keys.contains_key(&key));
}

#[test]
fn what_is_read_later_of_a_lost_stream_that_seems_to_live_is_not_taken() {
    let mut duo = Duo::new();
    let key = duo.arrive(0, 1, "ann");
    duo.arrive(1, 2, "bob");
    duo.part();
    duo.go_solo(1);
    duo.nodes[1].resume(3, "ann", key, 1);
    duo.sync(1);
    duo.meet(0);
    duo.settle();

    // When what she said last comes out of the buffers of node 0
    duo.nodes[0].chat(1, "bob@h", "hi");
    duo.settle();

    // Then it is left to her next stream
    assert!(duo.heard(1, 2).is_empty());
    assert!(duo.nodes[0].end_of(1).is_some());
}
