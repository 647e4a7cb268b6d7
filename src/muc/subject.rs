//! The subject of a room (XEP-0045 section 8.1).

use std::sync::Arc;

use crate::base::limits::ROOM_SUBJECT_BYTES_MAX;
use crate::effect::proposal::Proposal;
use crate::effect::proposal::Stop;
use crate::model::message::Message;
use crate::model::room::RoomRole;
use crate::model::room::Subject;
use crate::model::row::Row;
use crate::model::row::RowName;
use crate::muc::visit::Inside;
use crate::muc::visit::Visit;
use crate::stanza::Condition;
use crate::stanza::Stanza;
use crate::stanza::StanzaError;
use crate::stanza::ns;
use crate::stanza::outgoing::parse_payload;

/// A message with a subject and no body changes the subject; with a body it only has one (section
/// 7.2.15).
pub(super) fn is_in(stanza: &Stanza) -> bool {
    let root = stanza.root();
    root.has_child("subject", ns::CLIENT)
        && !root.has_child("body", ns::CLIENT)
        && !root.has_child("thread", ns::CLIENT)
}

pub(super) fn evaluate(
    visit: &Visit<'_>,
    inside: &Inside<'_>,
    message: Message,
) -> Result<Proposal, Stop> {
    let least = if visit.config().anyone_changes_subject {
        RoomRole::Participant
    } else {
        RoomRole::Moderator
    };
    if inside.occupant.role < least {
        return Err(StanzaError::new(Condition::Forbidden).into());
    }
    if message.payload.len() > ROOM_SUBJECT_BYTES_MAX {
        return Err(StanzaError::new(Condition::PolicyViolation).into());
    }
    let subject = Subject {
        message: Arc::new(message),
        at: visit.view.now(),
    };
    let row = Row::Subject {
        subject: Arc::new(subject),
    };
    Ok(visit
        .propose()
        .row(visit.record(), RowName::Subject, Some(row)))
}

/// What the subject says.
pub(super) fn text(subject: &Subject) -> String {
    let element = parse_payload(&subject.message.payload);
    let text = element.as_ref().and_then(|element| {
        let text = element.root().child_text("subject", ns::CLIENT)?;
        Some(text.into_owned())
    });
    text.unwrap_or_default()
}
