//! A whole server over a disk that fails, one step at a time: what the simulator in `tests/sim` drives.
//!
//! [`Machine`] is a board: the core, the log and the recovery are the real ones; the disk is the model
//! of `store::disk::model`, the tables are maps. Whoever drives it decides in which order the disk
//! answers, when the power goes, and what the clients say.

mod bounds;
mod duo;
mod follower;
mod machine;
mod mistakes;
mod options;
pub(crate) mod reading;
mod sequencer;
mod shelf;
pub(crate) mod tables;
mod upkeep;
mod upload;
mod wire;
mod work;

pub use self::duo::Heard;
pub use self::duo::Numbering;
pub use self::duo::Said;
pub use self::duo::Seat;
pub use self::duo::Standing;
pub use self::follower::Archived;
pub use self::follower::Foreign;
pub use self::machine::Machine;
pub use self::options::Event;
pub use self::options::Faults;
pub use self::options::Mutation;
pub use self::options::Options;
pub use self::reading::Change;
pub use self::reading::Copy;
pub use self::reading::Seen;
pub use self::reading::Text;
pub use self::reading::read;
pub use self::upkeep::Fetched;
pub use self::upkeep::Image;

use crate::base::random::Rng as Generator;

/// The newest level of the format.
pub const LEVEL: u8 = crate::model::level::LEVEL;

/// A repeatable generator for the choices of the simulator.
#[derive(Clone, Debug)]
pub struct Rng(Generator);

impl Rng {
    pub fn new(seed: u64) -> Self {
        Self(Generator::from_number(seed))
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        self.0.below(bound)
    }

    pub fn one_in(&mut self, times: u64) -> bool {
        self.0.one_in(times)
    }

    /// One of so many, as an index.
    pub fn index(&mut self, count: usize) -> usize {
        let bound = u64::try_from(count).unwrap_or(u64::MAX);
        usize::try_from(self.0.below(bound)).unwrap_or(0)
    }
}
