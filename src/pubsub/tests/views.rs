//! What older clients see of nodes: bookmarks in private storage, pictures in vCards.

use crate::pubsub::tests::square::ask;
use crate::pubsub::tests::square::none;
use crate::pubsub::tests::square::one;
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
