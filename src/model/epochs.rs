//! The tree of epochs: which stretch of the log stands on which.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use crate::base::mirror_limits::COPIES_EPOCHS;
use crate::base::mirror_limits::COPIES_START_MAX;
use crate::base::time::Timestamp;
use crate::model::copies::copies_max;
use crate::model::entry::EpochRecord;
use crate::model::entry::Mode;
use crate::model::position::Epoch;
use crate::model::position::Position;
use crate::model::vector::Vector;

/// Up to which number another epoch's entries are in the past of one.
type Past = BTreeMap<Epoch, u64>;

/// Every epoch of this log with its parents, as its EPOCH records tell.
#[derive(Clone, Debug, Default)]
pub(crate) struct Epochs {
    known: BTreeMap<Epoch, Known>,
    /// All that is in the past of the epochs that no other stands on: one, or two after a cut.
    tips: BTreeMap<Epoch, Past>,
}

#[derive(Clone, Debug)]
struct Known {
    mode: Mode,
    /// When it began.
    at: Timestamp,
    parents: Past,
}

/// How two entries stand to each other.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Relation {
    /// The second is in the past of the first.
    Earlier,
    Same,
    /// The first is in the past of the second.
    Later,
    /// Neither knew of the other: they stand on two branches.
    Beside,
}

impl From<Ordering> for Relation {
    /// Of the second to the first.
    fn from(order: Ordering) -> Self {
        match order {
            Ordering::Less => Self::Later,
            Ordering::Equal => Self::Same,
            Ordering::Greater => Self::Earlier,
        }
    }
}

impl Epochs {
    /// Parents come before their children.
    pub(crate) fn add(&mut self, record: &EpochRecord) {
        if self.knows(record.epoch) {
            return;
        }
        let mut parents = Past::new();
        for parent in &record.parents {
            raise(&mut parents, parent.epoch(), parent.seq());
        }
        let mut past = Past::new();
        for parent in parents.keys() {
            // Usually it was the tip, and what it knew goes over to its child.
            let own = self.tips.remove(parent);
            let mut own = own.unwrap_or_else(|| self.walk(*parent));
            if own.len() > past.len() {
                std::mem::swap(&mut own, &mut past);
            }
            for (epoch, seq) in own {
                raise(&mut past, epoch, seq);
            }
        }
        for (epoch, seq) in &parents {
            raise(&mut past, *epoch, *seq);
        }
        let known = Known {
            mode: record.mode,
            at: Timestamp::from_unix_ms(record.stamp.unix_ms()),
            parents,
        };
        self.known.insert(record.epoch, known);
        self.tips.insert(record.epoch, past);
    }

    pub(crate) fn knows(&self, epoch: Epoch) -> bool {
        self.known.contains_key(&epoch)
    }

    /// Who serves in the epoch.
    pub(crate) fn mode(&self, epoch: Epoch) -> Option<Mode> {
        self.known.get(&epoch).map(|known| known.mode)
    }

    /// One more than the largest counter in the log (`mirror` rule R1).
    pub(crate) fn next_counter(&self) -> u32 {
        self.known
            .keys()
            .next_back()
            .map_or(1, |epoch| epoch.counter.saturating_add(1))
    }

    /// The epoch of this log with the largest counter.
    pub(crate) fn newest(&self) -> Option<Epoch> {
        self.known.keys().next_back().copied()
    }

    /// Whether everything of other epochs in a log that goes so far is in the past of this one.
    pub(crate) fn stands_on_all(&self, epoch: Epoch, reach: &Vector) -> bool {
        let mut others = reach.iter().filter(|end| end.epoch() != epoch);
        self.knows(epoch) && others.all(|end| self.follows(end, epoch))
    }

