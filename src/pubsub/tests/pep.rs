//! Nodes of accounts (XEP-0163).

use crate::pubsub::tests::square::TUNE;
use crate::pubsub::tests::square::ask;
use crate::pubsub::tests::square::form;
use crate::pubsub::tests::square::listen;
use crate::pubsub::tests::square::none;
use crate::pubsub::tests::square::one;
use crate::pubsub::tests::square::own;
use crate::pubsub::tests::square::publish;
use crate::route::tests::house::House;

const ALICE: &str = "alice@house.example";

fn friends() -> House {
    let mut house = House::with(&["alice", "bob", "carol"]);
    house.befriend("alice", "bob");
    for user in ["alice/one", "alice/two", "bob/one", "carol/one"] {
        house.log_in(user);
    }
    house
}

#[test]
fn a_publication_reaches_own_devices_and_contacts_who_want_to_hear_of_it() {
    let mut house = friends();
    listen(&mut house, "alice/two", &[TUNE]);
    listen(&mut house, "bob/one", &[TUNE, "other"]);
    listen(&mut house, "carol/one", &[TUNE]);

    let answer = publish(&mut house, "alice/one", TUNE, "i1");

    assert!(answer.contains("type='result'") && answer.contains("<item id='i1'/>"));
    for user in ["alice/two", "bob/one"] {
        let event = one(&house.take(user), &["<message", "#event", "u:i1"]);
        assert!(event.contains("type='headline'") && event.contains(&format!("from='{ALICE}'")));
        assert!(!event.contains("<delay"));
    }
    none(&house.take("alice/one"), &["#event"]);
    none(&house.take("carol/one"), &["#event"]);
}

#[test]
fn who_comes_gets_the_last_item_with_its_time() {
    let mut house = friends();
    publish(&mut house, "alice/one", TUNE, "i1");
    publish(&mut house, "alice/one", TUNE, "i2");

    listen(&mut house, "bob/one", &[TUNE]);
    let inbox = house.take("bob/one");
    one(&inbox, &["u:i2", "<delay"]);
    none(&inbox, &["u:i1"]);

    // What it hears of already does not come again; what is new does.
    publish(&mut house, "alice/one", "news", "n1");
    house.take("bob/one");
    house.send(
        "bob/one",
        "<presence><c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='n' ver='w'/></presence>",
    );
    let asked = house.take("bob/one");
    let id = crate::pubsub::tests::square::between(&one(&asked, &["disco#info"]), "id='", "'");
    house.send(
        "bob/one",
        &format!(
            "<iq type='result' id='{id}' to='house.example'>\
             <query xmlns='http://jabber.org/protocol/disco#info'>\
             <feature var='{TUNE}+notify'/><feature var='news+notify'/></query></iq>"
        ),
    );
    let inbox = house.take("bob/one");
    one(&inbox, &["u:n1"]);
    none(&inbox, &["u:i2"]);
}

#[test]
fn a_new_contact_gets_what_it_may_see_now() {
    let mut house = friends();
    publish(&mut house, "alice/one", TUNE, "i1");
    listen(&mut house, "carol/one", &[TUNE]);
    none(&house.take("carol/one"), &["u:i1"]);

    house.befriend("alice", "carol");

    one(&house.take("carol/one"), &["u:i1"]);
}

#[test]
fn what_a_version_means_is_asked_once_if_its_hash_is_true() {
    let mut house = friends();
    let presence = "<presence><c xmlns='http://jabber.org/protocol/caps' hash='sha-1' \
        node='n' ver='N1O9tYoweCb4CPubHbj6f7VbwQk='/></presence>";
    house.send("bob/one", presence);
    let asked = one(&house.take("bob/one"), &["disco#info"]);
    let id = crate::pubsub::tests::square::between(&asked, "id='", "'");
    house.send(
        "bob/one",
        &format!(
            "<iq type='result' id='{id}' to='house.example'>\
             <query xmlns='http://jabber.org/protocol/disco#info'>\
             <feature var='{TUNE}+notify'/></query></iq>"
        ),
    );
    house.send("alice/two", presence);
    none(&house.take("alice/two"), &["disco#info"]);

    publish(&mut house, "alice/one", TUNE, "i1");

    one(&house.take("bob/one"), &["u:i1"]);
    one(&house.take("alice/two"), &["u:i1"]);
}

