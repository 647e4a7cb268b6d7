//! Every bound that no operator may change: its unit, its origin, and what happens beyond it.
//!
//! Bounds that an operator may change are keys of the settings (`config::keys`).

/// Largest settings file, in bytes.
///
/// The commented example has about 8 KiB. A larger file is refused: it is another one by mistake.
pub(crate) const SETTINGS_FILE_BYTES_MAX: u64 = 262_144;

/// Memory of the program before the first client, in bytes: code, heap, stacks of the threads.
///
/// Resident memory after the start; the target is 6 MiB.
pub(crate) const PROGRAM_BYTES: u64 = 6 << 20;

/// Memory of one encrypted connection at rest, in bytes: socket, TLS state, session.
///
/// The target for an idle session with TLS is 14 KiB.
pub(crate) const CONNECTION_BYTES: u64 = 14 << 10;

/// Memory of one TLS handshake under way beyond that, in bytes: certificates, flights, key schedule.
pub(crate) const HANDSHAKE_BYTES: u64 = 40 << 10;

/// Decrypted bytes that one connection may have waiting for its client to read them.
///
/// At this mark nothing more is taken from the session's queue, which then grows to its own limit.
pub(crate) const OUTPUT_BYTES_MAX: usize = 65_536;

/// Largest unfinished stanza before the login, in bytes.
///
/// A SASL message of RFC 6120 section 6.4 has a few KiB. Beyond it the stream ends with `policy-violation`,
/// so that strangers cannot make the server hold much.
pub(crate) const STRANGER_STANZA_BYTES_MAX: usize = 16_384;
const _: () = assert!(STRANGER_STANZA_BYTES_MAX >= 10_000);

/// Own bytes of one session's queue, and its items at sixteen bytes each.
///
/// Beyond either the session ends (a slow reader, or one that acknowledges nothing).
pub(crate) const QUEUE_BYTES_MAX: usize = 65_536;
pub(crate) const QUEUE_ITEMS_MAX: usize = 4_096;
pub(crate) const QUEUE_ITEM_BYTES: usize = 16;
