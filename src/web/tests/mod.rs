//! The protocols of the web door, without sockets.

mod websocket;
