//! The files of the log: which one is written, which are full, which are ready, and which may go.
//!
//! A file's life: filled with zeros (`filling`), ready (`spares`), written (`current`), full (`full`), and
//! ready again as soon as everything in it has been applied. The newest segment with durable records is
//! never given away: a start needs it to know where the log ends.

use std::collections::VecDeque;

use crate::base::limits::LOG_FILL_BYTES;
use crate::base::limits::LOG_SPARES_MAX;
use crate::base::limits::LOG_SPARES_WANTED;
use crate::log::Position;
use crate::log::SegmentId;
use crate::log::credit::Sizes;
use crate::log::frame::SECTOR_BYTES;
use crate::log::frame::Start;
use crate::log::frame::wide;

/// A file that holds no record that anybody needs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Spare {
    pub(crate) id: SegmentId,
    pub(crate) bytes: u64,
}

/// A file whose records are needed until they have been applied.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Full {
    pub(crate) file: Spare,
    /// Position of its last record.
    pub(crate) last: Position,
    pub(crate) start: Start,
}

/// A file with records, and how it continues the log.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Part {
    pub(crate) file: Spare,
    pub(crate) start: Start,
}

/// The file that is written, and where the next batch goes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Current {
    pub(crate) file: Spare,
    pub(crate) start: Start,
    pub(crate) offset: u64,
}

impl Current {
    pub(crate) fn room(&self) -> u64 {
        self.file.bytes.saturating_sub(self.offset)
    }
}

/// The next zeros to write.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Fill {
    pub(crate) id: SegmentId,
    pub(crate) offset: u64,
    pub(crate) bytes: usize,
}

#[derive(Debug)]
pub(crate) struct Segments {
    sizes: Sizes,
    files_max: usize,
    /// Oldest first.
    full: VecDeque<Full>,
    current: Option<Current>,
    spares: VecDeque<Spare>,
    /// The file being filled, and how far.
    filling: Option<(Spare, u64)>,
    doomed: VecDeque<SegmentId>,
    next_sequence: u64,
    /// A batch of this start is durable.
    is_begun: bool,
    /// The disk had no room for another segment when it was last asked.
    is_out_of_space: bool,
}

impl Segments {
    /// `free` are files of any size without needed records, `next_sequence` a number that was never used.
    pub(crate) fn new(
        sizes: Sizes,
        files_max: usize,
        full: VecDeque<Full>,
        free: &[Spare],
        next_sequence: u64,
    ) -> Self {
        let mut segments = Self {
            sizes,
            files_max,
            full,
            current: None,
            spares: VecDeque::new(),
            filling: None,
            doomed: VecDeque::new(),
            next_sequence,
            is_begun: false,
            is_out_of_space: false,
        };
        for file in free {
            segments.add_free(*file);
        }
        segments
    }

    fn add_free(&mut self, file: Spare) {
        let is_usable = (self.sizes.starter_bytes..=self.sizes.segment_bytes).contains(&file.bytes);
        let is_wanted = self.spares.len() < LOG_SPARES_WANTED
            || (self.spares.len() < LOG_SPARES_MAX && file.bytes == self.sizes.segment_bytes);
        if is_usable && is_wanted {
            self.spares.push_back(file);
        } else {
            self.doomed.push_back(file.id);
        }
    }

    /// Gives back what holds nothing above `released`.
    ///
    /// What tells where the log ends stays: the newest segment as long as no other is written; before the first
    /// batch of a start is durable also the one before, as the newest may be there in memory alone.
    pub(crate) fn recycle(&mut self, released: Position) {
        let kept = match (self.is_begun, self.current) {
            (false, _) => 2,
            (true, None) => 1,
            (true, Some(_)) => 0,
        };
        while self.full.len() > kept
            && let Some(oldest) = self.full.front().copied()
            && oldest.last <= released
        {
            self.full.pop_front();
            self.add_free(oldest.file);
        }
    }

    pub(crate) fn handle_written(&mut self) {
        self.is_begun = true;
    }

    /// Goes on to the next ready file, which continues the log after its last record as `start` says;
    /// the number of its use is given here.
    pub(crate) fn activate(&mut self, start: Start) -> Option<&mut Current> {
        let file = self.spares.pop_front()?;
        self.fill_up(start.base);
        let sequence = self.next_sequence;
        self.next_sequence = self.next_sequence.saturating_add(1);
        Some(self.current.insert(Current {
            file,
            start: Start {
                sequence,
                bytes: file.bytes,
                ..start
            },
            offset: wide(SECTOR_BYTES),
        }))
    }

    fn fill_up(&mut self, last: Position) {
        if let Some(Current { file, start, .. }) = self.current.take() {
            self.full.push_back(Full { file, last, start });
        }
    }

    /// Everything that holds records, oldest first.
    fn parts(&self) -> impl DoubleEndedIterator<Item = Part> {
        let full = self.full.iter();
        let full = full.map(|Full { file, start, .. }| Part {
            file: *file,
            start: *start,
        });
        let current = self.current.iter().map(|Current { file, start, .. }| Part {
            file: *file,
            start: *start,
        });
        full.chain(current)
    }

