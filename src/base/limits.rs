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

/// Memory of a TLS record that has not come whole, beyond the 4 KiB at rest, in bytes (RFC 8446 section 5.2).
pub(crate) const TLS_RECORD_BYTES: u64 = (16 << 10) + 256 - (4 << 10);

/// Decrypted bytes that one connection may have waiting for its client to read them.
///
/// At this mark nothing more is taken from the session's queue, which then grows to its own limit.
pub(crate) const OUTPUT_BYTES_MAX: usize = 65_536;

/// Largest stanza or stream header before the login, in bytes.
///
/// The lowest that RFC 6120 section 13.12 allows; a SASL message has a few KiB. Beyond it the stream ends with
/// `policy-violation`, so that strangers cannot make the server hold much.
pub(crate) const STRANGER_STANZA_BYTES_MAX: usize = 10_000;

/// Bytes that one connection may send before it has a session, TLS excluded.
///
/// A login takes 1 to 3 KiB, a client with many wishes and some failed tries below 16. Beyond it the stream ends
/// with `policy-violation`.
pub(crate) const STRANGER_STREAM_BYTES_MAX: usize = 65_536;

/// Longest language tag of a stream that is kept, in bytes.
///
/// RFC 5646 section 4.4.1 asks for 35. A longer one is ignored.
pub(crate) const LANGUAGE_BYTES_MAX: usize = 35;

/// Failed logins and registrations on one stream.
///
/// RFC 6120 section 6.4.5 asks for 2 to 5 retries. Then the stream ends with `policy-violation`.
pub(crate) const LOGIN_ATTEMPTS_MAX: u8 = 4;

/// Longest tag of a client in a resource (XEP-0386 section 3.2.1), in bytes.
///
/// It stands before a name that the server makes up, and both in one part of an address. A longer one is left out.
pub(crate) const BIND_TAG_BYTES_MAX: usize = 256;

/// Own bytes of one session's queue beside one largest stanza, and its items.
///
/// Beyond either the session ends (a slow reader, or one that acknowledges nothing).
pub(crate) const QUEUE_BYTES_MAX: usize = 491_520;
pub(crate) const QUEUE_ITEMS_MAX: usize = 4_096;

/// Largest part of an address (local part, domain, resource), in bytes.
///
/// RFC 7622 sections 3.2 to 3.4. Beyond it the address is malformed (`jid-malformed`).
pub(crate) const JID_PART_BYTES_MAX: usize = 1_023;

/// Largest address, in bytes: three parts, `@` and `/`.
pub(crate) const JID_BYTES_MAX: usize = 3 * JID_PART_BYTES_MAX + 2;

/// Largest label of a domain, in bytes if it is ASCII, otherwise in characters.
///
/// RFC 1035 section 2.3.4. Beyond it the address is malformed.
pub(crate) const DOMAIN_LABEL_MAX: usize = 63;

/// Largest stanza of an authenticated client, in bytes.
///
/// At least 10 000 (RFC 6120 section 13.12). 256 KiB lets a client publish an avatar in one piece.
/// Beyond it the stream ends with `policy-violation`.
pub(crate) const STANZA_BYTES_MAX: usize = 262_144;

/// Deepest nesting in a stanza, in elements, the stanza itself included.
///
/// What is in use stays below 20 (a forwarded message with a form in it has 8). Beyond it the stream
/// ends with `policy-violation`.
pub(crate) const XML_DEPTH_MAX: usize = 64;

/// Most attributes of one element, namespace declarations included.
///
/// Duplicates are found by comparing every pair. What is in use stays below 12. Beyond it the stream ends
/// with `policy-violation`.
pub(crate) const XML_ATTRIBUTES_MAX: usize = 64;

/// Largest name of an element or attribute with its prefix, in bytes.
///
/// Kept in 16 bits by the parser. Beyond it the stream ends with `policy-violation`.
pub(crate) const XML_NAME_BYTES_MAX: usize = 1_024;

/// Largest namespace name, in bytes.
///
/// Kept in 16 bits by the parser. Beyond it the stream ends with `policy-violation`.
pub(crate) const XML_NAMESPACE_BYTES_MAX: usize = 1_024;

