//! Connections that want more than there is: each its rate, all together their memory.

use futures_lite::future::yield_now;

use crate::net::tests::drive::log_in;
use crate::net::tests::drive::say;
use crate::net::tests::drive::settings;
use crate::net::tests::drive::wait_for;
use crate::net::tests::drive::with_server;
use crate::net::tls::TlsStart;
use crate::net::wires::WireSettings;

#[test]
fn a_flood_of_stanzas_is_read_at_the_rate_that_is_allowed_and_none_is_lost() {
    let slow = WireSettings {
        stanzas_per_second: 2_000,
        ..settings()
    };
    with_server(slow, TlsStart::StartTls, async |server| {
        let mut socket = server.connect().await;
        log_in(&mut socket).await;
        let start = server.wires.clock.steady();
        say(&mut socket, &"<presence/>".repeat(21_000)).await;
        while server.hub.stanzas.get() < 21_000 {
            yield_now().await;
        }
        // Twenty thousand are the burst. What one read brings is taken as a whole.
        let took_ms = server.wires.clock.steady().since_ms(start);
        assert!(took_ms >= 200, "{took_ms} ms");
        say(&mut socket, "<presence/></stream:stream>").await;
        wait_for(&mut socket, "</stream:stream>").await;
        assert_eq!(server.hub.stanzas.get(), 21_001);
    });
}

/// Each is within its own limit, and all together are not within that of all.
#[test]
fn the_largest_unfinished_stanza_gives_way_when_all_are_too_much() {
    let small = WireSettings {
        buffer_bytes: 400_000,
        ..settings()
    };
    with_server(small, TlsStart::StartTls, async |server| {
        let mut large = server.connect().await;
        log_in(&mut large).await;
        let mut other = server.connect().await;
        log_in(&mut other).await;
        let start = |bytes| format!("<message><body>{}", "x".repeat(bytes));
        say(&mut large, &start(200_000)).await;
        while server.wires.kept_bytes() < 200_000 {
            yield_now().await;
        }
        // It waits for room before it takes more than there is, and is told to go in the end.
        let begun = server.wires.clock.steady();
        say(&mut other, &start(100_000)).await;
        say(&mut other, "</body></message>").await;
        wait_for(&mut large, "<resource-constraint").await;
        assert!(server.wires.kept_bytes() < 400_000);
        while server.hub.stanzas.get() == 0 {
            yield_now().await;
        }
        assert!(server.wires.clock.steady().since_ms(begun) >= 4_000);
        drop(large);
        while server.hub.closed.borrow().is_empty() || server.wires.kept_bytes() > 0 {
            yield_now().await;
        }
    });
}

/// Ordinary stanzas are read while large ones wait.
#[test]
fn small_stanzas_pass_by_large_ones_that_wait() {
    let small = WireSettings {
        buffer_bytes: 400_000,
        ..settings()
    };
    with_server(small, TlsStart::StartTls, async |server| {
        let mut large = server.connect().await;
        log_in(&mut large).await;
        say(
            &mut large,
            &format!("<message><body>{}", "x".repeat(200_000)),
        )
        .await;
        let mut stuck = server.connect().await;
        log_in(&mut stuck).await;
        say(
            &mut stuck,
            &format!("<message><body>{}", "x".repeat(60_000)),
        )
        .await;
        let mut other = server.connect().await;
        log_in(&mut other).await;
        let begun = server.wires.clock.steady();
        for sent in 1..=20 {
            say(&mut other, "<presence/>").await;
            while server.hub.stanzas.get() < sent {
                yield_now().await;
            }
        }
        assert!(server.wires.clock.steady().since_ms(begun) < 2_000);
    });
}

#[test]
fn whoever_does_not_read_gives_way_when_all_keep_too_much() {
    let small = WireSettings {
        buffer_bytes: 20_000,
        ..settings()
    };
    with_server(small, TlsStart::StartTls, async |server| {
        const MUCH: usize = 64 << 20;
        let mut sockets = Vec::new();
        for _ in 0..3 {
            let mut socket = server.connect().await;
            log_in(&mut socket).await;
            sockets.push(socket);
        }
        server.hub.send(&vec![b' '; MUCH]);
        // Nobody reads. A minute has to pass before they go for that.
        while server.hub.closed.borrow().len() < 2 {
            assert!(server.wires.kept_bytes() <= 20_000 + 2 * 65_536);
            yield_now().await;
        }
        assert!(!server.hub.closed.borrow().contains(&true));
    });
}
