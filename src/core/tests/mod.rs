//! Scenarios of the core with virtual time.

mod apart;
mod binding;
mod duo;
mod follower;
mod harness;
mod pair;
mod resume;
mod soak;
mod waits;
