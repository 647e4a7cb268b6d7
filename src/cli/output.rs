//! Lines for people and scripts: results on standard output, everything else on standard error.

use std::fmt;
use std::io;
use std::io::IsTerminal as _;
use std::io::Write as _;

/// A result. A reader that has gone away (`| head`) is no failure.
pub(super) fn tell(line: impl fmt::Display) {
    write_line(&mut io::stdout().lock(), &line);
}

/// A complaint or a remark.
pub(super) fn warn(line: impl fmt::Display) {
    write_line(&mut io::stderr().lock(), &line);
}

/// How far something has come; for eyes only.
pub(super) fn progress(what: &str, done: u64, total: u64) {
    let mut stderr = io::stderr().lock();
    if stderr.is_terminal() {
        let percent = done.saturating_mul(100).checked_div(total).unwrap_or(100);
        drop(write!(stderr, "\r{what}: {}%\x1b[K", percent.min(100)));
        drop(stderr.flush());
    }
}

/// How far something has come whose end nobody knows; for eyes only.
pub(super) fn progress_count(what: &str, done: u64, unit: &str) {
    let mut stderr = io::stderr().lock();
    if stderr.is_terminal() {
        drop(write!(stderr, "\r{what}: {done} {unit}\x1b[K"));
        drop(stderr.flush());
    }
}

/// A picture, for eyes only.
pub(super) fn show(picture: &str) {
    let mut stderr = io::stderr().lock();
    if stderr.is_terminal() {
        drop(stderr.write_all(picture.as_bytes()));
    }
}

/// What helps a person, and would be in the way of a script.
pub(super) fn remark(line: impl fmt::Display) {
    if io::stderr().is_terminal() {
        warn(line);
    }
}

/// Leaves the line of [`progress`].
pub(super) fn progress_ends() {
    let mut stderr = io::stderr().lock();
    if stderr.is_terminal() {
        drop(write!(stderr, "\r\x1b[K"));
    }
}

fn write_line(to: &mut dyn io::Write, line: &dyn fmt::Display) {
    drop(writeln!(to, "{line}"));
    drop(to.flush());
}

/// Bytes as people read them, rounded up so that nothing looks like 0.
pub(super) fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    let mut amount = bytes.div_ceil(1024);
    let mut unit = 0;
    while amount >= 10_240 && unit + 1 < UNITS.len() {
        amount = amount.div_ceil(1024);
        unit += 1;
    }
    format!("{amount} {}", UNITS.get(unit).copied().unwrap_or("TiB"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_keep_their_digits() {
        for (bytes, text) in [
            (0, "0 KiB"),
            (1, "1 KiB"),
            (14 << 10, "14 KiB"),
            (6 << 20, "6144 KiB"),
            (512 << 20, "512 MiB"),
            (20 << 30, "20 GiB"),
            (u64::MAX, "16777216 TiB"),
        ] {
            assert_eq!(size(bytes), text);
        }
    }
}
