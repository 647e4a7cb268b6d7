//! The edge: sockets, TLS, and the only place that reads a clock.

pub(crate) mod address;
