//! FAST: logins with tokens, and how a device comes by one.

use base64ct::Base64;
use base64ct::Encoding;

use super::auth2::*;
use super::login::content;
use super::pair::*;
use crate::sasl::Hash;
use crate::sasl::Token;
use crate::sasl::TokenBinding;
use crate::sasl::TokenSlot;

/// `<authenticate/>` with a token and these wishes.
fn with_token(secret: &str, mechanism: &str, binding: &[u8], wishes: &str) -> String {
    let proof = Hash::Sha256.hmac(secret.as_bytes(), &[b"Initiator", binding].concat());
    let message = Base64::encode_string(&[b"alice\0", proof.as_bytes()].concat());
    format!(
        "<authenticate {NS} mechanism='{mechanism}'><initial-response>{message}\
         </initial-response>{AGENT}{wishes}</authenticate>"
    )
}

fn tokens() -> Vec<Token> {
    let token = |slot, secret: &str| Token {
        slot,
        binding: TokenBinding::Exporter,
        secret: secret.into(),
        is_expired: secret == "stale",
    };
    vec![
        token(TokenSlot::Current, "secret"),
        token(TokenSlot::New, "stale"),
    ]
}

#[test]
fn a_token_is_handed_out_with_the_success() {
    let mut pair = open(fast());
    pair.world.new_token = Some("secret");
    let wishes = format!(
        "{AGENT}<request-token xmlns='urn:xmpp:fast:0' mechanism='HT-SHA-256-EXPR'/>\
         <bind xmlns='urn:xmpp:bind:0'/>"
    );
    pair.sends(&authenticate(PASSWORD, &wishes));
    assert_eq!(
        pair.events()[2],
        "token used=None invalidated=false wanted=Some(Exporter)"
    );
    assert_eq!(
        success(&mut pair),
        "<authorization-identifier>alice@example.org/one</authorization-identifier>\
         <token xmlns='urn:xmpp:fast:0' token='secret' expiry='1970-01-01T00:00:00.000Z'/>\
         <bound xmlns='urn:xmpp:bind:0'/>"
    );
}

#[test]
fn a_token_is_not_made_where_that_is_off() {
    let mut pair = open(strict());
    let wishes =
        format!("{AGENT}<request-token xmlns='urn:xmpp:fast:0' mechanism='HT-SHA-256-EXPR'/>");
    pair.sends(&authenticate(PASSWORD, &wishes));
    assert_eq!(pair.events(), ["look up alice@example.org", "derive"]);
    success(&mut pair);
}

#[test]
fn a_token_lets_in_and_its_use_is_told() {
    let mut pair = open(fast());
    pair.world.tokens = tokens;
    let wishes = "<fast xmlns='urn:xmpp:fast:0' count='3' invalidate='true'/>\
                  <bind xmlns='urn:xmpp:bind:0'/>";
    pair.sends(&with_token("secret", "HT-SHA-256-EXPR", &[7; 32], wishes));
    let events = pair.events();
    assert_eq!(events[0], "look up alice@example.org");
    assert_eq!(
        events[1],
        "token used=Some(Current) invalidated=true wanted=None"
    );
    assert!(events[2].starts_with("bind "), "{events:?}");
    let answer = Hash::Sha256.hmac(b"secret", &[&b"Responder"[..], &[7; 32]].concat());
    let said = content(&success(&mut pair), "additional-data");
    assert_eq!(Base64::decode_vec(&said).unwrap(), answer.as_bytes());
}

#[test]
fn a_token_that_is_not_good_is_refused() {
    let mark = "<fast xmlns='urn:xmpp:fast:0'/>";
    let exporter: &[u8] = &[7; 32];
    for (secret, mechanism, binding, wishes, condition) in [
        ("wrong", "HT-SHA-256-EXPR", exporter, mark, "not-authorized"),
        (
            "secret",
            "HT-SHA-256-EXPR",
            &[8; 32],
            mark,
            "not-authorized",
        ),
        ("secret", "HT-SHA-256-NONE", &[], mark, "not-authorized"),
        (
            "stale",
            "HT-SHA-256-EXPR",
            exporter,
            mark,
            "credentials-expired",
        ),
        (
            "secret",
            "HT-SHA-256-EXPR",
            exporter,
            "",
            "invalid-mechanism",
        ),
    ] {
        let mut pair = open(fast());
        pair.world.tokens = tokens;
        let text = pair
            .sends(&with_token(secret, mechanism, binding, wishes))
            .reads();
        assert_eq!(text, failure(condition), "{secret} {mechanism}");
    }
}

#[test]
fn a_token_is_useless_where_tokens_are_off() {
    let mut pair = open(strict());
    pair.world.tokens = tokens;
    let request = with_token(
        "secret",
        "HT-SHA-256-EXPR",
        &[7; 32],
        "<fast xmlns='urn:xmpp:fast:0'/>",
    );
    assert_eq!(pair.sends(&request).reads(), failure("invalid-mechanism"));
}
