//! The protocols of the web door, without sockets.

mod bosh;
mod websocket;
