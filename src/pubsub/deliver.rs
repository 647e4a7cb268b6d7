//! Who hears of a node (XEP-0060 section 7.1.2, XEP-0163 section 4.3).
//!
//! Subscribers of the node; of an account's also its own devices and its contacts, as far as they said that they want to hear
//! of such nodes. What is told is a headline: nobody keeps it, and who is not there reads the node later.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::base::ids::SessionId;
use crate::base::jid::BareJid;
use crate::base::jid::Jid;
use crate::effect::sends::Sends;
use crate::effect::view::View;
use crate::model::account::Account;
use crate::model::account::Online;
use crate::model::contact::Contact;
use crate::model::op::Op;
use crate::model::op::Soft;
use crate::model::pubsub::ItemRow;
use crate::model::pubsub::LeafKey;
use crate::model::pubsub::NodeEvent;
use crate::model::pubsub::Subscription;
use crate::model::pubsub::SubscriptionRow;
use crate::model::pubsub::SubscriptionState;
use crate::model::row::RecordKey;
use crate::model::row::Row;
use crate::model::row::RowName;
use crate::pubsub::approve;
use crate::pubsub::config;
use crate::pubsub::host::Host;
use crate::pubsub::host::Place;
use crate::pubsub::last;
use crate::pubsub::many;
use crate::pubsub::publish;
use crate::pubsub::subscribe;
use crate::stanza::Kind;
use crate::stanza::MessageType;
use crate::stanza::delay;
use crate::stanza::ns;
use crate::stanza::outgoing::Outgoing;
use crate::stanza::outgoing::parse_payload;
use crate::xml::Writer;

/// An item, and a contact who may see more from now on.
pub(crate) fn deliver_row(
    view: &View<'_>,
    (record, name, row): (&RecordKey, &RowName, Option<&Row>),
    sends: &mut Sends,
) {
    match (record, name, row) {
        (RecordKey::Leaf { leaf }, RowName::Item { id }, Some(Row::Item { item })) => {
            tell(view, (leaf, Of::Items), sends, |place| {
                self::item(place, (id, item), false)
            });
        }
        (
            RecordKey::Account { jid: owner },
            RowName::Contact { jid },
            Some(Row::Contact { contact }),
        ) if contact.may_see() => {
            let account = view.resident_account(owner);
            let old = account.and_then(|account| account.contact(jid));
            if !old.is_some_and(Contact::may_see) {
                last::for_contact(view, owner, jid, sends);
            }
        }
        _ => {}
    }
}

/// What is volatile: other events of nodes, and what sessions want to hear of.
pub(crate) fn deliver(view: &View<'_>, op: &Soft, sends: &mut Sends) {
    match op {
        Soft::Node { leaf, event } => deliver_event(view, leaf, event, sends),
        Soft::Interests { jid, interests } => last::for_session(view, jid, interests, sends),
        Soft::Presence {
            jid,
            presence: Some(_),
            ..
        } => last::for_subscriber(view, jid, sends),
        _ => {}
    }
}

/// That another board has taken the item back, for who hears of the node here (XEP-0060 section 7.2.2.1).
pub(crate) fn retraction(view: &View<'_>, leaf: &LeafKey, id: &str) -> Option<Op> {
    let host = Host::of(view, leaf)?;
    let place = host.resident(&leaf.node)?;
    let event = NodeEvent::Retracted {
        ids: vec![id.into()],
    };
    let leaf = leaf.clone();
    let is_told = place.row.config.notifies_retract;
    is_told.then(|| Op::soft(Soft::Node { leaf, event }))
}

fn deliver_event(view: &View<'_>, leaf: &LeafKey, event: &NodeEvent, sends: &mut Sends) {
    match event {
        NodeEvent::Published { id, item } => {
            tell(view, (leaf, Of::Items), sends, |place| {
                self::item(place, (id, item), false)
            });
        }
        NodeEvent::Retracted { ids } => tell(view, (leaf, Of::Items), sends, |place| {
            stanza(place, |writer| {
                writer.start("items").attr("node", place.name());
                for id in ids {
                    writer.start("retract").attr("id", id).end();
                }
                writer.end();
            })
        }),
        NodeEvent::Purged => tell(view, (leaf, Of::Node), sends, |place| {
            stanza(place, |writer| {
                writer.start("purge").attr("node", place.name()).end();
            })
        }),
        NodeEvent::Deleted { redirect } => tell(view, (leaf, Of::Node), sends, |place| {
            stanza(place, |writer| {
                writer.start("delete").attr("node", place.name());
                if let Some(uri) = redirect {
                    writer.start("redirect").attr("uri", uri).end();
                }
                writer.end();
            })
        }),
        NodeEvent::Configured => tell(view, (leaf, Of::Node), sends, |place| {
            stanza(place, |writer| {
                writer.start("configuration").attr("node", place.name());
                if place.row.config.delivers_payloads {
                    let mut form = config::form(&place.row.config, &[]);
                    form.kind = crate::stanza::form::FormKind::Result;
                    form.write(writer);
                }
                writer.end();
            })
        }),
        NodeEvent::Subscribed { jid, state } => {
            tell_state(view, leaf, sends, ((jid, ""), *state));
        }
        NodeEvent::FurtherSubscribed { jid, id, state } => {
            tell_state(view, leaf, sends, ((jid, id), *state));
        }
    }
}

