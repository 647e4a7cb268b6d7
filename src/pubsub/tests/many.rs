//! Several subscriptions of one address to a node (XEP-0060 section 6.1.6).

use crate::base::pubsub_limits::SUBSCRIPTIONS_PER_ADDRESS_MAX;
use crate::model::pubsub;
use crate::pubsub::tests::square::SERVICE;
use crate::pubsub::tests::square::ask;
use crate::pubsub::tests::square::between;
use crate::pubsub::tests::square::form;
use crate::pubsub::tests::square::none;
use crate::pubsub::tests::square::one;
use crate::pubsub::tests::square::own;
use crate::route::tests::house::House;

const NODE: &str = "node='news' jid='bob@house.example'";
const FEATURE: &str = "http://jabber.org/protocol/pubsub#multi-subscribe";

/// Alice has a node at the service, where an address may have several subscriptions.
fn town(fields: &[(&str, &str)]) -> House {
    let mut house = House::with(&["alice", "bob", "carol"]);
    house.settings.multi_subscribe = true;
    for user in ["alice/one", "bob/one", "carol/one"] {
        house.log_in(user);
    }
    let config = form("node_config", fields);
    let inside = format!("<create node='news'/><configure>{config}</configure>");
    ask(&mut house, "alice/one", SERVICE, "set", &inside);
    house
}

fn bob(house: &mut House, kind: &str, inside: &str) -> String {
    ask(house, "bob/one", SERVICE, kind, inside)
}

fn subid(answer: &str) -> String {
    between(answer, "subid='", "'")
}

/// The id of one more subscription of Bob's, with these options.
fn subscribe(house: &mut House, options: &[(&str, &str)]) -> String {
    let options = form("subscribe_options", options);
    let inside = format!("<subscribe {NODE}/><options node='news'>{options}</options>");
    let answer = bob(house, "set", &inside);
    assert!(answer.contains("subscription='subscribed'"), "{answer}");
    subid(&answer)
}

fn unsubscribe(house: &mut House, id: &str) -> String {
    bob(house, "set", &format!("<unsubscribe {NODE} {id}/>"))
}

fn publish(house: &mut House, id: &str) {
    let inside =
        format!("<publish node='news'><item id='{id}'><x xmlns='u:{id}'/></item></publish>");
    let done = ask(house, "alice/one", SERVICE, "set", &inside);
    assert!(done.contains("type='result'"), "{done}");
}

fn features(house: &mut House, to: &str) -> String {
    let info = "<query xmlns='http://jabber.org/protocol/disco#info'/>";
    house.send(
        "bob/one",
        &format!("<iq type='get' id='d' to='{to}'>{info}</iq>"),
    );
    one(&house.take("bob/one"), &["id='d'"])
}

fn header(id: &str) -> String {
    format!("<header name='SubID'>{id}</header>")
}

#[test]
fn it_is_announced_by_the_service_alone_and_only_where_it_is_on() {
    let mut house = town(&[]);
    assert!(features(&mut house, SERVICE).contains(FEATURE));
    assert!(!features(&mut house, "bob@house.example").contains(FEATURE));
    assert!(!features(&mut house, "house.example").contains(FEATURE));
    house.settings.multi_subscribe = false;
    assert!(!features(&mut house, SERVICE).contains(FEATURE));
}

#[test]
fn a_second_subscription_has_an_id_of_its_own_and_both_are_listed() {
    let mut house = town(&[]);
    let first = subscribe(&mut house, &[]);
    let second = subscribe(&mut house, &[]);
    assert_ne!(first, second);

    let all = bob(&mut house, "get", "<subscriptions/>");
    let here = own(
        &mut house,
        "alice/one",
        SERVICE,
        "get",
        "<subscriptions node='news'/>",
    );
    for list in [all, here] {
        for id in [&first, &second] {
            assert!(list.contains(&format!("subid='{id}'")), "{list}");
        }
        assert_eq!(list.matches("<subscription ").count(), 2);
    }
}

#[test]
fn where_it_is_off_the_second_request_is_the_first_again() {
    let mut house = town(&[]);
    house.settings.multi_subscribe = false;
    let ask_again = |house: &mut House| bob(house, "set", &format!("<subscribe {NODE}/>"));
    let first = ask_again(&mut house);
    assert!(!first.contains("subid"));
    assert_eq!(ask_again(&mut house), first);
    // Section 6.2.3.5: nobody was given an id.
    assert!(unsubscribe(&mut house, "subid='x'").contains("subscription='none'"));
}

