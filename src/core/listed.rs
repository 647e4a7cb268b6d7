//! What of the lists of accounts and rooms the tail knows better than the tables.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

use crate::base::jid::BareJid;
use crate::core::Core;
use crate::effect::people::Cards;
use crate::effect::query::Listed;
use crate::model::account::AccountRow;
use crate::model::account::AccountState;
use crate::model::entry::Entry;
use crate::model::op::Durable;
use crate::model::position::Index;
use crate::model::row::RecordKey;
use crate::model::row::Row;
use crate::model::row::RowName;

/// Accounts and rooms that began, ended or changed their place in lists.
pub(super) fn changed<'a, I>(entries: I) -> Vec<Listed>
where
    I: Iterator<Item = &'a Arc<Entry>>,
{
    let mut changed: BTreeMap<&RecordKey, Listed> = BTreeMap::new();
    for op in entries.flat_map(|entry| entry.durable_ops()) {
        let Durable::Row { record, name, row } = op else {
            continue;
        };
        let mut disabled = None;
        let (exists, public) = match (name, row) {
            (RowName::Account, Some(Row::Account { row })) => {
                disabled = Some(row.state == AccountState::Disabled);
                (Some(row.state != AccountState::Deleted), None)
            }
            // A room that begins is hidden until it is configured.
            (RowName::Room, Some(Row::Room { row })) if row.destroyed => (Some(false), Some(false)),
            (RowName::Room, Some(Row::Room { .. })) => (Some(true), None),
            (RowName::RoomConfig, Some(row)) => {
                (None, row.room_config().map(|config| config.is_listed()))
            }
            _ => continue,
        };
        let listed = changed.entry(record).or_insert_with(|| Listed {
            record: record.clone(),
            exists: None,
            public: None,
            disabled: None,
        });
        listed.exists = exists.or(listed.exists);
        listed.public = public.or(listed.public);
        listed.disabled = disabled.or(listed.disabled);
    }
    changed.into_values().collect()
}

/// Those who may administer, and those of whom the tail says so. Who does not any more is still among them.
pub(super) fn admins(
    mut admins: BTreeSet<BareJid>,
    tail: &[(Index, Arc<Entry>)],
) -> BTreeSet<BareJid> {
    for op in tail.iter().flat_map(|(_, entry)| entry.durable_ops()) {
        if let Durable::Row {
            record: RecordKey::Account { jid },
            row: Some(Row::Account { row }),
            ..
        } = op
            && row.administers()
        {
            admins.insert(jid.clone());
        }
    }
    admins
}

/// The vCards that were written.
pub(super) fn cards<'a, I>(entries: I) -> Cards
where
    I: Iterator<Item = &'a Arc<Entry>>,
{
    let ops = entries.flat_map(|entry| entry.durable_ops());
    let cards = ops.filter_map(|op| match op {
        Durable::Row {
            record: RecordKey::Account { jid },
            name: RowName::VCard,
            row,
        } => match row {
            Some(Row::Bytes { bytes }) => Some((jid.clone(), Some(Arc::clone(bytes)))),
            _ => Some((jid.clone(), None)),
        },
        _ => None,
    });
    cards.collect()
}

impl Core {
    /// Accounts that changed since the tables were written, with their state.
    pub(crate) fn tail_accounts(&self) -> BTreeMap<BareJid, AccountRow> {
        let ops = self.tail.entries().flat_map(|entry| entry.durable_ops());
        let rows = ops.filter_map(|op| match op {
            Durable::Row {
                record: RecordKey::Account { jid },
                row: Some(Row::Account { row }),
                ..
            } => Some((jid.clone(), *row)),
            _ => None,
        });
        rows.collect()
    }
}
