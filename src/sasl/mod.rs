//! SASL mechanisms as pure exchanges, server side: messages in, one [`Step`] out.
//!
//! An [`Exchange`] proves one thing: that the peer knows the secret of the name it claims. It looks
//! nothing up and derives nothing by itself: what costs a disk or a second of CPU leaves as a step,
//! and the answer comes back through a `handle_*` method.
//!
//! Nobody learns from answers or timing which accounts exist: an unknown name goes through the same
//! steps with keys made from a secret of the server ([`Fakes`]), and fails where a wrong password does.

mod binding;
pub(crate) mod fuzz;
mod plain;
mod scram;
mod scram_message;
#[cfg(test)]
mod tests;
mod token;
mod verifier;

pub(crate) use self::binding::ChannelBindings;
pub(crate) use self::binding::downgrade_text;
pub(crate) use self::token::Token;
pub(crate) use self::token::TokenBinding;
pub(crate) use self::token::TokenSlot;
pub(crate) use self::verifier::Derivation;
pub(crate) use self::verifier::Digest;
pub(crate) use self::verifier::Fakes;
pub(crate) use self::verifier::Hash;
pub(crate) use self::verifier::ScramKeys;

/// One authentication in progress. Every call consumes it; it lives on in the [`Step`].
pub(crate) struct Exchange(State);

/// The mechanisms' states that wait for something.
enum State {
    /// Nothing was received yet; the first message decides what happens.
    Start(Mechanism, Terms),
    ScramLookUp(scram::LookUp),
    ScramFinal(scram::Final),
    PlainLookUp(plain::LookUp),
    PlainDerive(plain::Derive),
    TokenLookUp(token::LookUp),
}

/// What an exchange has to know about its stream and its server.
pub(crate) struct Terms {
    /// What the TLS session below offers for binding; empty without TLS.
    pub(crate) bindings: ChannelBindings,
    /// A mechanism with channel binding was offered, so the flag `y` is a downgrade.
    pub(crate) is_plus_offered: bool,
    /// The text of XEP-0474 section 4.1 whose hash goes into the server's first message.
    pub(crate) downgrade_text: Option<String>,
    /// The server's part of the nonce: printable, without a comma, unpredictable, used once.
    pub(crate) nonce: String,
    /// Keys for names that do not exist.
    pub(crate) fakes: Fakes,
}

/// What an exchange wants next.
pub(crate) enum Step {
    /// Send this to the peer and hand its answer to [`Exchange::handle_message`].
    Challenge(Exchange, Vec<u8>),
    /// Find the credentials of this name, then [`Exchange::handle_credentials`].
    LookUp(Exchange, Claim),
    /// Run this where it hurts nobody, then [`Exchange::handle_derived`].
    Derive(Exchange, Derivation),
    /// The peer is who it claims to be.
    Accepted(Accepted),
    /// It is not, or did not say so properly.
    Refused(Refusal),
}

/// Who the peer claims to be; to be checked by the caller as addresses.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Claim {
    /// The authentication identity: the local part of an address, not yet prepared.
    pub(crate) name: String,
    /// The authorization identity, if there is one that is not empty.
    pub(crate) authzid: Option<String>,
}

/// The end of a successful exchange.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Accepted {
    /// What the mechanism tells the peer with the success (RFC 4422 section 3.6).
    pub(crate) additional: Option<Vec<u8>>,
    /// The token that was used, so that its predecessors can be dropped (XEP-0484 section 3.5).
    pub(crate) token: Option<TokenSlot>,
}

/// What is stored about an account, as far as authentication goes.
pub(crate) struct Credentials {
    /// One verifier for each hash that the account has keys for.
    pub(crate) scram: Vec<ScramKeys>,
    /// A disabled account is told so once it has proved who it is, not before.
    pub(crate) is_enabled: bool,
    /// The tokens of the device that asks, if it named itself.
    pub(crate) tokens: Vec<Token>,
}

/// The mechanisms of this server.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Mechanism {
    /// RFC 5802 and RFC 7677, with or without channel binding.
    Scram { hash: Hash, is_plus: bool },
    /// RFC 4616: the password itself.
    Plain,
    /// The token mechanisms of FAST (XEP-0484).
    Token(TokenBinding),
}

/// Why an exchange failed.
///
/// The peer sees the condition only; which of several reasons for `not-authorized` it was is for
/// tests and log lines.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Refusal {
    PeerAborted,
    PeerEncoding,
    PeerMalformed,
    PeerMechanismUnknown,
    /// The authorization identity is not the peer's own bare address.
    PeerAuthzid,
    /// A password without TLS where the settings forbid it.
    PeerUnencrypted,
    /// The peer believes that channel binding was not offered: somebody removed it on the way.
    PeerDowngraded,
    /// A type of channel binding that this stream does not have.
    PeerBindingUnknown,
    /// The peer sees another TLS session than we do.
    PeerBindingDiffers,
    PeerNonceDiffers,
    PeerCredentials,
    PeerDisabled,
    PeerTokenExpired,
    /// The account could not be read now.
    LocalTemporary,
}

impl Exchange {
    pub(crate) fn new(mechanism: Mechanism, terms: Terms) -> Self {
        Self(State::Start(mechanism, terms))
    }

