//! Nodes of the service whose readers are contacts of whoever made them (XEP-0060 section 4.5).

use std::sync::Arc;

use crate::model::contact::Contact;
use crate::model::contact::Inward;
use crate::model::row::Row;
use crate::model::row::RowName;
use crate::pubsub::tests::square::SERVICE;
use crate::pubsub::tests::square::ask;
use crate::pubsub::tests::square::form;
use crate::pubsub::tests::square::none;
use crate::pubsub::tests::square::one;
use crate::pubsub::tests::square::own;
use crate::route::tests::house::House;
use crate::route::tests::house::bare;

/// Alice has made a node for which her roster counts; Bob sees her presence, Carol does not.
fn town(access: &str) -> House {
    let mut house = House::with(&["alice", "bob", "carol", "dave"]);
    for user in ["alice/one", "bob/one", "carol/one", "dave/one"] {
        house.log_in(user);
    }
    befriend(&mut house, "bob", &[]);
    let config = form("node_config", &[("access_model", access)]);
    let inside = format!("<create node='n'/><configure>{config}</configure>");
    let made = ask(&mut house, "alice/one", SERVICE, "set", &inside);
    assert!(made.contains("type='result'"), "{made}");
    house
}

/// Alice shows her presence to them, and has them in these groups.
fn befriend(house: &mut House, name: &str, groups: &[&str]) {
    house.befriend("alice", name);
    let mut contact = house.contact("alice", name).unwrap().clone();
    contact.groups = groups.iter().map(|group| (*group).into()).collect();
    put(house, name, contact);
}

fn put(house: &mut House, name: &str, contact: Contact) {
    let row = Row::Contact {
        contact: Arc::new(contact),
    };
    let name = RowName::Contact { jid: bare(name) };
    house.set(&bare("alice"), name, Some(row));
}

/// Alice shows her presence to them no longer.
fn part(house: &mut House, name: &str) {
    let contact = house.contact("alice", name).unwrap().clone();
    put(
        house,
        name,
        Contact {
            inward: Inward::Without,
            ..contact
        },
    );
}

fn subscribe(house: &mut House, name: &str) -> String {
    let inside = format!("<subscribe node='n' jid='{name}@house.example'/>");
    ask(house, &format!("{name}/one"), SERVICE, "set", &inside)
}

fn read(house: &mut House, name: &str) -> String {
    let user = format!("{name}/one");
    ask(house, &user, SERVICE, "get", "<items node='n'/>")
}

fn publish(house: &mut House, user: &str, id: &str) {
    let inside = format!("<publish node='n'><item id='{id}'><x xmlns='u:{id}'/></item></publish>");
    let done = ask(house, user, SERVICE, "set", &inside);
    assert!(done.contains("type='result'"), "{done}");
}

fn affiliate(house: &mut House, name: &str, affiliation: &str) {
    let inside = format!(
        "<affiliations node='n'><affiliation jid='{name}@house.example' \
         affiliation='{affiliation}'/></affiliations>"
    );
    let done = own(house, "alice/one", SERVICE, "set", &inside);
    assert!(done.contains("type='result'"), "{done}");
}

#[test]
fn who_sees_the_makers_presence_subscribes_reads_and_hears() {
    let mut house = town("presence");

    let bob = subscribe(&mut house, "bob");
    let carol = subscribe(&mut house, "carol");
    publish(&mut house, "alice/one", "a");

    assert!(bob.contains("subscription='subscribed'"), "{bob}");
    assert!(carol.contains("<not-authorized"), "{carol}");
    assert!(carol.contains("<presence-subscription-required"), "{carol}");
    one(&house.take("bob/one"), &["u:a"]);
    assert!(read(&mut house, "bob").contains("u:a"));
    assert!(read(&mut house, "carol").contains("<presence-subscription-required"));
}

#[test]
fn a_subscription_rests_while_the_maker_is_not_seen() {
    let mut house = town("presence");
    subscribe(&mut house, "bob");

    part(&mut house, "bob");
    house.take("bob/one");
    publish(&mut house, "alice/one", "a");
    none(&house.take("bob/one"), &["u:a"]);
    assert!(read(&mut house, "bob").contains("<presence-subscription-required"));

    befriend(&mut house, "bob", &[]);
    publish(&mut house, "alice/one", "b");
    one(&house.take("bob/one"), &["u:b"]);
}

#[test]
fn a_group_of_the_makers_roster_is_let_in() {
    let mut house = town("roster");
    let groups = form("node_config", &[("roster_groups_allowed", "Kin")]);
    let configure = format!("<configure node='n'>{groups}</configure>");
    own(&mut house, "alice/one", SERVICE, "set", &configure);
    befriend(&mut house, "carol", &["Kin"]);

    let bob = subscribe(&mut house, "bob");
    let carol = subscribe(&mut house, "carol");

    assert!(bob.contains("<not-authorized") && bob.contains("<not-in-roster-group"));
    assert!(carol.contains("subscription='subscribed'"), "{carol}");
}

#[test]
fn the_makers_groups_are_offered_to_nobody_else() {
    let mut house = town("roster");
    befriend(&mut house, "carol", &["Kin"]);
    affiliate(&mut house, "dave", "owner");
    let configure = "<configure node='n'/>";

    let alice = own(&mut house, "alice/one", SERVICE, "get", configure);
    let dave = own(&mut house, "dave/one", SERVICE, "get", configure);

    assert!(alice.contains("<value>Kin</value>"), "{alice}");
    assert!(dave.contains("roster_groups_allowed") && !dave.contains("Kin"));
}

#[test]
fn who_has_given_the_node_away_lends_it_no_roster() {
    let mut house = town("presence");
    affiliate(&mut house, "dave", "owner");
    assert!(read(&mut house, "bob").contains("type='result'"));

    affiliate(&mut house, "alice", "none");

    assert!(read(&mut house, "bob").contains("<presence-subscription-required"));
}

#[test]
fn whom_the_maker_blocks_hears_nothing() {
    let mut house = town("presence");
    subscribe(&mut house, "bob");

    house.block("alice", "bob@house.example");
    house.take("bob/one");
    publish(&mut house, "alice/one", "a");

    none(&house.take("bob/one"), &["u:a"]);
    assert!(read(&mut house, "bob").contains("<presence-subscription-required"));
}

/// Dave publishes; nobody on the board that delivers has asked for Alice's record.
#[test]
fn an_item_is_told_on_a_board_where_the_maker_is_not_in_memory() {
    let mut house = town("presence");
    affiliate(&mut house, "dave", "publisher");
    subscribe(&mut house, "bob");
    house.end("alice/one");
    house.take("bob/one");
    house.is_far = true;

    publish(&mut house, "dave/one", "a");

    one(&house.take("bob/one"), &["u:a"]);
}

#[test]
fn whoever_is_let_in_no_more_is_told_nothing_of_the_change() {
    let mut house = town("open");
    subscribe(&mut house, "bob");
    subscribe(&mut house, "carol");
    affiliate(&mut house, "dave", "owner");
    house.is_far = true;
    let config = form(
        "node_config",
        &[("access_model", "presence"), ("notify_config", "1")],
    );
    let configure = format!("<configure node='n'>{config}</configure>");
    house.end("alice/one");
    house.take("carol/one");

    own(&mut house, "dave/one", SERVICE, "set", &configure);

    one(&house.take("bob/one"), &["<configuration node='n'"]);
    none(&house.take("carol/one"), &["<configuration"]);
}
