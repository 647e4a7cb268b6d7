//! Ad-hoc commands (XEP-0050) and service administration (XEP-0133).

use crate::account::tests::office::Office;
use crate::model::account::AccountState;
use crate::model::op::Halt;

const ADMIN: &str = "http://jabber.org/protocol/admin";

/// An office with `boss@test/desk` online.
fn office(people: &[&str]) -> Office {
    let mut office = Office::with(people);
    office.log_in("boss@test/desk");
    office
}

fn command(attributes: &str, content: &str) -> String {
    format!(
        "<iq xmlns='jabber:client' type='set' id='1' to='test'>\
         <command xmlns='http://jabber.org/protocol/commands' {attributes}>{content}</command></iq>"
    )
}

fn execute(office: &mut Office, task: &str) -> String {
    office.ask(
        "boss@test/desk",
        &command(&format!("node='{ADMIN}#{task}'"), ""),
    )
}

fn session_of(answer: &str) -> String {
    let rest = answer.split("sessionid='").nth(1).unwrap();
    rest.split('\'').next().unwrap().to_owned()
}

fn form(fields: &[(&str, &str)]) -> String {
    let field = |(var, value)| format!("<field var='{var}'><value>{value}</value></field>");
    let fields: Vec<String> = fields.iter().copied().map(field).collect();
    format!(
        "<x xmlns='jabber:x:data' type='submit'>{}</x>",
        fields.concat()
    )
}

/// Begins the task and fills in its form.
fn complete(office: &mut Office, task: &str, fields: &[(&str, &str)]) -> String {
    let session = session_of(&execute(office, task));
    let attributes = format!("node='{ADMIN}#{task}' sessionid='{session}' action='complete'");
    office.ask("boss@test/desk", &command(&attributes, &form(fields)))
}

#[test]
fn only_administrators_may_use_commands() {
    let mut office = office(&["ann@test"]);
    office.log_in("ann@test/phone");

    let attributes = format!("node='{ADMIN}#add-user'");
    let answer = office.ask("ann@test/phone", &command(&attributes, ""));
    let items = "<iq xmlns='jabber:client' type='get' id='2'><query \
                 xmlns='http://jabber.org/protocol/disco#items' \
                 node='http://jabber.org/protocol/commands'/></iq>";
    let listed = office.ask("ann@test/phone", items);

    assert!(answer.contains("<forbidden"), "{answer}");
    assert!(!listed.contains("<item"), "{listed}");
}

#[test]
fn an_administrator_finds_the_commands_and_what_they_are() {
    let mut office = office(&[]);
    let disco = |what: &str, node: &str| {
        format!(
            "<iq xmlns='jabber:client' type='get' id='2' to='boss@test'><query \
             xmlns='http://jabber.org/protocol/disco#{what}' node='{node}'/></iq>"
        )
    };

    let items = office.ask(
        "boss@test/desk",
        &disco("items", "http://jabber.org/protocol/commands"),
    );
    let info = office.ask(
        "boss@test/desk",
        &disco("info", &format!("{ADMIN}#add-user")),
    );

    assert!(items.contains("jid='boss@test' node='http://jabber.org/protocol/admin#add-user'"));
    assert!(!items.contains("get-user-password"), "it cannot be told");
    assert!(
        info.contains("category='automation' type='command-node'"),
        "{info}"
    );
}

#[test]
fn a_command_that_is_not_there_is_not_found() {
    let mut office = office(&[]);
    let answer = execute(&mut office, "get-user-password");
    assert!(answer.contains("<item-not-found"), "{answer}");
}

#[test]
fn the_first_step_asks_and_the_second_one_does() {
    let mut office = office(&[]);

    let asked = execute(&mut office, "add-user");
    let fields = [
        ("accountjid", "eve@test"),
        ("password", "p"),
        ("password-verify", "p"),
    ];
    let done = complete(&mut office, "add-user", &fields);

    assert!(asked.contains("status='executing'"), "{asked}");
    assert!(asked.contains("<actions execute='complete'><complete/></actions>"));
    assert!(
        done.contains("status='completed'") && !done.contains("<note"),
        "{done}"
    );
    assert!(office.account("eve@test").exists());
    assert_eq!(office.passwords.last().unwrap().expose_str(), Some("p"));
}

