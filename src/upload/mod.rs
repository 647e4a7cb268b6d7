//! Files of users (XEP-0363): the host that gives slots, and the rows that say whose a file is.
//!
//! ```text
//! client   <request/>  ->  a slot: one address for PUT, signed, and one for GET
//! client   PUT         ->  the bytes, by the web door; Open before they come, Keep when they are durable
//! anybody  GET         ->  Find
//! ```
//!
//! A slot is remembered by nobody until its file is kept: the row is what says that it was used.

mod content;
mod host;
mod keep;
mod name;
mod quota;
mod url;

pub(crate) use self::content::essence;
pub(crate) use self::content::shown;
pub(crate) use self::host::evaluate;
pub(crate) use self::keep::evaluate_ask;
pub(crate) use self::keep::outcome;
pub(crate) use self::url::PATH;
pub(crate) use self::url::parse_put;
