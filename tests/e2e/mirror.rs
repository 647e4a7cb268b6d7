//! Two boards that are one server: users on both, a board that dies, and the two together again.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::time::Duration;
use std::time::Instant;

use smol::future::zip;

use crate::generator::board::Board;
use crate::generator::board::LOOK;
use crate::generator::board::in_time;
use crate::generator::board::wait_until;
use crate::generator::client::Client;
use crate::generator::client::Ground;
use crate::generator::client::Ports;
use crate::generator::client::Security;
use crate::generator::xml;

/// From a dead board to the first acknowledgement of the other one: 600 ms are one more attempt to connect. On a busy
/// machine it may be more, but less than the 3 s that silence takes. `tests/pair` prints what it is.
const ALONE_MAX: Duration = Duration::from_millis(2_500);

pub(crate) async fn arrive(ground: &Ground, board: &Board, user: &str) -> Client {
    let mut client = ground
        .login(board.ports, Security::Plain, user, "pair")
        .await
        .unwrap();
    client.send("<presence/>");
    // What waited for it comes from here on; whoever waits for more reads it.
    client.flush().await.unwrap();
    client
}

pub(crate) fn message(to: &str, id: &str) -> String {
    format!("<message to='{to}@localhost' type='chat' id='{id}'><body>{id}</body></message>")
}

/// Reads until the message of this id has come.
pub(crate) async fn receive(client: &mut Client, id: &str) {
    loop {
        let element = client.next().await.unwrap();
        if xml::is(element, "message") && xml::attr(element, "id") == Some(id) {
            return;
        }
    }
}

/// Two boards that serve together; alice and bob have accounts.
pub(crate) fn pair() -> (Board, Board) {
    pair_of(Board::new(), Board::new())
}

pub(crate) fn pair_of(mut a: Board, mut b: Board) -> (Board, Board) {
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

        // Then the other was told, and acknowledges at once
        assert!(
            left.log()
                .contains("the other board ended it: its server stops")
        );
        in_time("a message", async {
            alice.send(&message("bob", &format!("alone-{round}")));
            alice.settle().await.unwrap();
        });
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

#[test]
fn a_board_that_does_not_serve_yet_says_so_at_once() {
    // Given a board that has joined, and whose other board is away
    let (mut a, mut b) = (Board::new(), Board::new());
    a.start();
    wait_until("A serves", || a.is("single"));
    a.add_user("alice");
    let line = a.run(&["pair", "invite"]);
    b.run(&["pair", "join", line.trim()]);
    a.stop();
    b.start();
    wait_until("B waits", || b.is("waiting"));

    // Then it answers what it can, and says why it refuses the rest
    let begin = Instant::now();
    assert!(b.run(&["pair", "status"]).contains("WAITING since"));
    assert!(b.run(&["status"]).contains("this board has joined"));
    assert!(b.run(&["user", "list"]).contains("alice"));
    let health = b.refused(&["pair", "health"]);
    assert!(health.contains("not served here: waiting"), "{health}");
    let refused = b.refused(&["user", "disable", "alice"]);
    assert!(
        refused.contains("nothing can be changed here now: WAITING"),
        "{refused}"
    );
    let took = begin.elapsed();
    assert!(took < Duration::from_secs(5), "{took:?}");

    // And when the two have met, what they had for each other is told
    a.start();
    wait_until("both serve", || a.is("sync") && b.is("sync"));
    b.run(&["user", "disable", "alice"]);
    assert!(a.run(&["pair", "status"]).contains("SYNC since"));
    b.run(&["pair", "health"]);
    b.stop();
    wait_until("A is alone", || a.is("solo"));
    a.run(&["user", "enable", "alice"]);
    let alone = a.run(&["pair", "status"]);
    assert!(alone.contains("SOLO since"), "{alone}");
    assert!(!alone.contains(" 0 entries on one disk"), "{alone}");
    a.stop();
    a.start();
    wait_until("A is alone again", || a.is("solo"));
    assert!(
        !a.run(&["pair", "status"])
            .contains(" 0 entries on one disk")
    );
    b.start();
    wait_until("both serve again", || a.is("sync") && b.is("sync"));
    let healed = b.run(&["pair", "status"]);
    assert!(
        healed.contains("entries came from the other board, 0 went there"),
        "{healed}"
    );
}
