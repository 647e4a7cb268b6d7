//! redb and files: the tables that index the log.
//!
//! The log is the truth; the tables are what it amounts to, so that a record, a page of an archive or
//! a message is found without reading it. They are written at checkpoints alone: one transaction takes
//! them from the entries up to one mark to those up to the next, and a crash leaves them at either.
//!
//! Reads see the newest checkpoint and block on nothing but the disk. Checkpoints come one at a time.

mod alias;
mod apply;
pub(crate) mod backup;
mod changes;
mod clear;
pub(crate) mod compare;
mod digest;
pub(crate) mod disk;
pub(crate) mod error;
mod files;
mod key;
mod list;
mod load;
mod people;
mod query;
pub(crate) mod retention;
mod retract;
mod schema;
mod search;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::io::Read;
use std::io::Write;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::RwLock;

use redb::Database;
use redb::Durability;
use redb::ReadTransaction;
use redb::ReadableDatabase as _;
use redb::ReadableTable as _;
use redb::WriteTransaction;

use crate::base::ids::Incarnation;
use crate::base::jid::BareJid;
use crate::base::limits::CHECKPOINT_CLEARS_MAX;
use crate::base::limits::CHECKPOINT_LOOKS;
use crate::base::limits::FRESH_TABLES_BYTES_MAX;
use crate::base::time::Timestamp;
use crate::effect::query::Found;
use crate::effect::query::Horizon;
use crate::effect::query::Kept;
use crate::effect::query::Question;
use crate::model::copies::Copies;
use crate::model::entry::Entry;
use crate::model::entry::EpochRecord;
use crate::model::epochs::Epochs;
use crate::model::position::Hlc;
use crate::model::position::Index;
use crate::model::position::Position;
use crate::model::record::Record;
use crate::model::row::RecordKey;
use crate::model::vector::Vector;
use crate::store::apply::Apply;
use crate::store::backup::BackupError;
use crate::store::changes::Changes;
use crate::store::changes::Tables;
use crate::store::disk::Disk;
use crate::store::disk::DiskError;
use crate::store::disk::DiskFile;
use crate::store::disk::head::HEAD_NAME;
use crate::store::disk::tables::TableFile;
use crate::store::disk::tables::put_head_back;
pub(crate) use crate::store::error::StoreError;
pub(crate) use crate::store::files::Files;
pub(crate) use crate::store::retention::Expired;
pub(crate) use crate::store::retention::RetentionLimits;
pub(crate) use crate::store::schema::FORMAT;
use crate::store::schema::Meta;
use crate::store::schema::Stretch;

/// The file of the tables.
const FILE_NAME: &str = "tables";

/// The tables. Shared between threads.
#[derive(Debug)]
pub(crate) struct Store {
    disk: Arc<dyn Disk>,
    cache_bytes: usize,
    /// Rows that a checkpoint removes at most.
    clears_max: usize,
    /// Exchanged when a full disk has made the one before unusable.
    database: RwLock<Database>,
    book: Mutex<Book>,
}

/// What the writer remembers between checkpoints.
#[derive(Debug, Default)]
struct Book {
    epochs: Epochs,
    /// How far entries are applied.
    reach: Vector,
    /// Where the search for old streams goes on.
    looked_to: Vec<u8>,
}

impl Store {
    /// Opens the tables on the disk, or makes them. `cache_bytes`: memory for pages.
    pub(crate) fn open(disk: Arc<dyn Disk>, cache_bytes: usize) -> Result<Self, StoreError> {
        let opening = |error: StoreError| error.during("opening the tables");
        let database = open_database(&disk, cache_bytes).map_err(opening)?;
        let mut store = Self {
            disk,
            cache_bytes,
            clears_max: CHECKPOINT_CLEARS_MAX,
            database: RwLock::new(database),
            book: Mutex::new(Book::default()),
        };
        let (epochs, reach) = (store.tree()?, store.reach()?);
        if let Ok(book) = store.book.get_mut() {
            book.epochs = epochs;
            book.reach = reach;
        }
        Ok(store)
    }

    /// Opens the tables of a board that takes a copy. Damaged ones it throws away and begins empty: they are of
    /// no use before the copy is whole, and then they hold what the other board has. `tell`: why.
    pub(crate) fn open_for_copy(
        disk: Arc<dyn Disk>,
        cache_bytes: usize,
        tell: impl FnOnce(StoreError),
    ) -> Result<Self, StoreError> {
        match Self::open(Arc::clone(&disk), cache_bytes) {
            Err(error @ StoreError::Corrupt { .. }) => {
                tell(error);
                disk.remove(FILE_NAME)?;
                disk.sync_names()?;
                Self::open(disk, cache_bytes)
            }
            opened => opened,
        }
    }

