//! Scenarios of the core with virtual time.

mod binding;
mod farewell;
mod follower;
mod harness;
mod holdings;
mod resume;
mod rooms;
mod waits;
