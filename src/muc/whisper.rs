//! A message to one occupant (XEP-0045 section 7.5).
//!
//! It is kept like any other message of one user to another. The occupant's address stands for the
//! user in it: neither learns from the archive who the other is.

use std::sync::Arc;

use crate::archive;
use crate::archive::policy::Content;
use crate::base::jid::BareJid;
use crate::base::jid::Jid;
use crate::effect::proposal::Proposal;
use crate::effect::proposal::Stop;
use crate::model::account::Account;
use crate::model::message::Message;
use crate::model::message::Owner;
use crate::model::message::Place;
use crate::model::message::Role;
use crate::model::op::Durable;
use crate::model::room::Hearers;
use crate::model::room::RoomChange;
use crate::model::room::RoomRole;
use crate::muc::history::as_said;
use crate::muc::user::id_element;
use crate::muc::visit::Visit;
use crate::muc::visit::address_of;
use crate::stanza::Condition;
use crate::stanza::MessageType;
use crate::stanza::StanzaError;
use crate::stanza::ns;
use crate::xml::Writer;

pub(super) fn evaluate(visit: &Visit<'_>, nick: &str, kind: MessageType) -> Result<Proposal, Stop> {
    visit.living()?;
    let inside = visit.must_be_inside()?;
    let Some((nick, to)) = visit.room.occupants.get_key_value(nick) else {
        return Err(StanzaError::new(Condition::ItemNotFound).into());
    };
    let least = match visit.config().private_messages {
        0 => return Err(StanzaError::new(Condition::Forbidden).into()),
        1 => RoomRole::Moderator,
        2 => RoomRole::Participant,
        _ => RoomRole::Visitor,
    };
    if inside.occupant.role < least {
        return Err(StanzaError::new(Condition::Forbidden).into());
    }
    let from = address_of(&visit.jid, inside.nick);
    let account = visit.view.account(&to.user)?;
    if account.blocks(&from) {
        return Err(StanzaError::new(Condition::ServiceUnavailable).into());
    }
    let stanza = &visit.request.stanza;
    let mut writer = Writer::onto(visit.own_payload());
    // It tells a private message of a room from a message of a contact.
    writer.empty_ns("x", ns::MUC_USER);
    let mut payload = writer.finish();
    payload.extend_from_slice(&id_element(&inside.occupant.id));
    let message = Message {
        kind,
        from,
        to: address_of(&visit.jid, nick),
        id: stanza.id.clone(),
        lang: stanza.lang.clone(),
        payload: payload.into(),
        sender: Some(visit.request.from.clone()),
    };
    let content = archive::policy::content_of_chat(stanza);
    if content == Content::Passing {
        let say = RoomChange::Say {
            stanza: Arc::new(as_said(&message)),
            to: Hearers::Occupant {
                nick: Arc::clone(nick),
            },
        };
        return Ok(visit.propose().op(visit.change(say)));
    }
    if account.untaken.len() >= visit.view.settings.limits.untaken_max {
        return Err(StanzaError::new(Condition::ResourceConstraint).into());
    }
    let places = places(visit, &message, (&to.user, account))?;
    let retraction = (content == Content::Retraction)
        .then(|| archive::retract::of_sent(visit.view, visit.request, &message.to, &places));
    let proposal = visit.propose().durable(Durable::Message {
        message: Arc::new(message),
        places,
    });
    Ok(match retraction.flatten() {
        Some(retraction) => proposal.durable(retraction),
        None => proposal,
    })
}

/// A private message belongs to two users, like any other; each has it under the other's nickname.
fn places(
    visit: &Visit<'_>,
    message: &Message,
    (user, account): (&BareJid, &Account),
) -> Result<Vec<Place>, Stop> {
    let place = |jid: &BareJid, record: &Account, with: &Jid, role: Role| {
        record.incarnation().map(|incarnation| Place {
            owner: Owner::Account { jid: jid.clone() },
            incarnation,
            with: with.clone(),
            role,
            archived: archive::policy::wants(record, with),
        })
    };
    let received = place(user, account, &message.from, Role::Received);
    let own = visit.view.account(&visit.user)?;
    let sent = place(&visit.user, own, &message.to, Role::Sent).filter(|_| *user != visit.user);
    Ok(received.into_iter().chain(sent).collect())
}
