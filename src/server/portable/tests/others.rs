//! Files as other servers write them.

use crate::model::account::AccountState;
use crate::model::contact::Inward;
use crate::model::contact::Outward;
use crate::sasl::Derivation;
use crate::sasl::Hash;
use crate::server::portable::tests::House;

/// One file a user, keys for the older hash alone, a privacy list with more than denials.
const PROSODY: &str = "<?xml version='1.0' encoding='utf-8'?>
<server-data xmlns='urn:xmpp:pie:0'>
	<host jid='capulet.example'>
		<user name='juliet'>
			<scram-credentials xmlns='urn:xmpp:pie:0#scram' mechanism='SCRAM-SHA-1'>
				<iter-count>4096</iter-count>
				<salt>QSXCR+Q6sek8bf92</salt>
				<server-key>D+CSWLOshSulAsxiupA+qs2/fTE=</server-key>
				<stored-key>6dlGYMOdZcOPutkcNY8U2g7vK9Y=</stored-key>
			</scram-credentials>
			<query xmlns='jabber:iq:roster'>
				<item jid='romeo@montague.example' subscription='from'><group/></item>
			</query>
			<pubsub xmlns='http://jabber.org/protocol/pubsub'>
				<items node='urn:xmpp:bookmarks:1'>
					<item id='den@rooms.x'><conference xmlns='urn:xmpp:bookmarks:1'/></item>
				</items>
				<items node='mood'><item id='1'><mood xmlns='u:m'/></item></items>
				<items node='storage:bookmarks'>
					<item id='current'><storage xmlns='storage:bookmarks'><url url='http://x/'/></storage></item>
				</items>
			</pubsub>
			<pubsub xmlns='http://jabber.org/protocol/pubsub#owner'>
				<configure node='urn:xmpp:bookmarks:1'>
					<x xmlns='jabber:x:data' type='submit'>
						<field var='FORM_TYPE' type='hidden'>
							<value>http://jabber.org/protocol/pubsub#node_config</value>
						</field>
						<field var='pubsub#access_model' type='list-single'><value>prosody:secret</value></field>
						<field var='pubsub#max_items' type='text-single'><value>max</value></field>
						<field var='http://prosody.im/x'><value>1</value></field>
					</x>
				</configure>
				<affiliations node='urn:xmpp:bookmarks:1'>
					<affiliation jid='nurse@capulet.example' affiliation='member'/>
				</affiliations>
				<subscriptions node='urn:xmpp:bookmarks:1'>
					<subscription jid='nurse@capulet.example' subscribed='subscribed'/>
				</subscriptions>
			</pubsub>
			<archive xmlns='urn:xmpp:pie:0#mam' node='rooms'/>
			<archive xmlns='urn:xmpp:pie:0#mam'>
				<result id='1' xmlns='urn:xmpp:mam:2'>
					<forwarded xmlns='urn:xmpp:forward:0'>
						<message xmlns='jabber:client' to='romeo@montague.example'><body>no from</body></message>
						<delay stamp='2010-07-10T23:08:25Z' xmlns='urn:xmpp:delay'/>
					</forwarded>
				</result>
			</archive>
		</user>
	</host>
</server-data>
";

#[test]
fn keys_for_one_hash_are_enough() {
    // Given the keys of "pencil" from RFC 5802 section 5
    let house = House::new();
    let path = house.write("prosody.xml", PROSODY);

    let done = house.import(&path).unwrap();

    // Then they are the account's, the other hash has none, and what was left out is told
    let account = house.account("juliet");
    let keys = account.credentials().unwrap();
    let rounds = keys.sha1.iterations.try_into().unwrap();
    let made = Derivation::new(Hash::Sha1, "pencil", &keys.sha1.salt, rounds)
        .unwrap()
        .run();
    assert_eq!(made.stored_key.as_bytes(), keys.sha1.stored_key.expose());
    assert_eq!((keys.sha256.iterations, keys.sha256.salt.len()), (0, 0));
    assert!(
        !house
            .exported(&["juliet"])
            .concat()
            .contains("SCRAM-SHA-256")
    );
    let is_told = |what| done.left_out.keys().any(|one| one.contains(what));
    assert!(is_told("pie:0#mam") && is_told("closed"), "{done:?}");
    let contact = account
        .contact(&"romeo@montague.example".parse_bare())
        .unwrap();
    assert_eq!(
        (contact.out, contact.inward.clone()),
        (Outward::Without, Inward::From)
    );
    assert!(contact.groups.is_empty());
}

