//! Clients whose board dies, stops or falls silent, and what the other board makes of their streams (XEP-0198).

use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;
use std::time::Instant;

use crate::generator::Failure;
use crate::generator::board::Board;
use crate::generator::board::in_time;
use crate::generator::board::wait_until;
use crate::generator::client::Client;
use crate::generator::client::Ground;
use crate::generator::client::Management;
use crate::generator::client::Resumption198;
use crate::generator::client::Security;
use crate::generator::xml;
use crate::mirror::arrive;
use crate::mirror::message;
use crate::mirror::pair;
use crate::mirror::receive;

const ROOM: &str = "hall@rooms.localhost";

/// How a board goes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Going {
    Killed,
    Stopped,
}

async fn enter(client: &mut Client, nick: &str) {
    let ask = "<x xmlns='http://jabber.org/protocol/muc'><history maxstanzas='0'/></x>";
    client.send(&format!("<presence to='{ROOM}/{nick}'>{ask}</presence>"));
    client.settle().await.unwrap();
}

async fn open_room(client: &mut Client) {
    let form = "<x xmlns='jabber:x:data' type='submit'/>";
    let set = format!(
        "<iq type='set' id='open' to='{ROOM}'><query xmlns='http://jabber.org/protocol/muc#owner'>{form}</query></iq>"
    );
    client.request("open", &set).await.unwrap();
}

fn said(id: &str) -> String {
    format!("<message to='{ROOM}' type='groupchat' id='{id}'><body>{id}</body></message>")
}

/// What the client reads until the message of this id: ids of messages, and `from type` of presence.
async fn read_until(client: &mut Client, id: &str) -> Vec<String> {
    let mut seen = Vec::new();
    loop {
        let element = client.next().await.unwrap();
        let attribute = |name: &str| xml::attr(element, name).unwrap_or_default().to_owned();
        if xml::is(element, "message") {
            seen.push(attribute("id"));
        } else if xml::is(element, "presence") {
            seen.push(format!("{} {}", attribute("from"), attribute("type")));
        }
        if seen.last().is_some_and(|last| last == id) {
            return seen;
        }
    }
}

/// Ids of what the client is told until its connection is closed.
async fn read_to_end(client: &mut Client) -> Vec<String> {
    let mut seen = Vec::new();
    loop {
        match client.next().await {
            Ok(element) if xml::is(element, "a") => {}
            Ok(element) => seen.push(xml::attr(element, "id").unwrap_or_default().to_owned()),
            Err(end) => {
                assert!(matches!(end, Failure::Lost(_)), "{end:?}");
                return seen;
            }
        }
    }
}

pub(crate) async fn resume(
    ground: &Ground,
    board: &Board,
    user: &str,
    before: &Management,
) -> (Client, Resumption198) {
    let login = ground.authenticate(board.ports, Security::Plain, user);
    let mut client = login.await.unwrap();
    let outcome = client.resume(before).await.unwrap();
    (client, outcome)
}

fn a_stream_goes_on_at_the_other_board(going: Going) {
    let (mut a, b) = pair();
    let ground = Ground::new();
    // Given alice on the one and bob on the other, in a room, who talk
    let (mut alice, mut bob) = in_time("a chat", async {
        let mut alice = arrive(&ground, &a, "alice").await;
        let mut bob = arrive(&ground, &b, "bob").await;
        enter(&mut alice, "alice").await;
        open_room(&mut alice).await;
        enter(&mut bob, "bob").await;
        bob.send(&message("alice", "read"));
        bob.settle().await.unwrap();
        receive(&mut alice, "read").await;
        alice.send(&message("bob", "counted"));
        alice.settle().await.unwrap();
        receive(&mut bob, "counted").await;
        bob.send(&message("alice", "unread"));
        bob.settle().await.unwrap();
        (alice, bob)
    });
    let before = alice.management.clone().unwrap();

    // When the one goes, and bob talks on
    match going {
        Going::Killed => a.kill(),
        Going::Stopped => {
            a.stop();
            // It says nothing of its end, not even in the room.
            let last = in_time("the end of a connection", read_to_end(&mut alice));
            assert!(last.iter().all(|id| id == "unread"), "{last:?}");
        }
    }
    in_time("a message to somebody without a board", async {
        bob.send(&message("alice", "meanwhile"));
        bob.send(&said("in-the-room"));
        bob.settle().await.unwrap();
    });

    // Then alice goes on at the other, with all that came, each once, and still in the room
    in_time("a resumed stream", async {
        let (mut alice, outcome) = resume(&ground, &b, "alice", &before).await;
        assert_eq!(outcome, Resumption198::Resumed { h: before.sent });
        let mut seen = read_until(&mut alice, "in-the-room").await;
        // What went out within one report of how sessions stand may come again with what a killed board took along,
        // as itself (rule U6): presence, which has an address, and what was read.
        if going == Going::Killed {
            seen.retain(|one| one != "read" && !one.contains('@'));
        }
        assert_eq!(seen, ["unread", "meanwhile", "in-the-room"]);
        alice.send(&said("still-here"));
        alice.settle().await.unwrap();
        let seen = read_until(&mut bob, "still-here").await;
        assert_eq!(seen, ["in-the-room", "still-here"]);

        // And the session is one like any other when both serve again
        a.start();
        wait_until("both serve again", || a.is("sync") && b.is("sync"));
        bob.send(&message("alice", "again"));
        bob.settle().await.unwrap();
        receive(&mut alice, "again").await;
        alice.send(&message("bob", "and-again"));
        alice.settle().await.unwrap();
        receive(&mut bob, "and-again").await;
    });
    wait_until("both have the same", || a.exported() == b.exported());
}

