//! Keys of the tables: bytes whose order is the order wanted.
//!
//! ```text
//! row      kind | address | 00 | tag of the row | rest of its name
//! leaf     1e | owner | 0a | incarnation (16 digits) | 0a | node | 00 | as above
//! message  position (16, big endian)
//! place    incarnation of the archive (8, big endian) | position (16)
//! ```
//!
//! An address has no NUL, so all rows of a record, and no others, begin with its prefix.

use std::ops::Range;

use crate::base::ids::FileId;
use crate::base::ids::Incarnation;
use crate::base::ids::SmKey;
use crate::base::jid::BareJid;
use crate::base::jid::Jid;
use crate::model::position::Position;
use crate::model::pubsub::LeafKey;
use crate::model::row::RecordKey;
use crate::model::row::RowName;
use crate::store::error::StoreError;

/// A message in one archive.
pub(super) type PlaceKey = [u8; 24];

/// The tags of [`RowName::Lost`] and [`RowName::Alias`].
const LOST: u8 = 19;
const ALIAS: u8 = 21;
const PUSH: u8 = 50;
const SUBSCRIBED: u8 = 34;
const WORN: u8 = 42;
const FURTHER: u8 = 240;
/// The tag of [`RowName::File`].
const FILE: u8 = 60;

const UNREADABLE: StoreError = StoreError::Corrupt { place: "key" };

/// What the keys of all rows of a record begin with.
pub(super) fn record_prefix(record: &RecordKey) -> Vec<u8> {
    let leaf;
    let (kind, name) = match record {
        RecordKey::Node => (0, ""),
        RecordKey::Account { jid } => (1, jid.as_str()),
        RecordKey::Room { jid } => (2, jid.as_str()),
        RecordKey::Leaf { leaf: key } => {
            leaf = leaf_name(key);
            (30, leaf.as_str())
        }
    };
    let mut key = Vec::with_capacity(name.len() + 40);
    key.push(kind);
    key.extend_from_slice(name.as_bytes());
    key.push(0);
    key
}

/// No address has a line feed, and no text of XML a NUL.
fn leaf_name(leaf: &LeafKey) -> String {
    let LeafKey {
        owner,
        incarnation,
        node,
    } = leaf;
    format!("{owner}\n{:016x}\n{node}", incarnation.0)
}

/// The smallest key above all that begin with the prefix of a record.
pub(super) fn prefix_end(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    if let Some(last) = end.last_mut() {
        *last = 1;
    }
    end
}

pub(super) fn row_key(record: &RecordKey, name: &RowName) -> Vec<u8> {
    let mut key = record_prefix(record);
    push_name(&mut key, name);
    key
}

fn push_name(key: &mut Vec<u8>, name: &RowName) {
    let (tag, rest): (u8, &str) = match name {
        RowName::Account => (1, ""),
        RowName::Credentials => (2, ""),
        RowName::LastSeen => (3, ""),
        RowName::Preferences => (4, ""),
        RowName::VCard => (5, ""),
        RowName::Frontier => (6, ""),
        RowName::Contact { jid } | RowName::Affiliation { jid } => {
            let is_contact = matches!(name, RowName::Contact { .. });
            (if is_contact { 7 } else { 15 }, jid.as_str())
        }
        RowName::Blocked { jid } => (8, jid.as_str()),
        RowName::Token { device } => (9, device),
        RowName::Private { name } => (10, name),
        RowName::Stream { key: stream } => {
            key.push(11);
            key.extend_from_slice(&stream.0.to_be_bytes());
            return;
        }
        RowName::Room => (12, ""),
        RowName::RoomConfig => (13, ""),
        RowName::Subject => (14, ""),
        RowName::Secret { purpose } => (16, purpose),
        RowName::Text { name } => (17, name),
        RowName::Created { room } => (18, room.as_str()),
        RowName::Lost { at } => {
            key.push(LOST);
            key.extend_from_slice(&at.to_bytes());
            return;
        }
        RowName::Alias { at } => {
            key.push(ALIAS);
            key.extend_from_slice(&at.to_bytes());
            return;
        }
        RowName::File { id } => {
            key.push(FILE);
            key.extend_from_slice(&id.0.to_be_bytes());
            return;
        }
        RowName::Swept => (20, ""),
        RowName::Invite { digest } => (51, digest),
        RowName::AbuseReport { id } => (52, id),
        RowName::CaughtUp { device } => (90, device),
        RowName::Push { service, node } => {
            // No address has a zero byte in it.
            return push_pair(key, PUSH, (service, '\0', node));
        }
        RowName::Leaf { node } => (30, node),
        RowName::Item { id } => (31, id),
        RowName::Subscription { jid } => (32, jid.as_str()),
        RowName::Standing { jid } => (33, jid.as_str()),
        RowName::Applicant { jid } => (40, jid.as_str()),
        RowName::Hat { uri } => (41, uri),
        RowName::Worn { jid, uri } => {
            return push_pair(key, WORN, (jid.as_str(), '\n', uri));
        }
        RowName::Subscribed { owner, node } => {
            return push_pair(key, SUBSCRIBED, (owner.as_str(), '\n', node));
        }
        RowName::FurtherSubscription { jid, id } => {
            return push_pair(key, FURTHER, (jid.as_str(), '\n', id));
        }
    };
    key.push(tag);
    key.extend_from_slice(rest.as_bytes());
}

