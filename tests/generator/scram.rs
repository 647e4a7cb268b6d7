//! The client's half of SCRAM (RFC 5802, RFC 7677), with a memory for the slow part.
//!
//! The hashed password depends on the account's salt and iteration count only. It is computed once per
//! account, so that a storm of logins loads the server and not the generator.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::num::NonZeroU32;

use base64ct::Base64;
use base64ct::Encoding;
use ring::digest;
use ring::hmac;
use ring::pbkdf2;

use super::Outcome;
use super::unexpected;

#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Hash {
    Sha1,
    Sha256,
}

impl Hash {
    pub(crate) fn mechanism(self) -> &'static str {
        match self {
            Self::Sha1 => "SCRAM-SHA-1",
            Self::Sha256 => "SCRAM-SHA-256",
        }
    }

    fn bytes(self) -> usize {
        match self {
            Self::Sha1 => digest::SHA1_OUTPUT_LEN,
            Self::Sha256 => digest::SHA256_OUTPUT_LEN,
        }
    }

    fn salted(self, password: &str, salt: &[u8], iterations: NonZeroU32) -> Vec<u8> {
        let algorithm = match self {
            Self::Sha1 => pbkdf2::PBKDF2_HMAC_SHA1,
            Self::Sha256 => pbkdf2::PBKDF2_HMAC_SHA256,
        };
        let mut out = vec![0; self.bytes()];
        pbkdf2::derive(algorithm, iterations, salt, password.as_bytes(), &mut out);
        out
    }

    fn mac(self, key: &[u8], message: &[u8]) -> Vec<u8> {
        let algorithm = match self {
            Self::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => hmac::HMAC_SHA256,
        };
        hmac::sign(&hmac::Key::new(algorithm, key), message)
            .as_ref()
            .to_vec()
    }

    fn digest(self, bytes: &[u8]) -> Vec<u8> {
        let algorithm = match self {
            Self::Sha1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => &digest::SHA256,
        };
        digest::digest(algorithm, bytes).as_ref().to_vec()
    }
}

/// What a server stores of a password.
#[derive(Clone, Debug)]
pub(crate) struct Verifier {
    pub(crate) stored_key: Vec<u8>,
    pub(crate) server_key: Vec<u8>,
}

pub(crate) fn verifier(hash: Hash, password: &str, salt: &[u8], iterations: u32) -> Verifier {
    let iterations = NonZeroU32::new(iterations).unwrap_or(NonZeroU32::MIN);
    let keys = Keys::new(hash, password, salt, iterations);
    Verifier {
        stored_key: hash.digest(&keys.client),
        server_key: keys.server,
    }
}

#[derive(Clone, Debug)]
struct Keys {
    client: Vec<u8>,
    server: Vec<u8>,
}

impl Keys {
    fn new(hash: Hash, password: &str, salt: &[u8], iterations: NonZeroU32) -> Self {
        let salted = hash.salted(password, salt, iterations);
        Self {
            client: hash.mac(&salted, b"Client Key"),
            server: hash.mac(&salted, b"Server Key"),
        }
    }
}

/// What keys are computed from: hash, password, salt and iteration count.
type Origin = (Hash, String, Vec<u8>, NonZeroU32);

/// Keys computed so far.
#[derive(Debug, Default)]
pub(crate) struct KeyMemory {
    known: RefCell<BTreeMap<Origin, Keys>>,
}

impl KeyMemory {
    fn keys(&self, hash: Hash, password: &str, salt: &[u8], iterations: NonZeroU32) -> Keys {
        self.known
            .borrow_mut()
            .entry((hash, password.to_owned(), salt.to_owned(), iterations))
            .or_insert_with(|| Keys::new(hash, password, salt, iterations))
            .clone()
    }
}

/// One exchange, from the first message to the server's signature.
#[derive(Debug)]
pub(crate) struct Exchange {
    hash: Hash,
    first_bare: String,
    nonce: String,
    signature: Vec<u8>,
}

impl Exchange {
    pub(crate) fn new(hash: Hash, user: &str, nonce: String) -> Self {
        Self {
            hash,
            first_bare: format!("n={user},r={nonce}"),
            nonce,
            signature: Vec::new(),
        }
    }

    pub(crate) fn first(&self) -> String {
        Base64::encode_string(format!("n,,{}", self.first_bare).as_bytes())
    }

    /// Answers the server's challenge.
    pub(crate) fn answer(
        &mut self,
        challenge: &str,
        password: &str,
        memory: &KeyMemory,
    ) -> Outcome<String> {
        let Some(challenge) = decoded(challenge) else {
            return unexpected("a challenge that is not base64");
        };
        let field = |name: &str| {
            challenge
                .split(',')
                .find_map(|field| field.strip_prefix(name)?.strip_prefix('='))
        };
        let (Some(nonce), Some(salt), Some(Ok(iterations))) =
            (field("r"), field("s"), field("i").map(str::parse))
        else {
            return unexpected(format!("challenge {challenge}"));
        };
        let Some(salt) = Base64::decode_vec(salt).ok() else {
            return unexpected("a salt that is not base64");
        };
        if !nonce.starts_with(&self.nonce) {
            return unexpected("a nonce that does not begin with the client's");
        }
        let keys = memory.keys(self.hash, password, &salt, iterations);
        let last_bare = format!("c=biws,r={nonce}");
        let signed = format!("{},{challenge},{last_bare}", self.first_bare);
        let stored = self.hash.digest(&keys.client);
        let proof: Vec<u8> = self
            .hash
            .mac(&stored, signed.as_bytes())
            .iter()
            .zip(&keys.client)
            .map(|(left, right)| left ^ right)
            .collect();
        self.signature = self.hash.mac(&keys.server, signed.as_bytes());
        let last = format!("{last_bare},p={}", Base64::encode_string(&proof));
        Ok(Base64::encode_string(last.as_bytes()))
    }

    /// RFC 5802 section 5: the server proves that it knows the account as well.
    pub(crate) fn check_success(&self, success: &str) -> Outcome<()> {
        let expected = format!("v={}", Base64::encode_string(&self.signature));
        if decoded(success).as_deref() == Some(expected.as_str()) {
            Ok(())
        } else {
            unexpected("a wrong server signature")
        }
    }
}

fn decoded(text: &str) -> Option<String> {
    String::from_utf8(Base64::decode_vec(text.trim()).ok()?).ok()
}
