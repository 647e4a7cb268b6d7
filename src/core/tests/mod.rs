//! Scenarios of the core with virtual time.

mod apart;
mod binding;
mod copies;
mod csi;
mod disowned;
mod duo;
mod engine;
mod farewell;
mod fields;
mod follower;
mod harness;
mod holdings;
mod hostile;
mod nodes;
mod pair;
mod pending;
mod pushes;
mod reach;
mod restart;
mod resume;
mod room_rows;
mod rooms;
mod service;
mod soak;
mod survive;
mod waits;
