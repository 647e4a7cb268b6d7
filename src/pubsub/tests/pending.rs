//! Requests for subscriptions that wait for an owner who was away (XEP-0060 section 8.7).

use crate::pubsub::tests::square::SERVICE;
use crate::pubsub::tests::square::ask;
use crate::pubsub::tests::square::form;
use crate::pubsub::tests::square::none;
use crate::pubsub::tests::square::one;
use crate::pubsub::tests::square::own;
use crate::route::tests::house::House;

const OPEN: &str = "<subscribe node='open' jid='bob@house.example'/>";
const CLUB: &str = "<subscribe node='club' jid='bob@house.example'/>";

/// Alice has a node here for whose subscriptions she is asked, and an open one; Bob wants both.
fn house(at: &str) -> House {
    let mut house = House::with(&["alice", "bob", "carol"]);
    for user in ["alice/one", "bob/one", "carol/one"] {
        house.log_in(user);
    }
    let to = if at == SERVICE { SERVICE } else { "" };
    for (node, access) in [("club", "authorize"), ("open", "open")] {
        let form = form("node_config", &[("access_model", access)]);
        let create = format!("<create node='{node}'/><configure>{form}</configure>");
        assert!(ask(&mut house, "alice/one", to, "set", &create).contains("type='result'"));
    }
    assert!(ask(&mut house, "bob/one", at, "set", CLUB).contains("'pending'"));
    ask(&mut house, "bob/one", at, "set", OPEN);
    for user in ["alice/one", "bob/one"] {
        house.take(user);
    }
    house
}

/// A step of the command, and all that comes of it.
fn command(house: &mut House, user: &str, at: &str, content: &str) -> Vec<String> {
    house.send(
        user,
        &format!(
            "<iq type='set' id='c' to='{at}'><command xmlns='http://jabber.org/protocol/commands' \
             node='http://jabber.org/protocol/pubsub#get-pending'>{content}</command></iq>"
        ),
    );
    house.take(user)
}

fn chosen(node: &str) -> String {
    form("subscribe_authorization", &[("node", node)])
}

#[test]
fn an_owner_is_asked_once_more_about_those_who_wait() {
    for at in [SERVICE, "alice@house.example"] {
        let mut house = house(at);

        let offered = command(&mut house, "alice/one", at, "");
        let asked = command(&mut house, "alice/one", at, &chosen("club"));

        let offered = one(&offered, &["status='executing'", "subscribe_authorization"]);
        assert!(
            offered.contains("<value>club</value></option>"),
            "{offered}"
        );
        assert!(!offered.contains("<value>open</value>"), "{offered}");
        one(&asked, &["status='completed'"]);
        let question = one(&asked, &["<message", "pubsub#allow"]);
        assert!(question.contains("<value>bob@house.example</value>"));
        let fields = [
            ("node", "club"),
            ("subscriber_jid", "bob@house.example"),
            ("allow", "1"),
        ];
        let yes = form("subscribe_authorization", &fields);
        house.send("alice/one", &format!("<message to='{at}'>{yes}</message>"));
        one(&house.take("bob/one"), &["subscription='subscribed'"]);
        let asked = command(&mut house, "alice/one", at, &chosen("club"));
        none(&asked, &["<message"]);
    }
}

#[test]
fn nobody_else_is_told_who_waits() {
    let mut house = house(SERVICE);

    let nothing_owned = command(&mut house, "carol/one", SERVICE, "");
    let of_another = command(&mut house, "carol/one", SERVICE, &chosen("club"));
    let of_nobody = command(&mut house, "alice/one", SERVICE, &chosen("bar"));
    let other_account = command(&mut house, "carol/one", "alice@house.example", "");

    one(&nothing_owned, &["<forbidden"]);
    one(&of_another, &["<forbidden"]);
    one(&of_nobody, &["<item-not-found"]);
    one(&other_account, &["type='error'"]);
}

/// Section 8.7.4, the note at its end.
#[test]
fn who_waits_and_is_made_a_publisher_waits_no_longer() {
    let mut house = house(SERVICE);
    let publisher = "<affiliations node='club'>\
        <affiliation jid='bob@house.example' affiliation='publisher'/></affiliations>";

    own(&mut house, "alice/one", SERVICE, "set", publisher);

    one(&house.take("bob/one"), &["subscription='subscribed'"]);
}

#[test]
fn the_command_is_found_where_it_is() {
    let mut house = house(SERVICE);
    let commands = "http://jabber.org/protocol/commands";

    house.send(
        "alice/one",
        &format!(
            "<iq type='get' id='d' to='{SERVICE}'>\
             <query xmlns='http://jabber.org/protocol/disco#items' node='{commands}'/></iq>"
        ),
    );
    let items = house.take("alice/one");
    house.send(
        "alice/one",
        &format!(
            "<iq type='get' id='d' to='{SERVICE}'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>"
        ),
    );
    let info = house.take("alice/one");

    one(&items, &["<item ", "pubsub#get-pending'"]);
    let announced = one(&info, &[&format!("<feature var='{commands}'/>")]);
    assert!(announced.contains("<feature var='http://jabber.org/protocol/pubsub#get-pending'/>"));
}
