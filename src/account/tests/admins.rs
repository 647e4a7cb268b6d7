//! The list of administrators, edited by one of them (XEP-0133 section 4.29).

use crate::account::command;
use crate::account::tests::office::Office;
use crate::account::tests::office::bare;

const NODE: &str = "http://jabber.org/protocol/admin#edit-admin";

/// `boss@test` is named in the settings; `ada@test` administers by the account's row.
fn office(named: &[&str]) -> Office {
    let mut office = Office::with(&["ada@test", "ann@test"]);
    office.settings.admins = named.iter().map(|name| bare(name)).collect();
    let grant = office.evaluate(|view| command::set_admin(view, &bare("ada@test"), true));
    office.commit(&grant.unwrap());
    office.log_in("ada@test/desk");
    office.log_in("ann@test/phone");
    office
}

fn begin(office: &mut Office, name: &str) -> String {
    office.ask(
        name,
        &format!(
            "<iq xmlns='jabber:client' type='set' id='1' to='test'>\
             <command xmlns='http://jabber.org/protocol/commands' node='{NODE}'/></iq>"
        ),
    )
}

fn submit(office: &mut Office, admins: &[&str]) -> String {
    let begun = begin(office, "ada@test/desk");
    let session = begun.split("sessionid='").nth(1).unwrap();
    let session = session.split('\'').next().unwrap();
    let values = admins.iter().map(|jid| format!("<value>{jid}</value>"));
    let values: String = values.collect();
    let xml = format!(
        "<iq xmlns='jabber:client' type='set' id='1' to='test'>\
         <command xmlns='http://jabber.org/protocol/commands' node='{NODE}' sessionid='{session}'>\
         <x xmlns='jabber:x:data' type='submit'><field var='adminjids'>{values}</field></x>\
         </command></iq>"
    );
    office.ask("ada@test/desk", &xml)
}

fn administers(office: &Office, name: &str) -> bool {
    office.account(name).row().unwrap().administers()
}

#[test]
fn the_form_lists_all_and_says_who_stands_in_the_settings() {
    let mut office = office(&["boss@test"]);

    let form = begin(&mut office, "ada@test/desk");

    let list = "<value>ada@test</value><value>boss@test</value>";
    assert!(form.contains("var='adminjids' type='jid-multi'"), "{form}");
    assert!(form.contains(list), "{form}");
    assert!(form.contains("taken away only there: boss@test"), "{form}");
    assert!(begin(&mut office, "ann@test/phone").contains("<forbidden"));
}

#[test]
fn rights_are_given_and_taken_and_work_at_once() {
    let mut office = office(&[]);

    let given = submit(&mut office, &["ada@test", "ann@test"]);
    let shown = begin(&mut office, "ann@test/phone");
    let taken = submit(&mut office, &["ada@test"]);

    assert!(given.contains("status='completed'"), "{given}");
    assert!(!given.contains("<note"), "{given}");
    assert!(shown.contains("<value>ann@test</value>"), "{shown}");
    assert!(taken.contains("status='completed'"), "{taken}");
    assert!(!administers(&office, "ann@test"));
    assert!(begin(&mut office, "ann@test/phone").contains("<forbidden"));
}

#[test]
fn who_is_named_in_the_settings_stays_and_nothing_else_is_done() {
    let mut office = office(&["boss@test"]);

    let answer = submit(&mut office, &["ada@test", "ann@test"]);

    assert!(answer.contains("<not-allowed"), "{answer}");
    assert!(
        answer.contains("boss@test is named in the settings"),
        "{answer}"
    );
    assert!(!administers(&office, "ann@test"));
}

#[test]
fn the_last_administrator_cannot_leave() {
    let mut office = office(&[]);

    let alone = submit(&mut office, &[]);
    let disabled = office.evaluate(|view| command::set_enabled(view, &bare("boss@test"), false));
    office.commit(&disabled.unwrap());
    let to_nobody = submit(&mut office, &["boss@test"]);
    let to_somebody = submit(&mut office, &["ann@test"]);

    for answer in [alone, to_nobody] {
        assert!(answer.contains("<not-allowed"), "{answer}");
        assert!(answer.contains("nobody else"), "{answer}");
    }
    assert!(to_somebody.contains("status='completed'"), "{to_somebody}");
    assert!(administers(&office, "ann@test") && !administers(&office, "ada@test"));
}

#[test]
fn who_has_no_account_cannot_administer() {
    let mut office = office(&[]);
    for nobody in ["eve@test", "ann@elsewhere", "test", "ann@test@test"] {
        let answer = submit(&mut office, &["ada@test", nobody]);
        assert!(answer.contains("<note type='error'>"), "{answer}");
    }
}

#[test]
fn who_was_deleted_is_not_in_the_list() {
    let mut office = office(&["boss@test"]);
    submit(&mut office, &["ada@test", "ann@test", "boss@test"]);
    let gone = office
        .evaluate(|view| command::delete(view, &bare("ann@test"), crate::model::op::Kicked::All));
    office.commit(&gone.unwrap());

    let form = begin(&mut office, "ada@test/desk");

    assert!(!form.contains("ann@test"), "{form}");
}
