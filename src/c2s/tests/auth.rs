//! STARTTLS and SASL as in RFC 6120: who is let in, and what everybody else hears.

use base64ct::Base64;
use base64ct::Encoding;

use super::pair::*;
use crate::c2s::Settings;

const SASL: &str = "xmlns='urn:ietf:params:xml:ns:xmpp-sasl'";
const STARTTLS: &str = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";

fn auth(mechanism: &str, text: &str) -> String {
    format!("<auth {SASL} mechanism='{mechanism}'>{text}</auth>")
}

/// What a stranger with this stream hears after `request`.
fn hears(pair: &mut Pair, request: &str) -> String {
    pair.sends(HEADER).reads();
    pair.sends(request).reads()
}

fn failure(condition: &str) -> String {
    format!("<failure {SASL}><{condition}/></failure>")
}

#[test]
fn with_tls_required_there_is_nothing_else() {
    let mut pair = Pair::new(strict());
    let text = pair.sends(HEADER).reads();
    assert!(text.contains(
        "<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls>\
         <limits xmlns='urn:xmpp:stream-limits:0'><max-bytes>10000</max-bytes>"
    ), "{text}");
    assert!(!text.contains("mechanism"), "{text}");
}

#[test]
fn tls_brings_the_mechanisms_and_their_bindings() {
    let mut pair = Pair::new(strict());
    assert_eq!(
        hears(&mut pair, STARTTLS),
        "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
    );
    assert_eq!(pair.events(), ["start tls"]);
    let text = pair.sends(HEADER).reads();
    assert!(!text.contains("starttls"), "{text}");
    assert!(
        text.contains(&format!(
            "<mechanisms {SASL}><mechanism>SCRAM-SHA-256-PLUS</mechanism>\
         <mechanism>SCRAM-SHA-256</mechanism><mechanism>SCRAM-SHA-1-PLUS</mechanism>\
         <mechanism>SCRAM-SHA-1</mechanism><mechanism>PLAIN</mechanism></mechanisms>\
         <sasl-channel-binding xmlns='urn:xmpp:sasl-cb:0'>\
         <channel-binding type='tls-exporter'/>\
         <channel-binding type='tls-server-end-point'/></sasl-channel-binding>"
        )),
        "{text}"
    );
}

/// Somebody on the way could put a login there that the TLS session then takes for its own.
#[test]
fn what_follows_starttls_in_the_clear_is_dropped() {
    let mut pair = Pair::new(strict());
    pair.sends(HEADER).reads();
    pair.sends(&format!("{STARTTLS}{HEADER}{}", plain("alice", PASSWORD)));
    assert_eq!(pair.events(), ["start tls"]);
    assert_eq!(
        pair.reads(),
        "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
    );
    assert!(pair.sends(HEADER).reads().contains("<mechanism>"));
}

#[test]
fn starttls_where_there_is_none_ends_the_stream() {
    let without = Settings {
        offers_tls: false,
        ..settings()
    };
    for mut pair in [Pair::new(without), Pair::encrypted(settings())] {
        let text = hears(&mut pair, STARTTLS);
        assert_eq!(
            text,
            "<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:stream>"
        );
        assert!(pair.session.is_closed());
    }
}

#[test]
fn plain_is_offered_in_the_clear_only_where_that_is_allowed() {
    let careful = || Settings {
        allows_plaintext: false,
        ..settings()
    };
    assert!(
        Pair::new(settings())
            .sends(HEADER)
            .reads()
            .contains("PLAIN")
    );
    let text = Pair::new(careful()).sends(HEADER).reads();
    assert!(
        text.contains("SCRAM-SHA-256<") && !text.contains("PLAIN"),
        "{text}"
    );
    let text = hears(&mut Pair::new(careful()), &plain("alice", PASSWORD));
    assert_eq!(text, failure("encryption-required"));
    let text = hears(&mut Pair::new(strict()), &auth("SCRAM-SHA-1", "biws"));
    assert_eq!(text, failure("encryption-required"));
}

#[test]
fn the_right_password_opens_a_new_stream() {
    let mut pair = Pair::new(settings());
    let text = hears(&mut pair, &plain("Alice", PASSWORD));
    assert_eq!(text, format!("<success {SASL}/>"));
    assert_eq!(pair.events(), ["look up alice@example.org", "derive"]);
    let text = pair.sends(HEADER).reads();
    assert!(
        text.contains("<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>"),
        "{text}"
    );
}

