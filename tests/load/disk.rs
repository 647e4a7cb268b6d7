//! What durable messages cost the disk when they come slowly: bytes and syncs a message.
//!
//! The counters of the kernel do not tell (a changed block in a large folio counts as the whole folio), so
//! every call that writes to a file is looked at with strace, and each is taken for the blocks it touches.

use std::fs;
use std::path::Path;
use std::path::PathBuf;
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

const SYNCS: [&str; 5] = ["fsync", "fdatasync", "sync_file_range", "msync", "syncfs"];
const WRITES: [&str; 5] = ["write", "pwrite64", "writev", "pwritev", "pwritev2"];
/// What a disk is written in at least.
const BLOCK_BYTES: u64 = 4_096;
/// Longest wait for a server that prepares its files after the start.
const REST_SECONDS_MAX: usize = 20;

pub(crate) fn measure(
    bench: &Bench,
    target: &dyn Target,
    place: &Place,
    report: &mut Report,
) -> Outcome<()> {
    let mut server = bench.start(target, place)?;
    let members = [(0, 1)].into_iter();
    let mut pairs = bench.run(Pair::login(bench, server.ports, Security::Plain, members))?;
    let Some(mut pair) = pairs.pop() else {
        return unexpected("no pair");
    };
    // Opens what is opened at the first message.
    bench.run(pace(&mut pair, 10, 5))?;
    rest(server.pid())?;
    let seconds = bench.pick(2, 10, 150);
    for rate in [1, 10, 100] {
        if rate == 1 && bench.effort != Effort::Full {
            continue;
        }
        let Some(trace) = Trace::start(server.pid(), &place.folder) else {
            report.note("no strace, or it may not attach: what is written is not counted");
            break;
        };
        let count = rate * seconds;
        bench.run(pace(&mut pair, rate, count))?;
        let written = trace.read()?;
        report.lower(
            &format!("disk, {rate} messages a second: written a message"),
            "bytes",
            written.bytes as f64 / count as f64,
        );
        report.lower(
            &format!("disk, {rate} messages a second: syncs a message"),
            "",
            written.syncs as f64 / count as f64,
        );
    }
    report.note(
        "Bytes written are whole blocks of 4 KiB, counted at each call. What a server does not sync reaches the \
         disk later, perhaps in fewer blocks, and is lost when the power fails before.",
    );
    bench.run(pair.finish())?;
    server.stop()
}

/// Waits until the server has prepared its files and writes no more.
pub(crate) fn rest(pid: u32) -> Outcome<()> {
    let mut written = 0;
    for _ in 0..REST_SECONDS_MAX {
        let before = written;
        std::thread::sleep(Duration::from_secs(1));
        written = process::written_bytes(pid)?;
        if written == before {
            break;
        }
    }
    Ok(())
}

/// Sends messages one by one at an even rate.
pub(crate) async fn pace(pair: &mut Pair, rate: u64, count: u64) -> Outcome<()> {
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

#[derive(Debug, Default)]
pub(crate) struct Written {
    pub(crate) bytes: u64,
    pub(crate) syncs: u64,
}

/// Looks over the shoulder of a server that writes files.
pub(crate) struct Trace {
    strace: Child,
    output: PathBuf,
    folder: String,
}

impl Trace {
    pub(crate) fn start(pid: u32, folder: &Path) -> Option<Self> {
        let output = folder.join("strace");
        let calls = format!("trace={},{}", SYNCS.join(","), WRITES.join(","));
        let mut strace = Command::new("strace")
            .args(["-f", "-y", "-s", "0", "-e", &calls, "-o"])
            .arg(&output)
            .arg("-p")
            .arg(pid.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        // It attaches within this time or has already given up.
        std::thread::sleep(Duration::from_millis(500));
        matches!(strace.try_wait(), Ok(None)).then(|| Self {
            strace,
            output,
            folder: folder.display().to_string(),
        })
    }

    pub(crate) fn read(mut self) -> Outcome<Written> {
        let interrupted = Command::new("kill")
            .arg("-INT")
            .arg(self.strace.id().to_string())
            .status()?;
        self.strace.wait()?;
        if !interrupted.success() {
            return unexpected("strace ended early");
        }
        let text = fs::read_to_string(&self.output)?;
        let mut written = Written::default();
        for (call, arguments) in text.lines().filter_map(|line| line.split_once('(')) {
            // `PID call(3</file/name>, ""..., 4096, 0) = 4096`, or `.. <unfinished ...>` in place of the end.
            let call = call.split_whitespace().next_back().unwrap_or_default();
            if SYNCS.contains(&call) {
                written.syncs += 1;
            } else if WRITES.contains(&call) && is_file_below(arguments, &self.folder) {
                written.bytes += bytes_touched(call, arguments);
            }
        }
        Ok(written)
    }
}

fn is_file_below(arguments: &str, folder: &str) -> bool {
    let file = arguments.split_once('<').map(|(_, rest)| rest);
    file.is_some_and(|file| file.starts_with(folder))
}

/// The blocks of one call, in bytes.
fn bytes_touched(call: &str, arguments: &str) -> u64 {
    let numbers: Vec<u64> = arguments
        .split([',', ')', ' ', '}', ']'])
        .filter_map(|word| word.trim_start_matches("iov_len=").parse().ok())
        .collect();
    let (length, offset) = match call {
        "write" => (numbers.first().copied().unwrap_or(0), 0),
        "pwrite64" => (
            numbers.first().copied().unwrap_or(0),
            numbers.get(1).copied().unwrap_or(0),
        ),
        // Lengths, their number, and an offset where there is one.
        _ => (
            arguments
                .split("iov_len=")
                .skip(1)
                .filter_map(|rest| rest.split('}').next()?.parse::<u64>().ok())
                .sum(),
            0,
        ),
    };
    let first = offset / BLOCK_BYTES;
    let last = (offset + length).div_ceil(BLOCK_BYTES);
    (last - first) * BLOCK_BYTES
}
