//! Bounds of publish-subscribe, as [`limits`](crate::base::limits) has those of everything else.

use crate::base::limits::PAGE_BYTES_MAX;

/// Nodes of one account. Clients make about fifteen; the next is refused with `resource-constraint`.
pub(crate) const ACCOUNT_NODES_MAX: usize = 64;

/// Nodes of the service. All their configurations are in memory (about 400 bytes each).
pub(crate) const SERVICE_NODES_MAX: usize = 1_000;

/// Nodes of the service that one user may make, administrators aside: nobody alone takes all of them.
pub(crate) const SERVICE_NODES_PER_USER_MAX: usize = 100;

/// Items of a node, whatever its configuration says; `max` means so many.
///
/// A node is loaded as a whole, and a purge is one entry of the log. The oldest items leave first.
pub(crate) const NODE_ITEMS_MAX: usize = 1_000;

/// What the items of a node take together, ids and payloads, in bytes: twice the largest stanza.
///
/// The next item is refused with `resource-constraint` unless older ones leave for it. As many nodes as fit into
/// `quota.published_mib` with this need not be looked at when one of them gets an item.
pub(crate) const NODE_BYTES_MAX: usize = 512 << 10;

/// The largest payload of an item. A larger one is refused with `payload-too-big`; only where `limits.stanza_bytes` was
/// raised a client can send it.
pub(crate) const PAYLOAD_BYTES_MAX: usize = NODE_BYTES_MAX - ITEM_ID_BYTES_MAX;

/// Subscriptions and affiliations of a node, pending ones among them, each.
pub(crate) const NODE_MEMBERS_MAX: usize = 1_000;

/// Pending subscriptions that one command asks an owner about again. The others are asked about when these are decided.
pub(crate) const PENDING_ASKED_MAX: usize = 100;

/// Subscriptions of one user to nodes of the service and of others.
pub(crate) const SUBSCRIPTIONS_MAX: usize = 200;

/// Subscriptions of one address to one node, where it may have several: one for each way to be told.
pub(crate) const SUBSCRIPTIONS_PER_ADDRESS_MAX: usize = 8;

/// Longest name of a node and id of an item, in bytes. A longer one is refused with `not-acceptable`.
pub(crate) const NODE_NAME_BYTES_MAX: usize = 1_023;
pub(crate) const ITEM_ID_BYTES_MAX: usize = 1_023;

/// Longest text of a node's configuration (title, description, payload's type), in bytes.
pub(crate) const NODE_TEXT_BYTES_MAX: usize = 1_023;

/// Roster groups that a node may be open to.
pub(crate) const NODE_GROUPS_MAX: usize = 64;

/// Which part of the cache of records (`limits.record_cache_mib`) is for nodes, those aside that something waits for: of
/// the others the longest unused leave.
pub(crate) const NODE_CACHE_SHARE: u64 = 4;
const _: () = assert!(NODE_BYTES_MAX <= PAGE_BYTES_MAX);

/// Sets of features (XEP-0115) that are remembered. One is made by each version of a client with each of its settings;
/// the oldest is asked for again.
pub(crate) const CAPS_MAX: usize = 512;

/// Names of nodes that a client may want to hear of (`+notify`). Further ones are not heard of.
pub(crate) const INTERESTS_MAX: usize = 64;

/// Features, identities and form fields of a client that are looked at. A client with more announces nothing.
pub(crate) const CAPS_PARTS_MAX: usize = 500;
