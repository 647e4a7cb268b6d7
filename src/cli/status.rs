//! `meerkat status`: how the server is doing.

use miniserde::json;

use crate::cli::Failure;
use crate::cli::arguments::Status as Arguments;
use crate::cli::output;
use crate::cli::settings;
use crate::cli::socket;
use crate::server::admin::Reply;
use crate::server::admin::Request;
use crate::server::admin::Status;

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let settings = settings::read(arguments.config.as_deref(), &arguments.set)?;
    socket::ask(&settings, Request::Status, &mut |reply| match reply {
        Reply::Status(status) if arguments.json => output::tell(json::to_string(&status)),
        Reply::Status(status) => {
            for (what, value) in lines(&status) {
                output::tell(format_args!("{what:<14}{value}"));
            }
        }
        _ => {}
    })
}

fn lines(status: &Status) -> [(&'static str, String); 10] {
    [
        (
            "server",
            format!("meerkat {} for {}", status.version, status.domain),
        ),
        ("state", status.text.clone()),
        ("up", duration(status.uptime_seconds)),
        (
            "connections",
            format!(
                "{} with {} sessions, {} sessions waiting to be resumed",
                status.connections, status.sessions, status.sessions_waiting
            ),
        ),
        (
            "accounts",
            format!("{}, rooms {}", status.accounts, status.rooms),
        ),
        (
            "log",
            format!(
                "{} entries, {} since the checkpoint",
                status.log_entries, status.log_entries_since_checkpoint
            ),
        ),
        ("reports", format!("{} of abuse", status.reports)),
        ("disk", output::size(status.disk_bytes)),
        ("memory", output::size(status.resident_bytes)),
        (
            "certificate",
            format!(
                "until {}, SHA-256 {}",
                status.certificate_expires, status.certificate_fingerprint
            ),
        ),
    ]
}

fn duration(seconds: u64) -> String {
    let (days, hours) = (seconds / 86_400, seconds / 3_600 % 24);
    let (minutes, seconds) = (seconds / 60 % 60, seconds % 60);
    format!("{days} d {hours:02}:{minutes:02}:{seconds:02}")
}
