//! Reports of abuse (XEP-0377): blocked, kept, told, cleared.

use crate::account::tests::office::Office;
use crate::account::tests::office::bare;
use crate::base::jid::Jid;
use crate::base::report_limits::REPORTS_MAX;
use crate::base::report_limits::REPORTS_PER_USER_MAX;
use crate::effect::view::Facts;
use crate::effect::view::View;
use crate::model::abuse::AbuseReport;
use crate::model::abuse::reports;

const SPAM: &str = "<report xmlns='urn:xmpp:reporting:1' reason='urn:xmpp:reporting:spam'>\
                    <text xml:lang='en'>Buy nothing</text>\
                    <stanza-id xmlns='urn:xmpp:sid:0' by='ann@test' id='17'/></report>";

fn block(jid: &str, report: &str) -> String {
    format!(
        "<iq xmlns='jabber:client' type='set' id='1'><block xmlns='urn:xmpp:blocking'>\
         <item jid='{jid}'>{report}</item></block></iq>"
    )
}

fn kept(office: &Office) -> Vec<AbuseReport> {
    let rows = office.state.node.as_ref().unwrap();
    reports(rows).cloned().collect()
}

fn execute(office: &mut Office, node: &str, more: &str) -> String {
    let command = format!(
        "<iq xmlns='jabber:client' type='set' id='1' to='test'>\
         <command xmlns='http://jabber.org/protocol/commands' node='meerkat:reports#{node}'{more}</iq>"
    );
    office.ask("boss@test/desk", &command)
}

/// An office where `ann@test` is online, and as many others as are named.
fn office(online: &[&str]) -> Office {
    let mut office = Office::with(&["ann@test"]);
    for name in online.iter().chain(&["ann@test/phone"]) {
        office.log_in(name);
    }
    office
}

#[test]
fn who_is_reported_is_blocked_and_the_report_is_kept() {
    let mut office = office(&[]);

    let answer = office.ask("ann@test/phone", &block("spammer@test", SPAM));

    assert!(answer.contains("type='result'"), "{answer}");
    let blocked: Vec<&Jid> = office.account("ann@test").blocked().collect();
    assert_eq!(blocked, [&Jid::parse("spammer@test").unwrap()]);
    let expected = AbuseReport {
        by: bare("ann@test"),
        about: Jid::parse("spammer@test").unwrap(),
        at: office.now,
        reason: "urn:xmpp:reporting:spam".into(),
        text: "Buy nothing".into(),
        messages: vec![("ann@test".into(), "17".into())],
    };
    assert_eq!(kept(&office), [expected]);
}

#[test]
fn an_administrator_who_is_there_hears_of_a_report_and_nobody_else() {
    let mut office = office(&["boss@test/desk"]);

    office.ask("ann@test/phone", &block("spammer@test", SPAM));

    let [(_, told)] = office.inbox.as_slice() else {
        panic!("{:?}", office.inbox)
    };
    let expected = "ann@test reports spammer@test for spam: Buy nothing";
    assert!(told.contains(expected), "{told}");
}

#[test]
fn an_administrator_who_logs_in_is_told_that_there_are_reports() {
    let mut office = office(&[]);
    office.ask("ann@test/phone", &block("spammer@test", SPAM));
    let facts = Facts::default();
    let greetings = |office: &Office, name: &str| {
        let view = View::new(&office.state, &office.settings, &facts);
        let told = crate::account::notice::greetings(&view, &bare(name)).unwrap();
        told.len()
    };

    assert_eq!(greetings(&office, "boss@test"), 1);
    assert_eq!(greetings(&office, "ann@test"), 0);
}

