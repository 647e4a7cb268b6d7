//! Fields that merge one by one: those of a contact and of a room's configuration.
//!
//! A write of such a row on a board of a pair says which fields it has changed ([`narrowed`]); the rest of
//! what it holds is what its writer knew. In a cell each field is a register of its own: a contact renamed on one
//! branch and subscribed to on the other is both. A write without fields sets all of them, as every write did
//! before level 2.

use std::sync::Arc;

use crate::model::codec::Code;
use crate::model::codec::CodecError;
use crate::model::codec::Reader;
use crate::model::contact::Contact;
use crate::model::contact::Inward;
use crate::model::contact::Outward;
use crate::model::room::RoomConfig;
use crate::model::row::Row;
use crate::model::row::RowName;

/// Which fields of a value: one bit for each.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Fields(u32);

impl Fields {
    /// All there is of a row that has no fields.
    const ONE: Self = Self(1);

    /// No field: what is left of a removal, when some fields have been set again.
    const REMOVED: Self = Self(1 << 31);

    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(crate) fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    pub(crate) fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Each by itself.
    pub(crate) fn each(self) -> impl Iterator<Item = Self> {
        let bits = (0..u32::BITS).map(|bit| Self(1 << bit));
        bits.filter(move |one| !self.and(*one).is_empty())
    }
}

impl Code for Fields {
    fn encode(&self, out: &mut Vec<u8>) {
        self.0.encode(out);
    }

    fn decode(input: &mut Reader<'_>) -> Result<Self, CodecError> {
        u32::decode(input).map(Self)
    }
}

impl Row {
    /// The contact, also where some of its fields alone are written.
    pub(crate) fn contact(&self) -> Option<&Arc<Contact>> {
        match self {
            Self::Contact { contact } | Self::ContactPart { contact, .. } => Some(contact),
            _ => None,
        }
    }

    /// The configuration, likewise.
    pub(crate) fn room_config(&self) -> Option<&Arc<RoomConfig>> {
        match self {
            Self::RoomConfig { config } | Self::RoomConfigPart { config, .. } => Some(config),
            _ => None,
        }
    }

    pub(crate) fn is_part(&self) -> bool {
        matches!(self, Self::ContactPart { .. } | Self::RoomConfigPart { .. })
    }
}

/// A value of which each field merges by itself. Bits are never given to another field.
macro_rules! fielded {
    ($type:ident { $($bit:literal => $field:ident),* $(,)? }) => {
        impl $type {
            const FIELDS: Fields = Fields(0 $(| 1 << $bit)*);

            /// Which fields of the two are not alike.
            fn unlike(&self, other: &Self) -> Fields {
                Fields(0 $(| u32::from(self.$field != other.$field) << $bit)*)
            }

            /// These fields with what they hold, but for secrets.
            fn spell(&self, fields: Fields) -> Vec<String> {
                let mut spelled = Vec::new();
                $(if fields.0 & (1 << $bit) != 0 {
                    let name = stringify!($field).replace('_', " ");
                    let value = format!("{:?}", self.$field);
                    let bare = value.strip_prefix("Some(").and_then(|one| one.strip_suffix(')'));
                    spelled.push(match name.as_str() {
                        "password" => name,
                        _ => format!("{name} {}", bare.unwrap_or(&value)),
                    });
                })*
                spelled
            }

            fn take(&mut self, fields: Fields, from: &Self) {
                $(if fields.0 & (1 << $bit) != 0 {
                    self.$field.clone_from(&from.$field);
                })*
            }
        }
    };
}

fielded!(Contact { 0 => listed, 1 => name, 2 => groups, 3 => out, 4 => inward });

fielded!(RoomConfig {
    0 => name, 1 => description, 2 => lang, 3 => persistent, 4 => public, 5 => members_only,
    6 => moderated, 7 => password, 8 => open_addresses, 9 => occupants_max, 10 => archived,
    11 => anyone_changes_subject, 12 => anyone_invites, 13 => private_messages,
    14 => presence_broadcast, 15 => member_list,
});

/// The level since which fields are written.
pub(crate) const FIELDS_LEVEL: u8 = 2;

/// Whether the contact stands in the roster, and what the user calls it.
const LISTED: Fields = Fields(1);
const NAMED: Fields = Fields(0b110);

/// All fields of the row.
pub(crate) fn all(name: &RowName) -> Fields {
    match name {
        RowName::Contact { .. } => Contact::FIELDS,
        RowName::RoomConfig => RoomConfig::FIELDS,
        _ => Fields::ONE,
    }
}

/// Whether the row's fields merge one by one.
pub(crate) fn has_fields(name: &RowName) -> bool {
    all(name) != Fields::ONE
}

/// The fields that a write of this value sets.
pub(crate) fn set_by(name: &RowName, row: Option<&Row>) -> Fields {
    match row {
        Some(Row::ContactPart { fields, .. } | Row::RoomConfigPart { fields, .. }) => {
            fields.and(all(name))
        }
        _ => all(name),
    }
}

