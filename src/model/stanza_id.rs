//! Stanza ids: positions, encrypted (XEP-0359, XEP-0313 section 3).
//!
//! An archive's ids have to be unpredictable and must not tell how busy the server is, and they
//! have to lead back to the row. A position is sixteen bytes, one block of AES-128: encrypted with a
//! secret of the domain, and whitened with the archive's name (XEX), it is both, and needs no index.
//! A forged id decrypts to an epoch that the log does not have.

use aes::Aes128;
use aes::cipher::Array;
use aes::cipher::BlockCipherDecrypt;
use aes::cipher::BlockCipherEncrypt;
use aes::cipher::KeyInit;
use ring::digest;

use crate::base::jid::BareJid;
use crate::model::position::Position;

/// The domain's cipher for ids.
#[derive(Clone)]
pub(crate) struct StanzaIds {
    cipher: Aes128,
}

/// Thirty-two hex digits, without an allocation.
pub(crate) type IdText = heapless::String<32>;

impl StanzaIds {
    /// From the domain's secret, which both nodes of a pair hold.
    pub(crate) fn new(secret: [u8; 16]) -> Self {
        Self {
            cipher: Aes128::new(&Array::from(secret)),
        }
    }

    /// The id of the row under `position` in the archive of `owner`.
    pub(crate) fn id(&self, position: Position, owner: &BareJid) -> IdText {
        let tweak = self.tweak(owner);
        let mut block = Array::from((position.to_u128() ^ tweak).to_be_bytes());
        self.cipher.encrypt_block(&mut block);
        hex(u128::from_be_bytes(block.into()) ^ tweak)
    }

    /// What an id stands for, if it has the form of one. Whether there is such a row, and in this
    /// archive, is for the tables to say.
    pub(crate) fn position(&self, id: &str, owner: &BareJid) -> Option<Position> {
        if id.len() != 32
            || !id
                .bytes()
                .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        {
            return None;
        }
        let tweak = self.tweak(owner);
        let bits = u128::from_str_radix(id, 16).ok()?;
        let mut block = Array::from((bits ^ tweak).to_be_bytes());
        self.cipher.decrypt_block(&mut block);
        Some(Position::from_u128(
            u128::from_be_bytes(block.into()) ^ tweak,
        ))
    }

    fn tweak(&self, owner: &BareJid) -> u128 {
        let name = owner.as_str().as_bytes();
        let mut block = [0; 16];
        if name.len() < 16 {
            // Short names stand for themselves; the last byte is their length, so none repeats.
            for (to, from) in block.iter_mut().zip(name) {
                *to = *from;
            }
            if let (Some(last), Ok(length)) = (block.last_mut(), u8::try_from(name.len())) {
                *last = length;
            }
        } else {
            let hash = digest::digest(&digest::SHA256, name);
            for (to, from) in block.iter_mut().zip(hash.as_ref()) {
                *to = *from;
            }
        }
        let mut block = Array::from(block);
        self.cipher.encrypt_block(&mut block);
        u128::from_be_bytes(block.into())
    }
}

impl Default for StanzaIds {
    /// With a secret that everybody knows: for tests.
    fn default() -> Self {
        Self::new([0; 16])
    }
}

impl std::fmt::Debug for StanzaIds {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("StanzaIds")
    }
}

fn hex(bits: u128) -> IdText {
    let mut text = IdText::new();
    for byte in bits.to_be_bytes() {
        for digit in [byte >> 4, byte & 15] {
            let digit = char::from_digit(u32::from(digit), 16).unwrap_or('0');
            // Thirty-two digits fit by the type.
            if text.push(digit).is_err() {
                return text;
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::position::Epoch;

    fn bare(text: &str) -> BareJid {
        BareJid::parse(text).unwrap()
    }

    #[test]
    fn an_id_leads_back_to_its_position_in_its_archive_only() {
        let ids = StanzaIds::new([7; 16]);
        let position = Position::new(
            Epoch {
                counter: 3,
                node: 1,
                salt: 5,
            },
            42,
            0,
        );
        for owner in ["a@b", "somebody.with.a.long.name@example.org"] {
            let id = ids.id(position, &bare(owner));
            assert_eq!(ids.position(&id, &bare(owner)), Some(position));
            assert_ne!(ids.position(&id, &bare("c@b")), Some(position));
        }
    }

    #[test]
    fn neighbours_do_not_look_alike() {
        let ids = StanzaIds::new([7; 16]);
        let epoch = Epoch {
            counter: 3,
            node: 1,
            salt: 5,
        };
        let one = ids.id(Position::new(epoch, 1, 0), &bare("a@b"));
        let two = ids.id(Position::new(epoch, 2, 0), &bare("a@b"));
        let same = one.chars().zip(two.chars()).filter(|(a, b)| a == b).count();
        assert!(same < 16, "{one} {two}");
    }

    #[test]
    fn what_has_not_the_form_of_an_id_is_none() {
        let ids = StanzaIds::new([7; 16]);
        for id in [
            "",
            "00",
            "G0000000000000000000000000000000",
            "+0000000000000000000000000000000",
        ] {
            assert_eq!(ids.position(id, &bare("a@b")), None);
        }
    }
}
