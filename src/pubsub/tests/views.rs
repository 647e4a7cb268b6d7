//! What older clients see of nodes: bookmarks in private storage, pictures in vCards.

use crate::pubsub::tests::square::ask;
use crate::pubsub::tests::square::form;
use crate::pubsub::tests::square::listen;
use crate::pubsub::tests::square::none;
use crate::pubsub::tests::square::one;
use crate::pubsub::tests::square::own;
use crate::route::tests::house::House;

const NODE: &str = "urn:xmpp:bookmarks:1";

fn storage(house: &mut House, kind: &str, inside: &str) -> String {
    house.send(
        "alice/one",
        &format!(
            "<iq type='{kind}' id='p'><query xmlns='jabber:iq:private'>\
             <storage xmlns='storage:bookmarks'>{inside}</storage></query></iq>"
        ),
    );
    one(&house.take("alice/one"), &["id='p'"])
}

fn home() -> House {
    let mut house = House::with(&["alice", "bob"]);
    house.befriend("alice", "bob");
    house.log_in("alice/one");
    house.log_in("bob/one");
    house
}

#[test]
fn a_room_bookmarked_in_one_form_is_there_in_the_other() {
    let mut house = home();
    let rooms = "<conference jid='den@rooms.x' name='Den' autojoin='1'><nick>A</nick></conference>\
        <url url='http://x/' name='page'/>";
    assert!(storage(&mut house, "set", rooms).contains("type='result'"));
    let items = ask(
        &mut house,
        "alice/one",
        "",
        "get",
        &format!("<items node='{NODE}'/>"),
    );
    assert!(items.contains("<item id='den@rooms.x'>"), "{items}");
    assert!(items.contains("name='Den' autojoin='true'><nick>A</nick>"));

    let publish = format!(
        "<publish node='{NODE}'><item id='hall@rooms.x'><conference xmlns='{NODE}' name='Hall'>\
         <extensions><x xmlns='u:e'/></extensions></conference></item></publish>"
    );
    ask(&mut house, "alice/one", "", "set", &publish);
    let read = storage(&mut house, "get", "");
    assert!(
        read.contains("jid='den@rooms.x'") && read.contains("jid='hall@rooms.x'"),
        "{read}"
    );
    assert!(read.contains("<url ") && !read.contains("u:e"));

    let rooms = "<conference jid='hall@rooms.x' name='Great hall'/>";
    storage(&mut house, "set", rooms);
    let items = ask(
        &mut house,
        "alice/one",
        "",
        "get",
        &format!("<items node='{NODE}'/>"),
    );
    assert!(!items.contains("den@") && items.contains("Great hall") && items.contains("u:e"));
    assert!(!storage(&mut house, "get", "").contains("<url "));
}

#[test]
fn a_published_picture_is_in_the_vcard_and_a_photo_is_published() {
    let mut house = home();
    let vcard = |house: &mut House, user: &str, kind: &str, to: &str, inside: &str| {
        let xml =
            format!("<iq type='{kind}' id='v'{to}><vCard xmlns='vcard-temp'>{inside}</vCard></iq>");
        house.send(user, &xml);
        one(&house.take(user), &["id='v'"])
    };
    // "hello", and its SHA-1.
    let hash = "aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d";
    let photo = "<FN>Al</FN><PHOTO><TYPE>image/png</TYPE><BINVAL>aGVs\nbG8=</BINVAL></PHOTO>";
    assert!(vcard(&mut house, "alice/one", "set", "", photo).contains("type='result'"));

    let picture = "<items node='urn:xmpp:avatar:data'/>";
    let picture = ask(&mut house, "bob/one", "alice@house.example", "get", picture);
    assert!(
        picture.contains(&format!("id='{hash}'")) && picture.contains(">aGVsbG8=<"),
        "{picture}"
    );
    let to = " to='alice@house.example'";
    let read = vcard(&mut house, "bob/one", "get", to, "");
    assert!(
        read.contains(">Al</FN>") && read.contains("<BINVAL>aGVsbG8=</BINVAL>"),
        "{read}"
    );
    house.send("alice/one", "<presence/>");
    one(&house.take("bob/one"), &[hash]);

    vcard(&mut house, "alice/one", "set", "", "<FN>Al</FN>");
    let read = vcard(&mut house, "bob/one", "get", to, "");
    assert!(read.contains(">Al</FN>") && !read.contains("PHOTO"));
    house.take("bob/one");
    house.send("alice/one", "<presence/>");
    none(&house.take("bob/one"), &[hash]);
}