    /// Whether `later` stands on the entry at `earlier`, directly or not. What was proposed here and
    /// is not numbered stands on everything.
    pub(crate) fn follows(&self, earlier: Position, later: Epoch) -> bool {
        let (epoch, seq) = (earlier.epoch(), earlier.seq());
        if later.is_own() {
            return !epoch.is_own();
        }
        if let Some(past) = self.tips.get(&later) {
            return past.get(&epoch).is_some_and(|known| *known >= seq);
        }
        let mut open = vec![later];
        let mut seen = BTreeSet::new();
        while let Some(next) = open.pop() {
            for (parent, known) in self.known.get(&next).iter().flat_map(|next| &next.parents) {
                if *parent == epoch && *known >= seq {
                    return true;
                }
                // A parent has the smaller counter, so what is below `epoch` cannot lead to it.
                if parent.counter > epoch.counter && seen.insert(*parent) {
                    open.push(*parent);
                }
            }
        }
        false
    }

    /// How the entry at `new` stands to the one at `old`. Where an epoch is not known, the number
    /// alone tells.
    pub(crate) fn relation(&self, old: Position, new: Position) -> Relation {
        let (before, after) = (old.epoch(), new.epoch());
        let is_known = |epoch: Epoch| epoch.is_own() || self.knows(epoch);
        if before == after || !is_known(before) || !is_known(after) {
            return old.cmp(&new).into();
        }
        if self.follows(old, after) {
            Relation::Later
        } else if self.follows(new, before) {
            Relation::Earlier
        } else {
            Relation::Beside
        }
    }

    /// The newest positions that nothing in a log stands on: what an EPOCH record names as its
    /// parents (`mirror` rule R13). `reach`: how far the log goes.
    pub(crate) fn tips(&self, reach: &Vector) -> Vec<Position> {
        let mut tips: Vec<Position> = Vec::new();
        let ends: Vec<Position> = reach.iter().collect();
        for end in ends.into_iter().rev() {
            if !tips.iter().any(|tip| self.follows(end, tip.epoch())) {
                tips.push(end);
            }
        }
        tips
    }

    /// What the EPOCH records of this log name as their parents.
    pub(crate) fn parents(&self) -> Vector {
        let parents = self.known.values().flat_map(|known| &known.parents);
        parents
            .map(|(epoch, seq)| Position::new(*epoch, *seq, 0))
            .collect()
    }

    /// While this board is alone: the last position that the other one of its pair knows of, too. What
    /// that one writes meanwhile stands above it.
    pub(crate) fn known_to_both(&self) -> Option<Position> {
        if self.mode(self.newest()?)? != Mode::Solo {
            return None;
        }
        let mut all = self.known.iter().rev();
        let (sync, _) = all.find(|(_, known)| known.mode == Mode::Sync)?;
        let named = self.parents().iter().find(|at| at.epoch() == *sync);
        let start = || Position::new(*sync, 0, 0);
        Some(named.unwrap_or_else(start).last_sub())
    }

    /// The epochs that begin where branches meet, the newest first, and when that was.
    pub(crate) fn meetings(&self) -> impl Iterator<Item = (Epoch, Timestamp)> {
        let known = self.known.iter().rev();
        let meetings = known.filter(|(_, known)| known.parents.len() > 1);
        meetings.map(|(epoch, known)| (*epoch, known.at))
    }

    /// What stands on one of the branches that meet in the epoch, and below something on another one. Who has read
    /// the other one so far does not come by it any more.
    pub(crate) fn passed_by(&self, epoch: Epoch) -> Vec<RangeInclusive<Position>> {
        let parents = self.known.get(&epoch).map(|known| &known.parents);
        let branches = parents.into_iter().flatten().map(|(parent, seq)| {
            let mut branch = self.walk(*parent);
            raise(&mut branch, *parent, *seq);
            branch
        });
        let branches: Vec<Past> = branches.collect();
        let pairs = branches
            .iter()
            .flat_map(|own| branches.iter().map(move |other| (own, other)));
        let below = pairs.flat_map(|(own, other)| {
            let newest = surplus(other, own).next_back();
            let newest = newest.map(|(epoch, ..)| epoch);
            surplus(own, other).filter(move |(epoch, ..)| Some(*epoch) < newest)
        });
        let mut found: BTreeMap<Epoch, (u64, u64)> = BTreeMap::new();
        for (epoch, from, upto) in below {
            let known = found.entry(epoch).or_insert((from, upto));
            *known = (from.min(known.0), upto.max(known.1));
        }
        let ranges = found.into_iter().map(|(epoch, (from, upto))| {
            Position::new(epoch, from, 0)..=Position::new(epoch, upto, 0).last_sub()
        });
        ranges.collect()
    }

