//! A whole node over memory, without sockets.

mod house;
mod pages;
mod retention;
