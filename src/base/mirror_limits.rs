//! Bounds of the link between two boards, as [`limits`](crate::base::limits) has those of everything else.

use crate::base::device_limits::TOLD_LATE_MAX;
use crate::base::limits::LOG_RECORD_BYTES_MAX;

/// Longest frame between the boards of a pair, in bytes.
///
/// A record of the log, or a proposal with what it guards, and room beside it; the vector of 32,768
/// epochs. Beyond it the link is closed.
pub(crate) const MIRROR_FRAME_BYTES_MAX: usize = 1 << 20;
const _: () = assert!(MIRROR_FRAME_BYTES_MAX >= LOG_RECORD_BYTES_MAX + 262_144);

/// Epochs that a board can tell the other of: each takes 18 bytes at most.
///
/// Every connection and every time alone is one. Beyond it the boards do not meet any more.
pub(crate) const MIRROR_EPOCHS_MAX: usize = 32_768;
const _: () = assert!(MIRROR_EPOCHS_MAX * 18 + 256 <= MIRROR_FRAME_BYTES_MAX);

/// What may be under way to the other board: entries, and bytes.
///
/// At full speed of a slow card (5 MB/s) most of a second. Beyond it clients are not read.
pub(crate) const MIRROR_WINDOW_ENTRIES: usize = 4_096;
pub(crate) const MIRROR_WINDOW_BYTES: usize = 4 << 20;

/// With so much under way, in bytes, users are held up for the epoch of both; with more only when that did not
/// become less for so long: the other board takes no more than they write.
///
/// What is under way then is what they wait for: at 5 MB/s of a slow card 13 ms.
pub(crate) const MIRROR_FREEZE_BYTES: usize = 64 << 10;
pub(crate) const MIRROR_FREEZE_MS: u64 = 2_000;

/// What may wait for a place in the window, in bytes: what was numbered before the clients were held up.
///
/// Beyond it the link is closed, and what is missing is read from the log later.
pub(crate) const MIRROR_HELD_BYTES_MAX: usize = 32 << 20;
const _: () = assert!(MIRROR_WINDOW_BYTES > 2 * MIRROR_FRAME_BYTES_MAX);

/// What clients may write while the other board catches up, in records, beside half of what it is sent.
///
/// Some seconds of a busy server, so that nobody waits while the first of it is read. Beyond both clients are held
/// up whenever the link is full: otherwise what is missing would never become less.
pub(crate) const MIRROR_AHEAD_RECORDS: u64 = 1_024;

/// What is read of the log in one go for the other board, in bytes.
pub(crate) const MIRROR_READ_BYTES: usize = 256 << 10;

/// How the sessions of a board stand, told before an epoch of both begins, in bytes.
///
/// 10,000 sessions of 1 KiB, and half as many again. Beyond it the link is closed.
pub(crate) const MIRROR_SESSIONS_BYTES_MAX: usize = 16 << 20;

/// Frames that are received before the other board is told, in between it learns with the next mark.
pub(crate) const MIRROR_TAKEN_STEP: u64 = 256;

/// Between two signs of life: while something is under way, and at rest.
pub(crate) const MIRROR_BUSY_MS: u64 = 250;
pub(crate) const MIRROR_IDLE_MS: u64 = 1_000;

/// A board that says nothing for so long is taken for gone: three signs of life.
pub(crate) const MIRROR_SILENCE_MS: u64 = 3_000;
const _: () = assert!(MIRROR_SILENCE_MS >= 3 * MIRROR_IDLE_MS);

/// From a closed connection to going on alone: time for one attempt to connect again.
pub(crate) const MIRROR_CLOSED_MS: u64 = 600;

/// How long a board whose last epoch was of both waits for the other at its start.
///
/// Both were perhaps switched on together, and the other may have gone on without this one: what it
/// was told meanwhile would be missing here until the two meet.
pub(crate) const MIRROR_BOOT_WAIT_MS: u64 = 30_000;

/// Two boards that are connected and neither serves: then the one that will lead serves alone first.
pub(crate) const MIRROR_STALL_MS: u64 = 3_000;

/// How long the other board may be connected without getting anything onto its disk.
///
/// Longer than the garbage collection of most SD cards. Then the link is closed.
pub(crate) const MIRROR_SLOW_MS: u64 = 5_000;

