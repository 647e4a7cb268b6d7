//! The tree of epochs: which stretch of the log stands on which.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::model::entry::EpochRecord;
use crate::model::position::Epoch;

/// Every epoch of this log with its parents, as its EPOCH records tell.
#[derive(Clone, Debug, Default)]
pub(crate) struct Epochs {
    parents: BTreeMap<Epoch, BTreeSet<Epoch>>,
}

impl Epochs {
    pub(crate) fn add(&mut self, record: &EpochRecord) {
        let parents = record.parents.iter().map(|parent| parent.epoch()).collect();
        self.parents.insert(record.epoch, parents);
    }

    pub(crate) fn knows(&self, epoch: Epoch) -> bool {
        self.parents.contains_key(&epoch)
    }

    /// One more than the largest counter in the log (`mirror` rule R1).
    pub(crate) fn next_counter(&self) -> u32 {
        self.parents
            .keys()
            .next_back()
            .map_or(1, |epoch| epoch.counter.saturating_add(1))
    }

    /// The epoch of this log with the largest counter.
    pub(crate) fn newest(&self) -> Option<Epoch> {
        self.parents.keys().next_back().copied()
    }

    /// Whether `later` stands on `earlier`, directly or not.
    pub(crate) fn follows(&self, earlier: Epoch, later: Epoch) -> bool {
        let mut open = vec![later];
        let mut seen = BTreeSet::new();
        while let Some(epoch) = open.pop() {
            for parent in self.parents.get(&epoch).into_iter().flatten() {
                if *parent == earlier {
                    return true;
                }
                // A parent has the smaller counter, so what is below `earlier` cannot lead to it.
                if parent.counter > earlier.counter && seen.insert(*parent) {
                    open.push(*parent);
                }
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::entry::Mode;
    use crate::model::position::Hlc;
    use crate::model::position::Position;

    fn epoch(counter: u32, node: u8) -> Epoch {
        Epoch {
            counter,
            node,
            salt: 1,
        }
    }

    fn tree(edges: &[(Epoch, &[Epoch])]) -> Epochs {
        let mut epochs = Epochs::default();
        for (epoch, parents) in edges {
            epochs.add(&EpochRecord {
                epoch: *epoch,
                stamp: Hlc::default(),
                mode: Mode::Single,
                parents: parents
                    .iter()
                    .map(|parent| Position::new(*parent, 3, 0))
                    .collect(),
            });
        }
        epochs
    }

    #[test]
    fn branches_follow_what_they_stand_on_and_not_each_other() {
        let (one, left, right, heal) = (epoch(1, 0), epoch(2, 0), epoch(2, 1), epoch(3, 0));
        let epochs = tree(&[
            (one, &[]),
            (left, &[one]),
            (right, &[one]),
            (heal, &[left, right]),
        ]);
        assert!(epochs.follows(one, heal));
        assert!(epochs.follows(right, heal));
        assert!(!epochs.follows(left, right));
        assert!(!epochs.follows(heal, one));
        assert_eq!(epochs.next_counter(), 4);
    }
}
