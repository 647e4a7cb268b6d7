//! The tables, and the byte forms of what they hold.
//!
//! | table | key | value |
//! |---|---|---|
//! | `rows` | row key | cell: rows that change seldom |
//! | `marks` | row key | cell: rows that traffic changes, close together so that few pages change |
//! | `messages` | position | stamp, places, message |
//! | `places` | archive, position | role, time, hashes of the correspondent, size |
//! | `untaken` | archive, position | whether it is archived: received, above the frontier |
//! | `archives` | archive | owner, size, up to where it was cleared |
//! | `clock` | stretch of time | lowest and highest position of its messages |
//! | `accounts`, `rooms` | address | flags: those that exist |
//! | `epochs` | epoch | its record, how far its entries are applied |
//! | `work` | what is to be removed | up to where |
//! | `meta` | 0 | format version, how far the log is applied, newest position and stamp |

use redb::TableDefinition;

use crate::base::ids::Incarnation;
use crate::base::time::Timestamp;
use crate::model::codec::Code;
use crate::model::codec::CodecError;
use crate::model::codec::Reader;
use crate::model::codec::coded;
use crate::model::codec::from_bytes;
use crate::model::entry::EpochRecord;
use crate::model::message::Message;
use crate::model::message::Owner;
use crate::model::message::Place;
use crate::model::message::Role;
use crate::model::position::Hlc;
use crate::model::position::Index;
use crate::model::position::Position;
use crate::model::row::Cell;
use crate::model::row::RowName;
use crate::store::error::StoreError;

/// The format written by this program.
pub(crate) const FORMAT: u32 = 2;

pub(super) type Bytes = TableDefinition<'static, &'static [u8], &'static [u8]>;

pub(super) const ROWS: Bytes = TableDefinition::new("rows");
pub(super) const MARKS: Bytes = TableDefinition::new("marks");
pub(super) const MESSAGES: TableDefinition<'static, &'static [u8; 16], &'static [u8]> =
    TableDefinition::new("messages");
pub(super) const PLACES: TableDefinition<'static, &'static [u8; 24], &'static [u8; 16]> =
    TableDefinition::new("places");
pub(super) const UNTAKEN: TableDefinition<'static, &'static [u8; 24], bool> =
    TableDefinition::new("untaken");
pub(super) const ARCHIVES: TableDefinition<'static, u64, &'static [u8]> =
    TableDefinition::new("archives");
pub(super) const CLOCK: TableDefinition<'static, u64, &'static [u8; 32]> =
    TableDefinition::new("clock");
pub(super) const ACCOUNTS: TableDefinition<'static, &'static str, u8> =
    TableDefinition::new("accounts");
pub(super) const ROOMS: TableDefinition<'static, &'static str, u8> = TableDefinition::new("rooms");
pub(super) const EPOCHS: Bytes = TableDefinition::new("epochs");
pub(super) const WORK: Bytes = TableDefinition::new("work");
pub(super) const META: TableDefinition<'static, u8, &'static [u8]> = TableDefinition::new("meta");

/// Flag of an entry of `accounts`: nobody can log in.
pub(super) const ACCOUNT_IS_DISABLED: u8 = 1;

/// Flag of an entry of `rooms`: strangers may see it in the list.
pub(super) const ROOM_IS_PUBLIC: u8 = 1;

/// Flag of an entry of `rooms`: it ends with its last occupant.
pub(super) const ROOM_IS_FLEETING: u8 = 2;

/// The version that every value of variable form begins with.
const VALUE_VERSION: u8 = 1;

/// Rows that traffic changes. All others stay where they are between checkpoints.
pub(super) fn is_mark(name: &RowName) -> bool {
    matches!(
        name,
        RowName::Frontier | RowName::LastSeen | RowName::Stream { .. }
    )
}

/// How far the tables go.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Meta {
    /// Up to where the log of this node is applied.
    pub(super) applied_to: Index,
    /// The largest position of an applied entry.
    pub(super) newest: Position,
    /// The newest stamp of an applied entry.
    pub(super) stamp: Hlc,
}

coded!(struct Meta { applied_to, newest, stamp });

/// An epoch, and the number of its last entry that is applied.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Stretch {
    pub(super) record: EpochRecord,
    pub(super) end: u64,
}

coded!(struct Stretch { record, end });

impl Meta {
    /// The version stands first and keeps its form in every format.
    pub(super) fn to_value(self) -> Vec<u8> {
        let mut out = FORMAT.to_be_bytes().to_vec();
        self.encode(&mut out);
        out
    }

    pub(super) fn from_value(value: &[u8]) -> Result<Self, StoreError> {
        let mut input = Reader::new(value);
        let found = u32::from_be_bytes(input.array()?);
        if found != FORMAT {
            return Err(StoreError::Version {
                found,
                known: FORMAT,
            });
        }
        Ok(from_bytes(input.rest())?)
    }
}

