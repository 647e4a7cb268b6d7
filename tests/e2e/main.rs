//! Real clients against the real program, each test with a server of its own.
//!
//! The clients are other people's programs: slixmpp (Python), @xmpp/client (Node.js), profanity (a terminal) and
//! Smack's integration tests (Java), Converse (a browser). `tests/run` installs them and runs these tests; by hand it is
//!
//! ```text
//! tests/e2e/clients/install && cargo test --test e2e -- --include-ignored
//! ```
//!
//! What a client does and expects stands in its own language in `tests/e2e/clients`, and runs without Rust as well.

#![expect(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test reports by panicking"
)]

#[path = "../generator/mod.rs"]
mod generator;

mod apart;
mod away;
mod backup;
mod clients;
mod dev_pair;
mod halt;
mod harness;
mod mirror;
mod pair;
mod process;
mod resume;
mod upgrade;
mod web;
