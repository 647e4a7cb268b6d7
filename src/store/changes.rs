//! What a checkpoint changes, collected first: each row is written once, in the order of the keys.
//!
//! A read looks at what is collected, then at the tables as they were.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

use redb::ReadableTable as _;
use redb::Table;
use redb::WriteTransaction;

use crate::base::ids::Incarnation;
use crate::model::codec::to_bytes;
use crate::model::entry::EpochRecord;
use crate::model::message::Message;
use crate::model::message::Owner;
use crate::model::message::Role;
use crate::model::position::Epoch;
use crate::model::position::Hlc;
use crate::model::position::Position;
use crate::model::row::Cell;
use crate::model::row::RecordKey;
use crate::model::row::Row;
use crate::model::row::RowName;
use crate::store::error::StoreError;
use crate::store::key::PlaceKey;
use crate::store::key::place_key;
use crate::store::key::place_position;
use crate::store::key::prefix_end;
use crate::store::key::read_name;
use crate::store::key::record_prefix;
use crate::store::key::row_key;
use crate::store::schema;
use crate::store::schema::Archive;
use crate::store::schema::PlaceValue;
use crate::store::schema::Span;
use crate::store::schema::Stretch;

type BytesTable<'t> = Table<'t, &'static [u8], &'static [u8]>;

/// The tables that are read while changes are collected, and written afterwards.
pub(super) struct Tables<'t> {
    pub(super) rows: BytesTable<'t>,
    pub(super) marks: BytesTable<'t>,
    pub(super) messages: Table<'t, &'static [u8; 16], &'static [u8]>,
    pub(super) places: Table<'t, &'static [u8; 24], &'static [u8; 16]>,
    pub(super) untaken: Table<'t, &'static [u8; 24], bool>,
    pub(super) archives: Table<'t, u64, &'static [u8]>,
    pub(super) clock: Table<'t, u64, &'static [u8; 32]>,
    pub(super) accounts: Table<'t, &'static str, u8>,
    pub(super) rooms: Table<'t, &'static str, u8>,
    pub(super) epochs: BytesTable<'t>,
    pub(super) work: BytesTable<'t>,
    pub(super) meta: Table<'t, u8, &'static [u8]>,
}

impl<'t> Tables<'t> {
    pub(super) fn open(transaction: &'t WriteTransaction) -> Result<Self, StoreError> {
        Ok(Self {
            rows: transaction.open_table(schema::ROWS)?,
            marks: transaction.open_table(schema::MARKS)?,
            messages: transaction.open_table(schema::MESSAGES)?,
            places: transaction.open_table(schema::PLACES)?,
            untaken: transaction.open_table(schema::UNTAKEN)?,
            archives: transaction.open_table(schema::ARCHIVES)?,
            clock: transaction.open_table(schema::CLOCK)?,
            accounts: transaction.open_table(schema::ACCOUNTS)?,
            rooms: transaction.open_table(schema::ROOMS)?,
            epochs: transaction.open_table(schema::EPOCHS)?,
            work: transaction.open_table(schema::WORK)?,
            meta: transaction.open_table(schema::META)?,
        })
    }
}

/// Rows to be written (`Some`) or removed.
type Rows = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

/// A message to be written.
#[derive(Clone, Debug)]
pub(super) struct NewMessage {
    pub(super) message: Arc<Message>,
    pub(super) stamp: Hlc,
    pub(super) places: Vec<(Incarnation, Role)>,
}

pub(super) struct Changes<'t> {
    pub(super) tables: Tables<'t>,
    /// The tables hold nothing of what is above.
    newest: Position,
    pub(super) rows: Rows,
    pub(super) marks: Rows,
    pub(super) work: Rows,
    epochs: BTreeMap<Epoch, Stretch>,
    pub(super) messages: BTreeMap<Position, Option<NewMessage>>,
    pub(super) places: BTreeMap<PlaceKey, Option<PlaceValue>>,
    untaken: BTreeMap<PlaceKey, Option<bool>>,
    archives: BTreeMap<u64, Archive>,
    clock: BTreeMap<u64, Span>,
    accounts: BTreeMap<String, Option<u8>>,
    rooms: BTreeMap<String, Option<u8>>,
}

