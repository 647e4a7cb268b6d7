//! Scenarios of publish-subscribe.

mod errors;
mod known;
mod many;
mod pending;
mod pep;
mod quota;
mod rosters;
mod service;
mod square;
mod views;
