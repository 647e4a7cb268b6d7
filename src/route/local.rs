//! Delivery to the sessions of an account (RFC 6121 section 8.5, XEP-0280).

use std::cell::LazyCell;
use std::sync::Arc;

use crate::base::jid::FullJid;
use crate::base::jid::Jid;
use crate::effect::sends::How;
use crate::effect::sends::Sends;
use crate::effect::state::At;
use crate::effect::view::View;
use crate::model::account::Account;
use crate::model::account::Online;
use crate::model::message::Message;
use crate::push;
use crate::route::bounce;
use crate::stanza::Kind;
use crate::stanza::MessageType;
use crate::stanza::PresenceType;
use crate::stanza::outgoing::Outgoing;

/// A kept message: to the recipient's sessions and, as copies, to the other devices of both.
pub(crate) fn deliver_message(view: &View<'_>, at: At, message: &Message, sends: &mut Sends) {
    let position = at.position;
    let sender = message.from.to_bare();
    // The payload is looked through for a device that wants copies, not for each message.
    let is_copied = LazyCell::new(|| copies_allowed(message.kind, &message.payload));
    if let Some(account) = view.resident_account(&message.to.to_bare()) {
        push::deliver_message(view, message, account, sends);
        let direct = recipients(account, &message.to);
        for online in &direct {
            sends.kept(online.session, position, How::Direct);
        }
        let others = account.online.values().filter(|one| {
            one.carbons
                && one.jid.as_jid() != &message.from
                && direct.iter().all(|online| online.session != one.session)
                && wants_copy(one, &message.to)
                && *is_copied
        });
        for online in others {
            sends.kept(online.session, position, How::CarbonReceived);
        }
    }
    // XEP-0280 section 8: the sender's other devices.
    if sender != message.to.to_bare()
        && let Some(account) = view.resident_account(&sender)
    {
        let others = account
            .online
            .values()
            .filter(|one| one.carbons && one.jid.as_jid() != &message.from && *is_copied);
        for online in others {
            sends.kept(online.session, position, How::CarbonSent);
        }
    }
}

/// XEP-0280 section 6: to a bare address everyone with a priority of zero or more got it directly,
/// and a negative one must not get copies; to a full address the others get copies.
fn wants_copy(online: &Online, to: &Jid) -> bool {
    !to.is_bare()
        || online
            .presence
            .as_ref()
            .is_none_or(|here| here.priority >= 0)
}

/// XEP-0280 section 6.1: chat messages, and others with a body, unless the sender says no.
pub(crate) fn copies_allowed(kind: MessageType, payload: &[u8]) -> bool {
    let is_kind = matches!(kind, MessageType::Chat | MessageType::Normal);
    let is_private = memchr::memmem::find(payload, b"urn:xmpp:carbons:2").is_some()
        && memchr::memmem::find(payload, b"<private").is_some();
    let is_hinted = memchr::memmem::find(payload, b"<no-copy").is_some();
    is_kind && !is_private && !is_hinted
}

/// The sessions that a message to `to` is for.
///
/// A full address: the session that has it; else, and for a bare one, every available session
/// whose priority is not negative (RFC 6121 sections 8.5.2.1.1 and 8.5.3).
pub(crate) fn recipients<'a>(account: &'a Account, to: &Jid) -> Vec<&'a Online> {
    if let Some(online) = to
        .resource()
        .and_then(|resource| account.online.get(resource))
    {
        return vec![online];
    }
    account
        .available()
        .filter(|(_, here)| here.priority >= 0)
        .map(|(online, _)| online)
        .collect()
}

/// A stanza that is not kept, at its place in the order.
pub(crate) fn deliver_stanza(view: &View<'_>, stanza: &Arc<Outgoing>, to: &Jid, sends: &mut Sends) {
    let Some(account) = view.resident_account(&to.to_bare()) else {
        return undeliverable(view, stanza, to, sends);
    };
    match stanza.kind {
        Kind::Message(kind) => deliver_volatile(account, kind, stanza, to, sends),
        Kind::Presence(kind) => {
            for online in account.online.values() {
                let is_for = to.resource().is_none_or(|one| one == online.jid.resource());
                if is_for && takes_presence(online, kind, to) {
                    sends.stanza(online.session, stanza);
                }
            }
        }
        Kind::Iq(_) => {
            let online = to
                .resource()
                .and_then(|resource| account.online.get(resource))
                .filter(|online| !view.facts.is_alone || online.node == view.facts.node);
            match online {
                Some(online) => sends.stanza(online.session, stanza),
                None => undeliverable(view, stanza, to, sends),
            }
        }
    }
}

/// Whether presence to one of its addresses is for the resource.
fn takes_presence(online: &Online, kind: PresenceType, to: &Jid) -> bool {
    match kind {
        PresenceType::Probe => false,
        // RFC 6121 sections 3.1.6, 3.2.3 and 3.3.3: "interested resources".
        PresenceType::Subscribed | PresenceType::Unsubscribe | PresenceType::Unsubscribed => {
            online.interested
        }
        // RFC 6121 sections 3.1.3 and 8.5.2.1.2: to a bare address, available resources only.
        PresenceType::Subscribe
        | PresenceType::Available
        | PresenceType::Unavailable
        | PresenceType::Error => online.presence.is_some() || !to.is_bare(),
    }
}

fn deliver_volatile(
    account: &Account,
    kind: MessageType,
    stanza: &Arc<Outgoing>,
    to: &Jid,
    sends: &mut Sends,
) {
    let exact = to
        .resource()
        .and_then(|resource| account.online.get(resource));
    let direct = match (exact, kind) {
        (Some(online), _) => vec![online],
        // RFC 6121 section 8.5.3.2.1: only a chat message goes on as if to the bare address.
        (None, MessageType::Chat) => recipients(account, &to.to_bare().to_jid()),
        (None, MessageType::Normal | MessageType::Headline) if to.is_bare() => {
            recipients(account, to)
        }
        (None, _) => Vec::new(),
    };
    for online in direct {
        sends.stanza(online.session, stanza);
    }
}

/// A request that nobody is there for is answered; the sender is one of ours, here or elsewhere.
fn undeliverable(view: &View<'_>, stanza: &Arc<Outgoing>, to: &Jid, sends: &mut Sends) {
    let reader: Option<FullJid> = to.to_full();
    let bounced = reader.and_then(|reader| bounce::undelivered(stanza, &reader));
    if let Some((sender, error)) = bounced
        && let Some(online) = view.online(&sender)
    {
        sends.stanza(online.session, &Arc::new(error));
    }
}
