//! What the fuzzer drives: whole exchanges out of arbitrary bytes.

use std::num::NonZeroU32;

use crate::sasl::ChannelBindings;
use crate::sasl::Credentials;
use crate::sasl::Derivation;
use crate::sasl::Exchange;
use crate::sasl::Fakes;
use crate::sasl::Hash;
use crate::sasl::Mechanism;
use crate::sasl::ScramKeys;
use crate::sasl::Step;
use crate::sasl::Terms;

/// One exchange; the first byte picks the mechanism, bytes 0xff part the messages.
///
/// True when the peer was let in, which a fuzzer without the password must not see.
pub(crate) fn exchange(input: &[u8]) -> bool {
    let (choice, rest) = input
        .split_first()
        .map_or((0, input), |(choice, rest)| (*choice, rest));
    let mechanisms = [Mechanism::PASSWORD.as_slice(), &Mechanism::TOKEN].concat();
    let Some(mechanism) = mechanisms.get(usize::from(choice) % mechanisms.len()) else {
        return false;
    };
    let mut step = Step::Challenge(Exchange::new(*mechanism, sasl_terms()), Vec::new());
    let mut messages = rest.split(|byte| *byte == 0xff);
    loop {
        step = match step {
            Step::Challenge(exchange, _) => match messages.next() {
                Some(message) => exchange.handle_message(message),
                None => return false,
            },
            Step::LookUp(exchange, claim) => {
                let found = (claim.name == "alice").then(sasl_account);
                exchange.handle_credentials(&claim.name, found)
            }
            Step::Derive(exchange, job) => exchange.handle_derived(&job.run()),
            Step::Accepted(_) => return true,
            Step::Refused(_) => return false,
        }
    }
}

fn sasl_terms() -> Terms {
    Terms {
        bindings: ChannelBindings {
            exporter: Some([7; 32]),
            endpoint: Some(Box::new([9; 32])),
        },
        is_plus_offered: true,
        downgrade_text: None,
        nonce: "fuzz".to_owned(),
        fakes: Fakes {
            secret: [3; 32],
            iterations: NonZeroU32::MIN,
        },
    }
}

fn sasl_account() -> Credentials {
    let keys = |hash: &Hash| -> Option<ScramKeys> {
        let job = Derivation::new(
            *hash,
            "a password no fuzzer finds",
            b"salt",
            NonZeroU32::MIN,
        );
        job.ok().map(|job| job.run())
    };
    Credentials {
        scram: Hash::ALL.iter().filter_map(keys).collect(),
        is_enabled: true,
        tokens: Vec::new(),
    }
}
