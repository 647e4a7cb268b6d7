//! Whose nodes: an account's (XEP-0163) or the service's (XEP-0060), and what somebody is to one of them.

use crate::base::ids::Incarnation;
use crate::base::jid::BareJid;
use crate::base::jid::Jid;
use crate::base::time::Timestamp;
use crate::effect::proposal::Proposal;
use crate::effect::proposal::Stop;
use crate::effect::records::owner_of;
use crate::effect::view::View;
use crate::model::account::Account;
use crate::model::contact::Contact;
use crate::model::op::Op;
use crate::model::op::Soft;
use crate::model::pubsub;
use crate::model::pubsub::Access;
use crate::model::pubsub::ItemRow;
use crate::model::pubsub::LeafKey;
use crate::model::pubsub::NodeRow;
use crate::model::pubsub::Publishers;
use crate::model::pubsub::Standing;
use crate::model::pubsub::Subscription;
use crate::model::row::RecordKey;
use crate::model::row::RowName;
use crate::model::row::Rows;
use crate::pubsub::error::forbidden;
use crate::pubsub::error::not_found;
use crate::pubsub::error::refused;
use crate::pubsub::error::unsupported;
use crate::stanza::Condition;
use crate::stanza::StanzaError;

/// Who has nodes.
pub(super) struct Host<'a> {
    pub(super) view: &'a View<'a>,
    pub(super) jid: BareJid,
    /// Where its nodes are listed.
    rows: &'a Rows,
    /// `None`: the service.
    pub(super) account: Option<&'a Account>,
    incarnation: Incarnation,
}

/// One node.
pub(super) struct Place<'a> {
    pub(super) host: &'a Host<'a>,
    pub(super) key: LeafKey,
    pub(super) row: &'a NodeRow,
    pub(super) leaf: &'a Rows,
    /// Whose contacts the access models `presence` and `roster` are about, where the node has one of them.
    keeper: Option<&'a Account>,
}

impl<'a> Host<'a> {
    /// An account that exists.
    pub(super) fn account(view: &'a View<'a>, jid: &BareJid) -> Result<Self, Stop> {
        let account = view.account(jid)?;
        let missing = || StanzaError::new(Condition::ServiceUnavailable);
        let incarnation = account.live().ok_or_else(missing)?;
        Ok(Self {
            view,
            jid: jid.to_compact(),
            rows: &account.rows,
            account: Some(account),
            incarnation,
        })
    }

    pub(super) fn service(view: &'a View<'a>, jid: &BareJid) -> Result<Self, Stop> {
        Ok(Self {
            view,
            jid: jid.to_compact(),
            rows: view.node()?,
            account: None,
            incarnation: Incarnation::default(),
        })
    }

    /// Whoever has this node; `None`: nobody, or nobody any more.
    pub(super) fn of(view: &'a View<'a>, leaf: &LeafKey) -> Option<Self> {
        let host = if leaf.is_of_service() {
            Self::service(view, &leaf.owner)
        } else {
            view.resident_account(&leaf.owner)?;
            Self::account(view, &leaf.owner)
        };
        host.ok()
            .filter(|host| host.incarnation == leaf.incarnation)
    }

    pub(super) fn key(&self, node: &str) -> LeafKey {
        LeafKey {
            owner: self.jid.clone(),
            incarnation: self.incarnation,
            node: node.into(),
        }
    }

    /// The record that lists the nodes.
    pub(super) fn record(&self) -> RecordKey {
        owner_of(&self.key(""))
    }

    pub(super) fn nodes(&self) -> impl Iterator<Item = (&'a str, &'a NodeRow)> {
        pubsub::nodes(self.rows).map(|(name, row)| (name, row.as_ref()))
    }

    pub(super) fn has(&self, node: &str) -> bool {
        pubsub::node(self.rows, node).is_some()
    }

