//! From `--config` and `--set` to settings, with every mistake told at once.

use std::path::Path;
use std::path::PathBuf;

use crate::cli::Failure;
use crate::cli::arguments::Assignment;
use crate::cli::output;
use crate::config::DEFAULT_FILE;
use crate::config::file::Raw;
use crate::config::settings::Settings;
use crate::net::address::Address;

/// From the usual port of clients to the usual port of BOSH (XEP-0124).
const DEV_HTTP_PORTS_ON: u16 = 5280 - 5222;

/// What `meerkat dev` sets before `--set` has its say.
pub(super) const DEV: [(&str, &str); 6] = [
    ("domain", "localhost"),
    ("listen.c2s", "[\"127.0.0.1:5222\"]"),
    ("listen.c2s_tls", "[]"),
    ("c2s.require_tls", "false"),
    // Who tries something out sends as fast as it can, and tests wrong passwords over and over.
    ("limits.stanzas_per_second", "10000"),
    ("limits.login_failures", "1000"),
];

pub(super) fn read(config: Option<&Path>, set: &[Assignment]) -> Result<Settings, Failure> {
    reread(config, set).map_err(|_| Failure::Told)
}

/// Tells every mistake; or how many there were.
pub(super) fn reread(config: Option<&Path>, set: &[Assignment]) -> Result<Settings, usize> {
    let mut raw = Raw::default();
    if let Some(file) = file(config) {
        raw.read_file(&file);
    }
    finish(raw, set)
}

pub(super) fn read_dev(set: &[Assignment]) -> Result<Settings, Failure> {
    reread_dev(set).map_err(|_| Failure::Told)
}

pub(super) fn reread_dev(set: &[Assignment]) -> Result<Settings, usize> {
    let mut raw = Raw::default();
    for (key, value) in DEV {
        raw.set_by_command(key, value);
    }
    let mut settings = finish(raw, set)?;
    if set.iter().all(|one| one.key != "listen.http") {
        settings.listen.http = settings.listen.c2s.iter().map(beside).take(1).collect();
    }
    Ok(settings)
}

/// Where browsers are served beside 127.0.0.1:5222: at 127.0.0.1:5280.
fn beside(c2s: &Address) -> Address {
    c2s.with_port(match c2s.port() {
        0 => 0,
        port => port.checked_add(DEV_HTTP_PORTS_ON).unwrap_or(0),
    })
}

/// The file that is read: the one that is named, otherwise the usual one if it is there.
pub(super) fn file(config: Option<&Path>) -> Option<PathBuf> {
    let usual = || Some(PathBuf::from(DEFAULT_FILE)).filter(|path| path.exists());
    config.map(Path::to_owned).or_else(usual)
}

fn finish(mut raw: Raw, set: &[Assignment]) -> Result<Settings, usize> {
    for Assignment { key, value } in set {
        raw.set(key, value);
    }
    raw.check().map_err(|faults| {
        let count = faults.len();
        for fault in faults {
            output::warn(fault);
        }
        count
    })
}
