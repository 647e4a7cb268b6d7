//! `meerkat pair`: two boards become one server, and part again.

use miniserde::json;

use crate::cli::Failure;
use crate::cli::arguments::Pair as Arguments;
use crate::cli::arguments::PairAction;
use crate::cli::keepalived;
use crate::cli::output;
use crate::cli::qr;
use crate::cli::settings;
use crate::cli::socket;
use crate::config::settings::Settings;
use crate::server::admin::Reply;
use crate::server::admin::Request;
use crate::server::pair::PairReport;
use crate::server::pair::file;
use crate::server::pair::invite::InviteLine;
use crate::server::pair::joiner;
use crate::server::pair::offline;

/// Rows between two signs of progress.
const TELL_ROWS: u64 = 10_000;

/// Clocks that differ by less are not worth a word.
const CLOCK_TELL_MS: i64 = 2_000;

pub(super) fn run(arguments: Arguments) -> Result<(), Failure> {
    check_usage(&arguments)?;
    let settings = settings::read(arguments.config.as_deref(), &arguments.set)?;
    let addresses = arguments.address;
    match arguments.action {
        PairAction::Invite => ask_for_line(&settings, &Request::PairInvite { addresses }),
        PairAction::Replace => replace(&settings, addresses),
        PairAction::Join => join(
            &settings,
            &arguments.line.unwrap_or_default(),
            arguments.wipe,
        ),
        PairAction::Status => status(&settings, arguments.json),
        PairAction::Conflicts => conflicts(&settings, arguments.json),
        PairAction::Restore => {
            let id = arguments.line.unwrap_or_default();
            socket::ask(&settings, Request::PairRestore { id }, &mut |_| {})
        }
        PairAction::Leave => leave(&settings),
        PairAction::Health => health(&settings),
        PairAction::Keepalived => {
            let membership = file::read(&settings.data).map_err(Failure::because)?;
            let config = arguments.config.as_deref();
            let boards = (membership.as_ref(), settings.mirror_peer.as_slice());
            let text = keepalived::configuration(&addresses, boards, config)?;
            output::tell(text.trim_end());
            Ok(())
        }
    }
}

fn check_usage(arguments: &Arguments) -> Result<(), Failure> {
    let wrong = |reason: &str| Err(Failure::WrongUsage(reason.to_owned()));
    let action = arguments.action;
    let takes_address = matches!(
        action,
        PairAction::Invite | PairAction::Replace | PairAction::Keepalived
    );
    if action == PairAction::Restore && arguments.line.is_none() {
        return wrong("write pair restore ID, with an id that pair conflicts has printed");
    }
    let takes_line = matches!(action, PairAction::Join | PairAction::Restore);
    if takes_line != arguments.line.is_some() {
        return wrong("write pair join LINE, with the line that pair invite has printed");
    }
    if !arguments.address.is_empty() && !takes_address {
        return wrong("--address goes with pair invite, pair replace and pair keepalived");
    }
    if arguments.wipe && action != PairAction::Join {
        return wrong("--wipe goes with pair join");
    }
    if arguments.json && !matches!(action, PairAction::Status | PairAction::Conflicts) {
        return wrong("--json goes with pair status and pair conflicts");
    }
    Ok(())
}

fn ask_for_line(settings: &Settings, request: &Request) -> Result<(), Failure> {
    let is_running = socket::ask_running(settings, request, &mut |reply| {
        if let Reply::Invite { line } = reply {
            show(line.expose_str().unwrap_or_default());
        }
    })?;
    if is_running {
        return Ok(());
    }
    Err(Failure::Because(
        "the server is not running, and it is the server that is joined; start it with meerkat serve"
            .to_owned(),
    ))
}

/// The line is the result; what is for eyes only goes to a terminal, if there is one.
fn show(line: &str) {
    output::tell(line);
    if let Some(picture) = qr::render(line) {
        output::show(&picture);
    }
    output::remark("good once, for ten minutes; on the other board: meerkat pair join LINE");
}

fn join(settings: &Settings, line: &str, wipe: bool) -> Result<(), Failure> {
    let line = InviteLine::parse(line).map_err(|error| Failure::WrongUsage(error.to_string()))?;
    let mut told = 0;
    let joined = joiner::join(settings, &line, wipe, &mut |rows| {
        if rows - told >= TELL_ROWS {
            told = rows;
            output::progress_count("join", rows, "rows");
        }
    });
    output::progress_ends();
    let joined = joined.map_err(Failure::because)?;
    output::tell(format_args!(
        "joined, {} rows copied; start this board with: meerkat serve",
        joined.rows
    ));
    Ok(())
}

fn replace(settings: &Settings, addresses: Vec<String>) -> Result<(), Failure> {
    let request = Request::PairReplace { addresses };
    ask_for_line(settings, &request)
}

fn leave(settings: &Settings) -> Result<(), Failure> {
    if !socket::ask_running(settings, &Request::PairLeave, &mut |_| {})? {
        offline::leave(settings).map_err(Failure::because)?;
    }
    output::tell("this board is alone; have the other one wiped or kept off");
    Ok(())
}

/// For what watches over services: the exit code says whether users are served here.
fn health(settings: &Settings) -> Result<(), Failure> {
    match report(settings)? {
        report if report.serves => Ok(()),
        report => Err(Failure::Because(format!(
            "not served here: {}",
            report.state
        ))),
    }
}

fn report(settings: &Settings) -> Result<PairReport, Failure> {
    let mut report = None;
    let is_running = socket::ask_running(settings, &Request::PairStatus, &mut |reply| {
        if let Reply::Pair(found) = reply {
            report = Some(found);
        }
    })?;
    match report {
        Some(report) => Ok(report),
        None if is_running => Err(Failure::because("the server did not say")),
        None => offline::report(settings).map_err(Failure::because),
    }
}

