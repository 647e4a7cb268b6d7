//! How much may be published: into one node, and by one account into all of its own, or into all that it made at the service.
//!
//! Nothing is counted that could drift: a sum is made of the items that are there, those of nodes that are not in memory being
//! taken for as much as a node holds. Only where that is too much the nodes are read, one by one, until it is not.

use crate::base::pubsub_limits::NODE_BYTES_MAX;
use crate::effect::proposal::Stop;
use crate::model::pubsub;
use crate::model::pubsub::NodeRow;
use crate::pubsub::error::full;
use crate::pubsub::host::Place;

/// Whether the items of a node may take so many bytes from now on.
pub(super) fn check(place: &Place<'_>, bytes: usize) -> Result<(), Stop> {
    if bytes > NODE_BYTES_MAX {
        return Err(full("the items of the node have reached their limit").into());
    }
    let host = place.host;
    let is_service = host.account.is_none();
    let is_other = |(name, row): &(&str, &NodeRow)| {
        *name != place.name() && (!is_service || row.creator == place.row.creator)
    };
    let others = host.nodes().filter(is_other).map(|(name, _)| name);
    let mut others: Vec<&str> = others.collect();
    let max = host.view.settings.limits.published_bytes_max;
    let is_enough = |used: usize, unread: usize| {
        used.saturating_add(unread.saturating_mul(NODE_BYTES_MAX)) <= max
    };
    if is_enough(bytes, others.len()) || bytes <= pubsub::bytes(place.leaf) {
        return Ok(());
    }
    let (mut used, mut unread) = (bytes, others.len());
    // Those in memory cost nothing to look at.
    others.sort_by_key(|name| host.resident(name).is_none());
    for name in others {
        if used > max {
            break;
        }
        used = used.saturating_add(pubsub::bytes(host.place(name)?.leaf));
        unread = unread.saturating_sub(1);
        if is_enough(used, unread) {
            return Ok(());
        }
    }
    Err(full("all published items together have reached their limit").into())
}