/// What became of a subscription.
fn tell_state(
    view: &View<'_>,
    leaf: &LeafKey,
    sends: &mut Sends,
    ((jid, id), state): ((&Jid, &str), SubscriptionState),
) {
    let Some(host) = Host::of(view, leaf) else {
        return;
    };
    let Some(place) = host.resident(&leaf.node) else {
        return;
    };
    let stanza = stanza(&place, |writer| {
        let which = (jid, many::shown(&host, id));
        subscribe::write(writer, Some(place.name()), which, state);
    });
    let stanza = Arc::new(stanza);
    let mut to = vec![jid.clone()];
    if place.row.config.notifies_subscribers {
        to.extend(approve::owners(&place).iter().map(BareJid::to_jid));
    }
    to.dedup();
    for jid in &to {
        for session in sessions(view, jid, false) {
            sends.stanza(session.session, &stanza);
        }
    }
}

/// What an event is of: of items it is told which of several subscriptions bring it (section 13.16).
#[derive(Clone, Copy, PartialEq)]
enum Of {
    Items,
    Node,
}

/// To everybody who wants to hear of the node and may.
fn tell(
    view: &View<'_>,
    (leaf, of): (&LeafKey, Of),
    sends: &mut Sends,
    write: impl Fn(&Place<'_>) -> Outgoing,
) {
    let Some(host) = Host::of(view, leaf) else {
        return;
    };
    let Some(place) = host.resident(&leaf.node) else {
        return;
    };
    let hearers = hearers(&place);
    if hearers.is_empty() {
        return;
    }
    let stanza = Arc::new(write(&place));
    for (session, ids) in hearers {
        if ids.is_empty() || of == Of::Node {
            sends.stanza(session, &stanza);
        } else {
            let stanza = many::with_ids((*stanza).clone(), &ids);
            sends.stanza(session, &Arc::new(stanza));
        }
    }
}

/// Each session once, with the ids of the subscriptions that bring the event, where an address has several.
fn hearers<'a>(place: &Place<'a>) -> BTreeMap<SessionId, Vec<&'a str>> {
    let view = place.host.view;
    let mut found: BTreeMap<SessionId, Vec<&str>> = BTreeMap::new();
    let all: Vec<_> = place.subscriptions().collect();
    let several = many::addresses(&all);
    for Subscription { jid, id, row } in all {
        let user = jid.to_bare();
        let is_told = row.delivers && !row.is_pending;
        if !is_told || place.host.is_silent(&user) || place.check_access(&user).is_err() {
            continue;
        }
        let sessions = sessions(view, jid, place.row.config.to_present_only);
        for online in sessions.into_iter().filter(|one| is_shown(one, row)) {
            let ids = found.entry(online.session).or_default();
            ids.extend(several.contains(jid).then(|| many::id_of(id)));
        }
    }
    let Some(account) = place.host.account else {
        return found;
    };
    let mut add = |account: &Account| {
        let listening = account.available().filter(|(online, _)| {
            let interests = online.interests.as_ref();
            interests.is_some_and(|interests| interests.nodes.contains(place.name()))
        });
        for (online, _) in listening {
            found.entry(online.session).or_default();
        }
    };
    add(account);
    for (jid, contact, _) in account.contacts() {
        if contact.may_see()
            && let Some(reader) = view.resident_account(jid)
            && !reader.online.is_empty()
            && !place.host.is_silent(jid)
            && place.check_access(jid).is_ok()
        {
            add(reader);
        }
    }
    found
}

/// The sessions that an address stands for (RFC 6121 section 8.5.2.1.1).
fn sessions<'a>(view: &View<'a>, jid: &Jid, is_present_only: bool) -> Vec<&'a Online> {
    let Some(account) = view.resident_account(&jid.to_bare()) else {
        return Vec::new();
    };
    if let Some(resource) = jid.resource() {
        let online = account.online.get(resource);
        let online = online.filter(|one| !is_present_only || one.presence.is_some());
        return online.into_iter().collect();
    }
    let here = account.available().filter(|(_, here)| here.priority >= 0);
    here.map(|(online, _)| online).collect()
}

/// Whether the session shows what the subscription is for (`pubsub#show-values`).
fn is_shown(online: &Online, row: &SubscriptionRow) -> bool {
    if row.shows.is_empty() {
        return true;
    }
    let Some(here) = &online.presence else {
        return false;
    };
    let Some(element) = parse_payload(&here.stanza.payload) else {
        return false;
    };
    let show = element.root().child_text("show", ns::CLIENT);
    let show = show.as_deref().unwrap_or("online");
    row.shows.iter().any(|one| **one == *show)
}

/// An item as a message; `is_late`: with its time (XEP-0163 section 4.3.4).
pub(super) fn item(place: &Place<'_>, (id, item): (&str, &ItemRow), is_late: bool) -> Outgoing {
    let mut message = stanza(place, |writer| {
        writer.start("items").attr("node", place.name());
        let publisher = place.shown_publisher(item).map(ToOwned::to_owned);
        let with_payload = place.row.config.delivers_payloads;
        publish::write_item(writer, (id, item), publisher.as_deref(), with_payload);
        writer.end();
    });
    if is_late {
        let delay = delay::to_bytes(item.at, Some(place.host.jid.as_str()));
        message.payload = [&message.payload, delay.as_slice()].concat().into();
    }
    message
}

/// A message from whose node it is.
fn stanza(place: &Place<'_>, write: impl FnOnce(&mut Writer)) -> Outgoing {
    let mut writer = Writer::new();
    writer.start_ns("event", ns::PUBSUB_EVENT);
    write(&mut writer);
    writer.end();
    let kind = if place.row.config.is_normal {
        MessageType::Normal
    } else {
        MessageType::Headline
    };
    Outgoing {
        kind: Kind::Message(kind),
        from: place.host.jid.to_jid(),
        to: None,
        id: None,
        lang: None,
        payload: writer.finish().into(),
    }
}
