//! The tables against a plain model of them.

mod apply;
mod oracle;
mod query;
mod script;