#[test]
fn what_is_wrong_with_a_form_is_told_and_nothing_is_done() {
    let mut office = office(&["ann@test"]);
    for (jid, password, again) in [
        ("eve@test", "p", "q"),
        ("eve@test", "", ""),
        ("eve@elsewhere", "p", "p"),
        ("eve@test@test", "p", "p"),
        ("test", "p", "p"),
    ] {
        let fields = [
            ("accountjid", jid),
            ("password", password),
            ("password-verify", again),
        ];
        let answer = complete(&mut office, "add-user", &fields);
        assert!(answer.contains("<note type='error'>"), "{answer}");
    }
    let fields = [
        ("accountjid", "ann@test"),
        ("password", "p"),
        ("password-verify", "p"),
    ];
    let taken = complete(&mut office, "add-user", &fields);
    assert!(taken.contains("<conflict"), "{taken}");
    assert!(!office.account("eve@test").exists());
}

#[test]
fn a_session_is_of_one_command_of_one_administrator_and_of_this_server() {
    let mut office = office(&[]);
    office.log_in("boss@test/lap");
    let session = session_of(&execute(&mut office, "add-user"));
    let (head, tail) = session.split_at(session.len() - 1);
    let forged = format!("{head}{}", if tail == "0" { '1' } else { '0' });

    for (who, node, id) in [
        ("boss@test/desk", "delete-user", session.as_str()),
        ("boss@test/lap", "add-user", &session),
        ("boss@test/desk", "add-user", &forged),
        ("boss@test/desk", "add-user", "1"),
    ] {
        let attributes = format!("node='{ADMIN}#{node}' sessionid='{id}'");
        let answer = office.ask(who, &command(&attributes, &form(&[])));
        assert!(answer.contains("<bad-sessionid"), "{answer}");
    }
}

#[test]
fn a_session_is_over_after_its_time() {
    let mut office = office(&[]);
    let session = session_of(&execute(&mut office, "add-user"));
    office.now = office.now.plus_ms(900_001);

    let attributes = format!("node='{ADMIN}#add-user' sessionid='{session}'");
    let answer = office.ask("boss@test/desk", &command(&attributes, &form(&[])));

    assert!(answer.contains("<not-allowed"), "{answer}");
    assert!(answer.contains("<session-expired"), "{answer}");
}

#[test]
fn actions_are_refused_where_there_is_nothing_to_go_to() {
    let mut office = office(&[]);
    let session = session_of(&execute(&mut office, "add-user"));
    let ours = format!("node='{ADMIN}#add-user' sessionid='{session}'");
    let fresh = format!("node='{ADMIN}#add-user'");
    for (attributes, content, error) in [
        (format!("{ours} action='next'"), form(&[]), "bad-action"),
        (format!("{ours} action='prev'"), form(&[]), "bad-action"),
        (
            format!("{ours} action='fly'"),
            form(&[]),
            "malformed-action",
        ),
        (
            format!("{ours} action='complete'"),
            String::new(),
            "bad-payload",
        ),
        (
            format!("{fresh} action='complete'"),
            form(&[]),
            "bad-action",
        ),
        (
            format!("{fresh} action='cancel'"),
            String::new(),
            "bad-action",
        ),
    ] {
        let answer = office.ask("boss@test/desk", &command(&attributes, &content));
        let condition = format!("<{error} xmlns='http://jabber.org/protocol/commands'");
        assert!(answer.contains(&condition), "{attributes}: {answer}");
    }
    let answer = office.ask(
        "boss@test/desk",
        &command(&format!("{ours} action='cancel'"), ""),
    );
    assert!(answer.contains("status='canceled'"), "{answer}");
}

