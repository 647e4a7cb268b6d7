//! Why the tables did not do it. All of these are for the operator.

use std::fmt;
use std::io;

use crate::model::codec::CodecError;
use crate::store::disk::DiskError;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum StoreError {
    /// The bytes are not what was written, or are of a version that this program does not know.
    Corrupt { place: &'static str },
    /// Tables of another format.
    Version { found: u32, known: u32 },
    /// The disk or a quota is full. Nothing was changed; it may work later.
    Full,
    /// An earlier fault left the tables unusable: the process has to end.
    Poisoned,
    /// The disk failed in the middle of what is named.
    Io {
        doing: &'static str,
        kind: io::ErrorKind,
    },
}

impl StoreError {
    /// Names what was being done, where the fault alone does not tell.
    pub(super) fn during(self, doing: &'static str) -> Self {
        match self {
            Self::Io { kind, .. } => Self::Io { doing, kind },
            Self::Corrupt { .. } | Self::Version { .. } | Self::Full | Self::Poisoned => self,
        }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Corrupt { place } => write!(formatter, "the tables are damaged ({place})"),
            Self::Version { found, known } => write!(
                formatter,
                "the tables have format {found}, and this version knows format {known}"
            ),
            Self::Full => write!(formatter, "no space left for the tables"),
            Self::Poisoned => write!(formatter, "the tables cannot be used after a fault"),
            Self::Io { doing, kind } => write!(formatter, "the disk failed: {kind} ({doing})"),
        }
    }
}

impl std::error::Error for StoreError {}

impl From<redb::Error> for StoreError {
    fn from(error: redb::Error) -> Self {
        match error {
            redb::Error::Io(error) => match error.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full,
                // The file does not begin as redb's do.
                io::ErrorKind::InvalidData => Self::Corrupt { place: "head" },
                kind => Self::Io { doing: "", kind },
            },
            redb::Error::PreviousIo
            | redb::Error::LockPoisoned(_)
            | redb::Error::DatabaseClosed
            | redb::Error::TransactionPoisoned => Self::Poisoned,
            redb::Error::Corrupted(_) => Self::Corrupt { place: "pages" },
            _ => Self::Corrupt { place: "tables" },
        }
    }
}

macro_rules! from_redb {
    ($($error:ident),*) => {$(
        impl From<redb::$error> for StoreError {
            fn from(error: redb::$error) -> Self {
                redb::Error::from(error).into()
            }
        }
    )*};
}
from_redb!(
    StorageError,
    TableError,
    TransactionError,
    CommitError,
    DatabaseError,
    SetDurabilityError
);

impl From<DiskError> for StoreError {
    fn from(error: DiskError) -> Self {
        match error {
            DiskError::NoSpace => Self::Full,
            DiskError::NotFound { .. } => Self::Io {
                doing: "",
                kind: io::ErrorKind::NotFound,
            },
            DiskError::InUse { .. } => Self::Io {
                doing: "",
                kind: io::ErrorKind::ResourceBusy,
            },
            DiskError::Failed { kind } => Self::Io { doing: "", kind },
        }
    }
}

impl From<CodecError> for StoreError {
    fn from(_: CodecError) -> Self {
        Self::Corrupt { place: "value" }
    }
}
