//! The tables of two boards compared range by range, so that only what differs has to travel.
//!
//! The one that gives reads all its tables from one snapshot, a [`Piece`] at a time: some rows, and where in the
//! order of the keys they end. The one that takes hashes what it has between the same two keys, and replaces
//! that where the hashes differ. What is equal is read on both sides and travels nowhere; a copy that was
//! cut off goes on where it was, because what has come is equal.
//!
//! The tables of the one that takes are of no use until the last piece is there: `meta` is the last table.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::ops::Bound;
use std::sync::Arc;
use std::sync::PoisonError;

use redb::Key;
use redb::ReadTransaction;
use redb::ReadableDatabase as _;
use redb::ReadableTableMetadata as _;
use redb::TableDefinition;
use redb::Value;
use redb::WriteTransaction;
use ring::digest;

use crate::base::mirror_limits::COPY_RANGE_BYTES;
use crate::base::mirror_limits::COPY_RANGE_ROWS;
use crate::model::codec::coded;
use crate::store::Store;
use crate::store::backup::each_table;
use crate::store::begin_write;
use crate::store::error::StoreError;
use crate::store::schema;

/// What came from the other board cannot be rows of these tables.
const UNREADABLE: StoreError = StoreError::Corrupt {
    place: "a piece of a copy",
};

/// The number of the last table.
const LAST: u8 = 12;

/// Rows of one table: above the end of the range before, up to `upto`; `None`: to the end of the table.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Range {
    pub(crate) table: u8,
    pub(crate) upto: Option<Arc<[u8]>>,
    pub(crate) sum: [u8; 32],
}

coded!(struct Range { table, upto, sum });

/// A range as the one that gives has it: each row as key and value, each with its length before it.
#[derive(Debug)]
pub(crate) struct Piece {
    pub(crate) range: Range,
    pub(crate) rows: Vec<u8>,
    pub(crate) count: u64,
}

impl Piece {
    pub(crate) fn bytes(&self) -> u64 {
        u64::try_from(self.rows.len()).unwrap_or(u64::MAX)
    }
}

/// A reader of everything, in pieces, from one snapshot.
pub(crate) struct Walk {
    snapshot: ReadTransaction,
    place: Place,
    pub(crate) rows: u64,
}

/// Where a walk is: what comes next is above `after` in `table`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Place {
    table: u8,
    after: Option<Arc<[u8]>>,
}

/// A range with both its ends.
#[derive(Clone, Debug)]
pub(crate) struct Span {
    after: Option<Arc<[u8]>>,
    range: Range,
}

impl Place {
    /// Every table is through.
    pub(crate) fn is_end(&self) -> bool {
        self.table > LAST
    }

    /// The range that comes next: there is no gap, and nothing twice.
    pub(crate) fn pass(&mut self, range: Range) -> Result<Span, StoreError> {
        let table = self.table.max(1);
        if range.table != table || table > LAST {
            return Err(UNREADABLE);
        }
        let after = self.after.take();
        match &range.upto {
            Some(upto) => {
                self.table = table;
                self.after = Some(Arc::clone(upto));
            }
            None => self.table = table.saturating_add(1),
        }
        Ok(Span { after, range })
    }
}

impl Walk {
    /// `None`: that was all.
    pub(crate) fn next(&mut self) -> Result<Option<Piece>, StoreError> {
        if self.place.is_end() {
            return Ok(None);
        }
        let number = self.place.table.max(1);
        let after = self.place.after.as_deref();
        let mut rows = Rows::default();
        macro_rules! read {
            ($number:literal, $table:path) => {
                if number == $number {
                    read_range(&self.snapshot, $table, (after, None), &mut |key, value| {
                        rows.push(key, value);
                        rows.count < COPY_RANGE_ROWS && rows.bytes.len() < COPY_RANGE_BYTES
                    })?;
                }
            };
        }
        each_table!(read);
        let is_cut = rows.count >= COPY_RANGE_ROWS || rows.bytes.len() >= COPY_RANGE_BYTES;
        let range = Range {
            table: number,
            upto: is_cut.then(|| rows.last.into()),
            sum: sum(&rows.bytes),
        };
        self.place.pass(range.clone())?;
        Ok(Some(Piece {
            range,
            rows: rows.bytes,
            count: rows.count,
        }))
    }
}

