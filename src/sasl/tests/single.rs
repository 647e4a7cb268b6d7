//! PLAIN and the token mechanisms: one message each.

use super::*;
use crate::sasl::Token;
use crate::sasl::TokenBinding;
use crate::sasl::TokenSlot;

fn plain(message: &[u8]) -> Step {
    Exchange::new(mechanism("PLAIN"), terms("x")).handle_message(message)
}

fn plain_login(password: &str, found: Option<Credentials>) -> Step {
    let message = format!("\0alice\0{password}");
    let (exchange, _) = looked_up(plain(message.as_bytes()));
    let (exchange, job) = derived(exchange.handle_credentials("alice", found));
    exchange.handle_derived(&job.run())
}

#[test]
fn plain_takes_the_right_password() {
    let accepted = accepted(plain_login("pencil", Some(account(b"salt"))));
    assert_eq!(accepted.additional, None);
}

#[test]
fn plain_prepares_the_password_as_the_registration_did() {
    // A no-break space is a space, and a soft hyphen nothing, to SASLprep.
    let found = Credentials {
        scram: vec![keys(Hash::Sha256, "pen cil", b"salt")],
        is_enabled: true,
        tokens: Vec::new(),
    };
    accepted(plain_login("pen\u{a0}c\u{ad}il", Some(found)));
}

#[test]
fn plain_works_with_keys_of_the_older_hash_alone() {
    let found = Credentials {
        scram: vec![keys(Hash::Sha1, "pencil", b"salt")],
        is_enabled: true,
        tokens: Vec::new(),
    };
    accepted(plain_login("pencil", Some(found)));
}

#[test]
fn plain_refuses_a_wrong_password() {
    let step = plain_login("eraser", Some(account(b"salt")));
    assert_eq!(refused(step), Refusal::PeerCredentials);
}

/// The derivation must be the same work, or a stopwatch tells who exists.
#[test]
fn plain_derives_for_an_unknown_name_too() {
    assert_eq!(
        refused(plain_login("pencil", None)),
        Refusal::PeerCredentials
    );
}

#[test]
fn plain_tells_a_disabled_account_after_its_proof() {
    for (password, refusal) in [
        ("pencil", Refusal::PeerDisabled),
        ("eraser", Refusal::PeerCredentials),
    ] {
        let found = Credentials {
            is_enabled: false,
            ..account(b"salt")
        };
        assert_eq!(refused(plain_login(password, Some(found))), refusal);
    }
}

#[test]
fn plain_hands_on_the_authzid() {
    let (_, claim) = looked_up(plain(b"alice@example.org\0alice\0pencil"));
    assert_eq!(claim.authzid.as_deref(), Some("alice@example.org"));
}

#[test]
fn plain_refuses_what_is_not_three_fields() {
    let hostile: [&[u8]; 7] = [
        b"",
        b"\0",
        b"alice\0pencil",
        b"\0alice\0",
        b"\0\0pencil",
        b"\0alice\0pencil\0more",
        b"\0al\xffice\0pencil",
    ];
    for message in hostile {
        assert_eq!(refused(plain(message)), Refusal::PeerMalformed);
    }
}

#[test]
fn a_password_that_cannot_be_prepared_is_refused() {
    for password in ["", "bell\u{7}", "\u{ad}"] {
        assert!(Derivation::new(Hash::Sha256, password, b"salt", iterations()).is_err());
    }
    let (exchange, _) = looked_up(plain(b"\0alice\0bell\x07"));
    let step = exchange.handle_credentials("alice", Some(account(b"salt")));
    assert_eq!(refused(step), Refusal::PeerCredentials);
}

fn token(slot: TokenSlot, binding: TokenBinding, secret: &str) -> Token {
    Token {
        slot,
        binding,
        secret: secret.into(),
        is_expired: false,
    }
}

fn device(tokens: Vec<Token>) -> Credentials {
    Credentials {
        scram: Vec::new(),
        is_enabled: true,
        tokens,
    }
}

/// What a device with the token `secret` sends and gets.
fn token_login(name: &str, bytes: &[u8], secret: &str, found: Option<Credentials>) -> Step {
    let proof = Hash::Sha256.hmac(secret.as_bytes(), &[b"Initiator", bytes].concat());
    let message = [b"alice\0", proof.as_bytes()].concat();
    let exchange = Exchange::new(mechanism(name), bound_terms("x"));
    let (exchange, claim) = looked_up(exchange.handle_message(&message));
    assert_eq!(claim.name, "alice");
    exchange.handle_credentials("alice", found)
}