#[test]
fn a_false_answer_is_for_the_one_who_gave_it() {
    let mut house = friends();
    listen(&mut house, "bob/one", &[TUNE]);
    listen(&mut house, "alice/two", &[]);

    publish(&mut house, "alice/one", TUNE, "i1");

    one(&house.take("bob/one"), &["u:i1"]);
    none(&house.take("alice/two"), &["u:i1"]);
}

#[test]
fn options_make_the_node_and_have_to_hold_later() {
    let mut house = friends();
    let publish = |house: &mut House, fields: &[(&str, &str)]| {
        let options = form("publish-options", fields);
        let inside = format!(
            "<publish node='devices'><item id='current'><list xmlns='u:l'/></item></publish>\
             <publish-options>{options}</publish-options>"
        );
        ask(house, "alice/one", "", "set", &inside)
    };
    let open = [("access_model", "open"), ("max_items", "max")];
    assert!(publish(&mut house, &open).contains("type='result'"));
    assert!(publish(&mut house, &open).contains("type='result'"));
    let refused = publish(&mut house, &[("access_model", "whitelist")]);
    assert!(refused.contains("<conflict") && refused.contains("<precondition-not-met"));
    let unknown = publish(&mut house, &[("sorcery", "1")]);
    assert!(unknown.contains("<precondition-not-met"));

    // Open: a stranger may read it.
    let read = ask(
        &mut house,
        "carol/one",
        ALICE,
        "get",
        "<items node='devices'/>",
    );
    assert!(read.contains("u:l"), "{read}");
}

#[test]
fn presence_decides_who_reads() {
    let mut house = friends();
    publish(&mut house, "alice/one", TUNE, "i1");
    let items = format!("<items node='{TUNE}'/>");
    assert!(ask(&mut house, "bob/one", ALICE, "get", &items).contains("u:i1"));
    let refused = ask(&mut house, "carol/one", ALICE, "get", &items);
    assert!(refused.contains("<not-authorized"));
    assert!(refused.contains("<presence-subscription-required"));
    let missing = ask(&mut house, "bob/one", ALICE, "get", "<items node='none'/>");
    assert!(missing.contains("<item-not-found"));

    house.block("alice", "bob@house.example");
    let blocked = ask(&mut house, "bob/one", ALICE, "get", &items);
    assert!(blocked.contains("<service-unavailable"));
    listen(&mut house, "bob/one", &[TUNE]);
    publish(&mut house, "alice/one", TUNE, "i2");
    none(&house.take("bob/one"), &["#event"]);
}

#[test]
fn only_the_account_itself_publishes_and_makes_nodes() {
    let mut house = friends();
    let inside = format!("<publish node='{TUNE}'><item><x xmlns='u:x'/></item></publish>");
    assert!(ask(&mut house, "bob/one", ALICE, "set", &inside).contains("<forbidden"));
    let made = ask(&mut house, "bob/one", ALICE, "set", "<create node='bobs'/>");
    assert!(made.contains("<forbidden"));
}

#[test]
fn a_retraction_is_told_and_the_item_is_gone() {
    let mut house = friends();
    listen(&mut house, "bob/one", &["list"]);
    let options = form("publish-options", &[("max_items", "10")]);
    for id in ["a", "b", "c"] {
        let inside = format!(
            "<publish node='list'><item id='{id}'><x xmlns='u:{id}'/></item></publish>\
             <publish-options>{options}</publish-options>"
        );
        ask(&mut house, "alice/one", "", "set", &inside);
    }
    house.take("bob/one");

    let retract = "<retract node='list' notify='1'><item id='b'/></retract>";
    assert!(ask(&mut house, "alice/one", "", "set", retract).contains("type='result'"));

    one(&house.take("bob/one"), &["<retract id='b'/>"]);
    let items = ask(&mut house, "bob/one", ALICE, "get", "<items node='list'/>");
    assert!(items.contains("u:a") && !items.contains("u:b") && items.contains("u:c"));
    let newest = "<items node='list' max_items='1'/>";
    let items = ask(&mut house, "bob/one", ALICE, "get", newest);
    assert!(!items.contains("u:a") && items.contains("u:c"));
    let again = ask(&mut house, "alice/one", "", "set", retract);
    assert!(again.contains("<item-not-found"));
}