/// A value behind its version.
pub(super) fn to_value<T: Code>(value: &T) -> Vec<u8> {
    let mut out = vec![VALUE_VERSION];
    value.encode(&mut out);
    out
}

pub(super) fn from_value<T: Code>(bytes: &[u8]) -> Result<T, StoreError> {
    let mut input = versioned(bytes)?;
    let value = T::decode(&mut input)?;
    input.end()?;
    Ok(value)
}

fn versioned(bytes: &[u8]) -> Result<Reader<'_>, CodecError> {
    let mut input = Reader::new(bytes);
    if input.byte()? == VALUE_VERSION {
        Ok(input)
    } else {
        Err(CodecError::Unknown)
    }
}

pub(super) fn read_cell(bytes: &[u8]) -> Result<Cell, StoreError> {
    from_value(bytes)
}

/// A message's value: version, stamp, places with their roles, message.
pub(super) fn message_value(
    message: &Message,
    stamp: Hlc,
    places: &[(Incarnation, Role)],
) -> Vec<u8> {
    let mut out = Vec::with_capacity(message.payload.len() + 160);
    out.push(VALUE_VERSION);
    stamp.encode(&mut out);
    places.len().encode(&mut out);
    for (archive, role) in places {
        out.extend_from_slice(&archive.0.to_be_bytes());
        role.encode(&mut out);
    }
    message.encode(&mut out);
    out
}

/// The places of a message, without the message.
pub(super) fn read_places(bytes: &[u8]) -> Result<Vec<(Incarnation, Role)>, StoreError> {
    let mut input = versioned(bytes)?;
    Hlc::decode(&mut input)?;
    let count = usize::decode(&mut input)?;
    let mut places = Vec::new();
    for _ in 0..count {
        let archive = Incarnation(u64::from_be_bytes(input.array()?));
        places.push((archive, Role::decode(&mut input)?));
    }
    Ok(places)
}

/// The stamp, and the message to be read.
fn read_stamp(bytes: &[u8]) -> Result<(Hlc, Reader<'_>), CodecError> {
    let mut input = versioned(bytes)?;
    let stamp = Hlc::decode(&mut input)?;
    for _ in 0..usize::decode(&mut input)? {
        input.take(8)?;
        Role::decode(&mut input)?;
    }
    Ok((stamp, input))
}

/// What a message says, without the rest of it.
pub(super) fn read_payload(bytes: &[u8]) -> Result<&[u8], StoreError> {
    let (_, mut input) = read_stamp(bytes)?;
    Ok(Message::read_payload(&mut input)?)
}

/// The stamp and the message.
pub(super) fn read_message(bytes: &[u8]) -> Result<(Hlc, Message), StoreError> {
    let (stamp, mut input) = read_stamp(bytes)?;
    let message = Message::decode(&mut input)?;
    input.end()?;
    Ok((stamp, message))
}

/// What an archive knows of a message without reading it.
///
/// `role and flags u8 | ms u48 | bare hash u32 | resource hash u16 | bytes u24`
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct PlaceValue {
    pub(super) role: Role,
    pub(super) archived: bool,
    /// A copy of a message that the archive has: it is there for who names it.
    pub(super) is_alias: bool,
    /// What it said was taken back.
    pub(super) is_retracted: bool,
    pub(super) at: Timestamp,
    pub(super) with: WithHash,
    pub(super) bytes: u32,
}

/// Hashes of a correspondent's address: they tell most messages of others apart.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct WithHash {
    pub(super) bare: u32,
    pub(super) resource: u16,
}

impl WithHash {
    pub(super) fn new(jid: &crate::base::jid::Jid) -> Self {
        let resource = crc32c::crc32c(jid.resource().unwrap_or_default().as_bytes());
        Self {
            bare: crc32c::crc32c(jid.bare_str().as_bytes()),
            resource: u16::try_from(resource & 0xffff).unwrap_or(0),
        }
    }
}

/// Sizes of messages are kept in three bytes.
const PLACE_BYTES_MAX: u32 = 0xff_ffff;

/// What a message counts for in its archives.
pub(super) fn size(message: &Message) -> u32 {
    let text = message.from.as_str().len() + message.to.as_str().len();
    let bytes = message
        .payload
        .len()
        .saturating_add(text)
        .saturating_add(64);
    u32::try_from(bytes)
        .unwrap_or(u32::MAX)
        .min(PLACE_BYTES_MAX)
}

