//! Items of nodes on two boards that lose each other.

use crate::core::LinkId;
use crate::core::tests::duo::Duo;

/// Ann at node 0 has a node that is open; Bob at node 1 subscribes to it. Both boards go on alone.
fn apart() -> Duo {
    let mut duo = Duo::new();
    duo.arrive(0, 1, "ann");
    duo.arrive(1, 2, "bob");
    publish(&mut duo, "first");
    pubsub(
        &mut duo,
        (1, 2),
        "<subscribe node='n' jid='bob@h'/>",
        " to='ann@h'",
    );
    duo.settle();
    duo.nodes[1].read(2);
    duo.go_apart();
    duo
}

fn pubsub(duo: &mut Duo, (one, link): (usize, u64), verb: &str, to: &str) {
    duo.nodes[one].say(
        link,
        &format!("<iq type='set' id='i'{to}><pubsub xmlns='http://jabber.org/protocol/pubsub'>{verb}</pubsub></iq>"),
    );
}

fn publish(duo: &mut Duo, id: &str) {
    let options = "<publish-options><x xmlns='jabber:x:data' type='submit'>\
        <field var='FORM_TYPE'><value>http://jabber.org/protocol/pubsub#publish-options</value></field>\
        <field var='pubsub#access_model'><value>open</value></field>\
        <field var='pubsub#max_items'><value>2</value></field></x></publish-options>";
    let verb = format!("<publish node='n'><item id='{id}'><p xmlns='urn:p'/></item></publish>");
    pubsub(duo, (0, 1), &(verb + options), "");
    duo.settle();
}

/// What Bob hears when the boards are one again.
fn heard_by_bob(mut duo: Duo) -> String {
    duo.heal();
    let mut bytes = Vec::new();
    while duo.nodes[1].core.write(LinkId(2), &mut bytes, usize::MAX) {}
    String::from_utf8(bytes).unwrap()
}

#[test]
fn what_was_taken_back_at_one_board_is_taken_back_for_who_listens_at_the_other() {
    let mut duo = apart();
    publish(&mut duo, "second");
    let verb = "<retract node='n'><item id='second'/></retract>";
    pubsub(&mut duo, (0, 1), verb, "");
    duo.settle();

    let heard = heard_by_bob(duo);

    let published = heard.find("<item id='second'");
    assert!(published.is_some(), "{heard}");
    assert!(published < heard.find("<retract id='second'/>"), "{heard}");
}

#[test]
fn what_made_room_for_a_new_item_is_not_told_at_the_other_board_either() {
    let mut duo = apart();
    publish(&mut duo, "second");
    publish(&mut duo, "third");

    let heard = heard_by_bob(duo);

    assert!(heard.contains("<item id='third'"), "{heard}");
    assert!(!heard.contains("<retract"), "{heard}");
}