#[test]
fn disabling_ends_sessions_and_keeps_the_account() {
    let mut office = office(&["ann@test"]);
    let session = office.log_in("ann@test/phone");

    complete(&mut office, "disable-user", &[("accountjids", "ann@test")]);
    let state = |office: &Office| office.account("ann@test").row().unwrap().state;
    let disabled = state(&office);
    complete(&mut office, "reenable-user", &[("accountjids", "ann@test")]);

    assert_eq!(disabled, AccountState::Disabled);
    assert_eq!(state(&office), AccountState::Enabled);
    assert_eq!(office.ended, [session]);
}

#[test]
fn several_accounts_are_deleted_together_or_not_at_all() {
    let mut office = office(&["ann@test", "ben@test"]);
    let two = "ann@test</value><value>ben@test/phone";
    let missing = "ann@test</value><value>eve@test";

    let failed = complete(&mut office, "delete-user", &[("accountjids", missing)]);
    assert!(failed.contains("<note type='error'>"), "{failed}");
    assert!(office.account("ann@test").exists());

    let done = complete(&mut office, "delete-user", &[("accountjids", two)]);
    assert!(!done.contains("<note"), "{done}");
    assert!(!office.account("ann@test").exists() && !office.account("ben@test").exists());
}

#[test]
fn administrators_do_not_lock_themselves_out() {
    let mut office = office(&[]);
    for task in ["delete-user", "disable-user"] {
        let answer = complete(&mut office, task, &[("accountjids", "boss@test")]);
        assert!(answer.contains("<note type='error'>"), "{answer}");
    }
}

#[test]
fn one_session_or_all_of_a_user_are_ended() {
    let mut office = office(&["ann@test"]);
    let phone = office.log_in("ann@test/phone");
    let desk = office.log_in("ann@test/desk");

    complete(
        &mut office,
        "end-user-session",
        &[("accountjids", "ann@test/desk")],
    );
    assert_eq!(office.ended, [desk]);
    office.ended.clear();
    complete(
        &mut office,
        "end-user-session",
        &[("accountjids", "ann@test")],
    );
    assert_eq!(office.ended, [desk, phone]);
    assert!(office.account("ann@test").exists());
}

#[test]
fn users_are_counted_and_listed_by_what_they_are() {
    let mut office = office(&["ann@test", "ben@test", "cid@test"]);
    office.log_in("ann@test/phone");
    complete(&mut office, "disable-user", &[("accountjids", "cid@test")]);
    for (task, count) in [
        ("get-registered-users-num", 4),
        ("get-disabled-users-num", 1),
        ("get-online-users-num", 2),
        ("get-active-users-num", 2),
        ("get-idle-users-num", 0),
    ] {
        let answer = execute(&mut office, task);
        assert!(
            answer.contains(&format!("<value>{count}</value>")),
            "{task}: {answer}"
        );
        assert!(answer.contains("status='completed'"), "{answer}");
    }
    let disabled = complete(
        &mut office,
        "get-disabled-users-list",
        &[("max_items", "25")],
    );
    let online = complete(&mut office, "get-online-users-list", &[]);
    assert!(disabled.contains("<value>cid@test</value>"), "{disabled}");
    assert!(
        online.contains("<value>ann@test</value><value>boss@test</value>"),
        "{online}"
    );
}

#[test]
fn a_list_goes_on_after_the_last_one_named() {
    let mut office = office(&["ann@test", "ben@test"]);
    let session = session_of(&execute(&mut office, "get-registered-users-list"));
    let attributes = format!("node='{ADMIN}#get-registered-users-list' sessionid='{session}'");
    let page =
        "<set xmlns='http://jabber.org/protocol/rsm'><max>1</max><after>ann@test</after></set>";

    let content = format!("{}{page}", form(&[]));
    let answer = office.ask("boss@test/desk", &command(&attributes, &content));

    assert!(
        answer.contains("<value>ben@test</value></field>"),
        "{answer}"
    );
    assert!(
        answer.contains("<last>ben@test</last><count>3</count>"),
        "{answer}"
    );
}

#[test]
fn an_announcement_reaches_who_is_there() {
    let mut office = office(&["ann@test"]);
    let phone = office.log_in("ann@test/phone");

    complete(
        &mut office,
        "announce",
        &[("announcement", "Tea &amp; cake")],
    );

    let heard = office.inbox.iter().find(|(session, _)| *session == phone);
    assert!(heard.unwrap().1.contains("<body>Tea &amp; cake</body>"));
}

