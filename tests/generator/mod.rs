//! A client generator of its own: XMPP clients and servers under test, without a line of the server's code.
//!
//! `tests/load` measures with it, `tests/crash` keeps promises with it. What a server sends is read by
//! [`xml`], logins are made by [`scram`], a client's stream is [`client`], its files are [`upload`], in a browser [`web`],
//! and [`server`] starts Meerkat or a peer in a folder of its own.
//!
//! The generator is strict about what it checks and relaxed about the rest: it reads only what the
//! servers that it drives really send.

#![allow(
    clippy::allow_attributes,
    dead_code,
    reason = "shared by two programs, each of which uses a part"
)]

pub(crate) mod board;
pub(crate) mod client;
pub(crate) mod process;
pub(crate) mod scram;
pub(crate) mod server;
pub(crate) mod upload;
pub(crate) mod web;
pub(crate) mod xml;

use std::fmt;
use std::io;

/// Why a generated client or a started server could not go on.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The connection broke: what a killed server does to its clients.
    Lost(io::Error),
    /// The other side said something that the generator did not expect, or said it wrongly.
    Unexpected(String),
}

pub(crate) type Outcome<T> = Result<T, Failure>;

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Lost(error)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lost(error) => write!(out, "connection lost: {error}"),
            Self::Unexpected(what) => write!(out, "unexpected: {what}"),
        }
    }
}

pub(crate) fn unexpected<T>(what: impl Into<String>) -> Outcome<T> {
    Err(Failure::Unexpected(what.into()))
}
