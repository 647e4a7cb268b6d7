//! What stood in each part of the log, so that one knows what was given away with it.
//!
//! The log gives its files away one by one. Which records that were has to be known when the other board asks for
//! them: what is missing in the middle of an epoch is seen nowhere else.

use std::collections::BTreeMap;
use std::collections::VecDeque;

use crate::log::Log;
use crate::model::position::Epoch;
use crate::model::position::Index;
use crate::model::position::Position;
use crate::model::vector::Vector;

/// What the log holds, file by file, and what it held before.
#[derive(Debug, Default)]
pub(crate) struct Trail {
    trimmed: Vector,
    /// Files that nothing is written into any more: the last record of each, and what they hold.
    full: VecDeque<(Index, Vector)>,
    /// Records since then.
    open: VecDeque<(Index, Position)>,
}

/// A trail of what a start finds, from reading it all.
#[derive(Debug, Default)]
pub(crate) struct Survey {
    /// Where files end that are to come.
    ends: VecDeque<Index>,
    /// The first number of each epoch that is kept.
    first: BTreeMap<Epoch, u64>,
    trail: Trail,
}

impl Survey {
    pub(crate) fn new(log: &Log) -> Self {
        Self {
            ends: log.ends().map(Index).collect(),
            ..Self::default()
        }
    }

    /// The next record.
    pub(crate) fn add(&mut self, index: Index, position: Position) {
        while let Some(end) = self.ends.pop_front_if(|end| *end < index) {
            self.trail.cut(end);
        }
        let epoch = position.epoch();
        self.first.entry(epoch).or_insert_with(|| position.seq());
        self.trail.add(index, position);
    }

    /// `reach`: everything that the log and the tables hold.
    pub(crate) fn finish(mut self, reach: &Vector) -> Trail {
        for end in self.ends {
            self.trail.cut(end);
        }
        let before = |end: Position| match self.first.get(&end.epoch()) {
            None => Some(end),
            Some(seq) => Some(Position::new(end.epoch(), seq.checked_sub(1)?, 0)),
        };
        self.trail.trimmed = reach.iter().filter_map(before).collect();
        self.trail
    }
}

impl Trail {
    /// Nothing is kept yet.
    pub(crate) fn new(trimmed: Vector) -> Self {
        Self {
            trimmed,
            ..Self::default()
        }
    }

    /// A record was appended.
    pub(crate) fn add(&mut self, index: Index, position: Position) {
        self.open.push_back((index, position));
    }

    /// A file of the log ends with `last`.
    pub(crate) fn cut(&mut self, last: Index) {
        let mut held = Vector::default();
        while let Some((_, position)) = self.open.pop_front_if(|(index, _)| *index <= last) {
            held.add(position);
        }
        if held.epochs() > 0 {
            self.full.push_back((last, held));
        }
    }

    /// The log begins with `oldest` now. Whether it has lost something by that.
    pub(crate) fn trim(&mut self, oldest: Index) -> bool {
        let mut has_lost = false;
        self.cut_at(oldest);
        while let Some((_, held)) = self.full.pop_front_if(|(last, _)| *last < oldest) {
            has_lost = true;
            for position in held.iter() {
                self.trimmed.add(position);
            }
        }
        has_lost
    }

    /// What is gone of the file that is written, if that is.
    fn cut_at(&mut self, oldest: Index) {
        let is_gone = |(index, _): &(Index, Position)| *index < oldest;
        if self.open.front().is_some_and(is_gone) {
            self.cut(Index(oldest.0.saturating_sub(1)));
        }
    }

    /// What cannot be read back any more.
    pub(crate) fn trimmed(&self) -> &Vector {
        &self.trimmed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::position::Epoch;

    fn at(counter: u32, seq: u64) -> Position {
        let epoch = Epoch {
            counter,
            node: 0,
            salt: 1,
        };
        Position::new(epoch, seq, 0)
    }

    fn vector(positions: &[Position]) -> Vector {
        positions.iter().copied().collect()
    }

    #[test]
    fn what_stood_in_files_that_are_gone_is_known_and_no_more() {
        // Given a log of three files, and what was gone before
        let mut trail = Trail::new(vector(&[at(1, 4)]));
        for (index, position) in [(5, at(1, 5)), (6, at(2, 0)), (7, at(2, 1)), (8, at(2, 9))] {
            trail.add(Index(index), position);
            if index % 2 == 0 {
                trail.cut(Index(index));
            }
        }
        trail.add(Index(9), at(2, 10));

        // Then what is gone goes with its file
        assert!(!trail.trim(Index(5)));
        assert_eq!(trail.trimmed(), &vector(&[at(1, 4)]));
        assert!(trail.trim(Index(7)));
        assert_eq!(trail.trimmed(), &vector(&[at(1, 5), at(2, 0)]));
        assert!(!trail.trim(Index(7)));
        assert!(trail.trim(Index(9)));
        assert_eq!(trail.trimmed(), &vector(&[at(1, 5), at(2, 9)]));

        // And with the file that is written, if that is all applied
        assert!(trail.trim(Index(10)));
        assert_eq!(trail.trimmed(), &vector(&[at(1, 5), at(2, 10)]));
    }
}
