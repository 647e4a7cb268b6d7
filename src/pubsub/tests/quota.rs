//! How much may be published.

use crate::pubsub::tests::square::SERVICE;
use crate::pubsub::tests::square::ask;
use crate::pubsub::tests::square::form;
use crate::pubsub::tests::square::own;
use crate::route::tests::house::House;

fn home() -> House {
    let mut house = House::with(&["alice", "bob"]);
    house.settings.limits.published_bytes_max = 1 << 20;
    house.log_in("alice/one");
    house.log_in("bob/one");
    house
}

fn publish(house: &mut House, to: &str, node: &str, kib: usize) -> String {
    let text = "x".repeat(kib << 10);
    let inside =
        format!("<publish node='{node}'><item id='i'><x xmlns='u:x'>{text}</x></item></publish>");
    ask(house, "alice/one", to, "set", &inside)
}

#[test]
fn all_nodes_of_an_account_share_a_quota_and_what_leaves_makes_room() {
    let mut house = home();
    for node in ["a", "b", "c", "d"] {
        assert!(publish(&mut house, "", node, 240).contains("type='result'"));
    }
    let refused = publish(&mut house, "", "e", 240);
    assert!(refused.contains("type='error'") && refused.contains("<resource-constraint"));
    // Where the same item shrinks there is always room, and small things still fit.
    assert!(publish(&mut house, "", "a", 239).contains("type='result'"));
    assert!(publish(&mut house, "", "e", 10).contains("type='result'"));

    own(&mut house, "alice/one", "", "set", "<purge node='b'/>");
    assert!(publish(&mut house, "", "e", 240).contains("type='result'"));
}

#[test]
fn an_account_that_is_over_its_quota_may_still_replace_what_it_has() {
    let mut house = home();
    publish(&mut house, "", "a", 200);
    house.settings.limits.published_bytes_max = 100 << 10;
    assert!(publish(&mut house, "", "a", 200).contains("type='result'"));
    assert!(publish(&mut house, "", "a", 201).contains("<resource-constraint"));
}

#[test]
fn nodes_of_the_service_count_for_who_made_them() {
    let mut house = home();
    let config = form("node_config", &[("publish_model", "open")]);
    for node in ["a", "b", "c", "d", "e"] {
        let inside = format!("<create node='{node}'/><configure>{config}</configure>");
        ask(&mut house, "bob/one", SERVICE, "set", &inside);
    }
    ask(
        &mut house,
        "alice/one",
        SERVICE,
        "set",
        "<create node='hers'/>",
    );
    for node in ["a", "b", "c", "d"] {
        assert!(publish(&mut house, SERVICE, node, 250).contains("type='result'"));
    }
    assert!(publish(&mut house, SERVICE, "e", 250).contains("<resource-constraint"));
    assert!(publish(&mut house, SERVICE, "hers", 250).contains("type='result'"));
}

#[test]
fn nobody_makes_all_nodes_of_the_service() {
    let mut house = home();
    for node in 0..100 {
        let create = format!("<create node='n{node}'/>");
        assert!(ask(&mut house, "bob/one", SERVICE, "set", &create).contains("type='result'"));
    }
    let refused = ask(
        &mut house,
        "bob/one",
        SERVICE,
        "set",
        "<create node='more'/>",
    );
    assert!(refused.contains("<resource-constraint"));
    let other = ask(
        &mut house,
        "alice/one",
        SERVICE,
        "set",
        "<create node='more'/>",
    );
    assert!(other.contains("type='result'"));
}
