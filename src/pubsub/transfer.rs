//! Nodes of an account in files that other servers read and write too (XEP-0227 section 4.10), part by part, both ways.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::base::ids::Incarnation;
use crate::base::jid::BareJid;
use crate::base::jid::Jid;
use crate::base::pubsub_limits::ACCOUNT_NODES_MAX;
use crate::base::pubsub_limits::ITEM_ID_BYTES_MAX;
use crate::base::pubsub_limits::NODE_BYTES_MAX;
use crate::base::pubsub_limits::NODE_ITEMS_MAX;
use crate::base::pubsub_limits::NODE_MEMBERS_MAX;
use crate::base::pubsub_limits::NODE_NAME_BYTES_MAX;
use crate::base::time::Timestamp;
use crate::model::pubsub;
use crate::model::pubsub::Access;
use crate::model::pubsub::ItemRow;
use crate::model::pubsub::LeafKey;
use crate::model::pubsub::NodeConfig;
use crate::model::pubsub::NodeRow;
use crate::model::pubsub::Standing;
use crate::model::pubsub::StandingRow;
use crate::model::pubsub::SubscriptionRow;
use crate::model::row::RecordKey;
use crate::model::row::Row;
use crate::model::row::RowName;
use crate::model::row::Rows;
use crate::pubsub::avatar;
use crate::pubsub::bookmarks::STORAGE;
use crate::pubsub::config;
use crate::pubsub::manage;
use crate::pubsub::publish;
use crate::pubsub::subscribe;
use crate::stanza::form::Form;
use crate::stanza::form::FormKind;
use crate::stanza::ns;
use crate::xml::Node;
use crate::xml::Writer;

/// How a node is configured, and what others are to it: children of `<pubsub/>` in the namespace of owners.
pub(crate) fn write_setting(node: &str, row: &NodeRow, leaf: &Rows) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.start("configure").attr("node", node);
    let mut form = config::form(&row.config, &[]);
    form.kind = FormKind::Submit;
    for field in &mut form.fields {
        field.label = None;
        field.options.clear();
    }
    form.write(&mut writer);
    writer.end();
    let mut standings = pubsub::standings(leaf).peekable();
    if standings.peek().is_some() {
        writer.start("affiliations").attr("node", node);
        for (jid, row) in standings {
            manage::write(&mut writer, jid, row.standing);
        }
        writer.end();
    }
    let mut subscriptions = pubsub::subscriptions(leaf).peekable();
    if subscriptions.peek().is_some() {
        writer.start("subscriptions").attr("node", node);
        for one in subscriptions {
            let state = subscribe::state(one.row.is_pending);
            subscribe::write(&mut writer, None, (one.jid, None), state);
        }
        writer.end();
    }
    writer.finish()
}

/// `<items/>`, the oldest first.
pub(crate) fn write_items(owner: &BareJid, node: &str, leaf: &Rows) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.start("items").attr("node", node);
    for (id, item) in pubsub::items(leaf, Timestamp::default(), 0) {
        let publisher = Some(item.publisher.bare_str());
        let publisher = publisher.filter(|publisher| *publisher != owner.as_str());
        publish::write_item(&mut writer, (id, item), publisher, true);
    }
    writer.end();
    writer.finish()
}

/// All nodes of one account as far as a file has told.
#[derive(Default)]
pub(crate) struct Drafts {
    nodes: BTreeMap<Box<str>, Draft>,
    /// There are more nodes than an account may have.
    pub(crate) is_crowded: bool,
}

#[derive(Default)]
struct Draft {
    config: Option<NodeConfig>,
    standings: BTreeMap<BareJid, Standing>,
    /// Whether an owner has to agree yet.
    subscriptions: BTreeMap<Jid, bool>,
    items: Vec<(Box<str>, ItemRow)>,
}

impl Draft {
    fn bytes(&self) -> usize {
        let items = self.items.iter();
        items.map(|(id, item)| id.len() + item.payload.len()).sum()
    }
}

/// Bookmarks of older clients (XEP-0048 version 1.1), which this server has in private storage and in another node.
pub(crate) fn old_bookmarks<'a>(node: &str, item: Node<'a>) -> Option<Node<'a>> {
    let storage = item.child("storage", STORAGE);
    storage.filter(|_| node == STORAGE)
}

/// What is told when a part cannot be taken over.
pub(crate) type LeftOut = Option<&'static str>;

const LONG_NAME: LeftOut = Some("nodes and items whose names are too long");

impl Drafts {
    fn draft(&mut self, node: &str) -> Option<&mut Draft> {
        if node.is_empty() || node.len() > NODE_NAME_BYTES_MAX {
            return None;
        }
        let is_full = self.nodes.len() >= ACCOUNT_NODES_MAX;
        self.is_crowded |= is_full && !self.nodes.contains_key(node);
        (!self.is_crowded).then(|| self.nodes.entry(node.into()).or_default())
    }

    /// Of all items.
    pub(crate) fn bytes(&self) -> usize {
        self.nodes.values().map(Draft::bytes).sum()
    }

