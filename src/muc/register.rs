//! Reserving a nickname (XEP-0045 section 7.10).
//!
//! In a room for everybody a registered nickname keeps others from using it and gives no rights.
//! Membership is given by admins: where it means something (members-only, moderated) they are asked
//! (`admit`).

use std::sync::Arc;

use crate::base::jid::FullJid;
use crate::effect::proposal::Proposal;
use crate::effect::proposal::Stop;
use crate::model::room::Affiliation;
use crate::model::room::AffiliationRow;
use crate::model::row::Row;
use crate::model::row::RowName;
use crate::muc::admit;
use crate::muc::affiliate;
use crate::muc::setting;
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

/// The field with the nickname (section 16.5.1).
pub(super) const ROOM_NICK: &str = "muc#register_roomnick";

pub(super) fn evaluate(visit: &Visit<'_>, query: Node<'_>) -> Result<Proposal, Stop> {
    visit.living()?;
    let config = visit.config();
    let affiliation = visit.affiliation();
    let is_closed = config.members_only || config.moderated;
    let is_stranger = affiliation == Affiliation::None && is_closed;
    if affiliation == Affiliation::Outcast || (is_stranger && !setting::may_ask(visit.room)) {
        return Err(StanzaError::new(Condition::NotAllowed).into());
    }
    if visit.request.stanza.kind == Kind::Iq(IqType::Get) {
        return Ok(ask(visit, is_stranger));
    }
    if query.has_child("remove", ns::REGISTER) {
        return if is_stranger {
            Ok(admit::withdraw(visit))
        } else {
            reserve(visit, None)
        };
    }
    let form = Form::parse_in(query)?.filter(|form| form.form_type() == Some(ns::MUC_REGISTER));
    let form = form.ok_or_else(|| StanzaError::new(Condition::BadRequest))?;
    let nick = nick_in(visit, &form)?;
    let nick = nick.resource();
    let is_taken = visit.is_reserved(nick, &visit.user)?;
    let is_used = visit.room.occupants.get(nick);
    if is_taken || is_used.is_some_and(|one| one.user != visit.user) {
        return Err(StanzaError::new(Condition::Conflict).into());
    }
    if is_stranger {
        return admit::ask(visit, &form, nick);
    }
    let is_new = visit.row_of(&visit.user).is_none();
    let count = visit.affiliations().count();
    if is_new && count >= visit.view.settings.limits.affiliations_max {
        return Err(StanzaError::new(Condition::ResourceConstraint).into());
    }
    reserve(visit, Some(nick.into()))
}

/// The nickname in a form, prepared, as an occupant's address.
pub(super) fn nick_in(visit: &Visit<'_>, form: &Form) -> Result<FullJid, StanzaError> {
    let nick = form
        .value(ROOM_NICK)
        .filter(|nick| !nick.trim().is_empty())
        .ok_or_else(|| StanzaError::new(Condition::BadRequest))?;
    let full = visit.jid.with_resource(nick);
    full.map_err(|_| StanzaError::new(Condition::JidMalformed))
}

fn ask(visit: &Visit<'_>, is_stranger: bool) -> Proposal {
    let mut writer = Writer::new();
    writer.start_ns("query", ns::REGISTER);
    let row = visit.row_of(&visit.user);
    if let Some(nick) = row.and_then(|row| row.nick.as_deref()) {
        writer.start("registered").end();
        writer.leaf("username", nick);
    } else {
        let instructions = if is_stranger {
            "Choose a nickname for this room. Its admins will be asked to admit you."
        } else {
            "Choose a nickname for this room."
        };
        writer.leaf("instructions", instructions);
        let mut form = Form::with_type(FormKind::Form, ns::MUC_REGISTER).with(
            Field::new(ROOM_NICK, FieldKind::TextSingle)
                .with_label("Nickname")
                .required(),
        );
        if is_stranger {
            form.fields.extend(admit::questions());
        }
        form.write(&mut writer);
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
