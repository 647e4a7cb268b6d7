//! Asking a room's admins for membership, and what they answer (XEP-0045 sections 7.10 and 9.9).
//!
//! The room keeps that somebody waits. Its admins get a form each, now or when they come, and the first
//! who submits it decides. Nobody asks twice while it is open, so nobody can fill an admin's store.

use std::cmp::Reverse;
use std::sync::Arc;

use crate::base::jid::BareJid;
use crate::base::jid::Jid;
use crate::base::limits::ROOM_TEXT_BYTES_MAX;
use crate::base::room_limits::ADMINS_ASKED_MAX;
use crate::base::room_limits::APPLICANT_MS;
use crate::base::room_limits::APPLICANTS_MAX;
use crate::effect::proposal::Proposal;
use crate::effect::proposal::Stop;
use crate::model::room::Affiliation;
use crate::model::room::ApplicantRow;
use crate::model::row::Row;
use crate::model::row::RowName;
use crate::muc::affiliate;
use crate::muc::affiliate::Wish;
use crate::muc::greet;
use crate::muc::invite;
use crate::muc::register::ROOM_NICK;
use crate::muc::register::nick_in;
use crate::muc::visit::Visit;
use crate::stanza::Condition;
use crate::stanza::StanzaError;
use crate::stanza::form::Field;
use crate::stanza::form::FieldKind;
use crate::stanza::form::Form;
use crate::stanza::form::FormKind;
use crate::stanza::ns;
use crate::xml::Writer;

/// Whom the form for admins is about.
const WHO: &str = "muc#jid";

/// What they decide.
const ALLOW: &str = "muc#register_allow";

/// What an applicant may say beside the nickname (section 16.5.1), for the admins alone.
const QUESTIONS: [(&str, &str); 5] = [
    ("muc#register_first", "Given name"),
    ("muc#register_last", "Family name"),
    ("muc#register_email", "E-mail address"),
    ("muc#register_url", "A web page"),
    ("muc#register_faqentry", "What the admins should know"),
];

pub(super) fn questions() -> impl Iterator<Item = Field> {
    let field = |(name, label)| Field::new(name, FieldKind::TextSingle).with_label(label);
    QUESTIONS.into_iter().map(field)
}

/// A stranger wants to become a member with this nickname.
pub(super) fn ask(visit: &Visit<'_>, form: &Form, nick: &str) -> Result<Proposal, Stop> {
    let account = visit.live(&visit.user)?;
    let (waiting, over): (Vec<_>, Vec<_>) = visit
        .room
        .applicants()
        .partition(|(user, row)| is_open(visit, user, row));
    let own = waiting.iter().find(|(user, _)| **user == visit.user);
    if own.is_some_and(|(_, row)| row.account == account) {
        // The admins know.
        return Ok(Proposal::answer(visit.done()));
    }
    if waiting.len() >= APPLICANTS_MAX {
        return Err(StanzaError::new(Condition::ResourceConstraint)
            .with_text("too many wait for an answer of the admins")
            .into());
    }
    let mut proposal = affiliate::without_old(visit, visit.propose());
    for (user, _) in over.into_iter().filter(|(user, _)| **user != visit.user) {
        proposal = proposal.row(visit.record(), name_of(user), None);
    }
    let row = ApplicantRow {
        account,
        nick: nick.into(),
        at: visit.view.now(),
    };
    let row = Row::Applicant { row: Arc::new(row) };
    proposal = proposal.guarded(visit.guard(name_of(&visit.user))).row(
        visit.record(),
        name_of(&visit.user),
        Some(row),
    );
    let letter = letter(visit, form, nick)?;
    for admin in admins(visit) {
        match invite::letter(visit, &admin.to_jid(), letter.clone()) {
            Ok(sent) => proposal = proposal.and(sent),
            // That one takes no more messages.
            Err(Stop::Refuse { .. }) => {}
            Err(stop) => return Err(stop),
        }
    }
    Ok(proposal.and_answer(visit.done()))
}