/// What was lost when the boards met.
fn conflicts(settings: &Settings, json: bool) -> Result<(), Failure> {
    socket::ask(settings, Request::PairConflicts, &mut |reply| {
        let Reply::Conflict(one) = reply else { return };
        if json {
            return output::tell(json::to_string(&one));
        }
        let kept = if one.kept.is_empty() {
            "nothing"
        } else {
            &one.kept
        };
        output::tell(format_args!(
            "{}  {}  board {}  {}, {}: {} (now: {kept})",
            one.id, one.written, one.node, one.of, one.what, one.lost
        ));
    })
}

fn status(settings: &Settings, json: bool) -> Result<(), Failure> {
    let report = report(settings)?;
    if json {
        output::tell(json::to_string(&report));
        return Ok(());
    }
    for (what, value) in lines(&report) {
        output::tell(format_args!("{what:<14}{value}"));
    }
    Ok(())
}

fn lines(report: &PairReport) -> Vec<(&'static str, String)> {
    let mut lines = vec![("state", report.text.clone())];
    if report.pair.is_empty() {
        lines.push(("pair", "none".to_owned()));
        return lines;
    }
    if report.stage == "copying" {
        lines.push(("copy", "is not whole; join again".to_owned()));
        return lines;
    }
    let (pair, generation, node) = (&report.pair, report.generation, report.node);
    let name = format!("{pair}, generation {generation}, this is board {node}");
    lines.push(("pair", name));
    let peer = match (report.peer.as_str(), report.has_joined) {
        ("", _) => "none yet".to_owned(),
        (key, true) => format!("{key} at {}", report.peer_addresses.join(", ")),
        (key, false) => format!("{key}, has no whole copy yet"),
    };
    lines.push(("other board", peer));
    if report.state != "stopped" && !report.peer.is_empty() {
        lines.extend(standing(report));
    }
    lines
}

/// How the two stand to each other.
fn standing(report: &PairReport) -> Vec<(&'static str, String)> {
    let lag = format!(
        "{} entries that the other board is not known to have",
        report.lag_entries
    );
    let solo = format!("{} entries on one disk only", report.solo_entries);
    let heal = match report.last_heal.as_str() {
        "" => "none since the start".to_owned(),
        at => format!(
            "{at}: {} entries came from the other board, {} went there, in {} ms",
            report.last_heal_received_entries, report.last_heal_sent_entries, report.last_heal_ms
        ),
    };
    let mut lines = vec![("lag", lag), ("acknowledged", solo), ("last heal", heal)];
    if !report.trouble.is_empty() {
        let trouble = format!("the last one is over: {}", report.trouble);
        lines.push(("connection", trouble));
    }
    if report.clock_ahead_ms.abs() >= CLOCK_TELL_MS {
        let (ms, which) = (report.clock_ahead_ms.abs(), report.clock_ahead_ms > 0);
        let which = if which { "ahead of" } else { "behind" };
        let seconds = ms / 1_000;
        lines.push((
            "clocks",
            format!("the other board's is {seconds} s {which} this one's; set both by NTP"),
        ));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> PairReport {
        PairReport {
            state: "solo".to_owned(),
            since: "2026-11-22T10:00:00.000Z".to_owned(),
            text: "SOLO since 2026-11-22T10:00:00.000Z: ..".to_owned(),
            last_heal: "2026-11-22T09:00:00.000Z".to_owned(),
            last_heal_received_entries: 2,
            last_heal_sent_entries: 40,
            last_heal_ms: 310,
            trouble: "the other board said nothing for 3000 ms".to_owned(),
            clock_ahead_ms: -70_000,
            lag_entries: 7,
            solo_entries: 5,
            pair: "0f".to_owned(),
            generation: 2,
            peer: "KEY".to_owned(),
            peer_addresses: vec!["192.0.2.1:5270".to_owned()],
            has_joined: true,
            ..<PairReport as Default>::default()
        }
    }

    fn shown(report: &PairReport) -> String {
        let lines = lines(report).into_iter();
        let lines: Vec<String> = lines
            .map(|(what, value)| format!("{what}: {value}"))
            .collect();
        lines.join("\n")
    }

    #[test]
    fn a_board_that_is_alone_in_its_pair_says_what_is_on_one_disk_only() {
        expect_test::expect![[r"
            state: SOLO since 2026-11-22T10:00:00.000Z: ..
            pair: 0f, generation 2, this is board 0
            other board: KEY at 192.0.2.1:5270
            lag: 7 entries that the other board is not known to have
            acknowledged: 5 entries on one disk only
            last heal: 2026-11-22T09:00:00.000Z: 2 entries came from the other board, 40 went there, in 310 ms
            connection: the last one is over: the other board said nothing for 3000 ms
            clocks: the other board's is 70 s behind this one's; set both by NTP"]]
        .assert_eq(&shown(&report()));
    }

    #[test]
    fn a_board_without_pair_says_so() {
        let report = PairReport {
            state: "stopped".to_owned(),
            text: "STOPPED: no server runs here".to_owned(),
            ..<PairReport as Default>::default()
        };
        assert_eq!(
            shown(&report),
            "state: STOPPED: no server runs here\npair: none"
        );
    }

    #[test]
    fn scripts_find_the_names_that_they_were_promised() {
        let text = json::to_string(&report());
        for name in [
            "state",
            "since",
            "peer",
            "lag_entries",
            "solo_entries",
            "progress",
            "left_seconds",
            "last_heal",
            "text",
        ] {
            assert!(text.contains(&format!("\"{name}\":")), "{name}: {text}");
        }
    }
}
