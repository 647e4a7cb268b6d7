//! Limits of the list of administrators.

/// Administrators in the list that one of them edits (XEP-0133 section 4.29).
///
/// As many accounts are loaded for it. A board has a few; the command line deals with any number.
pub(crate) const COMMAND_ADMINS_MAX: usize = 50;
