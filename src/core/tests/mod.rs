//! Scenarios of the core with virtual time.

mod follower;
mod harness;
mod resume;
mod waits;