#[test]
fn a_token_is_taken_with_each_binding_and_answered() {
    for (name, binding, bytes) in [
        ("HT-SHA-256-EXPR", TokenBinding::Exporter, &EXPORTER[..]),
        ("HT-SHA-256-ENDP", TokenBinding::Endpoint, &ENDPOINT[..]),
        ("HT-SHA-256-NONE", TokenBinding::Unbound, &[][..]),
    ] {
        let found = Some(device(vec![token(TokenSlot::Current, binding, "secret")]));
        let accepted = accepted(token_login(name, bytes, "secret", found));
        let answer = Hash::Sha256.hmac(b"secret", &[b"Responder", bytes].concat());
        assert_eq!(accepted.additional.as_deref(), Some(answer.as_bytes()));
        assert_eq!(accepted.token, Some(TokenSlot::Current));
    }
}

#[test]
fn both_slots_are_tried() {
    for (secret, slot) in [("old", TokenSlot::Current), ("new", TokenSlot::New)] {
        let found = Some(device(vec![
            token(TokenSlot::Current, TokenBinding::Unbound, "old"),
            token(TokenSlot::New, TokenBinding::Unbound, "new"),
        ]));
        let accepted = accepted(token_login("HT-SHA-256-NONE", b"", secret, found));
        assert_eq!(accepted.token, Some(slot));
    }
}

/// XEP-0484 section 3.4: a token made for a bound mechanism must not work without the binding.
#[test]
fn a_token_works_with_its_own_mechanism_only() {
    let found = Some(device(vec![token(
        TokenSlot::Current,
        TokenBinding::Exporter,
        "secret",
    )]));
    let step = token_login("HT-SHA-256-NONE", b"", "secret", found);
    assert_eq!(refused(step), Refusal::PeerCredentials);
}

#[test]
fn a_token_that_is_wrong_bound_elsewhere_or_unknown_is_refused() {
    let found = || {
        Some(device(vec![token(
            TokenSlot::Current,
            TokenBinding::Exporter,
            "secret",
        )]))
    };
    for (bytes, secret, found) in [
        (&EXPORTER, "wrong", found()),
        (&[8; 32], "secret", found()),
        (&EXPORTER, "secret", Some(device(Vec::new()))),
        (&EXPORTER, "secret", None),
    ] {
        let step = token_login("HT-SHA-256-EXPR", bytes, secret, found);
        assert_eq!(refused(step), Refusal::PeerCredentials);
    }
}

#[test]
fn an_expired_token_is_told_to_who_knows_it() {
    for (secret, refusal) in [
        ("secret", Refusal::PeerTokenExpired),
        ("wrong", Refusal::PeerCredentials),
    ] {
        let found = Some(device(vec![Token {
            is_expired: true,
            ..token(TokenSlot::Current, TokenBinding::Unbound, "secret")
        }]));
        let step = token_login("HT-SHA-256-NONE", b"", secret, found);
        assert_eq!(refused(step), refusal);
    }
}

#[test]
fn a_hostile_token_message_is_refused() {
    let hostile: [&[u8]; 5] = [b"", b"alice", b"alice\0", b"alice\0short", &[0; 33]];
    for message in hostile {
        let exchange = Exchange::new(mechanism("HT-SHA-256-NONE"), bound_terms("x"));
        assert_eq!(
            refused(exchange.handle_message(message)),
            Refusal::PeerMalformed
        );
    }
}

#[test]
fn mechanisms_need_the_binding_they_are_named_for() {
    let none = ChannelBindings::default();
    let exporter = ChannelBindings {
        exporter: Some(EXPORTER),
        endpoint: None,
    };
    assert!(!mechanism("SCRAM-SHA-1-PLUS").is_possible(&none));
    assert!(mechanism("SCRAM-SHA-1-PLUS").is_possible(&exporter));
    assert!(!mechanism("HT-SHA-256-ENDP").is_possible(&exporter));
    assert!(mechanism("HT-SHA-256-EXPR").is_possible(&exporter));
    assert!(mechanism("HT-SHA-256-NONE").is_possible(&none));
}

#[test]
fn every_mechanism_is_found_by_its_name() {
    for mechanism in Mechanism::PASSWORD.into_iter().chain(Mechanism::TOKEN) {
        assert_eq!(Mechanism::parse(mechanism.name()), Some(mechanism));
    }
    assert_eq!(Mechanism::parse("SCRAM-MD5"), None);
}

/// Seeded noise around the grammar: nothing panics, nobody gets in.
#[test]
fn noise_is_refused_by_every_mechanism() {
    let pieces: [&[u8]; 16] = [
        b"n,,",
        b"y,,",
        b"p=tls-exporter,,",
        b"n=alice",
        b"n=bob",
        b",",
        b"r=abc",
        b"r=abcfuzz",
        b"c=biws",
        b"p=",
        b"AAAA",
        b"\0",
        b"alice",
        b"pencil",
        b"=2C",
        b"\xff",
    ];
    let mut state = 0x1234_5678_u32;
    for round in 0..20_000_u32 {
        let mut input = vec![u8::try_from(round % 8).unwrap()];
        for _ in 0..12 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            input.extend_from_slice(pieces[usize::try_from(state >> 28).unwrap()]);
        }
        assert!(!crate::testing::fuzz_sasl(&input), "{input:?}");
    }
}
