//! Bounds on what rooms keep beside their messages.

use crate::base::limits::OPS_PER_ENTRY_MAX;

/// Largest vCard of a room with its picture (XEP-0486), in bytes.
///
/// It is in memory with the room. Clients send pictures of some 10 KB. A larger one is refused with
/// `resource-constraint`.
pub(crate) const ROOM_VCARD_BYTES_MAX: usize = 32 << 10;

/// Pictures in the vCard of a room: the same one in several formats (XEP-0486 section 5.1).
///
/// Each is hashed once, when it is set. More are refused with `not-acceptable`.
pub(crate) const ROOM_PICTURES_MAX: usize = 4;

/// Rooms that one search finds (XEP-0433).
///
/// Their texts are some 3 KB each at most. Those with the greater addresses are not found.
pub(crate) const CHANNELS_FOUND_MAX: usize = 1_000;

/// Words that one search looks for, and letters of all of them; more are refused with `bad-request`.
pub(crate) const SEARCH_WORDS_MAX: usize = 8;
pub(crate) const SEARCH_BYTES_MAX: usize = 256;

/// Users who wait for membership of one room (XEP-0045 section 7.10). The next is refused with `resource-constraint`.
pub(crate) const APPLICANTS_MAX: usize = 100;

/// How long somebody waits for membership, in milliseconds: 30 days. Then the request is as if it had never been.
pub(crate) const APPLICANT_MS: u64 = 30 * 24 * 3_600 * 1_000;

/// Owners and admins who are asked whether somebody may become a member, owners first.
///
/// Each gets a message of its own. The others see the list of members.
pub(crate) const ADMINS_ASKED_MAX: usize = 20;

/// Hats of one room, and hats that are worn there by all (XEP-0317); more are refused with `resource-constraint`.
///
/// Whoever wears one changes with it, in one entry of the log.
pub(crate) const HATS_MAX: usize = 50;
pub(crate) const HATS_WORN_MAX: usize = 100;
const _: () = assert!(2 * HATS_WORN_MAX + 30 < OPS_PER_ENTRY_MAX);

/// Longest address and longest title of a hat, in bytes: both are in every presence of who wears it.
///
/// A longer one is refused with `not-acceptable`.
pub(crate) const HAT_BYTES_MAX: usize = 256;

/// Hats that one user wears in a room. More are refused with `resource-constraint`.
pub(crate) const HATS_OF_ONE_MAX: usize = 5;

/// Messages of an archive that are looked at for the one that its sender takes back (XEP-0424).
///
/// Some 40 us where none is of that conversation. What is further back stays; clients know of the retraction.
pub(crate) const RETRACTED_LOOKED_AT_MAX: usize = 1_000;

/// Deliveries of one stanza that count as one more stanza of who has sent it.
///
/// 2,000 a second at the default of 200 stanzas: ten messages a second to a room of 200. Each costs some 4
/// microseconds of the one thread.
pub(crate) const DELIVERIES_PER_STANZA: u64 = 10;

/// Fewer count for nothing: people who talk, their devices, a few contacts.
pub(crate) const DELIVERIES_FREE: usize = 16;

/// Who was read more slowly is read again at most so late.
pub(crate) const DELIVERIES_LOOK_MS: u64 = 1_000;