#[test]
fn a_stream_whose_board_was_killed_goes_on_at_the_other() {
    a_stream_goes_on_at_the_other_board(Going::Killed);
}

#[test]
fn a_stream_whose_board_was_stopped_goes_on_at_the_other() {
    a_stream_goes_on_at_the_other_board(Going::Stopped);
}

fn listens(board: &Board) -> bool {
    TcpStream::connect((board.ports.ip, board.ports.plain)).is_ok()
}

/// A board that has no other one hands its sessions to its own next start.
#[test]
fn streams_and_rooms_outlive_a_restart_of_a_single_board() {
    let mut board = Board::new();
    board.start();
    wait_until("the board serves", || board.is("single"));
    board.add_user("alice");
    board.add_user("bob");
    let ground = Ground::new();
    // Given two in a room that does not persist, one of whom has not read all
    let (alice, bob) = in_time("a chat", async {
        let mut alice = arrive(&ground, &board, "alice").await;
        let mut bob = arrive(&ground, &board, "bob").await;
        enter(&mut alice, "alice").await;
        open_room(&mut alice).await;
        enter(&mut bob, "bob").await;
        bob.send(&message("alice", "read"));
        bob.settle().await.unwrap();
        receive(&mut alice, "read").await;
        bob.send(&message("alice", "unread"));
        bob.send(&said("in-the-room"));
        bob.settle().await.unwrap();
        (alice, bob)
    });
    let (before, others) = (alice.management.unwrap(), bob.management.unwrap());

    board.stop();
    board.start();
    wait_until("the board serves again", || listens(&board));

    // Then both go on, with all that came and nothing twice, and the room with them
    in_time("resumed streams", async {
        let (mut alice, outcome) = resume(&ground, &board, "alice", &before).await;
        assert_eq!(outcome, Resumption198::Resumed { h: before.sent });
        let mut seen = read_until(&mut alice, "in-the-room").await;
        seen.retain(|one| !one.starts_with(ROOM));
        assert_eq!(seen, ["unread", "in-the-room"]);
        let (mut bob, outcome) = resume(&ground, &board, "bob", &others).await;
        assert_eq!(outcome, Resumption198::Resumed { h: others.sent });
        alice.send(&said("still-here"));
        alice.settle().await.unwrap();
        let seen = read_until(&mut bob, "still-here").await;
        let told = seen.iter().filter(|one| one.contains('@')).count();
        assert_eq!(told, 0, "{seen:?}");
    });

    // And a crash ends them, as ever
    board.kill();
    board.start();
    wait_until("the board serves once more", || listens(&board));
    in_time("a stream of before the crash", async {
        let (_, outcome) = resume(&ground, &board, "alice", &before).await;
        assert!(
            matches!(outcome, Resumption198::Failed { .. }),
            "{outcome:?}"
        );
    });
}

fn signal(board: &Board, name: &str) {
    let id = board.process.as_ref().unwrap().id().to_string();
    let done = Command::new("kill").args([name, &id]).status();
    assert!(done.unwrap().success());
}

#[test]
fn a_stream_whose_board_is_silent_is_counted_and_begins_anew() {
    let (a, b) = pair();
    let ground = Ground::new();
    let (alice, mut bob) = in_time("a chat", async {
        let mut alice = arrive(&ground, &a, "alice").await;
        let mut bob = arrive(&ground, &b, "bob").await;
        alice.send(&message("bob", "counted"));
        alice.settle().await.unwrap();
        receive(&mut bob, "counted").await;
        (alice, bob)
    });
    let before = alice.management.unwrap();

    // When the board says nothing, and may live
    signal(&a, "-STOP");
    let silent = Instant::now();
    in_time("a message to somebody whose board is silent", async {
        bob.send(&message("alice", "meanwhile"));
        bob.settle().await.unwrap();
    });
    let took = silent.elapsed();
    assert!(took < Duration::from_secs(6), "{took:?}");

    // Then its clients are told how far they were counted, and lose nothing
    in_time("a new session", async {
        let (mut alice, outcome) = resume(&ground, &b, "alice", &before).await;
        let h = Some(before.sent);
        assert_eq!(outcome, Resumption198::Failed { h });
        alice.bind("pair").await.unwrap();
        alice.enable().await.unwrap();
        alice.send("<presence/>");
        receive(&mut alice, "meanwhile").await;
        alice.send(&message("bob", "anew"));
        alice.settle().await.unwrap();
        let seen = read_until(&mut bob, "anew").await;
        assert_eq!(seen, ["anew"]);
    });
    signal(&a, "-CONT");
    wait_until("both serve again", || a.is("sync") && b.is("sync"));
    wait_until("both have the same", || a.exported() == b.exported());
}
