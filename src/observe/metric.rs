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

/// Each with its name, in the order of the enum.
const NAMES: [(Metric, &str); COUNT] = [
    (Metric::ConnectionsAccepted, "connections_accepted"),
    (Metric::ConnectionsRefused, "connections_refused"),
    (Metric::AcceptFailures, "accept_failures"),
    (Metric::TlsHandshakes, "tls_handshakes"),
    (Metric::TlsFailures, "tls_failures"),
    (Metric::Logins, "logins"),
    (Metric::LoginFailures, "login_failures"),
    (Metric::LoginsDelayed, "logins_delayed"),
    (Metric::StreamErrors, "stream_errors"),
    (Metric::ClientsStalled, "clients_stalled"),
    (Metric::BytesReceived, "bytes_received"),
    (Metric::BytesSent, "bytes_sent"),
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

/// Name and value of every counter.
pub(crate) fn all() -> impl Iterator<Item = (&'static str, u64)> {
    NAMES
        .iter()
        .zip(&COUNTERS)
        .map(|((_, name), counter)| (*name, counter.load(Ordering::Relaxed)))
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
        for (index, (metric, _)) in NAMES.into_iter().enumerate() {
            assert_eq!(place(metric), index, "{metric:?}");
        }
    }

    #[test]
    fn a_counter_grows_by_what_is_added() {
        let value = || {
            all()
                .find(|(name, _)| *name == "clients_stalled")
                .unwrap()
                .1
        };
        let before = value();
        count(Metric::ClientsStalled);
        add(Metric::ClientsStalled, 2);
        // Other tests may count meanwhile.
        assert!(value() - before >= 3);
    }
}