impl PlaceValue {
    pub(super) fn new(place: &Place, stamp: Hlc, message: &Message) -> Self {
        Self {
            role: place.role,
            archived: place.archived,
            is_alias: false,
            is_retracted: false,
            at: Timestamp::from_unix_ms(stamp.unix_ms()),
            with: WithHash::new(&place.with),
            bytes: size(message),
        }
    }

    pub(super) fn to_bytes(self) -> [u8; 16] {
        let role = match self.role {
            Role::Received => 0,
            Role::Sent => 1,
            Role::Said => 2,
        };
        let flags = role
            | u8::from(self.archived) << 2
            | u8::from(self.is_alias) << 3
            | u8::from(self.is_retracted) << 4;
        let bits = u128::from(flags) << 120
            | u128::from(self.at.unix_ms() & 0xffff_ffff_ffff) << 72
            | u128::from(self.with.bare) << 40
            | u128::from(self.with.resource) << 24
            | u128::from(self.bytes & PLACE_BYTES_MAX);
        bits.to_be_bytes()
    }

    pub(super) fn from_bytes(bytes: [u8; 16]) -> Self {
        let bits = u128::from_be_bytes(bytes);
        let part =
            |shift: u32, mask: u64| u64::try_from(bits >> shift & u128::from(mask)).unwrap_or(0);
        let flags = part(120, 0xff);
        Self {
            role: match flags & 3 {
                0 => Role::Received,
                1 => Role::Sent,
                _ => Role::Said,
            },
            archived: flags & 4 != 0,
            is_alias: flags & 8 != 0,
            is_retracted: flags & 16 != 0,
            at: Timestamp::from_unix_ms(part(72, 0xffff_ffff_ffff)),
            with: WithHash {
                bare: u32::try_from(part(40, 0xffff_ffff)).unwrap_or(0),
                resource: u16::try_from(part(24, 0xffff)).unwrap_or(0),
            },
            bytes: u32::try_from(part(0, 0xff_ffff)).unwrap_or(0),
        }
    }
}

/// An archive's size, and up to where it was cleared.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Archive {
    pub(super) owner: Owner,
    /// Archived messages in the table; `bytes` counts what is only waited for as well.
    pub(super) count: u64,
    pub(super) bytes: u64,
    /// Nothing at or below is there for a reader; `MAX`: the archive is gone for good.
    pub(super) cleared: Position,
    /// What was cleared is not removed yet.
    pub(super) clearing: bool,
}

coded!(struct Archive { owner, count, bytes, cleared, clearing });

impl Archive {
    pub(super) fn new(owner: Owner) -> Self {
        Self {
            owner,
            count: 0,
            bytes: 0,
            cleared: Position::ZERO,
            clearing: false,
        }
    }

    pub(super) fn is_gone(&self) -> bool {
        self.cleared == Position::MAX
    }
}

/// Lowest and highest position of the messages of a stretch of time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Span {
    pub(super) low: Position,
    pub(super) high: Position,
}

/// A stretch of the clock: 2^25 ms, 9.3 hours. Shorter ones find a time more exactly, and are more.
pub(super) fn stretch(at: Timestamp) -> u64 {
    at.unix_ms() >> 25
}

impl Span {
    pub(super) fn of(position: Position) -> Self {
        Self {
            low: position,
            high: position,
        }
    }

    pub(super) fn unite(self, other: Self) -> Self {
        Self {
            low: self.low.min(other.low),
            high: self.high.max(other.high),
        }
    }

    pub(super) fn to_bytes(self) -> [u8; 32] {
        let mut bytes = [0; 32];
        let (low, high) = bytes.split_at_mut(16);
        low.copy_from_slice(&self.low.to_bytes());
        high.copy_from_slice(&self.high.to_bytes());
        bytes
    }

    pub(super) fn from_bytes(bytes: &[u8; 32]) -> Self {
        let half = |bytes: Option<&[u8; 16]>| {
            bytes.map_or(Position::ZERO, |bytes| Position::from_bytes(*bytes))
        };
        Self {
            low: half(bytes.first_chunk()),
            high: half(bytes.last_chunk()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_back() {
        let place = PlaceValue {
            role: Role::Sent,
            archived: true,
            is_alias: true,
            is_retracted: true,
            at: Timestamp::from_unix_ms(1_700_000_000_123),
            with: WithHash {
                bare: 0xdead_beef,
                resource: 0x1234,
            },
            bytes: 70_000,
        };
        assert_eq!(PlaceValue::from_bytes(place.to_bytes()), place);
    }

    #[test]
    fn another_format_is_refused() {
        let mut value = Meta::default().to_value();
        if let Some(last) = value.get_mut(3) {
            *last = 9;
        }
        assert_eq!(
            Meta::from_value(&value),
            Err(StoreError::Version { found: 9, known: 2 })
        );
    }
}
