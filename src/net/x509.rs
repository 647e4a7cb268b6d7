//! What the server wants to know about a certificate: names, dates, and the hash of its signature.
//!
//! Only certificates that the operator has put there are read, so this is a walk to the few fields of
//! RFC 5280 section 4.1 and no verification. Lengths are checked all the same: a truncated file is an error.

use std::net::IpAddr;

use crate::base::time::Timestamp;

/// Read from one certificate.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct CertificateFacts {
    pub(crate) not_before: Timestamp,
    pub(crate) not_after: Timestamp,
    /// Host names and addresses of the subjectAltName extension, lower case.
    pub(crate) names: Vec<String>,
    /// None for Ed25519 and unknown algorithms, for which RFC 5929 section 4.1 defines no binding.
    pub(crate) signature_hash: Option<SignatureHash>,
}

/// The hash for `tls-server-end-point` (RFC 5929 section 4.1: MD5 and SHA-1 give way to SHA-256).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum SignatureHash {
    Sha256,
    Sha384,
    Sha512,
}

const SEQUENCE: u8 = 0x30;
const OBJECT_ID: u8 = 0x06;
const OCTET_STRING: u8 = 0x04;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const VERSION: u8 = 0xa0;
const EXTENSIONS: u8 = 0xa3;
const DNS_NAME: u8 = 0x82;
const IP_ADDRESS: u8 = 0x87;

const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1d, 0x11];
/// 1.2.840.113549.1.1, the algorithms of PKCS #1.
const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01];
/// 1.2.840.10045.4, signatures with ECDSA.
const ECDSA: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04];
/// 2.16.840.1.101.3.4.2, the hashes of NIST.
const NIST_HASH: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02];

impl CertificateFacts {
    /// None if it is no certificate.
    pub(crate) fn parse(der: &[u8]) -> Option<Self> {
        let mut outer = Der(Der(der).read(SEQUENCE)?);
        let mut inner = Der(outer.read(SEQUENCE)?);
        let algorithm = outer.read(SEQUENCE)?;

        inner.read_optional(VERSION)?;
        inner.read_any()?; // serialNumber
        inner.read(SEQUENCE)?; // signature
        inner.read(SEQUENCE)?; // issuer
        let mut validity = Der(inner.read(SEQUENCE)?);
        let not_before = validity.read_time()?;
        let not_after = validity.read_time()?;
        let mut names = Vec::new();
        while let Some((tag, value)) = inner.read_any() {
            if tag == EXTENSIONS {
                names = read_names(value)?;
            }
        }
        Some(Self {
            not_before,
            not_after,
            names,
            signature_hash: signature_hash(algorithm),
        })
    }

    /// RFC 6125 section 6.4: equal, or a wildcard for exactly the leftmost label.
    pub(crate) fn covers(&self, host: &str) -> bool {
        let parent = host.split_once('.').map(|(_, parent)| parent);
        self.names.iter().any(|name| match name.strip_prefix("*.") {
            Some(suffix) => parent == Some(suffix),
            None => name == host,
        })
    }
}

fn read_names(extensions: &[u8]) -> Option<Vec<String>> {
    let mut list = Der(Der(extensions).read(SEQUENCE)?);
    let mut names = Vec::new();
    while let Some((_, extension)) = list.read_any() {
        let mut extension = Der(extension);
        if extension.read(OBJECT_ID)? != SUBJECT_ALT_NAME {
            continue;
        }
        let mut value = &[][..];
        while let Some((tag, part)) = extension.read_any() {
            // The critical flag may stand between.
            if tag == OCTET_STRING {
                value = part;
            }
        }
        let mut alternatives = Der(Der(value).read(SEQUENCE)?);
        while let Some((tag, name)) = alternatives.read_any() {
            match (tag, name.len()) {
                (DNS_NAME, _) => names.push(str::from_utf8(name).ok()?.to_ascii_lowercase()),
                (IP_ADDRESS, 4) => names.push(IpAddr::from(*name.as_array::<4>()?).to_string()),
                (IP_ADDRESS, 16) => names.push(IpAddr::from(*name.as_array::<16>()?).to_string()),
                _ => {}
            }
        }
    }
    Some(names)
}

fn signature_hash(algorithm: &[u8]) -> Option<SignatureHash> {
    let mut algorithm_id = Der(algorithm);
    let oid = algorithm_id.read(OBJECT_ID)?;
    let (&last, family) = oid.split_last()?;
    if family == RSA {
        return match last {
            4 | 5 | 11 => Some(SignatureHash::Sha256),
            12 => Some(SignatureHash::Sha384),
            13 => Some(SignatureHash::Sha512),
            10 => pss_hash(algorithm_id.read(SEQUENCE)?),
            _ => None,
        };
    }
    match oid.strip_prefix(ECDSA)? {
        [1] | [3, 2] => Some(SignatureHash::Sha256),
        [3, 3] => Some(SignatureHash::Sha384),
        [3, 4] => Some(SignatureHash::Sha512),
        _ => None,
    }
}

/// RFC 4055 section 3.1: the hash is the first parameter, SHA-1 where it is left out.
fn pss_hash(parameters: &[u8]) -> Option<SignatureHash> {
    let Some(Some(hash)) = Der(parameters).read_optional(0xa0) else {
        return Some(SignatureHash::Sha256);
    };
    let oid = Der(Der(hash).read(SEQUENCE)?).read(OBJECT_ID)?;
    match oid.strip_prefix(NIST_HASH)? {
        [1] => Some(SignatureHash::Sha256),
        [2] => Some(SignatureHash::Sha384),
        [3] => Some(SignatureHash::Sha512),
        _ => None,
    }
}

