//! Bounds of the web door, as [`limits`](crate::base::limits) has those of everything else.

/// Longest request line, in bytes.
///
/// RFC 9112 section 3 asks for 8,000 octets at least. Beyond it the answer is 414.
pub(crate) const HTTP_LINE_BYTES_MAX: usize = 8_192;

/// Largest head of a request: its line and its fields, in bytes.
///
/// A browser sends 1 to 2 KiB. Beyond it the answer is 431.
pub(crate) const HTTP_HEAD_BYTES_MAX: usize = 16_384;

/// Most fields in the head of a request.
///
/// A browser sends about 20. Beyond it the answer is 431.
pub(crate) const HTTP_FIELDS_MAX: usize = 64;

/// Longest line that announces a chunk, with its extensions, in bytes (RFC 9112 section 7.1).
///
/// Nobody uses extensions. Beyond it the answer is 400.
pub(crate) const HTTP_CHUNK_LINE_BYTES_MAX: usize = 256;

/// Fields behind a chunked body, all together, in bytes (RFC 9112 section 7.1.2).
///
/// They are thrown away. Beyond it the answer is 400.
pub(crate) const HTTP_TRAILER_BYTES_MAX: usize = 4_096;

/// What is taken in beyond the request that is worked on, in bytes.
///
/// The next requests of a client that does not wait for answers. Then nothing more is read from it.
pub(crate) const HTTP_AHEAD_BYTES_MAX: usize = 32_768;

/// From the connection, or the first byte of a request, to the end of its head, in milliseconds.
///
/// The TLS handshake is in it. Beyond it the answer is 408.
pub(crate) const HTTP_HEAD_MS: u64 = 10_000;

/// How long a connection waits for its next request, in milliseconds. Then it is closed.
pub(crate) const HTTP_IDLE_MS: u64 = 20_000;

/// A body may take that long, in milliseconds, and longer at this rate; then the answer is 408.
///
/// A bad mobile link has some ten times the rate.
pub(crate) const HTTP_BODY_MS: u64 = 20_000;
pub(crate) const HTTP_BODY_BYTES_PER_SECOND_MIN: u64 = 1_024;

/// What is read and thrown away of a body that nobody wanted, in bytes, before the connection is used again.
///
/// Beyond it the connection is closed.
pub(crate) const HTTP_UNREAD_BYTES_MAX: u64 = 65_536;

/// How much of a file is read and sent at once, in bytes.
pub(crate) const HTTP_FILE_PIECE_BYTES: usize = 65_536;

/// Longest time that a request of BOSH is kept open, in seconds (XEP-0124 section 7.2).
///
/// Proxies cut what says nothing for a minute. A client that asks for more gets this.
pub(crate) const BOSH_WAIT_SECONDS_MAX: u64 = 50;

/// Most requests of one session that are kept open at one time.
///
/// One is enough for everybody. A client that asks for more gets this.
pub(crate) const BOSH_HOLD_MAX: u64 = 1;

/// How long a session of BOSH waits without an open request, in seconds. Then it is lost, as a connection is.
pub(crate) const BOSH_INACTIVITY_SECONDS: u64 = 60;

/// Elements of one answer, in bytes. The element that passes the mark is the last one.
pub(crate) const BOSH_ANSWER_BYTES: usize = 65_536;

/// What a request of BOSH may have beside one largest stanza, in bytes. Beyond it the answer is 413.
pub(crate) const BOSH_BODY_BYTES: usize = 16_384;

/// What may wait between a session of BOSH and its stream in one direction, in bytes.
///
/// Then nothing more is taken from the queue of the session behind it.
pub(crate) const BOSH_CORD_BYTES: usize = 65_536;
