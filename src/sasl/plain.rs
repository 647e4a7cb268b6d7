//! PLAIN (RFC 4616): the password itself; the caller offers it where nobody listens.
//!
//! It costs us a key derivation, for a name without account too.

use zeroize::Zeroizing;

use crate::sasl::Accepted;
use crate::sasl::Claim;
use crate::sasl::Credentials;
use crate::sasl::Derivation;
use crate::sasl::Digest;
use crate::sasl::Exchange;
use crate::sasl::Hash;
use crate::sasl::Refusal;
use crate::sasl::ScramKeys;
use crate::sasl::State;
use crate::sasl::Step;
use crate::sasl::Terms;

/// The keys of the name are being looked up.
pub(crate) struct LookUp {
    terms: Terms,
    password: Zeroizing<String>,
}

/// The password is being derived.
pub(crate) struct Derive {
    stored_key: Digest,
    is_real: bool,
    is_enabled: bool,
}

/// `[authzid] NUL authcid NUL password`.
pub(crate) fn handle_message(terms: Terms, message: &[u8]) -> Result<Step, Refusal> {
    let text = str::from_utf8(message).map_err(|_| Refusal::PeerMalformed)?;
    let mut fields = text.split('\0');
    let (Some(authzid), Some(name), Some(password), None) =
        (fields.next(), fields.next(), fields.next(), fields.next())
    else {
        return Err(Refusal::PeerMalformed);
    };
    if name.is_empty() || password.is_empty() {
        return Err(Refusal::PeerMalformed);
    }
    let claim = Claim {
        name: name.to_owned(),
        authzid: (!authzid.is_empty()).then(|| authzid.to_owned()),
    };
    let state = LookUp {
        terms,
        password: Zeroizing::new(password.to_owned()),
    };
    Ok(Step::LookUp(Exchange(State::PlainLookUp(state)), claim))
}

impl LookUp {
    pub(crate) fn handle_credentials(self, name: &str, found: Option<Credentials>) -> Step {
        let fake = self.terms.fakes.keys(Hash::Sha256, name);
        let is_enabled = found.as_ref().is_none_or(|found| found.is_enabled);
        // An account that was imported may have keys for the older hash only.
        let keys = found.and_then(|found| found.scram.into_iter().max_by_key(ScramKeys::hash));
        let is_real = keys.is_some();
        let keys = keys.unwrap_or(fake);
        let state = Derive {
            stored_key: keys.stored_key,
            is_real,
            is_enabled,
        };
        match Derivation::new(keys.hash(), &self.password, &keys.salt, keys.iterations) {
            Ok(job) => Step::Derive(Exchange(State::PlainDerive(state)), job),
            // No account has such a password; whether this one exists plays no part here.
            Err(_) => Step::Refused(Refusal::PeerCredentials),
        }
    }
}

impl Derive {
    pub(crate) fn handle_derived(self, derived: &ScramKeys) -> Result<Accepted, Refusal> {
        let is_right = derived.stored_key == self.stored_key;
        if !is_right || !self.is_real {
            return Err(Refusal::PeerCredentials);
        }
        if !self.is_enabled {
            return Err(Refusal::PeerDisabled);
        }
        Ok(Accepted {
            additional: None,
            token: None,
        })
    }
}
