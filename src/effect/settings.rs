//! What features need to know of the configuration.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

use crate::base::jid::BareJid;
use crate::base::secret::Secret;
use crate::base::time::Timestamp;
use crate::model::file::FileKeys;
use crate::model::stanza_id::StanzaIds;

/// The domain and its policies, fixed between two reloads.
#[derive(Clone, Debug, Default)]
pub(crate) struct Settings {
    pub(crate) domain: Arc<str>,
    /// Where rooms live; `None`: no rooms.
    pub(crate) rooms_host: Option<Arc<str>>,
    /// Where nodes of publish-subscribe live that are nobody's; `None`: there are none.
    pub(crate) pubsub_host: Option<Arc<str>>,
    /// Whether an address may subscribe to a node there several times (XEP-0060 section 6.1.6).
    pub(crate) multi_subscribe: bool,
    pub(crate) admins: BTreeSet<BareJid>,
    /// Whether anybody may make an account (XEP-0077).
    pub(crate) registration: bool,
    /// Whether users find each other by their vCards (XEP-0055).
    pub(crate) finds_people: bool,
    /// Whether presence is told without capabilities that the reader knows (XEP-0115 section 8.4).
    pub(crate) caps_optimization: bool,
    /// Where clients come back to, HOST:PORT (XEP-0198).
    pub(crate) location: Option<Arc<str>>,
    /// Whom to write to about the server (XEP-0157): purpose, addresses.
    pub(crate) contacts: BTreeMap<Box<str>, Vec<Box<str>>>,
    pub(crate) limits: Limits,
    /// What one session's stanzas may bring to others; `None`: as much as they like.
    pub(crate) deliveries_per_second: Option<u64>,
    /// Makes and reads stanza ids.
    pub(crate) ids: StanzaIds,
    /// When the server was started (XEP-0012).
    pub(crate) started: Timestamp,
    /// Whether only admins may create rooms.
    pub(crate) rooms_by_admins_only: bool,
    pub(crate) services: ExternalServices,
    pub(crate) invites: Invites,
    /// Where users leave files (XEP-0363); `None`: nowhere.
    pub(crate) upload: Option<Arc<Upload>>,
    /// Makes and reads the addresses of files.
    pub(crate) file_keys: FileKeys,
}

/// Who may invite, and to what (XEP-0401).
#[derive(Clone, Debug, Default)]
pub(crate) struct Invites {
    /// Strangers may make an account with an invitation.
    pub(crate) may_register: bool,
    /// Not only administrators may invite.
    pub(crate) by_anyone: bool,
    pub(crate) valid_ms: u64,
    /// Where the pages of invitations are: with a word behind it.
    pub(crate) pages: Option<Box<str>>,
}

/// The service for files, and what one user may leave there.
#[derive(Clone, Debug)]
pub(crate) struct Upload {
    pub(crate) host: Box<str>,
    /// What the addresses of files begin with, without a slash at the end.
    pub(crate) url: Box<str>,
    /// One file.
    pub(crate) file_bytes_max: u64,
    /// All files of an account, and those of a day.
    pub(crate) bytes_max: u64,
    pub(crate) day_bytes_max: u64,
    pub(crate) files_max: usize,
    /// How long a file is kept.
    pub(crate) kept_ms: u64,
}

/// What clients are told of that is not XMPP (XEP-0215).
#[derive(Clone, Debug, Default)]
pub(crate) struct ExternalServices {
    pub(crate) list: Vec<Service>,
    /// Shared with the relays (TURN); `None`: they let everybody in.
    pub(crate) secret: Option<Secret>,
    /// How long a relay lets somebody in.
    pub(crate) credentials_ms: u64,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Service {
    /// `stun`, `stuns`, `turn` or `turns`.
    pub(crate) kind: &'static str,
    pub(crate) host: Box<str>,
    pub(crate) port: u16,
    /// `udp` or `tcp`.
    pub(crate) transport: &'static str,
}

/// Bounds on what is stored, each with a default in `base::limits`.
#[derive(Clone, Debug)]
#[expect(
    clippy::struct_field_names,
    reason = "each is a maximum, and says so where it is used"
)]
pub(crate) struct Limits {
    /// Contacts of an account.
    pub(crate) roster_items_max: usize,
    /// Blocked addresses of an account.
    pub(crate) blocked_max: usize,
    /// Private elements of an account, and the vCard: bytes in all.
    pub(crate) private_bytes_max: usize,
    /// Items of all nodes of an account, and of all that it made at the service: bytes, each.
    pub(crate) published_bytes_max: usize,
    /// Messages waiting for a user's devices; the next is refused with `resource-constraint`.
    pub(crate) untaken_max: usize,
    /// Rooms in all.
    pub(crate) rooms_max: usize,
    /// Rooms that one user may own.
    pub(crate) rooms_per_user_max: usize,
    /// Occupants of a room.
    pub(crate) occupants_max: u32,
    /// Rooms that one session may be in.
    pub(crate) rooms_joined_max: usize,
    /// Directed presences of a session.
    pub(crate) directed_max: usize,
    /// Sessions of an account.
    pub(crate) sessions_max: usize,
    /// Lasting affiliations of a room.
    pub(crate) affiliations_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            roster_items_max: 1_000,
            blocked_max: 1_000,
            private_bytes_max: 1 << 20,
            published_bytes_max: 16 << 20,
            untaken_max: 4_096,
            rooms_max: 1_000,
            rooms_per_user_max: 100,
            occupants_max: 2_000,
            rooms_joined_max: 200,
            directed_max: 500,
            sessions_max: 32,
            affiliations_max: 5_000,
        }
    }
}
