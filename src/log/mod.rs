//! The log, sans-IO: what is written where, and what a restart believes.
//!
//! A row of files, filled with zeros ahead of time, written from front to back and used again. What is
//! appended while a sync runs forms the next batch; there are no timers and never more than one request
//! under way. A batch is durable when its sync has returned, not before.
//!
//! ```text
//! append -> pending batches -> poll_output: Write -> (the disk: write, sync) -> handle_synced -> durable
//!                                                                            -> handle_failed -> the end
//! Recovery: read -> records above `applied_to` -> Log::open
//! ```
//!
//! Each start continues in a fresh segment, whose header says after which batch: what a crash left behind
//! that one, torn or whole, is never looked at again, so nothing has to be erased. The last batch that the
//! start has found is written again there first, because nobody knows whether its sync ever succeeded: the
//! operating system may still show bytes that the disk has refused.
//!
//! Limits: space is promised in advance ([`Log::credit`]); memory is what the caller lets pile up
//! ([`Log::pending_bytes`]); positions only grow.

mod batch;
mod chain;
pub(crate) mod credit;
pub(crate) mod frame;
pub(crate) mod fuzz;
pub(crate) mod plan;
pub(crate) mod read;
pub(crate) mod recover;
mod search;
mod segments;
mod window;

use std::collections::VecDeque;

use crate::base::limits::LOG_SEGMENT_BYTES;
use crate::base::limits::LOG_SEGMENTS_MAX;
use crate::base::limits::LOG_STARTER_BYTES;
use crate::log::batch::Batch;
use crate::log::batch::Link;
use crate::log::credit::Sizes;
use crate::log::credit::cost;
use crate::log::frame::Hash;
use crate::log::frame::SegmentHeader;
use crate::log::frame::Start;
use crate::log::frame::Usage;
use crate::log::plan::Recovered;
use crate::log::segments::Part;
use crate::log::segments::Segments;

/// The place of a record in this log: it only grows, whatever stands in the record.
pub(crate) type Position = u64;

/// What a record is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    Entry,
    /// The first record of an epoch; each start writes one.
    Epoch,
}

/// Names one file of the log.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct SegmentId(pub(crate) u32);

#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) segment_bytes: u64,
    pub(crate) segments_max: usize,
}

impl Settings {
    /// For tables that are behind the log by twice `tail_bytes` at most.
    ///
    /// Small records with a batch each take twice their size, so that this is about two segments full.
    pub(crate) fn for_tail(tail_bytes: u64) -> Self {
        let wanted = tail_bytes.saturating_mul(2);
        let segment_bytes = wanted.clamp(LOG_STARTER_BYTES, LOG_SEGMENT_BYTES);
        let needed = usize::try_from(wanted / segment_bytes).unwrap_or(usize::MAX);
        Self {
            segment_bytes,
            segments_max: LOG_SEGMENTS_MAX.max(needed.saturating_mul(4)),
        }
    }

    /// With room for so much that is kept although the tables have it.
    pub(crate) fn keeping(self, bytes: u64) -> Self {
        let kept = usize::try_from(bytes / self.segment_bytes).unwrap_or(usize::MAX);
        Self {
            segments_max: self.segments_max.saturating_add(kept),
            ..self
        }
    }
}

/// What the disk shall do, sync included; [`Log::handle_synced`] or [`Log::handle_failed`] answers it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Request {
    /// Makes the file with these bytes; its name has to be durable as well.
    Create {
        segment: SegmentId,
        bytes: Vec<u8>,
    },
    Write {
        segment: SegmentId,
        offset: u64,
        bytes: Vec<u8>,
    },
    Remove {
        segment: SegmentId,
    },
}

/// Why a request failed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Failure {
    /// The disk or a quota is full.
    NoSpace,
    /// Anything else, above all an error of a sync: nobody knows what the disk holds now.
    Broken,
}

/// Why a record was not taken. Each is a mistake of the caller, or the end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum AppendError {
    /// The disk has failed; the process must end.
    LocalPoisoned,
    BugNoCredit {
        cost: u64,
        credit: u64,
    },
    BugOutOfOrder {
        position: Position,
        last: Position,
    },
    BugTooLong {
        bytes: usize,
        bytes_max: usize,
    },
}

/// What is under way.
#[derive(Clone, Copy, Debug)]
enum InFlight {
    Batch { last: Position },
    Fill { bytes: usize },
    Remove,
}

/// What the log has done since it was opened.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Totals {
    pub(crate) batches: u64,
    /// Written for batches, padding and headers of segments included.
    pub(crate) batch_bytes: u64,
    /// Zeros written ahead.
    pub(crate) fill_bytes: u64,
}

/// The writing half. After each input the caller drains [`Log::poll_output`].
#[derive(Debug)]
pub(crate) struct Log {
    id: u64,
    sizes: Sizes,
    segments: Segments,
    pending: VecDeque<Batch>,
    /// What `pending` may take from the segments.
    pending_cost: u64,
    in_flight: Option<InFlight>,
    /// Number of the next batch, and the hash of the one before.
    number: u64,
    parent: Hash,
    appended: Position,
    written: Position,
    durable: Position,
    released: Position,
    /// The request before was a batch: zeros ahead have their turn.
    is_fill_next: bool,
    poisoned: Option<Failure>,
    totals: Totals,
}

