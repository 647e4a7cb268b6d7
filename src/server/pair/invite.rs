//! The invitation: one line that carries all that the joining board has to know.
//!
//! `meerkat-pair:1:ADDRESSES:KEY:SECRET` - addresses with commas between them, the hash of the inviting
//! board's key, and 128 random bits. Whoever has read the line can join in its stead, so it is good once,
//! and for ten minutes. What proves it is bound to the connection that it is sent on, and to the key of
//! the board that sends it: neither is worth anything elsewhere.

use std::fmt;

use base64ct::Base64UrlUnpadded;
use base64ct::Encoding as _;
use ring::hmac;

use crate::base::mirror_limits::PEER_ADDRESSES_MAX;
use crate::base::random::Entropy as _;
use crate::base::secret::Secret;
use crate::base::time::Monotonic;
use crate::net::address::Address;
use crate::net::entropy::SystemEntropy;
use crate::net::peer::identity::Pin;
use crate::server::pair::file;

const SECRET_BYTES: usize = 16;
const SCHEME: &str = "meerkat-pair";
const VERSION: &str = "1";

/// Kept in memory only: a new start makes it void.
pub(super) struct Invite {
    pub(super) secret: Secret,
    pub(super) until: Monotonic,
}

/// What the line says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct InviteLine {
    pub(crate) addresses: Vec<Address>,
    pub(crate) pin: Pin,
    pub(crate) secret: Secret,
}

/// Why a line is none. All are mistakes in copying, but for the version.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum LineError {
    NotAnInvite,
    OtherVersion,
    BadAddress,
    BadKey,
    BadSecret,
}

/// Shows that its maker knows the secret, on this connection, with this key.
pub(super) type Proof = [u8; 32];

impl Invite {
    pub(super) fn new(until: Monotonic) -> Self {
        let mut secret = [0; SECRET_BYTES];
        SystemEntropy::new().fill(&mut secret);
        Self {
            secret: Secret::from(secret.as_slice()),
            until,
        }
    }
}

impl InviteLine {
    pub(crate) fn parse(line: &str) -> Result<Self, LineError> {
        let rest = line.trim().strip_prefix(SCHEME);
        let rest = rest.and_then(|rest| rest.strip_prefix(':'));
        let (version, rest) = rest
            .and_then(|rest| rest.split_once(':'))
            .ok_or(LineError::NotAnInvite)?;
        if version != VERSION {
            return Err(LineError::OtherVersion);
        }
        // Addresses have colons of their own, the other parts have none.
        let (rest, secret) = rest.rsplit_once(':').ok_or(LineError::NotAnInvite)?;
        let (addresses, pin) = rest.rsplit_once(':').ok_or(LineError::NotAnInvite)?;
        let mut bytes = [0; SECRET_BYTES];
        let secret = Base64UrlUnpadded::decode(secret, &mut bytes).ok();
        let secret = secret.filter(|secret| secret.len() == SECRET_BYTES);
        let secret = Secret::from(secret.ok_or(LineError::BadSecret)?);
        let pin = Pin::parse(pin).ok_or(LineError::BadKey)?;
        let addresses: Vec<&str> = addresses.split(',').take(PEER_ADDRESSES_MAX + 1).collect();
        Ok(Self {
            addresses: file::addresses(&addresses).ok_or(LineError::BadAddress)?,
            pin,
            secret,
        })
    }

    /// The line itself. It is for the operator's eyes, never for a log.
    pub(crate) fn expose(&self) -> String {
        let addresses: Vec<String> = self.addresses.iter().map(ToString::to_string).collect();
        let secret = Base64UrlUnpadded::encode_string(self.secret.expose());
        let (addresses, pin) = (addresses.join(","), self.pin);
        format!("{SCHEME}:{VERSION}:{addresses}:{pin}:{secret}")
    }
}

/// `exporter` is the connection's own value, `joiner` the key that the joining side has shown on it.
pub(super) fn prove(secret: &Secret, exporter: &[u8; 32], joiner: Pin) -> Proof {
    let tag = hmac::sign(&key(secret), message(exporter, joiner).as_flattened());
    let mut proof = [0; 32];
    for (byte, made) in proof.iter_mut().zip(tag.as_ref()) {
        *byte = *made;
    }
    proof
}

