//! What goes out of one server comes in at another, and an import that was cut short begins again.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use crate::base::limits::IMPORT_BATCH_BYTES;
use crate::base::limits::PAGE_ITEMS_MAX;
use crate::model::account::AccountState;
use crate::model::row::RowName;
use crate::sasl::Derivation;
use crate::sasl::Hash;
use crate::server::portable::MAIN_FILE;
use crate::server::portable::tests::House;

fn result(id: &str, stamp: &str, (from, to): (&str, &str), body: &str) -> String {
    format!(
        "<result xmlns='urn:xmpp:mam:2' id='{id}'><forwarded xmlns='urn:xmpp:forward:0'>\
         <delay xmlns='urn:xmpp:delay' stamp='{stamp}'/><message xmlns='jabber:client' type='chat' \
         from='{from}' to='{to}'><body>{body}</body></message></forwarded></result>"
    )
}

/// An open node with three items, the picture's, and one for a group.
const NODES: &str = "<pubsub xmlns='http://jabber.org/protocol/pubsub#owner'>\
    <configure node='blog'><x xmlns='jabber:x:data' type='submit'>\
    <field var='pubsub#access_model'><value>open</value></field>\
    <field var='pubsub#max_items'><value>max</value></field></x></configure>\
    <affiliations node='blog'><affiliation jid='nurse@capulet.example' affiliation='publisher'/></affiliations>\
    <configure node='urn:xmpp:avatar:metadata'/>\
    <configure node='diary'><x xmlns='jabber:x:data' type='submit'>\
    <field var='pubsub#access_model'><value>roster</value></field>\
    <field var='pubsub#roster_groups_allowed'><value>Friends</value></field></x></configure></pubsub>\
    <pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='blog'>\
    <item id='z'><a xmlns='u:a'>first</a></item>\
    <item id='y' publisher='nurse@capulet.example'><a xmlns='u:a'>second</a></item>\
    <item id='x'><a xmlns='u:a'>third</a></item></items>\
    <items node='urn:xmpp:avatar:metadata'><item id='0123456789abcdef0123456789abcdef01234567'>\
    <metadata xmlns='urn:xmpp:avatar:metadata'><info id='0' bytes='1' type='image/png'/></metadata></item></items>\
    <items node='diary'><item id='1'><a xmlns='u:a'>secret</a></item></items></pubsub>";

/// Two users with everything that an account can have.
fn users() -> String {
    let (romeo, juliet) = ("romeo@montague.example/o", "juliet@capulet.example/b");
    let mut archive = String::new();
    for number in 0..2 * PAGE_ITEMS_MAX {
        let stamp = format!("2024-05-01T{:02}:{:02}:00Z", number / 60, number % 60);
        let way = if number % 3 == 0 {
            (juliet, romeo)
        } else {
            (romeo, juliet)
        };
        archive += &result(
            &format!("a{number}"),
            &stamp,
            way,
            &format!("past {number}"),
        );
    }
    archive += &result(
        "w1",
        "2024-05-02T00:00:00Z",
        (romeo, juliet),
        "waits, archived",
    );
    format!(
        "<user name='juliet' password='pencil'>\
         <offline-messages><message xmlns='jabber:client' type='chat' from='{romeo}' to='{juliet}'>\
         <body>waits, archived</body><stanza-id xmlns='urn:xmpp:sid:0' by='juliet@capulet.example' id='w1'/>\
         </message><message xmlns='jabber:client' from='{romeo}' to='{juliet}'><body>waits alone</body>\
         <delay xmlns='urn:xmpp:delay' from='capulet.example' stamp='2024-05-02T00:00:01Z'>late</delay>\
         <delay xmlns='urn:xmpp:delay' from='gateway.example' stamp='2001-01-01T00:00:00Z'/></message>\
         </offline-messages>\
         <query xmlns='jabber:iq:roster'><item jid='romeo@montague.example' name='R &amp; J' \
         subscription='both'><group>Friends</group><group>Enemies</group></item>\
         <item jid='nurse@capulet.example' subscription='none' ask='subscribe' approved='true'/></query>\
         <presence xmlns='jabber:client' type='subscribe' from='paris@verona.example'>\
         <status>please</status></presence>\
         <query xmlns='jabber:iq:private'><x xmlns='urn:x'>1</x><y:y xmlns:y='urn:y'/></query>\
         <vCard xmlns='vcard-temp'><FN>Juliet</FN></vCard>\
         <query xmlns='jabber:iq:privacy'><default name='b'/><list name='b'><item type='jid' \
         value='tybalt@capulet.example' action='deny' order='1'/></list></query>\
         {NODES}\
         <prefs xmlns='urn:xmpp:mam:2' default='roster'><always><jid>romeo@montague.example</jid></always>\
         <never/></prefs>\
         <archive xmlns='urn:xmpp:pie:0#mam'>{archive}</archive></user>\
         <user name='nurse' password='secret'><account xmlns='urn:meerkat:account:0' state='disabled' \
         admin='true' created='2020-01-01T00:00:00.000Z'/></user>"
    )
}