/// The stranger does not want to any more.
pub(super) fn withdraw(visit: &Visit<'_>) -> Proposal {
    let name = name_of(&visit.user);
    if visit.room.rows.row(&name).is_none() {
        return Proposal::answer(visit.done());
    }
    let proposal = visit.propose().row(visit.record(), name, None);
    proposal.and_answer(visit.done())
}

/// An admin submits the form.
pub(super) fn answer(visit: &Visit<'_>, form: &Form) -> Result<Proposal, Stop> {
    visit.living()?;
    if visit.affiliation() < Affiliation::Admin {
        return Err(StanzaError::new(Condition::Forbidden).into());
    }
    let bad = || StanzaError::new(Condition::BadRequest);
    match form.kind {
        FormKind::Submit => {}
        // "To skip this request."
        FormKind::Cancel => return Ok(Proposal::nothing()),
        FormKind::Form | FormKind::Result => return Err(bad().into()),
    }
    let allowed = form.boolean(ALLOW)?.ok_or_else(bad)?;
    let user = form.value(WHO).ok_or_else(bad)?;
    let user = Jid::parse(user).map_err(|_| StanzaError::new(Condition::JidMalformed))?;
    let user = user.to_bare().to_compact();
    let account = visit.live(&user)?;
    let mut open = visit.room.applicants();
    let row =
        open.find(|(one, row)| **one == user && row.account == account && is_open(visit, one, row));
    let Some((_, row)) = row else {
        return Err(StanzaError::new(Condition::ItemNotFound)
            .with_text("nobody of that name waits for an answer")
            .into());
    };
    let proposal = visit.propose().guarded(visit.guard(name_of(&user))).row(
        visit.record(),
        name_of(&user),
        None,
    );
    if !allowed {
        return Ok(proposal);
    }
    let nick = match form.value(ROOM_NICK) {
        Some(_) => nick_in(visit, form)?.resource().into(),
        None => row.nick.clone(),
    };
    let wishes = [Wish {
        user,
        affiliation: Affiliation::Member,
        nick: Some(nick),
        reason: None,
    }];
    let config = visit.config();
    let proposal = affiliate::apply(visit, &config, &wishes, proposal)?;
    greet::propose(visit, &config, &wishes, proposal)
}

/// Whoever was made something meanwhile, by whatever way, does not wait any more.
fn is_open(visit: &Visit<'_>, user: &BareJid, row: &ApplicantRow) -> bool {
    visit.view.now().since_ms(row.at) < APPLICANT_MS
        && visit.affiliation_of(user) == Affiliation::None
}

fn name_of(user: &BareJid) -> RowName {
    RowName::Applicant { jid: user.clone() }
}

/// Who is asked.
fn admins<'a>(visit: &Visit<'a>) -> Vec<&'a BareJid> {
    let all = visit.affiliations();
    let mut admins: Vec<_> = all
        .filter(|(_, row)| row.affiliation >= Affiliation::Admin)
        .collect();
    admins.sort_by_key(|(_, row)| Reverse(row.affiliation));
    let asked = admins.into_iter().take(ADMINS_ASKED_MAX);
    asked.map(|(user, _)| user).collect()
}

/// The form for admins (section 9.9).
fn letter(visit: &Visit<'_>, said: &Form, nick: &str) -> Result<Vec<u8>, StanzaError> {
    let mut form = Form::with_type(FormKind::Form, ns::MUC_REGISTER);
    form.title = Some("Request for membership".into());
    form.instructions = Some("Say whether this person becomes a member of the room.".into());
    form = form
        .with(
            Field::new(WHO, FieldKind::JidSingle)
                .with_label("Who asks")
                .with_value(visit.user.as_str()),
        )
        .with(
            Field::new(ROOM_NICK, FieldKind::TextSingle)
                .with_label("Nickname")
                .with_value(nick),
        );
    for question in questions() {
        let text = said.text(&question.var).unwrap_or_default();
        if text.len() > ROOM_TEXT_BYTES_MAX {
            return Err(StanzaError::new(Condition::NotAcceptable));
        }
        if !text.is_empty() {
            form = form.with(question.with_value(&text));
        }
    }
    form = form.with(Field::boolean(ALLOW, false).with_label("Make this person a member"));
    let mut writer = Writer::new();
    form.write(&mut writer);
    Ok(writer.finish())
}
