//! A batch in the making: records side by side behind the room for their header.

use crate::log::Position;
use crate::log::credit::cost;
use crate::log::frame::BATCH_HEADER_BYTES;
use crate::log::frame::BatchHeader;
use crate::log::frame::Hash;
use crate::log::frame::RECORD_HEADER_BYTES;
use crate::log::frame::Record;
use crate::log::frame::SECTOR_BYTES;
use crate::log::frame::padded;
use crate::log::frame::wide;

/// What a batch learns when its turn comes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Link {
    pub(crate) log: u64,
    pub(crate) sequence: u64,
    pub(crate) number: u64,
    pub(crate) parent: Hash,
}

#[derive(Debug)]
pub(crate) struct Batch {
    /// Starts with room for the header.
    bytes: Vec<u8>,
    records: u32,
    last: Position,
    cost: u64,
    is_closed: bool,
}

impl Batch {
    pub(crate) fn new(first: &Record<'_>) -> Self {
        let room = BATCH_HEADER_BYTES + RECORD_HEADER_BYTES + first.bytes.len();
        let mut bytes = Vec::with_capacity(room.next_multiple_of(SECTOR_BYTES));
        bytes.resize(BATCH_HEADER_BYTES, 0);
        let mut batch = Self {
            bytes,
            records: 0,
            last: 0,
            cost: 0,
            is_closed: false,
        };
        batch.push(first);
        batch
    }

    /// A batch that an earlier run has written, as it was.
    pub(crate) fn again(body: &[u8], records: u32, last: Position) -> Self {
        let mut bytes = vec![0; BATCH_HEADER_BYTES];
        bytes.extend_from_slice(body);
        let cost = padded(wide(BATCH_HEADER_BYTES + body.len()));
        Self {
            bytes,
            records,
            last,
            cost,
            is_closed: true,
        }
    }

    /// Takes the record if it fits into `room`.
    pub(crate) fn append(&mut self, record: &Record<'_>, room: u64) -> bool {
        let grown = self.bytes() + RECORD_HEADER_BYTES + record.bytes.len();
        if self.is_closed || wide(grown) > room {
            return false;
        }
        self.push(record);
        true
    }

    fn push(&mut self, record: &Record<'_>) {
        if record.write(&mut self.bytes) {
            self.records += 1;
            self.last = record.position;
            self.cost += cost(record.bytes.len());
        }
    }

    /// The bytes to write, whole sectors, and the hash of the batch.
    pub(crate) fn seal(self, link: Link) -> (Vec<u8>, Hash) {
        let mut bytes = self.bytes;
        let body = bytes.get(BATCH_HEADER_BYTES..).unwrap_or_default();
        let header = BatchHeader {
            log: link.log,
            sequence: link.sequence,
            number: link.number,
            parent: link.parent,
            body_sum: crc32c::crc32c(body),
            body_bytes: u32::try_from(body.len()).unwrap_or(u32::MAX),
            records: self.records,
        };
        let (header, hash) = header.write();
        for (to, from) in bytes.iter_mut().zip(header) {
            *to = from;
        }
        bytes.resize(bytes.len().next_multiple_of(SECTOR_BYTES), 0);
        (bytes, hash)
    }

    pub(crate) fn last(&self) -> Position {
        self.last
    }

    /// What its records cost at most.
    pub(crate) fn cost(&self) -> u64 {
        self.cost
    }

    /// Header and records.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn padded_bytes(&self) -> u64 {
        padded(wide(self.bytes()))
    }
}
