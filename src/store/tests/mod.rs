//! The tables against a plain model of them.

mod apply;
mod backup;
mod crash;
mod oracle;
mod query;
mod script;
