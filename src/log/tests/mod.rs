//! The log over a disk that forgets, tears and fails.

mod cost;
mod crash;
mod credit;
mod damage;
mod harness;
mod read;
mod script;
