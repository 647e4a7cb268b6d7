//! Scenarios of publish-subscribe.

mod errors;
mod pending;
mod pep;
mod quota;
mod service;
mod square;
mod views;