/// Most elements in one stanza.
///
/// Each costs 32 bytes beside its text, so that a stanza of the smallest elements (4 bytes each) is held in
/// at most three times its size. A roster of 1,000 contacts has about 2,500. Beyond it the stream ends with
/// `policy-violation`.
pub(crate) const XML_ELEMENTS_MAX: usize = 16_384;

/// Most namespace declarations in force at one place, in bindings.
///
/// A prefix is looked up by walking through them. Beyond it the stream ends with `policy-violation`.
pub(crate) const XML_BINDINGS_MAX: usize = 128;

/// Longest reference to a character, from `&` to `;`, in bytes.
///
/// XML sets none because of leading zeros; the longest that says something is `&#1114111;`. Beyond it the
/// stream ends with `not-well-formed`.
pub(crate) const XML_REFERENCE_BYTES_MAX: usize = 32;

/// Largest XML declaration, and most whitespace inside the end tag of a stream, in bytes.
///
/// A full declaration has about 60. Beyond it the stream ends with `not-well-formed`.
pub(crate) const XML_DECLARATION_BYTES_MAX: usize = 256;

/// Most fields of a form that is read (XEP-0004), and most values in one field.
///
/// The largest form in use (the configuration of a room) has about 40. Beyond it the form is `bad-request`.
pub(crate) const FORM_FIELDS_MAX: usize = 256;

/// Most items that a page of a result set holds (XEP-0059), whatever the client asks for.
///
/// A page is a batch of messages in memory. More are not refused: the page is shorter, as section 2.2 allows.
pub(crate) const PAGE_ITEMS_MAX: usize = 250;

/// Bytes of messages in a page of an archive; the last one may go beyond.
///
/// 2 KB for each of the largest number of items. The page is shorter then, and says that it is not complete.
pub(crate) const PAGE_BYTES_MAX: usize = 512 << 10;

/// Reads of the tables at one time; the others wait for their turn.
///
/// Enough to keep a card busy. Each holds a page, and a thread.
pub(crate) const TABLE_READS_MAX: usize = 4;

/// Items of a page whose size the client left to us.
pub(crate) const PAGE_ITEMS_DEFAULT: usize = 50;

const _: () = assert!(PAGE_ITEMS_DEFAULT <= PAGE_ITEMS_MAX);
const _: () = assert!(STRANGER_STANZA_BYTES_MAX >= 10_000);
const _: () = assert!(STANZA_BYTES_MAX >= STRANGER_STANZA_BYTES_MAX);
const _: () = assert!(STRANGER_STREAM_BYTES_MAX > STRANGER_STANZA_BYTES_MAX);
const _: () = assert!(BIND_TAG_BYTES_MAX < JID_PART_BYTES_MAX / 2);
// The parser keeps offsets into a stanza in 32 bits and lengths of names in 16, with room to spare.
const _: () = assert!(STANZA_BYTES_MAX <= 1 << 28);
const _: () = assert!(XML_NAME_BYTES_MAX < 1 << 15);
const _: () = assert!(XML_NAMESPACE_BYTES_MAX < 1 << 15);
// An address keeps the ends of its parts in 16 bits.
const _: () = assert!(JID_BYTES_MAX < 1 << 16);

/// Largest file of a certificate with its chain, or of a key, in bytes.
///
/// A chain of three has about 6 KiB. A larger file is refused: it is another one by mistake.
pub(crate) const CERTIFICATE_FILE_BYTES_MAX: u64 = 262_144;

/// Wait between two guesses after the first failure too many, in milliseconds. It doubles with each failure.
pub(crate) const LOGIN_DELAY_MS_MIN: u64 = 1_000;

/// Longest wait between two guesses from one address, in milliseconds.
///
/// 288 guesses a day. What would have to wait longer is refused with `temporary-auth-failure`.
pub(crate) const LOGIN_DELAY_MS_MAX: u64 = 300_000;

/// How long failed logins of an address are remembered after the last one, in milliseconds.
///
/// Longer than the longest wait, or waiting would be the way to start again.
pub(crate) const LOGIN_FAILURE_MEMORY_MS: u64 = 3_600_000;
const _: () = assert!(LOGIN_FAILURE_MEMORY_MS > 2 * LOGIN_DELAY_MS_MAX);

