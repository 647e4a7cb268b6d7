//! Where log lines go: standard error, one line each.
//!
//! Under a service manager that keeps a journal the line begins with its priority, `<4>`, and the journal
//! adds the time; otherwise it begins with the time.

use std::io::Write as _;

use log::Level;
use log::LevelFilter;
use log::Log;
use log::Metadata;
use log::Record;

use crate::config::settings::LogLevel;
use crate::net::clock::Clock;

struct Sink {
    is_journal: bool,
}

/// Once, before anything is logged.
pub(crate) fn install(level: LogLevel) {
    let sink = Sink {
        // systemd.exec(5): set if standard error is connected to the journal.
        is_journal: std::env::var_os("JOURNAL_STREAM").is_some(),
    };
    // It fails if there is a sink already, which then stays.
    drop(log::set_logger(Box::leak(Box::new(sink))));
    set_level(level);
}

pub(crate) fn set_level(level: LogLevel) {
    log::set_max_level(match level {
        LogLevel::Error => LevelFilter::Error,
        LogLevel::Warn => LevelFilter::Warn,
        LogLevel::Info => LevelFilter::Info,
        LogLevel::Debug => LevelFilter::Debug,
    });
}

impl Log for Sink {
    /// Libraries have their say only where something is wrong.
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "meerkat" || metadata.level() <= Level::Warn
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let line = render(self.is_journal, record.level(), record.args());
        // Nobody is left to be told if this fails.
        drop(std::io::stderr().lock().write_all(line.as_bytes()));
    }

    fn flush(&self) {}
}

/// Control characters would forge lines: peers choose parts of the text.
fn render(is_journal: bool, level: Level, text: &std::fmt::Arguments<'_>) -> String {
    let (word, priority) = match level {
        Level::Error => ("error", 3),
        Level::Warn => ("warn", 4),
        Level::Info => ("info", 6),
        Level::Debug | Level::Trace => ("debug", 7),
    };
    let head = if is_journal {
        format!("<{priority}>")
    } else {
        format!("{} {word} ", Clock::of_the_day().to_xep0082())
    };
    let text = text.to_string().replace(char::is_control, "?");
    head + &text + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_stays_one_line() {
        let line = render(true, Level::Warn, &format_args!("a\nb\x1b[2J"));
        assert_eq!(line, "<4>a?b?[2J\n");
    }

    #[test]
    fn without_a_journal_the_time_comes_first() {
        let line = render(false, Level::Info, &format_args!("ready"));
        assert!(line.ends_with("Z info ready\n"), "{line}");
    }
}