#[test]
fn at_accounts_an_address_has_one_subscription() {
    let mut house = town(&[]);
    let open = form("node_config", &[("access_model", "open")]);
    let inside = format!("<create node='n'/><configure>{open}</configure>");
    ask(&mut house, "alice/one", "", "set", &inside);
    for _ in 0..2 {
        let inside = "<subscribe node='n' jid='bob@house.example'/>";
        let answer = ask(&mut house, "bob/one", "alice@house.example", "set", inside);
        assert!(
            answer.contains("'subscribed'") && !answer.contains("subid"),
            "{answer}"
        );
    }
}

#[test]
fn one_message_tells_which_subscriptions_brought_it() {
    let mut house = town(&[]);
    let first = subscribe(&mut house, &[]);
    publish(&mut house, "alone");
    one(&house.take("bob/one"), &["u:alone"]);
    let quiet = subscribe(&mut house, &[("deliver", "false")]);
    let third = subscribe(&mut house, &[]);
    let inside = "<subscribe node='news' jid='carol@house.example'/>";
    ask(&mut house, "carol/one", SERVICE, "set", inside);
    house.take("bob/one");

    publish(&mut house, "a");
    let event = one(&house.take("bob/one"), &["u:a"]);
    let headers = format!(
        "</event><headers xmlns='http://jabber.org/protocol/shim'>{}{}</headers></message>",
        header(&first),
        header(&third)
    );
    assert!(
        event.contains(&headers) && !event.contains(&quiet),
        "{event}"
    );
    let event = one(&house.take("carol/one"), &["u:a"]);
    assert!(!event.contains("SubID"), "{event}");

    let retract = "<retract node='news' notify='true'><item id='a'/></retract>";
    ask(&mut house, "alice/one", SERVICE, "set", retract);
    one(&house.take("bob/one"), &["<retract id='a'/>", &headers]);
    // Section 13.16: the same for all of them.
    own(
        &mut house,
        "alice/one",
        SERVICE,
        "set",
        "<purge node='news'/>",
    );
    let purged = one(&house.take("bob/one"), &["<purge "]);
    assert!(!purged.contains("SubID"), "{purged}");
}

#[test]
fn who_has_several_says_which_one_is_to_end() {
    let mut house = town(&[]);
    let first = subscribe(&mut house, &[]);
    let second = subscribe(&mut house, &[]);
    let refused = unsubscribe(&mut house, "");
    assert!(refused.contains("<bad-request") && refused.contains("<subid-required"));
    let refused = unsubscribe(&mut house, "subid='x'");
    assert!(refused.contains("<not-acceptable") && refused.contains("<invalid-subid"));

    let ended = unsubscribe(&mut house, &format!("subid='{first}'"));
    assert!(ended.contains("subscription='none'") && subid(&ended) == first);
    publish(&mut house, "a");
    one(&house.take("bob/one"), &["u:a", &header(&second)]);
    assert!(bob(&mut house, "get", "<subscriptions/>").contains(&second));

    // The last one needs no name.
    assert!(unsubscribe(&mut house, "").contains("subscription='none'"));
    publish(&mut house, "b");
    none(&house.take("bob/one"), &["u:b"]);
    assert!(!bob(&mut house, "get", "<subscriptions/>").contains("<subscription "));
}

#[test]
fn each_has_options_of_its_own() {
    let mut house = town(&[]);
    let first = subscribe(&mut house, &[]);
    let second = subscribe(&mut house, &[]);
    let refused = bob(&mut house, "get", &format!("<options {NODE}/>"));
    assert!(refused.contains("<bad-request") && refused.contains("<subid-required"));
    let refused = bob(&mut house, "get", &format!("<options {NODE} subid='x'/>"));
    assert!(refused.contains("<not-acceptable") && refused.contains("<invalid-subid"));

    let quiet = form("subscribe_options", &[("deliver", "false")]);
    let inside = format!("<options {NODE} subid='{second}'>{quiet}</options>");
    assert!(bob(&mut house, "set", &inside).contains("type='result'"));
    for (id, delivers) in [(&first, "1"), (&second, "0")] {
        let told = bob(
            &mut house,
            "get",
            &format!("<options {NODE} subid='{id}'/>"),
        );
        assert_eq!(subid(&told), *id);
        let value = told.split_once("var='pubsub#deliver'").unwrap().1;
        assert_eq!(between(value, "<value>", "</value>"), delivers, "{told}");
    }
}

#[test]
fn who_has_several_reads_by_one_of_them() {
    let mut house = town(&[]);
    subscribe(&mut house, &[]);
    let second = subscribe(&mut house, &[]);
    publish(&mut house, "a");
    let mut read = |id: &str| bob(&mut house, "get", &format!("<items node='news' {id}/>"));
    assert!(read("").contains("<subid-required"));
    assert!(read("subid='x'").contains("<invalid-subid"));
    assert!(read(&format!("subid='{second}'")).contains("u:a"));
}

