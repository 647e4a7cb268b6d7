//! The clock of the day, as far as it is believed: one that leaps ahead has to stand for a while first.
//!
//! Small boards have clocks that start anywhere, and time servers err. Once a stamp of the year 2099 is in the log
//! everything after it is dated no earlier, on both boards of a pair, and what is swept by age is gone for good. What
//! the log knows and the steady clock say how late it is at least; a leap beyond [`CLOCK_LEAP_MS`] is taken for an
//! error until it has lasted. A clock that is behind is believed: its stamps follow those of the log, and it sweeps
//! nothing.

use crate::base::time::Monotonic;
use crate::base::time::Timestamp;

/// A board may be off for so long and be believed at once when it is back.
pub(crate) const CLOCK_LEAP_MS: u64 = 30 * 86_400_000;

/// Until then a leap is no date of anything. Time servers correct a wrong start within minutes.
pub(crate) const CLOCK_PATIENCE_MS: u64 = 600_000;

/// Until then nothing is swept by age. Nobody misses a sweep for a day.
pub(crate) const SWEEP_PATIENCE_MS: u64 = 86_400_000;

/// Two readings of one error differ by less.
const SAME_LEAP_MS: u64 = 60_000;

/// 2026-01-01: a log that knows of nothing later knows nothing.
const EARLIEST: u64 = 1_767_225_600_000;

/// What is known of the time, and since when it is doubted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Belief {
    /// It was that late at least, then.
    floor: (Timestamp, Monotonic),
    doubt: Option<Doubt>,
    patience_ms: u64,
}

#[derive(Clone, Copy, Debug)]
struct Doubt {
    since: Monotonic,
    ahead_ms: u64,
}

impl Belief {
    /// `known`: the newest stamp of the log.
    pub(crate) fn new(known: Timestamp, now: Monotonic, patience_ms: u64) -> Self {
        Self {
            floor: (known, now),
            doubt: None,
            patience_ms,
        }
    }

    /// A leap was seen, and has not lasted yet.
    pub(crate) fn is_doubted(&self) -> bool {
        self.doubt.is_some()
    }

    /// What to go by when the clock of the day says `said`.
    pub(crate) fn tell(&mut self, now: Monotonic, said: Timestamp) -> Timestamp {
        let (floor, at) = self.floor;
        let expected = floor.plus_ms(now.since_ms(at));
        let ahead_ms = said.since_ms(expected);
        let is_leap = ahead_ms > CLOCK_LEAP_MS && expected.unix_ms() >= EARLIEST;
        if is_leap && self.doubts(now, ahead_ms) {
            return expected;
        }
        // It has lasted, or was corrected.
        self.doubt = None;
        if said > expected {
            self.floor = (said, now);
        }
        said
    }

    fn doubts(&mut self, now: Monotonic, ahead_ms: u64) -> bool {
        let lasts = |doubt: &Doubt| doubt.ahead_ms.abs_diff(ahead_ms) < SAME_LEAP_MS;
        let since = self.doubt.filter(lasts).map_or(now, |doubt| doubt.since);
        self.doubt = Some(Doubt { since, ahead_ms });
        now.since_ms(since) < self.patience_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_MS: u64 = 86_400_000;
    const YEAR_MS: u64 = 365 * DAY_MS;

    fn day(days: u64) -> Timestamp {
        Timestamp::from_unix_ms(EARLIEST).plus_ms(days * DAY_MS)
    }

    fn at(ms: u64) -> Monotonic {
        Monotonic(ms)
    }

    fn belief(known: Timestamp) -> Belief {
        Belief::new(known, at(0), CLOCK_PATIENCE_MS)
    }

    #[test]
    fn a_board_that_was_off_for_weeks_or_has_no_clock_is_believed() {
        for said in [day(50), day(30), Timestamp::default()] {
            assert_eq!(belief(day(30)).tell(at(5), said), said);
        }
        // A start in 1970, and then a time server
        let mut belief = belief(day(30));
        belief.tell(at(5), Timestamp::default());
        assert_eq!(belief.tell(at(20_000), day(37)), day(37));
        // Nothing is known
        let mut fresh = Belief::new(Timestamp::default(), at(0), CLOCK_PATIENCE_MS);
        assert_eq!(fresh.tell(at(1), day(9)), day(9));
    }

    #[test]
    fn a_leap_of_years_is_no_date_of_anything_until_it_has_lasted() {
        let mut belief = belief(day(30));
        let far = day(30).plus_ms(70 * YEAR_MS);
        assert_eq!(belief.tell(at(0), far), day(30));
        assert_eq!(belief.tell(at(90), far.plus_ms(90)), day(30).plus_ms(90));

        // It was an error
        let right = day(31);
        assert_eq!(belief.tell(at(200), right), right);

        // It comes again, and stays
        let start = 1_000;
        assert_eq!(belief.tell(at(start), far), right.plus_ms(800));
        let end = start + CLOCK_PATIENCE_MS;
        let told = belief.tell(at(end), far.plus_ms(CLOCK_PATIENCE_MS));
        assert_eq!(told, far.plus_ms(CLOCK_PATIENCE_MS));
    }

    #[test]
    fn a_clock_that_leaps_on_and_on_is_never_believed() {
        let mut belief = belief(day(30));
        for minute in 0..60 {
            let now = minute * 60_000;
            let said = day(30).plus_ms(minute * YEAR_MS + YEAR_MS);
            assert_eq!(belief.tell(at(now), said), day(30).plus_ms(now));
        }
    }
}
