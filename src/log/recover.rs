//! What a restart believes: reads the segments, gives the records, finds the end, and tells a write that
//! a crash cut short from damage.
//!
//! Batches are numbered, and the next one is written only when the sync of the one before has returned. So
//! behind the last good batch there may be pieces of one more batch, and of older ones that an earlier use
//! of the file left; a header with a *higher* number can only be there if the batch in between was
//! durable, and was reported. That is damage, and the server does not start.
//!
//! | after the last good batch | what it was |
//! |---|---|
//! | zeros, old bytes, a broken batch, nothing newer | the write under way at the crash: dropped |
//! | anything, and later a header with a higher number | damage |
//! | the end of the log, below what the tables hold | damage |
//! | a newer segment that was opened elsewhere than at this end | damage |
//!
//! The same rows hold for a segment whose first sector is broken. Damage to the very last batch looks
//! like the first row; only the tables, or a peer, can know better.
//!
//! Memory: one window of the file, and the last batch.

use crate::base::limits::LOG_READ_BYTES;
use crate::log::Position;
use crate::log::SegmentId;
use crate::log::chain::Chain;
use crate::log::frame::BatchHeader;
use crate::log::frame::NoHeader;
use crate::log::frame::Record;
use crate::log::frame::SECTOR_BYTES;
use crate::log::frame::SegmentHeader;
use crate::log::frame::Start;
use crate::log::frame::Usage;
use crate::log::frame::padded;
use crate::log::frame::wide;
use crate::log::plan::File;
use crate::log::plan::Head;
use crate::log::plan::Recovered;
use crate::log::plan::Walk;
use crate::log::plan::needed_walks;
use crate::log::plan::next_sequence;
use crate::log::plan::sort_files;
use crate::log::plan::walks;
use crate::log::search::Search;
use crate::log::search::Then;
use crate::log::segments::Spare;
use crate::log::window::Window;

/// A segment's header and the sector behind it.
const HEAD_BYTES: usize = 2 * SECTOR_BYTES;
/// Where the first batch of a segment stands.
const SECTOR: u64 = 512;
const _: () = assert!(SECTOR_BYTES == 512);

/// Why the log cannot be believed: all for the operator. The server does not start; nothing has been changed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum RecoverError {
    /// The log ends below what the tables hold.
    Behind { tip: Position, applied_to: Position },
    /// Durable records were here.
    Damaged { segment: SegmentId, offset: u64 },
    /// A file of another log.
    Foreign { segment: SegmentId },
    /// Another version of the program wrote it.
    Version { segment: SegmentId, version: u16 },
}

/// What the recovery asks for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Step {
    /// Answered by [`Recovery::handle_read`] with exactly so many bytes.
    Read {
        segment: SegmentId,
        offset: u64,
        bytes: usize,
    },
    Done,
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    /// First sectors, file by file.
    Heads(usize),
    /// Is there anything in the newest segment?
    Newest,
    /// Batch by batch through `walks`.
    Batches {
        walk: usize,
        offset: u64,
    },
    /// The headers of batches in one file, for a number above `above`.
    Search(Search),
    /// Files outside of the chain.
    Leftovers(usize),
    Done,
}

/// The reading half. Poll until [`Step::Done`], then [`Recovery::finish`].
#[derive(Debug)]
pub(crate) struct Recovery {
    applied_to: Position,
    /// What is above is kept, applied or not, as far as it is there: a peer may lack it.
    keep_from: Position,
    /// Of the headers read so far; what a new log will have.
    log: Option<u64>,
    fresh_log: u64,
    files: Vec<File>,
    /// Segments in use, oldest first: index of the file and how it continues the log.
    active: Vec<(usize, Start)>,
    /// Newer segments without one good batch.
    dropped: Vec<(usize, Start)>,
    walks: Vec<Walk>,
    /// So many of them, at the front, a peer may lack and this start does not need.
    spared: usize,
    chain: Chain,
    phase: Phase,
    window: Window,
    asked: Option<(usize, u64, usize)>,
}

