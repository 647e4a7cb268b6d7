//! Nodes of the service (XEP-0060).

use crate::pubsub::tests::square::SERVICE;
use crate::pubsub::tests::square::ask;
use crate::pubsub::tests::square::form;
use crate::pubsub::tests::square::none;
use crate::pubsub::tests::square::one;
use crate::pubsub::tests::square::own;
use crate::route::tests::house::House;

fn town() -> House {
    let mut house = House::with(&["alice", "bob", "carol"]);
    for user in ["alice/one", "bob/one", "carol/one"] {
        house.log_in(user);
    }
    house
}

fn create(house: &mut House, node: &str, fields: &[(&str, &str)]) -> String {
    let config = form("node_config", fields);
    let inside = format!("<create node='{node}'/><configure>{config}</configure>");
    ask(house, "alice/one", SERVICE, "set", &inside)
}

fn subscribe(house: &mut House, name: &str, node: &str) -> String {
    let inside = format!("<subscribe node='{node}' jid='{name}@house.example'/>");
    ask(house, &format!("{name}/one"), SERVICE, "set", &inside)
}

fn publish(house: &mut House, user: &str, node: &str, id: &str) -> String {
    let inside =
        format!("<publish node='{node}'><item id='{id}'><x xmlns='u:{id}'/></item></publish>");
    ask(house, user, SERVICE, "set", &inside)
}

#[test]
fn subscribers_get_what_publishers_publish_and_nobody_else_does() {
    let mut house = town();
    assert!(create(&mut house, "news", &[]).contains("<create node='news'/>"));
    assert!(create(&mut house, "news", &[]).contains("<conflict"));
    assert!(subscribe(&mut house, "bob", "news").contains("subscription='subscribed'"));
    assert!(subscribe(&mut house, "bob", "none").contains("<item-not-found"));

    assert!(publish(&mut house, "bob/one", "news", "x").contains("<forbidden"));
    assert!(publish(&mut house, "alice/one", "news", "a").contains("type='result'"));

    let event = one(&house.take("bob/one"), &["u:a", "type='headline'"]);
    assert!(event.contains("from='pubsub.house.example'") && event.contains("publisher='alice@"));
    none(&house.take("carol/one"), &["u:a"]);

    let stop = "<unsubscribe node='news' jid='bob@house.example'/>";
    assert!(ask(&mut house, "bob/one", SERVICE, "set", stop).contains("subscription='none'"));
    assert!(ask(&mut house, "bob/one", SERVICE, "set", stop).contains("<not-subscribed"));
    publish(&mut house, "alice/one", "news", "b");
    none(&house.take("bob/one"), &["u:b"]);
}

#[test]
fn nobody_subscribes_for_another_or_without_an_address() {
    let mut house = town();
    create(&mut house, "news", &[]);
    let other = "<subscribe node='news' jid='carol@house.example'/>";
    let refused = ask(&mut house, "bob/one", SERVICE, "set", other);
    assert!(refused.contains("<bad-request") && refused.contains("<invalid-jid"));
    let nobody = ask(
        &mut house,
        "bob/one",
        SERVICE,
        "set",
        "<subscribe node='news'/>",
    );
    assert!(nobody.contains("<jid-required"));
}

#[test]
fn an_owner_decides_who_may_subscribe() {
    let mut house = town();
    create(&mut house, "club", &[("access_model", "authorize")]);
    assert!(subscribe(&mut house, "bob", "club").contains("subscription='pending'"));
    assert!(subscribe(&mut house, "bob", "club").contains("<pending-subscription"));
    let asked = one(
        &house.take("alice/one"),
        &["<message", "subscribe_authorization", "bob@house.example"],
    );
    assert!(asked.contains("club"));
    publish(&mut house, "alice/one", "club", "a");
    none(&house.take("bob/one"), &["u:a"]);

    let yes = form(
        "subscribe_authorization",
        &[
            ("node", "club"),
            ("subscriber_jid", "bob@house.example"),
            ("allow", "true"),
        ],
    );
    let message = |yes: &str| format!("<message to='{SERVICE}'>{yes}</message>");
    house.send("carol/one", &message(&yes));
    none(&house.take("bob/one"), &["subscription='subscribed'"]);
    house.send("alice/one", &message(&yes));

    one(&house.take("bob/one"), &["subscription='subscribed'"]);
    publish(&mut house, "alice/one", "club", "b");
    one(&house.take("bob/one"), &["u:b"]);
    let items = ask(
        &mut house,
        "carol/one",
        SERVICE,
        "get",
        "<items node='club'/>",
    );
    assert!(items.contains("<not-authorized") && items.contains("<not-subscribed"));
}

