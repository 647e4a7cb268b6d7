//! Subscriptions that an owner has to agree to (XEP-0060 sections 6.1.4 and 8.6).

use std::sync::Arc;

use crate::base::jid::BareJid;
use crate::base::jid::Jid;
use crate::effect::proposal::Proposal;
use crate::effect::proposal::Stop;
use crate::effect::request::Request;
use crate::model::op::Op;
use crate::model::op::Soft;
use crate::model::pubsub;
use crate::model::pubsub::SendLast;
use crate::model::pubsub::Standing;
use crate::model::pubsub::Subscription;
use crate::model::pubsub::SubscriptionRow;
use crate::model::pubsub::SubscriptionState;
use crate::pubsub::deliver;
use crate::pubsub::error::bad_request;
use crate::pubsub::error::forbidden;
use crate::pubsub::host::Host;
use crate::pubsub::host::Place;
use crate::pubsub::retract::told;
use crate::pubsub::subscribe;
use crate::stanza::Kind;
use crate::stanza::MessageType;
use crate::stanza::form::Field;
use crate::stanza::form::FieldKind;
use crate::stanza::form::Form;
use crate::stanza::form::FormKind;
use crate::stanza::ns;
use crate::stanza::outgoing::Outgoing;
use crate::xml::Writer;

const NODE: &str = "pubsub#node";
const SUBSCRIBER: &str = "pubsub#subscriber_jid";
const ALLOW: &str = "pubsub#allow";

/// The question to every owner.
pub(super) fn ask(place: &Place<'_>, jid: &Jid) -> Vec<Op> {
    let ask = |owner: BareJid| {
        let to = owner.to_jid();
        let stanza = Arc::new(question(place, jid, to.clone()));
        Op::soft(Soft::Route { stanza, to })
    };
    owners(place).into_iter().map(ask).collect()
}

/// Section 8.6: whether this address may subscribe.
pub(super) fn question(place: &Place<'_>, jid: &Jid, to: Jid) -> Outgoing {
    let mut writer = Writer::new();
    Form::with_type(FormKind::Form, ns::SUBSCRIBE_AUTHORIZATION)
        .with(Field::new(NODE, FieldKind::TextSingle).with_value(place.name()))
        .with(Field::new(SUBSCRIBER, FieldKind::JidSingle).with_value(jid.as_str()))
        .with(Field::boolean(ALLOW, false).with_label("Allow the subscription?"))
        .write(&mut writer);
    Outgoing {
        kind: Kind::Message(MessageType::Normal),
        from: place.host.jid.to_jid(),
        to: Some(to),
        id: None,
        lang: None,
        payload: writer.finish().into(),
    }
}

pub(super) fn owners(place: &Place<'_>) -> Vec<BareJid> {
    if place.host.account.is_some() {
        return vec![place.host.jid.clone()];
    }
    let all = pubsub::standings(place.leaf);
    let owners = all.filter(|(jid, row)| {
        row.standing == Standing::Owner && place.host.is_current(jid, row.account)
    });
    owners.map(|(jid, _)| jid.clone()).collect()
}

/// The answer of an owner; `None`: the message is something else.
pub(super) fn answer(host: &Host<'_>, request: &Request) -> Option<Result<Proposal, Stop>> {
    let form = Form::parse_in(request.stanza.root()).ok()??;
    let is_it = form.form_type() == Some(ns::SUBSCRIBE_AUTHORIZATION);
    (is_it && form.kind == FormKind::Submit).then(|| decide(host, request, &form))
}

fn decide(host: &Host<'_>, request: &Request, form: &Form) -> Result<Proposal, Stop> {
    let node = form.value(NODE).ok_or_else(bad_request)?;
    let jid = form.value(SUBSCRIBER).ok_or_else(bad_request)?;
    let jid = Jid::parse(jid).map_err(|_| bad_request())?;
    let is_let = form.boolean(ALLOW)?.unwrap_or(false);
    let place = host.place(node)?;
    if place.standing(&request.from.bare()) != Standing::Owner {
        return Err(forbidden().into());
    }
    let own = place.subscriptions_of(&jid);
    let Some(pending) = own.iter().find(|one| one.row.is_pending) else {
        // Another owner was faster.
        return Err(Stop::Ignore);
    };
    Ok(place.propose().and(decided(&place, pending, is_let)))
}

/// What a yes or a no changes, and who hears of it.
pub(super) fn decided(place: &Place<'_>, one: &Subscription<'_>, is_let: bool) -> Proposal {
    let state = if is_let {
        SubscriptionState::Subscribed
    } else {
        SubscriptionState::None
    };
    let row = is_let.then(|| SubscriptionRow {
        is_pending: false,
        ..one.row.clone()
    });
    let which = (one.jid, one.id);
    let mut proposal = subscribe::ops(place, which, row).soft(told(place, which, state));
    if is_let
        && place.row.config.last != SendLast::Never
        && let Some(last) = place.last()
    {
        let stanza = Arc::new(deliver::item(place, last, true));
        let to = one.jid.clone();
        proposal = proposal.soft(Soft::Route { stanza, to });
    }
    proposal
}
