//! Who may connect and who has to wait: strangers get little, and those who guess passwords get less.
//!
//! Counts per address in a bounded table, with time handed in. An address is one IPv4 address or one
//! IPv6 network of 64 bits, which is what a household or an attacker has for nothing.
//!
//! Guesses are slowed down per address and not per account, so that nobody can lock somebody else out. Each
//! attempt from an address that has failed too often takes the next free place in a queue whose places
//! lie further apart with each failure; many connections at once do not help.
//!
//! Nobody can lock everybody out by saying nothing, either: one address has at most half of the places for strangers that
//! the others leave.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use crate::base::limits::LOGIN_DELAY_MS_MAX;
use crate::base::limits::LOGIN_DELAY_MS_MIN;
use crate::base::limits::LOGIN_FAILURE_MEMORY_MS;
use crate::base::limits::WATCHED_ADDRESSES_MAX;
use crate::base::time::Monotonic;

/// What may be changed while the server runs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AdmitSettings {
    pub(crate) connections_max: usize,
    pub(crate) connections_per_address_max: usize,
    /// Connections that have not logged in.
    pub(crate) strangers_max: usize,
    /// Failures that cost nothing.
    pub(crate) free_failures: u32,
}

/// The counts. One for all listeners.
#[derive(Debug)]
pub(crate) struct Admission {
    settings: AdmitSettings,
    connections: usize,
    strangers: usize,
    addresses: BTreeMap<Network, Address>,
}

/// A connection that was let in. It has to be handed back with [`Admission::handle_end`].
#[derive(Debug)]
#[must_use = "a seat that is dropped stays taken"]
pub(crate) struct Seat {
    network: Network,
    is_stranger: bool,
}

/// Why a connection is closed at once.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Refusal {
    Full {
        max: usize,
    },
    StrangersFull {
        max: usize,
    },
    AddressFull {
        max: usize,
    },
    /// Half of the places that other addresses leave.
    AddressStrangers {
        max: usize,
    },
}

/// How long an attempt to log in has to wait.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Attempt {
    After {
        ms: u64,
    },
    /// Its place is further away than anybody should wait.
    Refused,
}

#[derive(Debug, Default)]
struct Address {
    connections: usize,
    strangers: usize,
    failures: u32,
    last_failure: Monotonic,
    /// When the next attempt may be looked at.
    next_attempt: Monotonic,
}

/// The first 64 bits of an IPv6 address, or an IPv4 address as IPv6 maps it.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Network(u128);

impl Admission {
    pub(crate) fn new(settings: AdmitSettings) -> Self {
        Self {
            settings,
            connections: 0,
            strangers: 0,
            addresses: BTreeMap::new(),
        }
    }

    /// Connections that are there stay, whatever the new limits are.
    pub(crate) fn set(&mut self, settings: AdmitSettings) {
        self.settings = settings;
    }

    /// False: leave the next connection in the system's queue, where it costs nothing.
    pub(crate) fn has_seat_for_stranger(&self) -> bool {
        self.strangers < self.settings.strangers_max
    }

    pub(crate) fn handle_connection(&mut self, from: IpAddr) -> Result<Seat, Refusal> {
        let settings = self.settings;
        if self.connections >= settings.connections_max {
            let max = settings.connections_max;
            return Err(Refusal::Full { max });
        }
        if self.strangers >= settings.strangers_max {
            let max = settings.strangers_max;
            return Err(Refusal::StrangersFull { max });
        }
        let network = Network::of(from);
        let address = self.addresses.entry(network).or_default();
        // Everybody behind a proxy or a tunnel on this machine has its address.
        let is_bounded = !from.to_canonical().is_loopback();
        if is_bounded && address.connections >= settings.connections_per_address_max {
            let max = settings.connections_per_address_max;
            return Err(Refusal::AddressFull { max });
        }
        let others = self.strangers.saturating_sub(address.strangers);
        let max = settings.strangers_max.saturating_sub(others).div_ceil(2);
        if is_bounded && address.strangers >= max {
            return Err(Refusal::AddressStrangers { max });
        }
        address.connections += 1;
        address.strangers += 1;
        self.connections += 1;
        self.strangers += 1;
        Ok(Seat {
            network,
            is_stranger: true,
        })
    }

