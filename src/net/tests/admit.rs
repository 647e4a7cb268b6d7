//! Limits on connections and guesses, with virtual time.

use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::Ipv6Addr;

use crate::base::limits::LOGIN_DELAY_MS_MAX;
use crate::base::limits::LOGIN_FAILURE_MEMORY_MS;
use crate::base::limits::WATCHED_ADDRESSES_MAX;
use crate::base::time::Monotonic;
use crate::net::admit::Admission;
use crate::net::admit::AdmitSettings;
use crate::net::admit::Attempt;
use crate::net::admit::Refusal;
use crate::net::admit::Seat;

const SETTINGS: AdmitSettings = AdmitSettings {
    connections_max: 4,
    connections_per_address_max: 3,
    strangers_max: 3,
    free_failures: 3,
};

fn v4(last: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(192, 0, 2, last))
}

fn seats(admission: &mut Admission, addresses: &[IpAddr]) -> Vec<Seat> {
    let mut seat = |address: &IpAddr| admission.handle_connection(*address).unwrap();
    addresses.iter().map(&mut seat).collect()
}

#[test]
fn each_limit_refuses_the_next_connection() {
    let mut admission = Admission::new(SETTINGS);
    let mut seats = seats(&mut admission, &[v4(1), v4(1), v4(2)]);
    let refused = admission.handle_connection(v4(3)).unwrap_err();
    assert_eq!(refused, Refusal::StrangersFull { max: 3 });

    for seat in &mut seats {
        admission.handle_login(seat);
    }
    admission.handle_end(seats.pop().unwrap(), Monotonic(0));
    let mut third = admission.handle_connection(v4(1)).unwrap();
    admission.handle_login(&mut third);
    let refused = admission.handle_connection(v4(1)).unwrap_err();
    assert_eq!(refused, Refusal::AddressFull { max: 3 });

    seats.push(admission.handle_connection(v4(2)).unwrap());
    let refused = admission.handle_connection(v4(3)).unwrap_err();
    assert_eq!(refused, Refusal::Full { max: 4 });
}

/// Connections that say nothing cost nothing, so that anybody has many.
#[test]
fn one_address_leaves_places_for_strangers_to_others() {
    let settings = AdmitSettings {
        connections_max: 100,
        connections_per_address_max: 100,
        strangers_max: 16,
        ..SETTINGS
    };
    let mut admission = Admission::new(settings);
    let mut fill = |host| {
        let mut seats = Vec::new();
        loop {
            match admission.handle_connection(v4(host)) {
                Ok(seat) => seats.push(seat),
                Err(refused) => return (seats, refused),
            }
        }
    };
    let mut kept = Vec::new();
    for (host, max) in [(1, 8), (2, 4), (3, 2), (4, 1)] {
        let (seats, refused) = fill(host);
        assert_eq!(
            (seats.len(), refused),
            (max, Refusal::AddressStrangers { max })
        );
        kept.push(seats);
    }
    // Who logs in is no stranger any more, and makes room.
    for seat in &mut kept[1] {
        admission.handle_login(seat);
    }
    assert!(admission.handle_connection(v4(2)).is_ok());
    // Everybody behind a proxy on this machine has its address.
    let proxy = IpAddr::V4(Ipv4Addr::LOCALHOST);
    while admission.has_seat_for_stranger() {
        kept.push(vec![admission.handle_connection(proxy).unwrap()]);
    }
}

#[test]
fn a_seat_that_is_handed_back_is_free() {
    let mut admission = Admission::new(SETTINGS);
    for _ in 0..10 {
        let mut seats = seats(&mut admission, &[v4(1), v4(1), v4(2)]);
        admission.handle_login(&mut seats[0]);
        for seat in seats {
            admission.handle_end(seat, Monotonic(0));
        }
    }
    assert_eq!((admission.connections(), admission.strangers()), (0, 0));
}

#[test]
fn a_household_is_one_address() {
    let host = |host: u16| IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 7, 0, 0, 0, host));
    let mapped = IpAddr::V6(Ipv4Addr::new(192, 0, 2, 1).to_ipv6_mapped());
    let settings = AdmitSettings {
        connections_per_address_max: 1,
        ..SETTINGS
    };
    let mut admission = Admission::new(settings);
    let _seats = seats(&mut admission, &[host(1), v4(1)]);

    let refused = Err(Refusal::AddressFull { max: 1 });
    assert_eq!(admission.handle_connection(host(2)).map(drop), refused);
    assert_eq!(admission.handle_connection(mapped).map(drop), refused);
}

