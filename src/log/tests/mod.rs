//! The log over a disk that forgets, tears and fails.

mod crash;
mod harness;
