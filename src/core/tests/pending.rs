//! What is proposed here stands behind what the other node numbers meanwhile.

use crate::core::Input;
use crate::core::session::LinkId;
use crate::core::tests::duo::Duo;

#[test]
fn whoever_takes_an_address_that_was_just_freed_at_the_other_node_is_heard() {
    // Given one who is at an address for a moment at the node that numbers, while another asks for it here
    let mut duo = Duo::new();
    duo.arrive(1, 5, "bob");
    duo.nodes[1].bind(2, "ann", "same");
    duo.nodes[1].chat(5, "ann@h", "on its way to the disks");
    duo.nodes[0].bind(1, "ann", "same");
    duo.nodes[0].step(Input::Closed {
        link: LinkId(1),
        orderly: true,
    });
    while duo.carry(0) | duo.carry(1) {}

    // When it says that it is there
    duo.nodes[1].say(2, "<presence/>");
    duo.settle();

    // Then it is
    let mut heard = duo.heard(1, 2);
    heard.sort();
    assert_eq!(heard, ["ann@h/same", "bob@h/r5: on its way to the disks"]);
}
