//! Push notifications (XEP-0357): which services are told that something waits for a user, and what they are told.
//!
//! A client names a service and a node there; both are a row of the account. What wakes which of them, and when,
//! is worked out by who knows how the streams are (`core::pushes`): here is what is stored, what is worth a push,
//! and the request itself. It tells a number and nothing else: no sender, no text (section 11).

mod enable;
mod failure;

pub(crate) use failure::evaluate_error;

use std::sync::Arc;

use crate::base::jid::BareJid;
use crate::base::jid::Jid;
use crate::base::mobile_limits::MENTION_BYTES_MAX;
use crate::effect::proposal::Proposal;
use crate::effect::proposal::Stop;
use crate::effect::request::Request;
use crate::effect::sends::Sends;
use crate::effect::target::Target;
use crate::effect::view::View;
use crate::model::account::Account;
use crate::model::account::AccountState;
use crate::model::account::Online;
use crate::model::message::Message;
use crate::model::push::PushRow;
use crate::model::row::Row;
use crate::model::row::RowName;
use crate::sasl::Hash;
use crate::stanza::IqType;
use crate::stanza::Kind;
use crate::stanza::MessageType;
use crate::stanza::form::Field;
use crate::stanza::form::Form;
use crate::stanza::form::FormKind;
use crate::stanza::ns;
use crate::stanza::outgoing::Outgoing;
use crate::xml::Writer;

/// The form of numbers about what waits (section 6).
const SUMMARY: &str = "urn:xmpp:push:summary";

/// Ids of the requests begin so.
const ID: &str = "push-";

/// Answers what a client asks for its own account; `None`: it is not for this feature.
pub(crate) fn evaluate_iq(
    view: &View<'_>,
    request: &Request,
    target: &Target,
) -> Option<Result<Proposal, Stop>> {
    let query = request.stanza.query()?;
    let is_own = matches!(target, Target::Own { .. });
    if !is_own || request.stanza.kind != Kind::Iq(IqType::Set) || query.ns() != ns::PUSH {
        return None;
    }
    match query.name() {
        "enable" => Some(enable::enable(view, request, query)),
        "disable" => Some(enable::disable(view, request, query)),
        _ => None,
    }
}

/// The services of an account, by their rows.
pub(crate) fn services(account: &Account) -> impl Iterator<Item = (&RowName, &Arc<PushRow>)> {
    let first = RowName::Push {
        service: Box::default(),
        node: Box::default(),
    };
    let rows = account.rows.from(&first);
    rows.take_while(|(name, _)| matches!(name, RowName::Push { .. }))
        .filter_map(|(name, cell)| match &cell.row {
            Some(Row::Push { push }) => Some((name, push)),
            _ => None,
        })
}

/// Whether the service is for the client behind the session.
pub(crate) fn is_for(push: &PushRow, online: &Online) -> bool {
    match (&push.device, &online.device) {
        (Some(one), Some(other)) => one == other,
        _ => push.resource.as_ref() == online.jid.resource(),
    }
}

/// A message for an account: the services of clients that are not there are told at once. One node of a pair does it,
/// the one that the sender is at.
pub(crate) fn deliver_message(
    view: &View<'_>,
    message: &Message,
    account: &Account,
    sends: &mut Sends,
) {
    let mut away = services(account).filter(|(_, push)| {
        let mut online = account.online.values();
        !online.any(|one| is_for(push, one))
    });
    let Some(first) = away.next() else { return };
    if !is_worth_it(message.kind, &message.payload) {
        return;
    }
    let node = view.online(&message.from).map_or(0, |online| online.node);
    if !view.facts.is_alone && node != view.facts.node {
        return;
    }
    let user = message.to.to_bare();
    for (name, _) in std::iter::once(first).chain(away) {
        sends.pushes.push((user.clone(), name.clone()));
    }
}

/// Something that a user would want to see: with a text, or hidden (XEP-0380).
pub(crate) fn is_worth_it(kind: MessageType, payload: &[u8]) -> bool {
    let has = |mark: &[u8]| memchr::memmem::find(payload, mark).is_some();
    !matches!(kind, MessageType::Error | MessageType::Headline)
        && (has(b"<body") || has(ns::ENCRYPTION.as_bytes()))
}

/// Whether the text of a room's message has the name, in capitals or not. What is hidden or long may.
pub(crate) fn may_name(payload: &[u8], nick: &str) -> bool {
    let is_hidden = memchr::memmem::find(payload, ns::ENCRYPTION.as_bytes()).is_some();
    let mut places = payload.windows(nick.len().max(1));
    payload.len() > MENTION_BYTES_MAX
        || is_hidden
        || places.any(|place| place.eq_ignore_ascii_case(nick.as_bytes()))
}

/// The request to a service, if it is still wanted (section 6).
pub(crate) fn notification(
    view: &View<'_>,
    user: &BareJid,
    name: &RowName,
    count: u32,
) -> Result<Option<(Jid, Outgoing)>, Stop> {
    let account = view.account(user)?;
    let state = account.row().map(|row| row.state);
    let (Some(Row::Push { push }), RowName::Push { service, node }) =
        (account.rows.row(name), name)
    else {
        return Ok(None);
    };
    let to = Jid::parse(service).ok();
    let Some(to) = to.filter(|_| state == Some(AccountState::Enabled)) else {
        return Ok(None);
    };
    let mut writer = Writer::new();
    writer.start_ns("pubsub", ns::PUBSUB);
    writer.start("publish").attr("node", node).start("item");
    writer.start_ns("notification", ns::PUSH);
    Form::with_type(FormKind::Form, SUMMARY)
        .with(Field::answer("message-count", &count.to_string()))
        .write(&mut writer);
    writer.end().end().end();
    if !push.options.is_empty() {
        writer.start("publish-options").raw(&push.options).end();
    }
    writer.end();
    let stanza = Outgoing {
        kind: Kind::Iq(IqType::Set),
        from: user.to_jid(),
        to: Some(to.clone()),
        id: Some(id(service, node).into()),
        lang: None,
        payload: writer.finish().into(),
    };
    Ok(Some((to, stanza)))
}

/// It names the row, so that an answer finds it on any node and after a restart.
fn id(service: &str, node: &str) -> String {
    let mac = Hash::Sha256.digest(format!("{service}\0{node}").as_bytes());
    let bytes = mac.as_bytes().first_chunk();
    let tag = bytes.map_or(0, |bytes| u64::from_be_bytes(*bytes));
    format!("{ID}{tag:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_found_however_it_is_written_and_where_nobody_can_look() {
        assert!(may_name(b"<body>so, ANN?</body>", "Ann"));
        assert!(!may_name(b"<body>so, an</body>", "Ann"));
        assert!(may_name(b"<encryption xmlns='urn:xmpp:eme:0'/>", "Ann"));
    }
}
