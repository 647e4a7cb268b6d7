//! Reserving a nickname (XEP-0045 section 7.10).
//!
//! In a room for everybody a registered nickname keeps others from using it and gives no rights.
//! Membership is given by admins: where it means something (members-only, moderated) nobody
//! registers who has none.

use std::sync::Arc;

use crate::effect::proposal::Proposal;
use crate::effect::proposal::Stop;
use crate::model::room::Affiliation;
use crate::model::room::AffiliationRow;
use crate::model::row::Row;
use crate::model::row::RowName;
use crate::muc::affiliate;
use crate::muc::visit::Visit;
use crate::stanza::Condition;
use crate::stanza::IqType;
use crate::stanza::Kind;
use crate::stanza::StanzaError;
use crate::stanza::form::Field;
use crate::stanza::form::FieldKind;
use crate::stanza::form::Form;
use crate::stanza::form::FormKind;
use crate::stanza::ns;
use crate::xml::Node;
use crate::xml::Writer;

/// Form type of a registration (section 15.5.1).
const MUC_REGISTER: &str = "http://jabber.org/protocol/muc#register";

pub(super) fn evaluate(visit: &Visit<'_>, query: Node<'_>) -> Result<Proposal, Stop> {
    visit.living()?;
    let config = visit.config();
    let affiliation = visit.affiliation();
    let is_closed = config.members_only || config.moderated;
    if affiliation == Affiliation::Outcast || (affiliation == Affiliation::None && is_closed) {
        return Err(StanzaError::new(Condition::NotAllowed).into());
    }
    if visit.request.stanza.kind == Kind::Iq(IqType::Get) {
        return Ok(ask(visit));
    }
    if query.has_child("remove", ns::REGISTER) {
        return reserve(visit, None);
    }
    let form = Form::parse_in(query)?.filter(|form| form.form_type() == Some(MUC_REGISTER));
    let nick = form
        .as_ref()
        .and_then(|form| form.value("muc#register_roomnick"))
        .filter(|nick| !nick.trim().is_empty())
        .ok_or_else(|| StanzaError::new(Condition::BadRequest))?;
    let full = visit.jid.with_resource(nick);
    let full = full.map_err(|_| StanzaError::new(Condition::JidMalformed))?;
    let nick = full.resource();
    let is_taken = visit.is_reserved(nick, &visit.user)?;
    let is_used = visit.room.occupants.get(nick);
    if is_taken || is_used.is_some_and(|one| one.user != visit.user) {
        return Err(StanzaError::new(Condition::Conflict).into());
    }
    let is_new = visit.row_of(&visit.user).is_none();
    let count = visit.affiliations().count();
    if is_new && count >= visit.view.settings.limits.affiliations_max {
        return Err(StanzaError::new(Condition::ResourceConstraint).into());
    }
    reserve(visit, Some(nick.into()))
}

fn ask(visit: &Visit<'_>) -> Proposal {
    let mut writer = Writer::new();
    writer.start_ns("query", ns::REGISTER);
    let row = visit.row_of(&visit.user);
    if let Some(nick) = row.and_then(|row| row.nick.as_deref()) {
        writer.start("registered").end();
        writer.leaf("username", nick);
    } else {
        writer.leaf("instructions", "Choose a nickname for this room.");
        Form::with_type(FormKind::Form, MUC_REGISTER)
            .with(
                Field::new("muc#register_roomnick", FieldKind::TextSingle)
                    .with_label("Nickname")
                    .required(),
            )
            .write(&mut writer);
    }
    let stanza = &visit.request.stanza;
    Proposal::answer(stanza.result(&visit.request.from, writer.finish()))
}

fn reserve(visit: &Visit<'_>, nick: Option<Box<str>>) -> Result<Proposal, Stop> {
    let affiliation = visit.affiliation();
    let is_nothing = affiliation == Affiliation::None && nick.is_none();
    let old = visit.row_of(&visit.user);
    let row = AffiliationRow {
        affiliation,
        account: visit.live(&visit.user)?,
        nick,
        reason: old.and_then(|row| row.reason.clone()),
    };
    let row = (!is_nothing).then(|| Row::Affiliation { row: Arc::new(row) });
    let name = RowName::Affiliation {
        jid: visit.user.clone(),
    };
    let proposal = affiliate::without_old(visit, visit.propose());
    Ok(proposal
        .row(visit.record(), name, row)
        .and_answer(visit.done()))
}
