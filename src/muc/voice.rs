//! Asking for voice, and giving it by form (XEP-0045 sections 7.13 and 8.6).

use std::sync::Arc;

use crate::effect::proposal::Proposal;
use crate::effect::proposal::Stop;
use crate::model::room::Hearers;
use crate::model::room::RoomChange;
use crate::model::room::RoomRole;
use crate::muc::role;
use crate::muc::visit::Visit;
use crate::stanza::Condition;
use crate::stanza::Kind;
use crate::stanza::MessageType;
use crate::stanza::StanzaError;
use crate::stanza::form::Field;
use crate::stanza::form::FieldKind;
use crate::stanza::form::Form;
use crate::stanza::form::FormKind;
use crate::stanza::ns;
use crate::stanza::outgoing::Outgoing;
use crate::xml::Writer;

/// A form about voice: from a visitor a request, from a moderator an answer.
pub(super) fn evaluate(visit: &Visit<'_>, form: &Form) -> Result<Proposal, Stop> {
    visit.living()?;
    let inside = visit.must_be_inside()?;
    if form.kind != FormKind::Submit || form.form_type() != Some(ns::MUC_REQUEST) {
        return Err(StanzaError::new(Condition::BadRequest).into());
    }
    let Some(allowed) = form.boolean("muc#request_allow")? else {
        if inside.occupant.role != RoomRole::Visitor {
            // Whoever has voice needs not ask.
            return Err(StanzaError::new(Condition::BadRequest).into());
        }
        let ask = RoomChange::Say {
            stanza: Arc::new(request(visit, inside.nick)),
            to: Hearers::Moderators,
        };
        return Ok(visit.propose().op(visit.change(ask)));
    };
    if inside.occupant.role != RoomRole::Moderator {
        return Err(StanzaError::new(Condition::Forbidden).into());
    }
    let nick = form
        .value("muc#roomnick")
        .ok_or_else(|| StanzaError::new(Condition::BadRequest))?;
    let is_waiting = visit
        .room
        .occupants
        .get(nick)
        .is_some_and(|one| one.role == RoomRole::Visitor);
    if !allowed || !is_waiting {
        return Ok(Proposal::nothing());
    }
    let given = role::evaluate(visit, nick, RoomRole::Participant, None)?;
    Ok(visit.propose().op(visit.change(given)))
}

/// The form for moderators (section 8.6).
fn request(visit: &Visit<'_>, nick: &str) -> Outgoing {
    let mut form = Form::with_type(FormKind::Form, ns::MUC_REQUEST);
    form.title = Some("Request for voice".into());
    let form = form
        .with(
            Field::new("muc#role", FieldKind::ListSingle)
                .with_label("Role")
                .with_value("participant")
                .with_option("Participant", "participant"),
        )
        .with(
            Field::new("muc#jid", FieldKind::JidSingle)
                .with_label("Who asks")
                .with_value(visit.request.from.as_str()),
        )
        .with(
            Field::new("muc#roomnick", FieldKind::TextSingle)
                .with_label("Nickname")
                .with_value(nick),
        )
        .with(Field::boolean("muc#request_allow", false).with_label("Give voice"));
    let mut writer = Writer::new();
    form.write(&mut writer);
    Outgoing {
        kind: Kind::Message(MessageType::Normal),
        from: visit.jid.to_jid(),
        to: None,
        id: None,
        lang: None,
        payload: writer.finish().into(),
    }
}