impl Recovery {
    /// `files` are all segment files with their lengths. `fresh_log` is a random number, for a new log.
    pub(crate) fn new(files: &[(SegmentId, u64)], applied_to: Position, fresh_log: u64) -> Self {
        let files = files.iter().map(|(id, bytes)| File {
            spare: Spare {
                id: *id,
                bytes: *bytes,
            },
            head: Head::Garbage,
            first: None,
        });
        Self {
            applied_to,
            keep_from: applied_to,
            log: None,
            fresh_log,
            files: files.collect(),
            active: Vec::new(),
            dropped: Vec::new(),
            walks: Vec::new(),
            spared: 0,
            chain: Chain::new(1, 0, applied_to),
            phase: Phase::Heads(0),
            window: Window::default(),
            asked: None,
        }
    }

    /// Segments with records above `from` are kept.
    pub(crate) fn keeping(mut self, from: Position) -> Self {
        self.keep_from = from.min(self.applied_to);
        self
    }

    /// Goes on as far as it can, giving the records above `applied_to` to `sink` in order.
    pub(crate) fn poll_output(
        &mut self,
        sink: &mut dyn FnMut(Record<'_>),
    ) -> Result<Step, RecoverError> {
        loop {
            let step = match self.phase {
                Phase::Heads(file) => self.read_head(file)?,
                Phase::Newest => self.check_newest()?,
                Phase::Batches { walk, offset } => self.read_batch(walk, offset, sink)?,
                Phase::Search(search) => self.search(search)?,
                Phase::Leftovers(file) => self.check_leftover(file)?,
                Phase::Done => Some(Step::Done),
            };
            if let Some(step) = step {
                return Ok(step);
            }
        }
    }

    /// The bytes asked for; a shorter answer is taken as a file that ends there.
    pub(crate) fn handle_read(&mut self, bytes: &[u8]) {
        if let Some((file, offset, asked)) = self.asked.take() {
            self.window.file = file;
            self.window.offset = offset;
            self.window.bytes.clear();
            self.window
                .bytes
                .extend_from_slice(bytes.get(..asked).unwrap_or(bytes));
            if bytes.len() < asked
                && let Some(file) = self.files.get_mut(file)
            {
                file.spare.bytes = offset + wide(bytes.len());
            }
        }
    }

    /// Where the log goes on.
    pub(crate) fn finish(self) -> Recovered {
        let (full, free) = sort_files(&self.files, &self.walks, self.chain.tip);
        let next_sequence = next_sequence(&self.files);
        Recovered {
            log: self.log.unwrap_or(self.fresh_log),
            applied_to: self.applied_to,
            keep_from: self.keep_from,
            tip: self.chain.tip,
            number: self.chain.number,
            hash: self.chain.hash,
            last: self.chain.last,
            full,
            free,
            next_sequence,
        }
    }

    fn ask(&mut self, file: usize, offset: u64, bytes: usize) -> Option<Step> {
        let spare = self.files.get(file)?.spare;
        let left = usize::try_from(spare.bytes.saturating_sub(offset)).unwrap_or(usize::MAX);
        let bytes = bytes.min(left);
        self.asked = Some((file, offset, bytes));
        Some(Step::Read {
            segment: spare.id,
            offset,
            bytes,
        })
    }

    fn id(&self, file: usize) -> SegmentId {
        self.files
            .get(file)
            .map_or(SegmentId(u32::MAX), |file| file.spare.id)
    }

    fn file_bytes(&self, file: usize) -> u64 {
        self.files.get(file).map_or(0, |file| file.spare.bytes)
    }

    fn damaged<T>(&self, file: usize, offset: u64) -> Result<T, RecoverError> {
        Err(RecoverError::Damaged {
            segment: self.id(file),
            offset,
        })
    }

    fn read_head(&mut self, index: usize) -> Result<Option<Step>, RecoverError> {
        if index >= self.files.len() {
            self.active.sort_by_key(|(_, start)| start.sequence);
            self.phase = Phase::Newest;
            return Ok(None);
        }
        if self.file_bytes(index) < wide(HEAD_BYTES) {
            self.phase = Phase::Heads(index + 1);
            return Ok(None);
        }
        let Some(sectors) = self.window.get(index, 0, HEAD_BYTES) else {
            return Ok(self.ask(index, 0, HEAD_BYTES));
        };
        let (first, second) = sectors.split_at(SECTOR_BYTES);
        let header = SegmentHeader::parse(first);
        let first = BatchHeader::parse(second).map(|(header, _)| header);
        let segment = self.id(index);
        let head = match header {
            Err(NoHeader::Garbage) => Head::Garbage,
            Err(NoHeader::Version(version)) => {
                return Err(RecoverError::Version { segment, version });
            }
            Ok(header) => {
                if *self.log.get_or_insert(header.log) != header.log {
                    return Err(RecoverError::Foreign { segment });
                }
                match header.usage {
                    Usage::Spare => Head::Spare,
                    Usage::Active(start) if self.file_bytes(index) < start.bytes => {
                        return self.damaged(index, self.file_bytes(index));
                    }
                    Usage::Active(start) => Head::Active(start),
                }
            }
        };
        if let Head::Active(start) = head {
            self.active.push((index, start));
        }
        if let Some(file) = self.files.get_mut(index) {
            file.head = head;
            file.first = first;
        }
        self.phase = Phase::Heads(index + 1);
        Ok(None)
    }

    /// A newest segment without one good batch was being opened at the crash: the one before is the newest.
    fn check_newest(&mut self) -> Result<Option<Step>, RecoverError> {
        let Some((file, start)) = self.active.last().copied() else {
            self.phase = Phase::Leftovers(0);
            return Ok(None);
        };
        let from = SECTOR;
        let mut chain = Chain::new(start.first, start.parent, start.base);
        match self.take_batch(&mut chain, (file, start), from, &mut |_| {}) {
            Taken::Missing(bytes) => Ok(self.ask(file, from, bytes)),
            Taken::Good(_) => {
                self.choose_walks()?;
                Ok(None)
            }
            Taken::Bad => {
                let above = start.first;
                let then = Then::DropNewest(start);
                let search = Search::segment((file, start), from, above, then);
                self.phase = Phase::Search(search);
                Ok(None)
            }
        }
    }

    fn choose_walks(&mut self) -> Result<(), RecoverError> {
        let all = walks(&self.active);
        let first = all.first().map_or(0, |walk| walk.file);
        let chosen = needed_walks(all, (self.applied_to, self.keep_from));
        let Some((walks, spared)) = chosen else {
            return self.damaged(first, 0);
        };
        (self.walks, self.spared) = (walks, spared);
        self.begin_walks();
        Ok(())
    }

    fn begin_walks(&mut self) {
        if let Some(Walk { start, .. }) = self.walks.first() {
            self.chain = Chain::new(start.first, start.parent, start.base);
        }
        self.phase = Phase::Batches {
            walk: 0,
            offset: SECTOR,
        };
    }

    /// One that was released may be half overwritten with zeros when the power goes: it and all before it
    /// are of no use to a peer. `false`: this start needs it.
    fn give_up(&mut self, walk: usize) -> bool {
        let is_spared = walk < self.spared;
        if is_spared {
            self.walks.drain(..=walk);
            self.spared -= walk + 1;
            self.begin_walks();
        }
        is_spared
    }

    fn read_batch(
        &mut self,
        walk: usize,
        offset: u64,
        sink: &mut dyn FnMut(Record<'_>),
    ) -> Result<Option<Step>, RecoverError> {
        let Some(Walk { file, start, limit }) = self.walks.get(walk).copied() else {
            self.phase = Phase::Leftovers(0);
            return Ok(None);
        };
        if offset == SECTOR
            && !self.chain.continues_as(&start)
            && self.give_up(walk.saturating_sub(1))
        {
            return Ok(None);
        }
        if offset == SECTOR && !self.chain.continues_as(&start) {
            return self.damaged(file, 0);
        }
        if self.chain.number == limit {
            let offset = SECTOR;
            self.phase = Phase::Batches {
                walk: walk + 1,
                offset,
            };
            return Ok(None);
        }
        let mut chain = std::mem::take(&mut self.chain);
        let taken = self.take_batch(&mut chain, (file, start), offset, sink);
        self.chain = chain;
        match taken {
            Taken::Missing(bytes) => return Ok(self.ask(file, offset, bytes)),
            Taken::Good(bytes) => {
                self.phase = Phase::Batches {
                    walk,
                    offset: offset + bytes,
                }
            }
            Taken::Bad if limit < u64::MAX => {
                if !self.give_up(walk) {
                    return self.damaged(file, offset);
                }
            }
            Taken::Bad => {
                let above = self.chain.number;
                let then = Then::Leftovers(0);
                let search = Search::segment((file, start), offset, above, then);
                self.phase = Phase::Search(search);
            }
        }
        Ok(None)
    }

    /// Looks at the batch at `offset`; a good one is added to `chain` and its records go to `sink`.
    fn take_batch(
        &self,
        chain: &mut Chain,
        (file, start): (usize, Start),
        offset: u64,
        sink: &mut dyn FnMut(Record<'_>),
    ) -> Taken {
        let left = self.file_bytes(file).saturating_sub(offset);
        if left < SECTOR {
            return Taken::Bad;
        }
        let Some(sector) = self.window.get(file, offset, SECTOR_BYTES) else {
            return Taken::Missing(LOG_READ_BYTES);
        };
        let log = self.log.unwrap_or(self.fresh_log);
        let Some((header, hash)) = chain.expected(sector, log, start.sequence, left) else {
            return Taken::Bad;
        };
        let bytes = usize::try_from(header.bytes()).unwrap_or(usize::MAX);
        let Some(batch) = self.window.get(file, offset, bytes) else {
            return Taken::Missing(bytes.max(LOG_READ_BYTES));
        };
        match chain.accept(&header, hash, batch) {
            None => Taken::Bad,
            Some(records) => {
                records
                    .filter(|record| record.position > self.applied_to)
                    .for_each(sink);
                Taken::Good(padded(header.bytes()))
            }
        }
    }

    /// A header with a number above the expected one proves that something durable is missing.
    fn search(&mut self, mut search: Search) -> Result<Option<Step>, RecoverError> {
        let end = self.file_bytes(search.file);
        while search.offset + SECTOR <= end {
            let Some(sector) = self.window.get(search.file, search.offset, SECTOR_BYTES) else {
                self.phase = Phase::Search(search);
                return Ok(self.ask(search.file, search.offset, LOG_READ_BYTES));
            };
            if let Some((header, _)) = BatchHeader::parse(sector)
                && self.log.is_none_or(|log| log == header.log)
                && search
                    .sequence
                    .is_none_or(|sequence| sequence == header.sequence)
                && header.number > search.above
            {
                return self.damaged(search.file, search.from);
            }
            search.offset += SECTOR;
        }
        match search.then {
            Then::DropNewest(start) => {
                self.dropped.extend(self.active.pop());
                // If nothing is left, the log ends where its oldest segment was to begin.
                self.chain = Chain::new(start.first, start.parent, start.base);
                self.phase = Phase::Newest;
            }
            Then::Leftovers(next) => self.phase = Phase::Leftovers(next),
        }
        Ok(None)
    }

    fn check_leftover(&mut self, index: usize) -> Result<Option<Step>, RecoverError> {
        let Some(file) = self.files.get(index) else {
            return self.check_end();
        };
        let above = self.chain.number;
        let is_walked = self.walks.iter().any(|walk| walk.file == index);
        // With a good header of an earlier use, the new one may have been lost, but not what came after.
        let is_suspect = match file.head {
            Head::Garbage => true,
            Head::Spare | Head::Active(_) => file.first.is_some_and(|first| first.number >= above),
        };
        self.phase = if is_suspect && !is_walked {
            Phase::Search(Search::leftover(index, above))
        } else {
            Phase::Leftovers(index + 1)
        };
        Ok(None)
    }

    fn check_end(&mut self) -> Result<Option<Step>, RecoverError> {
        let (tip, applied_to) = (self.chain.tip, self.applied_to);
        if tip < applied_to {
            return Err(RecoverError::Behind { tip, applied_to });
        }
        // A segment is opened when all before its first batch is durable; that may be the last batch once more.
        let next = self.chain.number;
        let is_at_end = |first: u64| first == next || first.checked_add(1) == Some(next);
        let mut dropped = self.dropped.iter();
        if let Some((file, _)) = dropped.find(|(_, start)| !is_at_end(start.first)) {
            return self.damaged(*file, 0);
        }
        self.phase = Phase::Done;
        Ok(None)
    }
}

enum Taken {
    Good(u64),
    Bad,
    /// So many bytes are needed.
    Missing(usize),
}
