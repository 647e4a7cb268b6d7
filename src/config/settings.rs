//! Settings after every check: what the server is built from.

use std::path::PathBuf;
use std::time::Duration;

use crate::effect::settings::ExternalServices;
use crate::net::address::Address;

/// One whole, consistent set. The names are those of [`crate::config::keys`].
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) domain: String,
    pub(crate) data: PathBuf,
    /// Bare addresses, `name@domain`.
    pub(crate) admins: Vec<String>,
    pub(crate) registration: Registration,
    pub(crate) inviters: Inviters,
    pub(crate) invites_valid: Duration,
    /// Whether users may search for each other.
    pub(crate) finds_people: bool,
    /// Whether presence is told without capabilities that the reader knows.
    pub(crate) caps_optimization: bool,
    pub(crate) log_level: LogLevel,
    pub(crate) listen: Listen,
    /// Where the other board listens, before what it has told.
    pub(crate) mirror_peer: Vec<Address>,
    /// Kept of the log for the other board.
    pub(crate) mirror_log_bytes: u64,
    /// Below `local`, where the local network is told of the server.
    pub(crate) mdns_name: Option<String>,
    /// None: a self-signed certificate in the data folder.
    pub(crate) tls: Option<Tls>,
    pub(crate) require_tls: bool,
    /// Where clients come back to (XEP-0198 section 3).
    pub(crate) location: Option<String>,
    /// How the world reaches the web door; without a slash at the end.
    pub(crate) http_url: Option<String>,
    /// A folder of files for browsers.
    pub(crate) web_root: Option<PathBuf>,
    pub(crate) muc_host: String,
    pub(crate) pubsub_host: String,
    pub(crate) multi_subscribe: bool,
    pub(crate) muc_create: RoomMakers,
    pub(crate) upload: Upload,
    pub(crate) contacts: Vec<Contact>,
    pub(crate) services: ExternalServices,
    pub(crate) limits: Limits,
    pub(crate) retention: Retention,
    pub(crate) quota: Quota,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Registration {
    Closed,
    /// With an invitation.
    Invited,
    Open,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Inviters {
    Anyone,
    Admins,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum RoomMakers {
    Anyone,
    Admins,
}

#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
}

#[derive(Clone, Debug)]
pub(crate) struct Listen {
    pub(crate) c2s: Vec<Address>,
    pub(crate) c2s_tls: Vec<Address>,
    pub(crate) http: Vec<Address>,
    pub(crate) https: Vec<Address>,
    /// For the other board of a pair.
    pub(crate) mirror: Vec<Address>,
}

/// Files of a certificate that somebody else renews.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Tls {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

/// Where files are left (XEP-0363).
#[derive(Clone, Debug)]
pub(crate) struct Upload {
    pub(crate) host: String,
    pub(crate) file_bytes: u64,
}

/// One field of the form of XEP-0157, such as `abuse-addresses`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Contact {
    pub(crate) field: &'static str,
    pub(crate) uris: Vec<String>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) connections: usize,
    pub(crate) connections_per_address: usize,
    pub(crate) handshakes: usize,
    pub(crate) login: Duration,
    pub(crate) login_failures: u32,
    pub(crate) stanza_bytes: usize,
    pub(crate) bytes_per_second: u64,
    pub(crate) stanzas_per_second: u64,
    pub(crate) sessions_per_account: usize,
    pub(crate) roster_contacts: usize,
    pub(crate) blocked_addresses: usize,
    pub(crate) rooms: usize,
    pub(crate) room_occupants: usize,
    pub(crate) resume: Duration,
    pub(crate) silence: Duration,
    pub(crate) stall: Duration,
    pub(crate) buffer_bytes: u64,
    pub(crate) queue_bytes: u64,
    pub(crate) record_cache_bytes: u64,
    pub(crate) store_cache_bytes: u64,
    pub(crate) tail_bytes: u64,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Retention {
    pub(crate) archive: Duration,
    pub(crate) offline: Duration,
    pub(crate) upload: Duration,
    pub(crate) archive_bytes: u64,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Quota {
    pub(crate) account_bytes: u64,
    pub(crate) room_bytes: u64,
    pub(crate) offline_messages: usize,
    pub(crate) rooms_per_account: usize,
    pub(crate) published_bytes: usize,
    pub(crate) upload_bytes: u64,
    pub(crate) upload_day_bytes: u64,
    pub(crate) uploads: usize,
}
