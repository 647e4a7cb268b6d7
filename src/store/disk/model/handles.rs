//! The model as a disk: a process's handles to it.

use std::sync::Arc;
use std::sync::Mutex;

use crate::store::disk::Disk;
use crate::store::disk::DiskError;
use crate::store::disk::DiskFile;
use crate::store::disk::memory::copy_out;
use crate::store::disk::memory::range;
use crate::store::disk::model::File;
use crate::store::disk::model::SECTOR_BYTES;
use crate::store::disk::model::State;
use crate::store::disk::model::lock;

#[derive(Debug)]
pub(crate) struct ModelDisk {
    pub(crate) state: Arc<Mutex<State>>,
    pub(crate) process: u64,
}

impl ModelDisk {
    fn handle(&self, file: u64) -> Arc<dyn DiskFile> {
        Arc::new(ModelFile {
            state: Arc::clone(&self.state),
            process: self.process,
            file,
        })
    }
}

impl Disk for ModelDisk {
    fn list(&self) -> Result<Vec<(String, u64)>, DiskError> {
        let mut state = lock(&self.state);
        state.begin_whole(self.process)?;
        let bytes = |file: &u64| state.files.get(file).map_or(0, |file| file.seen.len());
        let files = state
            .names
            .iter()
            .map(|(name, file)| (name.clone(), bytes(file)));
        Ok(files
            .map(|(name, bytes)| (name, u64::try_from(bytes).unwrap_or(u64::MAX)))
            .collect())
    }

    fn create(&self, name: &str) -> Result<Arc<dyn DiskFile>, DiskError> {
        let mut state = lock(&self.state);
        state.begin_whole(self.process)?;
        let file = state.add(File::default());
        state.names.insert(name.to_owned(), file);
        Ok(self.handle(file))
    }

    fn open(&self, name: &str) -> Result<Arc<dyn DiskFile>, DiskError> {
        let mut state = lock(&self.state);
        state.begin_whole(self.process)?;
        match state.names.get(name) {
            Some(file) => Ok(self.handle(*file)),
            None => Err(DiskError::NotFound {
                name: name.to_owned(),
            }),
        }
    }

    fn remove(&self, name: &str) -> Result<(), DiskError> {
        let mut state = lock(&self.state);
        state.begin_whole(self.process)?;
        state.names.remove(name);
        Ok(())
    }

    fn sync_names(&self) -> Result<(), DiskError> {
        let mut state = lock(&self.state);
        state.begin_whole(self.process)?;
        let once_in = state.faults.sync_error;
        if state.happens(once_in) {
            return Err(state.break_down());
        }
        state.durable_names = state.names.clone();
        Ok(())
    }
}

#[derive(Debug)]
struct ModelFile {
    state: Arc<Mutex<State>>,
    process: u64,
    file: u64,
}

impl DiskFile for ModelFile {
    fn bytes(&self) -> Result<u64, DiskError> {
        let mut state = lock(&self.state);
        state.begin_whole(self.process)?;
        Ok(u64::try_from(state.file(self.file)?.seen.len()).unwrap_or(u64::MAX))
    }

    fn set_bytes(&self, bytes: u64) -> Result<(), DiskError> {
        let mut state = lock(&self.state);
        state.begin_whole(self.process)?;
        let bytes = range(bytes, 0)?.end;
        let old = state.file(self.file)?.seen.len();
        state.check_space(bytes.saturating_sub(old))?;
        let file = state.file(self.file)?;
        file.seen.resize(bytes, 0);
        file.dirty
            .extend(old / SECTOR_BYTES..bytes.div_ceil(SECTOR_BYTES));
        Ok(())
    }

    fn read_at(&self, offset: u64, to: &mut [u8]) -> Result<(), DiskError> {
        let mut state = lock(&self.state);
        state.begin_whole(self.process)?;
        let once_in = state.faults.read_error;
        if state.happens(once_in) {
            return Err(state.break_down());
        }
        copy_out(&state.file(self.file)?.seen, offset, to)
    }

    fn write_at(&self, offset: u64, from: &[u8]) -> Result<(), DiskError> {
        let mut state = lock(&self.state);
        let course = state.begin(self.process)?;
        state.write(self.file, offset, from, course)
    }

    fn sync_data(&self) -> Result<(), DiskError> {
        let mut state = lock(&self.state);
        let course = state.begin(self.process)?;
        state.sync(self.file, course)
    }
}