#[test]
fn an_administrator_reads_reports_and_clears_those_that_were_shown() {
    let mut office = office(&["boss@test/desk"]);
    office.ask("ann@test/phone", &block("spammer@test", SPAM));
    office.ask("ann@test/phone", &block("other@test", SPAM));

    let listed = execute(&mut office, "list", "/>");
    for word in [
        "<value>spammer@test</value>",
        "<value>17 ann@test</value>",
        "Buy nothing",
    ] {
        assert!(listed.contains(word), "{listed}");
    }
    let asked = execute(&mut office, "clear", "/>");
    let session = asked.split("sessionid='").nth(1).unwrap();
    let session = session.split('\'').next().unwrap().to_owned();
    let value = format!("{:x} ann@test other@test", office.now.unix_ms());
    assert!(
        asked.contains(&format!("<value>{value}</value>")),
        "{asked}"
    );
    // Meanwhile the same is reported again.
    office.now = office.now.plus_ms(1);
    office.ask("ann@test/phone", &block("spammer@test", SPAM));
    let old = format!(
        "{:x} ann@test spammer@test",
        office.now.minus_ms(1).unix_ms()
    );
    let more = format!(
        " sessionid='{session}'><x xmlns='jabber:x:data' type='submit'><field var='reports'>\
         <value>{value}</value><value>{old}</value></field></x></command>"
    );
    execute(&mut office, "clear", &more);

    let left: Vec<String> = kept(&office)
        .iter()
        .map(|report| report.about.to_string())
        .collect();
    assert_eq!(left, ["spammer@test"]);
}

#[test]
fn reports_are_not_for_others() {
    let mut office = office(&[]);
    let list = "<iq xmlns='jabber:client' type='set' id='1' to='test'><command \
                xmlns='http://jabber.org/protocol/commands' node='meerkat:reports#list'/></iq>";

    let answer = office.ask("ann@test/phone", list);

    assert!(answer.contains("<forbidden"), "{answer}");
}

#[test]
fn a_report_without_a_reason_blocks_nobody() {
    let mut office = office(&[]);

    let report = "<report xmlns='urn:xmpp:reporting:1'/>";
    let answer = office.ask("ann@test/phone", &block("spammer@test", report));

    assert!(answer.contains("<bad-request"), "{answer}");
    assert_eq!(office.account("ann@test").blocked().count(), 0);
    assert_eq!(kept(&office), []);
}

#[test]
fn long_texts_are_cut_and_long_names_are_refused() {
    let mut office = office(&[]);
    let text = "\u{e4}".repeat(600);
    let report =
        format!("<report xmlns='urn:xmpp:reporting:1' reason='r'><text>x{text}</text></report>");
    office.ask("ann@test/phone", &block("spammer@test", &report));
    let name = "r".repeat(257);
    let report = format!("<report xmlns='urn:xmpp:reporting:1' reason='{name}'/>");
    let answer = office.ask("ann@test/phone", &block("other@test", &report));

    assert_eq!(kept(&office)[0].text.len(), 1_023);
    assert!(answer.contains("<not-acceptable"), "{answer}");
}

/// Nobody makes the server forget what others have reported.
#[test]
fn of_one_user_and_of_all_the_oldest_reports_are_forgotten() {
    let people: Vec<String> = (0..11).map(|number| format!("user{number}@test")).collect();
    let people: Vec<&str> = people.iter().map(String::as_str).collect();
    let mut office = Office::with(&people);
    let reports_of = |office: &Office, name: &str| {
        let all = kept(office);
        let own = all.iter().filter(|report| report.by.as_str() == name);
        own.map(|report| report.about.to_string())
            .collect::<Vec<_>>()
    };
    for name in &people {
        office.log_in(&format!("{name}/phone"));
        for number in 0..=REPORTS_PER_USER_MAX {
            office.now = office.now.plus_ms(1);
            let report = block(&format!("spam{number}@test"), SPAM);
            office.ask(&format!("{name}/phone"), &report);
        }
    }

    assert_eq!(kept(&office).len(), REPORTS_MAX);
    let newest = reports_of(&office, "user10@test");
    assert_eq!(newest.len(), REPORTS_PER_USER_MAX);
    assert!(!newest.contains(&"spam0@test".to_owned()), "{newest:?}");
    assert_eq!(reports_of(&office, "user0@test"), Vec::<String>::new());
}