/// Addresses with failed logins that are remembered without a connection, in entries of some 80 bytes.
///
/// Beyond it the one that has been quiet for the longest time is forgotten.
pub(crate) const WATCHED_ADDRESSES_MAX: usize = 4_096;

/// Longest line on the socket for administration, in bytes. Beyond it the connection is closed.
pub(crate) const ADMIN_LINE_BYTES_MAX: u64 = 65_536;

/// How long the command line waits for a sign of life on that socket, in seconds.
///
/// Whatever takes longer reports its progress in between.
pub(crate) const ADMIN_SILENCE_SECONDS_MAX: u64 = 60;

/// Longest password, in bytes.
///
/// RFC 4616 section 2 allows no less than 255 characters. A longer one is refused.
pub(crate) const PASSWORD_BYTES_MAX: u64 = 1_024;

/// Largest segment file of the log, in bytes; smaller tails have smaller ones.
///
/// Twice the default tail, so that one segment is in use, one is ahead and one is waiting for its checkpoint.
pub(crate) const LOG_SEGMENT_BYTES: u64 = 16 << 20;

/// Smallest segment of the log, in bytes; the simulator's. A smaller setting is raised to it.
pub(crate) const LOG_SEGMENT_BYTES_MIN: u64 = 16 << 10;

/// Largest first segment of a new log, in bytes.
///
/// Zeros are written before it can be used, and the first start should take 20 ms, not a second.
pub(crate) const LOG_STARTER_BYTES: u64 = 1 << 20;

/// Most segment files of a log. Beyond it nothing is allocated and the credit runs out.
///
/// At the default size 1 GiB, which only a checkpoint that never comes can fill.
pub(crate) const LOG_SEGMENTS_MAX: usize = 64;

/// Segments that are kept ready, filled with zeros: one ahead, and one that only a start may take, so that
/// a server whose disk is full can start.
pub(crate) const LOG_SPARES_WANTED: usize = 2;

/// Released segments beyond this many are removed.
pub(crate) const LOG_SPARES_MAX: usize = 3;

/// Bytes of zeros that are written in one go into a segment that is made ready.
///
/// A batch waits for it, so it is short; and not shorter than a batch, so that what is ready does not run out.
pub(crate) const LOG_FILL_BYTES: usize = 256 << 10;

/// Size at which a batch is closed and the next one begun, in bytes.
///
/// Some 700 messages; a slow card writes it in 30 ms. Smaller segments have smaller batches.
pub(crate) const LOG_BATCH_BYTES: usize = 256 << 10;

/// Longest record of the log, in bytes: a stanza of the largest size and what is noted beside it.
///
/// With its headers it fills half a MiB, half of a tiny board's segment. Beyond it the change is refused
/// at evaluation (`policy-violation`).
pub(crate) const LOG_RECORD_BYTES_MAX: usize = (512 << 10) - 512;

/// How often the log looks for space on a full disk, at most, in milliseconds.
///
/// Each look is one failing write. Until one succeeds, durable changes are refused with `resource-constraint`.
pub(crate) const LOG_RETRY_MS: u64 = 1_000;

/// Bytes that a start reads from the log in one go; a longer batch is read whole.
pub(crate) const LOG_READ_BYTES: usize = 64 << 10;
const _: () = assert!(LOG_RECORD_BYTES_MAX >= STANZA_BYTES_MAX + 65_536);
const _: () = assert!(LOG_FILL_BYTES >= LOG_BATCH_BYTES);

/// Bytes that one read may bring, in a buffer that all connections of a thread share.
///
/// A TLS record has up to 16 KiB. More would let one connection hold up the others for longer.
pub(crate) const READ_BYTES: usize = 16_384;

/// Reads of one connection before the others have their turn.
pub(crate) const READS_PER_TURN_MAX: u32 = 4;

/// How long a connection stays after the end of its stream, in milliseconds, so that the client sees why.
///
/// RFC 6120 section 4.4 asks for a while. Then the socket is closed, read or not.
pub(crate) const CLOSE_WAIT_MS: u64 = 3_000;

