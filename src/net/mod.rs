//! The edge: sockets, TLS, and the only place that reads a clock.

pub(crate) mod address;
pub(crate) mod admit;
pub(crate) mod certificate;
pub(crate) mod clock;
pub(crate) mod deadlines;
pub(crate) mod pipe;
pub(crate) mod tls;
pub(crate) mod x509;

#[cfg(test)]
mod tests;
