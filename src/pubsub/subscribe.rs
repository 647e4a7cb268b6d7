//! Subscribing and its end, options, and lists of one's own (XEP-0060 sections 5.6, 5.7 and 6.1 to 6.4).
//!
//! An address has one subscription to a node, or [`many`] where the operator lets it.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::base::jid::BareJid;
use crate::base::jid::Jid;
use crate::base::pubsub_limits::NODE_MEMBERS_MAX;
use crate::base::pubsub_limits::SUBSCRIPTIONS_MAX;
use crate::base::time::Timestamp;
use crate::effect::proposal::Proposal;
use crate::effect::proposal::Stop;
use crate::model::op::Op;
use crate::model::pubsub;
use crate::model::pubsub::Access;
use crate::model::pubsub::SendLast;
use crate::model::pubsub::Standing;
use crate::model::pubsub::SubscriptionRow;
use crate::model::pubsub::SubscriptionState;
use crate::model::row::RecordKey;
use crate::model::row::Row;
use crate::model::row::RowName;
use crate::pubsub::approve;
use crate::pubsub::deliver;
use crate::pubsub::error::bad_request;
use crate::pubsub::error::forbidden;
use crate::pubsub::error::full;
use crate::pubsub::error::refused;
use crate::pubsub::host::Host;
use crate::pubsub::host::Place;
use crate::pubsub::manage;
use crate::pubsub::many;
use crate::pubsub::retract::told;
use crate::pubsub::visit::Visit;
use crate::pubsub::visit::jid_of;
use crate::pubsub::visit::node_of;
use crate::stanza::Condition;
use crate::stanza::IqType;
use crate::stanza::Kind;
use crate::stanza::StanzaError;
use crate::stanza::form::Field;
use crate::stanza::form::FieldKind;
use crate::stanza::form::Form;
use crate::stanza::form::FormKind;
use crate::stanza::ns;
use crate::xml::Node;
use crate::xml::Writer;

/// What a client may show of itself (`pubsub#show-values`).
const SHOWS: &[&str] = &["away", "chat", "dnd", "online", "xa"];

pub(super) fn subscribe(visit: &Visit<'_>, subscribe: Node<'_>) -> Result<Proposal, Stop> {
    let jid = visit.own_jid(subscribe)?;
    let node = node_of(subscribe)?;
    let place = visit.host.place(&node)?;
    let options = visit.child("options").map(Form::parse_in).transpose()?;
    let own = place.subscriptions_of(&jid);
    if own.iter().any(|one| one.row.is_pending) {
        // Section 6.1.3.7.
        return Err(refused(Condition::NotAuthorized, "pending-subscription").into());
    }
    let is_known = !own.is_empty() || place.standing(&visit.user) >= Standing::Member;
    let is_pending = place.row.config.access == Access::Authorize && !is_known;
    if is_pending {
        if place.standing(&visit.user) == Standing::Outcast {
            return Err(forbidden().into());
        }
    } else {
        place.check_access(&visit.user)?;
    }
    let id = many::choose(visit, &own)?;
    let old = own.iter().find(|one| *one.id == *id).map(|one| one.row);
    let mut row = SubscriptionRow {
        account: visit.host.view.account(&visit.user)?.live(),
        is_pending,
        ..old.cloned().unwrap_or_else(blank)
    };
    if let Some(form) = options.flatten() {
        row = with_options(row, &form)?;
    }
    if old.is_none() {
        check_room(visit, &place)?;
    }
    let which = (&jid, &*id);
    let mut proposal = place.propose().and(ops(&place, which, Some(row)));
    proposal = proposal.and(many::beside(&place, which));
    proposal.ops.push(note(&visit.user, &place, true));
    let state = state(is_pending);
    if is_pending {
        proposal.ops.extend(approve::ask(&place, &jid));
    } else if place.row.config.notifies_subscribers {
        proposal = proposal.soft(told(&place, which, state));
    }
    let shown = many::shown(&visit.host, &id);
    proposal = proposal.and_answer(visit.result(|writer| {
        writer.start_ns("pubsub", ns::PUBSUB);
        write(writer, Some(&node), (&jid, shown), state);
        writer.end();
    }));
    // Section 6.1.7.
    let is_wanted = !is_pending && place.row.config.last != SendLast::Never;
    let is_here = jid.is_bare() || jid == *visit.request.from.as_jid();
    if let Some(last) = place.last().filter(|_| is_wanted && is_here) {
        let last = deliver::item(&place, last, true);
        let of: &[&str] = if id.is_empty() { &[] } else { &[&id] };
        proposal = proposal.and_answer(many::with_ids(last, of));
    }
    Ok(proposal)
}

pub(super) fn blank() -> SubscriptionRow {
    SubscriptionRow {
        account: None,
        is_pending: false,
        delivers: true,
        shows: Vec::new(),
        expires: None,
    }
}

pub(super) fn state(is_pending: bool) -> SubscriptionState {
    if is_pending {
        SubscriptionState::Pending
    } else {
        SubscriptionState::Subscribed
    }
}

