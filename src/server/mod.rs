//! Glue: threads, the order of starting and stopping.

pub(crate) mod admin;
pub(crate) mod backup;
mod calendar;
pub(crate) mod control;
pub(crate) mod dev;
mod doors;
mod ended;
mod files;
mod halt;
mod handover;
pub(crate) mod hub;
pub(crate) mod invite;
mod lan;
pub(crate) mod log_sink;
pub(crate) mod pair;
pub(crate) mod perform;
mod plan;
pub(crate) mod portable;
pub(crate) mod reload;
pub(crate) mod restart;
mod retention;
pub(crate) mod run;
mod run_error;
mod signals;
pub(crate) mod start;
#[cfg(test)]
mod tests;
pub(crate) mod translate;
