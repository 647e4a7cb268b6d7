//! Invitations: made, looked at, used once (XEP-0401, XEP-0445, XEP-0379).

use crate::account::command;
use crate::account::tests::office::Office;
use crate::account::tests::office::bare;
use crate::base::secret::Secret;
use crate::effect::invite;
use crate::effect::proposal::Stop;
use crate::effect::request::Command;
use crate::effect::settings::Invites;
use crate::effect::view::Facts;
use crate::effect::view::View;
use crate::model::contact::Inward;
use crate::model::contact::Outward;
use crate::model::invite::Invite;
use crate::stanza::Condition;

fn office(people: &[&str]) -> Office {
    let mut office = Office::with(people);
    office.settings.registration = false;
    office.settings.invites = Invites {
        may_register: true,
        by_anyone: true,
        valid_ms: 1_000,
        pages: Some("https://c.test/invite/".into()),
    };
    office
}

fn command(node: &str, more: &str, content: &str) -> String {
    format!(
        "<iq xmlns='jabber:client' type='set' id='1' to='test'>\
         <command xmlns='http://jabber.org/protocol/commands' node='urn:xmpp:invite#{node}' {more}>{content}</command></iq>"
    )
}

/// The word that an answer has.
fn word(answer: &str) -> String {
    let rest = answer
        .split("preauth=")
        .nth(1)
        .unwrap_or_else(|| panic!("{answer}"));
    rest.chars()
        .take_while(char::is_ascii_alphanumeric)
        .collect()
}

fn make(office: &mut Office, by: Option<&str>, name: Option<&str>) -> Result<String, Condition> {
    let token = "abcdef";
    let invite = Invite {
        by: by.map(bare),
        name: name.map(Into::into),
        may_register: true,
        expires: office.now.plus_ms(1_000),
    };
    let command = Command::Invite {
        token: Secret::from(token),
        invite,
    };
    perform(office, &command).map(|()| token.to_owned())
}

fn register(office: &mut Office, name: &str, token: Option<&str>) -> Result<(), Condition> {
    let command = Command::Register {
        jid: bare(name),
        password: Secret::from("secret"),
        token: token.map(Secret::from),
    };
    perform(office, &command)
}

fn check(office: &mut Office, token: &str) -> Result<(), Condition> {
    let command = Command::CheckInvite {
        token: Secret::from(token),
        registers: true,
    };
    perform(office, &command)
}

/// `conflict`: nothing is proposed, as where an account exists.
fn perform(office: &mut Office, asked: &Command) -> Result<(), Condition> {
    match office.evaluate(|view| command::evaluate(view, asked)) {
        Ok(proposal) => {
            let is_nothing =
                proposal.ops.is_empty() && !matches!(asked, Command::CheckInvite { .. });
            office.commit(&proposal);
            if is_nothing {
                Err(Condition::Conflict)
            } else {
                Ok(())
            }
        }
        Err(Stop::Refuse { error }) => Err(error.condition),
        Err(stop) => panic!("{stop:?}"),
    }
}

#[test]
fn a_user_gets_a_link_a_page_and_an_end() {
    let mut office = office(&["ann@test"]);
    office.log_in("ann@test/phone");

    let answer = office.ask("ann@test/phone", &command("invite", "", ""));

    let word = word(&answer);
    assert_eq!(word.len(), 32);
    assert!(
        answer.contains(&format!("xmpp:ann@test?roster;preauth={word};ibr=y")),
        "{answer}"
    );
    assert!(
        answer.contains(&format!("https://c.test/invite/{word}")),
        "{answer}"
    );
    assert!(
        answer.contains(&office.now.plus_ms(1_000).to_xep0082()),
        "{answer}"
    );
    assert!(answer.contains("status='completed'"), "{answer}");
}

#[test]
fn who_may_not_invite_is_shown_no_command_and_refused() {
    let mut office = office(&["ann@test"]);
    office.settings.invites.by_anyone = false;
    office.log_in("ann@test/phone");
    let list = "<iq xmlns='jabber:client' type='get' id='2' to='test'><query \
                xmlns='http://jabber.org/protocol/disco#items' node='http://jabber.org/protocol/commands'/></iq>";

    assert!(!office.ask("ann@test/phone", list).contains("<item"));
    assert!(
        office
            .ask("ann@test/phone", &command("invite", "", ""))
            .contains("<forbidden")
    );
    assert!(
        office
            .ask("ann@test/phone", &command("create-account", "", ""))
            .contains("<forbidden")
    );

    office.settings.invites.by_anyone = true;
    let listed = office.ask("ann@test/phone", list);
    assert!(
        listed.contains("urn:xmpp:invite#invite") && !listed.contains("#create-account"),
        "{listed}"
    );
}

