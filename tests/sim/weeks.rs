//! Two boards for weeks, as people use them.

use crate::PLAN;
use crate::run_many;
use crate::setting;
use crate::world::Plan;
use crate::world::Trouble;

/// In CI: 20 seconds of one core.
pub(crate) const SEEDS: u64 = 4;
const DAYS: u64 = 7;

#[test]
fn two_boards_for_weeks_hold_the_same() {
    let plan = Plan {
        days: setting("SIM_DAYS").unwrap_or(DAYS),
        duo: Some(Trouble {
            breaks: 600,
            cuts: 900,
            freezes: 1_500,
            ..Trouble::NONE
        }),
        ..PLAN
    };
    run_many("two_boards_for_weeks_hold_the_same", &plan);
}
