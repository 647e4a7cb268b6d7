//! The key that a board is known by to the other board.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use base64ct::Base64UrlUnpadded;
use base64ct::Encoding as _;
use ring::digest;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::sign::CertifiedKey;

use crate::net::certificate::CertificateError;
use crate::net::certificate::read_bounded;
use crate::net::secret_file::write_secret;

/// In the data folder, for the owner's eyes only.
pub(crate) const KEY_FILE: &str = "node.pem";

/// SHA-256 of a public key with its algorithm (`SubjectPublicKeyInfo`).
#[derive(Clone, Copy, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Pin([u8; 32]);

/// This board's Ed25519 key. Its public half is shown in handshakes; the other never leaves the board.
#[derive(Debug)]
pub(crate) struct NodeIdentity {
    certified: Arc<CertifiedKey>,
    pub(crate) pin: Pin,
}

impl NodeIdentity {
    /// The key of the data folder, made if it is not there.
    pub(crate) fn load_or_make(
        provider: &CryptoProvider,
        folder: &Path,
    ) -> Result<Self, CertificateError> {
        let path = folder.join(KEY_FILE);
        if !path.exists() {
            let made = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519)
                .map_err(CertificateError::Bug)?;
            write_secret(folder, &path, &made.serialize_pem())
                .map_err(|error| CertificateError::Unwritable(path.clone(), error))?;
        }
        Self::parse(provider, &path, &read_bounded(&path)?)
    }

    fn parse(provider: &CryptoProvider, path: &Path, pem: &[u8]) -> Result<Self, CertificateError> {
        let unusable = |error| CertificateError::Unusable(path.to_owned(), error);
        let key = PrivateKeyDer::from_pem_slice(pem)
            .map_err(|error| CertificateError::NotPem(path.to_owned(), error))?;
        let key = provider
            .key_provider
            .load_private_key(key)
            .map_err(unusable)?;
        let Some(public) = key.public_key().map(|public| public.to_vec()) else {
            return Err(CertificateError::NoKey(path.to_owned()));
        };
        let pin = Pin::of(&public);
        // Without a certificate around it (RFC 7250 section 3).
        let shown = vec![CertificateDer::from(public)];
        Ok(Self {
            certified: Arc::new(CertifiedKey::new(shown, key)),
            pin,
        })
    }

    pub(super) fn certified(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.certified)
    }
}

impl Pin {
    pub(crate) fn of(public_key: &[u8]) -> Self {
        let mut bytes = [0; 32];
        let hash = digest::digest(&digest::SHA256, public_key);
        for (byte, found) in bytes.iter_mut().zip(hash.as_ref()) {
            *byte = *found;
        }
        Self(bytes)
    }

    pub(crate) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// As [`fmt::Display`] writes it.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        let read = Base64UrlUnpadded::decode(text, &mut bytes).ok()?;
        (read.len() == 32).then_some(Self(bytes))
    }
}

/// 43 letters that stand in a URL, a file and a QR code as they are.
impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&Base64UrlUnpadded::encode_string(&self.0))
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pin({self})")
    }
}
