//! XEP-0045 in tables: what somebody sends in a hall, and what somebody gets for it.
//!
//! For each line there is a new hall: Alice (A) owns it, Bob (B) and Carol (C) are inside, Dave is not.
//! What takes more than a line is told in the other files.

use crate::muc::tests::town::Town;
use crate::muc::tests::town::none;
use crate::muc::tests::town::one;

/// Clause, what was sent before, what is sent, who gets one stanza with all of which parts.
const REFUSED: &str = r"
6.4    |                                       | dave info x                 | dave <item-not-found
18.1.1 |                                       | dave info http://jabber.org/protocol/muc#traffic | dave <service-unavailable
6.6    |                                       | dave occupant B             | dave <bad-request
7.2.1  |                                       | dave enter                  | dave <jid-malformed
7.2.5  | alice configure roomconfig_passwordprotectedroom=1 roomconfig_roomsecret=s | dave enter D | dave <not-authorized
7.2.6  | alice configure roomconfig_membersonly=1 | dave enter D             | dave <registration-required
7.2.7  | alice affiliate dave outcast          | dave enter D                | dave <forbidden
7.2.8  |                                       | dave enter B                | dave <conflict
7.2.9  | alice configure roomconfig_maxusers=3 | dave enter D                | dave <service-unavailable
7.4    | alice role C visitor                  | carol say x                 | carol <forbidden
7.4    |                                       | dave say x                  | dave <not-acceptable
7.5    |                                       | bob shout A                 | bob <bad-request
7.5    |                                       | bob whisper Z               | bob <item-not-found
7.5    |                                       | dave whisper A              | dave <not-acceptable
7.6    |                                       | bob rename C                | bob <conflict
7.8.2  |                                       | bob invite nobody           | bob <item-not-found
7.8.2  | alice configure roomconfig_allowinvites=0 | bob invite dave         | bob <forbidden
7.10   |                                       | dave register set           | dave <bad-request
7.10   | alice affiliate dave outcast          | dave register get           | dave <not-allowed
8.1    |                                       | bob subject tea             | bob <forbidden
8.2    | alice role B moderator                | bob role A none             | bob <not-allowed
8.2    |                                       | bob role C none             | bob <forbidden
8.3    |                                       | bob role C participant      | bob <forbidden
8.4    | alice affiliate bob admin             | bob role A visitor          | bob <not-allowed
8.5    |                                       | bob list role participant   | bob <forbidden
9.1    | alice affiliate bob admin             | bob affiliate alice outcast | bob <not-allowed
9.1    |                                       | alice affiliate alice outcast | alice <conflict
9.2    |                                       | bob list affiliation outcast | bob <forbidden
9.3    |                                       | bob affiliate dave member   | bob <forbidden
9.5    |                                       | bob list affiliation member | bob <forbidden
9.7    | alice affiliate bob admin             | bob role A participant      | bob <not-allowed
9.8    | alice role B moderator                | bob list role moderator     | bob <forbidden
10.1.3 |                                       | alice configure roomconfig_passwordprotectedroom=1 | alice <not-acceptable
10.2   |                                       | bob form                    | bob <forbidden
10.4   |                                       | alice affiliate alice admin | alice <conflict
10.5   | alice affiliate bob admin             | bob list affiliation owner  | bob <forbidden
10.6   | alice affiliate bob admin             | bob affiliate dave admin    | bob <forbidden
10.8   | alice affiliate bob admin             | bob list affiliation admin  | bob <forbidden
10.9   | alice affiliate bob admin             | bob destroy                 | bob <forbidden
17.4   |                                       | alice role B none' affiliation='none | alice <bad-request
";

const CODES: &str = r"
7.2.3  | alice configure roomconfig_whois=anyone | dave enter D              | dave /D' code='100' code='110'
7.2.12 |                                       | dave enter D                | dave /D' code='110' code='170'
7.2.18 |                                       | dave rename X               | dave /X' code='110' code='307' code='333'
18.1   |                                       | alice affiliate dave admin  | dave <message from='hall@rooms.test' code='101'
9.5    | alice configure roomconfig_membersonly=1 | alice affiliate dave member | dave <message <invite
10.2.1 |                                       | alice configure roomconfig_roomdesc=new | bob <message code='104'
10.2.1 |                                       | alice configure maxhistoryfetch=3 | bob <message code='104'
10.2.1 | alice configure roomconfig_enablelogging=0 | alice configure roomconfig_enablelogging=1 | bob <message code='170'
10.2.1 |                                       | alice configure roomconfig_enablelogging=0 | bob <message code='171'
10.2.1 |                                       | alice configure roomconfig_whois=anyone | bob <message code='172'
10.2.1 | alice configure roomconfig_whois=anyone | alice configure roomconfig_whois=moderators | bob <message code='173'
7.6    |                                       | bob rename Bee              | carol /B' code='303' nick='Bee'
7.6    |                                       | bob rename Bee              | bob /B' code='303' code='110'
8.2    |                                       | alice role B none           | carol /B' code='307' role='none'
9.1    |                                       | alice affiliate bob outcast | bob code='301' code='110'
9.4    | alice affiliate bob member; alice configure roomconfig_membersonly=1 | alice affiliate bob none | bob code='321' code='110'
10.2   |                                       | alice configure roomconfig_membersonly=1 | bob code='322' code='110'
11.1   |                                       | bob bounce gone             | carol /B' type='unavailable' code='333'
11.1   |                                       | bob bounce gone             | bob /B' code='110' code='333'
";