#[test]
fn bookmarks_are_the_item_of_a_node_for_who_looks_there() {
    let mut house = home();
    house.log_in("alice/old");
    listen(&mut house, "alice/old", &["storage:bookmarks"]);
    let read = |house: &mut House| {
        let items = "<items node='storage:bookmarks'/>";
        ask(house, "alice/one", "", "get", items)
    };
    assert!(read(&mut house).contains("<item-not-found"));

    // What is published there goes into the node of each room.
    let options = form(
        "publish-options",
        &[("access_model", "whitelist"), ("persist_items", "true")],
    );
    let publish = |rooms: &str, options: &str| {
        format!(
            "<publish node='storage:bookmarks'><item id='current'><storage xmlns='storage:bookmarks'>\
             {rooms}</storage></item></publish><publish-options>{options}</publish-options>"
        )
    };
    let rooms = "<conference jid='den@rooms.x' autojoin='1'/><url url='http://x/' name='page'/>";
    let done = ask(
        &mut house,
        "alice/one",
        "",
        "set",
        &publish(rooms, &options),
    );
    assert!(done.contains("<publish node='storage:bookmarks'><item id='current'/>"));
    one(
        &house.take("alice/old"),
        &["#event", "jid='den@rooms.x'", "<url "],
    );
    let items = format!("<items node='{NODE}'/>");
    let items = ask(&mut house, "alice/one", "", "get", &items);
    assert!(items.contains("<item id='den@rooms.x'>") && !items.contains("url"));

    // And the other way round, with the notification that belongs to it.
    let inside = format!(
        "<publish node='{NODE}'><item id='hall@rooms.x'><conference xmlns='{NODE}' name='Hall'/>\
         </item></publish>"
    );
    ask(&mut house, "alice/one", "", "set", &inside);
    let told = one(
        &house.take("alice/old"),
        &["#event", "<items node='storage:bookmarks'>"],
    );
    assert!(told.contains("jid='den@rooms.x'") && told.contains("jid='hall@rooms.x'"));
    let inside = format!("<retract node='{NODE}'><item id='den@rooms.x'/></retract>");
    ask(&mut house, "alice/one", "", "set", &inside);
    let told = one(&house.take("alice/old"), &["#event", "<url "]);
    assert!(!told.contains("den@") && told.contains("hall@"));
    let all = read(&mut house);
    assert!(all.contains("<item id='current'><storage xmlns='storage:bookmarks'>"));
    assert!(all.contains("hall@") && all.contains("<url ") && !all.contains("den@"));

    // Who comes later hears of them, too.
    house.log_in("alice/new");
    listen(&mut house, "alice/new", &["storage:bookmarks"]);
    one(&house.take("alice/new"), &["#event", "hall@rooms.x"]);
}

#[test]
fn bookmarks_are_for_nobody_else_in_either_node() {
    let mut house = home();
    storage(&mut house, "set", "<conference jid='den@rooms.x'/>");
    let open = form("publish-options", &[("access_model", "open")]);
    let publish = format!(
        "<publish node='storage:bookmarks'><item><storage xmlns='storage:bookmarks'/></item></publish>\
         <publish-options>{open}</publish-options>"
    );
    let refused = ask(&mut house, "alice/one", "", "set", &publish);
    assert!(refused.contains("<precondition-not-met"), "{refused}");
    let alice = "alice@house.example";
    for node in [NODE, "storage:bookmarks"] {
        let items = format!("<items node='{node}'/>");
        let refused = ask(&mut house, "bob/one", alice, "get", &items);
        assert!(refused.contains("<closed-node"), "{refused}");
    }
    let delete = "<delete node='storage:bookmarks'/>";
    assert!(own(&mut house, "alice/one", "", "set", delete).contains("<not-allowed"));
    assert!(storage(&mut house, "get", "").contains("den@rooms.x"));
}

#[test]
fn how_a_chat_notifies_stays_with_its_bookmark() {
    // XEP-0492: a client that knows nothing of it edits the bookmark.
    let mut house = home();
    let notify = "<notify xmlns='urn:xmpp:notification-settings:1'><never/></notify>";
    let publish = format!(
        "<publish node='{NODE}'><item id='den@rooms.x'><conference xmlns='{NODE}'>\
         <extensions>{notify}</extensions></conference>\
         </item></publish>"
    );
    ask(&mut house, "alice/one", "", "set", &publish);
    storage(
        &mut house,
        "set",
        "<conference jid='den@rooms.x' name='Den'/>",
    );
    let items = format!("<items node='{NODE}'/>");
    let items = ask(&mut house, "alice/one", "", "get", &items);
    assert!(
        items.contains("name='Den'") && items.contains(notify),
        "{items}"
    );
}