    /// One node, loaded. XEP-0060: `item-not-found` where there is none.
    pub(super) fn place(&'a self, node: &str) -> Result<Place<'a>, Stop> {
        let row = pubsub::node(self.rows, node).ok_or_else(not_found)?;
        self.place_of(node, row)
    }

    /// The same with the configuration that it has, or will have: it may be about to be made.
    pub(super) fn place_of(&'a self, node: &str, row: &'a NodeRow) -> Result<Place<'a>, Stop> {
        let key = self.key(node);
        let leaf = self.view.leaf(&key)?;
        let keeper = match keeper(self, row) {
            Some(jid) => Some(self.view.account(jid)?),
            None => None,
        };
        Ok(Place {
            host: self,
            key,
            row,
            leaf,
            keeper,
        })
    }

    /// One node, if it is in memory.
    pub(super) fn resident(&'a self, node: &str) -> Option<Place<'a>> {
        let row = pubsub::node(self.rows, node)?;
        let key = self.key(node);
        let leaf = self.view.resident_leaf(&key)?;
        let keeper = keeper(self, row).and_then(|jid| self.view.resident_account(jid));
        Some(Place {
            host: self,
            key,
            row,
            leaf,
            keeper,
        })
    }

    /// Whether the user owns everything here: the account itself, or an administrator.
    pub(super) fn is_own(&self, user: &BareJid) -> bool {
        match self.account {
            Some(_) => self.jid == *user,
            None => self.view.is_admin(user),
        }
    }

    /// Whether the row is for the account that has the name now, as far as memory tells.
    pub(super) fn is_current(&self, user: &BareJid, account: Option<Incarnation>) -> bool {
        match (account, self.view.resident_account(user)) {
            (Some(account), Some(record)) => record.live() == Some(account),
            _ => true,
        }
    }

    /// XEP-0191 section 3: one of them does not want to hear of the other.
    pub(super) fn is_silent(&self, user: &BareJid) -> bool {
        let reader = self.view.resident_account(user);
        user != &self.jid
            && (reader.is_some_and(|reader| reader.blocks(&self.jid.to_jid()))
                || self
                    .account
                    .is_some_and(|account| account.blocks(&user.to_jid())))
    }
}

/// A node of the service has the contacts of whoever made it.
fn keeper<'a>(host: &'a Host<'_>, row: &'a NodeRow) -> Option<&'a BareJid> {
    let asks_contacts = matches!(row.config.access, Access::Presence | Access::Roster);
    let jid = if host.account.is_some() {
        &host.jid
    } else {
        &row.creator
    };
    asks_contacts.then_some(jid)
}

impl<'a> Place<'a> {
    pub(super) fn name(&self) -> &str {
        &self.key.node
    }

    pub(super) fn record(&self) -> RecordKey {
        RecordKey::Leaf {
            leaf: self.key.clone(),
        }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.host.view.now()
    }

    /// A proposal that stands only while the node is as it was read.
    pub(super) fn propose(&self) -> Proposal {
        let name = RowName::Leaf {
            node: self.key.node.clone(),
        };
        let guard = self.host.view.guard(self.host.record(), name);
        let mut proposal = Proposal::nothing().guarded(guard);
        proposal.ops.extend(self.reads(self.row));
        proposal
    }

    /// Who hears of a node of the service is a matter of contacts in another record.
    pub(super) fn reads(&self, row: &NodeRow) -> Option<Op> {
        let keeper = keeper(self.host, row).filter(|_| self.host.account.is_none());
        let record = keeper.map(|jid| RecordKey::Account { jid: jid.clone() });
        record.map(|record| Op::soft(Soft::Reads { record }))
    }

