//! Looking for people in the vCards of all accounts (XEP-0055), one after the other.

use std::collections::BTreeSet;

use redb::ReadTransaction;

use crate::base::jid::BareJid;
use crate::base::search_limits::PEOPLE_FOUND_MAX;
use crate::base::search_limits::PEOPLE_LOOKED_AT_MAX;
use crate::effect::people::PeopleSearch;
use crate::effect::people::Person;
use crate::effect::query::Found;
use crate::effect::query::Horizon;
use crate::model::row::RecordKey;
use crate::model::row::Row;
use crate::model::row::RowName;
use crate::store::error::StoreError;
use crate::store::key::bare;
use crate::store::key::row_key;
use crate::store::schema;
use crate::store::schema::ACCOUNT_IS_DISABLED;

/// Who can log in and has a vCard that matches.
pub(super) fn find(
    snapshot: &ReadTransaction,
    search: &PeopleSearch,
    horizon: &Horizon,
) -> Result<Found, StoreError> {
    let mut jids = BTreeSet::new();
    for row in snapshot.open_table(schema::ACCOUNTS)?.range::<&str>(..)? {
        let (name, flags) = row?;
        if flags.value() & ACCOUNT_IS_DISABLED == 0 {
            jids.insert(bare(name.value())?);
        }
    }
    for change in &horizon.changed {
        if let RecordKey::Account { jid } = &change.record {
            match (change.exists, change.disabled) {
                (Some(true), Some(false)) => jids.insert(jid.clone()),
                _ => jids.remove(jid),
            };
        }
    }
    let rows = snapshot.open_table(schema::ROWS)?;
    let stored = |jid: &BareJid| -> Result<Option<Person>, StoreError> {
        let record = RecordKey::Account { jid: jid.clone() };
        let key = row_key(&record, &RowName::VCard);
        let Some(value) = rows.get(key.as_slice())? else {
            return Ok(None);
        };
        Ok(match schema::read_cell(value.value())?.row {
            Some(Row::Bytes { bytes }) => Person::parse(jid, &bytes),
            _ => None,
        })
    };
    let mut people = Vec::new();
    for jid in jids.iter().take(PEOPLE_LOOKED_AT_MAX) {
        let person = match horizon.cards.get(jid) {
            Some(card) => card.as_ref().and_then(|card| Person::parse(jid, card)),
            None => stored(jid)?,
        };
        people.extend(person.filter(|person| search.matches(person)));
        if people.len() == PEOPLE_FOUND_MAX {
            break;
        }
    }
    Ok(Found::People { people })
}