#[test]
fn the_oldest_items_leave_and_a_page_shows_a_part() {
    let mut house = friends();
    let options = form("publish-options", &[("max_items", "3")]);
    for id in ["a", "b", "c", "d"] {
        let inside = format!(
            "<publish node='list'><item id='{id}'><x xmlns='u:{id}'/></item></publish>\
             <publish-options>{options}</publish-options>"
        );
        ask(&mut house, "alice/one", "", "set", &inside);
    }
    let page = "<items node='list'/><set xmlns='http://jabber.org/protocol/rsm'><max>2</max>";
    let first = ask(&mut house, "alice/one", "", "get", &format!("{page}</set>"));
    assert!(first.contains("u:d") && first.contains("u:c") && !first.contains("u:b"));
    assert!(first.contains("<first index='0'>d</first>") && first.contains("<count>3</count>"));
    let second = format!("{page}<after>c</after></set>");
    let second = ask(&mut house, "alice/one", "", "get", &second);
    assert!(
        second.contains("u:b") && !second.contains("u:a"),
        "{second}"
    );
    let last = format!("{page}<before/></set>");
    let last = ask(&mut house, "alice/one", "", "get", &last);
    assert!(last.contains("u:c") && last.contains("u:b") && !last.contains("u:d"));
}

#[test]
fn a_node_ends_with_all_that_was_in_it() {
    let mut house = friends();
    listen(&mut house, "bob/one", &[TUNE]);
    publish(&mut house, "alice/one", TUNE, "i1");
    house.take("bob/one");

    let delete = format!("<delete node='{TUNE}'/>");
    assert!(own(&mut house, "bob/one", ALICE, "set", &delete).contains("<forbidden"));
    assert!(own(&mut house, "alice/one", "", "set", &delete).contains("type='result'"));

    one(&house.take("bob/one"), &["<delete node="]);
    let items = format!("<items node='{TUNE}'/>");
    assert!(ask(&mut house, "bob/one", ALICE, "get", &items).contains("<item-not-found"));
    publish(&mut house, "alice/one", TUNE, "i2");
    let items = ask(&mut house, "bob/one", ALICE, "get", &items);
    assert!(!items.contains("u:i1") && items.contains("u:i2"));
}

#[test]
fn presence_carries_the_hash_of_the_picture() {
    let mut house = friends();
    let hash = "0123456789abcdef0123456789abcdef01234567";
    let inside = format!(
        "<publish node='urn:xmpp:avatar:metadata'><item id='{hash}'>\
         <metadata xmlns='urn:xmpp:avatar:metadata'><info id='{hash}' bytes='1' type='image/png'/>\
         </metadata></item></publish>"
    );
    ask(&mut house, "alice/one", "", "set", &inside);
    let photo = format!("<photo>{hash}</photo>");
    let inbox = house.take("bob/one");
    one(
        &inbox,
        &["alice@house.example/one'", "vcard-temp:x:update", &photo],
    );
    one(
        &inbox,
        &["alice@house.example/two'", "vcard-temp:x:update", &photo],
    );

    house.send("alice/one", "<presence><show>away</show></presence>");
    one(&house.take("bob/one"), &["away", &photo]);
    // Who says that it shows no picture does not.
    house.send(
        "alice/one",
        "<presence><x xmlns='vcard-temp:x:update'><photo/></x></presence>",
    );
    none(&house.take("bob/one"), &[&photo]);

    let retract = format!("<retract node='urn:xmpp:avatar:metadata'><item id='{hash}'/></retract>");
    ask(&mut house, "alice/one", "", "set", &retract);
    one(
        &house.take("bob/one"),
        &["alice@house.example/two'", "<photo></photo>"],
    );
}
