//! How fast one client may send: an average, and a burst after a pause.

use crate::base::limits::BURST_SECONDS;
use crate::base::time::Monotonic;

const BURST_US: u64 = BURST_SECONDS * 1_000_000;

/// A leaky bucket in one number: the moment at which all that was sent would have been allowed.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Allowance {
    paid_until_us: u64,
}

impl Allowance {
    /// Charges what has been read.
    pub(crate) fn take(&mut self, bytes: usize, bytes_per_second: u64, now: Monotonic) {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let cost_us = bytes.saturating_mul(1_000_000) / bytes_per_second.max(1);
        let from = self.paid_until_us.max(now.0.saturating_mul(1_000));
        self.paid_until_us = from.saturating_add(cost_us);
    }

    /// When more may be read, if that is not now.
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
}