    /// Applies entries, in the order of the log, and remembers that everything at or below `upto` is
    /// here. Entries that were applied before are left out.
    pub(crate) fn checkpoint(
        &self,
        entries: &[(Index, Arc<Entry>)],
        epochs: &[EpochRecord],
        upto: Index,
    ) -> Result<(), StoreError> {
        let mut book = self.book.lock().unwrap_or_else(PoisonError::into_inner);
        let result = self.write_checkpoint(&mut book, entries, epochs, upto);
        if result == Err(StoreError::Full) {
            // redb is of no use after any error of the disk; what is in the file is whole.
            self.reopen()?;
        }
        result.map_err(|error| error.during("writing a checkpoint"))
    }

    fn write_checkpoint(
        &self,
        book: &mut Book,
        entries: &[(Index, Arc<Entry>)],
        epochs: &[EpochRecord],
        upto: Index,
    ) -> Result<(), StoreError> {
        let database = self.database.read().unwrap_or_else(PoisonError::into_inner);
        let transaction = begin_write(&database)?;
        let tables = Tables::open(&transaction)?;
        let mut meta = read_meta(&tables.meta)?;
        let mut changes = Changes::new(tables, meta.newest);
        let mut known = Cow::Borrowed(&book.epochs);
        for record in epochs
            .iter()
            .filter(|record| !book.epochs.knows(record.epoch))
        {
            known.to_mut().add(record);
            changes.begin_epoch(record);
        }
        // Where archives are full, each message that comes in pushes others out.
        let clears_max = self
            .clears_max
            .saturating_add(entries.len().saturating_mul(4));
        clear::clear(&mut changes, clears_max)?;
        let now = Timestamp::from_unix_ms(meta.stamp.unix_ms());
        let looks = CHECKPOINT_LOOKS.saturating_add(entries.len());
        let looked_to = clear::drop_old_streams(&mut changes, &book.looked_to, now, looks)?;
        clear::drop_old_journal(&mut changes, now)?;
        let mut apply = Apply::new(&mut changes, &known, &book.reach);
        for (index, entry) in entries {
            if *index > meta.applied_to {
                apply.apply(entry)?;
                meta.newest = meta.newest.max(entry.position);
                meta.stamp = meta.stamp.max(entry.stamp);
            }
        }
        let fresh = apply.into_fresh();
        meta.applied_to = meta.applied_to.max(upto);
        changes.tables.meta.insert(0, meta.to_value().as_slice())?;
        changes.write()?;
        transaction.commit()?;
        let known = match known {
            Cow::Owned(known) => Some(known),
            Cow::Borrowed(_) => None,
        };
        if let Some(known) = known {
            book.epochs = known;
        }
        for end in fresh.iter() {
            book.reach.add(end);
        }
        book.looked_to = looked_to;
        Ok(())
    }

    /// The tables hold everything at or below.
    pub(crate) fn applied_to(&self) -> Result<Index, StoreError> {
        self.read("reading how far the tables go", |snapshot| {
            let table = snapshot.open_table(schema::META)?;
            Ok(read_meta(&table)?.applied_to)
        })
    }

    /// The newest stamp of what the tables hold: a clock that is behind it is wrong.
    pub(crate) fn stamp(&self) -> Result<Hlc, StoreError> {
        self.read("reading when the tables were written", |snapshot| {
            let table = snapshot.open_table(schema::META)?;
            Ok(read_meta(&table)?.stamp)
        })
    }

    /// All epochs that the tables know, in their order.
    pub(crate) fn epochs(&self) -> Result<Vec<EpochRecord>, StoreError> {
        self.read("reading the epochs", |snapshot| {
            let stretches = stretches(snapshot)?.into_iter();
            Ok(stretches.map(|stretch| stretch.record).collect())
        })
    }

    /// How far the entries of each epoch are applied.
    pub(crate) fn reach(&self) -> Result<Vector, StoreError> {
        self.read("reading how far the epochs go", |snapshot| {
            let mut reach = Vector::default();
            for Stretch { record, end } in stretches(snapshot)? {
                reach.add(Position::new(record.epoch, end, 0));
            }
            Ok(reach)
        })
    }

