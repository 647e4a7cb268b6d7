//! Short logs written to a plan, for tests that look at single bytes.

use std::sync::Arc;

use crate::log::Failure;
use crate::log::Kind;
use crate::log::Log;
use crate::log::Position;
use crate::log::Settings;
use crate::log::plan::Recovered;
use crate::store::disk::Disk;
use crate::store::disk::DiskError;
use crate::store::disk::log::LogError;
use crate::store::disk::log::LogFiles;
use crate::store::disk::model::Model;

pub(crate) const SETTINGS: Settings = Settings {
    segment_bytes: 16 << 10,
    segments_max: 8,
};

/// One life of a log without faults.
pub(crate) struct Script {
    pub(crate) log: Log,
    pub(crate) files: LogFiles,
    pub(crate) position: Position,
}

/// Positions and bytes of the records above `applied_to`.
pub(crate) type Rows = Vec<(Position, Vec<u8>)>;

pub(crate) fn recover(
    disk: Arc<dyn Disk>,
    applied_to: Position,
) -> Result<(Rows, Recovered, LogFiles), LogError> {
    let mut files = LogFiles::new(disk);
    let mut rows = Vec::new();
    let recovered = files.recover(applied_to, 7, &mut |record| {
        rows.push((record.position, record.bytes.to_vec()));
    })?;
    Ok((rows, recovered, files))
}

impl Script {
    pub(crate) fn start(model: &Model) -> Self {
        Self::start_with(model.disk(), SETTINGS, 0)
    }

    pub(crate) fn start_with(
        disk: Arc<dyn Disk>,
        settings: Settings,
        applied_to: Position,
    ) -> Self {
        let (_, recovered, files) = recover(disk, applied_to).unwrap();
        let position = recovered.tip;
        let log = Log::open(settings, recovered);
        let mut script = Self {
            log,
            files,
            position,
        };
        script.drain().unwrap();
        script
    }

    /// A start that keeps what a peer may lack.
    pub(crate) fn start_keeping(
        disk: Arc<dyn Disk>,
        settings: Settings,
        applied_to: Position,
    ) -> Self {
        let mut files = LogFiles::new(disk);
        let recovered = files.recover_keeping(applied_to, (0, 7), &mut |_| {});
        let recovered = recovered.unwrap();
        let position = recovered.tip;
        let mut script = Self {
            log: Log::open(settings, recovered),
            files,
            position,
        };
        script.drain().unwrap();
        script
    }

    pub(crate) fn append(&mut self, bytes: usize) {
        self.position += 1;
        let fill = u8::try_from(self.position & 0x7f).unwrap();
        self.log
            .append(self.position, Kind::Entry, &vec![fill; bytes])
            .unwrap();
    }

    /// One batch of records with these sizes.
    pub(crate) fn batch(&mut self, sizes: &[usize]) {
        for bytes in sizes {
            self.append(*bytes);
        }
        self.drain().unwrap();
    }

    pub(crate) fn drain(&mut self) -> Result<(), DiskError> {
        while let Some(request) = self.log.poll_output() {
            match self.files.perform(&request) {
                Ok(()) => self.log.handle_synced(),
                Err(error) => {
                    self.log.handle_failed(Failure::from(&error));
                    if self.log.poisoned().is_some() {
                        return Err(error);
                    }
                }
            }
        }
        Ok(())
    }
}
