//! Nodes of publish-subscribe (XEP-0060, XEP-0163): what is stored of them.
//!
//! That a node is there, and its configuration, is a row of its owner: of the account, or of the server
//! for nodes of the service. Everything else (items, affiliations, subscriptions) is a record of its own,
//! which is read when somebody asks for it: an avatar does not sit in memory with its account.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::base::ids::Incarnation;
use crate::base::jid::BareJid;
use crate::base::jid::Jid;
use crate::base::time::Timestamp;
use crate::model::account::Account;
use crate::model::codec::coded;
use crate::model::row::Cell;
use crate::model::row::RecordKey;
use crate::model::row::Row;
use crate::model::row::RowName;
use crate::model::row::Rows;

/// Whose node it is: of an account in one of its lives, or of the service (whose address has no local part).
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct LeafKey {
    pub(crate) owner: BareJid,
    pub(crate) incarnation: Incarnation,
    pub(crate) node: Box<str>,
}

coded!(struct LeafKey { owner, incarnation, node });

impl LeafKey {
    pub(crate) fn is_of_service(&self) -> bool {
        self.owner.local().is_none()
    }
}

/// That a node is there, how it is configured, and who made it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct NodeRow {
    pub(crate) created: Timestamp,
    pub(crate) creator: BareJid,
    pub(crate) config: NodeConfig,
}

coded!(struct NodeRow { created, creator, config });

/// XEP-0060 section 16.4.4.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct NodeConfig {
    pub(crate) title: Box<str>,
    pub(crate) description: Box<str>,
    /// The namespace of the payloads (`pubsub#type`).
    pub(crate) payload: Box<str>,
    pub(crate) access: Access,
    /// Roster groups that [`Access::Roster`] is about.
    pub(crate) groups: Vec<Box<str>>,
    pub(crate) publishers: Publishers,
    /// 0: as many as there may be.
    pub(crate) items_max: u32,
    pub(crate) persists: bool,
    pub(crate) delivers_payloads: bool,
    pub(crate) notifies_retract: bool,
    pub(crate) notifies_delete: bool,
    pub(crate) notifies_config: bool,
    pub(crate) notifies_subscribers: bool,
    pub(crate) last: SendLast,
    /// Seconds after which an item is gone; 0: never.
    pub(crate) expires: u64,
    /// Only to who is available.
    pub(crate) to_present_only: bool,
    /// `type='normal'` rather than `headline`.
    pub(crate) is_normal: bool,
}

coded!(struct NodeConfig {
    title,
    description,
    payload,
    access,
    groups,
    publishers,
    items_max,
    persists,
    delivers_payloads,
    notifies_retract,
    notifies_delete,
    notifies_config,
    notifies_subscribers,
    last,
    expires,
    to_present_only,
    is_normal,
});

/// Who may subscribe and read (section 4.5).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Access {
    Open,
    Presence,
    Roster,
    Authorize,
    Whitelist,
}

coded!(enum Access { 0 => Open, 1 => Presence, 2 => Roster, 3 => Authorize, 4 => Whitelist });

/// Who may publish (`pubsub#publish_model`).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Publishers {
    Appointed,
    Subscribers,
    Open,
}

coded!(enum Publishers { 0 => Appointed, 1 => Subscribers, 2 => Open });

/// When the last item is sent without a publication (`pubsub#send_last_published_item`).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum SendLast {
    Never,
    OnSubscription,
    OnSubscriptionAndPresence,
}

coded!(enum SendLast { 0 => Never, 1 => OnSubscription, 2 => OnSubscriptionAndPresence });

/// A published item.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct ItemRow {
    pub(crate) publisher: Jid,
    pub(crate) at: Timestamp,
    /// The element, or nothing.
    pub(crate) payload: Arc<[u8]>,
}

coded!(struct ItemRow { publisher, at, payload });

/// What a user is to a node (section 4.1), in the order of rights.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Standing {
    Outcast,
    None,
    Member,
    PublishOnly,
    Publisher,
    Owner,
}

