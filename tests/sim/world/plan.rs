//! What a run does, and what it came to.

use meerkat::testing::sim::Faults;
use meerkat::testing::sim::Mutation;
use meerkat::testing::sim::Rng;

use crate::checker::excuse::Excuses;
use crate::world::trouble::Faulted;
use crate::world::trouble::Trouble;
use crate::world::weeks::Lived;

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
    /// One of two boards has the program of the version before, up to the middle.
    pub(crate) is_mixed: bool,
    /// Two boards for so long, instead of steps.
    pub(crate) days: u64,
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
    pub(crate) lived: Lived,
}

impl Report {
    pub(crate) fn add(&mut self, other: &Self) {
        self.boots += other.boots;
        self.acked += other.acked;
        self.shown += other.shown;
        self.ms += other.ms;
        self.faulted.add(&other.faulted);
        self.excuses.add(&other.excuses);
        self.lived.add(&other.lived);
    }
}

/// What goes wrong with the disks.
pub(super) fn faults(rng: &mut Rng, plan: &Plan) -> Faults {
    let is_hard = rng.one_in(3) && !plan.is_gentle;
    Faults {
        read_error: if is_hard { 400 } else { 0 },
        write_error: if is_hard { 300 } else { 0 },
        sync_error: if is_hard { 200 } else { 0 },
        stall: match plan.duo {
            Some(trouble) if trouble.stalls > 0 => trouble.stalls,
            _ if plan.is_gentle => 0,
            _ => 40,
        },
        write_through: 1 + rng.below(8),
        is_garbling: rng.one_in(3),
        capacity: (!plan.is_follower && plan.duo.is_none() && rng.one_in(6))
            .then(|| 700_000 + rng.below(1_000_000)),
    }
}