impl Log {
    /// Goes on where a start has found the end.
    ///
    /// The last batch found may not be durable yet, see [`Log::durable`]: it is written again first.
    pub(crate) fn open(settings: Settings, recovered: Recovered) -> Self {
        let applied_to = recovered.applied_to;
        let again = recovered.last.filter(|_| recovered.tip > applied_to);
        let again = again.map(|last| (Batch::again(&last.body, last.records, recovered.tip), last));
        // A setting that was lowered must not stand in the way of what is there already.
        let needed = again
            .as_ref()
            .map_or(0, |(batch, _)| 2 * batch.padded_bytes());
        let sizes = Sizes::new(settings.segment_bytes.max(needed));
        let segments = Segments::new(
            sizes,
            settings.segments_max,
            recovered.full,
            &recovered.free,
            recovered.next_sequence,
        );
        let mut log = Self {
            id: recovered.log,
            sizes,
            segments,
            pending: VecDeque::new(),
            pending_cost: 0,
            in_flight: None,
            number: recovered.number,
            parent: recovered.hash,
            appended: recovered.tip,
            written: recovered.tip,
            durable: recovered.tip,
            released: recovered.keep_from,
            is_fill_next: false,
            poisoned: None,
            totals: Totals::default(),
        };
        if let Some((batch, last)) = again {
            log.number = last.number;
            log.parent = last.parent;
            log.written = last.before;
            log.durable = last.before.max(applied_to);
            log.pending_cost = batch.cost();
            log.pending.push_back(batch);
        }
        log.segments.recycle(recovered.keep_from);
        log
    }

    /// Takes a record that is durable as soon as [`Log::durable`] reaches its position.
    ///
    /// Never fails for a caller that has the credit and keeps the order.
    pub(crate) fn append(
        &mut self,
        position: Position,
        kind: Kind,
        bytes: &[u8],
    ) -> Result<(), AppendError> {
        if self.poisoned.is_some() {
            return Err(AppendError::LocalPoisoned);
        }
        if position <= self.appended {
            return Err(AppendError::BugOutOfOrder {
                position,
                last: self.appended,
            });
        }
        let bytes_max = self.sizes.record_bytes_max();
        if bytes.len() > bytes_max {
            return Err(AppendError::BugTooLong {
                bytes: bytes.len(),
                bytes_max,
            });
        }
        let (cost, credit) = (cost(bytes.len()), self.credit());
        if cost > credit {
            return Err(AppendError::BugNoCredit { cost, credit });
        }
        let record = frame::Record {
            position,
            kind,
            bytes,
        };
        let room = self.sizes.batch_bytes;
        let is_taken = self
            .pending
            .back_mut()
            .is_some_and(|batch| batch.append(&record, room));
        if !is_taken {
            self.pending.push_back(Batch::new(&record));
        }
        self.pending_cost = self.pending_cost.saturating_add(cost);
        self.appended = position;
        Ok(())
    }

    /// The next request for the disk; `None` while one is under way or nothing is to do.
    pub(crate) fn poll_output(&mut self) -> Option<Request> {
        if self.poisoned.is_some() || self.in_flight.is_some() {
            return None;
        }
        if std::mem::take(&mut self.is_fill_next) {
            self.poll_fill().or_else(|| self.poll_batch())
        } else {
            self.poll_batch().or_else(|| self.poll_fill())
        }
    }

    fn poll_batch(&mut self) -> Option<Request> {
        let padded_bytes = self.pending.front()?.padded_bytes();
        let room = self
            .segments
            .current_mut()
            .map_or(0, |current| current.room());
        let opens_segment = padded_bytes > room;
        if opens_segment {
            self.segments.activate(Start {
                first: self.number,
                parent: self.parent,
                base: self.written,
                ..Start::default()
            })?;
        }
        let batch = self.pending.pop_front()?;
        let current = self.segments.current_mut()?;
        let head = opens_segment.then(|| {
            SegmentHeader {
                log: self.id,
                usage: Usage::Active(current.start),
            }
            .write()
        });
        let offset = if opens_segment { 0 } else { current.offset };
        current.offset += padded_bytes;
        let (segment, sequence) = (current.file.id, current.start.sequence);
        let link = Link {
            log: self.id,
            sequence,
            number: self.number,
            parent: self.parent,
        };

        self.number = self.number.saturating_add(1);
        self.written = batch.last();
        self.pending_cost = self.pending_cost.saturating_sub(batch.cost());
        self.in_flight = Some(InFlight::Batch { last: batch.last() });
        self.is_fill_next = true;
        let (mut bytes, hash) = batch.seal(link);
        if let Some(head) = head {
            // One write for both: neither is durable without the other.
            bytes.splice(..0, head);
        }
        self.parent = hash;
        self.totals.batches += 1;
        self.totals.batch_bytes += frame::wide(bytes.len());
        Some(Request::Write {
            segment,
            offset,
            bytes,
        })
    }

