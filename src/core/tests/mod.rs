//! Scenarios of the core with virtual time.

mod binding;
mod duo;
mod follower;
mod harness;
mod holdings;
mod pair;
mod resume;
mod rooms;
mod waits;