#[test]
fn an_export_of_an_import_of_an_export_says_the_same() {
    // Given two accounts in one server, and their files
    let (one, two) = (House::new(), House::new());
    let done = one.import_users(&users()).unwrap();
    let names = ["juliet", "nurse"];
    let first = one.exported(&names);
    assert_eq!((done.accounts, done.waiting), (2, 2));
    assert_eq!(
        done.messages,
        u64::try_from(2 * PAGE_ITEMS_MAX + 1).unwrap()
    );

    // When another server takes them
    let main = one.folder.path().join("out").join(MAIN_FILE);
    let again = two.import(&main).unwrap();

    // Then it has the same
    assert_eq!(
        (again.messages, again.waiting),
        (done.messages, done.waiting)
    );
    assert_eq!(two.exported(&names), first);
    let [juliet, _] = &first[..] else { panic!() };
    for kept in [
        "<item jid='romeo@montague.example' name='R &amp; J' subscription='both'>\
         <group>Friends</group><group>Enemies</group></item>",
        "<item jid='nurse@capulet.example' subscription='none' ask='subscribe' approved='true'/>",
        "type='subscribe' from='paris@verona.example'><status>please</status></presence>",
        "<query xmlns='jabber:iq:private'><x xmlns='urn:x'>1</x><y:y xmlns:y='urn:y'/></query>",
        "<vCard xmlns='vcard-temp'><FN>Juliet</FN></vCard>",
        "value='tybalt@capulet.example' action='deny'",
        "default='roster'><always><jid>romeo@montague.example</jid></always>",
        "stamp='2024-05-01T08:19:00.000Z'",
        "from='gateway.example' stamp='2001-01-01T00:00:00Z'",
        "<affiliation jid='nurse@capulet.example' affiliation='publisher'/>",
        "<value>Friends</value>",
        "<items node='blog'><item id='z'><a xmlns='u:a'>first</a></item>\
         <item id='y' publisher='nurse@capulet.example'><a xmlns='u:a'>second</a></item><item id='x'>",
        "<item id='0123456789abcdef0123456789abcdef01234567'><metadata ",
        "<item id='1'><a xmlns='u:a'>secret</a></item>",
        "<delay xmlns='urn:xmpp:delay' from='capulet.example' stamp='2024-05-02T00:00:01.000Z'/>",
    ] {
        assert!(juliet.contains(kept), "{kept}\n{juliet}");
    }
    assert_eq!(juliet.matches("waits, archived").count(), 2);
    let avatar = RowName::Text {
        name: "avatar".into(),
    };
    let hash = b"0123456789abcdef0123456789abcdef01234567";
    assert_eq!(
        two.account("juliet").bytes(&avatar).map(|hash| &**hash),
        Some(&hash[..])
    );
    assert!(!juliet.contains("late"), "{juliet}");
}

#[test]
fn the_old_password_still_opens_and_the_keys_alone_were_kept() {
    let (one, two) = (House::new(), House::new());
    one.import_users(&users()).unwrap();
    let files = one.exported(&["juliet"]).concat();

    two.import(&one.folder.path().join("out").join(MAIN_FILE))
        .unwrap();

    let account = two.account("juliet");
    let keys = account.credentials().unwrap();
    for (hash, keys) in [(Hash::Sha1, &keys.sha1), (Hash::Sha256, &keys.sha256)] {
        let rounds = keys.iterations.try_into().unwrap();
        let made = Derivation::new(hash, "pencil", &keys.salt, rounds)
            .unwrap()
            .run();
        assert_eq!(made.stored_key.as_bytes(), keys.stored_key.expose());
        assert_eq!(made.server_key.as_bytes(), keys.server_key.expose());
    }
    assert!(!files.contains("pencil"));
}