    /// Credentials have arrived; they may be looked at after the wait.
    pub(crate) fn handle_attempt(&mut self, seat: &Seat, now: Monotonic) -> Attempt {
        let free = self.settings.free_failures;
        let Some(address) = self.addresses.get_mut(&seat.network) else {
            return Attempt::After { ms: 0 };
        };
        address.forget(now);
        let Some(beyond) = address.failures.checked_sub(free) else {
            return Attempt::After { ms: 0 };
        };
        let place = address.next_attempt.max(now);
        let wait_ms = place.since_ms(now);
        if wait_ms > LOGIN_DELAY_MS_MAX {
            return Attempt::Refused;
        }
        address.next_attempt = place.plus_ms(delay_ms(beyond));
        Attempt::After { ms: wait_ms }
    }

    pub(crate) fn handle_failure(&mut self, seat: &Seat, now: Monotonic) {
        let free = self.settings.free_failures;
        let Some(address) = self.addresses.get_mut(&seat.network) else {
            return;
        };
        address.forget(now);
        address.failures = address.failures.saturating_add(1);
        address.last_failure = now;
        if let Some(beyond) = address.failures.checked_sub(free) {
            let place = now.plus_ms(delay_ms(beyond));
            address.next_attempt = address.next_attempt.max(place);
        }
    }

    /// The seat is an account's from now on. Failures stay counted: anybody may have one good password.
    pub(crate) fn handle_login(&mut self, seat: &mut Seat) {
        if std::mem::take(&mut seat.is_stranger) {
            self.forget_stranger(seat.network);
        }
    }

    fn forget_stranger(&mut self, network: Network) {
        self.strangers = self.strangers.saturating_sub(1);
        if let Some(address) = self.addresses.get_mut(&network) {
            address.strangers = address.strangers.saturating_sub(1);
        }
    }

    #[expect(clippy::needless_pass_by_value, reason = "the seat is handed back")]
    pub(crate) fn handle_end(&mut self, seat: Seat, now: Monotonic) {
        let Seat {
            network,
            is_stranger,
        } = seat;
        self.connections = self.connections.saturating_sub(1);
        if is_stranger {
            self.forget_stranger(network);
        }
        if let Some(address) = self.addresses.get_mut(&network) {
            address.connections = address.connections.saturating_sub(1);
            address.forget(now);
            if address.is_forgettable() {
                self.addresses.remove(&network);
            }
        }
        // Each connection adds one address at most, so that one sweep each is enough.
        if self.addresses.len() > self.connections + WATCHED_ADDRESSES_MAX {
            self.sweep(now);
        }
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections
    }

    #[cfg(test)]
    pub(crate) fn strangers(&self) -> usize {
        self.strangers
    }

    /// Addresses in the table.
    #[cfg(test)]
    pub(crate) fn watched(&self) -> usize {
        self.addresses.len()
    }

    /// Forgets what is old; if that is not enough, the address that has been quiet for the longest time.
    fn sweep(&mut self, now: Monotonic) {
        self.addresses.retain(|_, address| {
            address.forget(now);
            !address.is_forgettable()
        });
        if self.addresses.len() <= self.connections + WATCHED_ADDRESSES_MAX {
            return;
        }
        let idle = |address: &Address| address.connections == 0;
        let oldest = self
            .addresses
            .iter()
            .filter(|(_, address)| idle(address))
            .min_by_key(|(_, address)| address.last_failure)
            .map(|(network, _)| *network);
        if let Some(oldest) = oldest {
            self.addresses.remove(&oldest);
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (key, max) = match self {
            Self::Full { max } => ("limits.connections", max),
            Self::StrangersFull { max } => ("limits.handshakes", max),
            Self::AddressFull { max } => ("limits.connections_per_address", max),
            Self::AddressStrangers { max } => ("half of limits.handshakes that is left", max),
        };
        write!(f, "{key}={max}")
    }
}

impl Address {
    fn forget(&mut self, now: Monotonic) {
        if now.since_ms(self.last_failure) >= LOGIN_FAILURE_MEMORY_MS {
            self.failures = 0;
        }
    }

    fn is_forgettable(&self) -> bool {
        self.connections == 0 && self.failures == 0
    }
}

impl Network {
    fn of(address: IpAddr) -> Self {
        const HOST_BITS: u128 = (1 << 64) - 1;
        match address.to_canonical() {
            IpAddr::V4(address) => Self(address.to_ipv6_mapped().to_bits()),
            IpAddr::V6(address) => Self(address.to_bits() & !HOST_BITS),
        }
    }
}

/// Doubles with each failure.
fn delay_ms(failures_beyond: u32) -> u64 {
    let factor = 1_u64.checked_shl(failures_beyond).unwrap_or(u64::MAX);
    LOGIN_DELAY_MS_MIN
        .saturating_mul(factor)
        .min(LOGIN_DELAY_MS_MAX)
}
