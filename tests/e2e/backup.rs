//! A backup of a running server, in another one: what no other format carries, too.

use crate::generator::board::Board;
use crate::generator::board::in_time;
use crate::generator::board::wait_until;
use crate::generator::client::Client;
use crate::generator::client::Ground;
use crate::generator::xml::Node;
use crate::mirror::arrive;

const ROOM: &str = "hall@rooms.localhost";
const SERVICE: &str = "pubsub.localhost";

async fn ask(client: &mut Client, (kind, to): (&str, &str), content: &str) -> Node {
    let iq = format!("<iq type='{kind}' id='q' to='{to}'>{content}</iq>");
    client.request("q", &iq).await.unwrap()
}

async fn set(client: &mut Client, to: &str, content: &str) {
    let answer = ask(client, ("set", to), content).await;
    assert_eq!(answer.attr("type"), Some("result"), "{answer:?}");
}

/// A room that stays, and a node of the service with an item and a subscriber.
async fn furnish(alice: &mut Client, bob: &mut Client) {
    let muc = "<x xmlns='http://jabber.org/protocol/muc'/>";
    alice.send(&format!("<presence to='{ROOM}/alice'>{muc}</presence>"));
    let field = |var: &str, value: &str| {
        format!("<field var='muc#roomconfig_{var}'><value>{value}</value></field>")
    };
    let form = format!(
        "<query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'>{}{}</x></query>",
        field("persistentroom", "1"),
        field("roomname", "The hall")
    );
    set(alice, ROOM, &form).await;
    let verbs =
        |verb: &str| format!("<pubsub xmlns='http://jabber.org/protocol/pubsub'>{verb}</pubsub>");
    set(alice, SERVICE, &verbs("<create node='news'/>")).await;
    let subscribe = "<subscribe node='news' jid='bob@localhost'/>";
    set(bob, SERVICE, &verbs(subscribe)).await;
    let item = "<publish node='news'><item id='a'><tea xmlns='urn:tea'/></item></publish>";
    set(alice, SERVICE, &verbs(item)).await;
}

#[test]
fn what_is_restored_has_rooms_and_nodes_of_the_service() {
    let (mut first, mut second) = (Board::new(), Board::new());
    first.start();
    wait_until("the board serves", || first.is("single"));
    first.add_user("alice");
    first.add_user("bob");
    let ground = Ground::new();
    in_time("a room and a node", async {
        let mut alice = arrive(&ground, &first, "alice").await;
        let mut bob = arrive(&ground, &first, "bob").await;
        furnish(&mut alice, &mut bob).await;
    });

    let file = second.folder.path().join("backup");
    first.run(&["backup", file.to_str().unwrap()]);
    first.kill();
    second.run(&["restore", file.to_str().unwrap()]);
    second.start();
    wait_until("the other board serves", || second.is("single"));

    in_time("all of it", async {
        let mut bob = arrive(&ground, &second, "bob").await;
        let info = "<query xmlns='http://jabber.org/protocol/disco#info'/>";
        let room = ask(&mut bob, ("get", ROOM), info).await;
        let identity = room.at(&["query", "identity"]).unwrap();
        assert_eq!(identity.attr("name"), Some("The hall"));
        let mut pubsub = async |verb: &str| {
            let content =
                format!("<pubsub xmlns='http://jabber.org/protocol/pubsub'>{verb}</pubsub>");
            ask(&mut bob, ("get", SERVICE), &content).await
        };
        let items = pubsub("<items node='news'/>").await;
        let item = items.at(&["pubsub", "items", "item"]).unwrap();
        assert_eq!(item.attr("id"), Some("a"), "{items:?}");
        assert!(item.child("tea").is_some(), "{items:?}");
        let mine = pubsub("<subscriptions/>").await;
        let subscription = mine.at(&["pubsub", "subscriptions", "subscription"]);
        assert_eq!(subscription.unwrap().attr("node"), Some("news"));
    });
}
