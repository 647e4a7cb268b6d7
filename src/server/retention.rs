//! The broom: from time to time, what archives have too much of is numbered away.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use async_io::Timer;

use crate::base::ids::Incarnation;
use crate::base::time::Timestamp;
use crate::config::settings::Settings;
use crate::core::Input;
use crate::model::op::Op;
use crate::observe;
use crate::observe::event::Event;
use crate::server::hub::Node;
use crate::store::RetentionLimits;
use crate::store::retention::Retention;

/// Between two sweeps of all archives, and before the first.
const SWEEP_EVERY: Duration = Duration::from_mins(10);

/// Between two steps of a sweep, so that it never keeps the disk to itself.
const STEP_PAUSE: Duration = Duration::from_millis(200);

/// The bounds that the settings name; 0 means none.
pub(super) fn limits(settings: &Settings) -> RetentionLimits {
    let age = |duration: Duration| {
        let ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        (ms > 0).then_some(ms)
    };
    let bytes = |bytes: u64| (bytes > 0).then_some(bytes);
    let retention = |bytes_max: u64| Retention {
        age_ms_max: age(settings.retention.archive),
        bytes_max: bytes(bytes_max),
    };
    RetentionLimits {
        account: retention(settings.quota.account_bytes),
        room: retention(settings.quota.room_bytes),
        total_bytes_max: bytes(settings.retention.archive_bytes),
        untaken_ms_max: age(settings.retention.offline),
        upto_max: None,
    }
}

/// Sweeps for ever, each time by the limits that hold then. A step that fails is told and tried again with
/// the next sweep.
#[expect(clippy::infinite_loop, reason = "it ends with the server")]
pub(super) async fn run(node: Rc<Node>, limits: Rc<Cell<RetentionLimits>>) {
    loop {
        Timer::after(SWEEP_EVERY).await;
        sweep(&node, &limits.get(), node.calendar.for_sweeps()).await;
    }
}

/// Looks at all archives once.
pub(super) async fn sweep(node: &Rc<Node>, limits: &RetentionLimits, now: Timestamp) {
    let mut from = Some(Incarnation(0));
    while let Some(here) = from {
        from = step(node, limits, now, here).await;
        if from.is_some() {
            Timer::after(STEP_PAUSE).await;
        }
    }
}

/// One bounded look; what it finds is one entry. Says where the next begins.
async fn step(
    node: &Rc<Node>,
    limits: &RetentionLimits,
    now: Timestamp,
    from: Incarnation,
) -> Option<Incarnation> {
    let (store, limits) = (Arc::clone(&node.store), *limits);
    let found = smol::unblock(move || {
        let upto_max = store.known_to_both();
        store.find_expired(&RetentionLimits { upto_max, ..limits }, now, from)
    })
    .await;
    match found {
        Ok(expired) => {
            if !expired.ops.is_empty() {
                let ops = expired
                    .ops
                    .into_iter()
                    .map(|op| Op::Durable { op })
                    .collect();
                node.post(Input::Own { ops });
            }
            expired.next
        }
        Err(error) => {
            observe::emit(&Event::StorageFailed { error: &error });
            None
        }
    }
}
