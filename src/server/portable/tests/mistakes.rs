//! Each mistake in a file is one line with its place, and nothing is changed.

use crate::server::portable::tests::House;
use crate::server::portable::tests::file;

/// What an operator reads about a file with these users; they begin in line 4.
fn complaint(users: &str) -> String {
    let house = House::new();
    let path = house.write("in.xml", &file(users));
    let told = house.import(&path).unwrap_err();
    assert!(!house.account("a").exists(), "{users}");
    assert_eq!(told.lines().count(), 1, "{told}");
    let place = format!("{}:", path.display());
    told.strip_prefix(&place).unwrap_or(&told).to_owned()
}

fn assert_told(users: &str, told: &str) {
    let found = complaint(users);
    assert!(found.starts_with(told), "{told}\n{found}");
}

#[test]
fn a_mistake_in_a_user_is_told_with_its_line() {
    let keys = |salt: &str, rounds: &str| {
        format!(
            "<user name='a'>\n<scram-credentials xmlns='urn:xmpp:pie:0#scram' mechanism='SCRAM-SHA-1'>\
             <iter-count>{rounds}</iter-count><salt>{salt}</salt>\
             <server-key>D+CSWLOshSulAsxiupA+qs2/fTE=</server-key>\
             <stored-key>6dlGYMOdZcOPutkcNY8U2g7vK9Y=</stored-key></scram-credentials></user>"
        )
    };
    for (users, told) in [
        ("<user/>".to_owned(), "4: a <user> has no name"),
        (
            "<user name='a b'/>".to_owned(),
            "4: \"a b\" is no name for a user",
        ),
        (
            "<user name='a'/>\n<user name='A'/>".to_owned(),
            "5: a@capulet.example stands in the files twice",
        ),
        (
            "<user name='a' password='&#7;'/>".to_owned(),
            "4: not well-formed",
        ),
        (
            "<user name='a' password='\u{2063}\u{fdd0}'/>".to_owned(),
            "4: nobody can type this password",
        ),
        (keys("", "4096"), "5: the salt of <scram-credentials>"),
        (keys("!", "4096"), "5: the salt of <scram-credentials>"),
        (
            keys("QSXC", "+5"),
            "5: the iter-count of <scram-credentials>",
        ),
        (
            keys("QSXC", "4000000000"),
            "5: the iter-count of <scram-credentials>",
        ),
        (
            keys("QSXC", "5").replace("SHA-1", "SHA-256"),
            "5: the stored-key",
        ),
    ] {
        assert_told(&users, told);
    }
}

#[test]
fn a_mistake_in_a_part_of_a_user_is_told_with_its_line() {
    let inside = |inside: &str| format!("<user name='a'>\n\n{inside}</user>");
    let roster = |item: &str| inside(&format!("<query xmlns='jabber:iq:roster'>{item}</query>"));
    let archive = |of: &str| {
        inside(&format!(
            "<archive xmlns='urn:xmpp:pie:0#mam'>{of}</archive>"
        ))
    };
    for (users, told) in [
        (roster("<item jid='@'/>"), "6: \"@\" is no address"),
        (
            roster("<item jid='b@c' subscription='x'/>"),
            "6: \"x\" is no subscription",
        ),
        (
            roster(&format!("<item jid='b@c' name='{}'/>", "x".repeat(1_100))),
            "6: a name or group",
        ),
        (
            archive("<result xmlns='urn:xmpp:mam:2'/>"),
            "6: here should be a <message>",
        ),
        (
            archive(
                "<result xmlns='urn:xmpp:mam:2'><forwarded xmlns='urn:xmpp:forward:0'/></result>",
            ),
            "6: a message without a <delay>",
        ),
        (
            inside("<offline-messages><iq xmlns='jabber:client'/></offline-messages>"),
            "6: here should be",
        ),
        (
            inside("<prefs xmlns='urn:xmpp:mam:2'/>"),
            "6: the default of <prefs>",
        ),
        (inside("text"), "6: text between elements"),
        (inside("<a>"), "6: not well-formed"),
        (
            inside("<!DOCTYPE a>"),
            "6: comment, instruction, document type or entity",
        ),
        (
            inside(&format!(
                "<vCard xmlns='vcard-temp'>{}",
                "x".repeat(1 << 21)
            )),
            "6: an element of more",
        ),
    ] {
        assert_told(&users, told);
    }
}