fn check_room(visit: &Visit<'_>, place: &Place<'_>) -> Result<(), Stop> {
    if pubsub::subscriptions(place.leaf).count() >= NODE_MEMBERS_MAX {
        return Err(full("the node has as many subscriptions as it may have").into());
    }
    let account = visit.host.view.account(&visit.user)?;
    if pubsub::related(&account.rows).count() >= SUBSCRIPTIONS_MAX {
        // Section 6.1.3.9.
        return Err(refused(Condition::PolicyViolation, "too-many-subscriptions").into());
    }
    Ok(())
}

/// The row of a subscription.
pub(super) fn ops(
    place: &Place<'_>,
    (jid, id): (&Jid, &str),
    row: Option<SubscriptionRow>,
) -> Proposal {
    let row = row.map(|row| Row::Subscription { row: Arc::new(row) });
    let name = pubsub::subscription_name(jid, id);
    Proposal::nothing().row(place.record(), name, row)
}

/// The node stands among those that the user has to do with, or does not any more.
pub(super) fn note(user: &BareJid, place: &Place<'_>, is_related: bool) -> Op {
    let record = RecordKey::Account { jid: user.clone() };
    let name = RowName::Subscribed {
        owner: place.key.owner.clone(),
        node: place.key.node.clone(),
    };
    let row = is_related.then(|| Row::Bytes {
        bytes: Arc::default(),
    });
    Op::row(record, name, row)
}

/// Section 6.2.
pub(super) fn unsubscribe(visit: &Visit<'_>, unsubscribe: Node<'_>) -> Result<Proposal, Stop> {
    let node = node_of(unsubscribe)?;
    let place = visit.host.place(&node)?;
    let jid = jid_of(unsubscribe)?;
    let is_own = jid.bare_str() == visit.user.as_str();
    if !is_own {
        // Section 6.2.3.3.
        return Err(forbidden().into());
    }
    let missing = || refused(Condition::UnexpectedRequest, "not-subscribed");
    let one = many::find(&place, &jid, unsubscribe.attr("subid").as_deref())?;
    let one = one.ok_or_else(missing)?;
    let which = (one.jid, one.id);
    let mut proposal = place.propose().and(ops(&place, which, None));
    let others = place
        .subscriptions()
        .any(|one| (one.jid, one.id) != which && one.jid.bare_str() == visit.user.as_str());
    if !others && place.standing(&visit.user) == Standing::None {
        proposal.ops.push(note(&visit.user, &place, false));
    }
    if place.row.config.notifies_subscribers {
        proposal = proposal.soft(told(&place, which, SubscriptionState::None));
    }
    let shown = many::shown(&visit.host, one.id);
    Ok(proposal.and_answer(visit.result(|writer| {
        writer.start_ns("pubsub", ns::PUBSUB);
        write(writer, Some(&node), (&jid, shown), SubscriptionState::None);
        writer.end();
    })))
}

pub(super) fn write(
    writer: &mut Writer,
    node: Option<&str>,
    (jid, id): (&Jid, Option<&str>),
    state: SubscriptionState,
) {
    writer
        .start("subscription")
        .attr_opt("node", node)
        .attr("jid", jid.as_str())
        .attr("subscription", state.name())
        .attr_opt("subid", id)
        .end();
}

/// Section 6.3: what a subscription is to bring.
pub(super) fn options(visit: &Visit<'_>, options: Node<'_>) -> Result<Proposal, Stop> {
    let node = node_of(options)?;
    let place = visit.host.place(&node)?;
    let jid = jid_of(options)?;
    if jid.bare_str() != visit.user.as_str() {
        return Err(forbidden().into());
    }
    let missing = || refused(Condition::UnexpectedRequest, "not-subscribed");
    let one = many::find(&place, &jid, options.attr("subid").as_deref())?;
    let one = one.ok_or_else(missing)?;
    if visit.request.stanza.kind == Kind::Iq(IqType::Get) {
        return Ok(Proposal::answer(visit.result(|writer| {
            writer.start_ns("pubsub", ns::PUBSUB);
            writer
                .start("options")
                .attr("node", &node)
                .attr("jid", jid.as_str())
                .attr_opt("subid", many::shown(&visit.host, one.id));
            form(one.row).write(writer);
            writer.end().end();
        })));
    }
    let form = Form::parse_in(options)?.ok_or_else(bad_request)?;
    if form.kind == FormKind::Cancel {
        return Ok(Proposal::answer(visit.done()));
    }
    let row = with_options(one.row.clone(), &form)?;
    let proposal = place.propose().and(ops(&place, (&jid, one.id), Some(row)));
    Ok(proposal.and_answer(visit.done()))
}

/// The form of the options, with what holds without any (section 6.4).
pub(super) fn defaults(visit: &Visit<'_>) -> Proposal {
    Proposal::answer(visit.result(|writer| {
        writer.start_ns("pubsub", ns::PUBSUB).start("default");
        form(&blank()).write(writer);
        writer.end().end();
    }))
}

