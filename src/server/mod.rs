//! Glue: threads, the order of starting and stopping.

pub(crate) mod admin;
pub(crate) mod log_sink;
