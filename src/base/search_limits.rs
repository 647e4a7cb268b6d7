//! Bounds on searches: in archives and for users.

/// Queries of one session that wait for the tables before it is read no further.
///
/// All wait in one line, as does the record of who logs in: nobody fills it.
pub(crate) const QUERIES_PER_SESSION_MAX: usize = 16;

/// Longest text that is searched for in an archive, in bytes.
///
/// Somebody may look for a whole sentence. A longer one is refused with `not-acceptable`.
pub(crate) const SEARCH_TEXT_BYTES_MAX: usize = 1_024;

/// Words in it; more are refused with `not-acceptable`. Each is looked for by itself.
pub(crate) const SEARCH_TEXT_WORDS_MAX: usize = 16;

/// Messages whose text is looked at for one page of a search.
///
/// `cargo bench --bench load -- --only search` measures 0.9 us of processor time for each. On a board a fifth as fast
/// a page is 0.1 s where the tables are in memory; on a slow card, where each has to be read by itself at some 2,000
/// reads a second, it takes 10 s, and one search at a time does so.
/// The page says then how to go on, and is empty if none of them matched. Tests have small archives.
pub(crate) const SEARCHED_MESSAGES_MAX: usize = if cfg!(test) { 20 } else { 20_000 };

/// Messages that are passed over for one page of a search, since they are with somebody else or of another time.
///
/// They are not read: 40 bytes each, one after the other.
pub(crate) const SEARCHED_PLACES_MAX: usize = 200_000;

/// Searches of one session at one time; one more is refused with `resource-constraint`.
///
/// They are made one after the other for all sessions, so that pages of archives have table readers left.
pub(crate) const SEARCHES_PER_SESSION_MAX: usize = 8;

/// Longest text that is searched for in one field of vCards, and that is told of somebody, in bytes.
///
/// A longer one is refused with `not-acceptable`; of vCards the beginning is told.
pub(crate) const PERSON_TEXT_BYTES_MAX: usize = 256;

/// People that one search finds (XEP-0055). Those with the greater addresses are not found.
pub(crate) const PEOPLE_FOUND_MAX: usize = 50;

/// Accounts whose vCards one search looks at: each is parsed with its picture.
///
/// Of more accounts those with the greater addresses are not found.
pub(crate) const PEOPLE_LOOKED_AT_MAX: usize = 10_000;
