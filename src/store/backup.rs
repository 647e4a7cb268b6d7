//! All tables in one file and back: consistent, checksummed, readable by this version and the next.
//!
//! `magic | rows | end mark | SHA-256 of everything before`. A row is the number of its table, its
//! key and its value, each with its length. A backup is read from one snapshot, so the server goes on
//! meanwhile; a restore checks the sum of the whole file before it writes anything.

use std::io;
use std::io::Read;
use std::io::Write;

use redb::Database;
use redb::Key;
use redb::ReadTransaction;
use redb::ReadableTable as _;
use redb::ReadableTableMetadata as _;
use redb::TableDefinition;
use redb::Value;
use redb::WriteTransaction;
use ring::digest;

use crate::store::begin_write;
use crate::store::error::StoreError;
use crate::store::schema;

const MAGIC: &[u8] = b"meerkat backup 1\n";
const END: u8 = 0xff;
const SUM_BYTES: usize = 32;

/// Rows written to the tables in one transaction.
const ROWS_PER_TRANSACTION: usize = 20_000;

/// Longest key or value that is believed: two of the longest records of the log.
const FIELD_BYTES_MAX: usize = 1 << 20;

/// Why there is no backup, or no restore.
#[derive(Debug)]
pub(crate) enum BackupError {
    Store(StoreError),
    File(io::Error),
    /// Not written by `meerkat backup`, or by another version.
    NotABackup,
    /// It ends early, or a byte of it is not what was written.
    Damaged,
}

impl std::fmt::Display for BackupError {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Store(error) => error.fmt(out),
            Self::File(error) => error.fmt(out),
            Self::NotABackup => out.write_str("is no backup that this version knows"),
            Self::Damaged => out.write_str("is damaged or incomplete; use another backup"),
        }
    }
}

impl From<StoreError> for BackupError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<io::Error> for BackupError {
    fn from(error: io::Error) -> Self {
        Self::File(error)
    }
}

/// Does `$visit!(number, table)` for every table; `meta` last, so that what is cut off is not taken
/// for whole.
macro_rules! each_table {
    ($visit:ident) => {
        $visit!(1, schema::ROWS);
        $visit!(2, schema::MARKS);
        $visit!(3, schema::MESSAGES);
        $visit!(4, schema::PLACES);
        $visit!(5, schema::UNTAKEN);
        $visit!(6, schema::ARCHIVES);
        $visit!(7, schema::CLOCK);
        $visit!(8, schema::ACCOUNTS);
        $visit!(9, schema::ROOMS);
        $visit!(10, schema::EPOCHS);
        $visit!(11, schema::WORK);
        $visit!(12, schema::META);
    };
}

pub(super) use each_table;

/// Writes everything that `snapshot` shows; `tell(done, total)` in rows.
pub(super) fn write(
    snapshot: &ReadTransaction,
    file: &mut dyn Write,
    tell: &mut dyn FnMut(u64, u64),
) -> Result<(), BackupError> {
    let mut total = 0_u64;
    macro_rules! count {
        ($number:literal, $table:path) => {
            total = total.saturating_add(
                snapshot
                    .open_table($table)
                    .and_then(|table| Ok(table.len()?))
                    .unwrap_or(0),
            );
        };
    }
    each_table!(count);
    let mut out = Summed {
        file,
        sum: digest::Context::new(&digest::SHA256),
    };
    out.put(MAGIC)?;
    let mut done = 0;
    macro_rules! dump {
        ($number:literal, $table:path) => {
            dump_table(snapshot, ($number, $table), &mut out, &mut |rows| {
                done += rows;
                tell(done, total);
            })?;
        };
    }
    each_table!(dump);
    out.put(&[END])?;
    let Summed { file, sum } = out;
    file.write_all(sum.finish().as_ref())?;
    Ok(())
}

fn dump_table<K: Key + 'static, V: Value + 'static>(
    snapshot: &ReadTransaction,
    (number, table): (u8, TableDefinition<'static, K, V>),
    out: &mut Summed<'_>,
    tell: &mut dyn FnMut(u64),
) -> Result<(), BackupError> {
    let table = match snapshot.open_table(table) {
        Ok(table) => table,
        Err(redb::TableError::TableDoesNotExist(_)) => return Ok(()),
        Err(error) => return Err(StoreError::from(error).into()),
    };
    let mut rows = 0_u64;
    for row in table.iter().map_err(StoreError::from)? {
        let (key, value) = row.map_err(StoreError::from)?;
        out.put(&[number])?;
        out.put_field(K::as_bytes(&key.value()).as_ref())?;
        out.put_field(V::as_bytes(&value.value()).as_ref())?;
        rows += 1;
        if rows.is_multiple_of(1_000) {
            tell(1_000);
        }
    }
    tell(rows % 1_000);
    Ok(())
}

/// A file whose bytes are summed as they are written.
struct Summed<'a> {
    file: &'a mut dyn Write,
    sum: digest::Context,
}

