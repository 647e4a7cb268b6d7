//! A message to one occupant (XEP-0045 section 7.5).

use std::sync::Arc;

use crate::effect::proposal::Proposal;
use crate::effect::proposal::Stop;
use crate::model::room::Hearers;
use crate::model::room::RoomChange;
use crate::model::room::RoomRole;
use crate::muc::user::id_element;
use crate::muc::user::own_payload;
use crate::muc::visit::Visit;
use crate::muc::visit::address_of;
use crate::stanza::Condition;
use crate::stanza::StanzaError;
use crate::stanza::ns;
use crate::stanza::outgoing::Outgoing;
use crate::xml::Writer;

pub(super) fn evaluate(visit: &Visit<'_>, nick: &str) -> Result<Proposal, Stop> {
    let row = visit.living()?;
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
    if visit.view.account(&to.user)?.blocks(&from) {
        return Err(StanzaError::new(Condition::ServiceUnavailable).into());
    }
    let stanza = &visit.request.stanza;
    let mut writer = Writer::onto(own_payload(stanza, &visit.jid));
    // It tells a private message of a room from a message of a contact.
    writer.empty_ns("x", ns::MUC_USER);
    let mut payload = writer.finish();
    payload.extend_from_slice(&id_element(&row, &visit.user));
    let say = RoomChange::Say {
        stanza: Arc::new(Outgoing {
            kind: stanza.kind,
            from,
            to: None,
            id: stanza.id.clone(),
            lang: stanza.lang.clone(),
            payload: payload.into(),
        }),
        to: Hearers::Occupant {
            nick: Arc::clone(nick),
        },
    };
    Ok(visit.propose().op(visit.change(say)))
}
