//! Taking items back (XEP-0060 section 7.2), and all of them (section 8.5).

use crate::base::jid::Jid;
use crate::effect::proposal::Proposal;
use crate::effect::proposal::Stop;
use crate::model::op::Soft;
use crate::model::pubsub;
use crate::model::pubsub::NodeEvent;
use crate::model::pubsub::Standing;
use crate::model::row::RowName;
use crate::pubsub::avatar;
use crate::pubsub::error::forbidden;
use crate::pubsub::error::not_found;
use crate::pubsub::error::refused;
use crate::pubsub::host::Place;
use crate::pubsub::legacy;
use crate::pubsub::visit::Visit;
use crate::pubsub::visit::node_of;
use crate::stanza::Condition;
use crate::stanza::ns;
use crate::xml::Node;

pub(super) fn evaluate(visit: &Visit<'_>, retract: Node<'_>) -> Result<Proposal, Stop> {
    let node = node_of(retract)?;
    let place = visit.host.place(&node)?;
    let items = retract
        .children()
        .filter(|child| child.is("item", ns::PUBSUB));
    let ids: Option<Vec<Box<str>>> = items
        .map(|item| {
            let id = item.attr("id").filter(|id| !id.is_empty())?;
            Some(id.into_owned().into())
        })
        .collect();
    let ids = ids.filter(|ids| !ids.is_empty());
    let ids = ids.ok_or_else(|| refused(Condition::BadRequest, "item-required"))?;
    place.check_persists()?;
    for id in &ids {
        check(visit, &place, id)?;
    }
    let wants = matches!(retract.attr("notify").as_deref(), Some("1" | "true"));
    let is_told = wants || place.row.config.notifies_retract;
    let mut proposal = place.propose();
    proposal.ops.extend(legacy::follow(&place, &[], &ids, None));
    proposal = proposal.and(ops(&place, ids, is_told));
    proposal.ops.extend(avatar::follow_retract(&place));
    Ok(proposal.and_answer(visit.done()))
}

/// Section 7.2.3: publishers may, and whoever published the item.
fn check(visit: &Visit<'_>, place: &Place<'_>, id: &str) -> Result<(), Stop> {
    let item = pubsub::item(place.leaf, id);
    let is_own = item.is_some_and(|item| item.publisher.bare_str() == visit.user.as_str());
    let standing = place.standing(&visit.user);
    let is_publisher = standing >= Standing::Publisher;
    if !is_publisher && (!is_own || standing == Standing::Outcast) {
        return Err(forbidden().into());
    }
    item.map(|_| ()).ok_or_else(|| not_found().into())
}

pub(super) fn ops(place: &Place<'_>, ids: Vec<Box<str>>, is_told: bool) -> Proposal {
    let mut proposal = Proposal::nothing();
    for id in &ids {
        let name = RowName::Item { id: id.clone() };
        proposal = proposal.row(place.record(), name, None);
    }
    if is_told {
        proposal = proposal.soft(event(place, NodeEvent::Retracted { ids }));
    }
    proposal
}

pub(super) fn purge(visit: &Visit<'_>, purge: Node<'_>) -> Result<Proposal, Stop> {
    let node = node_of(purge)?;
    let place = visit.host.place(&node)?;
    place.check_owner(&visit.user)?;
    place.check_persists()?;
    let mut proposal = place.propose();
    for (id, _) in pubsub::items(place.leaf, place.now(), 0) {
        let name = RowName::Item { id: id.into() };
        proposal = proposal.row(place.record(), name, None);
    }
    if place.row.config.notifies_retract {
        proposal = proposal.soft(event(&place, NodeEvent::Purged));
    }
    proposal.ops.extend(avatar::follow_retract(&place));
    proposal.ops.extend(legacy::follow_end(&place));
    Ok(proposal.and_answer(visit.done()))
}

pub(super) fn event(place: &Place<'_>, event: NodeEvent) -> Soft {
    Soft::Node {
        leaf: place.key.clone(),
        event,
    }
}

/// To the address of a subscription, whether the node's events are told or not.
pub(super) fn told(
    place: &Place<'_>,
    (jid, id): (&Jid, &str),
    state: pubsub::SubscriptionState,
) -> Soft {
    let jid = jid.clone();
    let told = if id.is_empty() {
        NodeEvent::Subscribed { jid, state }
    } else {
        let id = id.into();
        NodeEvent::FurtherSubscribed { jid, id, state }
    };
    event(place, told)
}
