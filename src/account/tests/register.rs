//! In-band registration for those who are logged in (XEP-0077).

use crate::account::tests::office::Office;

fn register(kind: &str, content: &str) -> String {
    format!(
        "<iq xmlns='jabber:client' type='{kind}' id='1' to='test'>\
         <query xmlns='jabber:iq:register'>{content}</query></iq>"
    )
}

#[test]
fn who_is_registered_is_told_so() {
    let mut office = Office::with(&["ann@test"]);
    office.log_in("ann@test/phone");

    let answer = office.ask("ann@test/phone", &register("get", ""));

    assert!(answer.contains("<registered/>"), "{answer}");
    assert!(answer.contains("<username>ann</username>"), "{answer}");
}

#[test]
fn a_new_password_ends_the_other_sessions() {
    let mut office = Office::with(&["ann@test"]);
    office.log_in("ann@test/phone");
    let desk = office.log_in("ann@test/desk");
    let content = "<username>Ann</username><password>new</password>";

    let answer = office.ask("ann@test/phone", &register("set", content));

    assert!(answer.contains("type='result'"), "{answer}");
    assert_eq!(office.passwords.last().unwrap().expose_str(), Some("new"));
    assert_eq!(office.ended, [desk]);
}

#[test]
fn nobody_changes_what_is_not_theirs_or_no_password() {
    let mut office = Office::with(&["ann@test", "ben@test"]);
    office.log_in("ann@test/phone");
    for (content, error) in [
        (
            "<username>ben</username><password>new</password>",
            "not-allowed",
        ),
        ("<username>ann</username><password/>", "not-acceptable"),
        ("<username>ann</username>", "bad-request"),
        ("<remove/><username>ann</username>", "bad-request"),
    ] {
        let answer = office.ask("ann@test/phone", &register("set", content));
        assert!(answer.contains(&format!("<{error} ")), "{answer}");
    }
    assert!(office.ended.is_empty());
}

#[test]
fn a_removed_account_is_gone_with_its_sessions() {
    let mut office = Office::with(&["ann@test"]);
    let phone = office.log_in("ann@test/phone");

    let answer = office.ask("ann@test/phone", &register("set", "<remove/>"));

    assert!(answer.contains("type='result'"), "{answer}");
    assert!(!office.account("ann@test").exists());
    assert_eq!(office.ended, [phone]);
}
