//! What durable messages cost the disk when they come slowly: bytes and syncs a message.

use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;

use smol::Timer;
use smol::stream::StreamExt as _;

use crate::bench::Bench;
use crate::bench::Effort;
use crate::bench::Latencies;
use crate::generator::Outcome;
use crate::generator::client::Security;
use crate::generator::process;
use crate::generator::server::Place;
use crate::generator::server::Target;
use crate::generator::unexpected;
use crate::pairs::Manner;
use crate::pairs::Pair;
use crate::report::Report;

const SYNC_CALLS: &str = "trace=fsync,fdatasync,sync_file_range,msync,syncfs";

pub(crate) fn measure(
    bench: &Bench,
    target: &dyn Target,
    place: &Place,
    report: &mut Report,
) -> Outcome<()> {
    let mut server = bench.start(target, place)?;
    let mut pairs = bench.run(Pair::login(
        bench,
        server.ports,
        Security::Plain,
        [(0, 1)].into_iter(),
    ))?;
    let Some(mut pair) = pairs.pop() else {
        return unexpected("no pair");
    };
    let seconds = bench.pick(2, 10, 150);
    for rate in [1, 10, 100] {
        if rate == 1 && bench.effort != Effort::Full {
            continue;
        }
        let before = process::written_bytes(server.pid())?;
        let count = rate * seconds;
        bench.run(pace(&mut pair, rate, count))?;
        let written = process::written_bytes(server.pid())? - before;
        report.lower(
            &format!("disk, {rate} messages a second: written a message"),
            "bytes",
            written as f64 / count as f64,
        );
    }
    if let Some(trace) = Trace::start(server.pid()) {
        let count = 10 * bench.pick(1, 4, 4);
        bench.run(pace(&mut pair, 10, count))?;
        report.lower(
            "disk, 10 messages a second: syncs a message",
            "",
            trace.count()? as f64 / count as f64,
        );
    } else {
        report.note("syncs are not counted: no strace, or it may not attach");
    }
    report.note(
        "bytes written are those the process hands to the file system (write_bytes in proc_pid_io(5)); \
         a page counts again when it changes after a flush. A server that does not flush writes later, in fewer pages.",
    );
    bench.run(pair.finish())?;
    if server.is_running() {
        server.stop()?;
    }
    Ok(())
}

/// Sends messages one by one at an even rate.
async fn pace(pair: &mut Pair, rate: u64, count: u64) -> Outcome<()> {
    let manner = Manner {
        batch: 1,
        archived: true,
    };
    let mut ignored = Latencies::default();
    let mut ticks = Timer::interval(Duration::from_secs(1) / u32::try_from(rate).unwrap_or(1));
    for _ in 0..count {
        ticks.next().await;
        pair.exchange(manner, &mut ignored).await?;
    }
    Ok(())
}

/// Counts the calls that wait for the disk.
struct Trace {
    strace: Child,
}

impl Trace {
    fn start(pid: u32) -> Option<Self> {
        let mut strace = Command::new("strace")
            .args(["-f", "-c", "-e", SYNC_CALLS, "-p"])
            .arg(pid.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .ok()?;
        // It attaches within this time or has already given up.
        std::thread::sleep(Duration::from_millis(500));
        matches!(strace.try_wait(), Ok(None)).then_some(Self { strace })
    }

    fn count(self) -> Outcome<u64> {
        let sent = Command::new("kill")
            .arg("-INT")
            .arg(self.strace.id().to_string())
            .status()?;
        let output = self.strace.wait_with_output()?;
        let text = String::from_utf8_lossy(&output.stderr);
        if !sent.success() {
            return unexpected("strace ended early");
        }
        // Lines of the table: % time, seconds, usecs/call, calls, errors (or nothing), name.
        Ok(text
            .lines()
            .filter(|line| line.contains("sync") && line.contains('.'))
            .filter_map(|line| line.split_whitespace().nth(3)?.parse::<u64>().ok())
            .sum())
    }
}
