//! Two boards become a pair by two commands, with the real program on both sides.

use std::fs;
use std::path::Path;
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

#[test]
fn a_blank_board_joins_over_one_line_and_has_the_accounts() {
    // Given a server with accounts, and a blank board
    let a = Server::start(Wire::Tls);
    let folder = tempfile::tempdir().unwrap();
    let b = folder.path().join("b.toml");
    let data = folder.path().join("b");
    let text = format!(
        "domain = \"localhost\"\ndata = \"{}\"\nlisten.mirror = [\"127.0.0.1:0\"]\nlisten.c2s = []\nlisten.c2s_tls = []\n",
        data.display()
    );
    fs::write(&b, text).unwrap();
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
