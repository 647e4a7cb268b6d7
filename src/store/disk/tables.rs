//! A file of any disk as the storage of redb.
//!
//! redb asks for locks as well; it goes without, because the folder as a whole is locked.

use std::io;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use redb::StorageBackend;

use crate::store::disk::Disk;
use crate::store::disk::DiskError;
use crate::store::disk::DiskFile;
use crate::store::disk::head::Copies;
use crate::store::disk::head::HEAD_BYTES;
use crate::store::disk::head::Head;

/// Hands what redb wants to a [`DiskFile`].
#[derive(Debug)]
pub(crate) struct TableFile {
    file: Arc<dyn DiskFile>,
    head: Mutex<Heads>,
}

/// The head as the process sees it, and as it was kept.
#[derive(Debug)]
struct Heads {
    seen: Head,
    kept: Copies,
}

impl TableFile {
    pub(crate) fn open(disk: &dyn Disk, file: Arc<dyn DiskFile>) -> Result<Self, DiskError> {
        let head = Heads {
            seen: read_head(file.as_ref())?,
            kept: Copies::open(disk)?,
        };
        Ok(Self {
            file,
            head: Mutex::new(head),
        })
    }

    fn head(&self) -> MutexGuard<'_, Heads> {
        self.head.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Puts the head back that was kept last; `false`: that is what is there, or none is kept.
pub(crate) fn put_head_back(disk: &dyn Disk, name: &str) -> Result<bool, DiskError> {
    let (file, kept) = (disk.open(name)?, Copies::open(disk)?);
    let Some(head) = kept.newest() else {
        return Ok(false);
    };
    if *head == read_head(file.as_ref())? {
        return Ok(false);
    }
    file.write_at(0, head)?;
    file.sync_data()?;
    Ok(true)
}

fn read_head(file: &dyn DiskFile) -> Result<Head, DiskError> {
    let mut head = [0; HEAD_BYTES];
    let bytes = usize::try_from(file.bytes()?).unwrap_or(HEAD_BYTES);
    if let Some(there) = head.get_mut(..bytes.min(HEAD_BYTES)) {
        file.read_at(0, there)?;
    }
    Ok(head)
}

impl StorageBackend for TableFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.file.bytes()?)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        Ok(self.file.read_at(offset, out)?)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        Ok(self.file.set_bytes(len)?)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.file.sync_data()?;
        let mut head = self.head();
        let seen = head.seen;
        Ok(head.kept.save(&seen)?)
    }

    fn write(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.file.write_at(offset, bytes)?;
        let from = usize::try_from(offset).unwrap_or(usize::MAX);
        let mut head = self.head();
        let written = head.seen.iter_mut().skip(from).zip(bytes);
        written.for_each(|(seen, byte)| *seen = *byte);
        Ok(())
    }
}