/// Seconds' worth of `limits.bytes_per_second` and `limits.stanzas_per_second` that a client may send at once.
pub(crate) const BURST_SECONDS: u64 = 10;

/// How long a connection waits for room in `limits.buffers_mib`, in milliseconds.
///
/// Then the connection that keeps most is ended with `resource-constraint`, and so on every time that it has passed.
pub(crate) const CROWD_WAIT_MS: u64 = 5_000;

/// Kept messages that a session reads back from the tables at once, in rows.
///
/// Enough to fill a write; a slow reader holds no more than this of what it has not taken.
pub(crate) const FETCH_ROWS_MAX: usize = 32;

/// Bytes of such rows, and of a page of an archive, that wait to be written; the last one may go beyond.
///
/// Enough to fill a write. What is left is read again when its turn comes.
pub(crate) const FETCH_BYTES_MAX: usize = 65_536;
const _: () = assert!(FETCH_BYTES_MAX >= OUTPUT_BYTES_MAX);

/// Longest id of a stanza, in bytes.
///
/// RFC 6120 section 8.1.3 sets none; clients use at most a few dozen bytes. An id is kept with what it named,
/// so that a lost answer can be given again; a longer one is refused with `bad-request`.
pub(crate) const ID_BYTES_MAX: usize = 1_024;
const _: () = assert!(8_192 > ID_BYTES_MAX + JID_BYTES_MAX + 1_024);

/// Wait after a connection could not be accepted, in milliseconds; it doubles up to a second.
pub(crate) const ACCEPT_WAIT_MS_MIN: u64 = 20;
pub(crate) const ACCEPT_WAIT_MS_MAX: u64 = 1_000;
/// How long the count of a stream with management is kept after its last stanza, in milliseconds.
///
/// A client that comes back later gets no `h`, sends again what it is not sure of, and that is there twice. A phone
/// may be switched off over the holidays: 14 days.
pub(crate) const STREAM_ROW_MS: u64 = 14 * 86_400_000;

/// Such counts of one account that a checkpoint sees and keeps for so long; the others go after a day.
///
/// Fewer than [`CHECKPOINT_LOOKS`], or it would never see as many. A phone that finds no network to resume in has a
/// few streams a day; a program that logs in for each message has thousands.
pub(crate) const STREAM_ROWS_MAX: usize = 100;
pub(crate) const STREAM_ROW_MS_MIN: u64 = 86_400_000;
const _: () = assert!(STREAM_ROWS_MAX < CHECKPOINT_LOOKS);

/// Rows that one checkpoint removes of what has expired or was deleted.
///
/// Some 20 ms of work on a small board. What is left is removed by the next ones.
pub(crate) const CHECKPOINT_CLEARS_MAX: usize = 1_024;

/// Rows that one checkpoint looks at for counts of old streams, beside as many as it writes.
pub(crate) const CHECKPOINT_LOOKS: usize = 128;

/// Messages of an archive that are looked at to tell how many match a query.
///
/// Some 50 us. With more of them the answer has no count, as XEP-0059 section 2.6 allows.
pub(crate) const ARCHIVE_COUNT_MAX: usize = 1_000;
/// Messages of a room's past for one who enters and does not say how many (XEP-0045 section 7.2.13).
pub(crate) const ROOM_HISTORY_DEFAULT: usize = 20;
const _: () = assert!(ROOM_HISTORY_DEFAULT <= PAGE_ITEMS_MAX);

/// Longest name, description, password, reason in a room, in bytes.
///
/// It is repeated in lists and presences. A longer one is refused with `not-acceptable`.
pub(crate) const ROOM_TEXT_BYTES_MAX: usize = 1_024;

/// Largest presence of an occupant, in bytes of its own.
///
/// The room keeps two versions of it for each device inside. Clients send some 300. A larger one is refused with
/// `policy-violation`.
pub(crate) const ROOM_PRESENCE_BYTES_MAX: usize = 4_096;

/// Largest message that sets a room's subject, in bytes; it is in memory with the room.
///
/// A larger one is refused with `policy-violation`.
pub(crate) const ROOM_SUBJECT_BYTES_MAX: usize = 8_192;