/// A cursor over elements of the Distinguished Encoding Rules (X.690).
struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    fn read(&mut self, wanted: u8) -> Option<&'a [u8]> {
        let (tag, value) = self.read_any()?;
        (tag == wanted).then_some(value)
    }

    /// Leaves the cursor where it is if another element comes next.
    #[expect(clippy::option_option, reason = "broken, absent, present")]
    fn read_optional(&mut self, wanted: u8) -> Option<Option<&'a [u8]>> {
        if self.0.first() == Some(&wanted) {
            self.read(wanted).map(Some)
        } else {
            Some(None)
        }
    }

    fn read_any(&mut self) -> Option<(u8, &'a [u8])> {
        let (&tag, rest) = self.0.split_first()?;
        let (&first, mut rest) = rest.split_first()?;
        let mut length = usize::from(first);
        if first & 0x80 != 0 {
            let (digits, behind) = rest.split_at_checked(usize::from(first & 0x7f))?;
            length = digits.iter().try_fold(0_usize, |sum, digit| {
                sum.checked_mul(256)?.checked_add(usize::from(*digit))
            })?;
            rest = behind;
        }
        let (value, behind) = rest.split_at_checked(length)?;
        self.0 = behind;
        Some((tag, value))
    }

    /// RFC 5280 section 4.1.2.5: two digits of the year up to 2049, four from 2050; always UTC.
    fn read_time(&mut self) -> Option<Timestamp> {
        let (tag, value) = self.read_any()?;
        let text = str::from_utf8(value).ok()?.strip_suffix('Z')?;
        let full = match tag {
            UTC_TIME if text.get(..2)? < "50" => format!("20{text}"),
            UTC_TIME => format!("19{text}"),
            GENERALIZED_TIME => text.to_owned(),
            _ => return None,
        };
        // Before 1970 is "long ago", which is all that matters.
        if full.as_str() < "1970" {
            return Some(Timestamp::default());
        }
        let part = |range: std::ops::Range<usize>| full.get(range);
        let (date, time) = (part(0..8)?, part(8..14)?);
        let spelt = format!(
            "{}-{}-{}T{}:{}:{}Z",
            date.get(..4)?,
            date.get(4..6)?,
            date.get(6..)?,
            time.get(..2)?,
            time.get(2..4)?,
            time.get(4..)?
        );
        Timestamp::parse_xep0082(&spelt).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(names: &[&str]) -> Vec<u8> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut parameters = rcgen::CertificateParams::new(names).unwrap();
        parameters.not_before = rcgen::date_time_ymd(2020, 2, 29);
        parameters.not_after = rcgen::date_time_ymd(2051, 1, 2);
        let key = rcgen::KeyPair::generate().unwrap();
        parameters.self_signed(&key).unwrap().der().to_vec()
    }

    #[test]
    fn names_dates_and_hash_are_read() {
        let facts =
            CertificateFacts::parse(&made(&["a.example", "127.0.0.1", "*.b.example"])).unwrap();

        assert_eq!(facts.names, ["a.example", "127.0.0.1", "*.b.example"]);
        assert_eq!(facts.not_before.to_xep0082(), "2020-02-29T00:00:00.000Z");
        assert_eq!(facts.not_after.to_xep0082(), "2051-01-02T00:00:00.000Z");
        assert_eq!(facts.signature_hash, Some(SignatureHash::Sha256));
    }

    #[test]
    fn a_wildcard_covers_one_label() {
        let facts = CertificateFacts::parse(&made(&["a.example", "*.b.example"])).unwrap();

        for (host, is_covered) in [
            ("a.example", true),
            ("rooms.a.example", false),
            ("rooms.b.example", true),
            ("x.rooms.b.example", false),
            ("b.example", false),
        ] {
            assert_eq!(facts.covers(host), is_covered, "{host}");
        }
    }

    #[test]
    fn a_cut_certificate_is_none_and_no_panic() {
        let der = made(&["a.example"]);
        for end in 0..der.len() {
            assert_eq!(CertificateFacts::parse(&der[..end]), None, "{end}");
        }
    }

    /// Algorithm identifiers as they stand in certificates (RFC 3279, 4055, 5758, 8410).
    #[test]
    fn the_hash_follows_the_signature() {
        let rsa = |last: u8| [&[6, 9], RSA, &[last, 5, 0]].concat();
        let ecdsa = |last: u8| [&[6, 8], ECDSA, &[3, last]].concat();
        let pss = |hash: u8| {
            let oid = [&[6, 9], NIST_HASH, &[hash]].concat();
            [&[6, 9][..], RSA, &[10, 0x30, 15, 0xa0, 13, 0x30, 11], &oid].concat()
        };
        assert_eq!(signature_hash(&rsa(5)), Some(SignatureHash::Sha256));
        assert_eq!(signature_hash(&rsa(11)), Some(SignatureHash::Sha256));
        assert_eq!(signature_hash(&rsa(12)), Some(SignatureHash::Sha384));
        assert_eq!(signature_hash(&rsa(13)), Some(SignatureHash::Sha512));
        assert_eq!(signature_hash(&ecdsa(2)), Some(SignatureHash::Sha256));
        assert_eq!(signature_hash(&ecdsa(3)), Some(SignatureHash::Sha384));
        assert_eq!(signature_hash(&ecdsa(4)), Some(SignatureHash::Sha512));
        assert_eq!(signature_hash(&pss(3)), Some(SignatureHash::Sha512));
        assert_eq!(signature_hash(&[6, 3, 0x2b, 0x65, 0x70]), None);
    }
}
