//! A small chat server: XMPP in one binary, alone on a board or as a mirrored pair.
//!
//! The layers, from the ground up. A module uses rows below its own only; `tests/tidy.rs` checks it.
//!
//! | row | modules | what they are |
//! |---|---|---|
//! | 0 | `base` | addresses, identifiers, time, limits |
//! | 1 | `observe`, `xml` | log lines and counters; bytes to elements |
//! | 2 | `stanza`, `sasl`, `model` | the protocol's vocabulary; what is durable |
//! | 3 | `effect` | proposals, sends and views: how features speak to the core |
//! | 4 | `log`, `store`, `http`, `c2s` | machines and tables |
//! | 5 | `account`, `archive`, `disco`, `muc`, `presence`, `pubsub`, `push`, `roster`, `upload` | features: evaluate and deliver |
//! | 6 | `route` | who gets a stanza |
//! | 7 | `core` | evaluate, number, deliver: pure and deterministic |
//! | 8 | `mirror`, `web` | the two boards of a pair: one log, two branches, a merge; what is behind which URL |
//! | 9 | `net` | sockets, TLS, the clock |
//! | 10 | `config`, `server` | settings and glue |
//! | 11 | `cli` | the command line |

mod account;
mod archive;
mod base;
mod c2s;
mod cli;
mod config;
mod core;
mod disco;
mod effect;
mod http;
mod log;
mod mirror;
mod model;
mod muc;
mod net;
mod observe;
mod presence;
mod pubsub;
mod push;
mod roster;
mod route;
mod sasl;
mod server;
mod stanza;
mod store;
#[doc(hidden)]
pub mod testing;
mod upload;
mod web;
mod xml;

use std::process::ExitCode;

/// Runs the command line; the exit code is 0 (done), 1 (failed with a reason) or 2 (wrong usage).
pub fn main() -> ExitCode {
    let words: Vec<String> = std::env::args_os()
        .skip(1)
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    cli::run(&words)
}
