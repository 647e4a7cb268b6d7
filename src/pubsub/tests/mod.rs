//! Scenarios of publish-subscribe.

mod pep;
mod service;
mod square;
mod views;