impl<'t> Changes<'t> {
    pub(super) fn new(tables: Tables<'t>, newest: Position) -> Self {
        Self {
            tables,
            newest,
            rows: Rows::new(),
            marks: Rows::new(),
            work: Rows::new(),
            epochs: BTreeMap::new(),
            messages: BTreeMap::new(),
            places: BTreeMap::new(),
            untaken: BTreeMap::new(),
            archives: BTreeMap::new(),
            clock: BTreeMap::new(),
            accounts: BTreeMap::new(),
            rooms: BTreeMap::new(),
        }
    }

    pub(super) fn put_row(&mut self, record: &RecordKey, name: &RowName, cell: &Cell) {
        let rows = if schema::is_mark(name) {
            &mut self.marks
        } else {
            &mut self.rows
        };
        rows.insert(row_key(record, name), Some(schema::to_value(cell)));
    }

    pub(super) fn forget_row(&mut self, record: &RecordKey, name: &RowName) {
        let rows = if schema::is_mark(name) {
            &mut self.marks
        } else {
            &mut self.rows
        };
        rows.insert(row_key(record, name), None);
    }

    pub(super) fn begin_epoch(&mut self, record: &EpochRecord) {
        let record = record.clone();
        self.epochs
            .entry(record.epoch)
            .or_insert(Stretch { record, end: 0 });
    }

    /// An entry is applied.
    pub(super) fn reach(&mut self, position: Position) -> Result<(), StoreError> {
        let epoch = position.epoch();
        if !self.epochs.contains_key(&epoch)
            && let Some(value) = self.tables.epochs.get(to_bytes(&epoch).as_slice())?
        {
            let stretch = schema::from_value(value.value())?;
            self.epochs.insert(epoch, stretch);
        }
        if let Some(stretch) = self.epochs.get_mut(&epoch) {
            stretch.end = position.seq().max(stretch.end);
        }
        Ok(())
    }

    /// The row as it stands.
    pub(super) fn cell(
        &self,
        record: &RecordKey,
        name: &RowName,
    ) -> Result<Option<Cell>, StoreError> {
        let key = row_key(record, name);
        let is_mark = schema::is_mark(name);
        let (fresh, table) = if is_mark {
            (&self.marks, &self.tables.marks)
        } else {
            (&self.rows, &self.tables.rows)
        };
        let cell = match fresh.get(&key) {
            Some(value) => value.as_deref().map(schema::read_cell).transpose()?,
            None => match table.get(key.as_slice())? {
                Some(value) => Some(schema::read_cell(value.value())?),
                None => None,
            },
        };
        Ok(cell)
    }

    /// The names of all rows of a record. It is bounded by its own limits.
    pub(super) fn names(&self, record: &RecordKey) -> Result<Vec<RowName>, StoreError> {
        let prefix = record_prefix(record);
        let end = prefix_end(&prefix);
        let range = prefix.as_slice()..end.as_slice();
        let name = |key: &[u8]| read_name(key.strip_prefix(&prefix[..]).unwrap_or_default());
        let mut names = BTreeSet::new();
        for table in [&self.tables.rows, &self.tables.marks] {
            for row in table.range::<&[u8]>(range.clone())? {
                names.insert(name(row?.0.value())?);
            }
        }
        for rows in [&self.rows, &self.marks] {
            for (key, _) in rows.range(prefix.clone()..end.clone()) {
                names.insert(name(key)?);
            }
        }
        Ok(names.into_iter().collect())
    }

    /// The present incarnation of an account or room, also of one that has ended; all of them where
    /// two branches have made one each.
    pub(super) fn incarnations(
        &self,
        record: &RecordKey,
    ) -> Result<BTreeSet<Incarnation>, StoreError> {
        let name = match record {
            RecordKey::Node | RecordKey::Leaf { .. } => return Ok(BTreeSet::new()),
            RecordKey::Account { .. } => RowName::Account,
            RecordKey::Room { .. } => RowName::Room,
        };
        let Some(cell) = self.cell(record, &name)? else {
            return Ok(BTreeSet::new());
        };
        let beside = cell.beside.iter().map(|write| &write.row);
        let rows = beside.chain([&cell.row]).flatten();
        Ok(rows.filter_map(incarnation_of).collect())
    }