coded!(enum Standing {
    0 => Outcast,
    1 => None,
    2 => Member,
    3 => PublishOnly,
    4 => Publisher,
    5 => Owner,
});

/// Somebody's relation to a node, for one life of the account.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct StandingRow {
    pub(crate) standing: Standing,
    /// `None`: for whoever has the name.
    pub(crate) account: Option<Incarnation>,
}

coded!(struct StandingRow { standing, account });

/// A subscription (section 6.1), for one life of the account.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct SubscriptionRow {
    pub(crate) account: Option<Incarnation>,
    /// An owner has not said yes yet (section 6.1.4).
    pub(crate) is_pending: bool,
    /// Notifications are switched on (`pubsub#deliver`).
    pub(crate) delivers: bool,
    /// Whatever `show` says, of these alone; empty: of all (`pubsub#show-values`).
    pub(crate) shows: Vec<Box<str>>,
    /// Not after this.
    pub(crate) expires: Option<Timestamp>,
}

coded!(struct SubscriptionRow { account, is_pending, delivers, shows, expires });

/// One of the subscriptions of an address to a node.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subscription<'a> {
    pub(crate) jid: &'a Jid,
    /// Of those beside the first (section 6.1.6); the first has none.
    pub(crate) id: &'a str,
    pub(crate) row: &'a SubscriptionRow,
}

/// The row of a subscription.
pub(crate) fn subscription_name(jid: &Jid, id: &str) -> RowName {
    let jid = jid.clone();
    if id.is_empty() {
        RowName::Subscription { jid }
    } else {
        let id = id.into();
        RowName::FurtherSubscription { jid, id }
    }
}

/// What happens to a node apart from publications, for who wants to hear of it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum NodeEvent {
    /// Of a node that keeps no items; those of others are told of with their rows.
    Published {
        id: Box<str>,
        item: Arc<ItemRow>,
    },
    Retracted {
        ids: Vec<Box<str>>,
    },
    Purged,
    Deleted {
        redirect: Option<Box<str>>,
    },
    /// With the new configuration if payloads are delivered.
    Configured,
    /// To the subscriber itself, and to owners who want to know (`pubsub#notify_sub`).
    Subscribed {
        jid: Jid,
        state: SubscriptionState,
    },
    /// The same for one of several.
    FurtherSubscribed {
        jid: Jid,
        id: Box<str>,
        state: SubscriptionState,
    },
}

coded!(enum NodeEvent {
    0 => Published { id, item },
    1 => Retracted { ids },
    2 => Purged,
    3 => Deleted { redirect },
    4 => Configured,
    5 => Subscribed { jid, state },
    240 => FurtherSubscribed { jid, id, state },
});

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum SubscriptionState {
    None,
    Pending,
    Subscribed,
}

coded!(enum SubscriptionState { 0 => None, 1 => Pending, 2 => Subscribed });

/// What a client wants to hear of, by the features it announces (XEP-0163 section 4.3.2).
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Interests {
    /// The verification string that they came with (XEP-0115).
    pub(crate) version: Box<str>,
    pub(crate) nodes: Arc<BTreeSet<Box<str>>>,
}

coded!(struct Interests { version, nodes });

impl SubscriptionState {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Pending => "pending",
            Self::Subscribed => "subscribed",
        }
    }
}

/// The configuration of a node among the rows of its owner.
pub(crate) fn node<'a>(rows: &'a Rows, name: &str) -> Option<&'a Arc<NodeRow>> {
    match rows.row(&RowName::Leaf { node: name.into() }) {
        Some(Row::Leaf { row }) => Some(row),
        _ => None,
    }
}

/// All nodes of an owner, in order of their names.
pub(crate) fn nodes(rows: &Rows) -> impl Iterator<Item = (&str, &Arc<NodeRow>)> {
    let first = RowName::Leaf {
        node: Box::default(),
    };
    let cells = rows.from(&first).map_while(|(name, cell)| match name {
        RowName::Leaf { node } => Some((&**node, cell)),
        _ => None,
    });
    cells.filter_map(|(node, cell)| match &cell.row {
        Some(Row::Leaf { row }) => Some((node, row)),
        _ => None,
    })
}

