//! The edge, over memory and real folders.

mod admit;
mod certificate;
mod drive;
mod tls;
