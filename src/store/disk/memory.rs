//! A disk that is gone with the process: for `meerkat dev` and for tests.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use crate::store::disk::Disk;
use crate::store::disk::DiskError;
use crate::store::disk::DiskFile;

/// In the folder where one is left.
const SAVED: &str = "memory";

#[derive(Debug, Default)]
pub(crate) struct Memory {
    files: Mutex<BTreeMap<String, Arc<MemoryFile>>>,
}

impl Memory {
    fn files(&self) -> MutexGuard<'_, BTreeMap<String, Arc<MemoryFile>>> {
        // A map of files is whole after every statement, whatever a panicking thread was doing.
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Into a folder that is not there yet, for [`Memory::load`].
    pub(crate) fn save(&self, folder: &Path) -> io::Result<()> {
        let (folder, files) = (folder.join(SAVED), self.files().clone());
        fs::create_dir(&folder)?;
        for (name, file) in files {
            fs::write(folder.join(name), &*file.contents())?;
        }
        Ok(())
    }

    pub(crate) fn load(folder: &Path) -> io::Result<Self> {
        let mut files = BTreeMap::new();
        for entry in fs::read_dir(folder.join(SAVED))? {
            let entry = entry?;
            let bytes = Mutex::new(fs::read(entry.path())?);
            let name = entry.file_name().to_string_lossy().into_owned();
            files.insert(name, Arc::new(MemoryFile { bytes }));
        }
        Ok(Self {
            files: Mutex::new(files),
        })
    }
}

impl Disk for Memory {
    fn list(&self) -> Result<Vec<(String, u64)>, DiskError> {
        self.files()
            .iter()
            .map(|(name, file)| Ok((name.clone(), file.bytes()?)))
            .collect()
    }

    fn create(&self, name: &str) -> Result<Arc<dyn DiskFile>, DiskError> {
        let file = Arc::new(MemoryFile::default());
        self.files().insert(name.to_owned(), Arc::clone(&file));
        Ok(file)
    }

    fn open(&self, name: &str) -> Result<Arc<dyn DiskFile>, DiskError> {
        match self.files().get(name) {
            Some(file) => Ok(Arc::<MemoryFile>::clone(file)),
            None => Err(DiskError::NotFound {
                name: name.to_owned(),
            }),
        }
    }

    fn remove(&self, name: &str) -> Result<(), DiskError> {
        self.files().remove(name);
        Ok(())
    }

    fn sync_names(&self) -> Result<(), DiskError> {
        Ok(())
    }
}

#[derive(Debug, Default)]
struct MemoryFile {
    bytes: Mutex<Vec<u8>>,
}

impl MemoryFile {
    fn contents(&self) -> MutexGuard<'_, Vec<u8>> {
        self.bytes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The range of a buffer, for offsets that come as numbers of the disk.
pub(crate) fn range(offset: u64, bytes: usize) -> Result<std::ops::Range<usize>, DiskError> {
    let from = usize::try_from(offset).ok();
    let range = from.and_then(|from| Some(from..from.checked_add(bytes)?));
    range.ok_or(DiskError::Failed {
        kind: io::ErrorKind::FileTooLarge,
    })
}

/// Copies a part of `from` out; `UnexpectedEof` beyond its end.
pub(crate) fn copy_out(from: &[u8], offset: u64, to: &mut [u8]) -> Result<(), DiskError> {
    let Some(part) = from.get(range(offset, to.len())?) else {
        return Err(DiskError::Failed {
            kind: io::ErrorKind::UnexpectedEof,
        });
    };
    to.copy_from_slice(part);
    Ok(())
}

/// Copies `from` in and grows `to` where needed.
pub(crate) fn copy_in(to: &mut Vec<u8>, offset: u64, from: &[u8]) -> Result<(), DiskError> {
    let range = range(offset, from.len())?;
    if to.len() < range.end {
        to.resize(range.end, 0);
    }
    if let Some(part) = to.get_mut(range) {
        part.copy_from_slice(from);
    }
    Ok(())
}

impl DiskFile for MemoryFile {
    fn bytes(&self) -> Result<u64, DiskError> {
        Ok(u64::try_from(self.contents().len()).unwrap_or(u64::MAX))
    }

    fn set_bytes(&self, bytes: u64) -> Result<(), DiskError> {
        let bytes = range(bytes, 0)?.end;
        self.contents().resize(bytes, 0);
        Ok(())
    }

    fn read_at(&self, offset: u64, to: &mut [u8]) -> Result<(), DiskError> {
        copy_out(&self.contents(), offset, to)
    }

    fn write_at(&self, offset: u64, from: &[u8]) -> Result<(), DiskError> {
        copy_in(&mut self.contents(), offset, from)
    }

    fn sync_data(&self) -> Result<(), DiskError> {
        Ok(())
    }
}