const FIELDS: &str = r"
16.5.3 | alice configure roomconfig_allowpm=moderators | bob whisper A       | bob <forbidden
16.5.3 | alice configure roomconfig_changesubject=1 | bob subject tea        | carol <subject>tea
16.5.3 |                                       | bob say past                | carol <stanza-id past
16.5.3 | alice configure roomconfig_whois=anyone | bob list affiliation owner | bob jid='alice@test'
16.5.3 | alice configure roomconfig_whois=anyone roomconfig_getmemberlist=moderator | bob list affiliation member | bob <forbidden
16.5.3 | alice configure roomconfig_lang=de    | dave info                   | dave muc#roominfo_lang'><value>de<
16.5.3 | bob say past                          | dave enter D                | dave past
16.5.3 |                                       | alice configure maxhistoryfetch=many | alice <not-acceptable
16.5.3 | alice configure roomconfig_maxusers=10 | alice form                 | alice roomconfig_maxusers <value>10<
16.5.3 | alice configure roomconfig_moderatedroom=1 | dave enter D           | dave /D' role='visitor'
16.5.3 | alice configure roomconfig_persistentroom=1 | dave info             | dave muc_persistent
16.5.3 | alice configure roomconfig_publicroom=0 | dave info                 | dave muc_hidden
16.5.3 | alice configure roomconfig_pubsub=xmpp:p.test?;node=n | dave info   | dave roomconfig_pubsub <value>xmpp:p.test?;node=n<
16.5.3 |                                       | alice configure roomconfig_pubsub=javascript:x | alice <not-acceptable
16.5.3 | alice configure roomconfig_roomadmins=bob@test | bob list affiliation member | bob type='result'
16.5.3 | alice configure roomconfig_roomdesc=Cave | dave info                | dave muc#roominfo_description'><value>Cave<
16.5.3 | alice configure roomconfig_roomname=Cave | dave info                | dave <identity name='Cave'
16.5.3 | alice configure roomconfig_roomowners=bob@test | bob form           | bob <value>bob@test<
16.5.4 | alice configure roominfo_contactjid=help@test | dave info           | dave roominfo_contactjid <value>help@test<
16.5.4 |                                       | alice configure roominfo_contactjid=@ | alice <jid-malformed
16.5.4 | alice configure maxhistoryfetch=0     | dave info                   | dave muc#maxhistoryfetch'><value>0<
16.5.4 |                                       | dave info                   | dave muc#roominfo_occupants'><value>3<
16.5.4 | alice subject tea                     | dave info                   | dave muc#roominfo_subject'><value>tea<
16.5.4 | alice configure roomconfig_changesubject=1 | dave info              | dave muc#roominfo_subjectmod' <value>1<
";

#[test]
fn what_is_refused_gets_the_error_that_the_clause_names() {
    play(REFUSED);
}

#[test]
fn every_status_code_is_sent_when_its_time_comes() {
    play(CODES);
}

#[test]
fn every_field_of_the_configuration_has_its_effect() {
    play(FIELDS);
}

#[test]
fn no_more_of_the_past_is_sent_than_the_room_allows() {
    for (most, heard) in [(0, 0), (2, 2), (20, 3)] {
        let mut town = Town::with(&["alice", "bob"]);
        town.open_hall("alice", "A");
        for body in ["one", "two", "three"] {
            town.say("alice", body);
        }
        town.send(
            "alice",
            &stanza(&format!("configure maxhistoryfetch={most}")),
        );
        town.enter("bob", "B");
        let inbox = town.inbox("bob");
        let bodies = inbox.iter().filter(|text| text.contains("<body"));
        assert_eq!(bodies.count(), heard);
    }
}

