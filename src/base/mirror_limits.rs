//! Bounds of the link between two boards, as [`limits`](crate::base::limits) has those of everything else.

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

/// What may wait for a place in the window, in bytes: what was numbered before the clients were held up.
///
/// Beyond it the link is closed, and what is missing is read from the log later.
pub(crate) const MIRROR_HELD_BYTES_MAX: usize = 32 << 20;
const _: () = assert!(MIRROR_WINDOW_BYTES > 2 * MIRROR_FRAME_BYTES_MAX);

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
pub(crate) const MIRROR_DIAL_MS: u64 = 250;
pub(crate) const MIRROR_DIAL_MS_MAX: u64 = 5_000;

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
