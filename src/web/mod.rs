//! What is behind which URL, without a socket: routes and the documents that are made here.
//!
//! `net::web` reads requests and sends answers; what they mean is decided here.

pub(crate) mod bosh;
pub(crate) mod files;
pub(crate) mod fuzz;
pub(crate) mod host_meta;
pub(crate) mod route;
pub(crate) mod settings;
pub(crate) mod split;
#[cfg(test)]
mod tests;
pub(crate) mod websocket;

pub(crate) use route::Route;
pub(crate) use settings::Settings;
