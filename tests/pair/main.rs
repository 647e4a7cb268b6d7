//! Two real boards under real faults: killed, stopped, cut off one way and both, slowed down, without room, replaced,
//! switched on in either order; and clients that are told something meanwhile.
//!
//! Each board has a network namespace of its own (see [`net`]); where that is not permitted the two call each
//! other through relays on this machine. At the end a checker ([`ledger`], independent of the server's code)
//! compares what clients were told and shown with the archives of both boards, and with the items that each keeps in
//! a node of its own (XEP-0163), and each board alone has to give the files that were uploaded ([`files`]). The figures are
//! printed.
//!
//! `PAIR_ROUNDS=20 cargo test --test pair` repeats all faults so often, `PAIR_LIGHTS=2000` has more clients come
//! back after a death, `PAIR_FAULT=cut` tries only faults whose names begin so.

#![expect(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::large_futures,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test reports by panicking, and its figures by printing"
)]

#[path = "../generator/mod.rs"]
mod generator;

mod faults;
mod files;
mod ledger;
mod net;
mod person;
mod relay;
mod world;

use std::time::Instant;

use world::World;

fn wanted(name: &str, default: usize) -> usize {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

#[test]
fn a_pair_keeps_its_promises_under_real_faults() {
    if !net::is_inside() && net::enter("a_pair_keeps_its_promises_under_real_faults") {
        return;
    }
    if !net::is_inside() {
        println!("network namespaces are not permitted here: relays instead, and no small disk");
    }
    let fault = std::env::var("PAIR_FAULT").unwrap_or_default();
    let begin = Instant::now();
    smol::block_on(async {
        let mut world = World::new(wanted("PAIR_LIGHTS", 500)).await;
        let rounds = wanted("PAIR_ROUNDS", 1);
        for _ in 0..rounds {
            let is_long = rounds > 1 || !fault.is_empty();
            faults::all(&mut world, &fault, is_long).await;
        }
        faults::replaced(&mut world).await;
        world.judge().await;
        world.judge_files().await;
    });
    println!("all faults in {:.0?}", begin.elapsed());
}
