//! What is durable: rows, operations, log entries and their encoding.
//!
//! A *record* (an account, a room, the node) is a set of *rows*. An [`op::Op`] sets one row to an
//! absolute value, keeps a message, or changes something volatile; an [`entry::Entry`] is the ops
//! of one input under one [`position::Position`]. The tables, the copies on the other node and the
//! two states in memory are all made by applying entries in the order of the log.

pub(crate) mod abuse;
pub(crate) mod account;
pub(crate) mod claim;
pub(crate) mod codec;
pub(crate) mod contact;
pub(crate) mod copies;
mod crowd;
pub(crate) mod entry;
pub(crate) mod epochs;
pub(crate) mod fields;
pub(crate) mod file;
pub(crate) mod frontier;
pub(crate) mod invite;
pub(crate) mod level;
pub(crate) mod merge;
pub(crate) mod message;
pub(crate) mod op;
pub(crate) mod pair;
pub(crate) mod parted;
pub(crate) mod peer;
pub(crate) mod position;
pub(crate) mod pubsub;
pub(crate) mod push;
pub(crate) mod record;
pub(crate) mod retraction;
pub(crate) mod room;
mod room_rows;
pub(crate) mod row;
mod rows;
pub(crate) mod stanza;
pub(crate) mod stanza_id;
pub(crate) mod vector;

#[cfg(test)]
mod tests;