#[test]
fn every_refusal_has_its_condition() {
    let b64 = |text: &str| Base64::encode_string(text.as_bytes());
    let abort = format!("<abort {SASL}/>");
    let response = format!("<response {SASL}>AAAA</response>");
    for (request, condition) in [
        (plain("alice", "eraser"), "not-authorized"),
        (plain("nobody", PASSWORD), "not-authorized"),
        (plain("al ice", PASSWORD), "not-authorized"),
        (plain("alice@example.org", PASSWORD), "not-authorized"),
        (auth("PLAIN", "!!"), "incorrect-encoding"),
        (auth("PLAIN", "="), "malformed-request"),
        (auth("PLAIN", &b64("alice")), "malformed-request"),
        (
            auth("PLAIN", &b64("bob@example.org\0alice\0pencil")),
            "invalid-authzid",
        ),
        (
            auth("PLAIN", &b64("alice@example.org/x\0alice\0pencil")),
            "invalid-authzid",
        ),
        (auth("DIGEST-MD5", "="), "invalid-mechanism"),
        (auth("SCRAM-SHA-1-PLUS", "="), "invalid-mechanism"),
        (auth("HT-SHA-256-NONE", "="), "invalid-mechanism"),
        (format!("<auth {SASL}/>"), "invalid-mechanism"),
        (abort, "aborted"),
        (response, "malformed-request"),
    ] {
        let mut pair = Pair::new(settings());
        assert_eq!(hears(&mut pair, &request), failure(condition), "{request}");
        assert!(!pair.session.is_closed());
        assert!(
            pair.events()
                .iter()
                .any(|event| event.starts_with("refused "))
        );
    }
}

#[test]
fn an_own_bare_authzid_is_fine() {
    let message = Base64::encode_string(b"alice@example.org\0alice\0pencil");
    let text = hears(&mut Pair::new(settings()), &auth("PLAIN", &message));
    assert_eq!(text, format!("<success {SASL}/>"));
}

#[test]
fn a_disabled_account_and_a_server_in_trouble_say_so() {
    let mut pair = Pair::new(settings());
    pair.world.is_enabled = false;
    let text = hears(&mut pair, &plain("alice", PASSWORD));
    assert_eq!(text, failure("account-disabled"));
    let mut pair = Pair::new(settings());
    pair.world.is_available = false;
    let text = hears(&mut pair, &plain("alice", PASSWORD));
    assert_eq!(text, failure("temporary-auth-failure"));
}

#[test]
fn a_login_can_be_aborted_and_tried_again() {
    let mut pair = Pair::new(settings());
    let text = hears(&mut pair, &auth("SCRAM-SHA-1", ""));
    assert_eq!(text, format!("<challenge {SASL}/>"));
    let text = pair.sends(&format!("<abort {SASL}/>")).reads();
    assert_eq!(text, failure("aborted"));
    let text = pair.sends(&plain("alice", PASSWORD)).reads();
    assert_eq!(text, format!("<success {SASL}/>"));
}

/// RFC 6120 section 6.4.5.
#[test]
fn too_many_tries_end_the_stream() {
    let mut pair = Pair::new(settings());
    pair.sends(HEADER).reads();
    for _ in 0..3 {
        let text = pair.sends(&plain("alice", "eraser")).reads();
        assert_eq!(text, failure("not-authorized"));
    }
    pair.sends(&plain("alice", "eraser"));
    assert_eq!(pair.dies(), "policy-violation");
}

#[test]
fn only_messages_belong_into_an_exchange() {
    for (element, condition) in [
        ("<message/>", "not-authorized"),
        ("<a xmlns='urn:x'/>", "unsupported-stanza-type"),
        (&*plain("alice", PASSWORD), "unsupported-stanza-type"),
        (STARTTLS, "unsupported-stanza-type"),
    ] {
        let mut pair = Pair::new(settings());
        hears(&mut pair, &auth("SCRAM-SHA-1", ""));
        pair.sends(element);
        assert_eq!(pair.dies(), condition, "{element}");
    }
}

#[test]
fn nothing_is_taken_while_the_core_is_asked() {
    let mut pair = Pair::new(settings());
    pair.world.is_slow = true;
    pair.sends(HEADER).reads();
    pair.sends(&format!("{}{HEADER}", plain("alice", PASSWORD)));
    assert!(pair.session.is_waiting());
    assert_eq!(pair.reads(), "");
    pair.answer();
    assert_eq!(pair.reads(), "");
    pair.answer();
    let text = pair.reads();
    assert!(
        text.starts_with(&format!("<success {SASL}/><?xml")),
        "{text}"
    );
    assert!(text.ends_with("</stream:features>"), "{text}");
}
