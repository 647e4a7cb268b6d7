//! A whole node over memory, without sockets.

mod admins;
mod clocks;
mod house;
mod pages;
mod retention;
