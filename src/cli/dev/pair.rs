//! `meerkat dev --pair`: two boards on one machine that are one server, with a cable between them to cut and
//! to heal by hand.
//!
//! The boards are processes of this program, made a pair by the commands that a person would type.

use std::fs;
use std::io;
use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;
use std::process;
use std::rc::Rc;

use async_signal::Signal;
use async_signal::Signals;
use futures_lite::AsyncBufReadExt as _;
use futures_lite::StreamExt as _;
use futures_lite::future;
use futures_lite::io::BufReader;
use smol::LocalExecutor;
use smol::Unblock;

use crate::cli::Failure;
use crate::cli::arguments::Assignment;
use crate::cli::arguments::DevUser;
use crate::cli::dev::board::Board;
use crate::cli::dev::cable::Cable;
use crate::cli::output;
use crate::cli::settings::DEV;
use crate::config::settings::Settings;
use crate::net::address::Address;

const HELP: &str = "cut, heal: the cable between the boards; kill, stop, freeze, start, each with a or b; \
                    status; quit";

/// Chosen for each board.
const OWN_KEYS: [&str; 4] = ["data", "listen.c2s", "listen.http", "listen.mirror"];

/// A folder that is gone with its owner.
struct Scratch {
    path: PathBuf,
}

impl Scratch {
    fn make() -> io::Result<Self> {
        let path = std::env::temp_dir().join(format!("meerkat-pair-{}", process::id()));
        fs::DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Self { path })
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.path));
    }
}

/// Two boards and what is between them.
struct Bench {
    executor: Rc<LocalExecutor<'static>>,
    a: Board,
    b: Board,
    cable: Cable,
}

pub(super) fn run(
    settings: &Settings,
    users: &[DevUser],
    set: &[Assignment],
) -> Result<(), Failure> {
    let Some(first) = settings.listen.c2s.first() else {
        let reason =
            "listen.c2s is empty; the first board takes its address, the second the next port";
        return Err(Failure::WrongUsage(reason.to_owned()));
    };
    let scratch = Scratch::make().map_err(Failure::because)?;
    let is_common = |one: &&Assignment| !OWN_KEYS.contains(&one.key.as_str());
    let set: Vec<Assignment> = set.iter().filter(is_common).cloned().collect();
    let board = |name, place: fn(&Address) -> String, mirror| {
        let http: Vec<String> = settings.listen.http.iter().map(place).collect();
        let text = board_settings(&place(first), &http, mirror);
        Board::make(name, &scratch.path, &text, &set).map_err(Failure::because)
    };
    // Free a moment ago: who takes it now makes the board say so.
    let mirror = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr();
    let mirrors = (|| Ok((mirror()?, mirror()?)))();
    let (mirror_a, mirror_b) = mirrors.map_err(|error: io::Error| Failure::because(error))?;
    let executor = Rc::new(LocalExecutor::new());
    let work = async {
        let cable = Cable::lay(&executor, mirror_a).await;
        let mut bench = Bench {
            executor: Rc::clone(&executor),
            a: board("a", Address::to_string, mirror_a)?,
            b: board("b", next, mirror_b)?,
            cable: cable.map_err(Failure::because)?,
        };
        bench.perform(users).await
    };
    smol::block_on(executor.run(work))
}

/// The address of the second board: the port after that of the first.
fn next(first: &Address) -> String {
    let port = match first.port() {
        0 => 0,
        port => port.saturating_add(1),
    };
    let text = first.to_string();
    let host = text.rsplit_once(':').map_or("", |(host, _)| host);
    format!("{host}:{port}")
}

fn board_settings(c2s: &str, http: &[String], mirror: SocketAddr) -> String {
    let common = DEV
        .into_iter()
        .filter(|(key, _)| *key != "domain" && !OWN_KEYS.contains(key));
    let common = common.map(|(key, value)| format!("{key} = {value}"));
    let own = [
        "domain = \"localhost\"".to_owned(),
        format!("listen.c2s = [\"{c2s}\"]"),
        format!("listen.http = {http:?}"),
        format!("listen.mirror = [\"{mirror}\"]"),
    ];
    let lines: Vec<String> = own.into_iter().chain(common).collect();
    lines.join("\n")
}

impl Bench {
    async fn perform(&mut self, users: &[DevUser]) -> Result<(), Failure> {
        let mut signals = Signals::new([Signal::Term, Signal::Int]).map_err(Failure::because)?;
        let mut lines = BufReader::new(Unblock::new(io::stdin())).lines();
        let asked = async {
            drop(signals.next().await);
            Ok(())
        };
        let served = async {
            self.begin(users).await?;
            while let Some(Ok(line)) = lines.next().await {
                if !self.obey(&line).await? {
                    return Ok(());
                }
            }
            // Nobody types: it serves until it is told to stop.
            future::pending().await
        };
        let done = future::or(asked, served).await;
        self.a.stop().await;
        self.b.stop().await;
        done
    }

    /// The way of a pair from one board that serves alone.
    async fn begin(&mut self, users: &[DevUser]) -> Result<(), Failure> {
        for user in users {
            let mut words = vec!["user", "add", &user.name, "--password-stdin"];
            words.extend(user.is_admin.then_some("--admin"));
            self.a.run(&words, &format!("{}\n", user.password)).await?;
        }
        let at_a = serving(&mut self.a, &self.executor).await?;
        let cable = self.cable.near_end().to_string();
        let line = self
            .a
            .run(&["pair", "invite", "--address", &cable], "")
            .await?;
        self.b.run(&["pair", "join", &line], "").await?;
        let at_b = serving(&mut self.b, &self.executor).await?;
        output::tell(format_args!("ready {at_a} {at_b}"));
        output::remark(HELP);
        Ok(())
    }

    /// Whether it goes on.
    async fn obey(&mut self, line: &str) -> Result<bool, Failure> {
        let mut words = line.split_whitespace();
        let verb = words.next().unwrap_or_default();
        let board = match words.next() {
            Some("a") => Some(&mut self.a),
            Some("b") => Some(&mut self.b),
            _ => None,
        };
        match (verb, board) {
            ("", None) => return Ok(true),
            ("quit", None) => return Ok(false),
            ("cut", None) => self.cable.cut().await,
            ("heal", None) => self.cable.heal(),
            ("status", None) => {
                for board in [&mut self.a, &mut self.b] {
                    let state = board.state().await?;
                    for line in state.lines() {
                        output::tell(format_args!("{}: {line}", board.name));
                    }
                }
                return Ok(true);
            }
            ("kill", Some(board)) => board.kill().await,
            ("stop", Some(board)) => board.stop().await,
            ("freeze", Some(board)) => board.freeze(),
            ("start", Some(board)) => {
                drop(board.start(&self.executor).map_err(Failure::because)?);
            }
            _ => {
                output::warn(HELP);
                return Ok(true);
            }
        }
        output::tell(format_args!("done {}", line.trim()));
        Ok(true)
    }
}

async fn serving(board: &mut Board, executor: &LocalExecutor<'static>) -> Result<String, Failure> {
    let ready = board.start(executor).map_err(Failure::because)?;
    let reason = |_| Failure::Because(format!("board {} has ended", board.name));
    ready.recv().await.map_err(reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_board_has_the_next_port() {
        for (first, second) in [
            ("127.0.0.1:5222", "127.0.0.1:5223"),
            ("[::1]:5222", "[::1]:5223"),
            ("localhost:0", "localhost:0"),
        ] {
            assert_eq!(next(&Address::parse(first).unwrap()), second);
        }
    }
}
