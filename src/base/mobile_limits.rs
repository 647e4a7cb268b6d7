//! Limits of what is for phones: held stanzas, pushes, invitations, reports.

/// Stanzas held back for a client that nobody looks at (XEP-0352), and their bytes.
///
/// Of a presence, a chat state and a published item the last is held only, so that a roster of some hundreds fits.
/// Beyond either everything goes out at once, and holding begins anew.
pub(crate) const HELD_ITEMS_MAX: usize = 512;
pub(crate) const HELD_BYTES_MAX: usize = 65_536;
const _: () = assert!(HELD_ITEMS_MAX < crate::base::limits::QUEUE_ITEMS_MAX);
const _: () = assert!(HELD_BYTES_MAX < crate::base::limits::QUEUE_BYTES_MAX);

/// How long the word of a room that does not name the reader is held, in milliseconds.
///
/// A busy room wakes a phone twice a minute rather than with each line. What is to one person never waits.
pub(crate) const HELD_ROOM_MS: u64 = 30_000;

/// Longest message of a room that is looked through for the reader's nickname, in bytes.
///
/// A longer one is not held.
pub(crate) const MENTION_BYTES_MAX: usize = 4_096;
