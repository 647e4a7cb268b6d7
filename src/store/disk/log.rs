//! Does what the log asks, on any disk.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::log::Failure;
use crate::log::Position;
use crate::log::Request;
use crate::log::SegmentId;
use crate::log::frame::Record;
use crate::log::plan::Recovered;
use crate::log::recover::RecoverError;
use crate::log::recover::Recovery;
use crate::log::recover::Step;
use crate::store::disk::Disk;
use crate::store::disk::DiskError;
use crate::store::disk::DiskFile;

/// Why the log could not be read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum LogError {
    /// It was read and cannot be believed.
    Log(RecoverError),
    Disk(DiskError),
}

impl fmt::Display for LogError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Disk(error) => error.fmt(out),
            Self::Log(RecoverError::Damaged { segment, offset }) => write!(
                out,
                "the log is damaged in {} at byte {offset}, and what was acknowledged after that would be \
                 lost: nothing was changed; keep a copy of the data folder and restore a backup",
                file_name(*segment)
            ),
            Self::Log(RecoverError::Behind { .. }) => write!(
                out,
                "the log ends before what the tables hold: a file of it is damaged or was replaced by an \
                 older one; keep a copy of the data folder and restore a backup"
            ),
            Self::Log(RecoverError::Foreign { segment }) => write!(
                out,
                "{} belongs to the log of another server: two data folders were mixed",
                file_name(*segment)
            ),
            Self::Log(RecoverError::Version { segment, version }) => write!(
                out,
                "{} has format {version} of the log, which this version does not read: start the \
                 version that wrote it",
                file_name(*segment)
            ),
        }
    }
}

impl From<RecoverError> for LogError {
    fn from(error: RecoverError) -> Self {
        Self::Log(error)
    }
}

impl From<DiskError> for LogError {
    fn from(error: DiskError) -> Self {
        Self::Disk(error)
    }
}

impl From<&DiskError> for Failure {
    fn from(error: &DiskError) -> Self {
        match error {
            DiskError::NoSpace => Self::NoSpace,
            DiskError::NotFound { .. } | DiskError::InUse { .. } | DiskError::Failed { .. } => {
                Self::Broken
            }
        }
    }
}

/// The files of the log on one disk, opened when they are first used.
#[derive(Debug)]
pub(crate) struct LogFiles {
    disk: Arc<dyn Disk>,
    open: BTreeMap<SegmentId, Arc<dyn DiskFile>>,
}

impl LogFiles {
    pub(crate) fn new(disk: Arc<dyn Disk>) -> Self {
        Self {
            disk,
            open: BTreeMap::new(),
        }
    }

    /// Blocks until `request` is durable.
    pub(crate) fn perform(&mut self, request: &Request) -> Result<(), DiskError> {
        match request {
            Request::Create { segment, bytes } => {
                let file = self.disk.create(&file_name(*segment))?;
                file.write_at(0, bytes)?;
                file.sync_data()?;
                self.open.insert(*segment, file);
                self.disk.sync_names()
            }
            Request::Write {
                segment,
                offset,
                bytes,
            } => {
                let file = self.file(*segment)?;
                file.write_at(*offset, bytes)?;
                file.sync_data()
            }
            Request::Remove { segment } => {
                self.open.remove(segment);
                self.disk.remove(&file_name(*segment))?;
                self.disk.sync_names()
            }
        }
    }

    /// Bytes for a [`Reader`](crate::log::read::Reader); fewer where the file ends.
    pub(crate) fn read(
        &mut self,
        segment: SegmentId,
        offset: u64,
        bytes: usize,
    ) -> Result<Vec<u8>, DiskError> {
        let file = self.file(segment)?;
        let left = file.bytes()?.saturating_sub(offset);
        let bytes = usize::try_from(left).unwrap_or(usize::MAX).min(bytes);
        let mut buffer = vec![0; bytes];
        file.read_at(offset, &mut buffer)?;
        Ok(buffer)
    }

    /// Reads the log. Records above `applied_to` go to `sink`, in order; with an error, those before it.
    pub(crate) fn recover(
        &mut self,
        applied_to: Position,
        fresh_log: u64,
        sink: &mut dyn FnMut(Record<'_>),
    ) -> Result<Recovered, LogError> {
        self.recover_keeping(applied_to, (applied_to, fresh_log), sink)
    }

    /// The same; what is above `keep_from` is kept, as far as it is there, for a peer that may lack it.
    pub(crate) fn recover_keeping(
        &mut self,
        applied_to: Position,
        (keep_from, fresh_log): (Position, u64),
        sink: &mut dyn FnMut(Record<'_>),
    ) -> Result<Recovered, LogError> {
        let files: Vec<_> = self
            .disk
            .list()?
            .iter()
            .filter_map(|(name, bytes)| Some((segment_of(name)?, *bytes)))
            .collect();
        // A process that was killed may have left a file whose name is not durable, and the log would use it.
        if !files.is_empty() {
            self.disk.sync_names()?;
        }
        let recovery = Recovery::new(&files, applied_to, fresh_log);
        let mut recovery = recovery.keeping(keep_from);
        let mut buffer = Vec::new();
        loop {
            match recovery.poll_output(sink)? {
                Step::Read {
                    segment,
                    offset,
                    bytes,
                } => {
                    buffer.resize(bytes, 0);
                    self.file(segment)?.read_at(offset, &mut buffer)?;
                    recovery.handle_read(&buffer);
                }
                Step::Done => return Ok(recovery.finish()),
            }
        }
    }

    fn file(&mut self, segment: SegmentId) -> Result<Arc<dyn DiskFile>, DiskError> {
        if let Some(file) = self.open.get(&segment) {
            return Ok(Arc::clone(file));
        }
        let file = self.disk.open(&file_name(segment))?;
        self.open.insert(segment, Arc::clone(&file));
        Ok(file)
    }
}

fn file_name(segment: SegmentId) -> String {
    format!("log-{:08x}", segment.0)
}

fn segment_of(name: &str) -> Option<SegmentId> {
    let number = u32::from_str_radix(name.strip_prefix("log-")?, 16).ok()?;
    let segment = SegmentId(number);
    (file_name(segment) == name).then_some(segment)
}
