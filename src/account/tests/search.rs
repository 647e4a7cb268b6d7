//! User search (XEP-0055): only where it is wanted, by form and by fields.

use crate::account::tests::office::Office;

const FIELDS: &str = "<query xmlns='jabber:iq:search'><nick>ANN*</nick></query>";

fn iq(kind: &str, query: &str) -> String {
    format!("<iq xmlns='jabber:client' type='{kind}' id='1' to='test'>{query}</iq>")
}

fn filled(var: &str, value: &str) -> String {
    format!(
        "<query xmlns='jabber:iq:search'><x xmlns='jabber:x:data' type='submit'><field var='{var}'>\
         <value>{value}</value></field></x></query>"
    )
}

/// `ann@test` and `bob@test` have accounts, and ann has a vCard.
fn office() -> Office {
    let mut office = Office::with(&["ann@test", "bob@test"]);
    office.settings.finds_people = true;
    office.log_in("ann@test/phone");
    office.log_in("bob@test/phone");
    let card = "<iq xmlns='jabber:client' type='set' id='1'><vCard xmlns='vcard-temp'>\
                <N><GIVEN>Ann</GIVEN><FAMILY>Example</FAMILY></N></vCard></iq>";
    office.ask("ann@test/phone", card);
    office
}

#[test]
fn who_looks_for_somebody_is_told_what_can_be_filled_in() {
    let mut office = office();
    let answer = office.ask(
        "bob@test/phone",
        &iq("get", "<query xmlns='jabber:iq:search'/>"),
    );
    for part in ["<nick/>", "<email/>", "var='first'", "<instructions>"] {
        assert!(answer.contains(part), "{answer}");
    }
}

#[test]
fn people_are_found_by_fields_and_by_forms_and_told_in_the_same_manner() {
    let mut office = office();

    let items = office.ask("bob@test/phone", &iq("set", FIELDS));
    let table = office.ask("bob@test/phone", &iq("set", &filled("last", "example")));
    let nobody = office.ask("bob@test/phone", &iq("set", &filled("last", "other")));

    let item = "<item jid='ann@test'><first>Ann</first><last>Example</last>";
    assert!(items.contains(item), "{items}");
    let item = "<item><field var='jid'><value>ann@test</value></field>";
    assert!(
        table.contains("<reported>") && table.contains(item),
        "{table}"
    );
    assert!(
        nobody.contains("type='result'") && !nobody.contains("<item"),
        "{nobody}"
    );
}

#[test]
fn nobody_is_shown_everybody_or_looks_for_a_novel() {
    let mut office = office();
    for text in ["", "*"] {
        let answer = office.ask("bob@test/phone", &iq("set", &filled("nick", text)));
        assert!(answer.contains("type='result'"), "{answer}");
        assert!(!answer.contains("<item"), "{answer}");
    }
    let novel = filled("nick", &"x".repeat(257));
    let answer = office.ask("bob@test/phone", &iq("set", &novel));
    assert!(answer.contains("<not-acceptable"), "{answer}");
}

#[test]
fn where_the_settings_do_not_allow_it_there_is_no_search() {
    let mut office = office();
    office.settings.finds_people = false;
    let disco = "<query xmlns='http://jabber.org/protocol/disco#info'/>";

    let answer = office.ask("bob@test/phone", &iq("set", FIELDS));
    let features = office.ask("bob@test/phone", &iq("get", disco));

    assert!(answer.contains("<service-unavailable"), "{answer}");
    assert!(!features.contains("jabber:iq:search"), "{features}");
}
