//! Texts for everybody: announcements, the message of the day, the welcome (XEP-0133 sections 4.23 to 4.28).

use std::sync::Arc;

use crate::account::adhoc::Finish;
use crate::account::report;
use crate::account::tasks::Task;
use crate::base::jid::BareJid;
use crate::base::jid::Jid;
use crate::base::limits::ANNOUNCEMENT_BYTES_MAX;
use crate::effect::proposal::Proposal;
use crate::effect::proposal::Stop;
use crate::effect::view::View;
use crate::model::op::Soft;
use crate::model::row::RecordKey;
use crate::model::row::Row;
use crate::model::row::RowName;
use crate::stanza::Kind;
use crate::stanza::MessageType;
use crate::stanza::form::Field;
use crate::stanza::form::FieldKind;
use crate::stanza::form::Form;
use crate::stanza::outgoing::Outgoing;
use crate::xml::Writer;

/// A text that is kept.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Notice {
    /// For everybody who logs in.
    Motd,
    /// For who logs in for the first time.
    Welcome,
}

impl Notice {
    fn name(self) -> &'static str {
        match self {
            Self::Motd => "motd",
            Self::Welcome => "welcome",
        }
    }

    fn row_name(self) -> RowName {
        let name = self.name().into();
        RowName::Text { name }
    }

    fn subject(self) -> &'static str {
        match self {
            Self::Motd => "Message of the day",
            Self::Welcome => "Welcome",
        }
    }

    fn text(self, view: &View<'_>) -> Result<Option<String>, Stop> {
        Ok(match view.node()?.row(&self.row_name()) {
            Some(Row::Bytes { bytes }) => Some(String::from_utf8_lossy(bytes).into_owned()),
            _ => None,
        })
    }
}

/// The one field of the task.
fn field_of(task: Task) -> (&'static str, &'static str) {
    match task {
        Task::SetText(notice) | Task::EditText(notice) => (notice.name(), notice.subject()),
        _ => ("announcement", "The announcement"),
    }
}

pub(super) fn form(task: Task, form: Form) -> Form {
    let (var, label) = field_of(task);
    let field = Field::new(var, FieldKind::TextMulti).with_label(label);
    form.with(field.required())
}

/// Section 4.25: who edits begins with what there is.
pub(super) fn filled(view: &View<'_>, task: Task, mut form: Form) -> Result<Form, Stop> {
    if let Task::EditText(notice) = task
        && let Some(text) = notice.text(view)?
        && let Some(field) = form
            .fields
            .iter_mut()
            .find(|one| *one.var == *notice.name())
    {
        field.values = text.lines().map(Into::into).collect();
    }
    Ok(form)
}

/// Section 4.23: to those who are there now.
pub(super) fn announce(view: &View<'_>, form: &Form) -> Finish {
    let text = match text_in(form, "announcement") {
        Ok(text) => text,
        Err(why) => return Finish::failed(why),
    };
    match message(view, "Announcement", &text) {
        Some(stanza) => {
            let stanza = Arc::new(stanza);
            Finish::with(Proposal::nothing().soft(Soft::Announce { stanza }))
        }
        None => Finish::failed("the domain is none"),
    }
}

/// Sections 4.24, 4.25 and 4.27.
pub(super) fn set(notice: Notice, form: &Form) -> Finish {
    match text_in(form, notice.name()) {
        Ok(text) => {
            let bytes = text.into_bytes().into();
            let row = Some(Row::Bytes { bytes });
            Finish::with(Proposal::nothing().row(RecordKey::Node, notice.row_name(), row))
        }
        Err(why) => Finish::failed(why),
    }
}

/// Sections 4.26 and 4.28.
pub(super) fn delete(view: &View<'_>, notice: Notice) -> Result<Finish, Stop> {
    if notice.text(view)?.is_none() {
        return Ok(Finish::failed("there is none"));
    }
    let gone = Proposal::nothing().row(RecordKey::Node, notice.row_name(), None);
    Ok(Finish::with(gone))
}

/// What a user is told who has just logged in.
pub(crate) fn greetings(view: &View<'_>, user: &BareJid) -> Result<Vec<Outgoing>, Stop> {
    let account = view.account(user)?;
    let is_first = account.rows.row(&RowName::LastSeen).is_none() && account.online.len() <= 1;
    let welcome = is_first.then_some(Notice::Welcome);
    let mut told = Vec::new();
    for notice in welcome.into_iter().chain([Notice::Motd]) {
        if let Some(text) = notice.text(view)? {
            told.extend(message(view, notice.subject(), &text));
        }
    }
    if view.is_admin(user) {
        told.extend(report::reminder(view)?);
    }
    Ok(told)
}

fn text_in(form: &Form, var: &str) -> Result<String, String> {
    let text = form.text(var).unwrap_or_default();
    if text.is_empty() || text.len() > ANNOUNCEMENT_BYTES_MAX {
        return Err(format!(
            "write a text of 1 to {ANNOUNCEMENT_BYTES_MAX} bytes"
        ));
    }
    Ok(text)
}

pub(super) fn message(view: &View<'_>, subject: &str, text: &str) -> Option<Outgoing> {
    let mut writer = Writer::new();
    writer.leaf("subject", subject).leaf("body", text);
    Some(Outgoing {
        kind: Kind::Message(MessageType::Headline),
        from: Jid::parse(&view.settings.domain).ok()?,
        to: None,
        id: None,
        lang: None,
        payload: writer.finish().into(),
    })
}
