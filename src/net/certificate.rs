//! The server's certificate and key: files of the operator, or a self-signed pair made at the first start.
//!
//! The self-signed pair lies in one file, so that no power cut can leave a certificate with another's key.
//! Its dates are fixed instead of taken from the clock: a board without a clock battery may believe in
//! 1970 at its first start, and its clients would refuse what is valid from then to next year.

use std::fmt;
use std::fs;
use std::io;
use std::path::Path;
use std::path::PathBuf;

use ring::digest;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem;
use rustls::pki_types::pem::PemObject as _;
use rustls::sign::CertifiedKey;

use crate::base::limits::CERTIFICATE_FILE_BYTES_MAX;
use crate::net::secret_file::write_secret;
use crate::net::x509::CertificateFacts;
use crate::net::x509::SignatureHash;

/// The self-signed pair, in the data folder.
const SELF_SIGNED_FILE: &str = "tls.pem";

/// A certificate with its key, ready to be served, and what others want to know about it.
#[derive(Debug)]
pub(crate) struct Identity {
    pub(super) certified: CertifiedKey,
    pub(crate) facts: CertificateFacts,
    /// SHA-256 of the certificate, for people to compare.
    pub(crate) fingerprint: Fingerprint,
    /// The binding `tls-server-end-point` (RFC 5929 section 4), where it is defined.
    pub(crate) end_point: Option<Box<[u8]>>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Fingerprint([u8; 32]);

/// Why there is no identity. All but `Bug` are for the operator to put right.
#[derive(Debug)]
pub(crate) enum CertificateError {
    Unreadable(PathBuf, io::Error),
    Unwritable(PathBuf, io::Error),
    TooLarge(PathBuf, u64),
    NotPem(PathBuf, pem::Error),
    NoCertificate(PathBuf),
    NoKey(PathBuf),
    BrokenCertificate(PathBuf),
    /// Key and certificate do not belong together, or the key is of an unknown kind.
    Unusable(PathBuf, rustls::Error),
    /// The libraries refuse what we gave them.
    Bug(rcgen::Error),
}

impl Identity {
    /// From PEM files that somebody else renews.
    pub(crate) fn load(
        provider: &CryptoProvider,
        certificate: &Path,
        key: &Path,
    ) -> Result<Self, CertificateError> {
        Self::parse(
            provider,
            (certificate, &read_bounded(certificate)?),
            (key, &read_bounded(key)?),
        )
    }

    /// The self-signed pair of the data folder, made anew if it is not there or lacks one of the names.
    ///
    /// True if it has just been made, so that its fingerprint can be shown.
    pub(crate) fn load_or_make(
        provider: &CryptoProvider,
        folder: &Path,
        names: &[&str],
    ) -> Result<(Self, bool), CertificateError> {
        let path = Self::self_signed_path(folder);
        if path.exists() {
            let found = Self::load(provider, &path, &path)?;
            if names.iter().all(|name| found.facts.covers(name)) {
                return Ok((found, false));
            }
        }
        let pem = make(names).map_err(CertificateError::Bug)?;
        write_secret(folder, &path, &pem)
            .map_err(|error| CertificateError::Unwritable(path.clone(), error))?;
        Ok((Self::load(provider, &path, &path)?, true))
    }

    pub(crate) fn self_signed_path(folder: &Path) -> PathBuf {
        folder.join(SELF_SIGNED_FILE)
    }

    /// A self-signed pair that is kept nowhere, for a server in memory.
    pub(crate) fn make_volatile(
        provider: &CryptoProvider,
        names: &[&str],
    ) -> Result<Self, CertificateError> {
        let pem = make(names).map_err(CertificateError::Bug)?;
        let nowhere = Path::new("memory");
        Self::parse(
            provider,
            (nowhere, pem.as_bytes()),
            (nowhere, pem.as_bytes()),
        )
    }

