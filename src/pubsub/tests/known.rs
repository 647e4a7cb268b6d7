//! Nodes that clients know by name, with the options with which they publish there.

use crate::pubsub::tests::square::ask;
use crate::pubsub::tests::square::form;
use crate::pubsub::tests::square::listen;
use crate::pubsub::tests::square::none;
use crate::pubsub::tests::square::one;
use crate::route::tests::house::House;

const ALICE: &str = "alice@house.example";

/// Who may read what is in a node: her other devices, those who see her presence, everybody.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Readers {
    Own,
    Contacts,
    All,
}

/// Fields of `<publish-options/>`, and what they are to be.
type Options = &'static [(&'static str, &'static str)];

const PRIVATE: Options = &[
    ("persist_items", "true"),
    ("max_items", "max"),
    ("send_last_published_item", "never"),
    ("access_model", "whitelist"),
];

const OPEN: Options = &[("persist_items", "true"), ("access_model", "open")];

const NODES: &[(&str, Options, Readers)] = &[
    // XEP-0490 section 3.1, XEP-0402 section 3.1, XEP-0223 section 3.
    ("urn:xmpp:mds:displayed:0", PRIVATE, Readers::Own),
    ("urn:xmpp:bookmarks:1", PRIVATE, Readers::Own),
    ("http://example.org/notes", PRIVATE, Readers::Own),
    // XEP-0172 section 4.3, XEP-0107, XEP-0118.
    ("http://jabber.org/protocol/nick", &[], Readers::Contacts),
    ("http://jabber.org/protocol/mood", &[], Readers::Contacts),
    ("http://jabber.org/protocol/tune", &[], Readers::Contacts),
    // XEP-0292 section 3, XEP-0084, XEP-0384 sections 5.3.1 and 5.3.2, and the form of it that is in use.
    ("urn:xmpp:vcard4", OPEN, Readers::All),
    ("urn:xmpp:avatar:data", OPEN, Readers::All),
    ("urn:xmpp:omemo:2:devices", OPEN, Readers::All),
    (
        "urn:xmpp:omemo:2:bundles",
        &[("access_model", "open"), ("max_items", "max")],
        Readers::All,
    ),
    (
        "eu.siacs.conversations.axolotl.devicelist",
        OPEN,
        Readers::All,
    ),
];

/// Alice has two devices, Bob sees her presence, Carol does not; all want to hear of the node.
fn house(node: &str) -> House {
    let mut house = House::with(&["alice", "bob", "carol"]);
    house.befriend("alice", "bob");
    for user in ["alice/one", "alice/two", "bob/one", "carol/one"] {
        house.log_in(user);
    }
    for user in ["alice/two", "bob/one", "carol/one"] {
        listen(&mut house, user, &[node]);
    }
    house
}

#[test]
fn each_node_is_read_and_heard_of_by_those_whom_it_is_for() {
    for (node, options, readers) in NODES {
        let mut house = house(node);
        let options = form("publish-options", options);
        for id in ["a@b.example", "b@b.example"] {
            let publish = format!(
                "<publish node='{node}'><item id='{id}'><x xmlns='u:{id}'/></item></publish>\
                 <publish-options>{options}</publish-options>"
            );
            let answer = ask(&mut house, "alice/one", "", "set", &publish);
            assert!(answer.contains("type='result'"), "{node}: {answer}");
        }
        one(&house.take("alice/two"), &["#event", "u:b@b.example"]);
        let heard = house.take("bob/one");
        if *readers == Readers::Own {
            none(&heard, &["#event"]);
        } else {
            one(&heard, &["#event", "u:b@b.example"]);
        }
        // XEP-0163 section 4.3: without a word from Carol's side of a subscription she is told nothing.
        none(&house.take("carol/one"), &["#event"]);
        let items = format!("<items node='{node}' max_items='1'/>");
        for (user, least) in [
            ("alice/two", Readers::Own),
            ("bob/one", Readers::Contacts),
            ("carol/one", Readers::All),
        ] {
            let read = ask(&mut house, user, ALICE, "get", &items);
            let is_read = read.contains("u:b@b.example");
            assert_eq!(is_read, *readers >= least, "{node} {user}: {read}");
        }
    }
}

#[test]
fn a_node_for_groups_of_the_roster_is_for_those_in_them() {
    let mut house = house("party");
    let group = "<iq type='set' id='r'><query xmlns='jabber:iq:roster'>\
                 <item jid='bob@house.example'><group>Friends</group></item></query></iq>";
    for (groups, is_let) in [("Family", false), ("Friends", true)] {
        house.send("alice/one", group);
        let fields = [
            ("access_model", "roster"),
            ("roster_groups_allowed", groups),
        ];
        let options = form("publish-options", &fields);
        let publish = format!(
            "<publish node='{groups}'><item id='i'><x xmlns='u:x'/></item></publish>\
             <publish-options>{options}</publish-options>"
        );
        house.take("alice/one");
        let answer = ask(&mut house, "alice/one", "", "set", &publish);
        assert!(answer.contains("type='result'"), "{answer}");

        let items = format!("<items node='{groups}'/>");
        let read = ask(&mut house, "bob/one", ALICE, "get", &items);
        let stranger = ask(&mut house, "carol/one", ALICE, "get", &items);

        assert_eq!(read.contains("u:x"), is_let, "{read}");
        assert_eq!(read.contains("<not-in-roster-group"), !is_let, "{read}");
        assert!(stranger.contains("<not-in-roster-group"), "{stranger}");
    }
}
