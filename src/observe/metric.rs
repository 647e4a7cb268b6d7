//! Counters of fixed number, cheap enough for every stanza.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

/// What is counted since the start. The names are a contract with scripts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Metric {
    ConnectionsAccepted,
    ConnectionsRefused,
    AcceptFailures,
    TlsHandshakes,
    TlsFailures,
    Logins,
    LoginFailures,
    LoginsDelayed,
    StreamErrors,
    ClientsStalled,
    BytesReceived,
    BytesSent,
}

const COUNT: usize = 12;

/// Name and meaning of each, in the order of the enum.
const DESCRIPTIONS: [(Metric, &str, &str); COUNT] = [
    (
        Metric::ConnectionsAccepted,
        "connections_accepted",
        "connections that were let in",
    ),
    (
        Metric::ConnectionsRefused,
        "connections_refused",
        "connections beyond a limit, closed at once",
    ),
    (
        Metric::AcceptFailures,
        "accept_failures",
        "connections that the system could not hand over",
    ),
    (
        Metric::TlsHandshakes,
        "tls_handshakes",
        "encrypted connections that came about",
    ),
    (
        Metric::TlsFailures,
        "tls_failures",
        "encrypted connections that did not",
    ),
    (Metric::Logins, "logins", "sessions that were bound"),
    (
        Metric::LoginFailures,
        "login_failures",
        "wrong names, passwords or tokens",
    ),
    (
        Metric::LoginsDelayed,
        "logins_delayed",
        "logins that had to wait after failures",
    ),
    (
        Metric::StreamErrors,
        "stream_errors",
        "streams that ended with an error",
    ),
    (
        Metric::ClientsStalled,
        "clients_stalled",
        "clients that took nothing for too long",
    ),
    (
        Metric::BytesReceived,
        "bytes_received",
        "bytes from clients, on the wire",
    ),
    (
        Metric::BytesSent,
        "bytes_sent",
        "bytes to clients, on the wire",
    ),
];

static COUNTERS: [AtomicU64; COUNT] = [const { AtomicU64::new(0) }; COUNT];

pub(crate) fn count(metric: Metric) {
    add(metric, 1);
}

/// Relaxed: nothing is ordered by a counter.
pub(crate) fn add(metric: Metric, amount: u64) {
    if let Some(counter) = COUNTERS.get(place(metric)) {
        counter.fetch_add(amount, Ordering::Relaxed);
    }
}

/// Name, meaning and value of every counter.
pub(crate) fn all() -> impl Iterator<Item = (&'static str, &'static str, u64)> {
    DESCRIPTIONS
        .iter()
        .zip(&COUNTERS)
        .map(|((_, name, meaning), counter)| (*name, *meaning, counter.load(Ordering::Relaxed)))
}

#[expect(clippy::as_conversions, reason = "the number of a variant")]
const fn place(metric: Metric) -> usize {
    metric as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_counter_stands_in_its_place() {
        for (index, (metric, ..)) in DESCRIPTIONS.into_iter().enumerate() {
            assert_eq!(place(metric), index, "{metric:?}");
        }
    }

    #[test]
    fn a_counter_grows_by_what_is_added() {
        let value = || {
            all()
                .find(|(name, ..)| *name == "clients_stalled")
                .unwrap()
                .2
        };
        let before = value();
        count(Metric::ClientsStalled);
        add(Metric::ClientsStalled, 2);
        // Other tests may count meanwhile.
        assert!(value() - before >= 3);
    }
}
