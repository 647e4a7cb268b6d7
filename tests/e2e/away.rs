//! A board that was away for so long that the other's log no longer holds what it lacks comes back by itself.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::fs;
use std::process::Command;
use std::time::Duration;
use std::time::Instant;

use smol::future::FutureExt as _;

use crate::generator::board::Board;
use crate::generator::board::LOOK;
use crate::generator::board::in_time;
use crate::generator::board::wait_until;
use crate::generator::client::Ground;
use crate::mirror::arrive;
use crate::mirror::pair_of;

/// The smallest log that may be kept, and clients that may write as fast as they can.
const SMALL_LOG: &str = "[limits]
tail_mib = 1
bytes_per_second = 100000000
stanzas_per_second = 100000
[quota]
offline_messages = 100000
[mirror]
log_mib = 16
";

/// Between two messages of the user of the board that serves, and the longest that one may wait.
const PAUSE: Duration = Duration::from_millis(20);
const ANSWER_MAX: Duration = Duration::from_secs(2);

/// Messages to bob, all acknowledged when it returns.
async fn write(ground: &Ground, board: &Board, name: &str, messages: usize) {
    // Each is another one, or it would be as good as compressed.
    let body = "0123456789abcdef".repeat(1_250);
    let mut alice = arrive(ground, board, "alice").await;
    for i in 1..=messages {
        let text = format!("<body>{name}-{i}. {body}</body>");
        alice.send(&format!(
            "<message to='bob@localhost' type='chat' id='{name}-{i}'>{text}</message>"
        ));
        if i % 25 == 0 || i == messages {
            alice.settle().await.unwrap();
        }
    }
}

fn signal(board: &Board, name: &str) {
    let id = board.process.as_ref().unwrap().id().to_string();
    let asked = Command::new("kill").args([name, &id]).status();
    assert!(asked.unwrap().success());
}

fn stage(board: &Board) -> String {
    let file = board.folder.path().join("data/pair.json");
    let text = fs::read_to_string(file).unwrap_or_default();
    let stages = ["fetching", "joiner", "member"];
    let stage = stages.iter().find(|stage| text.contains(**stage));
    stage.map_or_else(String::new, ToString::to_string)
}

/// Bytes that a board has given, and that it has compared.
fn given(board: &Board) -> (u64, u64) {
    let log = board.log();
    let line = log.split("the other board has what it lacked, ").nth(1);
    let mut words = line.unwrap().split_whitespace();
    let mut next = |name| {
        let number = words.next()?.strip_prefix(name)?;
        number.parse::<u64>().ok()
    };
    (next("bytes=").unwrap(), next("of=").unwrap())
}

/// A pair, with something on both; then B writes alone while A stands still, and dies; then A writes more than
/// its log keeps.
fn parted(ground: &Ground, shared: usize, alone: usize, beyond: usize) -> (Board, Board) {
    let (a, mut b) = pair_of(Board::with(SMALL_LOG), Board::with(SMALL_LOG));
    in_time("what both have", write(ground, &a, "shared", shared));
    wait_until("both have it", || b.is("sync"));
    signal(&a, "-STOP");
    wait_until("B is alone", || b.is("solo"));
    in_time("what B has alone", write(ground, &b, "at-b", alone));
    b.kill();
    signal(&a, "-CONT");
    wait_until("A is alone", || a.is("solo"));
    in_time("more than is kept", write(ground, &a, "at-a", beyond));
    (a, b)
}

/// Somebody who talks to the board that serves until it is done: the longest wait for an answer.
async fn talk(ground: &Ground, board: &Board, is_done: &Cell<bool>) -> Duration {
    let mut carol = arrive(ground, board, "alice").await;
    let mut longest = Duration::ZERO;
    for i in 0.. {
        let begin = Instant::now();
        carol.send(&format!(
            "<message to='bob@localhost' type='chat' id='meanwhile-{i}'><body>meanwhile-{i}.</body></message>"
        ));
        if let Err(error) = carol.settle().await {
            // B served alone and has forgotten whom: what is under way is to be sent on another connection (decision 0014).
            assert!(format!("{error:?}").contains("<reset "), "{error:?}");
            carol = arrive(ground, board, "alice").await;
            continue;
        }
        longest = longest.max(begin.elapsed());
        if is_done.get() {
            break;
        }
        smol::Timer::after(PAUSE).await;
    }
    longest
}

fn check_same(a: &Board, b: &Board, counts: &[(&str, usize)]) {
    wait_until("both have the same", || a.exported() == b.exported());
    let files = b.exported();
    let texts = files.iter().flat_map(|(_, text)| text.split("<body>"));
    let there: BTreeSet<&str> = texts.filter_map(|text| text.split('.').next()).collect();
    for (name, count) in counts {
        for i in 1..=*count {
            let id = format!("{name}-{i}");
            assert!(there.contains(id.as_str()), "{id} is lost");
        }
    }
}

#[test]
fn a_board_that_was_away_for_longer_than_the_log_is_kept_comes_back_by_itself() {
    // Given a board whose log no longer holds what the other lacks, and something that only the other has
    let ground = Ground::new();
    let (a, mut b) = parted(&ground, 1_200, 30, 1_200);

    // When the other starts, while the first goes on serving
    b.start();
    let begin = Instant::now();
    let is_done = Cell::new(false);
    let longest = in_time("the way back", async {
        let back = async {
            while !(a.is("sync") && b.is("sync")) {
                smol::Timer::after(LOOK).await;
            }
            is_done.set(true);
            smol::future::pending().await
        };
        talk(&ground, &a, &is_done).or(back).await
    });
    let took = begin.elapsed();

    // Then both serve, and nothing that was acknowledged anywhere is missing anywhere
    check_same(&a, &b, &[("shared", 1_200), ("at-b", 30), ("at-a", 1_200)]);
    assert!(longest < ANSWER_MAX, "{longest:?}");
    // And what was the same did not travel
    let (sent, whole) = given(&a);
    let megabytes = |bytes: u64| format!("{}.{}", bytes / 1_000_000, bytes / 100_000 % 10);
    eprintln!(
        "back in {took:.1?}: {} MB of {} MB sent, longest wait for an answer meanwhile {longest:.0?}",
        megabytes(sent),
        megabytes(whole)
    );
    assert!(sent > 0 && sent < whole * 2 / 3, "{sent} of {whole}");
}

#[test]
fn a_board_that_is_killed_while_it_takes_what_differs_goes_on_with_it() {
    let ground = Ground::new();
    let (a, mut b) = parted(&ground, 300, 20, 1_200);

    // When it is killed in the middle of it, again and again
    let mut cut = 0;
    for wait_ms in [0, 60, 150, 300] {
        b.start();
        wait_until("it fetches, or is back", || {
            stage(&b) == "fetching" || b.is("sync")
        });
        std::thread::sleep(Duration::from_millis(wait_ms));
        b.kill();
        cut += u32::from(stage(&b) == "fetching");
    }
    assert!(cut > 0, "nothing was cut off");
    // A stopped one says what it is
    if stage(&b) == "fetching" {
        assert!(b.refused(&["user", "list"]).contains("pair status"));
    }

    // Then it is back all the same
    b.start();
    wait_until("both serve again", || a.is("sync") && b.is("sync"));
    eprintln!("cut off {cut} times");
    check_same(&a, &b, &[("shared", 300), ("at-b", 20), ("at-a", 1_200)]);
}
