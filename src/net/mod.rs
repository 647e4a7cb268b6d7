//! The edge: sockets, TLS, the clock.