impl Summed<'_> {
    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.sum.update(bytes);
        self.file.write_all(bytes)
    }

    fn put_field(&mut self, bytes: &[u8]) -> io::Result<()> {
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        self.put(&length.to_be_bytes())?;
        self.put(bytes)
    }
}

/// Checks that a file is a whole backup, and counts its rows. Reads it once.
pub(crate) fn check(file: &mut dyn Read) -> Result<u64, BackupError> {
    let mut rows = 0;
    read(file, &mut |_, _, _| {
        rows += 1;
        Ok(())
    })?;
    Ok(rows)
}

/// Puts the rows of a checked file into tables that are empty.
pub(super) fn restore(
    database: &Database,
    file: &mut dyn Read,
    tell: &mut dyn FnMut(u64),
) -> Result<(), BackupError> {
    let mut batch = Vec::new();
    let mut done = 0_u64;
    read(file, &mut |number, key, value| {
        batch.push((number, key.to_vec(), value.to_vec()));
        if batch.len() >= ROWS_PER_TRANSACTION {
            done += u64::try_from(batch.len()).unwrap_or(0);
            fill(database, &batch)?;
            batch.clear();
            tell(done);
        }
        Ok(())
    })?;
    fill(database, &batch)?;
    tell(done + u64::try_from(batch.len()).unwrap_or(0));
    Ok(())
}

type Row = (u8, Vec<u8>, Vec<u8>);

fn fill(database: &Database, rows: &[Row]) -> Result<(), BackupError> {
    let transaction = begin_write(database)?;
    macro_rules! insert {
        ($number:literal, $table:path) => {
            insert_rows(&transaction, ($number, $table), rows)?;
        };
    }
    each_table!(insert);
    transaction.commit().map_err(StoreError::from)?;
    Ok(())
}

fn insert_rows<K: Key + 'static, V: Value + 'static>(
    transaction: &WriteTransaction,
    (number, table): (u8, TableDefinition<'static, K, V>),
    rows: &[Row],
) -> Result<(), StoreError> {
    let mut table = transaction.open_table(table)?;
    for (_, key, value) in rows.iter().filter(|row| row.0 == number) {
        // Bytes of a fixed width were checked when they were written, and summed since.
        let is_fit = K::fixed_width().is_none_or(|width| width == key.len())
            && V::fixed_width().is_none_or(|width| width == value.len());
        if !is_fit {
            return Err(StoreError::Corrupt { place: "backup" });
        }
        table.insert(K::from_bytes(key), V::from_bytes(value))?;
    }
    Ok(())
}

/// What becomes of a row: number of its table, key, value.
type Take<'a> = dyn FnMut(u8, &[u8], &[u8]) -> Result<(), BackupError> + 'a;

/// Gives each row to `take`; an error if the file is not what was written.
fn read(file: &mut dyn Read, take: &mut Take<'_>) -> Result<(), BackupError> {
    let mut sum = digest::Context::new(&digest::SHA256);
    let mut bytes = vec![0; MAGIC.len()];
    fill_from(file, &mut bytes)?;
    if bytes != MAGIC {
        return Err(BackupError::NotABackup);
    }
    sum.update(&bytes);
    loop {
        let mut number = [0];
        fill_from(file, &mut number)?;
        sum.update(&number);
        if number == [END] {
            break;
        }
        let key = read_field(file, &mut sum)?;
        let value = read_field(file, &mut sum)?;
        let [number] = number;
        take(number, &key, &value)?;
    }
    let mut expected = [0; SUM_BYTES];
    fill_from(file, &mut expected)?;
    if sum.finish().as_ref() == expected {
        Ok(())
    } else {
        Err(BackupError::Damaged)
    }
}

fn read_field(file: &mut dyn Read, sum: &mut digest::Context) -> Result<Vec<u8>, BackupError> {
    let mut length = [0; 4];
    fill_from(file, &mut length)?;
    sum.update(&length);
    let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
    if length > FIELD_BYTES_MAX {
        return Err(BackupError::Damaged);
    }
    let mut bytes = vec![0; length];
    fill_from(file, &mut bytes)?;
    sum.update(&bytes);
    Ok(bytes)
}

pub(crate) fn fill_from(file: &mut dyn Read, bytes: &mut [u8]) -> Result<(), BackupError> {
    file.read_exact(bytes).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => BackupError::Damaged,
        _ => BackupError::File(error),
    })
}
