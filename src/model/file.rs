//! A file that a user has uploaded (XEP-0363): what is kept of it, its address, and the slot it came through.
//!
//! The address holds whose file it is, encrypted with a secret of the domain (AES-256-GCM): it tells nothing, cannot be
//! guessed or forged, and leads to the row without an index. A slot is an address with what was agreed on, signed
//! (HMAC-SHA-256): either board of a pair checks it, and nobody remembers it.

use std::fmt;
use std::fmt::Write as _;

use base64ct::Base64UrlUnpadded;
use base64ct::Encoding as _;
use ring::aead;
use ring::hmac;

use crate::base::ids::FileId;
use crate::base::ids::Incarnation;
use crate::base::jid::BareJid;
use crate::base::time::Timestamp;
use crate::model::codec::coded;

/// SHA-256 of the bytes: the name under which they lie on the disk.
pub(crate) type FileHash = [u8; 32];

/// What is kept of a file beside its bytes. Written once.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct FileRow {
    pub(crate) name: Box<str>,
    /// As it was announced, and is not necessarily served.
    pub(crate) content_type: Box<str>,
    pub(crate) bytes: u64,
    pub(crate) hash: FileHash,
    pub(crate) uploaded: Timestamp,
    pub(crate) expires: Timestamp,
}

coded!(struct FileRow { name, content_type, bytes, hash, uploaded, expires });

/// Whose file, and which.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct FilePlace {
    pub(crate) owner: BareJid,
    pub(crate) id: FileId,
}

/// What was agreed on before a file comes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Slot {
    pub(crate) place: FilePlace,
    pub(crate) name: Box<str>,
    /// `None`: nothing was said of it.
    pub(crate) content_type: Option<Box<str>>,
    pub(crate) bytes: u64,
    /// In seconds of Unix time.
    pub(crate) until: u64,
}

/// The signature of a slot.
pub(crate) type SlotMac = [u8; 32];

/// The domain's keys for addresses and slots.
#[derive(Clone, Default)]
pub(crate) struct FileKeys {
    address: [u8; 32],
    slot: [u8; 32],
}

const NONCE_BYTES: usize = aead::NONCE_LEN;
const ID_BYTES: usize = 16;
/// Addresses tell how long a name is in steps of so many bytes.
const STEP_BYTES: usize = 16;

impl FileKeys {
    /// From a secret of the domain, which both boards of a pair hold.
    pub(crate) fn new(secret: &[u8; 32]) -> Self {
        let derive = |purpose: &[u8]| {
            let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
            let mut derived = [0; 32];
            for (to, from) in derived.iter_mut().zip(hmac::sign(&key, purpose).as_ref()) {
                *to = *from;
            }
            derived
        };
        Self {
            address: derive(b"addresses of files"),
            slot: derive(b"slots of files"),
        }
    }

    fn cipher(&self) -> Option<aead::LessSafeKey> {
        let key = aead::UnboundKey::new(&aead::AES_256_GCM, &self.address).ok()?;
        Some(aead::LessSafeKey::new(key))
    }

    /// The part of the address that nobody else can make; `nonce` is drawn at random.
    pub(crate) fn seal(&self, place: &FilePlace, nonce: [u8; NONCE_BYTES]) -> Option<String> {
        let mut inner = place.id.0.to_be_bytes().to_vec();
        inner.extend_from_slice(place.owner.local()?.as_bytes());
        inner.resize(inner.len().next_multiple_of(STEP_BYTES), 0);
        let sealed = aead::Nonce::assume_unique_for_key(nonce);
        self.cipher()?
            .seal_in_place_append_tag(sealed, aead::Aad::empty(), &mut inner)
            .ok()?;
        let mut bytes = nonce.to_vec();
        bytes.append(&mut inner);
        Some(Base64UrlUnpadded::encode_string(&bytes))
    }

    /// `None`: this is no address of ours.
    pub(crate) fn open(&self, sealed: &str, domain: &str) -> Option<FilePlace> {
        let mut bytes = Base64UrlUnpadded::decode_vec(sealed).ok()?;
        let (nonce, inner) = bytes.split_first_chunk_mut::<NONCE_BYTES>()?;
        let nonce = aead::Nonce::assume_unique_for_key(*nonce);
        let cipher = self.cipher()?;
        let inner = cipher
            .open_in_place(nonce, aead::Aad::empty(), inner)
            .ok()?;
        let (id, local) = inner.split_first_chunk::<ID_BYTES>()?;
        let local = std::str::from_utf8(local).ok()?.trim_end_matches('\0');
        let owner = BareJid::from_parts(Some(local), domain).ok()?;
        let id = FileId(u128::from_be_bytes(*id));
        Some(FilePlace { owner, id })
    }

