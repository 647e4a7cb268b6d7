//! What a side writes into a row: values of all merge rules.

use std::sync::Arc;

use crate::model::contact::Contact;
use crate::model::contact::Inward;
use crate::model::contact::Outward;
use crate::model::fields;
use crate::model::op::Durable;
use crate::model::room::Affiliation;
use crate::model::room::AffiliationRow;
use crate::model::room::RoomConfig;
use crate::model::row::RecordKey;
use crate::model::row::Row;
use crate::model::row::RowName;
use crate::testing::branches::Branches;
use crate::testing::branches::jid;

impl Branches {
    pub(super) fn name(&mut self) -> RowName {
        let other = jid(self.rng.below(2));
        match self.rng.below(8) {
            0 => RowName::Blocked {
                jid: other.to_jid(),
            },
            1 => RowName::Affiliation { jid: other },
            2 => RowName::Token {
                device: "phone".into(),
            },
            3 => RowName::VCard,
            4 | 5 => RowName::RoomConfig,
            _ => RowName::Contact { jid: other },
        }
    }

    pub(super) fn row(&mut self, side: usize, record: RecordKey) -> Durable {
        let name = self.name();
        let text = self.text();
        let affiliations = [
            Affiliation::Outcast,
            Affiliation::Member,
            Affiliation::Admin,
            Affiliation::Owner,
        ];
        let any = self.below(4);
        let value = match &name {
            RowName::Blocked { .. } => Row::Blocked,
            RowName::Affiliation { .. } => Row::Affiliation {
                row: Arc::new(AffiliationRow {
                    affiliation: affiliations.get(any).copied().unwrap_or(Affiliation::None),
                    nick: None,
                    reason: Some(text),
                    account: None,
                }),
            },
            RowName::Contact { .. } | RowName::RoomConfig => {
                return self.fielded(side, record, name);
            }
            _ => Row::Bytes {
                bytes: Arc::from(text.as_bytes()),
            },
        };
        let row = (!self.rng.one_in(3)).then_some(value);
        Durable::Row { record, name, row }
    }

    /// A change of what the side has of a contact or a configuration, as a program of either level
    /// writes it (`model::fields`).
    fn fielded(&mut self, side: usize, record: RecordKey, name: RowName) -> Durable {
        let rows = self.sides.get(side).and_then(|own| own.state.rows(&record));
        let old = rows.and_then(|rows| rows.row(&name)).cloned();
        let (any, text) = (self.below(6), self.text());
        let new = if name == RowName::RoomConfig {
            let config = old.as_ref().and_then(Row::room_config);
            let mut config = config.map_or_else(RoomConfig::default, |old| old.as_ref().clone());
            match any {
                0 | 1 => config.name = text,
                2 | 3 => config.description = text,
                4 => config.persistent = !config.persistent,
                _ => config.occupants_max += 1,
            }
            let config = Arc::new(config);
            Some(Row::RoomConfig { config })
        } else {
            let contact = old.as_ref().and_then(Row::contact);
            let mut contact = contact.map_or_else(Contact::default, |old| old.as_ref().clone());
            match any {
                0 => contact.name = Some(text),
                1 => contact.groups = vec![text],
                2 if contact.out == Outward::To => contact.out = Outward::Asked,
                2 => contact.out = Outward::To,
                3 if contact.may_see() => contact.inward = Inward::Without,
                3 => contact.inward = Inward::From,
                4 => contact.listed = true,
                _ => contact = Contact::default(),
            }
            let contact = Arc::new(contact);
            (!contact.is_blank()).then_some(Row::Contact { contact })
        };
        let row = if self.rng.one_in(4) {
            new
        } else {
            new.map(|new| fields::narrowed(old.as_ref(), new))
        };
        Durable::Row { record, name, row }
    }
}
