//! Bounds of what devices are told later that were away when two boards met.

/// How long that is: a phone may lie in a drawer for a month, in milliseconds.
///
/// A device that comes later has what it has, and the whole archive if it asks for it.
pub(crate) const PASSED_BY_MS: u64 = 30 * 86_400_000;

/// Of how many meetings of the boards, the last ones.
///
/// A cable that comes loose twice a day for a month. What is from before is in the archive only.
pub(crate) const MEETINGS_MAX: usize = 64;

/// Messages that a device is sent in one go; the next ones when it has counted these.
pub(crate) const PASSED_BY_PAGE: usize = 128;

/// Messages of which a session that came while the boards were apart remembers that it was told, 48 bytes each.
///
/// What is beyond it may be told again, with the same id.
pub(crate) const TOLD_LATE_MAX: usize = 1_024;

/// Devices of an account of which is remembered that they have everything, 100 bytes each.
///
/// Beyond it the one that came first is forgotten, and is sent it again at its next login.
pub(crate) const CAUGHT_UP_MAX: usize = 32;