    /// Good for this life of the account only: a name that is used again inherits no slots.
    pub(crate) fn sign(&self, slot: &Slot, account: Incarnation) -> SlotMac {
        let tag = hmac::sign(&self.slot_key(), &to_be_signed(slot, account));
        let mut mac = [0; 32];
        for (to, from) in mac.iter_mut().zip(tag.as_ref()) {
            *to = *from;
        }
        mac
    }

    /// In the same time whatever is wrong.
    pub(crate) fn is_signed(&self, slot: &Slot, account: Incarnation, mac: &SlotMac) -> bool {
        hmac::verify(&self.slot_key(), &to_be_signed(slot, account), mac).is_ok()
    }

    fn slot_key(&self) -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA256, &self.slot)
    }
}

impl fmt::Debug for FileKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FileKeys(..)")
    }
}

/// Each part with its length before it: nothing moves from one into the next.
fn to_be_signed(slot: &Slot, account: Incarnation) -> Vec<u8> {
    let mut text = Vec::new();
    let (said, content_type) = match &slot.content_type {
        Some(content_type) => (1, &**content_type),
        None => (0, ""),
    };
    for number in [account.0, slot.bytes, slot.until, said] {
        text.extend_from_slice(&number.to_be_bytes());
    }
    text.extend_from_slice(&slot.place.id.0.to_be_bytes());
    for part in [slot.place.owner.as_str(), &slot.name, content_type] {
        let length = u64::try_from(part.len()).unwrap_or(u64::MAX);
        text.extend_from_slice(&length.to_be_bytes());
        text.extend_from_slice(part.as_bytes());
    }
    text
}

/// Two digits a byte.
pub(crate) fn to_hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing into a text does not fail.
        write!(text, "{byte:02x}").ok();
    }
    text
}

/// Of a hash or a signature; upper case is none.
pub(crate) fn parse_hex(text: &str) -> Option<[u8; 32]> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let mut bytes = [0; 32];
    if pairs.len() != bytes.len() || !rest.is_empty() {
        return None;
    }
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        let digit = |byte: u8| {
            char::from(byte)
                .to_digit(16)
                .filter(|_| !byte.is_ascii_uppercase())
        };
        *byte = u8::try_from(digit(*high)? * 16 + digit(*low)?).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> FilePlace {
        FilePlace {
            owner: BareJid::parse("alice@h").unwrap(),
            id: FileId(7 << 99),
        }
    }

    fn slot() -> Slot {
        Slot {
            place: place(),
            name: "a.png".into(),
            content_type: Some("image/png".into()),
            bytes: 10,
            until: 1_000,
        }
    }

    #[test]
    fn an_address_leads_back_to_the_file_and_says_nothing() {
        let keys = FileKeys::new(&[7; 32]);
        let sealed = keys.seal(&place(), [3; 12]).unwrap();
        assert_eq!(keys.open(&sealed, "h"), Some(place()));
        assert!(!sealed.contains("alice"));
        let other = FilePlace {
            owner: BareJid::parse("bob@h").unwrap(),
            ..place()
        };
        assert_eq!(sealed.len(), keys.seal(&other, [3; 12]).unwrap().len());
    }

    #[test]
    fn a_changed_or_foreign_address_is_nobodys() {
        let keys = FileKeys::new(&[7; 32]);
        let sealed = keys.seal(&place(), [3; 12]).unwrap();
        for at in 0..sealed.len() {
            let mut changed = sealed.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert_eq!(keys.open(&changed, "h"), None, "{changed}");
        }
        assert_eq!(FileKeys::new(&[8; 32]).open(&sealed, "h"), None);
        for text in ["", "AAAA", "a/b", "../../etc/passwd"] {
            assert_eq!(keys.open(text, "h"), None);
        }
    }

    #[test]
    fn a_signature_is_for_all_that_was_agreed_on() {
        let keys = FileKeys::new(&[7; 32]);
        let mac = keys.sign(&slot(), Incarnation(1));
        assert!(keys.is_signed(&slot(), Incarnation(1), &mac));
        assert!(!keys.is_signed(&slot(), Incarnation(2), &mac));
        let mut other = place();
        other.id = FileId(1);
        let changed = [
            Slot {
                bytes: 11,
                ..slot()
            },
            Slot {
                until: 1_001,
                ..slot()
            },
            Slot {
                name: "b.png".into(),
                ..slot()
            },
            Slot {
                content_type: None,
                ..slot()
            },
            Slot {
                content_type: Some("".into()),
                ..slot()
            },
            Slot {
                place: other,
                ..slot()
            },
        ];
        for changed in changed {
            assert!(
                !keys.is_signed(&changed, Incarnation(1), &mac),
                "{changed:?}"
            );
        }
        assert!(!FileKeys::new(&[8; 32]).is_signed(&slot(), Incarnation(1), &mac));
    }
}