fn push_pair(key: &mut Vec<u8>, tag: u8, (first, between, second): (&str, char, &str)) {
    key.push(tag);
    key.extend_from_slice(first.as_bytes());
    key.extend_from_slice(between.encode_utf8(&mut [0; 4]).as_bytes());
    key.extend_from_slice(second.as_bytes());
}

/// The keys of a record's aliases.
pub(super) fn alias_range(record: &RecordKey) -> Range<Vec<u8>> {
    let mut first = record_prefix(record);
    let mut end = first.clone();
    first.push(ALIAS);
    end.push(ALIAS + 1);
    first..end
}

/// The keys of an account's files.
pub(super) fn file_range(record: &RecordKey) -> Range<Vec<u8>> {
    let mut first = record_prefix(record);
    let mut end = first.clone();
    first.push(FILE);
    end.push(FILE + 1);
    first..end
}

/// The keys of the conflict journal.
pub(super) fn journal_range() -> Range<Vec<u8>> {
    let mut first = record_prefix(&RecordKey::Node);
    let mut end = first.clone();
    first.push(LOST);
    end.push(LOST + 1);
    first..end
}

/// The name of the row whose key follows the prefix of its record as `bytes`.
pub(super) fn read_name(bytes: &[u8]) -> Result<RowName, StoreError> {
    let (tag, rest) = bytes.split_first().ok_or(UNREADABLE)?;
    if *tag == FILE {
        return read_file(rest);
    }
    if *tag == 11 {
        return read_stream(rest);
    }
    if matches!(*tag, LOST | ALIAS) {
        let at = rest.try_into().map_err(|_| UNREADABLE)?;
        let at = Position::from_bytes(at);
        let is_lost = *tag == LOST;
        return Ok(if is_lost {
            RowName::Lost { at }
        } else {
            RowName::Alias { at }
        });
    }
    let rest = std::str::from_utf8(rest).map_err(|_| UNREADABLE)?;
    let name = match tag {
        1 => RowName::Account,
        2 => RowName::Credentials,
        3 => RowName::LastSeen,
        4 => RowName::Preferences,
        5 => RowName::VCard,
        6 => RowName::Frontier,
        7 => RowName::Contact { jid: bare(rest)? },
        8 => RowName::Blocked {
            jid: Jid::parse(rest).map_err(|_| UNREADABLE)?,
        },
        9 => RowName::Token {
            device: rest.into(),
        },
        10 => RowName::Private { name: rest.into() },
        12 => RowName::Room,
        13 => RowName::RoomConfig,
        14 => RowName::Subject,
        15 => RowName::Affiliation { jid: bare(rest)? },
        16 => RowName::Secret {
            purpose: rest.into(),
        },
        17 => RowName::Text { name: rest.into() },
        18 => RowName::Created { room: bare(rest)? },
        20 => RowName::Swept,
        51 => RowName::Invite {
            digest: rest.into(),
        },
        52 => RowName::AbuseReport { id: rest.into() },
        90 => RowName::CaughtUp {
            device: rest.into(),
        },
        &PUSH | &SUBSCRIBED | &WORN | &FURTHER => return read_pair(*tag, rest),
        30 => RowName::Leaf { node: rest.into() },
        31 => RowName::Item { id: rest.into() },
        32 => RowName::Subscription {
            jid: Jid::parse(rest).map_err(|_| UNREADABLE)?,
        },
        33 => RowName::Standing { jid: bare(rest)? },
        40 => RowName::Applicant { jid: bare(rest)? },
        41 => RowName::Hat { uri: rest.into() },
        _ => return Err(UNREADABLE),
    };
    Ok(name)
}

