//! What is kept of a password, and how it is made: salted, iterated, useless to log in with.
//!
//! For each hash: `StoredKey` checks a proof, `ServerKey` signs ours (RFC 5802 section 3). Neither
//! the password nor anything that could replace it is stored.

use std::num::NonZeroU32;

use ring::digest;
use ring::hmac;
use ring::pbkdf2;
use stringprep::saslprep;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// Length of a salt; RFC 5802 sets none, 16 random bytes never repeat.
pub(crate) const SALT_BYTES: usize = 16;

const LONGEST_DIGEST_BYTES: usize = 32;

/// The hash of a SCRAM mechanism.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Hash {
    /// Kept for clients that know nothing better; safe in HMAC, which is all SCRAM does with it.
    Sha1,
    Sha256,
}

/// The output of a [`Hash`]; compared in a time that does not depend on the bytes.
#[derive(Clone, Copy)]
pub(crate) struct Digest {
    bytes: [u8; LONGEST_DIGEST_BYTES],
    hash: Hash,
}

/// The verifier of one password under one hash.
///
/// An account has one salt for all hashes, as the [`Fakes`] have: a difference would tell a real
/// account from none. Ours are [`SALT_BYTES`] long, imported ones as they were.
#[derive(Clone)]
pub(crate) struct ScramKeys {
    pub(crate) salt: Box<[u8]>,
    pub(crate) iterations: NonZeroU32,
    pub(crate) stored_key: Digest,
    pub(crate) server_key: Digest,
}

/// A password that no account can have: empty, or refused by `SASLprep` (RFC 4013).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct BadPassword;

/// The costly part, as a job: thousands of rounds of HMAC over a password.
///
/// It runs off the core. The same job serves a registration, whose result is stored, and a PLAIN
/// login, whose result is compared.
pub(crate) struct Derivation {
    password: Zeroizing<String>,
    hash: Hash,
    salt: Box<[u8]>,
    iterations: NonZeroU32,
}

/// Keys for names that do not exist, so that they look like all others.
///
/// Equal questions get equal answers, for ever and on every node that shares the secret.
#[derive(Clone)]
pub(crate) struct Fakes {
    /// Secret of the server, 32 random bytes made once.
    pub(crate) secret: [u8; 32],
    /// What new accounts get; a name with another count was registered under other settings.
    pub(crate) iterations: NonZeroU32,
}

impl Hash {
    pub(crate) const ALL: [Self; 2] = [Self::Sha256, Self::Sha1];

    pub(crate) const fn length_bytes(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
        }
    }

    pub(crate) fn digest(self, bytes: &[u8]) -> Digest {
        let algorithm = match self {
            Self::Sha1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => &digest::SHA256,
        };
        Digest::of(self, digest::digest(algorithm, bytes).as_ref())
    }

    pub(crate) fn hmac(self, key: &[u8], bytes: &[u8]) -> Digest {
        let key = hmac::Key::new(self.hmac_algorithm(), key);
        Digest::of(self, hmac::sign(&key, bytes).as_ref())
    }

    const fn hmac_algorithm(self) -> hmac::Algorithm {
        match self {
            Self::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => hmac::HMAC_SHA256,
        }
    }

    const fn pbkdf2_algorithm(self) -> pbkdf2::Algorithm {
        match self {
            Self::Sha1 => pbkdf2::PBKDF2_HMAC_SHA1,
            Self::Sha256 => pbkdf2::PBKDF2_HMAC_SHA256,
        }
    }
}

impl Digest {
    /// From storage or a peer; `None` when the length is not the hash's.
    pub(crate) fn from_bytes(hash: Hash, bytes: &[u8]) -> Option<Self> {
        (bytes.len() == hash.length_bytes()).then(|| Self::of(hash, bytes))
    }

    pub(crate) const fn hash(&self) -> Hash {
        self.hash
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.hash.length_bytes()).unwrap_or(&[])
    }

    /// A proof and a signature are mixed by exclusive or (RFC 5802 section 3).
    pub(crate) fn xor(&self, other: &Self) -> Self {
        let mut bytes = self.bytes;
        for (byte, mask) in bytes.iter_mut().zip(other.bytes) {
            *byte ^= mask;
        }
        Self {
            bytes,
            hash: self.hash,
        }
    }

    fn of(hash: Hash, bytes: &[u8]) -> Self {
        let mut digest = Self {
            bytes: [0; LONGEST_DIGEST_BYTES],
            hash,
        };
        let bytes = bytes.iter().take(hash.length_bytes());
        for (into, byte) in digest.bytes.iter_mut().zip(bytes) {
            *into = *byte;
        }
        digest
    }
}

impl PartialEq for Digest {
    fn eq(&self, other: &Self) -> bool {
        self.hash == other.hash && bool::from(self.as_bytes().ct_eq(other.as_bytes()))
    }
}

impl Eq for Digest {}

impl ScramKeys {
    pub(crate) const fn hash(&self) -> Hash {
        self.stored_key.hash()
    }
}

impl Derivation {
    pub(crate) fn new(
        hash: Hash,
        password: &str,
        salt: &[u8],
        iterations: NonZeroU32,
    ) -> Result<Self, BadPassword> {
        let password = Zeroizing::new(saslprep(password).map_err(|_| BadPassword)?.into_owned());
        if password.is_empty() {
            return Err(BadPassword);
        }
        Ok(Self {
            password,
            hash,
            salt: salt.into(),
            iterations,
        })
    }

    /// Takes milliseconds to a second: never on the core's thread.
    pub(crate) fn run(&self) -> ScramKeys {
        let mut buffer = Zeroizing::new([0; LONGEST_DIGEST_BYTES]);
        let length = self.hash.length_bytes();
        let (salted, _) = buffer.split_at_mut(length);
        pbkdf2::derive(
            self.hash.pbkdf2_algorithm(),
            self.iterations,
            &self.salt,
            self.password.as_bytes(),
            salted,
        );
        let client_key = self.hash.hmac(salted, b"Client Key");
        ScramKeys {
            salt: self.salt.clone(),
            iterations: self.iterations,
            stored_key: self.hash.digest(client_key.as_bytes()),
            server_key: self.hash.hmac(salted, b"Server Key"),
        }
    }
}

impl Fakes {
    /// Keys that nobody has the password of; `name` is the prepared local part.
    pub(crate) fn keys(&self, hash: Hash, name: &str) -> ScramKeys {
        let label = match hash {
            Hash::Sha1 => "sha-1",
            Hash::Sha256 => "sha-256",
        };
        let make = |purpose: &str| {
            let text = format!("{purpose}\0{label}\0{name}");
            Hash::Sha256.hmac(&self.secret, text.as_bytes())
        };
        // The same for all hashes, as a registration makes it.
        let salt = Hash::Sha256.hmac(&self.secret, format!("salt\0{name}").as_bytes());
        let salt = salt.as_bytes().iter().take(SALT_BYTES);
        ScramKeys {
            salt: salt.copied().collect(),
            iterations: self.iterations,
            stored_key: Digest::of(hash, make("stored key").as_bytes()),
            server_key: Digest::of(hash, make("server key").as_bytes()),
        }
    }
}