/// Between attempts to connect: the first pause, doubled up to the last.
pub(crate) const MIRROR_DIAL_MS: u64 = 100;
pub(crate) const MIRROR_DIAL_MS_MAX: u64 = 5_000;

/// Messages of an epoch that may turn out to be copies of what the other board has, in entries back from its
/// newest: of one of both, where what is under way is all that the other may lack, and of a time alone.
///
/// What was sent again to the other board later than that, with so many messages in between, is in both
/// archives twice.
pub(crate) const COPIES_SYNC_MAX: u64 = 16_384;
pub(crate) const COPIES_SOLO_MAX: u64 = 65_536;

/// The same of all epochs together: 80 bytes each, 10 MB.
pub(crate) const COPIES_MAX: usize = 131_072;

/// How far names of copies are followed, each of which is itself a copy of another one: each step takes a time apart.
pub(crate) const COPY_STEPS_MAX: usize = 8;

/// How long both boards are one before a client is not expected any more to send again what it sent before.
///
/// A phone with a message that was not acknowledged may be switched off over the holidays: 14 days. What that takes
/// is bounded by [`COPIES_MAX`].
pub(crate) const COPIES_MS: u64 = 14 * 86_400_000;

/// How far a start goes back to look for such messages in the tables: epochs of both, and entries of all of them.
///
/// A client that was away while the boards lost each other so often sends again what they have from before: a week
/// of bad cables is a thousand. The entries are read in half a second.
pub(crate) const COPIES_EPOCHS: usize = 1_024;
pub(crate) const COPIES_START_MAX: u64 = 65_536;

/// How long the value that lost is kept where two branches had changed one row: 30 days.
pub(crate) const JOURNAL_MS: u64 = 30 * 86_400_000;

/// Rows of the conflict journal that one checkpoint looks at for old ones.
pub(crate) const JOURNAL_LOOKS: usize = 64;

/// Tickets of the other node whose numbers the one that numbers remembers.
///
/// A proposal that read what an older one changed is rejected once, and evaluated again.
pub(crate) const PEER_TICKETS_MAX: usize = 16_384;

/// How often one input may be rejected by the node that numbers before its sender is refused.
///
/// Each time something it read has changed meanwhile; a sender that loses as often may try again.
pub(crate) const REJECTIONS_MAX: u8 = 8;

/// How long the sessions of a node that is not heard any more stand for others, in milliseconds.
///
/// As long as a client may take to resume: a short outage is seen by nobody.
pub(crate) const ZOMBIE_MS: u64 = 300_000;

/// Connections to the address for the other board (`listen.mirror`), at one time.
///
/// There is one other board, with an old connection that is dying and a new one, and some for files
/// ([`FILE_LINES`](crate::base::upload_limits::FILE_LINES)). The next is closed at once.
pub(crate) const PEER_CONNECTIONS_MAX: usize = 12;

/// Of these, from one address; and those whose key is not known yet. The next one waits or is closed.
pub(crate) const PEER_CONNECTIONS_PER_ADDRESS_MAX: usize = 7;
pub(crate) const PEER_STRANGERS_MAX: usize = 4;
const _: () = assert!(PEER_STRANGERS_MAX < PEER_CONNECTIONS_MAX);

/// Handshakes of strangers that one address may fail before its next ones have to wait.
pub(crate) const PEER_FREE_FAILURES: u32 = 10;

/// Time for connection and handshake between two boards, in milliseconds.
///
/// A handshake takes some 20 ms on the smallest boards. Beyond it the connection is closed.
pub(crate) const PEER_HANDSHAKE_MS: u64 = 5_000;

/// How much later each further address of the other board is tried, in milliseconds (RFC 8305 section 5).
pub(crate) const PEER_DIAL_STAGGER_MS: u64 = 250;

/// Addresses of the other board that are kept and tried, and of one name that are tried.
pub(crate) const PEER_ADDRESSES_MAX: usize = 8;

/// Longest that the other board's system may be silent, in seconds, until the next probe of TCP is sent.
///
/// For connections that nobody watches more closely, such as one that waits to be told what to send.
pub(crate) const PEER_KEEPALIVE_SECONDS: u64 = 5;