    /// Where messages stand that another branch may have copies of, in a log that goes so far: what no
    /// but the newest epochs of both stand on, as far back as is remembered.
    pub(crate) fn contestable(&self, reach: &Vector) -> Vec<RangeInclusive<Position>> {
        let is_sync = |(_, known): &(&Epoch, &Known)| known.mode == Mode::Sync;
        let mut syncs = self.known.iter().rev().filter(is_sync);
        let synced = syncs.nth(COPIES_EPOCHS);
        let synced = synced.map(|(epoch, _)| *epoch);
        let mut found = Vec::new();
        let mut ends: Vec<Position> = reach.iter().collect();
        ends.sort();
        let mut left = COPIES_START_MAX;
        for end in ends.into_iter().rev() {
            let window = self.mode(end.epoch()).map_or(0, copies_max);
            let window = window.min(left);
            if window > 0 && !synced.is_some_and(|sync| self.follows(end, sync)) {
                let first = end.seq().saturating_sub(window);
                left = left.saturating_sub(end.seq() - first);
                found.push(Position::new(end.epoch(), first, 0)..=end.last_sub());
            }
        }
        found
    }

    /// All that is in the past of an epoch that others stand on already.
    fn walk(&self, epoch: Epoch) -> Past {
        let mut past = Past::new();
        let mut open = vec![epoch];
        while let Some(next) = open.pop() {
            for (parent, seq) in self.known.get(&next).iter().flat_map(|next| &next.parents) {
                if !past.contains_key(parent) {
                    open.push(*parent);
                }
                raise(&mut past, *parent, *seq);
            }
        }
        past
    }
}

/// What the one goes beyond the other: epochs, the first number and the last.
fn surplus<'a>(
    one: &'a Past,
    other: &'a Past,
) -> impl DoubleEndedIterator<Item = (Epoch, u64, u64)> + 'a {
    one.iter().filter_map(|(epoch, upto)| {
        let known = other.get(epoch).copied().unwrap_or(0);
        (known < *upto).then(|| (*epoch, known.saturating_add(1), *upto))
    })
}