#[derive(Default)]
struct Rows {
    bytes: Vec<u8>,
    count: u64,
    last: Vec<u8>,
}

impl Rows {
    fn push(&mut self, key: &[u8], value: &[u8]) {
        push_field(key, &mut |bytes| self.bytes.extend_from_slice(bytes));
        push_field(value, &mut |bytes| self.bytes.extend_from_slice(bytes));
        self.count += 1;
        key.clone_into(&mut self.last);
    }
}

fn push_field(bytes: &[u8], put: &mut dyn FnMut(&[u8])) {
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    put(&length.to_be_bytes());
    put(bytes);
}

fn sum(bytes: &[u8]) -> [u8; 32] {
    let sum = digest::digest(&digest::SHA256, bytes);
    sum.as_ref().try_into().unwrap_or_default()
}

/// Both ends of a range: the first is above it, the second in it.
type Ends<'a> = (Option<&'a [u8]>, Option<&'a [u8]>);

/// Gives rows in the order of their keys until `take` wants no more.
fn read_range<K: Key + 'static, V: Value + 'static>(
    snapshot: &ReadTransaction,
    table: TableDefinition<'static, K, V>,
    ends: Ends<'_>,
    take: &mut dyn FnMut(&[u8], &[u8]) -> bool,
) -> Result<(), StoreError> {
    let table = match snapshot.open_table(table) {
        Ok(table) => table,
        Err(redb::TableError::TableDoesNotExist(_)) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    for row in table.range::<K::SelfType<'_>>(bounds::<K>(ends))? {
        let (key, value) = row?;
        let (key, value) = (key.value(), value.value());
        if !take(K::as_bytes(&key).as_ref(), V::as_bytes(&value).as_ref()) {
            break;
        }
    }
    Ok(())
}

fn bounds<K: Key>((after, upto): Ends<'_>) -> (Bound<K::SelfType<'_>>, Bound<K::SelfType<'_>>) {
    (
        after.map_or(Bound::Unbounded, |key| Bound::Excluded(K::from_bytes(key))),
        upto.map_or(Bound::Unbounded, |key| Bound::Included(K::from_bytes(key))),
    )
}

/// Whether bytes can be a key, or a value, of this table: the tables believe them.
fn is_fit<T: Value>(number: u8, is_key: bool, bytes: &[u8]) -> bool {
    let is_wide = T::fixed_width().is_none_or(|width| width == bytes.len());
    is_wide
        && match (number, is_key) {
            (8 | 9, true) => std::str::from_utf8(bytes).is_ok(),
            (5, false) => bytes.iter().all(|byte| *byte <= 1),
            _ => true,
        }
}

impl Store {
    /// Reads everything as of the newest checkpoint.
    pub(crate) fn walk(&self) -> Result<Walk, StoreError> {
        let database = self.database.read().unwrap_or_else(PoisonError::into_inner);
        let snapshot = database.begin_read()?;
        let mut total = 0_u64;
        macro_rules! count {
            ($number:literal, $table:path) => {
                let table = snapshot.open_table($table);
                let rows = table.and_then(|table| Ok(table.len()?)).unwrap_or(0);
                total = total.saturating_add(rows);
            };
        }
        each_table!(count);
        Ok(Walk {
            snapshot,
            place: Place::default(),
            rows: total,
        })
    }

    /// Which of these are not the same here.
    pub(crate) fn differing(&self, spans: &[Span]) -> Result<Vec<bool>, StoreError> {
        let database = self.database.read().unwrap_or_else(PoisonError::into_inner);
        let snapshot = database.begin_read()?;
        let mut differ = Vec::new();
        for span in spans {
            let mut sum = digest::Context::new(&digest::SHA256);
            let number = span.range.table;
            macro_rules! add {
                ($number:literal, $table:path) => {
                    if number == $number {
                        sum_table(&snapshot, (number, $table), span, &mut sum)?;
                    }
                };
            }
            each_table!(add);
            differ.push(sum.finish().as_ref() != span.range.sum);
        }
        Ok(differ)
    }

