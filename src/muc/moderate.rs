//! A moderator takes back what somebody else has said (XEP-0425).

use std::sync::Arc;

use crate::archive;
use crate::base::limits::ROOM_TEXT_BYTES_MAX;
use crate::effect::proposal::Proposal;
use crate::effect::proposal::Stop;
use crate::model::message::Message;
use crate::model::op::Durable;
use crate::model::retraction::Named;
use crate::model::room::Affiliation;
use crate::model::room::Hearers;
use crate::model::room::RoomChange;
use crate::model::room::RoomRole;
use crate::muc::history::as_said;
use crate::muc::speak;
use crate::muc::user::id_element;
use crate::muc::visit::Visit;
use crate::muc::visit::address_of;
use crate::muc::visit::hex;
use crate::stanza::Condition;
use crate::stanza::MessageType;
use crate::stanza::StanzaError;
use crate::stanza::ns;
use crate::xml::Node;
use crate::xml::Writer;

/// The room says to all that the message is taken back, and by whom; archives keep a tombstone.
pub(super) fn evaluate(visit: &Visit<'_>, moderate: Node<'_>) -> Result<Proposal, Stop> {
    let row = visit.living()?;
    let may = visit.role() == RoomRole::Moderator || visit.affiliation() >= Affiliation::Admin;
    if !may {
        return Err(StanzaError::new(Condition::Forbidden)
            .with_text("only moderators take back what others have said")
            .into());
    }
    if !moderate.has_child("retract", ns::RETRACT) {
        // There is nothing else that moderators could do to a message.
        return Err(StanzaError::new(Condition::FeatureNotImplemented).into());
    }
    let id = moderate
        .attr("id")
        .ok_or_else(|| StanzaError::new(Condition::BadRequest))?;
    let at = archive::retract::position(visit.view, &id, &visit.jid)
        .ok_or_else(|| StanzaError::new(Condition::ItemNotFound))?;
    let reason = moderate.child_text("reason", ns::MODERATE);
    if reason
        .as_ref()
        .is_some_and(|text| text.len() > ROOM_TEXT_BYTES_MAX)
    {
        return Err(StanzaError::new(Condition::NotAcceptable).into());
    }
    let inner = moderated(visit, reason.as_deref());
    let mut writer = Writer::new();
    writer
        .start_ns("retract", ns::RETRACT)
        .attr("id", &id)
        .raw(&inner);
    let message = Message {
        kind: MessageType::Groupchat,
        from: visit.jid.to_jid(),
        to: visit.jid.to_jid(),
        id: Some(
            hex(visit
                .view
                .facts
                .random
                .first_chunk::<8>()
                .unwrap_or(&[0; 8]))
            .into(),
        ),
        lang: None,
        payload: writer.finish().into(),
        sender: None,
    };
    let place = speak::place(visit, &row, &message);
    let tombstone = archive::retract::tombstone(visit.view, message.id.as_deref(), &inner);
    let retraction = archive::retract::op(Named::At { at }, tombstone, vec![place.clone()]);
    let proposal = if visit.config().archived {
        visit.propose().durable(Durable::Message {
            message: Arc::new(message),
            places: vec![place],
        })
    } else {
        let stanza = Arc::new(as_said(&message));
        let to = Hearers::All;
        let say = visit.change(RoomChange::Say { stanza, to });
        visit.propose().op(say)
    };
    Ok(proposal.durable(retraction).and_answer(visit.done()))
}

/// Who has done it, and why.
fn moderated(visit: &Visit<'_>, reason: Option<&str>) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.start_ns("moderated", ns::MODERATE);
    match visit.inside() {
        Some(inside) => {
            let by = address_of(&visit.jid, inside.nick);
            let id = id_element(&inside.occupant.id);
            writer.attr("by", by.as_str()).raw(&id);
        }
        // An admin who is not inside has no name here.
        None => {
            writer.attr("by", visit.jid.as_str());
        }
    }
    writer.end();
    if let Some(reason) = reason {
        writer.leaf("reason", reason);
    }
    writer.finish()
}