/// In a time that does not tell how much of it was right.
pub(super) fn is_proved(proof: &Proof, secret: &Secret, exporter: &[u8; 32], joiner: Pin) -> bool {
    let message = message(exporter, joiner);
    hmac::verify(&key(secret), message.as_flattened(), proof).is_ok()
}

fn key(secret: &Secret) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, secret.expose())
}

fn message(exporter: &[u8; 32], joiner: Pin) -> [[u8; 32]; 2] {
    [*exporter, *joiner.bytes()]
}

impl fmt::Display for LineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotAnInvite => {
                "this is no invitation; copy the whole line that meerkat pair invite has printed"
            }
            Self::OtherVersion => {
                "this invitation is of another version; use the same version on both boards"
            }
            Self::BadAddress => "the invitation has an address that is none; copy the whole line",
            Self::BadKey => "the invitation's key is damaged; copy the whole line",
            Self::BadSecret => "the invitation's secret is damaged; copy the whole line",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::random::for_seeds;

    fn line() -> InviteLine {
        let address = |text| Address::parse(text).unwrap();
        InviteLine {
            addresses: vec![address("192.0.2.7:5270"), address("[2001:db8::1]:5270")],
            pin: Pin::of(b"key"),
            secret: Secret::from(&[7; SECRET_BYTES][..]),
        }
    }

    #[test]
    fn a_line_survives_being_copied() {
        let text = format!("  {}\n", line().expose());
        assert_eq!(InviteLine::parse(&text), Ok(line()));
    }

    #[test]
    fn a_line_that_was_copied_badly_says_what_is_wrong() {
        let whole = line().expose();
        let cut = whole.get(..whole.len() - 3).unwrap();
        let (no_secret, _) = whole.rsplit_once(':').unwrap();
        for (text, error) in [
            ("", LineError::NotAnInvite),
            ("meerkat-pair:1", LineError::NotAnInvite),
            (&whole.replace(":1:", ":2:"), LineError::OtherVersion),
            (&whole.replace(":5270,", ","), LineError::BadAddress),
            (
                &whole.replace("192.0.2.7:5270", &"a:1,".repeat(20)),
                LineError::BadAddress,
            ),
            (cut, LineError::BadSecret),
            (no_secret, LineError::BadSecret),
            (
                &format!("{no_secret}x:{}", "A".repeat(22)),
                LineError::BadKey,
            ),
        ] {
            assert_eq!(InviteLine::parse(text), Err(error), "{text}");
        }
    }

    #[test]
    fn whatever_is_taken_for_a_line_is_written_as_it_was_understood() {
        let whole = line().expose();
        for_seeds(8_000, |u| {
            let mut text = whole.clone().into_bytes();
            let at = u.choose_index(text.len())?;
            text.truncate(at + 1 + usize::from(u.arbitrary::<bool>()?) * text.len());
            text[at] = *u.choose(b":,1aZ-_[].\n\xff")?;
            let Ok(text) = String::from_utf8(text) else {
                return Ok(());
            };
            if let Ok(read) = InviteLine::parse(&text) {
                assert_eq!(InviteLine::parse(&read.expose()), Ok(read));
            }
            Ok(())
        });
    }

    #[test]
    fn a_proof_is_worth_nothing_elsewhere() {
        let (secret, other) = (Secret::from("secret"), Secret::from("other"));
        let (here, there) = ([1; 32], [2; 32]);
        let (ours, theirs) = (Pin::of(b"ours"), Pin::of(b"theirs"));

        let proof = prove(&secret, &here, ours);

        assert!(is_proved(&proof, &secret, &here, ours));
        assert!(!is_proved(&proof, &other, &here, ours));
        assert!(!is_proved(&proof, &secret, &there, ours));
        assert!(!is_proved(&proof, &secret, &here, theirs));
    }

    #[test]
    fn neither_the_line_nor_its_parts_print_the_secret() {
        let printed = format!("{:?}", line());
        assert!(!printed.contains("BwcHBwc"), "{printed}");
        assert!(line().expose().contains("BwcHBwc"));
    }
}
