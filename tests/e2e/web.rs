//! A web client as it is published, in a browser: on one board, through BOSH, and when its board dies.

use std::fs;
use std::io::BufRead as _;
use std::io::BufReader;
use std::io::Write as _;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;

use rustix::process::Pid;
use rustix::process::Signal;
use rustix::process::kill_process;
use tempfile::TempDir;

use crate::harness::BINARY;

const CLIENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/e2e/clients/converse");

/// What `web.root` is: the page of this test, and the client as the registry has it.
fn web_root() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let client = Path::new(CLIENT);
    let published = client.join("node_modules/converse.js/dist");
    let is_copied = Command::new("cp")
        .arg("-r")
        .args([&published, &folder.path().join("dist")])
        .status()
        .unwrap();
    assert!(is_copied.success());
    let beside = "curve25519_compiled.wasm";
    fs::copy(published.join(beside), folder.path().join(beside)).unwrap();
    fs::copy(client.join("index.html"), folder.path().join("index.html")).unwrap();
    folder
}

/// Where the last pictures are, for a person to look at.
fn pictures(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("target/pictures")
        .join(name);
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// Runs the program with web doors at these ports, and the script in its browsers; what it is told to do
/// on the way goes to the program.
fn play(name: &str, ports: &[u16], options: &[&str], query: &str) {
    let (root, pictures) = (web_root(), pictures(name));
    let door = format!("listen.http=[\"127.0.0.1:{}\"]", ports[0]);
    let program = Command::new(BINARY)
        .arg("dev")
        .args(options)
        .args(["--set", "listen.c2s=[\"127.0.0.1:0\"]", "--set", &door])
        .args(["--set", &format!("web.root={}", root.path().display())])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut program = Program(program);
    let mut hands = program.0.stdin.take().unwrap();
    let mut lines = BufReader::new(program.0.stdout.take().unwrap()).lines();
    assert!(lines.next().unwrap().unwrap().starts_with("ready "));

    let url = format!("http://127.0.0.1:{}/{query}", ports[0]);
    let mut script = Command::new("node");
    script
        .arg(Path::new(CLIENT).join("web.mjs"))
        .arg(&pictures)
        .arg(url);
    script.args(options.first().map(|_| "kill a"));
    let mut script = script.stdout(Stdio::piped()).spawn().unwrap();
    let mut told = Vec::new();
    for line in BufReader::new(script.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        if line.starts_with("kill ") {
            writeln!(hands, "{line}").unwrap();
        }
        told.push(line);
    }
    let outcome = script.wait().unwrap();
    assert!(
        outcome.success(),
        "{told:?}, pictures in {}",
        pictures.display()
    );
    assert_eq!(told.last().map(String::as_str), Some("passed"));
}

/// Ended in order, so that a pair ends its boards.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        if let Some(id) = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw) {
            kill_process(id, Signal::TERM).ok();
        }
        self.0.wait().ok();
    }
}

/// Free a moment ago, and the one after it.
fn ports() -> [u16; 2] {
    let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = socket.local_addr().unwrap().port();
    [port, port + 1]
}

#[test]
#[ignore = "needs the clients that tests/e2e/clients/install installs, and Chromium"]
fn two_people_meet_in_browsers() {
    play("websocket", &ports(), &[], "");
}

#[test]
#[ignore = "needs the clients that tests/e2e/clients/install installs, and Chromium"]
fn two_people_meet_in_browsers_through_bosh() {
    play("bosh", &ports(), &[], "?bosh");
}

#[test]
#[ignore = "needs the clients that tests/e2e/clients/install installs, and Chromium"]
fn a_page_goes_on_when_the_board_that_served_it_dies() {
    let ports = ports();
    let query = format!("?boards=127.0.0.1:{},127.0.0.1:{}", ports[0], ports[1]);
    play("pair", &ports, &["--pair"], &query);
}
