//! Numbers that name things, one type each, so that no number is handed over as another.

use std::fmt;

/// A client session of this process: never reused while the process lives.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct SessionId(pub(crate) u64);

/// A session of stream management (XEP-0198): 128 random bits, the same on every node.
///
/// It is half of the resumption id that the client holds, so it must come from
/// [`Entropy`](crate::base::random::Entropy), and it does not print.
#[derive(Clone, Copy, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct SmKey(pub(crate) u128);

/// The place of an evaluated input in the order of its node.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Ticket(pub(crate) u64);

/// One life of a session's stream: a resumed session has the next one.
///
/// Input that still carries an older one is from a connection that was replaced, and is dropped.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Incarnation(pub(crate) u64);

/// An uploaded file among those of its owner (XEP-0363). Drawn at random, for one slot.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct FileId(pub(crate) u128);

impl Ticket {
    pub(crate) fn next(self) -> Self {
        Self(self.0.wrapping_add(1))
    }
}

impl fmt::Debug for SmKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SmKey(..)")
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