    /// A part as [`write_setting`] has it.
    pub(crate) fn add_setting(&mut self, part: Node<'_>) -> LeftOut {
        let node = part.attr("node").unwrap_or_default();
        if node == STORAGE {
            return None;
        }
        let Some(draft) = self.draft(&node) else {
            return LONG_NAME;
        };
        match part.name() {
            "configure" => {
                let form = Form::parse_in(part).ok().flatten();
                let (config, left_out) = configuration(form.as_ref());
                draft.config = Some(config);
                return left_out;
            }
            "affiliations" => {
                for one in part.children() {
                    let jid = one.attr("jid").and_then(|jid| BareJid::parse(&jid).ok());
                    let standing = one.attr("affiliation");
                    let standing = standing.and_then(|word| manage::find(&word));
                    if let (Some(jid), Some(standing)) = (jid, standing)
                        && draft.standings.len() < NODE_MEMBERS_MAX
                    {
                        draft.standings.insert(jid, standing);
                    }
                }
            }
            "subscriptions" => {
                for one in part.children() {
                    let jid = one.attr("jid").and_then(|jid| Jid::parse(&jid).ok());
                    // COMPAT(Prosody): `subscribed` in place of `subscription`.
                    let state = one.attr("subscription").or_else(|| one.attr("subscribed"));
                    let is_pending = match state.as_deref() {
                        Some("subscribed") => false,
                        Some("pending") => true,
                        _ => continue,
                    };
                    if let Some(jid) = jid
                        && draft.subscriptions.len() < NODE_MEMBERS_MAX
                    {
                        draft.subscriptions.insert(jid, is_pending);
                    }
                }
            }
            _ => return Some("elements of nodes that XEP-0227 does not have"),
        }
        None
    }

    /// An item, later than all before it.
    pub(crate) fn add_item(&mut self, owner: &BareJid, node: &str, item: Node<'_>) -> LeftOut {
        let Some(draft) = self.draft(node) else {
            return LONG_NAME;
        };
        let id = item.attr("id").unwrap_or_default();
        if id.is_empty() || id.len() > ITEM_ID_BYTES_MAX {
            return LONG_NAME;
        }
        let publisher = item.attr("publisher");
        let publisher = publisher.and_then(|jid| Jid::parse(&jid).ok());
        let payload = item.children().next();
        let payload = payload.map_or_else(Vec::new, |payload| payload.outer().into_owned());
        draft.items.retain(|(one, _)| **one != *id);
        let row = ItemRow {
            publisher: publisher.unwrap_or_else(|| owner.to_jid()),
            at: Timestamp::default(),
            payload: payload.into(),
        };
        draft.items.push((id.into_owned().into(), row));
        let mut left_out = None;
        let room = draft
            .config
            .as_ref()
            .map_or(NODE_ITEMS_MAX, NodeConfig::room);
        while draft.items.len() > room || draft.bytes() > NODE_BYTES_MAX {
            // As at a publication (XEP-0060 section 7.1.2.5).
            draft.items.remove(0);
            left_out = Some("the oldest items of full nodes");
        }
        left_out
    }

    /// What a new account has of all this.
    pub(crate) fn into_rows(
        self,
        owner: &BareJid,
        (incarnation, now): (Incarnation, Timestamp),
    ) -> Vec<(RecordKey, RowName, Row)> {
        let account = RecordKey::Account { jid: owner.clone() };
        let mut rows = Vec::new();
        for (node, draft) in self.nodes {
            let leaf = LeafKey {
                owner: owner.clone(),
                incarnation,
                node: node.clone(),
            };
            let leaf = RecordKey::Leaf { leaf };
            if let Some((id, item)) = draft.items.last()
                && let Some(hash) = avatar::hash_of(&node, id, &item.payload)
            {
                let bytes = Arc::from(hash.as_bytes());
                rows.push((account.clone(), avatar::note(), Row::Bytes { bytes }));
            }
            let row = Arc::new(NodeRow {
                created: now,
                creator: owner.clone(),
                config: draft.config.unwrap_or_else(closed),
            });
            let name = RowName::Leaf { node };
            rows.push((account.clone(), name, Row::Leaf { row }));
            rows.extend(draft.standings.into_iter().map(|(jid, standing)| {
                let account = None;
                let row = Arc::new(StandingRow { standing, account });
                (
                    leaf.clone(),
                    RowName::Standing { jid },
                    Row::Standing { row },
                )
            }));
            rows.extend(draft.subscriptions.into_iter().map(|(jid, is_pending)| {
                let row = Arc::new(SubscriptionRow {
                    is_pending,
                    ..subscribe::blank()
                });
                let name = RowName::Subscription { jid };
                (leaf.clone(), name, Row::Subscription { row })
            }));
            rows.extend(draft.items.into_iter().map(|(id, item)| {
                let item = Arc::new(ItemRow { at: now, ..item });
                (leaf.clone(), RowName::Item { id }, Row::Item { item })
            }));
        }
        rows
    }
}

/// For nobody else until its owner says so.
fn closed() -> NodeConfig {
    NodeConfig {
        access: Access::Whitelist,
        items_max: 0,
        ..config::first(true)
    }
}

/// XEP-0227 section 4.10.1: what is not known here is passed over, but who may read must not become more.
fn configuration(form: Option<&Form>) -> (NodeConfig, LeftOut) {
    let first = config::first(true);
    let Some(form) = form else {
        return (first, None);
    };
    let mut config = first;
    let mut left_out = None;
    for field in &form.fields {
        let alone = Form {
            fields: vec![field.clone()],
            ..Form::with_type(FormKind::Submit, ns::NODE_CONFIG)
        };
        match config::apply(&config, &alone, false) {
            Ok(applied) => config = applied,
            Err(_) if &*field.var == "pubsub#access_model" => {
                config.access = Access::Whitelist;
                left_out = Some(
                    "access to nodes by rules that this server does not have: they are closed",
                );
            }
            Err(_) => left_out = Some("settings of nodes that this server does not have"),
        }
    }
    (config, left_out)
}