    /// All rooms that exist, with whether they persist.
    pub(crate) fn rooms(&self) -> Result<BTreeMap<BareJid, bool>, StoreError> {
        self.read("listing the rooms", list::rooms)
    }

    /// The accounts that may administer the server.
    pub(crate) fn admins(&self) -> Result<BTreeSet<BareJid>, StoreError> {
        self.read("listing the administrators", list::admins)
    }

    /// A record with all its rows. Takes time in proportion to their number.
    pub(crate) fn load(&self, key: &RecordKey) -> Result<Record, StoreError> {
        self.read("loading a record", |snapshot| load::load(snapshot, key))
    }

    /// Kept messages by position; what is not there is left out. It ends with the one whose payload makes the
    /// sum reach `bytes_max`.
    pub(crate) fn fetch(
        &self,
        positions: &[Position],
        bytes_max: usize,
    ) -> Result<Vec<Kept>, StoreError> {
        self.read("reading messages", |snapshot| {
            load::fetch(snapshot, positions, bytes_max)
        })
    }

    /// The messages that another branch of the log may have as well.
    pub(crate) fn copies(&self) -> Result<Copies, StoreError> {
        let epochs = self.tree()?;
        let reach = self.reach()?;
        self.read("looking for what may be copies", |snapshot| {
            alias::read_copies(snapshot, &epochs, &reach)
        })
    }

    /// What is asked, and up to where the tables know. See `query` for the time that it takes.
    pub(crate) fn ask(
        &self,
        question: &Question,
        horizon: &Horizon,
    ) -> Result<(Found, Index), StoreError> {
        self.read("answering a query", |snapshot| {
            let found = query::ask(snapshot, question, horizon)?;
            let upto = read_meta(&snapshot.open_table(schema::META)?)?.applied_to;
            Ok((found, upto))
        })
    }

    /// A hash over everything that holds, as of the newest checkpoint: equal tables of two nodes, however
    /// they came to be and whatever of them is removed already, have equal digests.
    pub(crate) fn digest(&self) -> Result<[u8; 32], StoreError> {
        self.read("summing the tables", digest::digest)
    }

    /// Writes everything as of the newest checkpoint; `tell(done, total)` in rows.
    pub(crate) fn backup(
        &self,
        file: &mut dyn Write,
        tell: &mut dyn FnMut(u64, u64),
    ) -> Result<(), BackupError> {
        let database = self.database.read().unwrap_or_else(PoisonError::into_inner);
        let snapshot = database.begin_read().map_err(StoreError::from)?;
        backup::write(&snapshot, file, tell)
    }

    /// Fills tables that are empty from a backup that was checked.
    pub(crate) fn restore(
        &self,
        file: &mut dyn Read,
        tell: &mut dyn FnMut(u64),
    ) -> Result<(), BackupError> {
        let database = self.database.read().unwrap_or_else(PoisonError::into_inner);
        backup::restore(&database, file, tell)
    }

    /// Up to where nothing of another branch can be missing here: see [`RetentionLimits`].
    pub(crate) fn known_to_both(&self) -> Option<Position> {
        let book = self.book.lock().unwrap_or_else(PoisonError::into_inner);
        book.epochs.known_to_both()
    }

    fn tree(&self) -> Result<Epochs, StoreError> {
        let mut epochs = Epochs::default();
        for record in self.epochs()? {
            epochs.add(&record);
        }
        Ok(epochs)
    }

    /// What archives have too much of: ops to be numbered. `from`: zero, then where the look before
    /// has ended.
    pub(crate) fn find_expired(
        &self,
        limits: &RetentionLimits,
        now: Timestamp,
        from: Incarnation,
    ) -> Result<Expired, StoreError> {
        self.read("looking for what has expired", |snapshot| {
            retention::find_expired(snapshot, limits, now, from)
        })
    }

    /// The files of a number of accounts, those behind `after`.
    pub(crate) fn files(&self, after: Option<&BareJid>) -> Result<Files, StoreError> {
        self.read("listing the files", |snapshot| files::find(snapshot, after))
    }

    fn read<T>(
        &self,
        doing: &'static str,
        read: impl Fn(&ReadTransaction) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let attempt = || {
            let database = self.database.read().unwrap_or_else(PoisonError::into_inner);
            read(&database.begin_read()?)
        };
        match attempt() {
            // The disk was full while this was read: the tables are open again.
            Err(StoreError::Poisoned) => attempt(),
            result => result,
        }
        .map_err(|error| error.during(doing))
    }

