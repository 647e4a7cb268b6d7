//! Last items for who comes, or may see more than before (XEP-0163 section 4.3.4, XEP-0060 section 6.1.7).
//!
//! Nodes are not in memory with their owners: delivery says who is to look at whom, and the core has each owner
//! looked at when its records are there.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::base::jid::BareJid;
use crate::base::jid::FullJid;
use crate::base::jid::Jid;
use crate::effect::proposal::Proposal;
use crate::effect::proposal::Stop;
use crate::effect::sends::LastItems;
use crate::effect::sends::Sends;
use crate::effect::view::View;
use crate::model::account::Account;
use crate::model::contact::Contact;
use crate::model::contact::Outward;
use crate::model::op::Soft;
use crate::model::pubsub;
use crate::model::pubsub::Interests;
use crate::model::pubsub::NodeRow;
use crate::model::pubsub::SendLast;
use crate::model::row::RowName;
use crate::pubsub::bookmarks::STORAGE;
use crate::pubsub::deliver;
use crate::pubsub::host::Host;
use crate::pubsub::legacy;

/// A session says what it wants to hear of, for the first time or anew: of what is new, by all it may see.
pub(super) fn for_session(
    view: &View<'_>,
    jid: &FullJid,
    interests: &Interests,
    sends: &mut Sends,
) {
    let own = jid.bare();
    let Some(account) = view.resident_account(&own) else {
        return;
    };
    let Some(online) = account.online.get(jid.resource()) else {
        return;
    };
    let mut nodes: BTreeSet<Box<str>> = interests.nodes.as_ref().clone();
    if let Some(old) = &online.interests {
        nodes.retain(|node| !old.nodes.contains(node));
    }
    if nodes.is_empty() {
        return;
    }
    let seen = account.contacts();
    let seen = seen.filter(|(_, contact, _)| contact.out == Outward::To);
    let mut owners: Vec<BareJid> = seen.map(|(jid, ..)| jid.clone()).collect();
    // The last is looked at first.
    owners.push(own);
    sends.lasts.push(LastItems {
        reader: jid.clone(),
        session: online.session,
        owners,
        nodes: Arc::new(nodes),
    });
}

/// A contact may see the owner's presence from now on.
pub(super) fn for_contact(view: &View<'_>, owner: &BareJid, jid: &BareJid, sends: &mut Sends) {
    let reader = view.resident_account(jid);
    for (online, _) in reader.into_iter().flat_map(Account::available) {
        if let Some(interests) = &online.interests
            && !interests.nodes.is_empty()
        {
            sends.lasts.push(LastItems {
                reader: online.jid.clone(),
                session: online.session,
                owners: vec![owner.clone()],
                nodes: Arc::clone(&interests.nodes),
            });
        }
    }
}

/// A subscriber is there: of nodes of the service that say `on_sub_and_presence`.
pub(super) fn for_subscriber(view: &View<'_>, jid: &FullJid, sends: &mut Sends) {
    let Some(account) = view.resident_account(&jid.bare()) else {
        return;
    };
    let online = account.online.get(jid.resource());
    let Some(online) = online.filter(|online| online.presence.is_none()) else {
        return;
    };
    let of_service = pubsub::related(&account.rows).filter(|(owner, _)| owner.local().is_none());
    let mut owners = BTreeSet::new();
    let mut nodes = BTreeSet::new();
    for (owner, node) in of_service {
        owners.insert(owner.clone());
        nodes.insert(Box::from(node));
    }
    if !owners.is_empty() {
        sends.lasts.push(LastItems {
            reader: jid.clone(),
            session: online.session,
            owners: owners.into_iter().collect(),
            nodes: Arc::new(nodes),
        });
    }
}

/// The last items of one owner's nodes, as far as the reader may see them.
pub(crate) fn evaluate(view: &View<'_>, wish: &LastItems) -> Result<Proposal, Stop> {
    let mut proposal = Proposal::nothing();
    let is_here = view.online(wish.reader.as_jid()).is_some();
    let Some(owner) = wish.owners.first().filter(|_| is_here) else {
        return Ok(proposal);
    };
    let user = wish.reader.bare();
    let host = if owner.local().is_none() {
        Host::service(view, owner)?
    } else {
        let account = view.account(owner)?;
        let sees = account.contact(&user).is_some_and(Contact::may_see);
        if !account.exists() || (*owner != user && !sees) {
            return Ok(proposal);
        }
        Host::account(view, owner)?
    };
    if host.is_silent(&user) {
        return Ok(proposal);
    }
    let is_wanted = |(name, row): &(&str, &NodeRow)| {
        row.config.last == SendLast::OnSubscriptionAndPresence && wish.nodes.contains(*name)
    };
    for (name, _) in host.nodes().filter(is_wanted) {
        let place = host.place(name)?;
        let is_for = host.account.is_some() || place.is_subscribed(&user);
        if !is_for || place.check_access(&user).is_err() {
            continue;
        }
        if let Some((id, item)) = place.last() {
            let to: Jid = wish.reader.to_jid();
            let stanza = Arc::new(deliver::item(&place, (id, item), true));
            // What replaces it meanwhile must not come before it.
            let name = RowName::Item { id: id.into() };
            let guard = view.guard(place.record(), name);
            proposal = proposal.guarded(guard).soft(Soft::Route { stanza, to });
        }
    }
    if *owner == user
        && wish.nodes.contains(STORAGE)
        && let Some(stanza) = legacy::last(&host)?
    {
        let (stanza, to) = (Arc::new(stanza), wish.reader.to_jid());
        proposal = proposal.soft(Soft::Route { stanza, to });
    }
    Ok(proposal)
}