/// Most users whose role or affiliation one request changes.
///
/// Each is up to three changes of one entry, which holds 255. More are refused with `resource-constraint`.
pub(crate) const ROOM_ITEMS_MAX: usize = 70;
const _: () = assert!(3 * ROOM_ITEMS_MAX + 25 < OPS_PER_ENTRY_MAX);

/// Requests of others that one device in a room has not answered yet, and that are answered for it when it leaves.
///
/// Beyond it the oldest is forgotten: who sent it gets an answer from the device alone.
pub(crate) const ROOM_RELAYED_MAX: usize = 64;

/// Most changes in one entry of the log: they are numbered with a byte.
pub(crate) const OPS_PER_ENTRY_MAX: usize = 255;

/// Most users that one message invites to a room.
///
/// Each is a message, perhaps a new member, who perhaps is inside. More are refused with
/// `resource-constraint`.
pub(crate) const ROOM_INVITES_MAX: usize = 50;
const _: () = assert!(3 * ROOM_INVITES_MAX < OPS_PER_ENTRY_MAX);

/// Most rooms that one session is in, whatever the settings say.
///
/// It leaves them all in one entry of the log. The next is refused with `resource-constraint`.
pub(crate) const ROOMS_JOINED_MAX: usize = 200;

const _: () = assert!(ROOMS_JOINED_MAX + 5 < OPS_PER_ENTRY_MAX);

/// Rooms without occupants whose end is written down in one entry, two changes each.
///
/// The next ones follow in the next entry.
pub(crate) const ROOMS_ENDED_MAX: usize = 100;
const _: () = assert!(2 * ROOMS_ENDED_MAX < OPS_PER_ENTRY_MAX);
/// Longest name of a contact and of a group, in bytes.
///
/// RFC 6121 section 2.3.3 leaves it to the server; an address is no longer. Beyond it: `not-acceptable`.
pub(crate) const ROSTER_NAME_BYTES_MAX: usize = 1_023;

/// Groups of one contact. Each is compared with all others. Beyond it: `not-acceptable`.
pub(crate) const ROSTER_GROUPS_MAX: usize = 64;

/// A whole roster as it is written to a client, in bytes.
///
/// It is one stanza, and it stands in a session's queue beside everything that is said at a login. A thousand
/// contacts with names and groups have about 150 KiB. Beyond it a contact is refused (`resource-constraint`).
pub(crate) const ROSTER_BYTES_MAX: usize = 262_144;

/// Removed contacts that a roster remembers, so that other devices learn of the removal.
///
/// Beyond it the older half is forgotten with the next change of the roster; a device that has not been there
/// since gets the whole roster.
pub(crate) const ROSTER_TOMBSTONES_MAX: usize = 256;

/// Changed contacts that a client with an older version of the roster is told one by one.
///
/// Each is a stanza of its own, about twice as long as in a list. Beyond it the client gets the whole roster, as
/// RFC 6121 section 2.6.3 allows.
pub(crate) const ROSTER_PUSHES_MAX: usize = 64;

/// What a roster push has around its content, and the client's answer to it, in bytes: two addresses and an id, twice.
pub(crate) const ROSTER_PUSH_OVERHEAD_BYTES: usize = 256;

/// Largest content of a subscription request that is kept for the contact's next login, in bytes.
///
/// A nickname, a few words and a signature fit. Beyond it the request is refused (`policy-violation`).
pub(crate) const REQUEST_BYTES_MAX: usize = 2_048;

/// Subscription requests waiting for a user's answer.
///
/// All of them are shown at every login. Beyond it a new one is dropped, as if nobody were there.
pub(crate) const REQUESTS_MAX: usize = 100;
const _: () = assert!(ROSTER_BYTES_MAX + REQUESTS_MAX * REQUEST_BYTES_MAX < QUEUE_BYTES_MAX);

/// Longest status that is kept of a user who has gone (XEP-0012), in bytes. The rest is cut off.
pub(crate) const LAST_STATUS_BYTES_MAX: usize = 512;

/// Largest file of tables that can be one whose making was cut off, in bytes.
///
/// redb begins with 1 MiB. A larger one without its mark is damaged, and is left alone.
pub(crate) const FRESH_TABLES_BYTES_MAX: u64 = 4 << 20;
/// How long an administrator may fill in the form of a command (XEP-0050), in milliseconds.
///
/// Later the command has to be begun again (`session-expired`).
pub(crate) const COMMAND_SESSION_MS: u64 = 900_000;

