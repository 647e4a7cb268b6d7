//! A file of any disk as the storage of redb.
//!
//! redb asks for locks as well; it goes without, because the folder as a whole is locked.

use std::io;
use std::sync::Arc;

use redb::StorageBackend;

use crate::store::disk::DiskFile;

/// Hands what redb wants to a [`DiskFile`].
#[derive(Debug)]
pub(crate) struct TableFile {
    file: Arc<dyn DiskFile>,
}

impl TableFile {
    pub(crate) fn new(file: Arc<dyn DiskFile>) -> Self {
        Self { file }
    }
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
        Ok(self.file.sync_data()?)
    }

    fn write(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        Ok(self.file.write_at(offset, bytes)?)
    }
}
