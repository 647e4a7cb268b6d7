//! The edge: sockets, TLS, and the only place that reads a clock.

pub(crate) mod address;
pub(crate) mod admit;
pub(crate) mod alarm;
pub(crate) mod certificate;
pub(crate) mod clock;
pub(crate) mod cord;
pub(crate) mod deadlines;
pub(crate) mod drive;
pub(crate) mod entropy;
pub(crate) mod hub;
pub(crate) mod inside;
pub(crate) mod ledger;
pub(crate) mod listen;
pub(crate) mod mdns;
pub(crate) mod peer;
pub(crate) mod pipe;
pub(crate) mod routes;
pub(crate) mod secret_file;
pub(crate) mod tap;
pub(crate) mod tls;
pub(crate) mod web;
pub(crate) mod wires;
pub(crate) mod x509;

#[cfg(test)]
mod tests;
