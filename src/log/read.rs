//! Reading the log back while it is written: durable records from a place on, for a peer that lacks them.
//!
//! Like the rest of the log it asks for bytes and is told them. It goes through the segments as a start would,
//! batch after batch, and stops at what is durable. A segment that is used again meanwhile is known by the
//! number of its use: then what was wanted is gone, and the peer needs a copy of everything.

use crate::base::limits::LOG_READ_BYTES;
use crate::log::Kind;
use crate::log::Log;
use crate::log::Position;
use crate::log::SegmentId;
use crate::log::chain::Chain;
use crate::log::frame::SECTOR_BYTES;
use crate::log::frame::padded;
use crate::log::frame::wide;
use crate::log::segments::Part;

/// A record that was read back.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Copied {
    pub(crate) position: Position,
    pub(crate) kind: Kind,
    pub(crate) bytes: Vec<u8>,
}

/// What a reader asks for, or has.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum ReadStep {
    /// Answered by [`Reader::handle_read`] with so many bytes, or with fewer where the file ends.
    Read {
        segment: SegmentId,
        offset: u64,
        bytes: usize,
    },
    /// What there is: nothing where everything durable was read. The next call goes on.
    Records(Vec<Copied>),
    /// What was wanted is not kept any more.
    Trimmed { oldest: Position },
    /// What was durable cannot be read: the disk is damaged.
    Damaged { segment: SegmentId, offset: u64 },
}

/// A place in the log, and what was read there.
#[derive(Debug)]
pub(crate) struct Reader {
    next: Position,
    place: Option<Place>,
    asked: Option<(SegmentId, u64)>,
    /// The bytes at hand, of which file and from where.
    window: Option<(SegmentId, u64, Vec<u8>)>,
    records: Vec<Copied>,
    bytes: usize,
}

#[derive(Debug)]
struct Place {
    sequence: u64,
    offset: u64,
    chain: Chain,
}

impl Reader {
    /// `from`: the first record that is wanted.
    pub(crate) fn new(from: Position) -> Self {
        Self {
            next: from,
            place: None,
            asked: None,
            window: None,
            records: Vec::new(),
            bytes: 0,
        }
    }

    /// The record that the next answer begins with, or one after it.
    pub(crate) fn next(&self) -> Position {
        self.next
    }

    /// Goes on until there are records of about `bytes_max` together, one at least, or no more.
    pub(crate) fn poll_output(&mut self, log: &Log, bytes_max: usize) -> ReadStep {
        loop {
            if self.next > log.durable() || (self.bytes >= bytes_max && self.bytes > 0) {
                self.bytes = 0;
                self.window = None;
                return ReadStep::Records(std::mem::take(&mut self.records));
            }
            let Some(part) = log.part_of(self.next) else {
                let oldest = log.oldest();
                return ReadStep::Trimmed { oldest };
            };
            if let Some(step) = self.read_batch(log, &part) {
                return step;
            }
        }
    }

    /// The bytes asked for.
    pub(crate) fn handle_read(&mut self, bytes: Vec<u8>) {
        if let Some((segment, offset)) = self.asked.take() {
            self.window = Some((segment, offset, bytes));
        }
    }

    /// One batch; `None`: it was taken, go on.
    fn read_batch(&mut self, log: &Log, part: &Part) -> Option<ReadStep> {
        let start = part.start;
        let mut place = self.place.take();
        let place = match &mut place {
            Some(known) if known.sequence == start.sequence => place?,
            _ => Place {
                sequence: start.sequence,
                offset: wide(SECTOR_BYTES),
                chain: Chain::new(start.first, start.parent, start.base),
            },
        };
        let place = self.place.insert(place);
        let (segment, offset) = (part.file.id, place.offset);
        let from = match &self.window {
            Some((of, from, bytes)) if *of == segment => {
                let skipped = offset.checked_sub(*from);
                let skipped = skipped.and_then(|bytes| usize::try_from(bytes).ok());
                skipped.and_then(|skipped| bytes.get(skipped..))
            }
            _ => None,
        };
        let left = part.file.bytes.saturating_sub(offset);
        let is_whole = self
            .window
            .as_ref()
            .is_some_and(|(of, from, _)| (*of, *from) == (segment, offset));
        let header = from.and_then(|bytes| {
            let sector = bytes.get(..SECTOR_BYTES)?;
            place.chain.expected(sector, log.id, start.sequence, left)
        });
        let wanted = match header {
            Some((header, hash)) => {
                let bytes = usize::try_from(header.bytes()).unwrap_or(usize::MAX);
                let batch = from.and_then(|from| from.get(..bytes));
                if let Some(records) =
                    batch.and_then(|batch| place.chain.accept(&header, hash, batch))
                {
                    let from_here = self.next;
                    for record in records.filter(|record| record.position >= from_here) {
                        self.next = record.position.saturating_add(1);
                        self.bytes = self.bytes.saturating_add(record.bytes.len());
                        self.records.push(Copied {
                            position: record.position,
                            kind: record.kind,
                            bytes: record.bytes.to_vec(),
                        });
                    }
                    place.offset += padded(header.bytes());
                    return None;
                }
                // Its header is here, its end is not.
                (!is_whole || batch.is_none()).then_some(bytes)
            }
            // The bytes at hand may be from before it was written.
            None => (!is_whole).then_some(SECTOR_BYTES),
        };
        let Some(wanted) = wanted else {
            return Some(ReadStep::Damaged { segment, offset });
        };
        let bytes = usize::try_from(left).unwrap_or(usize::MAX);
        let bytes = bytes.min(wanted.max(LOG_READ_BYTES));
        self.asked = Some((segment, offset));
        Some(ReadStep::Read {
            segment,
            offset,
            bytes,
        })
    }
}
