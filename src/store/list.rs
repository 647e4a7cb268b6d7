//! Lists of the accounts and rooms that exist, in order of address.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::ops::Bound;

use redb::ReadOnlyTable;
use redb::ReadTransaction;
use redb::ReadableTableMetadata as _;

use crate::base::jid::BareJid;
use crate::base::room_limits::CHANNELS_FOUND_MAX;
use crate::effect::query::ChannelSearch;
use crate::effect::query::Found;
use crate::effect::query::Listed;
use crate::model::row::RecordKey;
use crate::model::row::Row;
use crate::model::row::RowName;
use crate::store::error::StoreError;
use crate::store::key::bare;
use crate::store::key::row_key;
use crate::store::schema;
use crate::store::schema::ACCOUNT_IS_DISABLED;
use crate::store::schema::ROOM_IS_FLEETING;
use crate::store::schema::ROOM_IS_PUBLIC;

pub(super) struct Accounts<'a> {
    pub(super) after: Option<&'a BareJid>,
    pub(super) count_max: usize,
    pub(super) disabled_only: bool,
}

impl Accounts<'_> {
    pub(super) fn list(
        &self,
        snapshot: &ReadTransaction,
        changed: &[Listed],
    ) -> Result<Found, StoreError> {
        let flag = if self.disabled_only {
            ACCOUNT_IS_DISABLED
        } else {
            0
        };
        let list = List {
            table: snapshot.open_table(schema::ACCOUNTS)?,
            after: self.after,
            count_max: self.count_max,
            flag,
        };
        let mut newer = Vec::new();
        for change in changed {
            if let RecordKey::Account { jid } = &change.record {
                let is_disabled = change.disabled == Some(true);
                let is_in = |exists| exists && (is_disabled || !self.disabled_only);
                newer.push((jid, change.exists.map(is_in)));
            }
        }
        list.find(&newer)
    }
}

pub(super) struct Rooms<'a> {
    pub(super) after: Option<&'a BareJid>,
    pub(super) count_max: usize,
    pub(super) public_only: bool,
}

impl Rooms<'_> {
    pub(super) fn list(
        &self,
        snapshot: &ReadTransaction,
        changed: &[Listed],
    ) -> Result<Found, StoreError> {
        let flag = if self.public_only { ROOM_IS_PUBLIC } else { 0 };
        let list = List {
            table: snapshot.open_table(schema::ROOMS)?,
            after: self.after,
            count_max: self.count_max,
            flag,
        };
        let mut newer = Vec::new();
        for change in changed {
            let RecordKey::Room { jid } = &change.record else {
                continue;
            };
            let known = list.flags(jid)?;
            let exists = change.exists.unwrap_or_else(|| known.is_some());
            let is_public = known.is_some_and(|flags| flags & ROOM_IS_PUBLIC != 0);
            let is_public = change.public.unwrap_or(is_public);
            newer.push((jid, Some(exists && (is_public || !self.public_only))));
        }
        list.find(&newer)
    }
}

/// The rooms that match a search, of those that strangers may see. Looks at all of them; gives at most
/// [`CHANNELS_FOUND_MAX`].
pub(super) fn channels(
    snapshot: &ReadTransaction,
    search: &ChannelSearch,
    changed: &[Listed],
) -> Result<Found, StoreError> {
    let is_gone = |jid: &BareJid| {
        let is_it =
            |one: &&Listed| matches!(&one.record, RecordKey::Room { jid: room } if room == jid);
        let newer = changed.iter().find(is_it);
        newer.is_some_and(|one| one.exists == Some(false) || one.public == Some(false))
    };
    let rows = snapshot.open_table(schema::ROWS)?;
    let mut rooms = Vec::new();
    for row in snapshot.open_table(schema::ROOMS)?.range::<&str>(..)? {
        let (name, flags) = row?;
        let jid = bare(name.value())?;
        if flags.value() & ROOM_IS_PUBLIC == 0 || is_gone(&jid) {
            continue;
        }
        let record = RecordKey::Room { jid: jid.clone() };
        let key = row_key(&record, &RowName::RoomConfig);
        let Some(value) = rows.get(key.as_slice())? else {
            continue;
        };
        if let Some(Row::RoomConfig { config }) = schema::read_cell(value.value())?.row
            && search.matches(&jid, &config)
        {
            rooms.push((jid, config));
            if rooms.len() == CHANNELS_FOUND_MAX {
                break;
            }
        }
    }
    Ok(Found::Channels { rooms })
}

