//! Which files of the log are read, in which order and how far, and what comes out of it.

use std::collections::VecDeque;

use crate::log::Position;
use crate::log::chain::LastBatch;
use crate::log::frame::BatchHeader;
use crate::log::frame::Hash;
use crate::log::frame::Start;
use crate::log::segments::Full;
use crate::log::segments::Spare;

/// Where the log goes on, see [`crate::log::Log::open`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Recovered {
    pub(crate) log: u64,
    /// What the tables held when it was read.
    pub(crate) applied_to: Position,
    /// What is above is kept although it is applied.
    pub(crate) keep_from: Position,
    /// Position of the last record.
    pub(crate) tip: Position,
    /// Number of the next batch and the hash of the last one.
    pub(crate) number: u64,
    pub(crate) hash: Hash,
    pub(crate) last: Option<LastBatch>,
    pub(crate) full: VecDeque<Full>,
    pub(crate) free: Vec<Spare>,
    pub(crate) next_sequence: u64,
}

/// What the first sector of a file says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Head {
    Garbage,
    Spare,
    Active(Start),
}

#[derive(Debug)]
pub(crate) struct File {
    pub(crate) spare: Spare,
    pub(crate) head: Head,
    /// What stands behind the first sector, if it looks like a batch.
    pub(crate) first: Option<BatchHeader>,
}

/// A segment to be read, and the number at which the next one takes over.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Walk {
    pub(crate) file: usize,
    pub(crate) start: Start,
    pub(crate) limit: u64,
}

/// The segments to read, from `active` in the order of their use: each up to where a later one takes over.
pub(crate) fn walks(active: &[(usize, Start)]) -> Vec<Walk> {
    let mut walks = Vec::new();
    let mut limit = u64::MAX;
    for (file, start) in active.iter().rev().copied() {
        // A start that crashed before its first batch was durable leaves a segment that is empty.
        if start.first < limit {
            walks.push(Walk { file, start, limit });
            limit = start.first;
        }
    }
    walks.reverse();
    walks
}

/// Of all walks those from the newest one on that begins at or below `applied_to`, and as many before it as
/// a peer may lack (above `keep_from`): how many that are comes second; of those nothing is of use that
/// stands before a gap, which is found when they are read. `None`: the log lacks its beginning.
///
/// The one before the newest is kept as well: if all of the newest is one batch whose sync has failed, the
/// disk may not hold it, and the next start would have to go on from the one before.
pub(crate) fn needed_walks(
    mut walks: Vec<Walk>,
    (applied_to, keep_from): (Position, Position),
) -> Option<(Vec<Walk>, usize)> {
    let is_old = |walk: &Walk| walk.start.base <= applied_to;
    let oldest = walks.iter().rposition(is_old)?;
    let newest = walks.len().checked_sub(1)?;
    let is_kept = |walk: &Walk| walk.start.base <= keep_from;
    let wanted = walks.iter().rposition(is_kept).unwrap_or(0);
    let kept = oldest.min(newest.saturating_sub(1)).min(wanted);
    walks.drain(..kept);
    Some((walks, oldest - kept))
}

/// The files that hold records, oldest first, and the others.
pub(crate) fn sort_files(
    files: &[File],
    walks: &[Walk],
    tip: Position,
) -> (VecDeque<Full>, Vec<Spare>) {
    let lasts = walks
        .iter()
        .skip(1)
        .map(|next| next.start.base)
        .chain([tip]);
    let full = walks.iter().zip(lasts).filter_map(|(walk, last)| {
        let file = files.get(walk.file)?.spare;
        let start = walk.start;
        Some(Full { file, last, start })
    });
    let is_free = |index: &usize| walks.iter().all(|walk| walk.file != *index);
    let free = files.iter().enumerate().filter(|(index, _)| is_free(index));
    (full.collect(), free.map(|(_, file)| file.spare).collect())
}

/// A number for the next use of a segment that no file has seen.
///
/// The first batch counts as well: a crash may have kept it and lost the header that was written with it.
pub(crate) fn next_sequence(files: &[File]) -> u64 {
    let heads = files.iter().map(|file| match file.head {
        Head::Active(start) => start.sequence,
        Head::Garbage | Head::Spare => 0,
    });
    let firsts = files.iter().filter_map(|file| Some(file.first?.sequence));
    heads.chain(firsts).max().unwrap_or(0).saturating_add(1)
}