    /// Where a record is, if it is kept.
    pub(crate) fn part_of(&self, position: Position) -> Option<Part> {
        self.parts().rev().find(|part| part.start.base < position)
    }

    /// The first record that is kept, or will be.
    pub(crate) fn oldest(&self) -> Option<Position> {
        let oldest = self.parts().next();
        oldest.map(|part| part.start.base.saturating_add(1))
    }

    /// What each file that another one follows has alone, oldest first: its last record before the next begins,
    /// into which a start writes the last batch again.
    pub(crate) fn ends(&self) -> impl DoubleEndedIterator<Item = Position> {
        let later = self.full.iter().skip(1).map(|full| full.start.base);
        let newest = self.current.iter().filter(|_| !self.full.is_empty());
        later.chain(newest.map(|current| current.start.base))
    }

    /// Bytes of the files that nothing is written into any more.
    pub(crate) fn full_bytes(&self) -> u64 {
        self.full.iter().map(|full| full.file.bytes).sum()
    }

    /// Gives up the rest of the file that is written, all of which has been applied, when the spare for the
    /// next start is all that is ready. That spare may be used then: this file will take its place.
    pub(crate) fn retire(&mut self, last: Position) {
        let is_stuck = |current: &Current| current.room() < self.sizes.cost_max;
        if self.spares.len() == 1 && self.current.as_ref().is_some_and(is_stuck) {
            self.fill_up(last);
        }
    }

    pub(crate) fn current_mut(&mut self) -> Option<&mut Current> {
        self.current.as_mut()
    }

    /// The next zeros to write, if another segment is wanted and allowed.
    pub(crate) fn poll_fill(&mut self) -> Option<Fill> {
        if self.filling.is_none() {
            let is_awaited = self.current.is_none() && self.spares.is_empty();
            let is_wanted = self.spares.len() < LOG_SPARES_WANTED;
            // A server that crashes before every checkpoint must still be able to start.
            let is_allowed = is_awaited || self.files().count() < self.files_max;
            if !is_wanted || !is_allowed || self.is_out_of_space {
                return None;
            }
            let bytes = if is_awaited {
                self.sizes.starter_bytes
            } else {
                self.sizes.segment_bytes
            };
            let id = self.unused_id()?;
            self.filling = Some((Spare { id, bytes }, 0));
        }
        let (file, filled) = self.filling?;
        // A start waits for the first one, so that is filled in one go.
        let is_awaited = self.current.is_none() && self.spares.is_empty();
        let at_once = if is_awaited {
            file.bytes
        } else {
            wide(LOG_FILL_BYTES)
        };
        let bytes = usize::try_from((file.bytes - filled).min(at_once)).unwrap_or(LOG_FILL_BYTES);
        Some(Fill {
            id: file.id,
            offset: filled,
            bytes,
        })
    }

    pub(crate) fn handle_filled(&mut self, bytes: usize) {
        if let Some((file, filled)) = self.filling.take() {
            let filled = filled + wide(bytes);
            if filled < file.bytes {
                self.filling = Some((file, filled));
            } else {
                self.spares.push_back(file);
            }
        }
    }

    pub(crate) fn handle_out_of_space(&mut self) {
        self.is_out_of_space = true;
        if let Some((file, _)) = self.filling.take() {
            self.doomed.push_back(file.id);
        }
    }

    pub(crate) fn handle_retry(&mut self) {
        self.is_out_of_space = false;
    }

    /// The next file to remove; [`Self::handle_removed`] says when it is gone.
    pub(crate) fn doomed(&self) -> Option<SegmentId> {
        self.doomed.front().copied()
    }

    pub(crate) fn handle_removed(&mut self) {
        self.doomed.pop_front();
    }

    pub(crate) fn is_out_of_space(&self) -> bool {
        self.is_out_of_space || self.files().count() >= self.files_max
    }

    /// What fits for sure. The last spare does not count: the next start may need it.
    pub(crate) fn promise(&self) -> u64 {
        let current = self.current.iter().map(Current::room);
        let header = wide(SECTOR_BYTES);
        let spares = self.spares.iter().map(|spare| spare.bytes - header);
        let all = usize::from(self.current.is_some()) + self.spares.len();
        self.sizes
            .promise(current.chain(spares).take(all.saturating_sub(1).max(1)))
    }

    fn files(&self) -> impl Iterator<Item = SegmentId> {
        let full = self.full.iter().map(|full| full.file.id);
        let current = self.current.iter().map(|current| current.file.id);
        let spares = self.spares.iter().map(|spare| spare.id);
        let filling = self.filling.iter().map(|(file, _)| file.id);
        full.chain(current)
            .chain(spares)
            .chain(filling)
            .chain(self.doomed.iter().copied())
    }

    fn unused_id(&self) -> Option<SegmentId> {
        (0..=u32::MAX)
            .map(SegmentId)
            .find(|id| self.files().all(|used| used != *id))
    }
}
