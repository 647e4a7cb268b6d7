//! Two boards that are one server: users on both, a board that dies, and the two together again.

use std::fs;
use std::net::Ipv4Addr;
use std::net::TcpListener;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

use smol::future::FutureExt as _;
use tempfile::TempDir;

use crate::generator::client::Client;
use crate::generator::client::Ground;
use crate::generator::client::Ports;
use crate::generator::client::Security;
use crate::generator::xml;
use crate::harness::BINARY;

/// Longest time for a step. A board that was killed is called again every five seconds.
const STEP_MAX: Duration = Duration::from_secs(40);
const LOOK: Duration = Duration::from_millis(10);
/// From a dead board to the first acknowledgement of the other one: 600 ms of it are one more attempt to connect.
const ALONE_MAX: Duration = Duration::from_millis(700);

/// One board: its settings, its ports, and its process while it runs.
struct Board {
    folder: TempDir,
    ports: Ports,
    process: Option<Child>,
}

impl Board {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let free = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let listeners = [free(), free(), free()];
        let [plain, tls, mirror] = listeners.map(|one| one.local_addr().unwrap().port());
        let text = format!(
            r#"domain = "localhost"
data = "{}"
[listen]
c2s = ["127.0.0.1:{plain}"]
c2s_tls = ["127.0.0.1:{tls}"]
mirror = ["127.0.0.1:{mirror}"]
[c2s]
require_tls = false
"#,
            folder.path().join("data").display()
        );
        fs::write(folder.path().join("meerkat.toml"), text).unwrap();
        Self {
            folder,
            ports: Ports { plain, tls },
            process: None,
        }
    }

    fn settings(&self) -> PathBuf {
        self.folder.path().join("meerkat.toml")
    }

    fn start(&mut self) {
        let log = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.folder.path().join("log"))
            .unwrap();
        let mut command = Command::new(BINARY);
        command.arg("serve").arg("--config").arg(self.settings());
        command.args(["--set", "log_level=debug"]);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        self.process = Some(command.spawn().unwrap());
    }

    fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    fn run(&self, words: &[&str]) -> String {
        let mut command = Command::new(BINARY);
        command.args(words).arg("--config").arg(self.settings());
        let output = command.output().unwrap();
        assert!(output.status.success(), "{words:?} {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn add_user(&self, name: &str) {
        let path = self.folder.path().join("password");
        fs::write(&path, format!("{name}\n")).unwrap();
        let mut command = Command::new(BINARY);
        command.args(["user", "add", name, "--password-stdin", "--config"]);
        command.arg(self.settings());
        command.stdin(fs::File::open(&path).unwrap());
        assert!(command.status().unwrap().success());
    }

    fn is(&self, state: &str) -> bool {
        let mut command = Command::new(BINARY);
        command.args(["pair", "status", "--json", "--config"]);
        let output = command.arg(self.settings()).output().unwrap();
        String::from_utf8_lossy(&output.stdout).contains(&format!("\"state\":\"{state}\""))
    }

    /// Everything that users have, as files.
    fn exported(&self, name: &str) -> Vec<(PathBuf, String)> {
        let to = self.folder.path().join(name);
        self.run(&["export", to.to_str().unwrap()]);
        let mut files = Vec::new();
        collect(&to, &to, &mut files);
        files.sort();
        files
    }
}

impl Drop for Board {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            eprintln!("--- {}\n{}", self.folder.path().display(), self.log());
        }
    }
}

fn collect(root: &Path, folder: &Path, files: &mut Vec<(PathBuf, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(root, &path, files);
        } else {
            let name = path.strip_prefix(root).unwrap().to_owned();
            files.push((name, fs::read_to_string(&path).unwrap()));
        }
    }
}

fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(
            begin.elapsed() < STEP_MAX,
            "not within {STEP_MAX:?}: {what}"
        );
        std::thread::sleep(LOOK);
    }
}

fn in_time<T>(what: &str, work: impl Future<Output = T>) -> T {
    smol::block_on(work.or(async {
        smol::Timer::after(STEP_MAX).await;
        panic!("not within {STEP_MAX:?}: {what}")
    }))
}

async fn arrive(ground: &Ground, board: &Board, user: &str) -> Client {
    let mut client = ground
        .login(board.ports, Security::Plain, user, "pair")
        .await
        .unwrap();
    client.send("<presence/>");
    client.settle().await.unwrap();
    client
}

fn message(to: &str, id: &str) -> String {
    format!("<message to='{to}@localhost' type='chat' id='{id}'><body>{id}</body></message>")
}

/// Reads until the message of this id has come.
async fn receive(client: &mut Client, id: &str) {
    loop {
        let element = client.next().await.unwrap();
        if xml::is(element, "message") && xml::attr(element, "id") == Some(id) {
            return;
        }
    }
}

#[test]
fn a_pair_serves_on_both_boards_and_survives_one() {
    // Given a board with users that another one joins, while it serves
    let (mut a, mut b) = (Board::new(), Board::new());
    a.start();
    wait_until("A serves", || a.is("single"));
    a.add_user("alice");
    a.add_user("bob");
    let line = a.run(&["pair", "invite"]);
    b.run(&["pair", "join", line.trim()]);
    b.start();
    wait_until("both serve", || a.is("sync") && b.is("sync"));

    // When alice on the one and bob on the other talk
    let ground = Ground::new();
    let mut bob = in_time("a chat", async {
        let mut alice = arrive(&ground, &a, "alice").await;
        let mut bob = arrive(&ground, &b, "bob").await;
        alice.send(&message("bob", "to-bob"));
        alice.settle().await.unwrap();
        receive(&mut bob, "to-bob").await;
        bob.send(&message("alice", "to-alice"));
        bob.settle().await.unwrap();
        receive(&mut alice, "to-alice").await;
        bob
    });

    // And the one dies
    a.kill();
    let died = Instant::now();
    in_time("a message to a dead board", async {
        bob.send(&message("alice", "alone"));
        bob.settle().await.unwrap();
    });

    // Then the other goes on alone, within its time
    let took = died.elapsed();
    assert!(took < ALONE_MAX, "{took:?}");
    assert!(
        took > Duration::from_millis(500),
        "{took:?}: on whose disks?"
    );
    assert!(b.is("solo"));

    // And when the one is back, both serve again, and both have everything
    a.start();
    wait_until("both serve again", || a.is("sync") && b.is("sync"));
    in_time("what came while alice was away", async {
        let mut alice = arrive(&ground, &a, "alice").await;
        receive(&mut alice, "alone").await;
        alice.send(&message("bob", "again"));
        alice.settle().await.unwrap();
        receive(&mut bob, "again").await;
    });
    let (at_a, at_b) = (a.exported("export"), b.exported("export"));
    for id in ["to-bob", "to-alice", "alone", "again"] {
        assert!(at_a.iter().any(|(_, text)| text.contains(id)), "{id}");
    }
    assert_eq!(at_a, at_b);
}
