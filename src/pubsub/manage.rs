//! Owners look after subscriptions and affiliations (XEP-0060 sections 8.8 and 8.9).

use std::sync::Arc;

use crate::base::jid::BareJid;
use crate::base::jid::Jid;
use crate::base::pubsub_limits::NODE_MEMBERS_MAX;
use crate::effect::proposal::Proposal;
use crate::effect::proposal::Stop;
use crate::model::pubsub;
use crate::model::pubsub::Standing;
use crate::model::pubsub::StandingRow;
use crate::model::pubsub::Subscription;
use crate::model::pubsub::SubscriptionRow;
use crate::model::pubsub::SubscriptionState;
use crate::model::row::Row;
use crate::model::row::RowName;
use crate::pubsub::approve;
use crate::pubsub::error::bad_request;
use crate::pubsub::error::full;
use crate::pubsub::host::Place;
use crate::pubsub::many;
use crate::pubsub::retract::told;
use crate::pubsub::subscribe;
use crate::pubsub::visit::Visit;
use crate::pubsub::visit::node_of;
use crate::stanza::Condition;
use crate::stanza::IqType;
use crate::stanza::Kind;
use crate::stanza::StanzaError;
use crate::stanza::ns;
use crate::xml::Node;
use crate::xml::Writer;

const STANDINGS: &[(Standing, &str)] = &[
    (Standing::Outcast, "outcast"),
    (Standing::None, "none"),
    (Standing::Member, "member"),
    (Standing::PublishOnly, "publish-only"),
    (Standing::Publisher, "publisher"),
    (Standing::Owner, "owner"),
];

pub(super) fn name(standing: Standing) -> &'static str {
    let found = STANDINGS.iter().find(|(one, _)| *one == standing);
    found.map_or("none", |(_, name)| name)
}

pub(super) fn find(name: &str) -> Option<Standing> {
    let found = STANDINGS.iter().find(|(_, one)| *one == name);
    found.map(|(standing, _)| *standing)
}

pub(super) fn write(writer: &mut Writer, jid: &BareJid, standing: Standing) {
    writer
        .start("affiliation")
        .attr("jid", jid.as_str())
        .attr("affiliation", name(standing))
        .end();
}

pub(super) fn affiliations(visit: &Visit<'_>, asked: Node<'_>) -> Result<Proposal, Stop> {
    let node = node_of(asked)?;
    let place = visit.host.place(&node)?;
    place.check_owner(&visit.user)?;
    if visit.request.stanza.kind == Kind::Iq(IqType::Set) {
        return set_affiliations(visit, &place, asked);
    }
    let all = pubsub::standings(place.leaf);
    let mut found: Vec<(BareJid, Standing)> = all
        .filter(|(jid, row)| visit.host.is_current(jid, row.account))
        .map(|(jid, row)| (jid.clone(), row.standing))
        .collect();
    if visit.host.account.is_some() {
        found.insert(0, (visit.host.jid.clone(), Standing::Owner));
    }
    Ok(Proposal::answer(visit.result(|writer| {
        writer.start_ns("pubsub", ns::PUBSUB_OWNER);
        writer.start("affiliations").attr("node", &node);
        for (jid, standing) in &found {
            write(writer, jid, *standing);
        }
        writer.end().end();
    })))
}

fn set_affiliations(
    visit: &Visit<'_>,
    place: &Place<'_>,
    asked: Node<'_>,
) -> Result<Proposal, Stop> {
    let mut changed: Vec<(BareJid, Standing)> = Vec::new();
    for one in asked.children().filter(|one| one.name() == "affiliation") {
        let jid = one.attr("jid").ok_or_else(bad_request)?;
        let jid = Jid::parse(&jid).map_err(|_| bad_request())?.to_bare();
        let word = one.attr("affiliation").ok_or_else(bad_request)?;
        let standing = find(&word).ok_or_else(bad_request)?;
        if visit.host.account.is_some() && jid == visit.host.jid {
            // An account owns its nodes.
            return Err(StanzaError::new(Condition::NotAcceptable).into());
        }
        changed.push((jid, standing));
    }
    let after = |owner: &BareJid| {
        let found = changed.iter().rev().find(|(jid, _)| jid == owner);
        found.is_none_or(|(_, standing)| *standing == Standing::Owner)
    };
    let is_owned = approve::owners(place).iter().any(after)
        || changed.iter().any(|(_, one)| *one == Standing::Owner);
    if !is_owned {
        // Section 8.9.2: somebody has to own the node.
        return Err(StanzaError::new(Condition::NotAcceptable).into());
    }
    if pubsub::standings(place.leaf).count() + changed.len() > NODE_MEMBERS_MAX {
        return Err(full("the node has as many affiliations as it may have").into());
    }
    let mut proposal = place.propose();
    for (jid, standing) in changed {
        proposal = proposal.and(set_affiliation(visit, place, &jid, standing)?);
    }
    Ok(proposal.and_answer(visit.done()))
}

