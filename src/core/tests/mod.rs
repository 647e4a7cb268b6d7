//! Scenarios of the core with virtual time.

mod binding;
mod duo;
mod follower;
mod harness;
mod pair;
mod resume;
mod waits;