#[test]
fn a_disabled_account_stays_so_and_nobody_becomes_administrator() {
    let house = House::new();

    let done = house.import_users(&users()).unwrap();

    let row = house.account("nurse").row().unwrap();
    assert_eq!((row.state, row.admin), (AccountState::Disabled, false));
    assert_eq!(row.created.to_xep0082(), "2020-01-01T00:00:00.000Z");
    assert!(
        done.left_out
            .keys()
            .any(|what| what.contains("administrator"))
    );
}

#[test]
fn only_what_waited_waits() {
    let house = House::new();
    house.import_users(&users()).unwrap();

    let account = house.account("juliet");

    assert_eq!((account.untaken.len(), account.unarchived.len()), (2, 1));
}

#[test]
fn an_unfinished_account_is_replaced_and_a_finished_one_is_not() {
    // Given an import that ends in the middle of the second reading
    let house = House::new();
    let host = "<?xml version='1.0'?><server-data xmlns='urn:xmpp:pie:0' \
                xmlns:xi='http://www.w3.org/2001/XInclude'><host jid='capulet.example'>\
                <xi:include href='juliet.xml'/><xi:include href='nurse.xml'/></host></server-data>";
    let path = house.write("in.xml", host);
    let mut juliet = "<user xmlns='urn:xmpp:pie:0' name='juliet' password='pencil'>\
                      <vCard xmlns='vcard-temp'><FN>J</FN></vCard><archive xmlns='urn:xmpp:pie:0#mam'>"
        .to_owned();
    let way = ("a@b", "juliet@capulet.example");
    juliet += &result("1", "2024-05-01T00:00:00Z", way, "once");
    for number in 0..IMPORT_BATCH_BYTES / 10_000 + 2 {
        let id = number.to_string();
        juliet += &result(&id, "2024-05-01T00:00:00Z", way, &"x".repeat(10_000));
    }
    juliet += "</archive></user>";
    house.write("juliet.xml", &juliet);
    let nurse = house.write("nurse.xml", "<user xmlns='urn:xmpp:pie:0' name='nurse'/>");
    let cut = house.import_with(&path, &mut |what, _, _| {
        if what == "importing" {
            fs::remove_file(&nurse).ok();
        }
    });

    // Then nobody can use what is there
    let told = cut.unwrap_err();
    assert!(
        told.contains("nurse.xml") && told.contains("import the same file again"),
        "{told}"
    );
    assert_eq!(
        house.account("juliet").row().unwrap().state,
        AccountState::Disabled
    );

    // When the file is whole again
    house.write("nurse.xml", "<user xmlns='urn:xmpp:pie:0' name='nurse'/>");
    house.write("juliet.xml", &juliet.replace("vCard", "vcard"));
    house.import(&path).unwrap();

    // Then nothing of the first try is left, and nothing is there twice
    let file = house.exported(&["juliet"]).concat();
    assert_eq!(file.matches("once").count(), 1, "{file}");
    assert!(!file.contains("<FN>"), "{file}");
    let account = house.account("juliet");
    assert_eq!(account.row().unwrap().state, AccountState::Enabled);
    assert!(account.untaken.is_empty());

    // And a third import is refused
    let told = house.import(&path).unwrap_err();
    assert!(
        told.contains("juliet@capulet.example exists already"),
        "{told}"
    );
}

#[test]
fn an_export_is_for_its_owner_alone_and_replaces_nothing() {
    let house = House::new();
    house
        .import_users("<user name='juliet' password='pencil'/>")
        .unwrap();

    house.export(&["juliet"]).unwrap();

    let root = house.folder.path().join("out");
    let mode = |path: &str| fs::metadata(root.join(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(""), 0o700);
    assert_eq!(mode("capulet.example"), 0o700);
    for name in [
        MAIN_FILE,
        "capulet.example.xml",
        "capulet.example/juliet.xml",
    ] {
        assert_eq!(mode(name), 0o600, "{name}");
    }
    let told = house.export(&["juliet"]).unwrap_err();
    assert!(
        told.contains("name a folder that is empty or absent"),
        "{told}"
    );
    assert!(!house.folder.path().join("out.unfinished").exists());
}

#[test]
fn names_that_no_file_can_have_come_back() {
    let (one, two) = (House::new(), House::new());
    let long = "n".repeat(600);
    let users = format!("<user name='{long}'/><user name='50%#1'/><user name='b\u{fc}cher'/>");
    one.import_users(&users).unwrap();

    one.export(&[&long, "50%#1", "b\u{fc}cher"]).unwrap();

    let done = two
        .import(&one.folder.path().join("out").join(MAIN_FILE))
        .unwrap();
    assert_eq!(done.accounts, 3);
    assert!(two.account(&long).exists() && two.account("50%#1").exists());
}