#[test]
fn an_address_has_a_number_of_them_and_those_that_ended_make_room() {
    let mut house = town(&[]);
    subscribe(&mut house, &[]);
    let soon = house.now.plus_ms(60_000).to_xep0082();
    let leased: Vec<String> = (1..SUBSCRIPTIONS_PER_ADDRESS_MAX)
        .map(|_| subscribe(&mut house, &[("expire", &soon)]))
        .collect();
    let refused = bob(&mut house, "set", &format!("<subscribe {NODE}/>"));
    assert!(refused.contains("<policy-violation") && refused.contains("<too-many-subscriptions"));
    let other = "<subscribe node='news' jid='bob@house.example/one'/>";
    assert!(bob(&mut house, "set", other).contains("'subscribed'"));

    house.now = house.now.plus_ms(61_000);
    let fresh = subscribe(&mut house, &[]);
    let rows: Vec<String> = house
        .state
        .leaves
        .values()
        .flat_map(|leaf| pubsub::subscriptions(leaf))
        .map(|one| one.id.to_owned())
        .collect();
    assert!(rows.contains(&fresh) && rows.iter().all(|id| !leased.contains(id)));
}

#[test]
fn an_owner_ends_one_of_several_or_all_of_an_address() {
    let mut house = town(&[]);
    let ids: Vec<String> = (0..3).map(|_| subscribe(&mut house, &[])).collect();
    let mut end = |id: &str| {
        let one = format!("<subscription jid='bob@house.example' subscription='none' {id}/>");
        let inside = format!("<subscriptions node='news'>{one}</subscriptions>");
        own(&mut house, "alice/one", SERVICE, "set", &inside)
    };
    assert!(end("subid='x'").contains("<invalid-subid"));
    assert!(end(&format!("subid='{}'", ids[1])).contains("type='result'"));
    one(&house.take("bob/one"), &["subscription='none'", &ids[1]]);
    let left = bob(&mut house, "get", "<subscriptions/>");
    assert!(left.contains(&ids[0]) && !left.contains(&ids[1]) && left.contains(&ids[2]));

    let one = "<subscription jid='bob@house.example' subscription='none'/>";
    let inside = format!("<subscriptions node='news'>{one}</subscriptions>");
    own(&mut house, "alice/one", SERVICE, "set", &inside);
    assert!(!bob(&mut house, "get", "<subscriptions/>").contains("<subscription "));
}

#[test]
fn who_is_cast_out_loses_all_of_them() {
    let mut house = town(&[]);
    subscribe(&mut house, &[]);
    subscribe(&mut house, &[]);
    let one = "<affiliation jid='bob@house.example' affiliation='outcast'/>";
    let inside = format!("<affiliations node='news'>{one}</affiliations>");
    own(&mut house, "alice/one", SERVICE, "set", &inside);
    let left = own(
        &mut house,
        "alice/one",
        SERVICE,
        "get",
        "<subscriptions node='news'/>",
    );
    assert!(!left.contains("<subscription "), "{left}");
}

#[test]
fn an_owner_is_asked_about_the_first_alone() {
    let mut house = town(&[("access_model", "authorize")]);
    let ask_for = format!("<subscribe {NODE}/>");
    assert!(bob(&mut house, "set", &ask_for).contains("subscription='pending'"));
    assert!(bob(&mut house, "set", &ask_for).contains("<pending-subscription"));
    let yes = [
        ("node", "news"),
        ("subscriber_jid", "bob@house.example"),
        ("allow", "true"),
    ];
    let yes = form("subscribe_authorization", &yes);
    house.send(
        "alice/one",
        &format!("<message to='{SERVICE}'>{yes}</message>"),
    );
    assert_ne!(subscribe(&mut house, &[]), "first");
}

#[test]
fn what_there_was_remains_where_it_is_taken_back() {
    let mut house = town(&[]);
    subscribe(&mut house, &[]);
    let second = subscribe(&mut house, &[]);
    house.settings.multi_subscribe = false;
    publish(&mut house, "a");
    one(&house.take("bob/one"), &["u:a", &header(&second)]);
    // A request repeats the first; the other one ends by its id.
    assert!(bob(&mut house, "set", &format!("<subscribe {NODE}/>")).contains("'subscribed'"));
    assert!(unsubscribe(&mut house, "").contains("<subid-required"));
    unsubscribe(&mut house, &format!("subid='{second}'"));
    assert!(unsubscribe(&mut house, "").contains("subscription='none'"));
}
