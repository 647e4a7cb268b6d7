//! Exchanges against the published vectors, and every way to be refused.

mod scram;
mod single;

use std::num::NonZeroU32;

use base64ct::Base64;
use base64ct::Encoding;

use crate::sasl::Accepted;
use crate::sasl::ChannelBindings;
use crate::sasl::Claim;
use crate::sasl::Credentials;
use crate::sasl::Derivation;
use crate::sasl::Exchange;
use crate::sasl::Fakes;
use crate::sasl::Hash;
use crate::sasl::Mechanism;
use crate::sasl::Refusal;
use crate::sasl::ScramKeys;
use crate::sasl::Step;
use crate::sasl::Terms;

pub(super) const EXPORTER: [u8; 32] = [7; 32];
pub(super) const ENDPOINT: [u8; 48] = [9; 48];

pub(super) fn iterations() -> NonZeroU32 {
    NonZeroU32::new(4_096).unwrap()
}

pub(super) fn bindings() -> ChannelBindings {
    ChannelBindings {
        exporter: Some(EXPORTER),
        endpoint: Some(Box::new(ENDPOINT)),
    }
}

/// The terms of a stream without TLS.
pub(super) fn terms(nonce: &str) -> Terms {
    Terms {
        bindings: ChannelBindings::default(),
        is_plus_offered: false,
        downgrade_text: None,
        nonce: nonce.to_owned(),
        fakes: Fakes {
            secret: [3; 32],
            iterations: iterations(),
        },
    }
}

/// The terms of a stream with TLS.
pub(super) fn bound_terms(nonce: &str) -> Terms {
    Terms {
        bindings: bindings(),
        is_plus_offered: true,
        ..terms(nonce)
    }
}

pub(super) fn keys(hash: Hash, password: &str, salt: &[u8]) -> ScramKeys {
    Derivation::new(hash, password, salt, iterations())
        .unwrap()
        .run()
}

/// An account with the password `pencil` and the salt `salt` under both hashes.
pub(super) fn account(salt: &[u8]) -> Credentials {
    Credentials {
        scram: Hash::ALL
            .iter()
            .map(|hash| keys(*hash, "pencil", salt))
            .collect(),
        is_enabled: true,
        tokens: Vec::new(),
    }
}

pub(super) fn mechanism(name: &str) -> Mechanism {
    Mechanism::parse(name).unwrap()
}

pub(super) fn looked_up(step: Step) -> (Exchange, Claim) {
    match step {
        Step::LookUp(exchange, claim) => (exchange, claim),
        other => panic!("no look-up but {}", name(&other)),
    }
}

pub(super) fn challenged(step: Step) -> (Exchange, String) {
    match step {
        Step::Challenge(exchange, message) => (exchange, String::from_utf8(message).unwrap()),
        other => panic!("no challenge but {}", name(&other)),
    }
}

pub(super) fn derived(step: Step) -> (Exchange, Derivation) {
    match step {
        Step::Derive(exchange, job) => (exchange, job),
        other => panic!("no derivation but {}", name(&other)),
    }
}

pub(super) fn accepted(step: Step) -> Accepted {
    match step {
        Step::Accepted(accepted) => accepted,
        other => panic!("not accepted but {}", name(&other)),
    }
}

pub(super) fn refused(step: Step) -> Refusal {
    match step {
        Step::Refused(refusal) => refusal,
        other => panic!("not refused but {}", name(&other)),
    }
}

fn name(step: &Step) -> String {
    match step {
        Step::Challenge(_, message) => {
            format!("the challenge {}", String::from_utf8_lossy(message))
        }
        Step::LookUp(_, claim) => format!("a look-up of {claim:?}"),
        Step::Derive(..) => "a derivation".to_owned(),
        Step::Accepted(accepted) => format!("{accepted:?}"),
        Step::Refused(refusal) => format!("{refusal:?}"),
    }
}

pub(super) fn decode(text: &str) -> Vec<u8> {
    Base64::decode_vec(text).unwrap()
}

pub(super) fn encode(bytes: &[u8]) -> String {
    Base64::encode_string(bytes)
}
