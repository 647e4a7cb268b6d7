//! What happened in weeks, counted.

use std::fmt;

const HOUR_MS: u64 = 3_600_000;

/// What happened in weeks, beside what went wrong.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Lived {
    pub(super) steps: u64,
    /// Nothing but signs of life, passed over in one go; and with one board or none.
    pub(super) rested_ms: u64,
    pub(super) alone_ms: u64,
    /// A board goes on alone; both begin an epoch of both.
    pub(super) alone: u64,
    pub(super) heals: u64,
    pub(super) copies: u64,
    pub(super) half_copies: u64,
    /// Tables compared on the way.
    pub(super) compared: u64,
    pub(super) swept: u64,
    pub(super) stops: u64,
    pub(super) images: u64,
    pub(super) long_cuts: u64,
    pub(super) long_outages: u64,
    /// Each board has thrown away what the other lacks: an operator has to choose, and the run ends.
    pub(super) stuck: u64,
}

impl Lived {
    pub(crate) fn add(&mut self, other: &Self) {
        let pairs = [
            (&mut self.steps, other.steps),
            (&mut self.rested_ms, other.rested_ms),
            (&mut self.alone_ms, other.alone_ms),
            (&mut self.alone, other.alone),
            (&mut self.heals, other.heals),
            (&mut self.copies, other.copies),
            (&mut self.half_copies, other.half_copies),
            (&mut self.compared, other.compared),
            (&mut self.swept, other.swept),
            (&mut self.stops, other.stops),
            (&mut self.images, other.images),
            (&mut self.long_cuts, other.long_cuts),
            (&mut self.long_outages, other.long_outages),
            (&mut self.stuck, other.stuck),
        ];
        for (sum, more) in pairs {
            *sum += more;
        }
    }
}

impl fmt::Display for Lived {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            steps,
            rested_ms,
            alone_ms,
            ..
        } = self;
        let (rested, alone) = (rested_ms / HOUR_MS, alone_ms / HOUR_MS);
        write!(
            f,
            "{steps} steps, {rested} hours of signs of life alone, {alone} hours with the boards apart or off"
        )?;
        let counts = [
            ("times alone", self.alone),
            ("heals", self.heals),
            ("copies", self.copies),
            ("copies cut off", self.half_copies),
            ("comparisons", self.compared),
            ("messages swept", self.swept),
            ("planned stops", self.stops),
            ("older images", self.images),
            ("cuts of hours", self.long_cuts),
            ("outages of hours", self.long_outages),
            ("pairs that need an operator", self.stuck),
        ];
        for (name, count) in counts {
            write!(f, ", {count} {name}")?;
        }
        Ok(())
    }
}