#[test]
fn a_file_that_is_none_is_told_with_the_remedy() {
    let house = House::new();
    for (text, told) in [
        ("", "1: not well-formed"),
        ("{}", "1: text between elements"),
        (
            "<a/>",
            "1: the root is <a xmlns=''>; import the file whose root is <server-data",
        ),
        (
            "<server-data xmlns='urn:xmpp:pie:0'/>",
            "1: there is no <host>, and this server is",
        ),
        (
            "<server-data xmlns='urn:xmpp:pie:0'>\n<host jid='b.example'/></server-data>",
            "1: these are accounts of b.example, and this server is capulet.example; set the key domain",
        ),
        (
            "<server-data xmlns='urn:xmpp:pie:0'>\n<host/></server-data>",
            "2: a <host> has no jid",
        ),
        (
            "<server-data xmlns='urn:xmpp:pie:0'>\n",
            "2: not well-formed",
        ),
    ] {
        let path = house.write("in.xml", text);
        let found = house.import(&path).unwrap_err();
        let place = format!("{}:{told}", path.display());
        assert!(found.starts_with(&place), "{place}\n{found}");
    }
    let folder = house.folder.path();
    let found = house.import(folder).unwrap_err();
    assert!(found.contains("is no ordinary file"), "{found}");
    let found = house.import(&folder.join("none.xml")).unwrap_err();
    assert!(found.contains("none.xml: No such file"), "{found}");
}

#[test]
fn includes_lead_nowhere_else() {
    let house = House::new();
    let with = |href: &str| {
        format!(
            "<server-data xmlns='urn:xmpp:pie:0' xmlns:xi='http://www.w3.org/2001/XInclude'>\n\
             <xi:include href='{href}'/></server-data>"
        )
    };
    for href in ["../a.xml", "/etc/passwd", "file:///etc/passwd", ""] {
        let path = house.write("in.xml", &with(href));
        let found = house.import(&path).unwrap_err();
        assert!(
            found.contains("in.xml:2: ") && found.contains("by a relative href"),
            "{found}"
        );
    }
    let path = house.write("in.xml", &with("missing.xml"));
    assert!(
        house
            .import(&path)
            .unwrap_err()
            .contains("missing.xml: No such file")
    );
    let round = "<xi:include xmlns:xi='http://www.w3.org/2001/XInclude' href='round.xml'/>";
    house.write("round.xml", round);
    let path = house.write("in.xml", &with("round.xml"));
    let found = house.import(&path).unwrap_err();
    assert!(found.contains("files inside of each other"), "{found}");
}

#[test]
fn what_is_too_much_names_the_key() {
    let mut house = House::new();
    house.limits.roster_items_max = 2;
    house.limits.blocked_max = 2;
    house.limits.untaken_max = 2;
    house.limits.private_bytes_max = 100;
    house.limits.published_bytes_max = 100;
    let node = |number| format!("<items node='n{number}'><item id='i'/></items>");
    let nodes: String = (0..65).map(node).collect();
    let message = "<message xmlns='jabber:client' from='b@c'><body>x</body></message>";
    let item = |number| format!("<item jid='b{number}@c'/>");
    let items: String = (0..3).map(item).collect();
    for (inside, told) in [
        (
            format!("<query xmlns='jabber:iq:roster'>{items}</query>"),
            "limits.roster_contacts",
        ),
        (
            format!("<blocklist xmlns='urn:xmpp:blocking'>{items}</blocklist>"),
            "limits.blocked_addresses",
        ),
        (
            format!("<offline-messages>{}</offline-messages>", message.repeat(3)),
            "quota.offline_messages",
        ),
        (
            format!("<vCard xmlns='vcard-temp'>{}</vCard>", "x".repeat(90)),
            "more than 100 bytes",
        ),
        (
            format!("<pubsub xmlns='http://jabber.org/protocol/pubsub'>{nodes}</pubsub>"),
            "more than 64 nodes",
        ),
        (
            format!(
                "<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='n'><item id='i'>\
                 <x>{}</x></item></items></pubsub>",
                "x".repeat(100)
            ),
            "quota.published_mib",
        ),
    ] {
        let found = house
            .import_users(&format!("<user name='a'>{inside}</user>"))
            .unwrap_err();
        assert!(found.contains(told), "{told}\n{found}");
    }
    assert!(!house.account("a").exists());
}
