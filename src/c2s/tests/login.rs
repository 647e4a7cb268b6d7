//! Whole logins, and that nothing depends on how the network cuts them.

use base64ct::Base64;
use base64ct::Encoding;

use super::pair::*;
use crate::sasl::Hash;

const SASL: &str = "xmlns='urn:ietf:params:xml:ns:xmpp-sasl'";

/// The text inside the only element of `name` in `text`.
pub(super) fn content(text: &str, name: &str) -> String {
    let (_, rest) = text.split_once(&format!("<{name}")).expect(text);
    let (_, rest) = rest.split_once('>').unwrap();
    rest.split_once('<').unwrap().0.to_owned()
}

/// SCRAM as a client does it: the final message for a challenge, and the signature it expects.
pub(super) fn scram(bare: &str, challenge: &str, header: &str, binding: &[u8]) -> (String, String) {
    let field = |name: &str| {
        let found = challenge
            .split(',')
            .find_map(|part| part.strip_prefix(name));
        found.unwrap().to_owned()
    };
    let hash = Hash::Sha256;
    let mut salted = [0; 32];
    ring::pbkdf2::derive(
        ring::pbkdf2::PBKDF2_HMAC_SHA256,
        field("i=").parse().unwrap(),
        &Base64::decode_vec(&field("s=")).unwrap(),
        PASSWORD.as_bytes(),
        &mut salted,
    );
    let client_key = hash.hmac(&salted, b"Client Key");
    let stored_key = hash.digest(client_key.as_bytes());
    let binding = Base64::encode_string(&[header.as_bytes(), binding].concat());
    let last = format!("c={binding},r={}", field("r="));
    let signed = format!("{bare},{challenge},{last}");
    let proof = client_key.xor(&hash.hmac(stored_key.as_bytes(), signed.as_bytes()));
    let server_key = hash.hmac(&salted, b"Server Key");
    let signature = hash.hmac(server_key.as_bytes(), signed.as_bytes());
    (
        format!("{last},p={}", Base64::encode_string(proof.as_bytes())),
        format!("v={}", Base64::encode_string(signature.as_bytes())),
    )
}

fn scram_login(pair: &mut Pair, mechanism: &str, header: &str, binding: &[u8]) {
    let bare = "n=alice,r=abc";
    let first = Base64::encode_string(format!("{header}{bare}").as_bytes());
    pair.sends(HEADER).reads();
    let text = pair
        .sends(&format!(
            "<auth {SASL} mechanism='{mechanism}'>{first}</auth>"
        ))
        .reads();
    let challenge = Base64::decode_vec(&content(&text, "challenge")).unwrap();
    let challenge = String::from_utf8(challenge).unwrap();
    let (last, signature) = scram(bare, &challenge, header, binding);
    let last = Base64::encode_string(last.as_bytes());
    let text = pair
        .sends(&format!("<response {SASL}>{last}</response>"))
        .reads();
    let said = Base64::decode_vec(&content(&text, "success")).unwrap();
    assert_eq!(String::from_utf8(said).unwrap(), signature);
}

#[test]
fn scram_lets_in_with_and_without_channel_binding() {
    scram_login(&mut Pair::new(settings()), "SCRAM-SHA-256", "n,,", b"");
    let mut pair = Pair::encrypted(strict());
    scram_login(
        &mut pair,
        "SCRAM-SHA-256-PLUS",
        "p=tls-exporter,,",
        &[7; 32],
    );
}

/// XEP-0474: the client can tell that nobody shortened the lists.
#[test]
fn the_challenge_protects_what_was_offered() {
    let mut pair = Pair::new(crate::c2s::Settings {
        protects_from_downgrade: true,
        ..settings()
    });
    pair.sends(HEADER).reads();
    let first = Base64::encode_string(b"n,,n=alice,r=abc");
    let text = pair
        .sends(&format!(
            "<auth {SASL} mechanism='SCRAM-SHA-256'>{first}</auth>"
        ))
        .reads();
    let challenge = Base64::decode_vec(&content(&text, "challenge")).unwrap();
    let hash = Hash::Sha256.digest(b"PLAIN\x1eSCRAM-SHA-1\x1eSCRAM-SHA-256");
    let expected = format!(",h={}", Base64::encode_string(hash.as_bytes()));
    let challenge = String::from_utf8(challenge).unwrap();
    assert!(challenge.ends_with(&expected), "{challenge}");
}

