//! What the kernel knows of a server: processor time, memory, bytes written. Linux only.

use std::fs;
use std::io;
use std::process::Command;
use std::time::Duration;

/// Kernel ticks a second in `/proc/PID/stat` (`getconf CLK_TCK`, 100 on every Linux in use).
const TICK_MILLISECONDS: u64 = 10;

/// Processor time of all threads since the process began.
pub(crate) fn processor_time(pid: u32) -> io::Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name in parentheses may contain anything; the fields behind it are plain.
    let fields: Vec<u64> = stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .map(|field| field.parse().unwrap_or(0))
        .collect();
    // utime and stime are fields 14 and 15 of proc(5); the first one behind the name is field 3.
    let ticks = fields.get(11).unwrap_or(&0) + fields.get(12).unwrap_or(&0);
    Ok(Duration::from_millis(ticks * TICK_MILLISECONDS))
}

/// Proportional and resident memory in KiB.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Memory {
    pub(crate) proportional_kib: u64,
    pub(crate) resident_kib: u64,
}

pub(crate) fn memory(pid: u32) -> io::Result<Memory> {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    Ok(Memory {
        proportional_kib: field(&rollup, "Pss:"),
        resident_kib: field(&rollup, "Rss:"),
    })
}

/// Bytes that the process made the page cache owe to the disk.
///
/// A page that is changed again after it was flushed counts again, so this is what the file system
/// hands to the device, without the file system's own journal.
pub(crate) fn written_bytes(pid: u32) -> io::Result<u64> {
    let counters = fs::read_to_string(format!("/proc/{pid}/io"))?;
    Ok(field(&counters, "write_bytes:"))
}

fn field(text: &str, name: &str) -> u64 {
    text.lines()
        .find_map(|line| line.strip_prefix(name))
        .and_then(|rest| rest.split_whitespace().next())
        .and_then(|number| number.parse().ok())
        .unwrap_or(0)
}

/// Pins this process and the threads that it will start to one core; false where that is impossible.
pub(crate) fn pin_myself(core: usize) -> bool {
    Command::new("taskset")
        .args(["-a", "-p", "-c"])
        .arg(core.to_string())
        .arg(std::process::id().to_string())
        .output()
        .is_ok_and(|output| output.status.success())
}

/// A command that runs on one core, or as it is without a core.
pub(crate) fn pinned(program: impl AsRef<std::ffi::OsStr>, core: Option<usize>) -> Command {
    let Some(core) = core else {
        return Command::new(program);
    };
    let mut command = Command::new("taskset");
    command.arg("-c").arg(core.to_string()).arg(program);
    command
}

/// Asks a process to end in order; `std` knows only the other way.
pub(crate) fn terminate(pid: u32) {
    let sent = Command::new("kill")
        .arg("-TERM")
        .arg(pid.to_string())
        .output();
    drop(sent);
}

/// Processor, kernel and file system, in one line each.
pub(crate) fn machine(folder: &std::path::Path) -> Vec<String> {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let cpuinfo = read("/proc/cpuinfo");
    let model = cpuinfo
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or("unknown", |(_, model)| model);
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let memory = field(&read("/proc/meminfo"), "MemTotal:") / 1_024;
    let kernel = read("/proc/sys/kernel/osrelease");
    let disk = Command::new("df")
        .args(["--output=source,fstype"])
        .arg(folder)
        .output()
        .ok()
        .and_then(|output| String::from_utf8(output.stdout).ok())
        .and_then(|text| text.lines().nth(1).map(str::to_owned))
        .unwrap_or_default();
    vec![
        format!("{model}, {cores} cores, {memory} MiB"),
        format!(
            "Linux {}, {}",
            kernel.trim(),
            disk.split_whitespace().collect::<Vec<_>>().join(" ")
        ),
    ]
}