#[test]
fn a_closed_node_is_for_its_members() {
    let mut house = town();
    create(&mut house, "board", &[("access_model", "whitelist")]);
    assert!(subscribe(&mut house, "bob", "board").contains("<closed-node"));
    let member = "<affiliations node='board'>\
        <affiliation jid='bob@house.example' affiliation='member'/>\
        <affiliation jid='carol@house.example' affiliation='publisher'/></affiliations>";
    assert!(own(&mut house, "bob/one", SERVICE, "set", member).contains("<forbidden"));
    assert!(own(&mut house, "alice/one", SERVICE, "set", member).contains("type='result'"));
    assert!(subscribe(&mut house, "bob", "board").contains("'subscribed'"));
    assert!(publish(&mut house, "carol/one", "board", "a").contains("type='result'"));
    one(&house.take("bob/one"), &["u:a"]);

    let mine = ask(&mut house, "carol/one", SERVICE, "get", "<affiliations/>");
    assert!(mine.contains("node='board' affiliation='publisher'"));
    let mine = ask(&mut house, "alice/one", SERVICE, "get", "<affiliations/>");
    assert!(mine.contains("node='board' affiliation='owner'"), "{mine}");
    let out = "<affiliations node='board'>\
        <affiliation jid='bob@house.example' affiliation='outcast'/></affiliations>";
    own(&mut house, "alice/one", SERVICE, "set", out);
    one(&house.take("bob/one"), &["subscription='none'"]);
    publish(&mut house, "alice/one", "board", "b");
    none(&house.take("bob/one"), &["u:b"]);
    let nobody = "<affiliations node='board'>\
        <affiliation jid='alice@house.example' affiliation='none'/></affiliations>";
    assert!(own(&mut house, "alice/one", SERVICE, "set", nobody).contains("<not-acceptable"));
}

#[test]
fn a_configuration_is_read_changed_and_told() {
    let mut house = town();
    create(
        &mut house,
        "news",
        &[("notify_config", "1"), ("title", "News")],
    );
    subscribe(&mut house, "bob", "news");
    for id in ["a", "b", "c"] {
        publish(&mut house, "alice/one", "news", id);
    }
    house.take("bob/one");
    let read = own(
        &mut house,
        "alice/one",
        SERVICE,
        "get",
        "<configure node='news'/>",
    );
    assert!(read.contains("<value>News</value>") && read.contains("<value>max</value>"));
    let change = |fields| {
        let config = form("node_config", fields);
        format!("<configure node='news'>{config}</configure>")
    };
    let bad = change(&[("access_model", "sorcery")]);
    let bad = own(&mut house, "alice/one", SERVICE, "set", &bad);
    assert!(bad.contains("<not-acceptable") && bad.contains("<unsupported-access-model"));
    let less = change(&[("max_items", "1"), ("deliver_payloads", "0")]);
    assert!(own(&mut house, "alice/one", SERVICE, "set", &less).contains("type='result'"));

    one(&house.take("bob/one"), &["<configuration node='news'"]);
    let items = ask(
        &mut house,
        "bob/one",
        SERVICE,
        "get",
        "<items node='news'/>",
    );
    assert!(items.contains("u:c") && !items.contains("u:b"));
    publish(&mut house, "alice/one", "news", "d");
    let event = one(&house.take("bob/one"), &["<item id='d'"]);
    assert!(!event.contains("u:d"));
}

#[test]
fn options_of_a_subscription_silence_it() {
    let mut house = town();
    create(&mut house, "news", &[]);
    subscribe(&mut house, "bob", "news");
    let set = |fields| {
        let options = form("subscribe_options", fields);
        format!("<options node='news' jid='bob@house.example'>{options}</options>")
    };
    let off = set(&[("deliver", "0")]);
    assert!(ask(&mut house, "bob/one", SERVICE, "set", &off).contains("type='result'"));
    publish(&mut house, "alice/one", "news", "a");
    none(&house.take("bob/one"), &["u:a"]);

    let away = set(&[("deliver", "1"), ("show-values", "away")]);
    ask(&mut house, "bob/one", SERVICE, "set", &away);
    publish(&mut house, "alice/one", "news", "b");
    none(&house.take("bob/one"), &["u:b"]);
    house.send("bob/one", "<presence><show>away</show></presence>");
    publish(&mut house, "alice/one", "news", "c");
    one(&house.take("bob/one"), &["u:c"]);

    let ended = set(&[("show-values", "away"), ("expire", "2026-01-01T00:00:00Z")]);
    ask(&mut house, "bob/one", SERVICE, "set", &ended);
    publish(&mut house, "alice/one", "news", "d");
    none(&house.take("bob/one"), &["u:d"]);
}