/// What is in the nodes of an account.
pub(crate) fn leaves(account: &Account, owner: &BareJid) -> impl Iterator<Item = RecordKey> {
    let incarnation = account.incarnation().unwrap_or_default();
    nodes(&account.rows).map(move |(node, _)| RecordKey::Leaf {
        leaf: LeafKey {
            owner: owner.clone(),
            incarnation,
            node: node.into(),
        },
    })
}

/// The items of a node, the oldest first; `cell` says when each was published.
pub(crate) fn items(rows: &Rows, now: Timestamp, expires: u64) -> Vec<(&str, &Arc<ItemRow>)> {
    let first = RowName::Item { id: Box::default() };
    let mut found: Vec<(&Cell, &str, &Arc<ItemRow>)> = rows
        .from(&first)
        .map_while(|(name, cell)| match name {
            RowName::Item { id } => Some((&**id, cell)),
            _ => None,
        })
        .filter_map(|(id, cell)| match &cell.row {
            Some(Row::Item { item }) => Some((cell, id, item)),
            _ => None,
        })
        .filter(|(_, _, item)| is_current(item, now, expires))
        .collect();
    found.sort_by_key(|(cell, ..)| (cell.stamp, cell.at));
    found.into_iter().map(|(_, id, item)| (id, item)).collect()
}

/// What the items of a node take, ids and payloads.
pub(crate) fn bytes(rows: &Rows) -> usize {
    let items = items(rows, Timestamp::default(), 0).into_iter();
    items.map(|(id, item)| id.len() + item.payload.len()).sum()
}

fn is_current(item: &ItemRow, now: Timestamp, expires: u64) -> bool {
    expires == 0 || now.since_ms(item.at) / 1_000 < expires
}

/// One item of a node.
pub(crate) fn item<'a>(rows: &'a Rows, id: &str) -> Option<&'a Arc<ItemRow>> {
    match rows.row(&RowName::Item { id: id.into() }) {
        Some(Row::Item { item }) => Some(item),
        _ => None,
    }
}

/// All subscriptions to a node: the first of each address, then the further ones.
pub(crate) fn subscriptions(rows: &Rows) -> impl Iterator<Item = Subscription<'_>> {
    rows.iter().filter_map(|(name, cell)| {
        let Some(Row::Subscription { row }) = &cell.row else {
            return None;
        };
        let (jid, id) = match name {
            RowName::Subscription { jid } => (jid, ""),
            RowName::FurtherSubscription { jid, id } => (jid, &**id),
            _ => return None,
        };
        Some(Subscription { jid, id, row })
    })
}

/// Everybody with a lasting relation to a node.
pub(crate) fn standings(rows: &Rows) -> impl Iterator<Item = (&BareJid, &Arc<StandingRow>)> {
    rows.iter()
        .filter_map(|(name, cell)| match (name, &cell.row) {
            (RowName::Standing { jid }, Some(Row::Standing { row })) => Some((jid, row)),
            _ => None,
        })
}

pub(crate) fn standing<'a>(rows: &'a Rows, jid: &BareJid) -> Option<&'a Arc<StandingRow>> {
    match rows.row(&RowName::Standing { jid: jid.clone() }) {
        Some(Row::Standing { row }) => Some(row),
        _ => None,
    }
}

/// Nodes that an account has to do with: owner and name.
pub(crate) fn related(rows: &Rows) -> impl Iterator<Item = (&BareJid, &str)> {
    // The only rows of an account behind this name.
    let first = RowName::Item { id: Box::default() };
    rows.from(&first).filter_map(|(name, cell)| match name {
        RowName::Subscribed { owner, node } if cell.row.is_some() => Some((owner, &**node)),
        _ => None,
    })
}
