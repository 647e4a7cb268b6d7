//! Two boards that are one server: users on both, a board that dies, and the two together again.

use std::cell::RefCell;
use std::collections::BTreeSet;
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
use smol::future::zip;
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
        Self::with("")
    }

    /// With these settings beside the usual ones.
    fn with(settings: &str) -> Self {
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
{settings}"#,
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

    /// Asks it to end, and waits for that.
    fn stop(&mut self) {
        let mut process = self.process.take().unwrap();
        let id = process.id().to_string();
        let asked = Command::new("kill").args(["-TERM", &id]).status();
        assert!(asked.unwrap().success());
        assert!(process.wait().unwrap().success());
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
    fn exported(&self) -> Vec<(PathBuf, String)> {
        let to = self.folder.path().join("export");
        drop(fs::remove_dir_all(&to));
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

/// Two boards that serve together; alice and bob have accounts.
fn pair() -> (Board, Board) {
    pair_of(Board::new(), Board::new())
}

fn pair_of(mut a: Board, mut b: Board) -> (Board, Board) {
    a.start();
    wait_until("A serves", || a.is("single"));
    a.add_user("alice");
    a.add_user("bob");
    join(&a, &mut b, "invite");
    (a, b)
}

fn join(a: &Board, b: &mut Board, verb: &str) {
    let line = a.run(&["pair", verb]);
    b.run(&["pair", "join", line.trim(), "--wipe"]);
    b.start();
    wait_until("both serve", || a.is("sync") && b.is("sync"));
}

/// From alice's client there to bob's here, acknowledged and received.
async fn say(from: &mut Client, to: &mut Client, id: &str) {
    from.send(&message("bob", id));
    from.settle().await.unwrap();
    receive(to, id).await;
}

#[test]
fn a_pair_serves_on_both_boards_and_survives_one() {
    // Given a board with users that another one joins, while it serves
    let (mut a, b) = pair();

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
    wait_until("both have the same", || a.exported() == b.exported());
    let at_a = a.exported();
    for id in ["to-bob", "to-alice", "alone", "again"] {
        assert!(at_a.iter().any(|(_, text)| text.contains(id)), "{id}");
    }
}

#[test]
fn a_board_that_is_stopped_in_order_is_not_waited_for() {
    let (mut a, mut b) = pair();
    let ground = Ground::new();
    for round in 0..2 {
        // When the one stops, whichever numbers
        let (gone, left) = if round == 0 {
            (&mut b, &a)
        } else {
            (&mut a, &b)
        };
        gone.stop();
        let mut alice = in_time("a login", arrive(&ground, left, "alice"));

        // Then the other acknowledges at once
        let begin = Instant::now();
        in_time("a message", async {
            alice.send(&message("bob", &format!("alone-{round}")));
            alice.settle().await.unwrap();
        });
        let took = begin.elapsed();
        assert!(took < Duration::from_millis(300), "{took:?}");
        gone.start();
        wait_until("both serve again", || a.is("sync") && b.is("sync"));
    }
    wait_until("both have the same", || a.exported() == b.exported());
}

#[test]
fn boards_that_lose_power_together_find_each_other() {
    let (mut a, mut b) = pair();
    let ground = Ground::new();
    in_time("a message", async {
        let mut alice = arrive(&ground, &b, "alice").await;
        alice.send(&message("bob", "before"));
        alice.settle().await.unwrap();
    });
    a.kill();
    b.kill();
    a.start();
    b.start();
    wait_until("both serve again", || a.is("sync") && b.is("sync"));
    in_time("a message", async {
        let mut bob = arrive(&ground, &a, "bob").await;
        receive(&mut bob, "before").await;
    });
    wait_until("both have the same", || a.exported() == b.exported());
}

#[test]
fn a_board_is_replaced_by_another_one_while_the_first_serves() {
    let (a, mut b) = pair();
    let ground = Ground::new();
    let mut alice = in_time("a login", arrive(&ground, &a, "alice"));
    let mut bob = in_time("a login", arrive(&ground, &b, "bob"));
    in_time("a message", say(&mut alice, &mut bob, "first"));
    b.kill();

    let mut c = Board::new();
    join(&a, &mut c, "replace");
    let mut bob = in_time("a login", arrive(&ground, &c, "bob"));
    in_time("a message", say(&mut alice, &mut bob, "second"));
    wait_until("both have the same", || a.exported() == c.exported());

    // And when there is no pair any more, the first serves on
    a.run(&["pair", "leave"]);
    wait_until("A is single", || a.is("single"));
    in_time("a message", async {
        alice.send(&message("bob", "third"));
        alice.settle().await.unwrap();
    });
}

#[test]
fn what_is_done_on_a_board_that_is_stopped_reaches_the_other() {
    let (a, mut b) = pair();
    b.stop();
    assert!(b.run(&["user", "list"]).contains("alice"));
    b.add_user("carol");
    assert!(!a.run(&["user", "list"]).contains("carol"));
    b.start();
    wait_until("both serve again", || a.is("sync") && b.is("sync"));
    assert!(a.run(&["user", "list"]).contains("carol"));
    wait_until("both have the same", || a.exported() == b.exported());
}

/// A user that writes to another one, and remembers what was acknowledged. Its board may die.
async fn write_on(
    ground: &Ground,
    ports: Ports,
    (from, to): (&str, &str),
    (round, until): (u32, Instant),
    acknowledged: &RefCell<Vec<String>>,
) {
    let mut number = 0;
    while Instant::now() < until {
        let login = ground.login(ports, Security::Plain, from, "stress").await;
        let Ok(mut client) = login else {
            smol::Timer::after(LOOK).await;
            continue;
        };
        while Instant::now() < until {
            number += 1;
            let id = format!("{from}-{round}-{number}.");
            client.send(&message(to, &id));
            if client.settle().await.is_err() {
                break;
            }
            acknowledged.borrow_mut().push(id);
        }
    }
}

/// One board, the other, or both, in the middle of everything.
async fn die(a: &mut Board, b: &mut Board, round: u32) {
    let wait = |ms: u32| smol::Timer::after(Duration::from_millis(u64::from(ms)));
    wait(100 + round % 7 * 37).await;
    match round % 3 {
        0 => a.kill(),
        1 => b.kill(),
        _ => {
            a.kill();
            b.kill();
        }
    }
    // The other one goes on alone, or is about to.
    wait(if round.is_multiple_of(2) { 300 } else { 900 }).await;
    for one in [a, b] {
        if one.process.is_none() {
            one.start();
        }
    }
}

#[test]
fn boards_that_die_under_load_keep_what_they_acknowledged() {
    let kills = std::env::var("PAIR_KILLS").map_or(3, |text| text.parse().unwrap());
    let (mut a, mut b) = pair();
    let ground = Ground::new();
    let acknowledged = RefCell::new(Vec::new());
    let (at_a, at_b) = (a.ports, b.ports);
    for round in 0..kills {
        let during = (round, Instant::now() + Duration::from_secs(2));
        in_time("a round", async {
            let alice = write_on(&ground, at_a, ("alice", "bob"), during, &acknowledged);
            let bob = write_on(&ground, at_b, ("bob", "alice"), during, &acknowledged);
            let dying = die(&mut a, &mut b, round);
            zip(zip(alice, bob), dying).await;
        });
        wait_until("both serve again", || a.is("sync") && b.is("sync"));
        wait_until("both have the same", || a.exported() == b.exported());
        let files = a.exported();
        let texts = files.iter().flat_map(|(_, text)| text.split("<body>"));
        let there: BTreeSet<&str> = texts.filter_map(|text| text.split('<').next()).collect();
        for id in acknowledged.borrow().iter() {
            assert!(there.contains(id.as_str()), "round {round}: {id} is lost");
        }
    }
    eprintln!("{kills} kills, {} messages", acknowledged.borrow().len());
}

/// A log of the smallest size, and clients that may write as fast as they can.
const SMALL_LOG: &str = "[limits]
tail_mib = 1
bytes_per_second = 100000000
stanzas_per_second = 100000
[quota]
offline_messages = 100000
";

#[test]
fn a_backlog_of_many_times_the_log_is_caught_up_with() {
    // Given a pair whose one board is away, while 30 MB are written
    let messages = 3_000;
    let body = "x".repeat(10_000);
    let (a, mut b) = pair_of(Board::with(SMALL_LOG), Board::with(SMALL_LOG));
    b.stop();
    let ground = Ground::new();
    in_time("a backlog", async {
        let mut alice = arrive(&ground, &a, "alice").await;
        for i in 1..=messages {
            let text = format!("<body>m{i} {body}</body>");
            alice.send(&format!(
                "<message to='bob@localhost' type='chat' id='m{i}'>{text}</message>"
            ));
            if i % 50 == 0 {
                alice.settle().await.unwrap();
            }
        }
    });

    // When it is back
    b.start();
    let begin = Instant::now();
    wait_until("both serve again", || a.is("sync") && b.is("sync"));
    let took = begin.elapsed();

    // Then it has it all
    let megabytes = f64::from(messages) * 0.01;
    let speed = megabytes / took.as_secs_f64();
    eprintln!("{megabytes:.0} MB caught up with in {took:.1?}: {speed:.1} MB/s");
    wait_until("both have the same", || a.exported() == b.exported());
}
