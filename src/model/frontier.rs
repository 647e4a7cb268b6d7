//! What an account's devices have taken: a vector over branches of the log.

use std::collections::BTreeMap;

use crate::model::codec::coded;
use crate::model::position::Epoch;
use crate::model::position::Position;

/// "Up to here, in each branch, everything was taken by some device" (acknowledged where there is
/// stream management, written to the socket where there is not). It moves without a gap, so it may
/// be saved late: what is repeated carries the same stanza id, and nothing is lost.
///
/// On one board the branches follow each other and the newest entry covers all before it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Frontier {
    branches: BTreeMap<Epoch, Position>,
}

coded!(struct Frontier { branches });

impl Frontier {
    /// Moves the branch of `to` forward; never back.
    pub(crate) fn advance(&mut self, to: Position) {
        let mark = self.branches.entry(to.epoch()).or_default();
        *mark = to.max(*mark);
    }

    /// The element-wise larger of both.
    pub(crate) fn unite(&mut self, other: &Self) {
        for position in other.branches.values() {
            self.advance(*position);
        }
    }

    /// Whether `position` was taken, where `follows(a, b)` says that epoch `b` stands on the entry at `a`.
    pub(crate) fn covers(
        &self,
        position: Position,
        follows: impl Fn(Position, Epoch) -> bool,
    ) -> bool {
        let epoch = position.epoch();
        self.branches.iter().any(|(branch, mark)| {
            (*branch == epoch && position <= *mark)
                || (*branch != epoch && follows(position, *branch))
        })
    }

    /// Drops the branches that `newer` stands on: they are covered by it.
    pub(crate) fn compact(&mut self, follows: impl Fn(Position, Epoch) -> bool) {
        let Some(newest) = self.branches.keys().next_back().copied() else {
            return;
        };
        self.branches
            .retain(|branch, mark| *branch == newest || !follows(*mark, newest));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epoch(counter: u32, node: u8) -> Epoch {
        Epoch {
            counter,
            node,
            salt: 9,
        }
    }

    #[test]
    fn a_frontier_never_goes_back() {
        let mut frontier = Frontier::default();
        frontier.advance(Position::new(epoch(1, 0), 5, 0));
        frontier.advance(Position::new(epoch(1, 0), 3, 0));
        assert!(frontier.covers(Position::new(epoch(1, 0), 5, 0), |_, _| false));
        assert!(!frontier.covers(Position::new(epoch(1, 0), 6, 0), |_, _| false));
    }

    #[test]
    fn a_branch_beside_is_not_covered_by_a_later_one() {
        let mut frontier = Frontier::default();
        frontier.advance(Position::new(epoch(2, 1), 9, 0));
        assert!(!frontier.covers(Position::new(epoch(2, 0), 1, 0), |_, _| false));
    }

    #[test]
    fn what_the_newest_stands_on_is_covered() {
        let mut frontier = Frontier::default();
        frontier.advance(Position::new(epoch(1, 0), 4, 0));
        frontier.advance(Position::new(epoch(2, 0), 1, 0));
        let follows = |a: Position, b: Epoch| a.epoch().counter < b.counter;
        frontier.compact(follows);
        assert!(frontier.covers(Position::new(epoch(1, 0), 400, 0), follows));
    }
}
