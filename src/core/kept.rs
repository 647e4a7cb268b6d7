//! What the log keeps because the other node lacks it.

use crate::model::position::Index;

/// Records are kept until the other node has them, or until they are too much.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kept {
    /// It has everything at or below.
    has: Index,
    bytes_max: u64,
    /// Keeping more would have filled the disk: it needs a copy of everything.
    is_given_up: bool,
}

impl Kept {
    /// The log begins with `oldest`.
    pub(super) fn new(has: Index, bytes_max: u64, oldest: Index) -> Self {
        Self {
            has,
            bytes_max,
            is_given_up: oldest > has.next(),
        }
    }

    /// The other node has everything up to here. What was given up it has got since, if nothing above is gone.
    pub(super) fn handle_has(&mut self, upto: Index, oldest: Index) {
        self.has = self.has.max(upto);
        self.is_given_up &= oldest > self.has.next();
    }

    /// How far the log may be given away where the tables hold it up to `applied`, and `bytes` of it are kept.
    pub(super) fn release(&mut self, applied: Index, bytes: u64) -> Index {
        self.is_given_up |= bytes > self.bytes_max && self.has < applied;
        if self.is_given_up {
            applied
        } else {
            applied.min(self.has)
        }
    }
}