fn raise(past: &mut Past, epoch: Epoch, seq: u64) {
    let known = past.entry(epoch).or_default();
    *known = seq.max(*known);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::position::Hlc;

    fn epoch(counter: u32, node: u8) -> Epoch {
        Epoch {
            counter,
            node,
            salt: 1,
        }
    }

    fn at(epoch: Epoch, seq: u64) -> Position {
        Position::new(epoch, seq, 0)
    }

    fn tree(edges: &[(Epoch, &[Position])]) -> Epochs {
        let mut epochs = Epochs::default();
        for (epoch, parents) in edges {
            epochs.add(&EpochRecord {
                epoch: *epoch,
                stamp: Hlc::default(),
                mode: Mode::Single,
                parents: parents.to_vec(),
            });
        }
        epochs
    }

    const fn named(counter: u32, node: u8) -> Epoch {
        Epoch {
            counter,
            node,
            salt: 1,
        }
    }

    const ONE: Epoch = named(1, 0);
    const LEFT: Epoch = named(2, 0);
    const RIGHT: Epoch = named(2, 1);
    const HEAL: Epoch = named(3, 0);

    /// The right side had not heard of the last two entries of the epoch that both had.
    fn healed() -> Epochs {
        tree(&[
            (ONE, &[]),
            (LEFT, &[at(ONE, 9)]),
            (RIGHT, &[at(ONE, 7)]),
            (HEAL, &[at(LEFT, 4), at(RIGHT, 5)]),
        ])
    }

    #[test]
    fn branches_follow_what_they_stand_on_and_not_each_other() {
        let epochs = healed();
        assert!(epochs.follows(at(ONE, 9), HEAL));
        assert!(epochs.follows(at(RIGHT, 5), HEAL));
        assert!(!epochs.follows(at(LEFT, 1), RIGHT));
        assert!(!epochs.follows(at(HEAL, 0), ONE));
        assert_eq!(epochs.next_counter(), 4);
    }

    #[test]
    fn what_the_lower_branch_has_is_passed_by_from_the_higher_one() {
        let epochs = healed();
        let passed = epochs.passed_by(HEAL);
        let ends = [(ONE, 8, 9), (LEFT, 1, 4)].map(|(epoch, from, upto)| {
            Position::new(epoch, from, 0)..=Position::new(epoch, upto, 0).last_sub()
        });
        assert_eq!(passed, ends);
        assert_eq!(
            epochs
                .meetings()
                .map(|(epoch, _)| epoch)
                .collect::<Vec<_>>(),
            [HEAL]
        );
    }

    #[test]
    fn a_board_alone_knows_up_to_where_the_other_one_knows_the_same() {
        let modes = [Mode::Single, Mode::Sync, Mode::Solo, Mode::Solo];
        let mut epochs = Epochs::default();
        let known: Vec<_> = (1..)
            .zip(modes)
            .map(|(counter, mode)| {
                let parents = match counter {
                    1 => Vec::new(),
                    _ => vec![at(epoch(counter - 1, 0), 9)],
                };
                epochs.add(&EpochRecord {
                    epoch: epoch(counter, 0),
                    stamp: Hlc::default(),
                    mode,
                    parents,
                });
                epochs.known_to_both()
            })
            .collect();
        let end = Some(at(epoch(2, 0), 9).last_sub());
        assert_eq!(known, [None, None, end, end]);
    }

    #[test]
    fn what_a_branch_had_not_heard_of_is_beside_it() {
        let epochs = healed();
        assert_eq!(epochs.relation(at(ONE, 7), at(RIGHT, 1)), Relation::Later);
        assert_eq!(epochs.relation(at(ONE, 8), at(RIGHT, 1)), Relation::Beside);
        assert_eq!(epochs.relation(at(LEFT, 1), at(ONE, 8)), Relation::Earlier);
    }

    #[test]
    fn the_tips_of_a_log_are_what_nothing_in_it_stands_on() {
        let epochs = healed();
        let reach = |ends: &[Position]| ends.iter().copied().collect::<Vector>();
        let ends = [at(ONE, 9), at(LEFT, 4), at(RIGHT, 5)];
        assert_eq!(epochs.tips(&reach(&ends)), [at(RIGHT, 5), at(LEFT, 4)]);
        assert_eq!(
            epochs.tips(&reach(&[at(ONE, 9), at(RIGHT, 5)])),
            [at(RIGHT, 5), at(ONE, 9)]
        );
        assert_eq!(
            epochs.tips(&reach(&[at(ONE, 9), at(RIGHT, 5), at(HEAL, 0)])),
            [at(HEAL, 0)]
        );
    }

    #[test]
    fn a_thousand_starts_of_one_board_are_followed_at_once() {
        let mut epochs = Epochs::default();
        let mut parents = Vec::new();
        for counter in 1..=1_000 {
            let record = EpochRecord {
                epoch: epoch(counter, 0),
                stamp: Hlc::default(),
                mode: Mode::Single,
                parents: parents.clone(),
            };
            epochs.add(&record);
            parents = vec![at(record.epoch, 3)];
        }
        let newest = epoch(1_000, 0);
        assert!(epochs.follows(at(epoch(1, 0), 3), newest));
        assert!(!epochs.follows(at(epoch(1, 0), 4), newest));
    }
}