    /// The archive, to be changed; made if it is new and `owner` is known.
    pub(super) fn archive_mut(
        &mut self,
        archive: Incarnation,
        owner: Option<&Owner>,
    ) -> Result<Option<&mut Archive>, StoreError> {
        if !self.archives.contains_key(&archive.0) {
            let known = match self.tables.archives.get(archive.0)? {
                Some(value) => Some(schema::from_value(value.value())?),
                None => owner.map(|owner| Archive::new(owner.clone())),
            };
            match known {
                Some(known) => self.archives.insert(archive.0, known),
                None => return Ok(None),
            };
        }
        Ok(self.archives.get_mut(&archive.0))
    }

    pub(super) fn put_place(
        &mut self,
        archive: Incarnation,
        position: Position,
        place: PlaceValue,
    ) {
        if let Some(sums) = self.archives.get_mut(&archive.0) {
            sums.count = sums.count.saturating_add(place.archived.into());
            sums.bytes = sums.bytes.saturating_add(place.bytes.into());
        }
        self.places
            .insert(place_key(archive, position), Some(place));
    }

    pub(super) fn place(
        &self,
        archive: Incarnation,
        position: Position,
    ) -> Result<Option<PlaceValue>, StoreError> {
        let key = place_key(archive, position);
        if let Some(place) = self.places.get(&key) {
            return Ok(*place);
        }
        let value = self.tables.places.get(&key)?;
        Ok(value.map(|value| PlaceValue::from_bytes(*value.value())))
    }

    /// Takes the message from one archive, and away if no other keeps it.
    pub(super) fn remove_place(
        &mut self,
        archive: Incarnation,
        position: Position,
    ) -> Result<(), StoreError> {
        let Some(place) = self.place(archive, position)? else {
            return Ok(());
        };
        if let Some(sums) = self.archive_mut(archive, None)? {
            sums.count = sums.count.saturating_sub(place.archived.into());
            sums.bytes = sums.bytes.saturating_sub(place.bytes.into());
        }
        let is_fresh = self.is_fresh(position);
        set(
            &mut self.places,
            place_key(archive, position),
            None,
            is_fresh,
        );
        let places = match self.messages.get(&position) {
            Some(Some(message)) => message.places.clone(),
            Some(None) => Vec::new(),
            None => match self.tables.messages.get(&position.to_bytes())? {
                Some(value) => schema::read_places(value.value())?,
                None => Vec::new(),
            },
        };
        for (other, _) in places {
            if self.place(other, position)?.is_some() {
                return Ok(());
            }
        }
        set(&mut self.messages, position, None, is_fresh);
        Ok(())
    }

    pub(super) fn put_message(&mut self, position: Position, message: NewMessage) {
        let stretch = schema::stretch(crate::base::time::Timestamp::from_unix_ms(
            message.stamp.unix_ms(),
        ));
        let span = Span::of(position);
        self.clock
            .entry(stretch)
            .and_modify(|known| *known = known.unite(span))
            .or_insert(span);
        self.messages.insert(position, Some(message));
    }

    pub(super) fn set_untaken(
        &mut self,
        archive: Incarnation,
        position: Position,
        archived: Option<bool>,
    ) {
        let is_fresh = self.is_fresh(position);
        set(
            &mut self.untaken,
            place_key(archive, position),
            archived,
            is_fresh,
        );
    }

    /// What waits for the owner of the archive, and whether it stays in the archive when taken.
    pub(super) fn untaken(
        &self,
        archive: Incarnation,
    ) -> Result<BTreeMap<Position, bool>, StoreError> {
        let (low, high) = (
            place_key(archive, Position::ZERO),
            place_key(archive, Position::MAX),
        );
        let mut found = BTreeMap::new();
        for row in self.tables.untaken.range::<&PlaceKey>(&low..=&high)? {
            let (key, archived) = row?;
            found.insert(place_position(key.value()), archived.value());
        }
        for (key, archived) in self.untaken.range(low..=high) {
            match archived {
                Some(archived) => found.insert(place_position(key), *archived),
                None => found.remove(&place_position(key)),
            };
        }
        Ok(found)
    }

