//! What a session was told of the archive, and since when: what it may have passed by is looked for beside that.

use std::collections::BTreeSet;
use std::collections::VecDeque;

use crate::base::device_limits::TOLD_LATE_MAX;
use crate::base::ids::SessionId;
use crate::core::meetings::Stretch;
use crate::model::epochs::Epochs;
use crate::model::peer::Told;
use crate::model::position::Epoch;
use crate::model::position::Position;

/// Since when a session is told of what, and what it was told late.
#[derive(Debug, Default)]
pub(crate) struct CatchUp {
    /// The client has wanted its resource, so that it comes with the same again.
    pub(crate) is_named: bool,
    /// From behind these entries on it was told as it came: what is for its own address, for its user, and copies.
    pub(crate) bound: Option<Position>,
    pub(crate) since: Option<Position>,
    pub(crate) copies_since: Option<Position>,
    /// It has what is in the past of this.
    pub(super) has: Option<Epoch>,
    /// Told to it late since the boards lost each other.
    pub(super) told: BTreeSet<Position>,
    pub(super) under_way: Option<Box<UnderWay>>,
}

/// It is being looked for.
#[derive(Debug)]
pub(super) struct UnderWay {
    /// In these stretches, of which some are to be read still, from behind the one entry up to before the other.
    pub(super) stretches: Vec<Stretch>,
    pub(super) left: VecDeque<(Position, Position)>,
    /// The number of the query.
    pub(super) asked: Option<u64>,
    /// Not counted by the client yet.
    pub(super) owed: BTreeSet<Position>,
    /// What it will have then.
    pub(super) upto: Epoch,
    /// Of some it gets copies only if it wants copies.
    pub(super) lacks_copies: bool,
}

impl CatchUp {
    /// It goes on at this node, from behind this entry.
    pub(super) fn moved(told: Told, at: Position, wants_copies: bool) -> Self {
        Self {
            is_named: true,
            bound: told.bound.or(Some(at)),
            since: told.since.or(Some(at)),
            copies_since: told.copies_since.or_else(|| wants_copies.then_some(at)),
            has: told.has,
            told: told.late.into_iter().collect(),
            under_way: None,
        }
    }

    /// For the other node, should it go on with the session: without what its client has not counted.
    pub(super) fn to_tell(&self, session: SessionId, queued: &BTreeSet<Position>) -> Told {
        Told {
            session,
            bound: self.bound,
            since: self.since,
            copies_since: self.copies_since,
            has: self.has,
            late: self.told.difference(queued).copied().collect(),
        }
    }

    /// Whether the session was told of all there.
    pub(super) fn was_told(&self, at: Position, epochs: &Epochs) -> bool {
        let both = [self.since, self.copies_since];
        let mut both = both.into_iter();
        both.all(|since| since.is_some_and(|since| stands_on(since, at, epochs)))
    }

    /// This was told late.
    pub(super) fn note(&mut self, position: Position) {
        if self.told.len() < TOLD_LATE_MAX {
            self.told.insert(position);
        }
    }

    /// Memory of it.
    pub(crate) fn bytes(&self) -> usize {
        let count = self.under_way.as_ref().map_or(0, |one| one.owed.len());
        let count = count.saturating_add(self.told.len());
        count.saturating_mul(48)
    }
}

/// What stands there was numbered where the entry at `since` was delivered before.
pub(super) fn stands_on(since: Position, at: Position, epochs: &Epochs) -> bool {
    let is_same = since.epoch() == at.epoch();
    (is_same && at > since) || (!is_same && epochs.follows(since, at.epoch()))
}
