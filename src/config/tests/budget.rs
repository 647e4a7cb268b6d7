//! Worst-case memory follows the limits.

use crate::config::budget::Budget;
use crate::config::tests::read;

fn total_mib(arguments: &[(&str, &str)]) -> u64 {
    let settings = read("domain = \"a.example\"", arguments).unwrap();
    Budget::of(&settings).total_bytes() >> 20
}

#[test]
fn the_smallest_settings_fit_a_small_board() {
    let small = [
        ("limits.connections", "50"),
        ("limits.handshakes", "10"),
        ("limits.stanza_bytes", "65536"),
        ("limits.buffers_mib", "1"),
        ("limits.queues_mib", "4"),
        ("limits.tail_mib", "1"),
        ("limits.record_cache_mib", "1"),
        ("limits.store_cache_mib", "4"),
    ];
    let total = total_mib(&small);
    assert!((16..=24).contains(&total), "{total} MiB");
}

/// A board with 512 MB, half of it for other things.
#[test]
fn the_defaults_fit_a_board() {
    let total = total_mib(&[]);
    assert!((128..=192).contains(&total), "{total} MiB");
}

#[test]
fn more_of_anything_costs_more() {
    let before = total_mib(&[]);
    for (key, value) in [
        ("limits.connections", "4000"),
        ("limits.handshakes", "400"),
        ("limits.buffers_mib", "64"),
        ("limits.queues_mib", "64"),
        ("limits.tail_mib", "64"),
        ("limits.record_cache_mib", "64"),
        ("limits.store_cache_mib", "64"),
    ] {
        assert!(total_mib(&[(key, value)]) > before, "{key}");
    }
}