    fn reopen(&self) -> Result<(), StoreError> {
        let mut database = self
            .database
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        *database = open_database(&self.disk, self.cache_bytes)?;
        Ok(())
    }
}

/// Tables that are gone with the process.
#[cfg(test)]
pub(crate) fn memory(cache_bytes: usize) -> Result<Store, StoreError> {
    Store::open(Arc::new(disk::memory::Memory::default()), cache_bytes)
}

/// Opens the tables; where the power went while their head was written, with the one before.
fn open_database(disk: &Arc<dyn Disk>, cache_bytes: usize) -> Result<Database, StoreError> {
    match open_file(disk, cache_bytes) {
        Err(StoreError::Corrupt { .. }) if put_head_back(disk.as_ref(), FILE_NAME)? => {
            let mut database = open_file(disk, cache_bytes)?;
            // A program that keeps no heads may have gone on with the tables since.
            database.check_integrity()?;
            Ok(database)
        }
        opened => opened,
    }
}

fn open_file(disk: &Arc<dyn Disk>, cache_bytes: usize) -> Result<Database, StoreError> {
    let file = match disk.open(FILE_NAME) {
        Err(DiskError::NotFound { .. }) => create_file(disk)?,
        Ok(file) if is_unfinished(file.as_ref())? => create_file(disk)?,
        file => file?,
    };
    let database = Database::builder()
        .set_cache_size(cache_bytes)
        .create_with_backend(TableFile::open(disk.as_ref(), file)?)?;
    let is_new = match database.begin_read()?.open_table(schema::META) {
        Ok(table) => {
            read_meta(&table)?;
            false
        }
        Err(redb::TableError::TableDoesNotExist(_)) => true,
        Err(error) => return Err(error.into()),
    };
    if is_new {
        let transaction = begin_write(&database)?;
        let mut tables = Tables::open(&transaction)?;
        let value = Meta::default().to_value();
        tables.meta.insert(0, value.as_slice())?;
        drop(tables);
        transaction.commit()?;
    }
    Ok(database)
}

fn create_file(disk: &Arc<dyn Disk>) -> Result<Arc<dyn DiskFile>, StoreError> {
    // That of others.
    disk.remove(HEAD_NAME)?;
    disk.sync_names()?;
    let file = disk.create(FILE_NAME)?;
    disk.sync_names()?;
    Ok(file)
}

/// Whether a crash cut off the making of the file, which redb would refuse to open for ever. It
/// writes its mark when all else is in place, and nothing but its header before.
fn is_unfinished(file: &dyn DiskFile) -> Result<bool, StoreError> {
    const MARK: &[u8] = b"redb\x1a\x0a\xa9\x0d\x0a";
    const HEADER_BYTES: usize = 4_096;
    let bytes = file.bytes()?;
    if !(1..=FRESH_TABLES_BYTES_MAX).contains(&bytes) {
        return Ok(false);
    }
    let bytes = usize::try_from(bytes).unwrap_or(0);
    let mut head = [0; MARK.len()];
    if bytes >= head.len() {
        file.read_at(0, &mut head)?;
    }
    let is_torn = |(mark, byte): (&u8, u8)| byte == 0 || byte == *mark;
    if head == *MARK || !MARK.iter().zip(head).all(is_torn) {
        return Ok(false);
    }
    let mut rest = vec![0; bytes.saturating_sub(HEADER_BYTES)];
    file.read_at(
        u64::try_from(HEADER_BYTES.min(bytes)).unwrap_or(0),
        &mut rest,
    )?;
    Ok(rest.iter().all(|byte| *byte == 0))
}

/// A transaction that is durable when it is committed, and leaves a file that opens at once.
fn begin_write(database: &Database) -> Result<WriteTransaction, StoreError> {
    let mut transaction = database.begin_write()?;
    transaction.set_durability(Durability::Immediate)?;
    transaction.set_quick_repair(true);
    Ok(transaction)
}

fn stretches(snapshot: &ReadTransaction) -> Result<Vec<Stretch>, StoreError> {
    let mut stretches = Vec::new();
    for row in snapshot.open_table(schema::EPOCHS)?.iter()? {
        stretches.push(schema::from_value(row?.1.value())?);
    }
    Ok(stretches)
}

fn read_meta(table: &impl redb::ReadableTable<u8, &'static [u8]>) -> Result<Meta, StoreError> {
    match table.get(0)? {
        Some(value) => Meta::from_value(value.value()),
        None => Err(StoreError::Corrupt { place: "meta" }),
    }
}