/// Accounts that one command of XEP-0133 deals with.
///
/// What they change goes into one entry of the log, whose operations are numbered with a byte.
pub(crate) const COMMAND_ACCOUNTS_MAX: usize = 20;

/// Longest text that an administrator announces (XEP-0133 section 4.23), in bytes.
///
/// It stands in every queue as shared bytes. A longer one is refused.
pub(crate) const ANNOUNCEMENT_BYTES_MAX: usize = 8_192;

/// Devices of an account that may log in with a token (XEP-0484).
///
/// One more, and the device whose token ends first needs the password again.
pub(crate) const TOKENS_MAX: usize = 10;

/// How long a token is good, in milliseconds: thirty days.
///
/// A device that is silent for longer needs the password again.
pub(crate) const TOKEN_MS: u64 = 2_592_000_000;

/// A token that is used with less than this to go is replaced, in milliseconds: two weeks.
pub(crate) const TOKEN_RENEW_MS: u64 = 1_209_600_000;

const _: () = assert!(TOKEN_RENEW_MS < TOKEN_MS);
const _: () = assert!(COMMAND_ACCOUNTS_MAX * (TOKENS_MAX + 2) <= 255);
/// Randomness that is fetched from the operating system at once, in bytes.
///
/// An input draws 32: one system call for 128 of them.
pub(crate) const ENTROPY_PORTION_BYTES: usize = 4_096;

/// Archives that one look for what has expired visits.
pub(crate) const EXPIRE_ARCHIVES_MAX: usize = 256;

/// Archives that one entry clears: an op's number is a byte.
pub(crate) const EXPIRE_OPS_MAX: usize = 64;

/// Messages that one op clears of one archive. What is left has to wait for the next look.
pub(crate) const EXPIRE_ROWS_MAX: usize = 4_096;

/// Removed tokens and blocks of an account, or affiliations of a room, that are remembered, so that a merge knows of them.
///
/// With more of them the older half is forgotten: whoever comes and goes must not fill a record.
pub(crate) const REMOVED_ROWS_MAX: usize = 256;

/// Largest piece of a file of accounts (XEP-0227) that is read at once, in bytes: a tag, a message, a vCard.
///
/// What an account stores in private is bounded by a MiB. A larger piece ends the import before it begins.
pub(crate) const IMPORT_PIECE_BYTES_MAX: usize = 1 << 20;

/// Files of accounts that include each other, one inside of the other.
///
/// The server's, the host's, the user's, and one for a part of the user's data are four. Beyond it they go round
/// in a circle, and the import does not begin.
pub(crate) const IMPORT_INCLUDES_MAX: usize = 8;

/// Accounts in one import. Each is remembered with some 200 bytes; more do not begin.
pub(crate) const IMPORT_ACCOUNTS_MAX: usize = 100_000;

/// Waiting messages of all accounts in one import. Each is remembered with some 40 bytes; more do not begin.
pub(crate) const IMPORT_WAITING_MAX: usize = 200_000;

/// What an import writes into the log before the tables take it over, in bytes.
pub(crate) const IMPORT_BATCH_BYTES: usize = 512 << 10;

/// Bytes of rows in one entry of an import: half of the longest record, and two of the largest stanza's rows.
pub(crate) const IMPORT_ENTRY_BYTES_MAX: usize = 192 << 10;
const _: () = assert!(IMPORT_ENTRY_BYTES_MAX + STANZA_BYTES_MAX < LOG_RECORD_BYTES_MAX);

/// Rounds of a password's keys that an import takes (RFC 5802 section 5.1).
///
/// Whoever logs in with the plain password makes the server go through them: a million takes a second on a small
/// board. Others recommend 4,096 to 600,000. More are refused.
pub(crate) const SCRAM_ITERATIONS_MAX: u32 = 1_000_000;

/// Longest salt of a password's keys that an import takes, in bytes. Others have 12 to 48. More are refused.
pub(crate) const SCRAM_SALT_BYTES_MAX: usize = 255;