#[test]
fn an_administrator_invites_under_a_name_that_nobody_else_gets() {
    let mut office = office(&[]);
    office.log_in("boss@test/desk");
    let begun = office.ask("boss@test/desk", &command("create-account", "", ""));
    assert!(begun.contains("var='username'"), "{begun}");
    let session = begun
        .split("sessionid='")
        .nth(1)
        .unwrap()
        .split('\'')
        .next()
        .unwrap();
    let form = "<x xmlns='jabber:x:data' type='submit'><field var='username'><value>Dora</value></field></x>";

    let done = office.ask(
        "boss@test/desk",
        &command(
            "create-account",
            &format!("sessionid='{session}' action='complete'"),
            form,
        ),
    );

    let word = word(&done);
    assert!(
        done.contains(&format!("xmpp:dora@test?register;preauth={word}")),
        "{done}"
    );
    office.settings.registration = true;
    assert_eq!(
        register(&mut office, "dora@test", None),
        Err(Condition::Conflict)
    );
    office.settings.registration = false;
    assert_eq!(
        register(&mut office, "emil@test", Some(&word)),
        Err(Condition::NotAllowed)
    );
    assert_eq!(register(&mut office, "dora@test", Some(&word)), Ok(()));
}

#[test]
fn it_is_good_once_and_makes_contacts() {
    let mut office = office(&["ann@test"]);
    let phone = office.log_in("ann@test/phone");
    office.ask(
        "ann@test/phone",
        "<iq xmlns='jabber:client' type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>",
    );
    let token = make(&mut office, Some("ann@test"), None).unwrap();
    assert_eq!(check(&mut office, &token), Ok(()));

    assert_eq!(register(&mut office, "dora@test", Some(&token)), Ok(()));

    for (own, other) in [("ann@test", "dora@test"), ("dora@test", "ann@test")] {
        let contact = office.account(own).contact(&bare(other)).unwrap();
        assert_eq!((contact.out, &contact.inward), (Outward::To, &Inward::From));
    }
    let pushed = office
        .inbox
        .iter()
        .any(|(to, text)| *to == phone && text.contains("jid='dora@test' subscription='both'"));
    assert!(pushed, "{:?}", office.inbox);
    assert_eq!(check(&mut office, &token), Err(Condition::ItemNotFound));
    assert_eq!(
        register(&mut office, "emil@test", Some(&token)),
        Err(Condition::NotAllowed)
    );
}

#[test]
fn its_time_is_looked_at_once() {
    let mut office = office(&[]);
    let token = make(&mut office, None, None).unwrap();
    assert_eq!(check(&mut office, &token), Ok(()));

    office.now = office.now.plus_ms(2_000);

    assert_eq!(check(&mut office, &token), Err(Condition::ItemNotFound));
    // Who was let go on before may.
    assert_eq!(register(&mut office, "dora@test", Some(&token)), Ok(()));
}

#[test]
fn a_board_alone_registers_nobody_with_it_either() {
    let mut office = office(&[]);
    let token = make(&mut office, None, None).unwrap();
    let facts = Facts {
        is_parted: true,
        ..Facts::default()
    };
    let view = View::new(&office.state, &office.settings, &facts);
    let asked = Command::Register {
        jid: bare("dora@test"),
        password: Secret::from("secret"),
        token: Some(Secret::from(&*token)),
    };
    let stop = command::evaluate(&view, &asked).unwrap_err();
    assert!(
        matches!(stop, Stop::Refuse { error } if error.condition == Condition::ResourceConstraint)
    );
}

#[test]
fn what_is_long_over_makes_room() {
    let mut office = office(&["ann@test"]);
    office.log_in("ann@test/phone");
    for _ in 0..20 {
        office.ask("ann@test/phone", &command("invite", "", ""));
    }
    assert!(
        office
            .ask("ann@test/phone", &command("invite", "", ""))
            .contains("<resource-constraint")
    );

    office.now = office.now.plus_ms(3_700_000);
    let answer = office.ask("ann@test/phone", &command("invite", "", ""));

    assert!(answer.contains("type='result'"), "{answer}");
    let facts = Facts::default();
    let view = View::new(&office.state, &office.settings, &facts);
    assert_eq!(invite::all(&view).unwrap().count(), 1);
}
