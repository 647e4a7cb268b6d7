//! Limits of uploaded files (XEP-0363): slots, names, what is under way, and what is kept beside the quotas.

/// How long a slot is good, in milliseconds.
///
/// XEP-0363 section 8 recommends 300 s. Beyond it the upload gets 403 and the client asks for a new slot.
pub(crate) const SLOT_MS: u64 = 300_000;

/// Longest name of a file that is kept, in bytes. The middle of a longer one goes; its ending stays.
///
/// Percent-encoded three times that, far below [`HTTP_LINE_BYTES_MAX`](crate::base::web_limits::HTTP_LINE_BYTES_MAX).
pub(crate) const FILE_NAME_BYTES_MAX: usize = 120;

/// Longest content type, in bytes. A longer one is taken for none.
///
/// The longest that IANA lists has 90.
pub(crate) const CONTENT_TYPE_BYTES_MAX: usize = 127;

/// Uploads that are received at one time, and of these from one account. The next one gets 503.
///
/// Each holds a file, a connection and a piece of the body; see `Budget`.
pub(crate) const UPLOADS_MAX: usize = 32;
pub(crate) const UPLOADS_PER_ACCOUNT_MAX: usize = 4;
const _: () = assert!(UPLOADS_PER_ACCOUNT_MAX < UPLOADS_MAX);

/// What stays free on the disk for the log and the tables, in bytes.
///
/// An upload that would take of it gets 507.
pub(crate) const DISK_RESERVE_BYTES: u64 = 128 << 20;

/// How old a file is that nobody's row names before it goes, in seconds.
///
/// Longer than any upload takes from its last byte to its row, the way to the other board included.
pub(crate) const FILE_ORPHAN_SECONDS: u64 = 3_600;
const _: () = assert!(FILE_ORPHAN_SECONDS * 1_000 > 2 * (FILE_SHIP_MS + SLOT_MS));

/// Rows of expired files that one entry removes.
pub(crate) const FILE_EXPIRE_ROWS_MAX: usize = 64;

/// How long the way to the other board may take for one upload, in milliseconds, while both serve. Then the client gets 503.
///
/// If the other board is lost meanwhile, this one goes on alone and does not wait.
pub(crate) const FILE_SHIP_MS: u64 = 120_000;

/// Connections with the other board that are for files: of the board that dials, those over which it asks, and those it
/// keeps so that the other one can ask.
pub(crate) const FILE_LINES: usize = 2;

/// Bytes of a file that travel as one piece.
pub(crate) const FILE_PIECE_BYTES: usize = 65_536;

/// Between two attempts to reach the other board for files, and to fetch what is missing, in milliseconds.
pub(crate) const FILE_PAUSE_MS: u64 = 2_000;

/// How long a browser may keep a file without asking again, in seconds. A deleted one is gone that much later.
pub(crate) const FILE_CACHE_SECONDS: u64 = 86_400;
