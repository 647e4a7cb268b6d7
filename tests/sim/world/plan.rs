//! What a run does, and what it came to.

use meerkat::testing::sim::Mutation;

use crate::checker::excuse::Excuses;
use crate::world::trouble::Faulted;
use crate::world::trouble::Trouble;

/// What a run does.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) steps: u64,
    pub(crate) is_follower: bool,
    /// Two boards, and what may go wrong between them.
    pub(crate) duo: Option<Trouble>,
    pub(crate) mutation: Option<Mutation>,
    /// The checker does not look at the disk: it knows what the clients know, and what is there at the end.
    pub(crate) is_blind: bool,
    /// The process dies in the call to the disk after so many, and nothing else goes wrong.
    pub(crate) dies_after: Option<u64>,
    /// No process dies, no power goes, no disk fails.
    pub(crate) is_gentle: bool,
}

/// What a run came to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Report {
    pub(crate) boots: u64,
    pub(crate) acked: u64,
    pub(crate) shown: u64,
    /// Model time, and what went wrong in it.
    pub(crate) ms: u64,
    pub(crate) faulted: Faulted,
    pub(crate) excuses: Excuses,
}

impl Report {
    pub(crate) fn add(&mut self, other: &Self) {
        self.boots += other.boots;
        self.acked += other.acked;
        self.shown += other.shown;
        self.ms += other.ms;
        self.faulted.add(&other.faulted);
        self.excuses.add(&other.excuses);
    }
}
