//! The disk of a server: a folder, locked for one process.

use std::fs;
use std::fs::File;
use std::fs::OpenOptions;
use std::fs::TryLockError;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::os::unix::fs::FileExt as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use crate::store::disk::Disk;
use crate::store::disk::DiskError;
use crate::store::disk::DiskFile;

const LOCK_NAME: &str = "lock";

#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    /// Open as long as the folder is: the lock goes with it, also when the process is killed.
    _lock: File,
}

impl Folder {
    /// Opens the folder, makes it if needed, and locks it.
    pub(crate) fn open(path: &Path) -> Result<Self, DiskError> {
        let name = path.to_string_lossy();
        let failed = |error: io::Error| DiskError::new(&error, &name);
        if !path.is_dir() {
            // Names and passwords' hashes are inside: nobody else reads them.
            fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(path)
                .map_err(failed)?;
            let parent = path
                .parent()
                .filter(|parent| !parent.as_os_str().is_empty());
            sync_folder(parent.unwrap_or_else(|| Path::new("."))).map_err(failed)?;
        }
        let mut options = OpenOptions::new();
        options
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600);
        let lock = options.open(path.join(LOCK_NAME)).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self {
                path: path.to_owned(),
                _lock: lock,
            }),
            Err(TryLockError::WouldBlock) => Err(DiskError::InUse {
                folder: path.to_owned(),
            }),
            Err(TryLockError::Error(error)) => Err(failed(error)),
        }
    }

    fn open_with(
        &self,
        name: &str,
        options: &mut OpenOptions,
    ) -> Result<Arc<dyn DiskFile>, DiskError> {
        let file = options
            .read(true)
            .write(true)
            .mode(0o600)
            .open(self.path.join(name));
        match file {
            Ok(file) => Ok(Arc::new(FolderFile {
                file,
                name: name.to_owned(),
            })),
            Err(error) => Err(DiskError::new(&error, name)),
        }
    }
}

/// Makes the names in a folder durable.
fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

impl Disk for Folder {
    fn list(&self) -> Result<Vec<(String, u64)>, DiskError> {
        let failed = |error: io::Error| DiskError::new(&error, "the data folder");
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.path).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let meta = entry.metadata().map_err(failed)?;
            if let (true, Ok(name)) = (meta.is_file(), entry.file_name().into_string())
                && name != LOCK_NAME
            {
                files.push((name, meta.len()));
            }
        }
        files.sort();
        Ok(files)
    }

    fn create(&self, name: &str) -> Result<Arc<dyn DiskFile>, DiskError> {
        self.open_with(name, OpenOptions::new().create(true).truncate(true))
    }

    fn open(&self, name: &str) -> Result<Arc<dyn DiskFile>, DiskError> {
        self.open_with(name, &mut OpenOptions::new())
    }

    fn remove(&self, name: &str) -> Result<(), DiskError> {
        match fs::remove_file(self.path.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(DiskError::new(&error, name))
            }
            _ => Ok(()),
        }
    }

    fn sync_names(&self) -> Result<(), DiskError> {
        sync_folder(&self.path).map_err(|error| DiskError::new(&error, "the data folder"))
    }
}

#[derive(Debug)]
struct FolderFile {
    file: File,
    name: String,
}

impl FolderFile {
    fn checked<T>(&self, result: io::Result<T>) -> Result<T, DiskError> {
        result.map_err(|error| DiskError::new(&error, &self.name))
    }
}

impl DiskFile for FolderFile {
    fn bytes(&self) -> Result<u64, DiskError> {
        Ok(self.checked(self.file.metadata())?.len())
    }

    fn set_bytes(&self, bytes: u64) -> Result<(), DiskError> {
        self.checked(self.file.set_len(bytes))
    }

    fn read_at(&self, offset: u64, to: &mut [u8]) -> Result<(), DiskError> {
        self.checked(self.file.read_exact_at(to, offset))
    }

    fn write_at(&self, offset: u64, from: &[u8]) -> Result<(), DiskError> {
        self.checked(self.file.write_all_at(from, offset))
    }

    fn sync_data(&self) -> Result<(), DiskError> {
        self.checked(self.file.sync_data())
    }
}