    /// Somebody as the keeper's roster has them. Who has lost the node to others does not lend them a roster.
    fn contact(&self, user: &BareJid) -> Option<&'a Contact> {
        let keeper = self.keeper?;
        let is_lent = self.host.account.is_some()
            || (self.standing(&self.row.creator) == Standing::Owner
                && !keeper.blocks(&user.to_jid()));
        keeper.contact(user).filter(|_| is_lent)
    }

    pub(super) fn standing(&self, user: &BareJid) -> Standing {
        if self.host.is_own(user) {
            return Standing::Owner;
        }
        let row = pubsub::standing(self.leaf, user);
        row.filter(|row| self.host.is_current(user, row.account))
            .map_or(Standing::None, |row| row.standing)
    }

    /// Who published an item is told where that may be somebody else than the owner.
    pub(super) fn shown_publisher(&self, item: &'a ItemRow) -> Option<&'a str> {
        let is_shared = self.host.account.is_none()
            || self.row.config.publishers != Publishers::Appointed
            || item.publisher.bare_str() != self.host.jid.as_str();
        is_shared.then(|| item.publisher.bare_str())
    }

    /// Sections 6.5.9.4, 7.2.3.5 and 8.5.3.3.
    pub(super) fn check_persists(&self) -> Result<(), StanzaError> {
        if self.row.config.persists {
            return Ok(());
        }
        Err(unsupported("persistent-items"))
    }

    pub(super) fn check_owner(&self, user: &BareJid) -> Result<(), Stop> {
        if self.standing(user) == Standing::Owner {
            return Ok(());
        }
        Err(forbidden().into())
    }

    /// Items that are there for a reader, the oldest first.
    pub(super) fn items(&self) -> Vec<(&'a str, &'a ItemRow)> {
        let items = pubsub::items(self.leaf, self.now(), self.row.config.expires);
        items.into_iter().map(|(id, item)| (id, &**item)).collect()
    }

    /// The newest item. Delivery has no clock of its own to leave out what expired.
    pub(super) fn last(&self) -> Option<(&'a str, &'a ItemRow)> {
        self.items().pop()
    }

    /// Subscriptions that hold.
    pub(super) fn subscriptions(&self) -> impl Iterator<Item = Subscription<'a>> {
        pubsub::subscriptions(self.leaf).filter(|one| self.holds(one))
    }

    pub(super) fn holds(&self, one: &Subscription<'_>) -> bool {
        let now = self.now();
        one.row.expires.is_none_or(|expires| now < expires)
            && self.host.is_current(&one.jid.to_bare(), one.row.account)
    }

    /// Those of one address, the first of them first.
    pub(super) fn subscriptions_of(&self, jid: &Jid) -> Vec<Subscription<'a>> {
        self.subscriptions().filter(|one| one.jid == jid).collect()
    }

    /// Whether some address of the user is subscribed.
    pub(super) fn is_subscribed(&self, user: &BareJid) -> bool {
        let mut all = self.subscriptions();
        all.any(|one| !one.row.is_pending && one.jid.bare_str() == user.as_str())
    }

    /// Whether the access model lets the user in (XEP-0060 sections 4.5, 6.1.3 and 6.5.9).
    pub(super) fn check_access(&self, user: &BareJid) -> Result<(), StanzaError> {
        match self.standing(user) {
            Standing::Outcast | Standing::PublishOnly => return Err(forbidden()),
            Standing::Owner | Standing::Publisher | Standing::Member => return Ok(()),
            Standing::None => {}
        }
        let contact = self.contact(user);
        let sees = contact.is_some_and(Contact::may_see);
        let is_in_group = || {
            let mut groups = contact.iter().flat_map(|contact| &contact.groups);
            groups.any(|group| self.row.config.groups.contains(group))
        };
        match self.row.config.access {
            Access::Open => Ok(()),
            Access::Presence if sees => Ok(()),
            Access::Presence => Err(refused(
                Condition::NotAuthorized,
                "presence-subscription-required",
            )),
            Access::Roster if sees && is_in_group() => Ok(()),
            Access::Roster => Err(refused(Condition::NotAuthorized, "not-in-roster-group")),
            Access::Authorize if self.is_subscribed(user) => Ok(()),
            Access::Authorize => Err(refused(Condition::NotAuthorized, "not-subscribed")),
            Access::Whitelist => Err(refused(Condition::NotAllowed, "closed-node")),
        }
    }

    /// Whether the user may publish (section 7.1.3.1).
    pub(super) fn check_publisher(&self, user: &BareJid) -> Result<(), StanzaError> {
        let standing = self.standing(user);
        let is_let = match self.row.config.publishers {
            Publishers::Appointed => false,
            Publishers::Subscribers => self.is_subscribed(user),
            Publishers::Open => self.check_access(user).is_ok(),
        };
        let is_publisher = standing >= Standing::PublishOnly;
        if is_publisher || (is_let && standing != Standing::Outcast) {
            return Ok(());
        }
        Err(forbidden())
    }
}
