//! A whole node over memory, without sockets.

mod clocks;
mod house;
mod pages;
mod retention;