    /// Replaces what is here in each span by these rows; durable when it returns. Gives how many rows are
    /// written.
    pub(crate) fn replace(&self, spans: &[(Span, Vec<u8>)]) -> Result<u64, StoreError> {
        let database = self.database.read().unwrap_or_else(PoisonError::into_inner);
        let transaction = begin_write(&database)?;
        let mut written = 0;
        for (span, rows) in spans {
            if sum(rows) != span.range.sum {
                return Err(UNREADABLE);
            }
            let number = span.range.table;
            macro_rules! put {
                ($number:literal, $table:path) => {
                    if number == $number {
                        written += replace_rows(&transaction, (number, $table), span, rows)?;
                    }
                };
            }
            each_table!(put);
        }
        transaction.commit()?;
        Ok(written)
    }
}

impl Span {
    fn ends(&self) -> Ends<'_> {
        (self.after.as_deref(), self.range.upto.as_deref())
    }

    /// The ends are keys of the table.
    fn check<K: Key>(&self, number: u8) -> Result<(), StoreError> {
        let (after, upto) = self.ends();
        let is_fit = after.is_none_or(|key| is_fit::<K>(number, true, key))
            && upto.is_none_or(|key| is_fit::<K>(number, true, key));
        let is_forward = match (after, upto) {
            (Some(after), Some(upto)) if is_fit => K::compare(after, upto).is_lt(),
            _ => true,
        };
        (is_fit && is_forward).then_some(()).ok_or(UNREADABLE)
    }

    fn holds<K: Key>(&self, key: &[u8]) -> bool {
        let (after, upto) = self.ends();
        after.is_none_or(|after| K::compare(after, key).is_lt())
            && upto.is_none_or(|upto| K::compare(key, upto).is_le())
    }
}

fn sum_table<K: Key + 'static, V: Value + 'static>(
    snapshot: &ReadTransaction,
    (number, table): (u8, TableDefinition<'static, K, V>),
    span: &Span,
    sum: &mut digest::Context,
) -> Result<(), StoreError> {
    span.check::<K>(number)?;
    read_range(snapshot, table, span.ends(), &mut |key, value| {
        push_field(key, &mut |bytes| sum.update(bytes));
        push_field(value, &mut |bytes| sum.update(bytes));
        true
    })
}

fn replace_rows<K: Key + 'static, V: Value + 'static>(
    transaction: &WriteTransaction,
    (number, table): (u8, TableDefinition<'static, K, V>),
    span: &Span,
    rows: &[u8],
) -> Result<u64, StoreError> {
    span.check::<K>(number)?;
    let fresh = read_rows(rows)?;
    for (key, value) in &fresh {
        let is_row = is_fit::<K>(number, true, key) && is_fit::<V>(number, false, value);
        if !is_row || !span.holds::<K>(key) {
            return Err(UNREADABLE);
        }
    }
    let mut table = transaction.open_table(table)?;
    let ends = bounds::<K>(span.ends());
    let mut same = BTreeSet::new();
    table.retain_in::<K::SelfType<'_>, _>(ends, |key, value| {
        let key = K::as_bytes(&key);
        let is_same = fresh.get(key.as_ref()) == Some(&V::as_bytes(&value).as_ref());
        if is_same {
            same.insert(key.as_ref().to_vec());
        }
        is_same
    })?;
    let mut written = 0;
    for (key, value) in fresh.iter().filter(|(key, _)| !same.contains(**key)) {
        table.insert(K::from_bytes(key), V::from_bytes(value))?;
        written += 1;
    }
    Ok(written)
}

fn read_rows(mut bytes: &[u8]) -> Result<BTreeMap<&[u8], &[u8]>, StoreError> {
    let mut rows = BTreeMap::new();
    while !bytes.is_empty() {
        let key = read_field(&mut bytes)?;
        let value = read_field(&mut bytes)?;
        if rows.insert(key, value).is_some() {
            return Err(UNREADABLE);
        }
    }
    Ok(rows)
}

fn read_field<'a>(bytes: &mut &'a [u8]) -> Result<&'a [u8], StoreError> {
    let (length, rest) = bytes.split_first_chunk::<4>().ok_or(UNREADABLE)?;
    let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
    let (field, rest) = rest.split_at_checked(length).ok_or(UNREADABLE)?;
    *bytes = rest;
    Ok(field)
}