#[test]
fn the_server_ends_after_a_while_and_those_who_are_there_are_told() {
    for (task, again) in [("restart", true), ("shutdown", false)] {
        let mut office = office(&["ann@test"]);
        let phone = office.log_in("ann@test/phone");

        let asked = execute(&mut office, task);
        let fields = [("delay", "120"), ("announcement", "Tea!")];
        let done = complete(&mut office, task, &fields);

        assert!(asked.contains("<option label='2 minutes'><value>120</value>"));
        assert!(asked.contains("<field var='announcement'"), "{asked}");
        assert!(done.contains("status='completed'") && !done.contains("<note"));
        let delay_ms = 120_000;
        assert_eq!(office.halts, [Halt { delay_ms, again }]);
        let heard = office
            .inbox
            .iter()
            .any(|(id, text)| *id == phone && text.contains("Tea!"));
        assert!(heard, "{:?}", office.inbox);
    }
}

#[test]
fn an_end_without_a_delay_from_the_list_is_not_ordered_and_nobody_is_told() {
    let mut office = office(&["ann@test"]);
    office.log_in("ann@test/phone");
    for delay in ["", "31", "-1", "soon"] {
        let fields = [("delay", delay), ("announcement", "Tea!")];
        let answer = complete(&mut office, "restart", &fields);
        assert!(answer.contains("<note type='error'>"), "{answer}");
    }
    assert_eq!(office.halts, []);
    assert!(office.inbox.is_empty(), "{:?}", office.inbox);

    complete(
        &mut office,
        "restart",
        &[("delay", "0"), ("announcement", "")],
    );

    assert_eq!(office.halts.len(), 1);
    assert!(office.inbox.is_empty(), "{:?}", office.inbox);
}

#[test]
fn what_is_known_of_a_user_is_told() {
    let mut office = office(&["ann@test"]);
    let never = complete(
        &mut office,
        "get-user-lastlogin",
        &[("accountjids", "ann@test")],
    );
    assert!(never.contains("<note type='error'>"), "{never}");

    office.log_in("ann@test/phone");
    let seen = complete(
        &mut office,
        "get-user-lastlogin",
        &[("accountjids", "ann@test")],
    );
    let facts = complete(&mut office, "user-stats", &[("accountjid", "ann@test")]);
    let roster = complete(
        &mut office,
        "get-user-roster",
        &[("accountjids", "ann@test")],
    );

    assert!(
        seen.contains("<field var='lastlogin'><value>2023-11-14T22:13:20"),
        "{seen}"
    );
    assert!(
        facts.contains("<field var='onlineresources'><value>phone</value>"),
        "{facts}"
    );
    assert!(
        roster.contains("<query xmlns='jabber:iq:roster'"),
        "{roster}"
    );
}

#[test]
fn a_new_password_ends_all_sessions() {
    let mut office = office(&["ann@test"]);
    let phone = office.log_in("ann@test/phone");
    let fields = [("accountjid", "ann@test"), ("password", "new")];

    complete(&mut office, "change-user-password", &fields);

    assert_eq!(office.ended, [phone]);
    assert_eq!(office.passwords.last().unwrap().expose_str(), Some("new"));
}

#[test]
fn the_message_of_the_day_is_set_edited_and_deleted() {
    let mut office = office(&[]);
    let answer = complete(&mut office, "set-motd", &[("motd", "Closed on Monday")]);
    assert!(answer.contains("status='completed'"), "{answer}");

    let begun = execute(&mut office, "edit-motd");
    assert!(begun.contains("<value>Closed on Monday</value>"), "{begun}");
    complete(&mut office, "edit-motd", &[("motd", "Open")]);
    assert!(execute(&mut office, "edit-motd").contains("<value>Open</value>"));

    assert!(!execute(&mut office, "delete-motd").contains("<note"));
    assert!(execute(&mut office, "delete-motd").contains("<note type='error'>there is none"));
}