/// What waits in the system to be sent to the other board, in bytes.
///
/// A sign of life stands behind it: 0.2 s on a wireless link of 10 Mbit/s, far from the silence that is taken for
/// an end. Enough for 50 MB/s over 5 ms. The system doubles it for its own needs.
pub(crate) const PEER_SEND_BUFFER_BYTES: usize = 262_144;

/// How long an invitation to become a pair is good, in milliseconds: ten minutes.
pub(crate) const INVITE_MS: u64 = 600_000;

/// Longest silence in a join, in milliseconds: the other board may write a full cache to a slow card.
///
/// Beyond it the join has failed and can be repeated.
pub(crate) const JOIN_SILENCE_MS: u64 = 60_000;

/// Bytes of a copy that travel as one piece, and pieces that wait for the network.
pub(crate) const JOIN_PIECE_BYTES_MAX: usize = 65_536;
pub(crate) const JOIN_PIECES_MAX: usize = 4;

/// Rows of a table that two boards compare as one, and about how many bytes of them.
///
/// A hash and a key for each: a thousandth of what is compared. One row that differs moves so much.
pub(crate) const COPY_RANGE_ROWS: u64 = 1_024;
pub(crate) const COPY_RANGE_BYTES: usize = 65_536;

/// Ranges that are compared in one go: 4 MiB are in memory on either side, and replaced together.
pub(crate) const COPY_RANGES_MAX: usize = 64;

/// Largest message while ranges are compared, in bytes: a range whose last row is the longest; the vector of
/// 32,768 epochs; the ends of 64 ranges. A longer one ends the connection.
pub(crate) const COPY_MESSAGE_BYTES_MAX: usize = 4 << 20;

/// Between two attempts to fetch what differs, in milliseconds.
pub(crate) const COPY_PAUSE_MS: u64 = 2_000;

/// Largest message of a join beside the copy, in bytes: some addresses, names and hashes.
pub(crate) const JOIN_MESSAGE_BYTES_MAX: usize = 4_096;

/// Largest file that says which pair a board belongs to, in bytes. A larger one is another file by mistake.
pub(crate) const PAIR_FILE_BYTES_MAX: u64 = 16_384;

/// Reports of one session that its client has not confirmed; the newest takes the place of the one before.
///
/// 16 bytes each. At a planned stop so many entries are told one by one: beyond them what the client has counted may
/// come again.
pub(crate) const SHADOW_MARKS_MAX: usize = 256;

/// Stanzas that are not kept messages, for a session of the other node: presence, above all.
///
/// Those that its client has counted leave with the next report. Beyond it the oldest goes.
pub(crate) const SHADOW_VOLATILE_MAX: usize = 512;

/// Streams of the other board that clients were told are lost, remembered until it knows.
///
/// 24 bytes each. Beyond it all streams of the other board count as lost that have something under way.
pub(crate) const DISOWNED_MAX: usize = 16_384;
const _: () = assert!(DISOWNED_MAX * 2 * 17 + 256 <= MIRROR_FRAME_BYTES_MAX);

/// Kept messages of the queues of all sessions, told before an epoch of both begins.
///
/// 24 bytes each. A session that finds no room begins anew when its node dies.
pub(crate) const TOLD_ITEMS_MAX: usize = 131_072;

/// Sessions of which one entry says what they were told, each up to [`TOLD_LATE_MAX`] messages of 24 bytes.
pub(crate) const TOLD_SESSIONS_MAX: usize = 16;
const _: () = assert!(TOLD_SESSIONS_MAX * TOLD_LATE_MAX * 24 <= MIRROR_FRAME_BYTES_MAX / 2);

/// Sessions in one report, and requests of one session.
pub(crate) const REPORT_SESSIONS_MAX: usize = 256;
pub(crate) const REPORT_REQUESTS_MAX: usize = 32;

/// Between two reports on how sessions stand that nobody waits for.
///
/// What a client has counted in this time before its node dies it may get again. Each takes two or three frames on
/// the link: at 20 ms that was a quarter of all there were for 200 messages a second.
pub(crate) const REPORT_MS: u64 = 100;
