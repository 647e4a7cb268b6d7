//! The chain of batches during a recovery: which one may come next, and the last one that came.

use crate::base::limits::LOG_RECORD_BYTES_MAX;
use crate::log::Position;
use crate::log::credit::cost;
use crate::log::frame::BATCH_HEADER_BYTES;
use crate::log::frame::BatchHeader;
use crate::log::frame::Hash;
use crate::log::frame::Record;
use crate::log::frame::Start;
use crate::log::frame::check_body;

/// The newest batch, which the next start writes again.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct LastBatch {
    pub(crate) number: u64,
    pub(crate) parent: Hash,
    /// Position of the last record before it.
    pub(crate) before: Position,
    pub(crate) records: u32,
    pub(crate) body: Vec<u8>,
}

#[derive(Debug, Default)]
pub(crate) struct Chain {
    /// The number that the next batch must have.
    pub(crate) number: u64,
    pub(crate) hash: Hash,
    pub(crate) tip: Position,
    pub(crate) last: Option<LastBatch>,
}

impl Chain {
    pub(crate) fn new(number: u64, hash: Hash, tip: Position) -> Self {
        Self {
            number,
            hash,
            tip,
            last: None,
        }
    }

    pub(crate) fn continues_as(&self, start: &Start) -> bool {
        (self.number, self.hash, self.tip) == (start.first, start.parent, start.base)
    }

    /// The header in `sector` if it is that of the next batch and the batch fits into `left` bytes.
    pub(crate) fn expected(
        &self,
        sector: &[u8],
        log: u64,
        sequence: u64,
        left: u64,
    ) -> Option<(BatchHeader, Hash)> {
        let (header, hash) = BatchHeader::parse(sector)?;
        let is_next = header.log == log
            && header.sequence == sequence
            && header.number == self.number
            && header.parent == self.hash
            && header.bytes() <= left.min(cost(LOG_RECORD_BYTES_MAX));
        is_next.then_some((header, hash))
    }

    /// Takes the batch whose header was [`Self::expected`], if its body is whole, and gives its records.
    pub(crate) fn accept<'a>(
        &mut self,
        header: &BatchHeader,
        hash: Hash,
        batch: &'a [u8],
    ) -> Option<impl Iterator<Item = Record<'a>>> {
        let mut body = batch.get(BATCH_HEADER_BYTES..)?;
        if crc32c::crc32c(body) != header.body_sum {
            return None;
        }
        let tip = check_body(body, header.records, self.tip)?;
        let last = self.last.get_or_insert_default();
        last.number = header.number;
        last.parent = header.parent;
        last.before = self.tip;
        last.records = header.records;
        last.body.clear();
        last.body.extend_from_slice(body);
        self.number = self.number.saturating_add(1);
        self.hash = hash;
        self.tip = tip;
        Some(std::iter::from_fn(move || Record::parse(&mut body)))
    }
}
