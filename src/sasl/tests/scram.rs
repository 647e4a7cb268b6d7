//! SCRAM: the vectors of RFC 5802 and RFC 7677, channel binding, and hostile messages.

use super::*;
use crate::sasl::downgrade_text;

/// A client of our own: what it would send for `pencil` after this challenge.
fn final_message(
    hash: Hash,
    first_bare: &str,
    challenge: &str,
    header: &str,
    bytes: &[u8],
) -> String {
    let field = |name: &str| {
        let found = challenge
            .split(',')
            .find_map(|part| part.strip_prefix(name));
        found.unwrap().to_owned()
    };
    let mut salted = vec![0; hash.length_bytes()];
    let algorithm = match hash {
        Hash::Sha1 => ring::pbkdf2::PBKDF2_HMAC_SHA1,
        Hash::Sha256 => ring::pbkdf2::PBKDF2_HMAC_SHA256,
    };
    let rounds = field("i=").parse().unwrap();
    ring::pbkdf2::derive(
        algorithm,
        rounds,
        &decode(&field("s=")),
        b"pencil",
        &mut salted,
    );
    let client_key = hash.hmac(&salted, b"Client Key");
    let stored_key = hash.digest(client_key.as_bytes());
    let binding = encode(&[header.as_bytes(), bytes].concat());
    let bare = format!("c={binding},r={}", field("r="));
    let signed = format!("{first_bare},{challenge},{bare}");
    let proof = client_key.xor(&hash.hmac(stored_key.as_bytes(), signed.as_bytes()));
    format!("{bare},p={}", encode(proof.as_bytes()))
}

/// Runs a whole login of `alice` with the given header; the account is real.
fn log_in(mechanism_name: &str, terms: Terms, header: &str, bytes: &[u8]) -> Step {
    let Mechanism::Scram { hash, .. } = mechanism(mechanism_name) else {
        panic!("not SCRAM");
    };
    let exchange = Exchange::new(mechanism(mechanism_name), terms);
    let step = exchange.handle_message(format!("{header}n=alice,r=abc").as_bytes());
    let Step::LookUp(exchange, _) = step else {
        return step;
    };
    let (exchange, challenge) =
        challenged(exchange.handle_credentials("alice", Some(account(b"0123456789abcdef"))));
    let message = final_message(hash, "n=alice,r=abc", &challenge, header, bytes);
    exchange.handle_message(message.as_bytes())
}

/// The exchange after an honest first message of `alice`, with its challenge.
fn until_proof(found: Option<Credentials>) -> (Exchange, String) {
    let exchange = Exchange::new(mechanism("SCRAM-SHA-256"), terms("xyz"));
    let (exchange, _) = looked_up(exchange.handle_message(b"n,,n=alice,r=abc"));
    challenged(exchange.handle_credentials("alice", found))
}

fn first(mechanism_name: &str, terms: Terms, message: &[u8]) -> Step {
    Exchange::new(mechanism(mechanism_name), terms).handle_message(message)
}

/// RFC 5802 section 5.
#[test]
fn sha_1_follows_the_published_exchange() {
    let exchange = Exchange::new(mechanism("SCRAM-SHA-1"), terms("3rfcNHYJY1ZVvWVs7j"));
    let (exchange, claim) =
        looked_up(exchange.handle_message(b"n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL"));
    assert_eq!(claim.name, "user");
    assert_eq!(claim.authzid, None);
    let salt = decode("QSXCR+Q6sek8bf92");
    let (exchange, challenge) =
        challenged(exchange.handle_credentials("user", Some(account(&salt))));
    assert_eq!(
        challenge,
        "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096"
    );
    let accepted = accepted(exchange.handle_message(
        b"c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
    ));
    assert_eq!(
        accepted.additional.as_deref(),
        Some(&b"v=rmF9pqV8S7suAoZWja4dJRkFsKQ="[..])
    );
}

