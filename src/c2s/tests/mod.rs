//! Scenarios: a scripted client against the machine.

mod auth;
mod auth2;
mod bind;
mod fast;
mod limits;
mod login;
mod open;
mod pair;
mod register;