fn set_affiliation(
    visit: &Visit<'_>,
    place: &Place<'_>,
    jid: &BareJid,
    standing: Standing,
) -> Result<Proposal, Stop> {
    let view = visit.host.view;
    let account = if view.is_account(&jid.to_jid()) {
        view.account(jid)?.live()
    } else {
        None
    };
    let row = (standing != Standing::None).then(|| Row::Standing {
        row: Arc::new(StandingRow { standing, account }),
    });
    let is_related = row.is_some();
    let name = RowName::Standing { jid: jid.clone() };
    let mut proposal = Proposal::nothing().row(place.record(), name, row);
    if account.is_some() {
        let is_subscribed = place.is_subscribed(jid);
        proposal
            .ops
            .push(subscribe::note(jid, place, is_related || is_subscribed));
    }
    // Section 8.7.4: a word of the owner's on who waits.
    let is_theirs = |one: &Subscription<'_>| one.jid.bare_str() == jid.as_str();
    if matches!(standing, Standing::Owner | Standing::Publisher) {
        let waits = |one: &Subscription<'_>| one.row.is_pending && is_theirs(one);
        for one in place.subscriptions().filter(waits) {
            proposal = proposal.and(approve::decided(place, &one, true));
        }
    }
    if standing == Standing::Outcast {
        for one in pubsub::subscriptions(place.leaf).filter(is_theirs) {
            let which = (one.jid, one.id);
            proposal = proposal.and(subscribe::ops(place, which, None)).soft(told(
                place,
                which,
                SubscriptionState::None,
            ));
        }
    }
    Ok(proposal)
}

pub(super) fn subscriptions(visit: &Visit<'_>, asked: Node<'_>) -> Result<Proposal, Stop> {
    let node = node_of(asked)?;
    let place = visit.host.place(&node)?;
    place.check_owner(&visit.user)?;
    if visit.request.stanza.kind == Kind::Iq(IqType::Set) {
        return set_subscriptions(visit, &place, asked);
    }
    let found: Vec<_> = place.subscriptions().collect();
    Ok(Proposal::answer(visit.result(|writer| {
        writer.start_ns("pubsub", ns::PUBSUB_OWNER);
        writer.start("subscriptions").attr("node", &node);
        for one in &found {
            let which = (one.jid, many::shown(place.host, one.id));
            subscribe::write(writer, None, which, subscribe::state(one.row.is_pending));
        }
        writer.end().end();
    })))
}

fn set_subscriptions(
    visit: &Visit<'_>,
    place: &Place<'_>,
    asked: Node<'_>,
) -> Result<Proposal, Stop> {
    let mut proposal = place.propose();
    let mut fresh = 0_usize;
    for one in asked.children().filter(|one| one.name() == "subscription") {
        let jid = one.attr("jid").ok_or_else(bad_request)?;
        let jid = Jid::parse(&jid).map_err(|_| bad_request())?;
        let own = place.subscriptions_of(&jid);
        match (one.attr("subscription").as_deref(), own.first()) {
            (Some("none"), Some(_)) => {
                // Section 8.8.3: the address, unless it is about one of several.
                let ended = match one.attr("subid") {
                    Some(id) => many::find(place, &jid, Some(&id))?.into_iter().collect(),
                    None => own,
                };
                for one in &ended {
                    proposal = proposal.and(approve::decided(place, one, false));
                }
            }
            (Some("subscribed"), Some(first)) if first.row.is_pending => {
                proposal = proposal.and(approve::decided(place, first, true));
            }
            (Some("subscribed"), None) => {
                fresh += 1;
                let view = visit.host.view;
                if !view.is_account(&jid) {
                    return Err(bad_request().into());
                }
                let row = SubscriptionRow {
                    account: view.account(&jid.to_bare())?.live(),
                    is_pending: true,
                    ..subscribe::blank()
                };
                let one = Subscription {
                    jid: &jid,
                    id: "",
                    row: &row,
                };
                proposal = proposal.and(approve::decided(place, &one, true));
                let user = jid.to_bare();
                proposal.ops.push(subscribe::note(&user, place, true));
            }
            (Some("none" | "subscribed"), _) => {}
            _ => return Err(bad_request().into()),
        }
    }
    if pubsub::subscriptions(place.leaf).count() + fresh > NODE_MEMBERS_MAX {
        return Err(full("the node has as many subscriptions as it may have").into());
    }
    Ok(proposal.and_answer(visit.done()))
}
