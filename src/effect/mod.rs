//! How behaviour talks to the world without touching it.
//!
//! A feature has two faces. *Evaluate* runs on the node of the sender: it reads a [`view::View`]
//! and returns a [`proposal::Proposal`] (what should change, guarded by what it read) or says what
//! stops it. *Deliver* runs on every node when the change is committed: it reads the delivered
//! state as it was before the op and returns [`sends::Sends`] to the sessions of its own node.
//! Neither sends, stores, waits, or looks at a clock.

pub(crate) mod caps;
pub(crate) mod fits;
pub(crate) mod invite;
mod known;
pub(crate) mod people;
pub(crate) mod proposal;
pub(crate) mod query;
pub(crate) mod records;
pub(crate) mod request;
pub(crate) mod sends;
pub(crate) mod settings;
pub(crate) mod state;
pub(crate) mod target;
pub(crate) mod view;
