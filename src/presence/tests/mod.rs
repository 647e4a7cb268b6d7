//! Presence, clause by clause (RFC 6121 section 4).

mod broadcast;
mod directed;
mod probes;
