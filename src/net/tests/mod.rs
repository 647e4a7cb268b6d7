//! The edge, over memory and real folders.

mod admit;
mod certificate;
mod crowd;
mod drive;
mod tls;
mod web;