fn form(row: &SubscriptionRow) -> Form {
    let shows = Field::new("pubsub#show-values", FieldKind::ListMulti)
        .with_label("Notify only while this is shown");
    let shows = SHOWS
        .iter()
        .fold(shows, |field, show| field.with_option(show, show));
    let expires = row.expires.map(Timestamp::to_xep0082);
    Form::with_type(FormKind::Form, ns::SUBSCRIBE_OPTIONS)
        .with(Field::boolean("pubsub#deliver", row.delivers).with_label("Notify"))
        .with(
            Field::new("pubsub#expire", FieldKind::TextSingle)
                .with_label("When the subscription ends")
                .with_values(expires),
        )
        .with(shows.with_values(row.shows.iter().cloned()))
}

fn with_options(mut row: SubscriptionRow, form: &Form) -> Result<SubscriptionRow, StanzaError> {
    let invalid = || refused(Condition::BadRequest, "invalid-options");
    if let Some(delivers) = form.boolean("pubsub#deliver").map_err(|_| invalid())? {
        row.delivers = delivers;
    }
    if let Some(expires) = form.value("pubsub#expire").filter(|text| !text.is_empty()) {
        row.expires = Some(Timestamp::parse_xep0082(expires).map_err(|_| invalid())?);
    }
    if form.field("pubsub#show-values").is_some() {
        let shows: Vec<Box<str>> = form.values("pubsub#show-values").map(Into::into).collect();
        if shows.iter().any(|show| !SHOWS.contains(&&**show)) {
            return Err(invalid());
        }
        row.shows = if shows.len() == SHOWS.len() {
            Vec::new()
        } else {
            shows
        };
    }
    Ok(row)
}

/// Section 5.6: the user's own subscriptions, to one node or all.
pub(super) fn own(visit: &Visit<'_>, asked: Node<'_>) -> Result<Proposal, Stop> {
    let node = asked.attr("node");
    let mut found = Vec::new();
    for name in related(visit)? {
        if node.as_ref().is_some_and(|node| **node != *name) || !visit.host.has(name) {
            continue;
        }
        let place = visit.host.place(name)?;
        let mine = place.subscriptions();
        let mine = mine.filter(|one| one.jid.bare_str() == visit.user.as_str());
        found.extend(mine.map(|one| (name, one)));
    }
    if let Some(node) = &node
        && !visit.host.has(node)
    {
        return Err(StanzaError::new(Condition::ItemNotFound).into());
    }
    Ok(Proposal::answer(visit.result(|writer| {
        writer.start_ns("pubsub", ns::PUBSUB);
        writer
            .start("subscriptions")
            .attr_opt("node", node.as_deref());
        for (node, one) in &found {
            let which = (one.jid, many::shown(&visit.host, one.id));
            write(writer, Some(node), which, state(one.row.is_pending));
        }
        writer.end().end();
    })))
}

/// Section 5.7: what the user is to nodes.
pub(super) fn own_affiliations(visit: &Visit<'_>, asked: Node<'_>) -> Result<Proposal, Stop> {
    let node = asked.attr("node");
    let host: &Host<'_> = &visit.host;
    let names: Vec<&str> = if host.account.is_some() && host.is_own(&visit.user) {
        host.nodes().map(|(name, _)| name).collect()
    } else {
        known(visit)?.into_iter().collect()
    };
    let mut found = Vec::new();
    for name in names {
        if node.as_ref().is_some_and(|node| **node != *name) || !host.has(name) {
            continue;
        }
        let standing = if host.is_own(&visit.user) {
            Standing::Owner
        } else {
            host.place(name)?.standing(&visit.user)
        };
        if standing != Standing::None {
            found.push((name, standing));
        }
    }
    Ok(Proposal::answer(visit.result(|writer| {
        writer.start_ns("pubsub", ns::PUBSUB);
        writer
            .start("affiliations")
            .attr_opt("node", node.as_deref());
        for (node, standing) in &found {
            writer
                .start("affiliation")
                .attr("node", node)
                .attr("affiliation", manage::name(*standing))
                .end();
        }
        writer.end().end();
    })))
}

/// Nodes here that the user has made or has to do with.
pub(super) fn known<'a>(visit: &'a Visit<'_>) -> Result<BTreeSet<&'a str>, Stop> {
    let made = visit.host.nodes();
    let made = made.filter(|(_, row)| row.creator == visit.user);
    let made = made.map(|(name, _)| name);
    Ok(related(visit)?.into_iter().chain(made).collect())
}

/// Nodes here that the user is subscribed to, or has an affiliation with that somebody gave.
fn related<'a>(visit: &'a Visit<'_>) -> Result<Vec<&'a str>, Stop> {
    let account = visit.host.view.account(&visit.user)?;
    let all = pubsub::related(&account.rows);
    let here = all.filter(|(owner, _)| **owner == visit.host.jid);
    Ok(here.map(|(_, node)| node).collect())
}
