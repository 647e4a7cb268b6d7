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
			<pubsub xmlns='http://jabber.org/protocol/pubsub#owner'><configure node='n'/></pubsub>
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
    assert!(
        done.left_out
            .keys()
            .any(|what| what.contains("pubsub#owner")),
        "{done:?}"
    );
    let contact = account
        .contact(&"romeo@montague.example".parse_bare())
        .unwrap();
    assert_eq!(
        (contact.out, contact.inward.clone()),
        (Outward::Without, Inward::From)
    );
    assert!(contact.groups.is_empty());
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