/// One guess after the other from one address, each as soon as it may be.
fn guess(admission: &mut Admission, seat: &Seat, now: &mut Monotonic) -> u64 {
    let Attempt::After { ms } = admission.handle_attempt(seat, *now) else {
        panic!("refused at {now:?}");
    };
    *now = now.plus_ms(ms);
    admission.handle_failure(seat, *now);
    ms
}

#[test]
fn guesses_wait_longer_and_longer() {
    let mut admission = Admission::new(SETTINGS);
    let seat = admission.handle_connection(v4(1)).unwrap();
    let mut now = Monotonic(5_000);

    let waits: Vec<u64> = (0..8)
        .map(|_| guess(&mut admission, &seat, &mut now))
        .collect();
    assert_eq!(waits, [0, 0, 0, 1_000, 2_000, 4_000, 8_000, 16_000]);
    let longest = (0..20)
        .map(|_| guess(&mut admission, &seat, &mut now))
        .max();
    assert_eq!(longest, Some(LOGIN_DELAY_MS_MAX));
}

#[test]
fn many_connections_guess_no_faster_than_one() {
    let settings = AdmitSettings {
        connections_max: 100,
        connections_per_address_max: 100,
        strangers_max: 200,
        ..SETTINGS
    };
    let mut admission = Admission::new(settings);
    let seats = seats(&mut admission, &[v4(1); 100]);
    let mut now = Monotonic(0);
    for _ in 0..3 {
        guess(&mut admission, &seats[0], &mut now);
    }

    let places: Vec<Attempt> = seats
        .iter()
        .map(|seat| admission.handle_attempt(seat, now))
        .collect();
    let apart: Vec<Attempt> = (1..=100)
        .map(|place| Attempt::After { ms: place * 1_000 })
        .collect();
    assert_eq!(places, apart);
}

#[test]
fn a_place_too_far_away_is_refused() {
    let mut admission = Admission::new(SETTINGS);
    let seat = admission.handle_connection(v4(1)).unwrap();
    let mut now = Monotonic(0);
    for _ in 0..3 {
        guess(&mut admission, &seat, &mut now);
    }
    let within = LOGIN_DELAY_MS_MAX / 1_000;
    for _ in 0..within {
        assert_ne!(admission.handle_attempt(&seat, now), Attempt::Refused);
    }
    assert_eq!(admission.handle_attempt(&seat, now), Attempt::Refused);
}

#[test]
fn other_addresses_do_not_wait() {
    let mut admission = Admission::new(SETTINGS);
    let bad = admission.handle_connection(v4(1)).unwrap();
    let good = admission.handle_connection(v4(2)).unwrap();
    let mut now = Monotonic(0);
    for _ in 0..6 {
        guess(&mut admission, &bad, &mut now);
    }
    let attempt = admission.handle_attempt(&good, now);
    assert_eq!(attempt, Attempt::After { ms: 0 });
}

#[test]
fn failures_outlive_the_connection_and_are_forgotten_later() {
    let mut admission = Admission::new(SETTINGS);
    let mut now = Monotonic(0);
    for _ in 0..4 {
        let seat = admission.handle_connection(v4(1)).unwrap();
        guess(&mut admission, &seat, &mut now);
        admission.handle_end(seat, now);
    }
    let seat = admission.handle_connection(v4(1)).unwrap();
    let attempt = admission.handle_attempt(&seat, now);
    assert_eq!(attempt, Attempt::After { ms: 2_000 });

    let later = now.plus_ms(LOGIN_FAILURE_MEMORY_MS);
    let attempt = admission.handle_attempt(&seat, later);
    assert_eq!(attempt, Attempt::After { ms: 0 });
}

#[test]
fn the_table_of_addresses_stays_small() {
    let mut admission = Admission::new(SETTINGS);
    let hosts = u32::try_from(WATCHED_ADDRESSES_MAX + 500).unwrap();
    for host in 0..hosts {
        let from = IpAddr::V4(Ipv4Addr::from_bits(host));
        let seat = admission.handle_connection(from).unwrap();
        let now = Monotonic(u64::from(host));
        admission.handle_failure(&seat, now);
        admission.handle_end(seat, now);
    }
    assert_eq!(admission.watched(), WATCHED_ADDRESSES_MAX);
}
