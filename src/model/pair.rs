//! How a pair is doing, as its link sees it: what `meerkat pair status` shows.

use crate::base::time::Timestamp;

/// The state of a board that may have another one.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum PairState {
    /// There is no other board.
    #[default]
    Single,
    /// Just started, and not yet sure whether the other board has gone on alone; nobody is served.
    Waiting,
    /// Connected; each board gets what it lacks. In entries.
    CatchingUp { done: u64, total: u64 },
    /// One line for both: what is acknowledged is on two disks.
    Sync { leads: bool },
    /// The other board cannot be reached: what is acknowledged is on this disk only.
    Solo,
}

/// Set by the link whenever something of it changes; read by the operator.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct PairStatus {
    pub(crate) state: PairState,
    /// When the state began.
    pub(crate) since: Timestamp,
    /// Durable entries that the other board is not known to have.
    pub(crate) lag_entries: u64,
    /// Entries acknowledged while they were on one disk only, and not yet on the other.
    pub(crate) solo_entries: u64,
    /// The last time that one board had entries that the other lacked when they met.
    pub(crate) last_heal: Option<Heal>,
    /// Users are served here.
    pub(crate) serves: bool,
    /// This board has joined, and does nothing without the other before it was met.
    pub(crate) is_joiner: bool,
    /// Waiting ends after that, if the other board does not come.
    pub(crate) alone_in_ms: Option<u64>,
    /// Catching up takes about so much longer.
    pub(crate) left_ms: Option<u64>,
    /// The other board's clock against this one's.
    pub(crate) clock_ahead_ms: Option<i64>,
}

/// What two boards had for each other when they met.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Heal {
    pub(crate) at: Timestamp,
    /// Entries that came from the other board, and that went there.
    pub(crate) received: u64,
    pub(crate) sent: u64,
    /// From the first greeting to the epoch of both.
    pub(crate) ms: u64,
}

impl PairState {
    /// The word of the contract with scripts.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Single => "single",
            Self::Waiting => "waiting",
            Self::CatchingUp { .. } => "catching-up",
            Self::Sync { .. } => "sync",
            Self::Solo => "solo",
        }
    }

    /// How much of what one board has is on both.
    pub(crate) fn progress_percent(self) -> u64 {
        match self {
            Self::CatchingUp { done, total } => {
                let percent = done.saturating_mul(100).checked_div(total);
                percent.unwrap_or(0).min(99)
            }
            Self::Sync { .. } | Self::Single => 100,
            Self::Waiting | Self::Solo => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_whole_is_a_hundred_percent() {
        let catching_up = |done, total| PairState::CatchingUp { done, total };
        assert_eq!(catching_up(0, 0).progress_percent(), 0);
        assert_eq!(catching_up(1, 4).progress_percent(), 25);
        assert_eq!(catching_up(4, 4).progress_percent(), 99);
        assert_eq!(PairState::Sync { leads: true }.progress_percent(), 100);
    }
}
