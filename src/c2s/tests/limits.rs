//! Bounds: bytes and time of strangers, size of stanzas, silence.

use super::pair::*;
use crate::base::limits::STRANGER_STANZA_BYTES_MAX;
use crate::base::limits::STRANGER_STREAM_BYTES_MAX;
use crate::base::random::Rng;
use crate::c2s::Settings;
use crate::c2s::fuzz;

#[test]
fn a_stranger_may_not_send_much_at_once() {
    let mut pair = Pair::new(settings());
    let body = "x".repeat(STRANGER_STANZA_BYTES_MAX);
    pair.sends(HEADER).sends(&format!("<auth>{body}</auth>"));
    assert_eq!(pair.dies(), "policy-violation");
}

#[test]
fn a_stranger_may_not_send_much_in_all() {
    let mut pair = Pair::new(settings());
    pair.sends(HEADER);
    let spaces = " ".repeat(1_000);
    for _ in 0..=STRANGER_STREAM_BYTES_MAX / 1_000 {
        pair.sends(&spaces);
    }
    assert_eq!(pair.dies(), "policy-violation");
}

#[test]
fn a_stranger_with_a_login_but_no_session_is_still_one() {
    let mut pair = Pair::new(settings());
    pair.sends(HEADER)
        .sends(&plain("alice", PASSWORD))
        .sends(HEADER);
    let request = "<enable xmlns='urn:xmpp:sm:3'/>".repeat(100);
    for _ in 0..=STRANGER_STREAM_BYTES_MAX / request.len() {
        pair.sends(&request);
    }
    assert_eq!(pair.dies(), "policy-violation");
}

#[test]
fn a_client_with_a_session_may_send_much() {
    let mut pair = Pair::online();
    let body = "x".repeat(200_000);
    for _ in 1..=3 {
        pair.sends(&format!("<message><body>{body}</body></message>"));
        let events = pair.events();
        assert!(events[0].starts_with("<message>"));
    }
    let body = "x".repeat(262_144);
    pair.sends(&format!("<message><body>{body}</body></message>"));
    assert_eq!(pair.dies(), "policy-violation");
}

#[test]
fn the_size_of_a_stanza_is_a_setting() {
    let mut pair = Pair::new(Settings {
        stanza_bytes_max: 20_000,
        ..settings()
    });
    pair.logs_in();
    let body = "x".repeat(20_000);
    pair.sends(&format!("<message><body>{body}</body></message>"));
    assert_eq!(pair.dies(), "policy-violation");
}

#[test]
fn a_login_has_to_be_over_in_time() {
    let mut pair = Pair::new(settings());
    pair.waits_ms(59_000).sends(HEADER);
    assert!(!pair.session.is_closed());
    pair.waits_ms(1_000);
    assert_eq!(pair.dies(), "connection-timeout");
    assert!(pair.session.timeout().is_none());
}

/// A stranger that says nothing hears a whole stream, with the reason.
#[test]
fn a_silent_stranger_gets_a_header_with_its_error() {
    let mut pair = Pair::new(settings());
    let text = pair.waits_ms(60_000).reads();
    assert!(
        text.starts_with("<?xml version='1.0'?><stream:stream "),
        "{text}"
    );
    assert!(text.contains("<connection-timeout "), "{text}");
}

#[test]
fn the_time_for_the_login_ends_with_the_bind() {
    let mut pair = Pair::online();
    pair.waits_ms(299_000);
    assert!(!pair.session.is_closed());
    assert!(pair.events().is_empty());
}

#[test]
fn a_silent_client_is_asked_and_then_let_go() {
    let mut pair = Pair::online();
    pair.waits_ms(300_000);
    assert_eq!(pair.events(), ["silent"]);
    pair.waits_ms(299_999);
    assert!(!pair.session.is_closed());
    pair.waits_ms(1);
    assert_eq!(pair.dies(), "connection-timeout");
}

#[test]
fn a_client_that_answers_stays() {
    let mut pair = Pair::online();
    for _ in 0..5 {
        pair.waits_ms(300_000);
        assert_eq!(pair.events(), ["silent"]);
        pair.waits_ms(1_000)
            .sends("<a xmlns='urn:xmpp:sm:3' h='0'/>");
        pair.events();
    }
    for _ in 0..100 {
        pair.waits_ms(200_000).sends(" ");
    }
    assert!(pair.events().is_empty());
    assert!(!pair.session.is_closed());
}

/// What a hostile client can make a session hold before its login.
#[test]
fn unfinished_elements_are_bounded() {
    let mut pair = Pair::new(settings());
    pair.sends(HEADER);
    for _ in 0..20 {
        pair.sends(&"<a>".repeat(200));
    }
    assert_eq!(pair.dies(), "policy-violation");
}

#[test]
fn after_the_end_nothing_is_taken() {
    let mut pair = Pair::online();
    pair.sends("</stream:stream>");
    pair.events();
    pair.reads();
    pair.sends("<presence/>").waits_ms(1_000_000);
    assert!(pair.events().is_empty());
    assert_eq!(pair.reads(), "");
}

/// Programs of the fuzzer, from a fixed seed: nothing panics, no promise is broken.
#[test]
fn strangers_get_nowhere_whatever_they_say() {
    let mut rng = Rng::from_number(0x6d65_6572);
    for round in 0..3_000 {
        let mut program = vec![u8::try_from(rng.below(256)).unwrap(), 1];
        for _ in 0..rng.below(40) {
            // Mostly pieces of the protocol, some answers and seconds, some noise.
            let step = match rng.below(10) {
                0 => 0x40 + rng.below(2),
                1 => rng.below(256),
                _ => rng.below(24),
            };
            program.push(u8::try_from(step).unwrap());
        }
        assert_eq!(
            fuzz::stranger(&program),
            Ok(()),
            "round {round}: {program:?}"
        );
    }
}

/// The fuzzer's core must be able to let somebody in, or its promise would be empty.
#[test]
fn the_fuzzer_notices_a_session() {
    let script = format!("{HEADER}{}{HEADER}{BIND}", plain("alice", "never said"));
    let mut program = vec![16];
    for chunk in script.as_bytes().chunks(0x3f) {
        program.push(0x80 + u8::try_from(chunk.len()).unwrap());
        program.extend_from_slice(chunk);
    }
    assert_eq!(fuzz::stranger(&program), Err("a stranger got a session"));
}