    pub(super) fn list_account(&mut self, name: &str, flags: Option<u8>) {
        self.accounts.insert(name.to_owned(), flags);
    }

    pub(super) fn list_room(&mut self, name: &str, flags: Option<u8>) {
        self.rooms.insert(name.to_owned(), flags);
    }

    pub(super) fn room_is_listed(&self, name: &str) -> Result<bool, StoreError> {
        match self.rooms.get(name) {
            Some(flags) => Ok(flags.is_some()),
            None => Ok(self.tables.rooms.get(name)?.is_some()),
        }
    }

    /// Whether the tables cannot hold anything of this position yet.
    fn is_fresh(&self, position: Position) -> bool {
        position > self.newest.last_sub()
    }

    /// Writes everything, table by table, in the order of the keys.
    pub(super) fn write(mut self) -> Result<(), StoreError> {
        write_rows(&mut self.tables.rows, &self.rows)?;
        write_rows(&mut self.tables.marks, &self.marks)?;
        write_rows(&mut self.tables.work, &self.work)?;
        for (epoch, stretch) in &self.epochs {
            let (key, value) = (to_bytes(epoch), schema::to_value(stretch));
            self.tables
                .epochs
                .insert(key.as_slice(), value.as_slice())?;
        }
        self.write_messages()?;
        self.write_archives()?;
        for (names, table) in [
            (&self.accounts, &mut self.tables.accounts),
            (&self.rooms, &mut self.tables.rooms),
        ] {
            for (name, flags) in names {
                match flags {
                    Some(flags) => table.insert(name.as_str(), flags)?,
                    None => table.remove(name.as_str())?,
                };
            }
        }
        Ok(())
    }

    fn write_messages(&mut self) -> Result<(), StoreError> {
        for (position, message) in &self.messages {
            let key = position.to_bytes();
            match message {
                Some(new) => {
                    let value = schema::message_value(&new.message, new.stamp, &new.places);
                    self.tables.messages.insert(&key, value.as_slice())?
                }
                None => self.tables.messages.remove(&key)?,
            };
        }
        for (key, place) in &self.places {
            match place {
                Some(place) => self.tables.places.insert(key, &place.to_bytes())?,
                None => self.tables.places.remove(key)?,
            };
        }
        for (key, archived) in &self.untaken {
            match archived {
                Some(archived) => self.tables.untaken.insert(key, archived)?,
                None => self.tables.untaken.remove(key)?,
            };
        }
        Ok(())
    }

    fn write_archives(&mut self) -> Result<(), StoreError> {
        for (archive, sums) in &self.archives {
            let value = schema::to_value(sums);
            self.tables.archives.insert(archive, value.as_slice())?;
        }
        for (stretch, span) in &self.clock {
            let known = self.tables.clock.get(stretch)?;
            let known = known.map(|known| Span::from_bytes(known.value()));
            let span = known.map_or(*span, |known| known.unite(*span));
            self.tables.clock.insert(stretch, &span.to_bytes())?;
        }
        Ok(())
    }
}

pub(super) fn incarnation_of(row: &Row) -> Option<Incarnation> {
    match row {
        Row::Account { row } => Some(row.incarnation),
        Row::Room { row } => Some(row.incarnation),
        _ => None,
    }
}

/// Key of the removal of what an archive has cleared.
pub(super) fn work_key_of_archive(archive: Incarnation) -> Vec<u8> {
    let mut key = vec![1];
    key.extend_from_slice(&archive.0.to_be_bytes());
    key
}

/// What was never written needs no removal.
fn set<K: Ord, V>(map: &mut BTreeMap<K, Option<V>>, key: K, value: Option<V>, is_fresh: bool) {
    if value.is_none() && is_fresh {
        map.remove(&key);
    } else {
        map.insert(key, value);
    }
}

fn write_rows(table: &mut BytesTable<'_>, rows: &Rows) -> Result<(), StoreError> {
    for (key, value) in rows {
        match value {
            Some(value) => table.insert(key.as_slice(), value.as_slice())?,
            None => table.remove(key.as_slice())?,
        };
    }
    Ok(())
}