#[test]
fn items_expire_and_fleeting_ones_are_never_there() {
    let mut house = town();
    create(&mut house, "short", &[("item_expire", "60")]);
    publish(&mut house, "alice/one", "short", "a");
    house.now = house.now.plus_ms(61_000);
    publish(&mut house, "alice/one", "short", "b");
    let items = ask(
        &mut house,
        "bob/one",
        SERVICE,
        "get",
        "<items node='short'/>",
    );
    assert!(items.contains("u:b") && !items.contains("u:a"));

    create(&mut house, "fleeting", &[("persist_items", "0")]);
    subscribe(&mut house, "bob", "fleeting");
    publish(&mut house, "alice/one", "fleeting", "a");
    one(&house.take("bob/one"), &["u:a"]);
    let unsupported = "<unsupported xmlns='http://jabber.org/protocol/pubsub#errors' feature='persistent-items'/>";
    let items = "<items node='fleeting'/>";
    assert!(ask(&mut house, "bob/one", SERVICE, "get", items).contains(unsupported));
    let retract = "<retract node='fleeting'><item id='a'/></retract>";
    assert!(ask(&mut house, "alice/one", SERVICE, "set", retract).contains(unsupported));
    let purge = "<purge node='fleeting'/>";
    assert!(own(&mut house, "alice/one", SERVICE, "set", purge).contains(unsupported));
}

#[test]
fn a_subscriber_gets_the_last_item_when_it_subscribes_and_when_it_comes() {
    let mut house = town();
    create(
        &mut house,
        "news",
        &[("send_last_published_item", "on_sub_and_presence")],
    );
    publish(&mut house, "alice/one", "news", "a");
    subscribe(&mut house, "bob", "news");
    one(&house.take("bob/one"), &["u:a", "<delay"]);

    house.send("bob/one", "<presence type='unavailable'/>");
    house.send("bob/one", "<presence/>");
    one(&house.take("bob/one"), &["u:a", "<delay"]);
}

#[test]
fn what_the_service_and_a_node_are_can_be_asked() {
    let mut house = town();
    create(&mut house, "news", &[("title", "News")]);
    create(&mut house, "secret", &[("access_model", "whitelist")]);
    publish(&mut house, "alice/one", "news", "a");
    let mut disco = |user: &str, kind: &str, node: &str| {
        house.send(
            user,
            &format!(
                "<iq type='get' id='d' to='{SERVICE}'>\
                 <query xmlns='http://jabber.org/protocol/disco#{kind}'{node}/></iq>"
            ),
        );
        one(&house.take(user), &["id='d'"])
    };
    let info = disco("bob/one", "info", "");
    assert!(info.contains("category='pubsub' type='service'"));
    assert!(info.contains("pubsub#instant-nodes") && info.contains("pubsub#access-presence"));
    assert!(!info.contains("pubsub#collections") && !info.contains("jabber:iq:roster"));
    let info = disco("bob/one", "info", " node='news'");
    assert!(info.contains("type='leaf'") && info.contains("<value>News</value>"));
    assert!(disco("bob/one", "info", " node='secret'").contains("type='error'"));
    let items = disco("bob/one", "items", "");
    assert!(items.contains("node='news' name='News'") && !items.contains("secret"));
    assert!(disco("bob/one", "items", " node='news'").contains("name='a'"));
}

#[test]
fn a_subscription_ends_with_the_account() {
    let mut house = town();
    create(&mut house, "news", &[]);
    subscribe(&mut house, "bob", "news");
    let list = "<subscriptions node='news'/>";
    assert!(own(&mut house, "alice/one", SERVICE, "get", list).contains("bob@"));

    house.delete("bob");

    assert!(!own(&mut house, "alice/one", SERVICE, "get", list).contains("bob@"));
}