#[test]
fn an_error_of_one_device_leaves_the_other_inside() {
    let mut town = Town::with(&["alice", "bob", "bob/two"]);
    town.open_hall("alice", "A");
    town.enter("bob", "B");
    town.enter("bob/two", "B");
    town.clear();
    for (condition, left) in [("service-unavailable", 2), ("gone", 1)] {
        town.send("bob/two", &stanza(&format!("bounce {condition}")));
        let room = town.room("hall").unwrap();
        assert_eq!(room.occupants["B"].devices.len(), left);
    }
    none(&town.inbox("alice"), &["type='unavailable'"]);
}

fn play(table: &str) {
    for line in table.lines().filter(|line| !line.is_empty()) {
        println!("{line}");
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [_, before, sent, seen] = cells[..] else {
            panic!("{line}");
        };
        let mut town = hall();
        for step in before.split("; ").filter(|step| !step.is_empty()) {
            act(&mut town, step);
        }
        town.clear();
        act(&mut town, sent);
        let (reader, parts) = seen.split_once(' ').unwrap();
        let parts: Vec<&str> = parts.split(' ').collect();
        one(&town.inbox(reader), &parts);
    }
}

fn hall() -> Town {
    let people = ["alice", "bob", "carol", "dave"];
    let mut town = Town::with(&people);
    for name in people {
        town.make_account(name);
    }
    town.open_hall("alice", "A");
    town.enter("bob", "B");
    town.enter("carol", "C");
    town
}

fn act(town: &mut Town, step: &str) {
    let (who, what) = step.split_once(' ').unwrap();
    town.send(who, &stanza(what));
}

const MUC: &str = "http://jabber.org/protocol/muc";

/// What the short form stands for.
fn stanza(short: &str) -> String {
    let (verb, rest) = short.split_once(' ').unwrap_or((short, ""));
    let presence = |inner: String| {
        let to = if rest.is_empty() { "" } else { "/" };
        format!("<presence xmlns='jabber:client' to='hall@rooms.test{to}{rest}'>{inner}</presence>")
    };
    let (to, kind, inner) = match verb {
        "enter" => return presence(format!("<x xmlns='{MUC}'/>")),
        "rename" => return presence(String::new()),
        "say" => ("", "groupchat", format!("<body>{rest}</body>")),
        "subject" => ("", "groupchat", format!("<subject>{rest}</subject>")),
        "shout" => (rest, "groupchat", "<body>x</body>".into()),
        "whisper" => (rest, "chat", "<body>x</body>".into()),
        "invite" => {
            let invite = format!("<invite to='{rest}@test'/>");
            ("", "normal", format!("<x xmlns='{MUC}#user'>{invite}</x>"))
        }
        "bounce" => {
            let condition = format!("<{rest} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>");
            (
                "A",
                "error",
                format!("<error type='cancel'>{condition}</error>"),
            )
        }
        _ => return request(verb, rest),
    };
    let to = if to.is_empty() {
        String::new()
    } else {
        format!("/{to}")
    };
    format!(
        "<message xmlns='jabber:client' to='hall@rooms.test{to}' type='{kind}'>{inner}</message>"
    )
}

fn request(verb: &str, rest: &str) -> String {
    let (first, second) = rest.split_once(' ').unwrap_or((rest, ""));
    let disco = "http://jabber.org/protocol/disco#info";
    let iq = |to: &str, kind: &str, ns: &str, inner: String| {
        format!(
            "<iq xmlns='jabber:client' type='{kind}' id='q' to='hall@rooms.test{to}'>\
             <query xmlns='{ns}'{inner}</query></iq>"
        )
    };
    let admin = |kind: &str, item: String| {
        iq(
            "",
            kind,
            &format!("{MUC}#admin"),
            format!("><item {item}/>"),
        )
    };
    let owner =
        |kind: &str, inner: String| iq("", kind, &format!("{MUC}#owner"), format!(">{inner}"));
    match verb {
        "info" => iq("", "get", disco, format!(" node='{rest}'>")),
        "occupant" => iq(&format!("/{rest}"), "get", disco, ">".into()),
        "register" => iq("", rest, "jabber:iq:register", ">".into()),
        "form" => owner("get", String::new()),
        "destroy" => owner("set", "<destroy/>".into()),
        "role" => admin("set", format!("nick='{first}' role='{second}'")),
        "affiliate" => admin("set", format!("jid='{first}@test' affiliation='{second}'")),
        "list" => admin("get", format!("{first}='{second}'")),
        "configure" => {
            let fields = rest.split(' ').map(|field| {
                let (name, value) = field.split_once('=').unwrap();
                format!("<field var='muc#{name}'><value>{value}</value></field>")
            });
            let form: Vec<String> = fields.collect();
            owner(
                "set",
                format!(
                    "<x xmlns='jabber:x:data' type='submit'>{}</x>",
                    form.concat()
                ),
            )
        }
        _ => panic!("{verb}"),
    }
}
