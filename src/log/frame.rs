//! The log on disk: what a segment, a batch and a record look like.
//!
//! ```text
//! segment   sector 0: header | batch | batch | batch | zeros, or what an earlier use left behind
//! batch     header, 48 bytes | records | zeros up to the next sector
//! record    position, 8 bytes | kind, 1 byte | length, 3 bytes | bytes
//! ```
//!
//! A batch is what one sync makes durable: all or nothing, under one checksum. It starts on a fresh
//! sector, so that a write never touches a sector with durable bytes in it, whatever the device does to
//! the sectors under way. Each batch names its log, its segment's use, its number and the checksum of
//! the batch before it: what an earlier use of the file left behind differs in the second, what an
//! older image of the disk brings back differs in the last.
//!
//! Numbers are big-endian. The checksum is CRC-32C.

use crate::base::limits::LOG_RECORD_BYTES_MAX;
use crate::log::Kind;
use crate::log::Position;

/// What a device writes whole or not at all, or so it says; a batch starts at a multiple of it.
pub(crate) const SECTOR_BYTES: usize = 512;
pub(crate) const BATCH_HEADER_BYTES: usize = 48;
pub(crate) const RECORD_HEADER_BYTES: usize = 12;

pub(crate) const BATCH_MAGIC: u32 = 0x6d6b_4c42;
pub(crate) const SEGMENT_MAGIC: u32 = 0x6d6b_4c53;
/// What this version of the program writes and the only one that it reads.
const VERSION: u16 = 2;

// The length of a record has 24 bits.
const _: () = assert!(LOG_RECORD_BYTES_MAX < 1 << 24);

/// The checksum of a batch's header, which covers that of its body and that of the batch before.
pub(crate) type Hash = u32;

/// A length in the unit of offsets; it always fits.
pub(crate) fn wide(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

/// `bytes` rounded up to whole sectors.
pub(crate) fn padded(bytes: u64) -> u64 {
    bytes.next_multiple_of(wide(SECTOR_BYTES))
}

/// The first sector of a segment.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct SegmentHeader {
    /// Drawn once, when the log is made: no sender can forge what a search for batches would find.
    pub(crate) log: u64,
    pub(crate) usage: Usage,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Usage {
    /// Filled with zeros and never used.
    Spare,
    Active(Start),
}

/// How a segment continues the log.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Start {
    /// Counts the uses of segments; never repeats in a log.
    pub(crate) sequence: u64,
    /// The number of its first batch. What older segments hold from there on counts no more.
    pub(crate) first: u64,
    /// The hash of the batch before that one, 0 if there is none.
    pub(crate) parent: Hash,
    /// The position of the last record before it.
    pub(crate) base: Position,
    /// Length of the file, which never shrinks while it is in use.
    pub(crate) bytes: u64,
}

/// Why a sector is not the header of a segment.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum NoHeader {
    /// The checksum holds: another version of the program wrote it.
    Version(u16),
    /// Zeros, torn, or damaged.
    Garbage,
}

impl SegmentHeader {
    pub(crate) fn write(&self) -> [u8; SECTOR_BYTES] {
        let start = match self.usage {
            Usage::Spare => Start::default(),
            Usage::Active(start) => start,
        };
        let mut sector = [0; SECTOR_BYTES];
        put(&mut sector, 0, &SEGMENT_MAGIC.to_be_bytes());
        put(&mut sector, 8, &VERSION.to_be_bytes());
        put(&mut sector, 16, &self.log.to_be_bytes());
        put(&mut sector, 24, &start.sequence.to_be_bytes());
        put(&mut sector, 32, &start.first.to_be_bytes());
        put(&mut sector, 40, &start.parent.to_be_bytes());
        put(&mut sector, 48, &start.base.to_be_bytes());
        put(&mut sector, 56, &start.bytes.to_be_bytes());
        let sum = crc32c::crc32c(sector.get(8..).unwrap_or_default());
        put(&mut sector, 4, &sum.to_be_bytes());
        sector
    }

    pub(crate) fn parse(sector: &[u8]) -> Result<Self, NoHeader> {
        let sector = sector.get(..SECTOR_BYTES).ok_or(NoHeader::Garbage)?;
        Self::parse_sector(sector).ok_or(NoHeader::Garbage)?
    }

    fn parse_sector(sector: &[u8]) -> Option<Result<Self, NoHeader>> {
        if u32_at(sector, 0)? != SEGMENT_MAGIC
            || u32_at(sector, 4)? != crc32c::crc32c(sector.get(8..)?)
        {
            return None;
        }
        let version = u16::from_be_bytes(array_at(sector, 8)?);
        if version != VERSION {
            return Some(Err(NoHeader::Version(version)));
        }
        let start = Start {
            sequence: u64_at(sector, 24)?,
            first: u64_at(sector, 32)?,
            parent: u32_at(sector, 40)?,
            base: u64_at(sector, 48)?,
            bytes: u64_at(sector, 56)?,
        };
        let usage = match start.sequence {
            0 => Usage::Spare,
            _ => Usage::Active(start),
        };
        let log = u64_at(sector, 16)?;
        Some(Ok(Self { log, usage }))
    }
}

