//! The disk as the program sees it: named files in one folder, and calls that block.
//!
//! Only the disk thread and redb call it. Three homes: a folder ([`folder`]), memory ([`memory`]) and
//! the simulator's model ([`model`]), which forgets what was not synced.
//!
//! What is durable: the bytes of a file after `sync_data`, its length included; that a file exists, or
//! no longer does, after `sync_names`.

pub(crate) mod cabinet;
pub(crate) mod folder;
pub(crate) mod head;
pub(crate) mod log;
pub(crate) mod memory;
pub(crate) mod model;
pub(crate) mod tables;

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// Why the disk did not do it. All of these are for the operator.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum DiskError {
    /// The disk or a quota is full.
    NoSpace,
    NotFound {
        name: String,
    },
    /// Another process has the folder open.
    InUse {
        folder: PathBuf,
    },
    Failed {
        kind: io::ErrorKind,
    },
}

impl DiskError {
    pub(crate) fn new(error: &io::Error, name: &str) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::NoSpace,
            io::ErrorKind::NotFound => Self::NotFound {
                name: name.to_owned(),
            },
            kind => Self::Failed { kind },
        }
    }
}

impl fmt::Display for DiskError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSpace => write!(formatter, "no space left on the disk"),
            Self::NotFound { name } => write!(formatter, "{name} does not exist"),
            Self::InUse { folder } => write!(
                formatter,
                "{} is in use by another meerkat: stop that one, or choose another folder",
                folder.display()
            ),
            Self::Failed { kind } => write!(formatter, "the disk failed: {kind}"),
        }
    }
}

impl std::error::Error for DiskError {}

impl From<DiskError> for io::Error {
    fn from(error: DiskError) -> Self {
        let kind = match &error {
            DiskError::NoSpace => io::ErrorKind::StorageFull,
            DiskError::NotFound { .. } => io::ErrorKind::NotFound,
            DiskError::InUse { .. } => io::ErrorKind::ResourceBusy,
            DiskError::Failed { kind } => *kind,
        };
        Self::new(kind, error)
    }
}

/// A folder of files. Names have no separators.
pub(crate) trait Disk: fmt::Debug + Send + Sync {
    /// All files with their lengths, in the order of their names.
    fn list(&self) -> Result<Vec<(String, u64)>, DiskError>;

    /// An empty file; what had the name before is gone.
    fn create(&self, name: &str) -> Result<Arc<dyn DiskFile>, DiskError>;

    fn open(&self, name: &str) -> Result<Arc<dyn DiskFile>, DiskError>;

    /// Succeeds for a file that is not there.
    fn remove(&self, name: &str) -> Result<(), DiskError>;

    fn sync_names(&self) -> Result<(), DiskError>;
}

/// An open file. All or nothing of a read or write succeeds, as far as the caller is told.
pub(crate) trait DiskFile: fmt::Debug + Send + Sync {
    fn bytes(&self) -> Result<u64, DiskError>;

    /// New bytes are zeros.
    fn set_bytes(&self, bytes: u64) -> Result<(), DiskError>;

    /// Fails beyond the end.
    fn read_at(&self, offset: u64, to: &mut [u8]) -> Result<(), DiskError>;

    /// Grows the file where needed.
    fn write_at(&self, offset: u64, from: &[u8]) -> Result<(), DiskError>;

    /// After an error nobody knows what is durable: the process ends, the call is not repeated.
    fn sync_data(&self) -> Result<(), DiskError>;
}

#[cfg(test)]
mod tests;