    fn poll_fill(&mut self) -> Option<Request> {
        if let Some(segment) = self.segments.doomed() {
            self.in_flight = Some(InFlight::Remove);
            return Some(Request::Remove { segment });
        }
        let fill = self.segments.poll_fill()?;
        self.in_flight = Some(InFlight::Fill { bytes: fill.bytes });
        self.totals.fill_bytes += frame::wide(fill.bytes);
        let mut bytes = vec![0; fill.bytes];
        if fill.offset > 0 {
            return Some(Request::Write {
                segment: fill.id,
                offset: fill.offset,
                bytes,
            });
        }
        let header = SegmentHeader {
            log: self.id,
            usage: Usage::Spare,
        }
        .write();
        for (to, from) in bytes.iter_mut().zip(header) {
            *to = from;
        }
        Some(Request::Create {
            segment: fill.id,
            bytes,
        })
    }

    /// The request under way is durable.
    pub(crate) fn handle_synced(&mut self) {
        match self.in_flight.take() {
            Some(InFlight::Batch { last }) => {
                self.durable = self.durable.max(last);
                self.segments.handle_written();
                self.segments.recycle(self.released);
            }
            Some(InFlight::Fill { bytes }) => self.segments.handle_filled(bytes),
            Some(InFlight::Remove) => self.segments.handle_removed(),
            None => {}
        }
    }

    /// The request under way has failed. Only making a segment ready may, for want of space.
    pub(crate) fn handle_failed(&mut self, failure: Failure) {
        match (self.in_flight.take(), failure) {
            (Some(InFlight::Fill { .. }), Failure::NoSpace) => {
                self.segments.handle_out_of_space();
            }
            _ => self.poisoned = Some(failure),
        }
    }

    /// Everything up to here has been applied, durably: its segments may be used again.
    pub(crate) fn release(&mut self, upto: Position) {
        self.released = self.released.max(upto.min(self.durable));
        self.segments.recycle(self.released);
        // Then nothing is under way or waiting either.
        if self.released == self.appended {
            self.segments.retire(self.appended);
        }
    }

    /// There may be space again. To be called now and then while [`Log::is_out_of_space`].
    pub(crate) fn handle_retry(&mut self) {
        self.segments.handle_retry();
    }

    /// Every record up to here is on the disk. The tables must not hold more.
    pub(crate) fn durable(&self) -> Position {
        self.durable
    }

    /// Everything found and appended is on the disk. What is still to do is making segments ready.
    #[cfg(test)]
    pub(crate) fn is_durable(&self) -> bool {
        self.durable == self.appended
    }

    /// What can be appended for sure, each record at its [`cost`].
    pub(crate) fn credit(&self) -> u64 {
        self.segments.promise().saturating_sub(self.pending_cost)
    }

    /// The same of one segment that is ready: more need not be waited for.
    pub(crate) fn segment_credit(&self) -> u64 {
        self.sizes.segment_credit()
    }

    /// What the longest record takes from the credit.
    pub(crate) fn record_cost_max(&self) -> u64 {
        self.sizes.cost_max
    }

    /// The credit will not grow before something is released or the disk has space again.
    pub(crate) fn is_out_of_space(&self) -> bool {
        self.segments.is_out_of_space()
    }

    /// The disk has failed and the process must end: what was not durable may or may not be.
    pub(crate) fn poisoned(&self) -> Option<Failure> {
        self.poisoned
    }

    /// The first record that can be read back; one above the newest if there is none.
    pub(crate) fn oldest(&self) -> Position {
        let oldest = self.segments.oldest();
        oldest.unwrap_or_else(|| self.appended.saturating_add(1))
    }

    /// The last record that each file alone holds, of those that another one follows; oldest first.
    pub(crate) fn ends(&self) -> impl DoubleEndedIterator<Item = Position> {
        self.segments.ends()
    }

    /// Where a record is, if it is kept.
    fn part_of(&self, position: Position) -> Option<Part> {
        self.segments.part_of(position)
    }

    /// What keeping records costs, in bytes of files that are not written any more.
    pub(crate) fn kept_bytes(&self) -> u64 {
        self.segments.full_bytes()
    }

    /// The disk has something to do, or will be given it.
    pub(crate) fn is_busy(&self) -> bool {
        self.in_flight.is_some() || !self.pending.is_empty()
    }

    /// Memory held by what is appended and not yet on its way.
    pub(crate) fn pending_bytes(&self) -> usize {
        self.pending.iter().map(Batch::bytes).sum()
    }

    /// Longest record that this log takes.
    #[cfg(test)]
    pub(crate) fn record_bytes_max(&self) -> usize {
        self.sizes.record_bytes_max()
    }

    pub(crate) fn totals(&self) -> Totals {
        self.totals
    }
}

#[cfg(test)]
mod tests;
