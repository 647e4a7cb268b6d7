//! The broom for files: rows that have expired, bytes that nobody names, and rows whose bytes are elsewhere.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use async_io::Timer;

use crate::base::ids::FileId;
use crate::base::jid::BareJid;
use crate::base::time::Timestamp;
use crate::base::upload_limits::FILE_EXPIRE_ROWS_MAX;
use crate::base::upload_limits::FILE_ORPHAN_SECONDS;
use crate::base::upload_limits::FILE_PAUSE_MS;
use crate::core::Input;
use crate::model::file::FileHash;
use crate::model::op::Durable;
use crate::model::op::Op;
use crate::model::row::RecordKey;
use crate::model::row::RowName;
use crate::observe;
use crate::observe::event::Event;
use crate::server::files::Files;
use crate::store::StoreError;

/// Between two sweeps.
const SWEEP_MS: u64 = 600_000;

/// Sweeps from time to time, and each time that the boards have met.
#[expect(clippy::infinite_loop, reason = "it ends with the server")]
pub(super) async fn run(files: Rc<Files>) {
    let mut missing = BTreeSet::new();
    let mut was_paired = false;
    let clock = files.node.clock;
    // What was missing before the start is known soon after it.
    let mut next = clock.steady();
    loop {
        Timer::after(Duration::from_millis(FILE_PAUSE_MS)).await;
        let is_paired = files.is_paired();
        if next <= clock.steady() || (is_paired && !was_paired) {
            match sweep(&files, files.node.calendar.for_sweeps()).await {
                Ok(found) => missing = found,
                Err(error) => observe::emit(&Event::StorageFailed { error: &error }),
            }
            next = clock.steady().plus_ms(SWEEP_MS);
        }
        was_paired = is_paired;
        fetch(&files, &mut missing).await;
    }
}

/// One at a time. What could not be asked for is asked for again soon; what the other board lacks as well, after the
/// next sweep.
async fn fetch(files: &Rc<Files>, missing: &mut BTreeSet<FileHash>) {
    let mut again = BTreeSet::new();
    while let Some(pair) = files.paired()
        && let Some(hash) = missing.pop_first()
    {
        if pair.files.want(pair, &hash).await.is_none() {
            again.insert(hash);
        } else if files.holds(hash).await {
            pair.files.note_fetched();
        }
    }
    missing.append(&mut again);
}

/// Looks at all files once; gives those whose bytes are not here.
pub(super) async fn sweep(
    files: &Rc<Files>,
    now: Timestamp,
) -> Result<BTreeSet<FileHash>, StoreError> {
    // The tables alone are looked at.
    files.node.checkpoint().await;
    let mut named = BTreeSet::new();
    let mut after: Option<BareJid> = None;
    loop {
        let store = Arc::clone(&files.node.store);
        let from = after.take();
        let found = smol::unblock(move || store.files(from.as_ref())).await?;
        let mut expired = Vec::new();
        for (owner, id, row) in found.rows {
            if row.expires <= now {
                expired.push((owner, id));
            } else {
                named.insert(row.hash);
            }
        }
        remove_rows(files, &expired);
        match found.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    let named = Arc::new(named);
    let all = Arc::clone(&named);
    let age = Duration::from_secs(FILE_ORPHAN_SECONDS);
    let swept = files.blocking(move |cabinet| {
        let here: BTreeSet<FileHash> = cabinet.list()?.into_iter().collect();
        for orphan in here.difference(&all) {
            cabinet.remove_orphan(orphan, age)?;
        }
        Ok::<_, std::io::Error>(all.difference(&here).copied().collect::<BTreeSet<_>>())
    });
    match swept.await {
        Ok(missing) => {
            if let Some(pair) = &files.pair {
                pair.files.note_missing(missing.len());
            }
            Ok(missing)
        }
        Err(error) => {
            observe::emit(&Event::AdminFailed { error: &error });
            Ok(BTreeSet::new())
        }
    }
}

/// Nobody has to know any more that there were such files: what another branch still has expires there as well.
fn remove_rows(files: &Files, expired: &[(BareJid, FileId)]) {
    for some in expired.chunks(FILE_EXPIRE_ROWS_MAX) {
        let mut ops = Vec::new();
        for (owner, id) in some {
            let record = RecordKey::Account { jid: owner.clone() };
            let name = RowName::File { id: *id };
            ops.push(Op::row(record.clone(), name.clone(), None));
            let names = vec![name];
            let op = Durable::Forget { record, names };
            ops.push(Op::Durable { op });
        }
        files.node.post(Input::Own { ops });
    }
}