/// Everything from the first byte to the goodbye, without the proof of SCRAM.
fn script() -> String {
    [
        "<?xml version='1.0' encoding='UTF-8'?>\n",
        HEADER,
        &plain("alice", "eraser"),
        " \n",
        &plain("alice", PASSWORD),
        "<?xml version='1.0'?>",
        HEADER,
        "<enable xmlns='urn:xmpp:sm:3'/>",
        "<resume xmlns='urn:xmpp:sm:3' previd='x' h='3'/>",
        BIND,
        "<enable xmlns='urn:xmpp:sm:3' resume='true' max='60'/>\n",
        "<presence/> <message to='bob@example.org'><body>h\u{e9} &amp; \u{1f600}</body></message>",
        "<r xmlns='urn:xmpp:sm:3'/><a xmlns='urn:xmpp:sm:3' h='2'/>",
        "<inactive xmlns='urn:xmpp:csi:0'/>",
        "<iq type='get' id='1' from='alice@example.org'><query xmlns='jabber:iq:roster'/></iq>",
        "</stream:stream>",
    ]
    .concat()
}

#[test]
fn the_script_does_what_it_says() {
    let mut pair = Pair::new(settings());
    pair.sends(&script());
    assert_eq!(
        pair.events(),
        [
            "look up alice@example.org",
            "derive",
            "refused PeerCredentials",
            "look up alice@example.org",
            "derive",
            "resume x 3",
            "bind alice@example.org Any None",
            "Enable(Enable { is_resumable: true, max_seconds: Some(60) })",
            "<presence/>",
            "<message to='bob@example.org'><body>h\u{e9} &amp; \u{1f600}</body></message>",
            "Request",
            "Ack { h: 2 }",
            "Inactive",
            "<iq type='get' id='1' from='alice@example.org'>\
             <query xmlns='jabber:iq:roster'/></iq>",
            "Finished",
        ]
    );
    let text = pair.reads();
    for part in [
        "<failed xmlns='urn:xmpp:sm:3'><unexpected-request ",
        "<failed xmlns='urn:xmpp:sm:3'><item-not-found ",
        "<jid>alice@example.org/one</jid>",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert!(text.ends_with("</iq></stream:stream>"), "{text}");
}

#[test]
fn a_login_cut_anywhere_is_the_same_login() {
    let script = script();
    let mut whole = Pair::new(settings());
    whole.sends(&script);
    let (text, events) = (whole.reads(), whole.events());
    for cut in 1..script.len() {
        let (first, second) = script.as_bytes().split_at(cut);
        let mut pair = Pair::new(settings());
        pair.sends_bytes(first).sends_bytes(second);
        assert_eq!(
            (pair.reads(), pair.events()),
            (text.clone(), events.clone()),
            "cut at {cut}"
        );
    }
}

#[test]
fn a_login_byte_by_byte_is_the_same_login() {
    let script = script();
    let mut whole = Pair::new(settings());
    whole.sends(&script);
    let mut pair = Pair::new(settings());
    for byte in script.as_bytes() {
        pair.sends_bytes(&[*byte]);
    }
    assert_eq!(
        (pair.reads(), pair.events()),
        (whole.reads(), whole.events())
    );
}

/// The core takes its time for every answer, and the client does not wait for any.
#[test]
fn a_pipelined_login_waits_for_each_answer() {
    let script = script();
    let mut whole = Pair::new(settings());
    whole.sends(&script);
    let mut pair = Pair::new(settings());
    pair.world.is_slow = true;
    pair.sends(&script);
    while pair.session.is_waiting() && !pair.session.is_closed() {
        pair.answer();
    }
    assert_eq!(
        (pair.reads(), pair.events()),
        (whole.reads(), whole.events())
    );
}