#[test]
fn nodes_of_others_come_in_and_nobody_reads_more_than_before() {
    let house = House::new();
    house.import(&house.write("prosody.xml", PROSODY)).unwrap();

    let text = house.exported(&["juliet"]).concat();

    for kept in [
        "<item id='den@rooms.x'><conference xmlns='urn:xmpp:bookmarks:1'/></item>",
        "<affiliation jid='nurse@capulet.example' affiliation='member'/>",
        "<subscription jid='nurse@capulet.example' subscription='subscribed'/>",
        "<mood xmlns='u:m'/>",
        // What this server does not keep in a node of its own.
        "<query xmlns='jabber:iq:private'><storage xmlns='storage:bookmarks'>",
    ] {
        assert!(text.contains(kept), "{kept}\n{text}");
    }
    // An access model that is not known here, and none: both are closed.
    let closed = "<field var='pubsub#access_model' type='list-single'><value>whitelist</value>";
    assert_eq!(text.matches(closed).count(), 2, "{text}");
    assert!(!text.contains("node='storage:bookmarks'"));
}

trait ParseBare {
    fn parse_bare(&self) -> crate::base::jid::BareJid;
}

impl ParseBare for str {
    fn parse_bare(&self) -> crate::base::jid::BareJid {
        crate::base::jid::BareJid::parse(self).unwrap()
    }
}

#[test]
fn a_folder_of_includes_is_read_with_other_hosts_left_out() {
    // Given a server with two hosts, a file each, as one that keeps passwords writes them
    let house = House::new();
    let root = "<?xml version='1.0' encoding='UTF-8'?><server-data xmlns='urn:xmpp:pie:0' \
                xmlns:xi='http://www.w3.org/2001/XInclude'><xi:include href='capulet.xml'/>\
                <xi:include href='montague.xml'/></server-data>";
    let path = house.write("root.xml", root);
    let keys =
        "scram:6dlGYMOdZcOPutkcNY8U2g7vK9Y=,D+CSWLOshSulAsxiupA+qs2/fTE=,QSXCR+Q6sek8bf92,4096";
    let host = format!(
        "<?xml version='1.0' encoding='UTF-8'?><host xmlns='urn:xmpp:pie:0' \
         xmlns:xi='http://www.w3.org/2001/XInclude' jid='capulet.example'>\
         <user name='juliet' password='pencil'><query xmlns='jabber:iq:roster'/></user>\
         <user name='nurse' password='{keys}'/><user name='paris' password=''/>\
         <user name='rosaline' password='scram:is, a, fine, password'/>\
         <user name='tybalt'><xi:include href='parts/vcard.xml'/></user></host>"
    );
    house.write("capulet.xml", &host);
    house.write(
        "montague.xml",
        "<host xmlns='urn:xmpp:pie:0' jid='montague.example'/>",
    );
    house.write(
        "parts/vcard.xml",
        "<vCard xmlns='vcard-temp'><FN>T</FN></vCard>\n",
    );

    // When it is imported
    let done = house.import(&path).unwrap();

    // Then the users of this host are there
    assert_eq!((done.accounts, done.without_password), (5, 2));
    assert!(
        done.left_out
            .keys()
            .any(|what| what.contains("montague.example")),
        "{done:?}"
    );
    assert_eq!(
        house.account("juliet").row().unwrap().state,
        AccountState::Enabled
    );
    let nurse = house.account("nurse");
    let [sha1, sha256] = nurse
        .credentials()
        .map(|keys| [&keys.sha1, &keys.sha256])
        .unwrap();
    assert_eq!((sha1.iterations, sha256.iterations), (4096, 0));
    assert!(house.account("paris").credentials().is_none());
    assert!(house.account("rosaline").credentials().is_some());
    assert!(house.exported(&["tybalt"]).concat().contains("<FN>T</FN>"));
}
