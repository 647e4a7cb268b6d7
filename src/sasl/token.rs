//! The token mechanisms of FAST (XEP-0484): one message, one HMAC, no round trip.
//!
//! A device got a random token with an earlier success. `HT-SHA-256-*` proves it by an HMAC over a
//! fixed word and the bytes of the channel binding; the answer proves the same of the server.

use crate::base::secret::Secret;
use crate::sasl::Accepted;
use crate::sasl::ChannelBindings;
use crate::sasl::Claim;
use crate::sasl::Credentials;
use crate::sasl::Digest;
use crate::sasl::Exchange;
use crate::sasl::Hash;
use crate::sasl::Refusal;
use crate::sasl::State;
use crate::sasl::Step;
use crate::sasl::Terms;

/// What a token mechanism is bound to; a token belongs to exactly one (XEP-0484 section 3.4).
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum TokenBinding {
    /// `EXPR`: this very TLS session.
    Exporter,
    /// `ENDP`: the server's certificate.
    Endpoint,
    /// `NONE`: nothing.
    Unbound,
}

/// The two places a device's token can be in (XEP-0484 section 5.1).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum TokenSlot {
    /// Handed out, not yet seen in use.
    New,
    /// In use until a new one is.
    Current,
}

/// One token of the device that asks.
pub(crate) struct Token {
    pub(crate) slot: TokenSlot,
    pub(crate) binding: TokenBinding,
    /// The text that the device was given; it is the key as it stands.
    pub(crate) secret: Secret,
    /// Past its end, or withdrawn: the device may know that it was right, and asks for a password.
    pub(crate) is_expired: bool,
}

/// The tokens of the name and its device are being looked up.
pub(crate) struct LookUp {
    terms: Terms,
    binding: TokenBinding,
    proof: Digest,
}

impl TokenBinding {
    /// What is signed besides the fixed word; `None` where this stream has no such binding.
    pub(crate) fn bytes(self, bindings: &ChannelBindings) -> Option<&[u8]> {
        match self {
            Self::Exporter => bindings.bytes("tls-exporter"),
            Self::Endpoint => bindings.bytes("tls-server-end-point"),
            Self::Unbound => Some(&[]),
        }
    }
}

/// `authcid NUL HMAC(token, "Initiator" || cb-data)`.
pub(crate) fn handle_message(
    binding: TokenBinding,
    terms: Terms,
    message: &[u8],
) -> Result<Step, Refusal> {
    let zero = message.iter().position(|byte| *byte == 0);
    let (name, rest) = zero
        .and_then(|zero| message.split_at_checked(zero))
        .ok_or(Refusal::PeerMalformed)?;
    let proof = rest.split_first().map_or(&[][..], |(_, proof)| proof);
    let proof = Digest::from_bytes(Hash::Sha256, proof).ok_or(Refusal::PeerMalformed)?;
    let name = str::from_utf8(name).map_err(|_| Refusal::PeerMalformed)?;
    if name.is_empty() {
        return Err(Refusal::PeerMalformed);
    }
    let claim = Claim {
        name: name.to_owned(),
        authzid: None,
    };
    let state = LookUp {
        terms,
        binding,
        proof,
    };
    Ok(Step::LookUp(Exchange(State::TokenLookUp(state)), claim))
}

impl LookUp {
    pub(crate) fn handle_credentials(
        self,
        name: &str,
        found: Option<Credentials>,
    ) -> Result<Accepted, Refusal> {
        let bytes = self.binding.bytes(&self.terms.bindings);
        let bytes = bytes.ok_or(Refusal::PeerBindingUnknown)?;
        let initiator = [b"Initiator", bytes].concat();
        let fake = self.terms.fakes.keys(Hash::Sha256, name).stored_key;
        let is_enabled = found.as_ref().is_none_or(|found| found.is_enabled);
        let tokens = found.map(|found| found.tokens).unwrap_or_default();

        // Both slots are always tried, so that a missing token costs what a wrong one does.
        let mut matching = None;
        for slot in [TokenSlot::New, TokenSlot::Current] {
            let token = tokens.iter().find(|token| token.slot == slot);
            let key = token.map_or(fake.as_bytes(), |token| token.secret.expose());
            let is_right = Hash::Sha256.hmac(key, &initiator) == self.proof;
            let token = token.filter(|token| is_right && token.binding == self.binding);
            matching = matching.or(token);
        }
        let token = matching.ok_or(Refusal::PeerCredentials)?;
        if token.is_expired {
            return Err(Refusal::PeerTokenExpired);
        }
        if !is_enabled {
            return Err(Refusal::PeerDisabled);
        }
        let responder = [b"Responder", bytes].concat();
        let answer = Hash::Sha256.hmac(token.secret.expose(), &responder);
        Ok(Accepted {
            additional: Some(answer.as_bytes().to_vec()),
            token: Some(token.slot),
        })
    }
}