/// What stands before the records of a batch.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct BatchHeader {
    pub(crate) log: u64,
    /// The use of the segment, see [`Start::sequence`].
    pub(crate) sequence: u64,
    /// Counts the batches of the log from 1.
    pub(crate) number: u64,
    /// The hash of the batch before.
    pub(crate) parent: Hash,
    pub(crate) body_sum: u32,
    pub(crate) body_bytes: u32,
    pub(crate) records: u32,
}

impl BatchHeader {
    pub(crate) fn write(&self) -> ([u8; BATCH_HEADER_BYTES], Hash) {
        let mut header = [0; BATCH_HEADER_BYTES];
        put(&mut header, 0, &BATCH_MAGIC.to_be_bytes());
        put(&mut header, 8, &self.log.to_be_bytes());
        put(&mut header, 16, &self.sequence.to_be_bytes());
        put(&mut header, 24, &self.number.to_be_bytes());
        put(&mut header, 32, &self.parent.to_be_bytes());
        put(&mut header, 36, &self.body_sum.to_be_bytes());
        put(&mut header, 40, &self.body_bytes.to_be_bytes());
        put(&mut header, 44, &self.records.to_be_bytes());
        let hash = crc32c::crc32c(header.get(8..).unwrap_or_default());
        put(&mut header, 4, &hash.to_be_bytes());
        (header, hash)
    }

    /// The header at the start of `bytes` and its hash, if there is one; the body is not looked at.
    pub(crate) fn parse(bytes: &[u8]) -> Option<(Self, Hash)> {
        if u32_at(bytes, 0)? != BATCH_MAGIC {
            return None;
        }
        let bytes = bytes.get(..BATCH_HEADER_BYTES)?;
        let hash = u32_at(bytes, 4)?;
        if hash != crc32c::crc32c(bytes.get(8..)?) {
            return None;
        }
        let header = Self {
            log: u64_at(bytes, 8)?,
            sequence: u64_at(bytes, 16)?,
            number: u64_at(bytes, 24)?,
            parent: u32_at(bytes, 32)?,
            body_sum: u32_at(bytes, 36)?,
            body_bytes: u32_at(bytes, 40)?,
            records: u32_at(bytes, 44)?,
        };
        Some((header, hash))
    }

    /// Header and body, without the zeros behind them.
    pub(crate) fn bytes(&self) -> u64 {
        wide(BATCH_HEADER_BYTES) + u64::from(self.body_bytes)
    }
}

/// One durable change as the log sees it: an opaque row of bytes at a position.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Record<'a> {
    pub(crate) position: Position,
    pub(crate) kind: Kind,
    pub(crate) bytes: &'a [u8],
}

impl<'a> Record<'a> {
    /// Appends the record to a body; false, and nothing appended, if it is longer than a record may be.
    pub(crate) fn write(&self, body: &mut Vec<u8>) -> bool {
        if self.bytes.len() > LOG_RECORD_BYTES_MAX {
            return false;
        }
        let Ok(length) = u32::try_from(self.bytes.len()) else {
            return false;
        };
        let kind: u32 = match self.kind {
            Kind::Entry => 1,
            Kind::Epoch => 2,
        };
        body.extend_from_slice(&self.position.to_be_bytes());
        body.extend_from_slice(&(kind << 24 | length).to_be_bytes());
        body.extend_from_slice(self.bytes);
        true
    }

    /// Takes one record off the front of `body`.
    pub(crate) fn parse(body: &mut &'a [u8]) -> Option<Self> {
        let position = u64_at(body, 0)?;
        let word = u32_at(body, 8)?;
        let kind = match word >> 24 {
            1 => Kind::Entry,
            2 => Kind::Epoch,
            _ => return None,
        };
        let end = RECORD_HEADER_BYTES.checked_add(usize::try_from(word & 0x00ff_ffff).ok()?)?;
        let bytes = body.get(RECORD_HEADER_BYTES..end)?;
        *body = body.get(end..)?;
        Some(Self {
            position,
            kind,
            bytes,
        })
    }
}

/// The position of the last record of a body that holds `records` of them above `last`, in order.
pub(crate) fn check_body(mut body: &[u8], records: u32, mut last: Position) -> Option<Position> {
    for _ in 0..records {
        let record = Record::parse(&mut body)?;
        if record.position <= last {
            return None;
        }
        last = record.position;
    }
    (records > 0 && body.is_empty()).then_some(last)
}

/// Overwrites a part of `bytes`, as far as there are any.
pub(crate) fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
    for (to, from) in bytes.iter_mut().skip(at).zip(value) {
        *to = *from;
    }
}

fn array_at<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    array_at(bytes, at).map(u32::from_be_bytes)
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    array_at(bytes, at).map(u64::from_be_bytes)
}
