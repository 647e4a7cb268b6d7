//! What a log holds: for each epoch the last number, since an epoch is held from its beginning.

use std::collections::BTreeMap;

use crate::model::codec::coded;
use crate::model::position::Epoch;
use crate::model::position::Position;

/// Epoch -> number of its newest record in a log.
///
/// Logs are written and shipped in order, so whoever holds a record holds all earlier ones of its
/// epoch. Numbers are not without gaps: volatile entries have one and are in no log.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Vector {
    last: BTreeMap<Epoch, u64>,
}

coded!(struct Vector { last });

impl Vector {
    /// Moves the epoch of `position` up to it; never back.
    pub(crate) fn add(&mut self, position: Position) {
        let last = self.last.entry(position.epoch()).or_default();
        *last = position.seq().max(*last);
    }

    /// The epoch is held, and up to where.
    pub(crate) fn seq(&self, epoch: Epoch) -> Option<u64> {
        self.last.get(&epoch).copied()
    }

    pub(crate) fn covers(&self, position: Position) -> bool {
        self.seq(position.epoch())
            .is_some_and(|last| position.seq() <= last)
    }

    pub(crate) fn covers_all(&self, other: &Self) -> bool {
        other.iter().all(|position| self.covers(position))
    }

    /// How many numbers this has that `other` lacks; those of volatile entries count, too.
    pub(crate) fn beyond(&self, other: &Self) -> u64 {
        let lacking = self.last.iter().map(|(epoch, seq)| {
            let known = other.seq(*epoch).map_or(0, |last| last + 1);
            (seq + 1).saturating_sub(known)
        });
        lacking.fold(0, u64::saturating_add)
    }

    /// The newest record of each epoch.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Position> {
        self.last
            .iter()
            .map(|(epoch, seq)| Position::new(*epoch, *seq, 0))
    }

    /// The epoch with the largest counter.
    pub(crate) fn newest(&self) -> Option<Epoch> {
        self.last.keys().next_back().copied()
    }

    pub(crate) fn epochs(&self) -> usize {
        self.last.len()
    }
}

impl FromIterator<Position> for Vector {
    fn from_iter<T: IntoIterator<Item = Position>>(positions: T) -> Self {
        let mut vector = Self::default();
        for position in positions {
            vector.add(position);
        }
        vector
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(counter: u32, node: u8, seq: u64) -> Position {
        let epoch = Epoch {
            counter,
            node,
            salt: 1,
        };
        Position::new(epoch, seq, 0)
    }

    #[test]
    fn a_record_is_covered_with_all_before_it_in_its_epoch() {
        let vector: Vector = [at(1, 0, 5), at(1, 0, 3), at(2, 1, 0)]
            .into_iter()
            .collect();
        assert!(vector.covers(at(1, 0, 5)));
        assert!(!vector.covers(at(1, 0, 6)));
        assert!(vector.covers(at(2, 1, 0)));
        assert!(!vector.covers(at(2, 0, 0)), "another branch");
    }

    #[test]
    fn a_vector_covers_another_when_it_lacks_nothing_of_it() {
        let more: Vector = [at(1, 0, 5), at(2, 1, 1)].into_iter().collect();
        let less: Vector = [at(1, 0, 5)].into_iter().collect();
        assert!(more.covers_all(&less));
        assert!(!less.covers_all(&more));
        assert_eq!((more.beyond(&less), less.beyond(&more)), (2, 0));
    }
}
