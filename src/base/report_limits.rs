//! Bounds on what users report to the administrators (XEP-0377).

/// Reports that are kept. They are in memory with the server's own rows.
///
/// With one more the oldest is forgotten: blocking works all the same.
pub(crate) const REPORTS_MAX: usize = 100;

/// Reports of one user, and of one request. Of one user the oldest is forgotten, so that nobody pushes out those of
/// others; a request with more is refused with `not-acceptable`.
pub(crate) const REPORTS_PER_USER_MAX: usize = 10;

/// Longest text of a report, in bytes. What is longer is cut.
pub(crate) const REPORT_TEXT_BYTES_MAX: usize = 1_024;

/// Longest reason, and longest stanza id, in bytes. A longer one is refused with `not-acceptable`.
pub(crate) const REPORT_NAME_BYTES_MAX: usize = 256;

/// Messages that a report names; further ones are left out.
pub(crate) const REPORT_MESSAGES_MAX: usize = 5;

/// What a report takes in memory at worst: two addresses twice, text, reason and ids.
pub(crate) const REPORT_BYTES: usize = 16 << 10;

const _: () = assert!(REPORTS_PER_USER_MAX < REPORTS_MAX);
