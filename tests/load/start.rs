//! From the start of the process to its first answer on a connection, after a SIGKILL each time.

use std::time::Duration;

use crate::bench::Bench;
use crate::generator::Outcome;
use crate::generator::process;
use crate::generator::server::Place;
use crate::generator::server::Target;
use crate::pairs;
use crate::report::Report;

const STARTS: usize = 5;

pub(crate) fn empty(
    bench: &Bench,
    target: &dyn Target,
    place: &Place,
    report: &mut Report,
) -> Outcome<()> {
    // The first start writes what later ones find.
    drop(bench.start(target, place)?);
    let (start, resident_kib) = median_start(bench, target, place)?;
    report.lower("start, no messages", "ms", start.as_secs_f64() * 1e3);
    report.lower("resident at start", "MiB", resident_kib as f64 / 1_024.0);
    Ok(())
}

pub(crate) fn filled(
    bench: &Bench,
    target: &dyn Target,
    place: &Place,
    report: &mut Report,
) -> Outcome<()> {
    let messages = bench.pick(2_000, 20_000, 1_000_000);
    let mut server = bench.start(target, place)?;
    pairs::fill(bench, server.ports, messages)?;
    server.kill()?;
    let after_kill = bench.start(target, place)?.start;
    report.lower(
        &format!("first start after SIGKILL, {messages} messages"),
        "ms",
        after_kill.as_secs_f64() * 1e3,
    );
    let (start, _) = median_start(bench, target, place)?;
    report.lower(
        &format!("start, {messages} messages archived"),
        "ms",
        start.as_secs_f64() * 1e3,
    );
    Ok(())
}

fn median_start(bench: &Bench, target: &dyn Target, place: &Place) -> Outcome<(Duration, u64)> {
    let mut starts = Vec::new();
    let mut resident_kib = 0;
    for _ in 0..STARTS {
        let mut server = bench.start(target, place)?;
        starts.push(server.start);
        resident_kib = process::memory(server.pid())?.resident_kib;
        server.kill()?;
    }
    starts.sort_unstable();
    Ok((starts[STARTS / 2], resident_kib))
}
