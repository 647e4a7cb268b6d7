//! How much can still be appended for sure: the arithmetic of space.
//!
//! A record is never split between two segments, so each segment but the last may end in a gap that is
//! one sector smaller than the largest record. What is promised leaves those gaps out, and counts
//! every record as if it went in a batch of its own: a promise may turn out modest, never false.

use crate::base::limits::LOG_BATCH_BYTES;
use crate::base::limits::LOG_RECORD_BYTES_MAX;
use crate::base::limits::LOG_SEGMENT_BYTES_MIN;
use crate::base::limits::LOG_STARTER_BYTES;
use crate::log::frame::BATCH_HEADER_BYTES;
use crate::log::frame::RECORD_HEADER_BYTES;
use crate::log::frame::SECTOR_BYTES;
use crate::log::frame::padded;
use crate::log::frame::wide;

/// What one record of `bytes` takes at most from the credit.
pub(crate) fn cost(bytes: usize) -> u64 {
    padded(wide(BATCH_HEADER_BYTES + RECORD_HEADER_BYTES) + wide(bytes))
}

/// The sizes that follow from the size of a segment.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Sizes {
    pub(crate) segment_bytes: u64,
    /// The first segment of a log, which somebody waits for.
    pub(crate) starter_bytes: u64,
    /// A batch is closed at this size.
    pub(crate) batch_bytes: u64,
    /// What the longest record costs.
    pub(crate) cost_max: u64,
}

impl Sizes {
    pub(crate) fn new(segment_bytes: u64) -> Self {
        let sector = wide(SECTOR_BYTES);
        let segment_bytes = segment_bytes.max(LOG_SEGMENT_BYTES_MIN) / sector * sector;
        let starter_bytes = segment_bytes.min(LOG_STARTER_BYTES);
        Self {
            segment_bytes,
            starter_bytes,
            batch_bytes: (segment_bytes / 16).clamp(sector, wide(LOG_BATCH_BYTES)),
            cost_max: cost(LOG_RECORD_BYTES_MAX).min(starter_bytes / 2 / sector * sector),
        }
    }

    /// Longest record that a log with such segments takes, in bytes.
    pub(crate) fn record_bytes_max(&self) -> usize {
        let room = self.cost_max - wide(BATCH_HEADER_BYTES + RECORD_HEADER_BYTES);
        usize::try_from(room).unwrap_or(LOG_RECORD_BYTES_MAX)
    }

    /// What fits into a fresh segment.
    pub(crate) fn segment_credit(&self) -> u64 {
        self.segment_bytes - wide(SECTOR_BYTES)
    }

    /// What fits for sure into segments with `rooms` left, filled one after the other.
    pub(crate) fn promise(&self, rooms: impl Iterator<Item = u64>) -> u64 {
        let gap = self.cost_max - wide(SECTOR_BYTES);
        let (mut sum, mut last): (u64, u64) = (0, 0);
        for room in rooms {
            sum = sum.saturating_add(last.saturating_sub(gap));
            last = room;
        }
        sum.saturating_add(last)
    }
}