fn read_pair(tag: u8, rest: &str) -> Result<RowName, StoreError> {
    let between = if tag == PUSH { '\0' } else { '\n' };
    let (first, second) = rest.split_once(between).ok_or(UNREADABLE)?;
    Ok(match tag {
        PUSH => RowName::Push {
            service: first.into(),
            node: second.into(),
        },
        WORN => RowName::Worn {
            jid: bare(first)?,
            uri: second.into(),
        },
        FURTHER => RowName::FurtherSubscription {
            jid: Jid::parse(first).map_err(|_| UNREADABLE)?,
            id: second.into(),
        },
        _ => RowName::Subscribed {
            owner: bare(first)?,
            node: second.into(),
        },
    })
}

fn read_stream(rest: &[u8]) -> Result<RowName, StoreError> {
    let key = rest.try_into().map_err(|_| UNREADABLE)?;
    let key = SmKey(u128::from_be_bytes(key));
    Ok(RowName::Stream { key })
}

fn read_file(rest: &[u8]) -> Result<RowName, StoreError> {
    let id = rest.try_into().map_err(|_| UNREADABLE)?;
    let id = FileId(u128::from_be_bytes(id));
    Ok(RowName::File { id })
}

pub(super) fn bare(text: &str) -> Result<BareJid, StoreError> {
    BareJid::parse(text).map_err(|_| UNREADABLE)
}

pub(super) fn place_key(archive: Incarnation, position: Position) -> PlaceKey {
    let mut key = [0; 24];
    let (head, tail) = key.split_at_mut(8);
    head.copy_from_slice(&archive.0.to_be_bytes());
    tail.copy_from_slice(&position.to_bytes());
    key
}

pub(super) fn place_position(key: &PlaceKey) -> Position {
    key.last_chunk()
        .map_or(Position::ZERO, |bytes| Position::from_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(name: &str) -> RecordKey {
        RecordKey::Account {
            jid: BareJid::parse(name).unwrap(),
        }
    }

    #[test]
    fn the_rows_of_a_record_are_together() {
        let (short, long) = (account("a@b"), account("a@b.c"));
        let prefix = record_prefix(&short);
        let own = row_key(&short, &RowName::Text { name: "zz".into() });
        let other = row_key(&long, &RowName::Account);

        assert!(own > prefix && own < prefix_end(&prefix));
        assert!(other > prefix_end(&prefix));
    }

    #[test]
    fn a_name_is_read_back() {
        let names = [
            RowName::Applicant {
                jid: BareJid::parse("bob@b").unwrap(),
            },
            RowName::Hat {
                uri: "urn:a\nb".into(),
            },
            RowName::Worn {
                jid: BareJid::parse("bob@b").unwrap(),
                uri: "urn:a\nb".into(),
            },
            RowName::Frontier,
            RowName::Contact {
                jid: BareJid::parse("bob@b").unwrap(),
            },
            RowName::Blocked {
                jid: Jid::parse("bob@b/x").unwrap(),
            },
            RowName::Stream {
                key: SmKey(7 << 99),
            },
            RowName::Affiliation {
                jid: BareJid::parse("bob@b").unwrap(),
            },
            RowName::Alias {
                at: Position::from_u128(7 << 99),
            },
            RowName::Push {
                service: "push.b/x".into(),
                node: "n\0m".into(),
            },
            RowName::Subscribed {
                owner: BareJid::parse("news.b").unwrap(),
                node: "one\ntwo".into(),
            },
            RowName::File {
                id: FileId(7 << 99),
            },
            RowName::CaughtUp {
                device: "a/b\nc".into(),
            },
            RowName::FurtherSubscription {
                jid: Jid::parse("bob@b/x").unwrap(),
                id: "a\nb".into(),
            },
        ];
        let record = account("a@b");
        let prefix = record_prefix(&record);
        for name in names {
            let key = row_key(&record, &name);
            assert_eq!(read_name(key.strip_prefix(&prefix[..]).unwrap()), Ok(name));
        }
    }
}