    /// The initial response, which RFC 6120 section 6.4.2 lets a client leave out.
    pub(crate) fn handle_initial(self, message: Option<&[u8]>) -> Step {
        match message {
            Some(message) => self.handle_message(message),
            // RFC 4422 section 5: the client speaks first, so it is asked with nothing.
            None => Step::Challenge(self, Vec::new()),
        }
    }

    pub(crate) fn handle_message(self, message: &[u8]) -> Step {
        let step = match self.0 {
            State::Start(Mechanism::Scram { hash, is_plus }, terms) => {
                scram::handle_first(hash, is_plus, terms, message)
            }
            State::Start(Mechanism::Plain, terms) => plain::handle_message(terms, message),
            State::Start(Mechanism::Token(binding), terms) => {
                token::handle_message(binding, terms, message)
            }
            State::ScramFinal(state) => state.handle_final(message).map(Step::Accepted),
            // The peer speaks out of turn.
            State::ScramLookUp(_)
            | State::PlainLookUp(_)
            | State::PlainDerive(_)
            | State::TokenLookUp(_) => Err(Refusal::PeerMalformed),
        };
        step.unwrap_or_else(Step::Refused)
    }

    /// The answer to [`Step::LookUp`]: `found` is `None` when there is no such account.
    ///
    /// `name` is the claimed name, prepared: all its spellings must get the same fake keys.
    pub(crate) fn handle_credentials(self, name: &str, found: Option<Credentials>) -> Step {
        match self.0 {
            State::ScramLookUp(state) => state.handle_credentials(name, found),
            State::PlainLookUp(state) => state.handle_credentials(name, found),
            State::TokenLookUp(state) => state
                .handle_credentials(name, found)
                .map_or_else(Step::Refused, Step::Accepted),
            State::Start(..) | State::ScramFinal(_) | State::PlainDerive(_) => {
                Step::Refused(Refusal::LocalTemporary)
            }
        }
    }

    /// The answer to [`Step::Derive`].
    pub(crate) fn handle_derived(self, derived: &ScramKeys) -> Step {
        match self.0 {
            State::PlainDerive(state) => state
                .handle_derived(derived)
                .map_or_else(Step::Refused, Step::Accepted),
            _ => Step::Refused(Refusal::LocalTemporary),
        }
    }
}

impl Mechanism {
    /// The mechanisms that start from a password, best first.
    pub(crate) const PASSWORD: [Self; 5] = [
        Self::Scram {
            hash: Hash::Sha256,
            is_plus: true,
        },
        Self::Scram {
            hash: Hash::Sha256,
            is_plus: false,
        },
        Self::Scram {
            hash: Hash::Sha1,
            is_plus: true,
        },
        Self::Scram {
            hash: Hash::Sha1,
            is_plus: false,
        },
        Self::Plain,
    ];

    /// The mechanisms that start from a token, best first.
    pub(crate) const TOKEN: [Self; 3] = [
        Self::Token(TokenBinding::Exporter),
        Self::Token(TokenBinding::Endpoint),
        Self::Token(TokenBinding::Unbound),
    ];

    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::PASSWORD
            .into_iter()
            .chain(Self::TOKEN)
            .find(|mechanism| mechanism.name() == name)
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Scram { hash, is_plus } => match (hash, is_plus) {
                (Hash::Sha256, true) => "SCRAM-SHA-256-PLUS",
                (Hash::Sha256, false) => "SCRAM-SHA-256",
                (Hash::Sha1, true) => "SCRAM-SHA-1-PLUS",
                (Hash::Sha1, false) => "SCRAM-SHA-1",
            },
            Self::Plain => "PLAIN",
            Self::Token(TokenBinding::Exporter) => "HT-SHA-256-EXPR",
            Self::Token(TokenBinding::Endpoint) => "HT-SHA-256-ENDP",
            Self::Token(TokenBinding::Unbound) => "HT-SHA-256-NONE",
        }
    }

    pub(crate) const fn is_plus(self) -> bool {
        match self {
            Self::Scram { is_plus, .. } => is_plus,
            Self::Plain | Self::Token(_) => false,
        }
    }

    /// Whether the TLS session below can carry this mechanism's binding.
    pub(crate) fn is_possible(self, bindings: &ChannelBindings) -> bool {
        match self {
            Self::Scram { is_plus, .. } => !is_plus || !bindings.is_empty(),
            Self::Plain => true,
            Self::Token(binding) => binding.bytes(bindings).is_some(),
        }
    }
}

impl Refusal {
    /// The element of RFC 6120 section 6.5 that says so.
    pub(crate) const fn condition(self) -> &'static str {
        match self {
            Self::PeerAborted => "aborted",
            Self::PeerEncoding => "incorrect-encoding",
            Self::PeerMalformed => "malformed-request",
            Self::PeerMechanismUnknown => "invalid-mechanism",
            Self::PeerAuthzid => "invalid-authzid",
            Self::PeerUnencrypted => "encryption-required",
            Self::PeerDowngraded
            | Self::PeerBindingUnknown
            | Self::PeerBindingDiffers
            | Self::PeerNonceDiffers
            | Self::PeerCredentials => "not-authorized",
            Self::PeerDisabled => "account-disabled",
            Self::PeerTokenExpired => "credentials-expired",
            Self::LocalTemporary => "temporary-auth-failure",
        }
    }
}
