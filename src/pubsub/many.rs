//! Several subscriptions of one address to a node of the service (XEP-0060 section 6.1.6).
//!
//! Off unless the operator wants it (`pubsub.multi_subscribe`). The first subscription of an address is stored as where
//! there can be no other, and has an id that all first ones have; further ones get an id that nobody has. Where the setting
//! was taken back, those that there are remain until they are ended.

use std::collections::BTreeSet;

use crate::base::jid::Jid;
use crate::base::pubsub_limits::SUBSCRIPTIONS_PER_ADDRESS_MAX;
use crate::effect::proposal::Proposal;
use crate::model::pubsub;
use crate::model::pubsub::Subscription;
use crate::pubsub::error::refused;
use crate::pubsub::host::Host;
use crate::pubsub::host::Place;
use crate::pubsub::subscribe;
use crate::pubsub::visit::Visit;
use crate::stanza::Condition;
use crate::stanza::StanzaError;
use crate::stanza::ns;
use crate::stanza::outgoing::Outgoing;
use crate::xml::Node;
use crate::xml::Writer;

/// The id of an address's first subscription.
const FIRST: &str = "first";

fn is_on(host: &Host<'_>) -> bool {
    host.account.is_none() && host.view.settings.multi_subscribe
}

/// A stored id as others know it.
pub(super) fn id_of(id: &str) -> &str {
    if id.is_empty() { FIRST } else { id }
}

/// What stands in `<subscription/>`: nothing where an address can have but one.
pub(super) fn shown<'a>(host: &Host<'_>, id: &'a str) -> Option<&'a str> {
    (is_on(host) || !id.is_empty()).then(|| id_of(id))
}

/// Which subscription a request for one makes, or changes. `own`: those of the address.
pub(super) fn choose(visit: &Visit<'_>, own: &[Subscription<'_>]) -> Result<Box<str>, StanzaError> {
    match own.first() {
        None => Ok(Box::default()),
        Some(first) if !is_on(&visit.host) => Ok(first.id.into()),
        Some(first) if !first.id.is_empty() => Ok(Box::default()),
        Some(_) if own.len() >= SUBSCRIPTIONS_PER_ADDRESS_MAX => {
            // Section 6.1.3.9.
            let condition = Condition::PolicyViolation;
            Err(refused(condition, "too-many-subscriptions"))
        }
        Some(_) => Ok(visit.unique(0)),
    }
}

/// What goes with a subscription that is made: nobody else has made it meanwhile, and those of the address that have
/// ended by themselves leave.
pub(super) fn beside(place: &Place<'_>, (jid, id): (&Jid, &str)) -> Proposal {
    if !is_on(place.host) {
        return Proposal::nothing();
    }
    let name = pubsub::subscription_name(jid, id);
    let guard = place.host.view.guard(place.record(), name);
    let all = pubsub::subscriptions(place.leaf);
    let ended = all.filter(|one| one.jid == jid && !one.id.is_empty() && !place.holds(one));
    ended.fold(Proposal::nothing().guarded(guard), |proposal, one| {
        proposal.and(subscribe::ops(place, (jid, one.id), None))
    })
}

/// The subscription that a request is about (sections 6.2.3 and 6.3.4); `None`: there is none.
pub(super) fn find<'a>(
    place: &Place<'a>,
    jid: &Jid,
    asked: Option<&str>,
) -> Result<Option<Subscription<'a>>, StanzaError> {
    let own = place.subscriptions_of(jid);
    let invalid = || refused(Condition::NotAcceptable, "invalid-subid");
    match (own.as_slice(), asked) {
        ([], _) => Ok(None),
        ([only], None) => Ok(Some(*only)),
        // Section 6.2.3.5: an id that nobody was given does not matter.
        ([only], Some(_)) if shown(place.host, only.id).is_none() => Ok(Some(*only)),
        (_, None) => Err(refused(Condition::BadRequest, "subid-required")),
        (own, Some(asked)) => {
            let mut own = own.iter();
            let found = own.find(|one| id_of(one.id) == asked);
            found.copied().map(Some).ok_or_else(invalid)
        }
    }
}

/// Section 6.5.9: who reads items names one of several subscriptions, though all of them show the same.
pub(super) fn check_reader(
    visit: &Visit<'_>,
    place: &Place<'_>,
    items: Node<'_>,
) -> Result<(), StanzaError> {
    let asked = items.attr("subid");
    let asked = asked.as_deref();
    let device = find(place, visit.request.from.as_jid(), asked);
    let user = find(place, &visit.user.to_jid(), asked);
    match (device, user) {
        (Ok(Some(_)), _) | (_, Ok(Some(_))) | (Ok(None), Ok(None)) => Ok(()),
        (Err(error), _) | (_, Err(error)) => Err(error),
    }
}

/// Addresses that have several of these.
pub(super) fn addresses<'a>(all: &[Subscription<'a>]) -> BTreeSet<&'a Jid> {
    let further = all.iter().filter(|one| !one.id.is_empty());
    further.map(|one| one.jid).collect()
}

/// A notification with the subscriptions that it is for, behind everything else (section 7.1.2.4).
pub(super) fn with_ids(mut message: Outgoing, ids: &[&str]) -> Outgoing {
    if ids.is_empty() {
        return message;
    }
    let mut writer = Writer::new();
    writer.start_ns("headers", ns::SHIM);
    for id in ids {
        writer.start("header").attr("name", "SubID").text(id).end();
    }
    writer.end();
    message.payload = [&message.payload, writer.finish().as_slice()]
        .concat()
        .into();
    message
}
