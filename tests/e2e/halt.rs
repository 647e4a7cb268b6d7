//! Administrators who end the server from their client (XEP-0133 sections 4.30 and 4.31).

use crate::generator::board::Board;
use crate::generator::board::in_time;
use crate::generator::board::wait_until;
use crate::generator::client::Client;
use crate::generator::client::Ground;
use crate::generator::client::Resumption198;
use crate::generator::client::Security;
use crate::harness::Server;
use crate::mirror::arrive;
use crate::mirror::message;
use crate::mirror::pair_of;
use crate::mirror::receive;
use crate::resume::resume;

/// Orders it, without delay, and reads that it will be done.
async fn order(boss: &mut Client, task: &str) {
    let node = format!("http://jabber.org/protocol/admin#{task}");
    let command = |id: &str, more: &str, content: &str| {
        format!(
            "<iq type='set' id='{id}' to='localhost'><command xmlns='http://jabber.org/protocol/commands' \
             node='{node}'{more}>{content}</command></iq>"
        )
    };
    let asked = boss.request("ask", &command("ask", "", "")).await.unwrap();
    let session = asked.child("command").unwrap().attr("sessionid").unwrap();
    let form =
        "<x xmlns='jabber:x:data' type='submit'><field var='delay'><value>0</value></field></x>";
    let more = format!(" action='complete' sessionid='{session}'");
    let done = boss.request("do", &command("do", &more, form)).await;
    let status = done
        .unwrap()
        .child("command")
        .unwrap()
        .attr("status")
        .map(str::to_owned);
    assert_eq!(status.as_deref(), Some("completed"));
}

fn single() -> Board {
    let mut board = Board::new();
    board.start();
    wait_until("the board serves", || board.is("single"));
    board.add_admin("alice");
    board.add_user("bob");
    board
}

fn starts(board: &Board) -> usize {
    board.log().matches("server is ready").count()
}

#[test]
fn a_server_that_an_administrator_restarts_is_back_with_its_streams() {
    let mut board = single();
    let ground = Ground::new();
    let bob = in_time("an order", async {
        let mut alice = arrive(&ground, &board, "alice").await;
        let mut bob = arrive(&ground, &board, "bob").await;
        bob.settle().await.unwrap();
        order(&mut alice, "restart").await;
        bob
    });

    // The process is the same to whoever started it, and begins anew.
    wait_until("the server is back", || starts(&board) == 2);
    let ended = board.process.as_mut().unwrap().try_wait().unwrap();
    assert_eq!(ended, None);
    in_time("a resumed stream", async {
        let before = bob.management.unwrap();
        let (mut bob, outcome) = resume(&ground, &board, "bob", &before).await;
        assert_eq!(outcome, Resumption198::Resumed { h: before.sent });
        bob.send(&message("bob", "still-here"));
        bob.settle().await.unwrap();
        receive(&mut bob, "still-here").await;
    });
}

#[test]
fn a_server_that_an_administrator_shuts_down_ends_in_order() {
    let mut board = single();
    let ground = Ground::new();
    in_time("an order", async {
        let mut alice = arrive(&ground, &board, "alice").await;
        order(&mut alice, "shutdown").await;
    });

    let ended = board.process.take().unwrap().wait().unwrap();

    // Code 0: whatever watches over the process does not start it again after a failure, for there was none.
    assert_eq!(ended.code(), Some(0), "{}", board.log());
    assert!(board.log().contains("server stops as ordered"));
}

/// A server in memory takes what it knows to its next start, and to no other.
#[test]
fn a_server_to_try_out_restarts_and_stops_in_order() {
    let mut server = Server::dev("127.0.0.1:0");
    let ground = Ground::new();
    let starts = |server: &Server| server.log().matches("server is ready").count();
    let login = || ground.login(server.ports(), Security::Plain, "admin", "desk");
    in_time("an order", async {
        order(&mut login().await.unwrap(), "restart").await;
    });
    wait_until("it is back", || starts(&server) == 2);
    let mut client = in_time("another order", async {
        let mut admin = login().await.unwrap();
        order(&mut admin, "shutdown").await;
        admin
    });

    let status = smol::block_on(server.process.status()).unwrap();

    assert_eq!(status.code(), Some(0));
    assert!(!server.log().contains("not saved"), "{}", server.log());
    in_time("the end", async { while client.next().await.is_ok() {} });
}

#[test]
fn of_two_boards_one_restarts_after_the_other_and_somebody_always_serves() {
    let (a, b) = pair_of(Board::new(), Board::new());
    a.add_admin("carol");
    let ground = Ground::new();
    in_time("an order", async {
        let mut carol = arrive(&ground, &b, "carol").await;
        order(&mut carol, "restart").await;
    });

    let at = |board: &Board, words: &str| board.log().matches(words).count();
    wait_until("one is back", || starts(&a) + starts(&b) == 3);
    wait_until("both are", || starts(&a) == 2 && starts(&b) == 2);
    wait_until("both serve", || a.is("sync") && b.is("sync"));

    // The first went while the other served, and the other one went when the first was back.
    for board in [&a, &b] {
        assert_eq!(at(board, "server stops connections"), 1, "{}", board.log());
        assert_eq!(at(board, "does not restart"), 0, "{}", board.log());
    }
}
