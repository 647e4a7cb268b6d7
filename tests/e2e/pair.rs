//! Two boards become a pair by two commands, with the real program on both sides.

use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Output;

use crate::harness::BINARY;
use crate::harness::Server;
use crate::harness::Wire;

fn meerkat(settings: &Path, words: &[&str]) -> Output {
    let mut command = Command::new(BINARY);
    command.args(words).arg("--config").arg(settings);
    command.output().unwrap()
}

fn told(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// The exit code and what was said to the operator.
fn complaint(output: &Output) -> (Option<i32>, String) {
    let text = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    (output.status.code(), text)
}

/// The settings of a board whose data is in `b` beside them.
fn blank(folder: &Path) -> PathBuf {
    let settings = folder.join("b.toml");
    let text = format!(
        "domain = \"localhost\"\ndata = \"{}\"\nlisten.mirror = [\"127.0.0.1:0\"]\nlisten.c2s = []\nlisten.c2s_tls = []\n",
        folder.join("b").display()
    );
    fs::write(&settings, text).unwrap();
    settings
}

/// A server, and a board that has joined it and was not started yet.
fn joined(folder: &Path) -> (Server, PathBuf) {
    let (a, b) = (Server::start(Wire::Tls), blank(folder));
    let line = told(&meerkat(a.settings(), &["pair", "invite"]));
    told(&meerkat(&b, &["pair", "join", line.trim()]));
    (a, b)
}

#[test]
fn both_boards_name_the_same_records_of_both() {
    let folder = tempfile::tempdir().unwrap();
    let (a, b) = joined(folder.path());

    let named = [a.settings(), &b].map(|settings| {
        let port = "listen.c2s=[\"127.0.0.1:45222\"]";
        let output = meerkat(settings, &["check", "--set", port]);
        let text = String::from_utf8(output.stdout).unwrap();
        let records = text
            .lines()
            .map(str::trim)
            .filter(|line| line.contains(" IN SRV "));
        records.map(str::to_owned).collect::<Vec<_>>()
    });

    let record =
        |board| format!("_xmpp-client._tcp.localhost. 3600 IN SRV 0 5 45222 {board}.localhost.");
    assert_eq!(named[0], ["a", "b"].map(record));
    assert_eq!(named[1], named[0]);
}

#[test]
#[ignore = "needs keepalived, which tests/run installs"]
fn keepalived_takes_the_configurations_of_both_boards() {
    let folder = tempfile::tempdir().unwrap();
    let (a, b) = joined(folder.path());

    for settings in [a.settings(), &b] {
        let words = [
            "pair",
            "keepalived",
            "--address",
            "192.0.2.20/24",
            "--address",
            "192.0.2.21/24",
        ];
        let words = [&words[..], &["--set", "mirror.peer=[\"192.0.2.9:5270\"]"]].concat();
        let file = folder.path().join("keepalived.conf");
        fs::write(&file, told(&meerkat(settings, &words))).unwrap();
        let mut keepalived = Command::new("keepalived");
        let output = keepalived
            .arg("--config-test")
            .arg("--use-file")
            .arg(&file)
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.trim().is_empty(), "{said}");
    }
}

#[test]
fn a_blank_board_joins_over_one_line_and_has_the_accounts() {
    // Given a server with accounts, and a blank board
    let a = Server::start(Wire::Tls);
    let folder = tempfile::tempdir().unwrap();
    let b = blank(folder.path());
    let data = folder.path().join("b");
    assert!(told(&meerkat(a.settings(), &["pair", "status"])).contains("SINGLE:"));

    // When the one invites and the other joins
    let invitation = told(&meerkat(a.settings(), &["pair", "invite"]));
    let line = invitation.trim();
    assert_eq!(invitation.lines().count(), 1, "{invitation}");
    let damaged = line.replace(":1:", ":1:nowhere,");
    let wrong = complaint(&meerkat(&b, &["pair", "join", &damaged]));
    assert_eq!(wrong.0, Some(2), "{wrong:?}");
    let joined = meerkat(&b, &["pair", "join", line]);
    assert!(told(&joined).contains("joined"));

    // Then the blank one has the accounts
    let users = told(&meerkat(&b, &["user", "list"]));
    for user in ["alice", "bob", "carol"] {
        assert!(users.contains(user), "{users}");
    }
    // And both know that they are a pair
    let status = told(&meerkat(a.settings(), &["pair", "status", "--json"]));
    for part in ["\"state\":\"solo\"", "\"node\":0", "\"has_joined\":true"] {
        assert!(status.contains(part), "{part} {status}");
    }
    let status = told(&meerkat(&b, &["pair", "status", "--json"]));
    assert!(status.contains("\"node\":1"), "{status}");

    // And the line is of no use any more, to anybody
    let again = complaint(&meerkat(&b, &["pair", "join", line, "--wipe"]));
    assert_eq!(again.0, Some(1));
    assert!(again.1.contains("pair invite"), "{again:?}");
    assert_eq!(again.1.lines().count(), 1, "{again:?}");
    assert!(told(&meerkat(&b, &["user", "list"])).contains("alice"));
    let second = complaint(&meerkat(a.settings(), &["pair", "invite"]));
    assert!(second.1.contains("pair replace"), "{second:?}");

    // And nobody has written the secret or the line down
    let (_, secret) = line.rsplit_once(':').unwrap();
    let log = a.log();
    assert!(log.contains("other board has a copy"), "{log}");
    for text in [log.as_bytes(), &joined.stdout, &joined.stderr] {
        assert!(!String::from_utf8_lossy(text).contains(secret));
    }
    for file in fs::read_dir(&data).unwrap() {
        let path = file.unwrap().path();
        let bytes = fs::read(&path).unwrap_or_default();
        let holds = bytes
            .windows(secret.len())
            .any(|part| part == secret.as_bytes());
        assert!(!holds, "{}", path.display());
    }

    // And a board that is replaced makes room for another line
    let line = told(&meerkat(a.settings(), &["pair", "replace"]));
    assert!(line.starts_with("meerkat-pair:1:"), "{line}");
    told(&meerkat(a.settings(), &["pair", "leave"]));
    assert!(told(&meerkat(a.settings(), &["pair", "status"])).contains("SINGLE:"));
}
