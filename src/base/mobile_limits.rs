//! Limits of what is for phones: held stanzas, lean presence, pushes, invitations, reports.

/// Stanzas held back for a client that nobody looks at (XEP-0352), and their bytes.
///
/// Of a presence, a chat state and a published item the last is held only, so that a roster of some hundreds fits.
/// Beyond either everything goes out at once, and holding begins anew.
pub(crate) const HELD_ITEMS_MAX: usize = 512;
pub(crate) const HELD_BYTES_MAX: usize = 65_536;
const _: () = assert!(HELD_ITEMS_MAX < crate::base::limits::QUEUE_ITEMS_MAX);
const _: () = assert!(HELD_BYTES_MAX < crate::base::limits::QUEUE_BYTES_MAX);

/// Resources whose capabilities one client is known to have (XEP-0115 section 8.4).
///
/// Eight bytes each: the presence itself is in memory with its account, or an older one while the newer stands in the
/// reader's queue. Presence of further resources is written whole.
pub(crate) const CAPS_TOLD_MAX: usize = 256;

/// How long the word of a room that does not name the reader is held, in milliseconds.
///
/// A busy room wakes a phone twice a minute rather than with each line. What is to one person never waits.
pub(crate) const HELD_ROOM_MS: u64 = 30_000;

/// Longest message of a room that is looked through for the reader's nickname, in bytes.
///
/// A longer one is not held.
pub(crate) const MENTION_BYTES_MAX: usize = 4_096;

/// Services that are told what waits for one account (XEP-0357).
///
/// One for each client, and some left over from earlier installations. Beyond it the oldest is dropped.
pub(crate) const PUSH_SERVICES_MAX: usize = 16;

/// Longest address of a push service and name of a node there, together, and longest form that goes along, in bytes.
///
/// Names of devices have some hundreds. What is longer is refused with `not-acceptable`.
pub(crate) const PUSH_NAME_BYTES_MAX: usize = 1_024;
pub(crate) const PUSH_OPTIONS_BYTES_MAX: usize = 4_096;

/// Shortest time between two notifications for one client, in milliseconds.
///
/// The first goes out at once; what comes until then is in the number that the next one tells.
pub(crate) const PUSH_PAUSE_MS: u64 = 10_000;

/// How long a client may leave messages uncounted before its service is told, in milliseconds: one that its user
/// looks at, and one that said it is inactive.
pub(crate) const PUSH_SILENT_MS: u64 = 30_000;
pub(crate) const PUSH_POCKET_MS: u64 = 5_000;

/// Clients of which notifications are counted at one time.
///
/// Some 300 bytes each, and at worst an address and the longest name. Beyond it those are forgotten that were told and
/// have not come back, and then there are no more until some are done.
pub(crate) const PUSHES_MAX: usize = 256;
pub(crate) const PUSH_BYTES: usize = crate::base::limits::JID_BYTES_MAX + PUSH_NAME_BYTES_MAX;

/// Invitations that are good at one time, in all and of one user who is no administrator.
///
/// Some 200 bytes each, in memory with the node's rows. The next one gets `resource-constraint`.
pub(crate) const INVITES_MAX: usize = 1_000;
pub(crate) const INVITES_PER_USER_MAX: usize = 20;

/// How long an invitation whose time is over is kept for who has begun to register with it, in milliseconds.
pub(crate) const INVITE_GRACE_MS: u64 = 3_600_000;

/// Longest word of an invitation that is looked at, in bytes. The server's own have 32.
pub(crate) const INVITE_WORD_BYTES_MAX: usize = 128;
