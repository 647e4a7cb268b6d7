//! The table of keys: each setting is described here once.
//!
//! The example file, `meerkat check` and the messages about mistakes are rendered from it. A key that is not
//! in the table does not exist. Limits that no operator may change live in `base::limits`.

pub(crate) use crate::config::key::Fallback;
pub(crate) use crate::config::key::Key;
pub(crate) use crate::config::key::Kind;
use crate::config::key::OFF;
use crate::config::key::absent;
use crate::config::key::contact;
use crate::config::key::integer;
use crate::config::key::key;
use crate::config::key::limit;

impl Key {
    pub(crate) fn find(name: &str) -> Option<&'static Self> {
        KEYS.iter().find(|key| key.name == name)
    }
}

const DAYS: &str = "days";
const MEBIBYTES: &str = "MiB";

/// Every key, in the order of the example file.
pub(crate) const KEYS: &[Key] = &[
    key(
        "domain",
        Kind::Host,
        Fallback::Required {
            like: "\"chat.example.org\"",
        },
        false,
        "The part of every address behind the @. It is part of all stored data; the name of the machine is not.",
    ),
    key(
        "data",
        Kind::Path,
        Fallback::Toml("\"/var/lib/meerkat\""),
        false,
        "The folder that holds everything durable: log, tables, certificate. The only place that is written.",
    ),
    key(
        "admins",
        Kind::Accounts,
        OFF,
        true,
        "Accounts that may administer the server, besides those added with `user add --admin`. A name without an @ belongs to the domain.",
    ),
    key(
        "registration",
        Kind::Choice(&["closed", "invited", "open"]),
        Fallback::Toml("\"closed\""),
        true,
        "Who may make an account from a client (XEP-0077). \"invited\" lets in who has an invitation (`meerkat invite`, XEP-0401, XEP-0445). \"open\" lets anybody do it: for a closed network only.",
    ),
    key(
        "log_level",
        Kind::Choice(&["error", "warn", "info", "debug"]),
        Fallback::Toml("\"info\""),
        true,
        "How much is told on standard error. Never a message body, never a password.",
    ),
    key(
        "listen.c2s",
        Kind::Addresses,
        Fallback::Toml("[\"[::]:5222\"]"),
        false,
        "Where clients connect, with STARTTLS. [] is off; port 0 lets the system choose; [::] takes IPv4 too.",
    ),
    key(
        "listen.c2s_tls",
        Kind::Addresses,
        Fallback::Toml("[\"[::]:5223\"]"),
        false,
        "Where clients connect with TLS from the first byte (XEP-0368).",
    ),
    key(
        "listen.http",
        Kind::Addresses,
        OFF,
        false,
        "Where browsers and web clients connect in the clear, for a proxy on this machine that encrypts: [\"127.0.0.1:5280\"]. WebSocket, BOSH, host-meta and web.root are there.",
    ),
    key(
        "listen.https",
        Kind::Addresses,
        OFF,
        false,
        "The same with TLS, for example [\"[::]:443\"] or [\"[::]:5281\"].",
    ),
    absent("listen.s2s", "federation"),
    absent("listen.component", "components"),
    key(
        "listen.mirror",
        Kind::Addresses,
        OFF,
        false,
        "Where the other board of a pair connects, for example [\"[::]:5270\"]. Nobody else gets in there. One of the two boards has to listen; better both.",
    ),
    key(
        "mirror.peer",
        Kind::Addresses,
        OFF,
        false,
        "Where the other board listens, if it has moved since the two became a pair.",
    ),
    key(
        "mirror.log_mib",
        integer(16, 65_536, MEBIBYTES),
        Fallback::Toml("128"),
        false,
        "How much of the log is kept while the other board of the pair is away. If more is written meanwhile, the boards compare all they have when it is back, and it takes what differs.",
    ),
    key(
        "mdns.name",
        Kind::Host,
        Fallback::Unset {
            then: "the server is not told of on the local network",
            like: "\"chat\"",
        },
        false,
        "The name below .local under which this server, and its other board, are found on a network without a name \
         server (multicast DNS): NAME.local, and the service _xmpp-client._tcp.",
    ),
    key(
        "tls.certificate",
        Kind::Path,
        Fallback::Unset {
            then: "a self-signed one is made at the first start and kept in the data folder",
            like: "\"/etc/letsencrypt/live/chat.example.org/fullchain.pem\"",
        },
        true,
        "PEM file with the certificate and its chain. It should name the domain and the host of the rooms.",
    ),
    key(
        "tls.key",
        Kind::Path,
        Fallback::Unset {
            then: "the key of the self-signed certificate",
            like: "\"/etc/letsencrypt/live/chat.example.org/privkey.pem\"",
        },
        true,
        "PEM file with the private key that belongs to tls.certificate. Set both or none.",
    ),
    key(
        "c2s.require_tls",
        Kind::Flag,
        Fallback::Toml("true"),
        true,
        "Clients must encrypt before they log in. false sends messages in the clear, and with listen.c2s on this machine only passwords, too: for tests.",
    ),
    key(
        "c2s.location",
        Kind::Text,
        Fallback::Unset {
            then: "they look for the domain",
            like: "\"a.chat.example.org\"",
        },
        true,
        "Where clients that have lost their connection try first (XEP-0198), HOST or HOST:PORT: this board of a pair, where their streams go on, or the address that the other board takes over when this one is gone. If nobody answers they look for the domain.",
    ),
    key(
        "http.url",
        Kind::Text,
        Fallback::Unset {
            then: "links lead to where the request came to",
            like: "\"https://chat.example.org\"",
        },
        true,
        "How the world reaches listen.http or listen.https. Links in host-meta begin with it, and requests for hosts of other names are refused.",
    ),
    key(
        "web.root",
        Kind::Path,
        Fallback::Unset {
            then: "no files are served",
            like: "\"/srv/chat\"",
        },
        true,
        "A folder of files that are served at / to everybody: a web client, for example. Names that begin with a dot are not served.",
    ),
    key(
        "muc.host",
        Kind::Host,
        Fallback::Unset {
            then: "\"rooms.\" and the domain",
            like: "\"rooms.chat.example.org\"",
        },
        false,
        "The host of the rooms. It is part of their addresses, so changing it later hides the rooms there are.",
    ),
    key(
        "muc.create",
        Kind::Choice(&["anyone", "admins"]),
        Fallback::Toml("\"anyone\""),
        true,
        "Who may make rooms. With \"admins\" everybody else gets not-allowed; rooms that are there stay.",
    ),
    key(
        "upload.host",
        Kind::Host,
        Fallback::Unset {
            then: "\"upload.\" and the domain",
            like: "\"upload.chat.example.org\"",
        },
        false,
        "The host that clients ask for room for a file (XEP-0363). The files go over listen.http or listen.https, and there is no such host without these and an http.url that begins with https.",
    ),
    limit(
        "upload.file_mib",
        integer(1, 65_536, MEBIBYTES),
        "64",
        "The largest file.",
    ),
    key(
        "pubsub.host",
        Kind::Host,
        Fallback::Unset {
            then: "\"pubsub.\" and the domain",
            like: "\"pubsub.chat.example.org\"",
        },
        false,
        "The host of publish-subscribe nodes that are nobody's. It is part of their address, so changing it later hides the nodes there are.",
    ),
    limit(
        "pubsub.multi_subscribe",
        Kind::Flag,
        "false",
        "Whether one address may subscribe to a node of this host several times, up to eight, each with options and an id of its own (XEP-0060). A client that subscribes at each login then gathers subscriptions.",
    ),
    contact(
        "contact.abuse",
        "Addresses for complaints, as URIs (\"mailto:..\", \"xmpp:..\"), shown to everybody (XEP-0157).",
    ),
    contact("contact.admin", "Addresses of the operators."),
    contact("contact.feedback", "Addresses for praise and wishes."),
    contact("contact.security", "Addresses for reports of holes."),
    contact("contact.status", "Pages that tell if the server is up."),
    contact("contact.support", "Addresses for questions."),
    key(
        "invites.create",
        Kind::Choice(&["admins", "anyone"]),
        Fallback::Toml("\"admins\""),
        true,
        "Who may invite from a client (XEP-0401). With registration = \"closed\" an invitation makes a contact of who has an account elsewhere.",
    ),
    key(
        "invites.days",
        integer(1, 365, DAYS),
        Fallback::Toml("7"),
        true,
        "How long an invitation is good. Each is good once.",
    ),
    limit(
        "search.users",
        Kind::Flag,
        "false",
        "Whether users find each other by what they tell in their vCards (XEP-0055).",
    ),
    limit(
        "presence.caps_optimization",
        Kind::Flag,
        "false",
        "Whether presence leaves out the capabilities of a contact's client where the reader was told them before (XEP-0115 section 8.4). A client that does not know of this forgets them: for networks whose clients all do.",
    ),
    key(
        "services.uris",
        Kind::Uris,
        OFF,
        true,
        "STUN and TURN servers that clients are told of for calls (XEP-0215), for example [\"stun:stun.example.org\", \"turn:turn.example.org:3478?transport=udp\"].",
    ),
    key(
        "services.secret",
        Kind::Text,
        Fallback::Unset {
            then: "the TURN servers let everybody in",
            like: "\"as in static-auth-secret of coturn\"",
        },
        true,
        "What the TURN servers share with this one to know whom it vouches for. Let nobody else read this file then.",
    ),
    key(
        "services.credentials_hours",
        integer(1, 720, "hours"),
        Fallback::Toml("24"),
        true,
        "How long a TURN server lets in whom this one has vouched for.",
    ),
    limit(
        "limits.connections",
        integer(1, 1_000_000, "connections"),
        "2000",
        "Client connections at one time, logged in or not. The next one is closed at once. `meerkat check` tells what that many cost in the worst case.",
    ),
    limit(
        "limits.connections_per_address",
        integer(1, 1_000_000, "connections"),
        "200",
        "Connections at one time from one IPv4 address or one IPv6 /64. Many people may sit behind one router.",
    ),
    limit(
        "limits.handshakes",
        integer(1, 100_000, "connections"),
        "200",
        "Connections that have not logged in yet, at one time. Each may hold a TLS handshake (some 40 KiB).",
    ),
    limit(
        "limits.login_seconds",
        integer(1, 3_600, "seconds"),
        "60",
        "Time from the connection to the end of the login. Then the connection is closed.",
    ),
    limit(
        "limits.login_failures",
        integer(1, 1_000, "failures"),
        "5",
        "Failed logins from one address before its next ones have to wait: 1 s, 2 s, 4 s, at most five minutes.",
    ),
    limit(
        "limits.stanza_bytes",
        integer(10_000, 16_777_216, "bytes"),
        "262144",
        "The largest stanza of a client. RFC 6120 section 13.12 asks for 10000 at least. Beyond it the stream ends with policy-violation.",
    ),
    limit(
        "limits.bytes_per_second",
        integer(1_000, 1_000_000_000, "bytes per second"),
        "262144",
        "What one client may send on average, after a burst of ten seconds' worth. Then it is read more slowly.",
    ),
    limit(
        "limits.stanzas_per_second",
        integer(1, 1_000_000, "stanzas per second"),
        "200",
        "Stanzas that one client may send on average, after a burst of ten seconds' worth. Ten deliveries of what goes to many, in rooms or to contacts, count as one more. Then it is read more slowly.",
    ),
    limit(
        "limits.sessions_per_account",
        integer(1, 1_000, "sessions"),
        "20",
        "Devices of one account that are logged in at one time. The next one gets resource-constraint.",
    ),
    limit(
        "limits.roster_contacts",
        integer(1, 100_000, "contacts"),
        "1000",
        "Contacts of one account. The next one gets resource-constraint.",
    ),
    limit(
        "limits.blocked_addresses",
        integer(1, 100_000, "addresses"),
        "1000",
        "Addresses that one account may block.",
    ),
    limit(
        "limits.rooms",
        integer(0, 1_000_000, "rooms"),
        "1000",
        "Rooms in all. The next one gets resource-constraint.",
    ),
    limit(
        "limits.room_occupants",
        integer(1, 100_000, "occupants"),
        "1000",
        "Occupants of one room, unless the room asks for fewer.",
    ),
    limit(
        "limits.resume_seconds",
        integer(0, 86_400, "seconds"),
        "600",
        "How long a session without connection waits to be resumed (XEP-0198). Its memory is held that long.",
    ),
    limit(
        "limits.silence_seconds",
        integer(30, 86_400, "seconds"),
        "300",
        "How long a client may be silent before it is asked for a sign of life; the same time later it is closed.",
    ),
    limit(
        "limits.stall_seconds",
        integer(5, 3_600, "seconds"),
        "60",
        "How long a client may take nothing of what is written to it before its connection is closed. With stream management its session stays resumable.",
    ),
    limit(
        "limits.buffers_mib",
        integer(1, 65_536, MEBIBYTES),
        "16",
        "Unfinished stanzas and unread output of all connections. Close to it large stanzas wait; beyond it the connection that holds most ends with resource-constraint.",
    ),
    limit(
        "limits.queues_mib",
        integer(1, 65_536, MEBIBYTES),
        "48",
        "What clients have not taken of their sessions' stanzas, all together. Beyond it the session that holds most ends with resource-constraint; kept messages wait for its next login.",
    ),
    key(
        "limits.record_cache_mib",
        integer(1, 65_536, MEBIBYTES),
        Fallback::Toml("8"),
        false,
        "Memory for accounts and rooms nobody is in at the moment. An account with 100 contacts takes 6 KB.",
    ),
    key(
        "limits.store_cache_mib",
        integer(1, 65_536, MEBIBYTES),
        Fallback::Toml("4"),
        false,
        "Memory for pages of the tables. More makes archive queries faster.",
    ),
    key(
        "limits.tail_mib",
        integer(1, 1_024, MEBIBYTES),
        Fallback::Toml("8"),
        false,
        "Entries held in memory between two checkpoints; twice that in the worst case. 1 suits a board with 64 MiB.",
    ),
    limit(
        "retention.archive_days",
        integer(1, 36_500, DAYS),
        "365",
        "Archived messages are kept that long, in chats and in rooms.",
    ),
    limit(
        "retention.offline_days",
        integer(1, 36_500, DAYS),
        "90",
        "Messages that no device has taken yet are kept at least that long.",
    ),
    limit(
        "retention.upload_days",
        integer(1, 36_500, DAYS),
        "90",
        "Uploaded files are kept that long.",
    ),
    limit(
        "retention.archive_mib",
        integer(16, 1_048_576, MEBIBYTES),
        "4096",
        "All archives together. Beyond it the oldest messages go, so that the board never fills up by itself.",
    ),
    limit(
        "quota.account_mib",
        integer(1, 1_048_576, MEBIBYTES),
        "256",
        "The archive of one account. Beyond it its oldest messages that a device has taken go.",
    ),
    limit(
        "quota.room_mib",
        integer(1, 1_048_576, MEBIBYTES),
        "256",
        "The archive of one room. Beyond it its oldest messages go.",
    ),
    limit(
        "quota.offline_messages",
        integer(1, 1_000_000, "messages"),
        "5000",
        "Messages that wait for one account. The sender of the next one gets an error.",
    ),
    limit(
        "quota.rooms_per_account",
        integer(0, 100_000, "rooms"),
        "100",
        "Rooms that one account may own. Administrators are not counted.",
    ),
    limit(
        "quota.published_mib",
        integer(1, 512, MEBIBYTES),
        "16",
        "Items published by one account (XEP-0060): pictures, bookmarks, keys. Those of nodes that it made at the service are as much again. Beyond it a publication that needs more room gets resource-constraint.",
    ),
    limit(
        "quota.upload_mib",
        integer(1, 1_048_576, MEBIBYTES),
        "512",
        "Uploaded files of one account, all together. Beyond it the next one is refused until one has expired.",
    ),
    limit(
        "quota.upload_day_mib",
        integer(1, 1_048_576, MEBIBYTES),
        "256",
        "Uploaded files of one account within a day.",
    ),
    limit(
        "quota.uploads",
        integer(1, 100_000, "files"),
        "1000",
        "Uploaded files of one account. Each takes some 300 bytes of memory while its owner is online.",
    ),
];
