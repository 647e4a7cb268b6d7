//! A look for what should not be there: batches of a file behind the end of the log.

use crate::log::frame::Start;

/// The headers of batches in one file, from `offset` on, for a number above `above`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Search {
    pub(super) file: usize,
    pub(super) from: u64,
    pub(super) offset: u64,
    pub(super) above: u64,
    pub(super) sequence: Option<u64>,
    pub(super) then: Then,
}

impl Search {
    /// In a segment of the chain, where what an earlier use of the file left behind proves nothing.
    pub(super) fn segment(
        (file, start): (usize, Start),
        from: u64,
        above: u64,
        then: Then,
    ) -> Self {
        let sequence = Some(start.sequence);
        Self {
            file,
            from,
            offset: from,
            above,
            sequence,
            then,
        }
    }

    pub(super) fn leftover(file: usize, above: u64) -> Self {
        let then = Then::Leftovers(file + 1);
        Self {
            file,
            from: 0,
            offset: 0,
            above,
            sequence: None,
            then,
        }
    }
}

/// What follows if there is none.
#[derive(Clone, Copy, Debug)]
pub(super) enum Then {
    DropNewest(Start),
    Leftovers(usize),
}
