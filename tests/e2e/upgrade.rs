//! A pair whose boards are upgraded one after the other, and talk meanwhile.
//!
//! `MEERKAT_OLD=/path/to/meerkat` names a program of the level before; without it these tests say so and end.
//! `tests/run upgrade` builds one.

use std::fs;
use std::path::PathBuf;

use crate::generator::board::BINARY;
use crate::generator::board::Board;
use crate::generator::board::in_time;
use crate::generator::board::wait_until;
use crate::generator::client::Ground;
use crate::mirror::arrive;
use crate::mirror::message;
use crate::mirror::pair_of;
use crate::mirror::receive;

/// The newest level of the format (`src/model/level.rs`), as `pair.json` has it.
const LEVEL: char = '2';

fn old() -> Option<PathBuf> {
    std::env::var_os("MEERKAT_OLD").map(PathBuf::from)
}

const NOT_RUN: &str = "not run: MEERKAT_OLD names no program of the version before";

fn board(binary: PathBuf) -> Board {
    let mut board = Board::new();
    board.binary = binary;
    board
}

fn together(a: &Board, b: &Board) {
    wait_until("both serve", || a.is("sync") && b.is("sync"));
}

/// Both ways, acknowledged and received.
fn talk(ground: &Ground, (a, b): (&Board, &Board), name: &str) {
    in_time(name, async {
        let mut alice = arrive(ground, a, "alice").await;
        let mut bob = arrive(ground, b, "bob").await;
        let (there, back) = (format!("{name}-there"), format!("{name}-back"));
        alice.send(&message("bob", &there));
        alice.settle().await.unwrap();
        receive(&mut bob, &there).await;
        bob.send(&message("alice", &back));
        bob.settle().await.unwrap();
        receive(&mut alice, &back).await;
    });
}

/// One is killed, the other takes a message alone, and both have it afterwards.
fn lose(ground: &Ground, gone: &mut Board, left: &Board, name: &str) {
    gone.kill();
    in_time(name, async {
        let mut alice = arrive(ground, left, "alice").await;
        alice.send(&message("bob", name));
        alice.settle().await.unwrap();
    });
    gone.start();
    together(gone, left);
}

fn level(board: &Board) -> Option<char> {
    let file = board.folder.path().join("data/pair.json");
    let text = fs::read_to_string(file).unwrap();
    let (_, rest) = text.split_once("\"level\":")?;
    rest.chars().next()
}

#[test]
fn a_pair_is_upgraded_one_board_after_the_other() {
    let Some(old) = old() else {
        return eprintln!("{NOT_RUN}");
    };
    let ground = Ground::new();
    // Given a pair of the version before
    let (mut a, mut b) = pair_of(board(old.clone()), board(old));
    talk(&ground, (&a, &b), "old");

    // When one board is upgraded, and each dies once
    b.stop();
    b.binary = BINARY.into();
    b.start();
    together(&a, &b);
    talk(&ground, (&a, &b), "mixed");
    lose(&ground, &mut a, &b, "mixed-without-a");
    lose(&ground, &mut b, &a, "mixed-without-b");
    // Then nothing newer is written
    assert_ne!(level(&b), Some(LEVEL));

    // When the other is upgraded as well
    a.stop();
    a.binary = BINARY.into();
    a.start();
    together(&a, &b);
    talk(&ground, (&a, &b), "new");
    wait_until("both have the new level", || {
        level(&a) == Some(LEVEL) && level(&b) == Some(LEVEL)
    });

    // Then both have everything
    wait_until("both have the same", || a.exported() == b.exported());
    let texts: String = a.exported().into_iter().map(|(_, text)| text).collect();
    for id in ["old", "mixed", "new"].map(|name| [format!("{name}-there"), format!("{name}-back")])
    {
        assert!(id.iter().all(|id| texts.contains(id)), "{id:?}");
    }
    for id in ["mixed-without-a", "mixed-without-b"] {
        assert!(texts.contains(id), "{id}");
    }
}

#[test]
fn a_board_that_goes_back_to_the_version_before_is_told_why_it_may_not() {
    let Some(old) = old() else {
        return eprintln!("{NOT_RUN}");
    };
    // Given a pair of this version
    let (mut a, b) = pair_of(Board::new(), Board::new());
    wait_until("both have the new level", || {
        level(&a) == Some(LEVEL) && level(&b) == Some(LEVEL)
    });

    // When one board is started with the version before
    a.stop();
    a.binary = old;
    a.start();

    // Then one line says so on either, and the one goes on serving
    wait_until("A is told", || a.log().contains("install the same version"));
    let told = format!("speaks versions {LEVEL} to {LEVEL}");
    assert!(a.log().contains(&told), "{}", a.log());
    assert!(b.run(&["pair", "status"]).contains("SOLO since"));
    in_time("a login", arrive(&Ground::new(), &b, "alice"));
}

#[test]
fn a_program_that_is_older_than_its_data_says_so_in_one_line() {
    // Given a pair, of which one board has what a later version wrote
    let (mut a, b) = pair_of(Board::new(), Board::new());
    wait_until("both have the new level", || level(&a) == Some(LEVEL));
    a.stop();
    let file = a.folder.path().join("data/pair.json");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(
        &file,
        text.replace(&format!("\"level\":{LEVEL}"), "\"level\":9"),
    )
    .unwrap();

    // When it is started, or asked something
    for words in [["serve"].as_slice(), &["user", "list"]] {
        let said = a.refused(words);
        // Then one line says why not, and what to do
        assert_eq!(said.trim().lines().count(), 1, "{said}");
        assert!(said.contains(&format!("of level 9, and this meerkat reads up to {LEVEL}")));
        assert!(said.contains("install the newer version again"), "{said}");
    }

    // And the other one serves on
    in_time("a login", arrive(&Ground::new(), &b, "alice"));
}
