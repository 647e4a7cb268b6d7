//! How fast one client may send: an average, and a burst after a pause.

use crate::base::limits::BURST_SECONDS;
use crate::base::time::Monotonic;

const BURST_US: u64 = BURST_SECONDS * 1_000_000;

/// A leaky bucket in one number: the moment at which all that was sent would have been allowed.
///
/// A connection has one for its bytes and one for its stanzas, a session one for those that it brings about.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Allowance {
    paid_until_us: u64,
}

impl Allowance {
    /// Charges what has been taken.
    pub(crate) fn take(&mut self, count: usize, per_second: u64, now: Monotonic) {
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        let cost_us = count.saturating_mul(1_000_000) / per_second.max(1);
        let from = self.paid_until_us.max(now.0.saturating_mul(1_000));
        self.paid_until_us = from.saturating_add(cost_us);
    }

    /// When more may be taken, if that is not now.
    pub(crate) fn wait_until(self, now: Monotonic) -> Option<Monotonic> {
        let at = Monotonic(self.paid_until_us.saturating_sub(BURST_US).div_ceil(1_000));
        (at > now).then_some(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_free_and_then_the_average_counts() {
        let mut allowance = Allowance::default();
        let start = Monotonic(1_000);
        allowance.take(10_000, 1_000, start);
        assert_eq!(allowance.wait_until(start), None);

        allowance.take(2_000, 1_000, start);
        assert_eq!(allowance.wait_until(start), Some(Monotonic(3_000)));
        assert_eq!(allowance.wait_until(Monotonic(3_000)), None);
    }

    #[test]
    fn a_pause_does_not_add_up_beyond_the_burst() {
        let mut allowance = Allowance::default();
        let later = Monotonic(1_000_000);
        allowance.take(11_000, 1_000, later);
        assert_eq!(allowance.wait_until(later), Some(Monotonic(1_001_000)));
    }

    /// Ten seconds' worth at once, and from then on one each time that it is let in: in one minute 70
    /// seconds' worth, whatever the client tries.
    #[test]
    fn one_at_a_time_comes_to_the_average() {
        let mut allowance = Allowance::default();
        let (mut taken, mut now) = (0, Monotonic(5_000));
        while now.since_ms(Monotonic(5_000)) < 60_000 {
            if let Some(later) = allowance.wait_until(now) {
                now = later;
                continue;
            }
            allowance.take(1, 20, now);
            taken += 1;
        }
        assert!((1_400..=1_402).contains(&taken), "{taken}");
    }
}
