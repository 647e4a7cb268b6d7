//! The tables against a plain model of them.

mod alias;
mod apply;
mod backup;
mod compare;
mod cost;
mod crash;
mod digest;
mod oracle;
mod people;
mod query;
mod retention;
mod retract;
mod script;
mod search;
mod streams;
