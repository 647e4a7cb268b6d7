//! What an owner may say of a room beyond its configuration, each value in a row of its own.
//!
//! So two boards that are apart change them one by one, and what nobody has set costs nothing. They are
//! read and written by the fields of the same form (XEP-0045 section 10.1.3).

use crate::base::jid::Jid;
use crate::base::limits::PAGE_ITEMS_MAX;
use crate::base::limits::ROOM_TEXT_BYTES_MAX;
use crate::effect::proposal::Proposal;
use crate::model::room::Room;
use crate::model::row::Row;
use crate::model::row::RowName;
use crate::muc::visit::Visit;
use crate::stanza::Condition;
use crate::stanza::StanzaError;
use crate::stanza::form::Field;
use crate::stanza::form::FieldKind;
use crate::stanza::form::Form;

/// One of them. Text that is empty stands for what holds when nobody has said anything.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Setting {
    /// How many messages of the past one who enters gets at most.
    HistoryMax,
    /// Whom to ask about the room.
    Contacts,
    /// The node of publish-subscribe that goes with the room.
    Node,
    /// Whether strangers may ask for membership.
    Registration,
}

const ALL: [Setting; 4] = [
    Setting::HistoryMax,
    Setting::Contacts,
    Setting::Node,
    Setting::Registration,
];

impl Setting {
    /// The field of the form. What the registry does not have begins with "x-" (XEP-0068 section 3.4).
    pub(super) fn field(self) -> &'static str {
        match self {
            Self::HistoryMax => "muc#maxhistoryfetch",
            Self::Contacts => "muc#roominfo_contactjid",
            Self::Node => "muc#roomconfig_pubsub",
            Self::Registration => "x-muc#roomconfig_registration",
        }
    }

    fn name(self) -> RowName {
        let name = match self {
            Self::HistoryMax => "history",
            Self::Contacts => "contacts",
            Self::Node => "node",
            Self::Registration => "registration",
        };
        RowName::Text { name: name.into() }
    }

    /// What was set; empty: nothing.
    pub(super) fn text(self, room: &Room) -> &str {
        match room.rows.row(&self.name()) {
            Some(Row::Bytes { bytes }) => std::str::from_utf8(bytes).unwrap_or_default(),
            _ => "",
        }
    }

    /// What is kept of a submitted value.
    fn kept(self, text: &str) -> Result<String, StanzaError> {
        let refused = || StanzaError::new(Condition::NotAcceptable);
        if text.len() > ROOM_TEXT_BYTES_MAX {
            return Err(refused());
        }
        match self {
            _ if text.is_empty() => Ok(String::new()),
            Self::HistoryMax => {
                let number: u64 = text.trim().parse().map_err(|_| refused())?;
                let most = u64::try_from(PAGE_ITEMS_MAX).unwrap_or(u64::MAX);
                Ok(number.min(most).to_string())
            }
            Self::Contacts => {
                let parsed = text.lines().map(|line| Jid::parse(line.trim()));
                let jids: Result<Vec<Jid>, _> = parsed.collect();
                let jids = jids.map_err(|_| StanzaError::new(Condition::JidMalformed))?;
                let jids: Vec<&str> = jids.iter().map(Jid::as_str).collect();
                Ok(jids.join("\n"))
            }
            Self::Node if text.starts_with("xmpp:") => Ok(text.into()),
            Self::Node => Err(refused()),
            Self::Registration => match text {
                "1" | "true" => Ok(String::new()),
                "0" | "false" => Ok("0".into()),
                _ => Err(refused()),
            },
        }
    }
}

/// How many messages of the past one who enters gets at most.
pub(super) fn history_max(room: &Room) -> usize {
    let text = Setting::HistoryMax.text(room);
    text.parse().unwrap_or(PAGE_ITEMS_MAX)
}

/// Whether strangers may ask for membership.
pub(super) fn may_ask(room: &Room) -> bool {
    Setting::Registration.text(room).is_empty()
}

/// The form with what holds.
pub(super) fn filled(form: Form, room: &Room) -> Form {
    let field = |setting: Setting, kind, label| {
        Field::new(setting.field(), kind)
            .with_label(label)
            .with_values(setting.text(room).lines())
    };
    form.with(
        Field::new(Setting::HistoryMax.field(), FieldKind::TextSingle)
            .with_label("Messages of the past for who enters, at most")
            .with_value(&history_max(room).to_string()),
    )
    .with(field(
        Setting::Contacts,
        FieldKind::JidMulti,
        "Whom to ask about the room",
    ))
    .with(field(
        Setting::Node,
        FieldKind::TextSingle,
        "Address of the node that goes with the room (xmpp:)",
    ))
    .with(
        Field::boolean(Setting::Registration.field(), may_ask(room))
            .with_label("Strangers may ask for membership"),
    )
}

/// The rows that the form changes.
pub(super) fn submit(
    visit: &Visit<'_>,
    form: &Form,
    mut proposal: Proposal,
) -> Result<Proposal, StanzaError> {
    for setting in ALL {
        let Some(text) = form.text(setting.field()) else {
            continue;
        };
        let kept = setting.kept(&text)?;
        if kept == setting.text(visit.room) {
            continue;
        }
        let row = (!kept.is_empty()).then(|| Row::Bytes {
            bytes: kept.into_bytes().into(),
        });
        proposal =
            proposal
                .guarded(visit.guard(setting.name()))
                .row(visit.record(), setting.name(), row);
    }
    Ok(proposal)
}
