//! A message to everybody in a room (XEP-0045 section 7.4).

use std::sync::Arc;

use crate::archive;
use crate::archive::policy::Content;
use crate::effect::proposal::Proposal;
use crate::effect::proposal::Stop;
use crate::model::message::Message;
use crate::model::message::Owner;
use crate::model::message::Place;
use crate::model::message::Role;
use crate::model::op::Durable;
use crate::model::retraction::Named;
use crate::model::room::Hearers;
use crate::model::room::RoomChange;
use crate::model::room::RoomRole;
use crate::model::room::RoomRow;
use crate::muc::history::as_said;
use crate::muc::subject;
use crate::muc::user::id_element;
use crate::muc::visit::Visit;
use crate::muc::visit::address_of;
use crate::stanza::Condition;
use crate::stanza::MessageType;
use crate::stanza::StanzaError;

pub(super) fn evaluate(visit: &Visit<'_>) -> Result<Proposal, Stop> {
    let row = visit.living()?;
    let inside = visit.must_be_inside()?;
    let stanza = &visit.request.stanza;
    let config = visit.config();
    let mut payload = visit.own_payload();
    payload.extend_from_slice(&id_element(&inside.occupant.id));
    let message = Message {
        kind: MessageType::Groupchat,
        from: address_of(&visit.jid, inside.nick),
        to: visit.jid.to_jid(),
        id: stanza.id.clone(),
        lang: stanza.lang.clone(),
        payload: payload.into(),
        sender: Some(visit.request.from.clone()),
    };
    if subject::is_in(stanza) {
        return subject::evaluate(visit, &inside, message);
    }
    if inside.occupant.role < RoomRole::Participant {
        // A visitor has no voice.
        return Err(StanzaError::new(Condition::Forbidden).into());
    }
    let content = archive::policy::content(stanza);
    if !config.archived || content == Content::Passing {
        let say = RoomChange::Say {
            stanza: Arc::new(as_said(&message)),
            to: Hearers::All,
        };
        return Ok(visit.propose().op(visit.change(say)));
    }
    let place = place(visit, &row, &message);
    let retraction = (content == Content::Retraction)
        .then(|| own_retraction(visit, &inside.occupant.id, &place))
        .flatten();
    let proposal = visit.propose().durable(Durable::Message {
        message: Arc::new(message),
        places: vec![place],
    });
    Ok(match retraction {
        Some(retraction) => proposal.durable(retraction),
        None => proposal,
    })
}

/// Where what is said in a room is kept.
pub(super) fn place(visit: &Visit<'_>, row: &RoomRow, message: &Message) -> Place {
    Place {
        owner: Owner::Room {
            jid: visit.jid.clone(),
        },
        incarnation: row.incarnation,
        with: message.from.clone(),
        role: Role::Said,
        archived: true,
    }
}

/// An occupant takes back what it has said, under whatever nickname (XEP-0424 section 5).
fn own_retraction(visit: &Visit<'_>, occupant_id: &str, place: &Place) -> Option<Durable> {
    let target = archive::retract::target(visit.request)?;
    let named = Named::Said {
        at: archive::retract::position(visit.view, &target, &visit.jid)?,
        mark: id_element(occupant_id).into(),
    };
    let by = visit.request.stanza.id.as_deref();
    let tombstone = archive::retract::tombstone(visit.view, by, b"");
    Some(archive::retract::op(named, tombstone, vec![place.clone()]))
}
