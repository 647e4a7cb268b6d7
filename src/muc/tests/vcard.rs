//! The card and the picture of a room (XEP-0486).

use crate::muc::tests::town::Town;
use crate::muc::tests::town::none;
use crate::muc::tests::town::one;

const PICTURE: &str = "<vCard xmlns='vcard-temp'><PHOTO><TYPE>image/png</TYPE>\
     <BINVAL>aGVs\n bG8=</BINVAL></PHOTO></vCard>";

/// Of the five bytes that the picture is.
const HASH: &str = "<value>aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d</value>";

fn card(kind: &str, card: &str) -> String {
    format!("<iq xmlns='jabber:client' type='{kind}' id='c' to='hall@rooms.test'>{card}</iq>")
}

const EMPTY: &str = "<vCard xmlns='vcard-temp'/>";

const INFO: &str = "<iq xmlns='jabber:client' type='get' id='i' to='hall@rooms.test'>\
     <query xmlns='http://jabber.org/protocol/disco#info'/></iq>";

#[test]
fn a_picture_that_the_owner_sets_is_told_and_found() {
    let mut town = Town::with(&["alice", "bob"]);
    town.open_hall("alice", "A");
    town.enter("bob", "B");
    town.clear();
    town.send("alice", &card("set", PICTURE));
    one(&town.inbox("alice"), &["type='result'", "id='c'"]);
    one(&town.inbox("bob"), &["type='groupchat'", "code='104'"]);
    town.send("bob", INFO);
    one(
        &town.inbox("bob"),
        &["muc#roominfo_avatarhash", HASH, "var='vcard-temp'"],
    );
    town.send("bob", &card("get", EMPTY));
    one(&town.inbox("bob"), &["type='result'", "image/png"]);
}

#[test]
fn an_empty_card_takes_the_picture_away() {
    let mut town = Town::with(&["alice", "bob"]);
    town.open_hall("alice", "A");
    town.send("alice", &card("set", PICTURE));
    town.send("alice", &card("set", EMPTY));
    town.send("bob", INFO);
    none(&town.inbox("bob"), &["avatarhash"]);
    town.send("bob", &card("get", EMPTY));
    none(&town.inbox("bob"), &["PHOTO"]);
}

#[test]
fn only_owners_set_the_card() {
    let mut town = Town::with(&["alice", "bob"]);
    town.open_hall("alice", "A");
    town.enter("bob", "B");
    town.clear();
    town.send("bob", &card("set", PICTURE));
    one(&town.inbox("bob"), &["type='error'", "<forbidden"]);
    none(&town.inbox("alice"), &["104"]);
}

#[test]
fn a_card_that_is_too_large_or_no_picture_is_refused() {
    let mut town = Town::with(&["alice"]);
    town.open_hall("alice", "A");
    let note = "x".repeat(40_000);
    let large = format!("<vCard xmlns='vcard-temp'><NOTE>{note}</NOTE></vCard>");
    town.send("alice", &card("set", &large));
    one(&town.inbox("alice"), &["<resource-constraint"]);
    let broken = PICTURE.replace("aGVs", "!!");
    town.send("alice", &card("set", &broken));
    one(&town.inbox("alice"), &["<bad-request"]);
}