/// All rooms, with whether they persist.
pub(super) fn rooms(snapshot: &ReadTransaction) -> Result<BTreeMap<BareJid, bool>, StoreError> {
    let mut found = BTreeMap::new();
    for row in snapshot.open_table(schema::ROOMS)?.range::<&str>(..)? {
        let (name, flags) = row?;
        found.insert(bare(name.value())?, flags.value() & ROOM_IS_FLEETING == 0);
    }
    Ok(found)
}

/// The accounts that may administer the server: a look at each.
pub(super) fn admins(snapshot: &ReadTransaction) -> Result<BTreeSet<BareJid>, StoreError> {
    let rows = snapshot.open_table(schema::ROWS)?;
    let mut found = BTreeSet::new();
    for account in snapshot.open_table(schema::ACCOUNTS)?.range::<&str>(..)? {
        let jid = bare(account?.0.value())?;
        let record = RecordKey::Account { jid: jid.clone() };
        let key = row_key(&record, &RowName::Account);
        if let Some(value) = rows.get(key.as_slice())?
            && let Some(Row::Account { row }) = schema::read_cell(value.value())?.row
            && row.administers()
        {
            found.insert(jid);
        }
    }
    Ok(found)
}

struct List<'a> {
    table: ReadOnlyTable<&'static str, u8>,
    after: Option<&'a BareJid>,
    count_max: usize,
    /// Only what has this flag.
    flag: u8,
}

impl List<'_> {
    fn flags(&self, jid: &BareJid) -> Result<Option<u8>, StoreError> {
        let flags = self.table.get(jid.as_str())?;
        Ok(flags.map(|flags| flags.value()))
    }

    fn is_listed(&self, flags: u8) -> bool {
        flags & self.flag == self.flag
    }

    /// `newer`: what is in the list or not, whatever the tables say.
    fn find(&self, newer: &[(&BareJid, Option<bool>)]) -> Result<Found, StoreError> {
        let mut total = self.count()?;
        let (mut added, mut removed) = (BTreeSet::new(), BTreeSet::new());
        for (jid, is_in) in newer {
            let was_in = self.flags(jid)?.is_some_and(|flags| self.is_listed(flags));
            match (was_in, is_in.unwrap_or(was_in)) {
                (false, true) => {
                    total = total.saturating_add(1);
                    added.insert((*jid).clone());
                }
                (true, false) => {
                    total = total.saturating_sub(1);
                    removed.insert(jid.as_str());
                }
                _ => {}
            }
        }
        let from = match self.after {
            Some(after) => Bound::Excluded(after.as_str()),
            None => Bound::Unbounded,
        };
        let mut jids: BTreeSet<BareJid> = added
            .into_iter()
            .filter(|jid| self.after.is_none_or(|after| jid > after))
            .collect();
        let mut found = 0;
        for row in self.table.range::<&str>((from, Bound::Unbounded))? {
            if found == self.count_max {
                break;
            }
            let (name, flags) = row?;
            if self.is_listed(flags.value()) && !removed.contains(name.value()) {
                jids.insert(bare(name.value())?);
                found += 1;
            }
        }
        let jids = jids.into_iter().take(self.count_max).collect();
        Ok(Found::List { jids, total })
    }

    fn count(&self) -> Result<u64, StoreError> {
        if self.flag == 0 {
            return Ok(self.table.len()?);
        }
        let mut total = 0;
        for row in self.table.range::<&str>(..)? {
            if self.is_listed(row?.1.value()) {
                total += 1;
            }
        }
        Ok(total)
    }
}