/// RFC 7677 section 3.
#[test]
fn sha_256_follows_the_published_exchange() {
    let exchange = Exchange::new(
        mechanism("SCRAM-SHA-256"),
        terms("%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"),
    );
    let (exchange, _) = looked_up(exchange.handle_message(b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO"));
    let salt = decode("W22ZaJ0SNY7soEsUEjb6gQ==");
    let (exchange, challenge) =
        challenged(exchange.handle_credentials("user", Some(account(&salt))));
    assert_eq!(
        challenge,
        "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
    );
    let accepted = accepted(exchange.handle_message(
        b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
          p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
    ));
    assert_eq!(
        accepted.additional.as_deref(),
        Some(&b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="[..])
    );
}

#[test]
fn a_missing_initial_response_is_asked_for() {
    let exchange = Exchange::new(mechanism("SCRAM-SHA-1"), terms("xyz"));
    let (exchange, challenge) = challenged(exchange.handle_initial(None));
    assert_eq!(challenge, "");
    looked_up(exchange.handle_message(b"n,,n=user,r=abc"));
}

#[test]
fn a_name_is_unescaped_and_the_authzid_handed_on() {
    let step = first(
        "SCRAM-SHA-1",
        terms("xyz"),
        b"n,a=a=2Cb,n=a=3Db=2Cc,r=abc,x=ignored",
    );
    let (_, claim) = looked_up(step);
    assert_eq!(claim.name, "a=b,c");
    assert_eq!(claim.authzid.as_deref(), Some("a,b"));
}

#[test]
fn channel_binding_works_with_each_type_and_hash() {
    for name in ["SCRAM-SHA-1-PLUS", "SCRAM-SHA-256-PLUS"] {
        accepted(log_in(
            name,
            bound_terms("xyz"),
            "p=tls-exporter,,",
            &EXPORTER,
        ));
        accepted(log_in(
            name,
            bound_terms("xyz"),
            "p=tls-server-end-point,,",
            &ENDPOINT,
        ));
    }
}

#[test]
fn a_client_without_channel_binding_is_welcome_where_it_is_offered() {
    accepted(log_in("SCRAM-SHA-256", bound_terms("xyz"), "n,,", b""));
}

#[test]
fn the_flag_y_is_fine_where_no_binding_is_offered() {
    accepted(log_in("SCRAM-SHA-256", terms("xyz"), "y,,", b""));
}

/// RFC 5802 section 6: somebody removed the -PLUS mechanisms from our offer.
#[test]
fn the_flag_y_is_a_downgrade_where_binding_is_offered() {
    let step = log_in("SCRAM-SHA-256", bound_terms("xyz"), "y,,", b"");
    assert_eq!(refused(step), Refusal::PeerDowngraded);
}

#[test]
fn bytes_of_another_tls_session_are_refused() {
    let step = log_in(
        "SCRAM-SHA-256-PLUS",
        bound_terms("xyz"),
        "p=tls-exporter,,",
        &[8; 32],
    );
    assert_eq!(refused(step), Refusal::PeerBindingDiffers);
}

#[test]
fn a_changed_header_is_refused() {
    let exchange = Exchange::new(mechanism("SCRAM-SHA-256"), terms("xyz"));
    let (exchange, _) = looked_up(exchange.handle_message(b"n,,n=alice,r=abc"));
    let (exchange, challenge) =
        challenged(exchange.handle_credentials("alice", Some(account(b"salt"))));
    let message = final_message(Hash::Sha256, "n=alice,r=abc", &challenge, "y,,", b"");
    let step = exchange.handle_message(message.as_bytes());
    assert_eq!(refused(step), Refusal::PeerBindingDiffers);
}

#[test]
fn a_binding_that_this_stream_lacks_is_refused() {
    for header in ["p=tls-unique,,", "p=fancy,,"] {
        let step = log_in("SCRAM-SHA-256-PLUS", bound_terms("xyz"), header, b"");
        assert_eq!(refused(step), Refusal::PeerBindingUnknown);
    }
}

#[test]
fn flag_and_mechanism_must_agree() {
    let without = log_in(
        "SCRAM-SHA-256",
        bound_terms("x"),
        "p=tls-exporter,,",
        &EXPORTER,
    );
    assert_eq!(refused(without), Refusal::PeerMalformed);
    for header in ["n,,", "y,,"] {
        let with = log_in("SCRAM-SHA-256-PLUS", bound_terms("xyz"), header, b"");
        assert_eq!(refused(with), Refusal::PeerMalformed);
    }
}

#[test]
fn a_wrong_password_is_refused() {
    let found = Credentials {
        scram: vec![keys(Hash::Sha256, "eraser", b"salt")],
        is_enabled: true,
        tokens: Vec::new(),
    };
    let (exchange, challenge) = until_proof(Some(found));
    let message = final_message(Hash::Sha256, "n=alice,r=abc", &challenge, "n,,", b"");
    let step = exchange.handle_message(message.as_bytes());
    assert_eq!(refused(step), Refusal::PeerCredentials);
}

#[test]
fn an_unknown_name_looks_like_any_other() {
    let (exchange, challenge) = until_proof(None);
    let (_, again) = until_proof(None);
    assert_eq!(challenge, again, "the salt must be stable");
    let (_, real) = until_proof(Some(account(b"0123456789abcdef")));
    assert_eq!(challenge.len(), real.len());
    let message = final_message(Hash::Sha256, "n=alice,r=abc", &challenge, "n,,", b"");
    let step = exchange.handle_message(message.as_bytes());
    assert_eq!(refused(step), Refusal::PeerCredentials);
}

#[test]
fn two_unknown_names_have_different_salts_and_two_hashes_the_same() {
    let fakes = terms("x").fakes;
    let alice = fakes.keys(Hash::Sha256, "alice");
    assert_ne!(alice.salt, fakes.keys(Hash::Sha256, "bob").salt);
    assert_eq!(alice.salt, fakes.keys(Hash::Sha1, "alice").salt);
}

#[test]
fn an_account_without_keys_for_the_hash_is_like_an_unknown_one() {
    let found = Credentials {
        scram: vec![keys(Hash::Sha1, "pencil", b"salt")],
        is_enabled: true,
        tokens: Vec::new(),
    };
    let (_, challenge) = until_proof(Some(found));
    let (_, unknown) = until_proof(None);
    assert_eq!(challenge, unknown);
}

/// Only who knows the password learns that the account is disabled.
#[test]
fn a_disabled_account_is_told_after_its_proof() {
    for (password, refusal) in [
        ("pencil", Refusal::PeerDisabled),
        ("eraser", Refusal::PeerCredentials),
    ] {
        let found = Credentials {
            scram: vec![keys(Hash::Sha256, password, b"salt")],
            is_enabled: false,
            tokens: Vec::new(),
        };
        let (exchange, challenge) = until_proof(Some(found));
        let message = final_message(Hash::Sha256, "n=alice,r=abc", &challenge, "n,,", b"");
        assert_eq!(
            refused(exchange.handle_message(message.as_bytes())),
            refusal
        );
    }
}

#[test]
fn a_changed_nonce_is_refused() {
    for nonce in ["abcxyzz", "abc", "abcxy", "xyz"] {
        let (exchange, _) = until_proof(Some(account(b"salt")));
        let message = format!("c=biws,r={nonce},p={}", encode(&[0; 32]));
        let step = exchange.handle_message(message.as_bytes());
        assert_eq!(refused(step), Refusal::PeerNonceDiffers);
    }
}

#[test]
fn a_hostile_first_message_is_refused() {
    let hostile: [&[u8]; 24] = [
        b"",
        b",",
        b",,",
        b"n",
        b"n,",
        b"n,,",
        b"n,,n=alice",
        b"n,,n=alice,",
        b"n,,n=alice,r=",
        b"n,,n=,r=abc",
        b"n,,r=abc,n=alice",
        b"n,,m=must,n=alice,r=abc",
        b"n,,n=al=ice,r=abc",
        b"n,,n=alice=,r=abc",
        b"n,,n=alice=2c,r=abc",
        b"n,,n=alice,r=a bc",
        b"n,,n=alice,r=abc,",
        b"n,,n=alice,r=abc,broken",
        b"n,,n=alice,r=abc,x=",
        b"n,alice,n=alice,r=abc",
        b"n,a=,n=alice,r=abc",
        b"q,,n=alice,r=abc",
        b"p=,,n=alice,r=abc",
        b"n,,n=al\0ice,r=abc",
    ];
    for message in hostile {
        let step = first("SCRAM-SHA-256", terms("xyz"), message);
        let shown = String::from_utf8_lossy(message);
        assert_eq!(refused(step), Refusal::PeerMalformed, "{shown}");
    }
    let step = first("SCRAM-SHA-256", terms("xyz"), b"n,,n=\xff,r=abc");
    assert_eq!(refused(step), Refusal::PeerMalformed);
}

#[test]
fn a_hostile_final_message_is_refused() {
    for message in [
        "",
        "c=biws",
        "c=biws,r=abcxyz",
        "c=biws,r=abcxyz,p=",
        "c=biws,r=abcxyz,p=AAAA",
        "c=biws,r=abcxyz,p=!!!!",
        "c=!,r=abcxyz,p=AAAA",
        "r=abcxyz,c=biws,p=AAAA",
        "c=biws,m=x,r=abcxyz,p=AAAA",
        "c=biws,r=abcxyz,zz,p=AAAA",
        "c=biws,r=abcxyz,p=AAAA,x=behind",
        "e=other-error",
    ] {
        let (exchange, _) = until_proof(Some(account(b"salt")));
        let step = exchange.handle_message(message.as_bytes());
        assert_eq!(refused(step), Refusal::PeerMalformed, "{message}");
    }
}

#[test]
fn a_message_while_a_look_up_runs_is_refused() {
    let (exchange, _) = looked_up(first("SCRAM-SHA-1", terms("x"), b"n,,n=alice,r=abc"));
    assert_eq!(
        refused(exchange.handle_message(b"n,,n=alice,r=abc")),
        Refusal::PeerMalformed
    );
}

/// XEP-0474 section 4.3.
#[test]
fn the_downgrade_hash_follows_the_published_example() {
    let text = downgrade_text(
        &["SCRAM-SHA-1-PLUS", "SCRAM-SHA-1"],
        &["tls-server-end-point", "tls-exporter"],
    );
    let digest = Hash::Sha1.digest(text.as_bytes());
    assert_eq!(encode(digest.as_bytes()), "G6k/rBLDqgOhRRaCuuatSDFkJ08=");
}

#[test]
fn the_downgrade_hash_is_part_of_what_is_signed() {
    let with_hash = || Terms {
        downgrade_text: Some(downgrade_text(&["SCRAM-SHA-256"], &[])),
        ..terms("xyz")
    };
    accepted(log_in("SCRAM-SHA-256", with_hash(), "n,,", b""));

    let exchange = Exchange::new(mechanism("SCRAM-SHA-256"), with_hash());
    let (exchange, _) = looked_up(exchange.handle_message(b"n,,n=alice,r=abc"));
    let (exchange, challenge) =
        challenged(exchange.handle_credentials("alice", Some(account(b"salt"))));
    let (stripped, _) = challenge.split_once(",h=").unwrap();
    let message = final_message(Hash::Sha256, "n=alice,r=abc", stripped, "n,,", b"");
    let step = exchange.handle_message(message.as_bytes());
    assert_eq!(refused(step), Refusal::PeerCredentials);
}