    fn parse(
        provider: &CryptoProvider,
        (certificate_path, certificate): (&Path, &[u8]),
        (key_path, key): (&Path, &[u8]),
    ) -> Result<Self, CertificateError> {
        let chain = CertificateDer::pem_slice_iter(certificate)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| CertificateError::NotPem(certificate_path.to_owned(), error))?;
        let Some(first) = chain.first() else {
            return Err(CertificateError::NoCertificate(certificate_path.to_owned()));
        };
        let Some(facts) = CertificateFacts::parse(first) else {
            let path = certificate_path.to_owned();
            return Err(CertificateError::BrokenCertificate(path));
        };
        let fingerprint = Fingerprint::of(first);
        let end_point = facts.signature_hash.map(|hash| end_point(first, hash));
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| match error {
            pem::Error::NoItemsFound => CertificateError::NoKey(key_path.to_owned()),
            other => CertificateError::NotPem(key_path.to_owned(), other),
        })?;
        let certified = CertifiedKey::from_der(chain, key, provider)
            .map_err(|error| CertificateError::Unusable(key_path.to_owned(), error))?;
        Ok(Self {
            certified,
            facts,
            fingerprint,
            end_point,
        })
    }
}

impl Fingerprint {
    fn of(der: &[u8]) -> Self {
        let mut bytes = [0; 32];
        let hash = digest::digest(&digest::SHA256, der);
        for (byte, found) in bytes.iter_mut().zip(hash.as_ref()) {
            *byte = *found;
        }
        Self(bytes)
    }
}

/// As other tools print it: `AB:CD:..`.
impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, byte) in self.0.iter().enumerate() {
            let colon = if index == 0 { "" } else { ":" };
            write!(f, "{colon}{byte:02X}")?;
        }
        Ok(())
    }
}

impl fmt::Display for CertificateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(path, error) => {
                write!(f, "{}: cannot be read ({error})", path.display())
            }
            Self::Unwritable(path, error) => {
                write!(f, "{}: cannot be written ({error})", path.display())
            }
            Self::TooLarge(path, bytes) => write!(
                f,
                "{}: has {bytes} bytes, at most {CERTIFICATE_FILE_BYTES_MAX}; is it the right file?",
                path.display()
            ),
            Self::NotPem(path, error) => write!(f, "{}: no valid PEM ({error})", path.display()),
            Self::NoCertificate(path) => write!(
                f,
                "{}: holds no certificate; it needs a section BEGIN CERTIFICATE",
                path.display()
            ),
            Self::NoKey(path) => write!(
                f,
                "{}: holds no private key; it needs a section BEGIN PRIVATE KEY",
                path.display()
            ),
            Self::BrokenCertificate(path) => {
                write!(f, "{}: its first certificate is broken", path.display())
            }
            Self::Unusable(path, error) => write!(
                f,
                "{}: cannot be used ({error}); does the key belong to the certificate?",
                path.display()
            ),
            Self::Bug(error) => write!(f, "no certificate could be made ({error})"),
        }
    }
}

/// Key and certificate as PEM.
fn make(names: &[&str]) -> Result<String, rcgen::Error> {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut parameters = rcgen::CertificateParams::new(names.clone())?;
    parameters.distinguished_name = rcgen::DistinguishedName::new();
    if let Some(name) = names.first() {
        // RFC 5280 appendix A.1: a common name has at most 64 characters. The names that count are the others.
        let name: String = name.chars().take(64).collect();
        parameters
            .distinguished_name
            .push(rcgen::DnType::CommonName, name);
    }
    parameters.not_before = rcgen::date_time_ymd(2020, 1, 1);
    parameters.not_after = rcgen::date_time_ymd(2049, 12, 31);
    let key = rcgen::KeyPair::generate()?;
    let certificate = parameters.self_signed(&key)?;
    Ok(key.serialize_pem() + &certificate.pem())
}

fn end_point(der: &[u8], hash: SignatureHash) -> Box<[u8]> {
    let algorithm = match hash {
        SignatureHash::Sha256 => &digest::SHA256,
        SignatureHash::Sha384 => &digest::SHA384,
        SignatureHash::Sha512 => &digest::SHA512,
    };
    digest::digest(algorithm, der).as_ref().into()
}

pub(super) fn read_bounded(path: &Path) -> Result<Vec<u8>, CertificateError> {
    let unreadable = |error| CertificateError::Unreadable(path.to_owned(), error);
    let bytes = fs::metadata(path).map_err(unreadable)?.len();
    if bytes > CERTIFICATE_FILE_BYTES_MAX {
        return Err(CertificateError::TooLarge(path.to_owned(), bytes));
    }
    fs::read(path).map_err(unreadable)
}
