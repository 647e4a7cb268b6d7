//! Looking for rooms (XEP-0433).

use crate::muc::tests::town::Town;
use crate::muc::tests::town::none;
use crate::muc::tests::town::one;

fn search(fields: &[(&str, &str)], page: &str) -> String {
    let field = |(name, value): &(&str, &str)| {
        format!("<field var='{name}'><value>{value}</value></field>")
    };
    let fields: Vec<String> = fields.iter().map(field).collect();
    let fields = fields.concat();
    format!(
        "<iq xmlns='jabber:client' type='get' id='s' to='rooms.test'>\
         <search xmlns='urn:xmpp:channel-search:0:search'>{page}\
         <x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'>\
         <value>urn:xmpp:channel-search:0:search-params</value></field>{fields}</x></search></iq>"
    )
}

/// The hall has the name "Pale Ale" and two people in it, the yard one.
fn town() -> Town {
    let mut town = Town::with(&["alice", "bob"]);
    town.open_hall("alice", "A");
    town.configure(
        "alice",
        &[("roomname", "Pale Ale"), ("roomdesc", "for brewers")],
    );
    town.enter("bob", "B");
    town.send(
        "bob",
        "<presence xmlns='jabber:client' to='yard@rooms.test/B'>\
         <x xmlns='http://jabber.org/protocol/muc'/></presence>",
    );
    town.send(
        "bob",
        "<iq xmlns='jabber:client' type='set' id='open' to='yard@rooms.test'>\
         <query xmlns='http://jabber.org/protocol/muc#owner'>\
         <x xmlns='jabber:x:data' type='submit'/></query></iq>",
    );
    town.clear();
    town
}

#[test]
fn a_room_is_found_by_words_in_its_texts_whatever_their_case() {
    let mut town = town();
    for words in ["pale", "ALE brew", "hall@rooms"] {
        town.send("bob", &search(&[("q", words)], ""));
        let inbox = town.inbox("bob");
        let found = one(&inbox, &["type='result'", "<name>Pale Ale</name>"]);
        assert!(found.contains("address='hall@rooms.test'"), "{found}");
        assert!(found.contains("<nusers>2</nusers>"), "{found}");
        assert!(found.contains("<is-open>true</is-open>"), "{found}");
        assert!(!found.contains("yard"), "{found}");
    }
    town.send("bob", &search(&[("q", "pale lager")], ""));
    none(&town.inbox("bob"), &["<item"]);
    town.send("bob", &search(&[("q", "pale"), ("sinname", "0")], ""));
    none(&town.inbox("bob"), &["<item"]);
}

#[test]
fn rooms_come_in_the_order_that_is_asked_for_page_by_page() {
    let mut town = town();
    let rsm = |inner: &str| {
        format!("<set xmlns='http://jabber.org/protocol/rsm'><max>1</max>{inner}</set>")
    };
    let by_address = ("key", "{urn:xmpp:channel-search:0:order}address");
    town.send("alice", &search(&[("all", "1"), by_address], &rsm("")));
    one(&town.inbox("alice"), &["hall@", "<count>2</count>"]);
    let next = rsm("<after>hall@rooms.test</after>");
    town.send("alice", &search(&[("all", "1"), by_address], &next));
    let inbox = town.inbox("alice");
    assert!(!one(&inbox, &["yard@"]).contains("address='hall"));
    let by_occupants = ("key", "{urn:xmpp:channel-search:0:order}nusers");
    town.send("alice", &search(&[("all", "1"), by_occupants], ""));
    let inbox = town.inbox("alice");
    let all = one(&inbox, &["hall@", "yard@"]);
    assert!(all.find("address='hall") < all.find("address='yard"));
    let beyond = rsm("<after>none@rooms.test</after>");
    town.send("alice", &search(&[("all", "1")], &beyond));
    one(&town.inbox("alice"), &["<item-not-found"]);
}

#[test]
fn hidden_and_locked_rooms_are_not_found() {
    let mut town = town();
    town.configure("alice", &[("publicroom", "0")]);
    town.send("bob", &search(&[("all", "1")], ""));
    let inbox = town.inbox("bob");
    assert!(!one(&inbox, &["yard@"]).contains("hall@"));
}

#[test]
fn what_cannot_be_looked_for_is_refused_and_says_why() {
    let mut town = town();
    let mut refused = |fields: &[(&str, &str)], condition: &str, why: &str| {
        town.send("bob", &search(fields, ""));
        one(&town.inbox("bob"), &["type='error'", condition, why]);
    };
    let both = [("q", "a"), ("all", "1")];
    refused(&both, "<bad-request", "<conflicting-fields");
    refused(&[], "type='cancel'", "<no-search-conditions");
    refused(&[("q", "  ")], "type='modify'", "<invalid-search-terms");
    let strange = [("q", "a"), ("key", "x")];
    refused(&strange, "<feature-not-implemented", "<invalid-sort-key");
}

#[test]
fn the_form_says_what_may_be_asked() {
    let mut town = town();
    town.send(
        "bob",
        "<iq xmlns='jabber:client' type='get' id='f' to='rooms.test'>\
         <search xmlns='urn:xmpp:channel-search:0:search'/></iq>",
    );
    one(
        &town.inbox("bob"),
        &[
            "var='q'",
            "var='all'",
            "var='sinaddress'",
            "var='types'",
            "var='key'",
        ],
    );
}
