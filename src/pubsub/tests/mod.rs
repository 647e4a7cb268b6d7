//! Scenarios of publish-subscribe.

mod pep;
mod quota;
mod service;
mod square;
mod views;
