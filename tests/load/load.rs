//! `cargo bench`: what a login, a message, a delivery, a page and an idle session cost the server.
//!
//! The server runs on one core, the clients on another. Every message carries its number, and a message
//! that is lost, repeated or out of order fails the run; a slow server does not. A peer and a bare relay
//! that only copies bytes are measured in the same run, because figures of another hour or another
//! machine prove nothing.
//!
//! ```text
//! cargo bench --bench load -- [--quick | --full] [--only NAME]... [--peer prosody|sqlite|dev|none] [--without-meerkat]
//! ```
//! The names: `start login pairs room crowd pep archive files search idle disk mirror`. `--quick` is for a first look (its figures are
//! rough), `--full` archives a million messages before the start time is taken and writes slowly enough
//! for checkpoints to show.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_precision_loss,
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "a measuring program: it reads the clock, prints, and may end by panicking"
)]

#[path = "../generator/mod.rs"]
mod generator;

mod archive;
mod bench;
mod disk;
mod files;
mod idle;
mod login;
mod mirror;
mod pairs;
mod pep;
mod relay;
mod report;
mod room;
mod search;
mod start;

use std::path::Path;
use std::path::PathBuf;
use std::process::ExitCode;

use bench::Bench;
use bench::Effort;
use generator::Outcome;
use generator::process;
use generator::server::Meerkat;
use generator::server::MeerkatInMemory;
use generator::server::PeerStore;
use generator::server::Place;
use generator::server::Prosody;
use generator::server::Target;
use generator::unexpected;
use report::Report;

const USAGE: &str = "usage: load [--quick | --full] [--only NAME]... \
                     [--peer prosody|sqlite|dev|none] [--without-meerkat]";

/// What Meerkat is compared with.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Peer {
    Prosody(PeerStore),
    /// Meerkat itself, in memory.
    Dev,
    None,
}

struct Choice {
    effort: Effort,
    only: Vec<String>,
    peer: Peer,
    meerkat: bool,
}

impl Choice {
    fn parse(arguments: &[String]) -> Option<Self> {
        let mut choice = Self {
            effort: Effort::Normal,
            only: Vec::new(),
            peer: Peer::Prosody(PeerStore::Files),
            meerkat: true,
        };
        let mut words = arguments.iter().map(String::as_str);
        while let Some(word) = words.next() {
            match word {
                "--quick" => choice.effort = Effort::Quick,
                "--full" => choice.effort = Effort::Full,
                "--only" => choice.only.push(words.next()?.to_owned()),
                "--peer" => {
                    choice.peer = match words.next()? {
                        "prosody" => Peer::Prosody(PeerStore::Files),
                        "sqlite" => Peer::Prosody(PeerStore::Sqlite),
                        "dev" => Peer::Dev,
                        "none" => Peer::None,
                        _ => return None,
                    }
                }
                "--without-meerkat" => choice.meerkat = false,
                // What cargo itself adds.
                "--bench" => {}
                _ => return None,
            }
        }
        Some(choice)
    }

    fn wants(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == name)
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments
        .first()
        .is_some_and(|word| word == relay::ARGUMENT)
    {
        return relay::main(&arguments[1..]);
    }
    let Some(choice) = Choice::parse(&arguments) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    match run(&choice) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(choice: &Choice) -> Outcome<()> {
    let folder = tempfile::Builder::new()
        .prefix("load-")
        .tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let machine = process::machine(folder.path());
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let pinned = cores > 1 && process::pin_myself(0);
    let bench = Bench::new(choice.effort, pinned.then_some(1));

    let mut report = Report::default();
    for target in targets(choice) {
        let place_folder = folder.path().join(target.name());
        measure(&bench, choice, target.as_ref(), &place_folder, &mut report)?;
    }
    if choice.wants("pairs") {
        relay::measure(&bench, &mut report)?;
    }
    println!("{}", report.text(&machine, pinned));
    Ok(())
}

fn targets(choice: &Choice) -> Vec<Box<dyn Target>> {
    let binary = PathBuf::from(env!("CARGO_BIN_EXE_meerkat"));
    let mut targets: Vec<Box<dyn Target>> = Vec::new();
    if choice.meerkat {
        targets.push(Box::new(Meerkat {
            binary: binary.clone(),
            settings: &[],
        }));
    }
    match choice.peer {
        Peer::Prosody(store) => {
            let peer = Prosody { store };
            if peer.is_installed() {
                targets.push(Box::new(peer));
            } else {
                eprintln!("{} is not installed: no comparison", peer.name());
            }
        }
        Peer::Dev => targets.push(Box::new(MeerkatInMemory { binary })),
        Peer::None => {}
    }
    targets
}

type Scenario = fn(&Bench, &dyn Target, &Place, &mut Report) -> Outcome<()>;

/// All chosen scenarios against one server, in one folder, from an empty store on.
fn measure(
    bench: &Bench,
    choice: &Choice,
    target: &dyn Target,
    folder: &Path,
    report: &mut Report,
) -> Outcome<()> {
    let place = Place::new(folder)?;
    target.prepare(&place, &bench::users())?;
    report.column(target.name(), &target.version());
    let scenarios: [(&str, Scenario); 13] = [
        ("start", start::empty),
        ("login", login::measure),
        ("pairs", pairs::measure),
        ("room", room::hundred),
        ("crowd", room::thousand),
        ("pep", pep::measure),
        ("archive", archive::measure),
        ("files", files::measure),
        ("search", search::measure),
        ("idle", idle::measure),
        ("disk", disk::measure),
        ("mirror", mirror::measure),
        ("start", start::filled),
    ];
    for (name, scenario) in scenarios {
        if choice.wants(name) {
            eprintln!("{}: {name}", target.name());
            if let Err(failure) = scenario(bench, target, &place, report) {
                return unexpected(format!("{}, {name}: {failure}", target.name()));
            }
        }
    }
    Ok(())
}