/// The value with what it changes of `old`, where its fields merge one by one.
pub(crate) fn narrowed(old: Option<&Row>, new: Row) -> Row {
    match new {
        Row::Contact { contact } => {
            let blank = Contact::default();
            let old = old.and_then(Row::contact).map_or(&blank, AsRef::as_ref);
            let mut fields = contact.unlike(old);
            // Whoever gives a contact a name or groups, or asks for what is there, wants it in the roster.
            if contact.listed && (fields.is_empty() || !fields.and(NAMED).is_empty()) {
                fields = fields.or(LISTED);
            }
            if fields == Contact::FIELDS {
                Row::Contact { contact }
            } else {
                Row::ContactPart { fields, contact }
            }
        }
        Row::RoomConfig { config } => {
            let old = old.and_then(Row::room_config);
            let fields = old.map_or(RoomConfig::FIELDS, |old| old.unlike(&config));
            if fields == RoomConfig::FIELDS {
                Row::RoomConfig { config }
            } else {
                Row::RoomConfigPart { fields, config }
            }
        }
        other => other,
    }
}

/// These fields of a value alone; the row itself, where they are all.
pub(crate) fn only(name: &RowName, row: Option<Row>, fields: Fields) -> Option<Row> {
    if fields == all(name) {
        return row;
    }
    let made = made_of(name, &[(fields, row.as_ref())]);
    let mark = if is_removal(row.as_ref()) {
        fields.or(Fields::REMOVED)
    } else {
        fields
    };
    match made {
        Some(Row::Contact { contact }) => Some(Row::ContactPart {
            fields: mark,
            contact,
        }),
        Some(Row::RoomConfig { config }) => Some(Row::RoomConfigPart {
            fields: mark,
            config,
        }),
        _ => row,
    }
}

/// Whether the write has removed the row.
pub(crate) fn is_removal(row: Option<&Row>) -> bool {
    match row {
        Some(Row::ContactPart { fields, .. } | Row::RoomConfigPart { fields, .. }) => {
            !fields.and(Fields::REMOVED).is_empty()
        }
        row => row.is_none(),
    }
}

/// The whole value that `parts` make, each with the fields that it gives.
pub(crate) fn whole(name: &RowName, parts: &[(Fields, Option<&Row>)]) -> Option<Row> {
    if let [(fields, row)] = parts
        && *fields == all(name)
        && !row.is_some_and(Row::is_part)
    {
        return row.cloned();
    }
    let is_there = parts.iter().any(|(_, row)| !is_removal(*row));
    match made_of(name, parts).filter(|_| is_there)? {
        Row::Contact { contact } => {
            let contact = Contact {
                listed: contact.listed || is_in_roster(&contact),
                ..contact.as_ref().clone()
            };
            let contact = Arc::new(contact);
            (!contact.is_blank()).then_some(Row::Contact { contact })
        }
        made => Some(made),
    }
}

/// What a write comes to for who had `old`, if nobody else writes.
pub(crate) fn upon(name: &RowName, old: Option<&Row>, new: Option<&Row>) -> Option<Row> {
    let fields = set_by(name, new);
    let rest = all(name).without(fields);
    if rest.is_empty() {
        whole(name, &[(fields, new)])
    } else {
        whole(name, &[(rest, old), (fields, new)])
    }
}

/// What of a write is not shown, as the journal keeps it. That a field of a contact was emptied is no loss.
pub(crate) fn lost(name: &RowName, written: Option<&Row>, shown: Option<&Row>) -> Option<Row> {
    let written = written.filter(|written| !is_removal(Some(written)))?;
    let unlike = match written {
        Row::Contact { contact } | Row::ContactPart { contact, .. } => {
            let blank = Contact::default();
            let shown = shown.and_then(Row::contact);
            let unlike = contact.unlike(shown.map_or(&blank, AsRef::as_ref));
            unlike.and(contact.unlike(&blank))
        }
        Row::RoomConfig { config } | Row::RoomConfigPart { config, .. } => {
            let shown = shown.and_then(Row::room_config);
            shown.map_or(RoomConfig::FIELDS, |shown| config.unlike(shown))
        }
        _ => return (Some(written) != shown).then(|| written.clone()),
    };
    let fields = set_by(name, Some(written)).and(unlike);
    (!fields.is_empty()).then(|| only(name, Some(written.clone()), fields))?
}

/// A part in words, field by field. Passwords are not shown.
pub(crate) fn told(part: &Row) -> Option<String> {
    let spelled = match part {
        Row::ContactPart { fields, contact } => contact.spell(*fields),
        Row::RoomConfigPart { fields, config } => config.spell(*fields),
        _ => return None,
    };
    Some(spelled.join(", "))
}

/// RFC 6121 appendix A: all states with a subscription or an own request are in the roster.
fn is_in_roster(contact: &Contact) -> bool {
    contact.out != Outward::Without || contact.inward == Inward::From
}

/// What the parts hold, on top of nothing.
fn made_of(name: &RowName, parts: &[(Fields, Option<&Row>)]) -> Option<Row> {
    let parts = parts
        .iter()
        .filter_map(|(fields, row)| Some((*fields, (*row)?)));
    match name {
        RowName::Contact { .. } => {
            let mut made = Contact::default();
            for (fields, row) in parts {
                row.contact().inspect(|contact| made.take(fields, contact));
            }
            let contact = Arc::new(made);
            Some(Row::Contact { contact })
        }
        RowName::RoomConfig => {
            let mut made = RoomConfig::default();
            for (fields, row) in parts {
                row.room_config()
                    .inspect(|config| made.take(fields, config));
            }
            let config = Arc::new(made);
            Some(Row::RoomConfig { config })
        }
        _ => None,
    }
}
