//! The only place that reads clocks.

use std::time::Instant;
use std::time::SystemTime;
use std::time::UNIX_EPOCH;

use crate::base::time::Monotonic;
use crate::base::time::Timestamp;

/// The two clocks of the machine. A copy counts from the same start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    start: Instant,
}

impl Clock {
    #[expect(clippy::disallowed_methods, reason = "this is the place")]
    pub(crate) fn start() -> Self {
        Self {
            start: Instant::now(),
        }
    }

    /// Steady, for timers.
    #[expect(clippy::disallowed_methods, reason = "this is the place")]
    pub(crate) fn steady(self) -> Monotonic {
        let elapsed = self.start.elapsed().as_millis();
        Monotonic(u64::try_from(elapsed).unwrap_or(u64::MAX))
    }

    /// Of the day; before 1970 it is 1970.
    #[expect(clippy::disallowed_methods, reason = "this is the place")]
    pub(crate) fn of_the_day() -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let ms = since.map_or(0, |since| since.as_millis());
        Timestamp::from_unix_ms(u64::try_from(ms).unwrap_or(u64::MAX))
    }

    /// When `moment` comes, as timers of the system want it.
    pub(crate) fn instant(self, moment: Monotonic) -> Instant {
        self.start + std::time::Duration::from_millis(moment.0)
    }
}
