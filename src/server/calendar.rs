//! What the node takes for the time of the day.

use std::cell::Cell;

use crate::base::belief::Belief;
use crate::base::belief::CLOCK_PATIENCE_MS;
use crate::base::belief::SWEEP_PATIENCE_MS;
use crate::base::time::Timestamp;
use crate::core::Now;
use crate::net::clock::Clock;
use crate::observe;
use crate::observe::event::Event;

/// The clocks of the machine, looked at with doubt.
pub(crate) struct Calendar {
    pub(super) clock: Clock,
    dates: Cell<Belief>,
    sweeps: Cell<Belief>,
}

impl Calendar {
    /// `known`: the newest stamp of the log.
    pub(super) fn new(clock: Clock, known: Timestamp) -> Self {
        let belief = |patience_ms| Cell::new(Belief::new(known, clock.steady(), patience_ms));
        Self {
            clock,
            dates: belief(CLOCK_PATIENCE_MS),
            sweeps: belief(SWEEP_PATIENCE_MS),
        }
    }

    pub(super) fn now(&self) -> Now {
        let (monotonic, said) = (self.clock.steady(), Clock::of_the_day());
        let mut belief = self.dates.get();
        let was_doubted = belief.is_doubted();
        let wall = belief.tell(monotonic, said);
        if belief.is_doubted() && !was_doubted {
            let believed = wall;
            observe::emit(&Event::ClockDoubted { said, believed });
        }
        self.dates.set(belief);
        Now { monotonic, wall }
    }

    /// By which things are too old to be kept.
    pub(super) fn for_sweeps(&self) -> Timestamp {
        let mut belief = self.sweeps.get();
        let wall = belief.tell(self.clock.steady(), Clock::of_the_day());
        self.sweeps.set(belief);
        wall
    }
}
