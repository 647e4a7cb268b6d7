//! SCRAM (RFC 5802, RFC 7677): both sides prove that they know the password, neither says it.
//!
//! ```text
//! client                          server
//!   n,,n=alice,r=X      ->                      the claim: look up its keys, or make some
//!                       <-   r=XY,s=salt,i=..   what to derive from
//!   c=..,r=XY,p=proof   ->                      compared with StoredKey
//!                       <-   v=signature        made with ServerKey
//! ```
//!
//! A name without an account gets the same first answer every time and fails at the proof.

use base64ct::Base64;
use base64ct::Encoding;
use subtle::ConstantTimeEq;

use crate::sasl::Accepted;
use crate::sasl::Claim;
use crate::sasl::Credentials;
use crate::sasl::Digest;
use crate::sasl::Exchange;
use crate::sasl::Hash;
use crate::sasl::Refusal;
use crate::sasl::ScramKeys;
use crate::sasl::State;
use crate::sasl::Step;
use crate::sasl::Terms;
use crate::sasl::scram_message::BindingFlag;
use crate::sasl::scram_message::ClientFinal;
use crate::sasl::scram_message::ClientFirst;

/// The first message is understood; the keys of the name are being looked up.
pub(crate) struct LookUp {
    hash: Hash,
    terms: Terms,
    first_bare: String,
    /// What the client's final message must repeat: the GS2 header and the bytes of the binding.
    binding: Vec<u8>,
    client_nonce: String,
}

/// The challenge is out; the proof is awaited.
pub(crate) struct Final {
    keys: ScramKeys,
    /// Unset for a name without account, whatever the proof says.
    is_real: bool,
    is_enabled: bool,
    binding: Vec<u8>,
    nonce: String,
    /// `client-first-message-bare "," server-first-message`, signed by both sides.
    signed: String,
}

pub(crate) fn handle_first(
    hash: Hash,
    is_plus: bool,
    terms: Terms,
    message: &[u8],
) -> Result<Step, Refusal> {
    let first = ClientFirst::parse(message)?;
    let bytes = check_binding(first.flag, is_plus, &terms)?;
    let claim = Claim {
        name: first.name,
        authzid: first.authzid,
    };
    let state = LookUp {
        hash,
        first_bare: first.bare.to_owned(),
        binding: [first.header.as_bytes(), bytes].concat(),
        client_nonce: first.nonce.to_owned(),
        terms,
    };
    Ok(Step::LookUp(Exchange(State::ScramLookUp(state)), claim))
}

/// The bytes that the client's `c=` must end with.
fn check_binding<'a>(
    flag: BindingFlag<'_>,
    is_plus: bool,
    terms: &'a Terms,
) -> Result<&'a [u8], Refusal> {
    match (flag, is_plus) {
        (BindingFlag::Used(name), true) => {
            let bytes = terms.bindings.bytes(name);
            bytes.ok_or(Refusal::PeerBindingUnknown)
        }
        // RFC 5802 section 6: the client would have bound had it seen our -PLUS offer.
        (BindingFlag::NotOffered, false) if terms.is_plus_offered => Err(Refusal::PeerDowngraded),
        (BindingFlag::NotOffered | BindingFlag::Unsupported, false) => Ok(&[]),
        // The flag and the chosen mechanism contradict each other.
        (BindingFlag::Used(_), false)
        | (BindingFlag::NotOffered | BindingFlag::Unsupported, true) => Err(Refusal::PeerMalformed),
    }
}

impl LookUp {
    pub(crate) fn handle_credentials(self, name: &str, found: Option<Credentials>) -> Step {
        // Made for real names as well: the time until the challenge must not differ.
        let fake = self.terms.fakes.keys(self.hash, name);
        let is_enabled = found.as_ref().is_none_or(|found| found.is_enabled);
        let keys = found.and_then(|found| {
            let mut all = found.scram.into_iter();
            all.find(|keys| keys.hash() == self.hash)
        });
        let is_real = keys.is_some();
        let keys = keys.unwrap_or(fake);

        let nonce = format!("{}{}", self.client_nonce, self.terms.nonce);
        let salt = Base64::encode_string(&keys.salt);
        let mut message = format!("r={nonce},s={salt},i={}", keys.iterations);
        if let Some(text) = &self.terms.downgrade_text {
            let digest = self.hash.digest(text.as_bytes());
            message.push_str(",h=");
            message.push_str(&Base64::encode_string(digest.as_bytes()));
        }
        let state = Final {
            keys,
            is_real,
            is_enabled,
            binding: self.binding,
            nonce,
            signed: format!("{},{message}", self.first_bare),
        };
        Step::Challenge(Exchange(State::ScramFinal(state)), message.into_bytes())
    }
}

impl Final {
    pub(crate) fn handle_final(self, message: &[u8]) -> Result<Accepted, Refusal> {
        let last = ClientFinal::parse(message)?;
        if last.nonce != self.nonce {
            return Err(Refusal::PeerNonceDiffers);
        }
        if !bool::from(last.binding.ct_eq(&self.binding)) {
            return Err(Refusal::PeerBindingDiffers);
        }
        let hash = self.keys.hash();
        let proof = Digest::from_bytes(hash, &last.proof).ok_or(Refusal::PeerMalformed)?;

        let signed = format!("{},{}", self.signed, last.without_proof);
        let signature = hash.hmac(self.keys.stored_key.as_bytes(), signed.as_bytes());
        let client_key = proof.xor(&signature);
        let is_right = hash.digest(client_key.as_bytes()) == self.keys.stored_key;
        if !is_right || !self.is_real {
            return Err(Refusal::PeerCredentials);
        }
        if !self.is_enabled {
            return Err(Refusal::PeerDisabled);
        }
        let signature = hash.hmac(self.keys.server_key.as_bytes(), signed.as_bytes());
        let signature = Base64::encode_string(signature.as_bytes());
        Ok(Accepted {
            additional: Some(format!("v={signature}").into_bytes()),
            token: None,
        })
    }
}
