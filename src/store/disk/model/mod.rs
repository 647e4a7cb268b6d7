//! A disk that behaves as badly as disks do, from a seed: for tests and the simulator, never for a server.
//!
//! Each file has what the process sees and what the medium holds. A write changes the first and makes its
//! sectors dirty; a sync carries them over. When the power goes, each dirty sector alone is kept, lost or
//! torn in the middle, so that writes are reordered as well; names and lengths that were not synced may be
//! either. A dirty sector may reach the medium at any time before. A sync that fails forgets which sectors
//! were dirty: the process goes on seeing what the medium does not hold, as on Linux.
//!
//! A process that is killed loses nothing but what it was doing: a write may be cut short.

mod handles;

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use crate::base::random::Rng;
use crate::store::disk::Disk;
use crate::store::disk::DiskError;
use crate::store::disk::memory::copy_in;
use crate::store::disk::memory::range;
use crate::store::disk::model::handles::ModelDisk;

const SECTOR_BYTES: usize = 512;

/// How often what goes wrong: once in so many calls, never for 0.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Faults {
    pub(crate) read_error: u64,
    /// A part of the write may have happened.
    pub(crate) write_error: u64,
    pub(crate) sync_error: u64,
    pub(crate) stall: u64,
    /// Once in so many sectors a write reaches the medium at once.
    pub(crate) write_through: u64,
    /// A sector that was under way when the power went may hold anything.
    pub(crate) is_garbling: bool,
    /// Most bytes in all files.
    pub(crate) capacity: Option<u64>,
}

/// What may happen to bytes that were safe.
#[cfg(test)]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Rot {
    Flip,
    Zeros,
    Ones,
}

/// The device. Clones are the same device.
#[derive(Clone, Debug)]
pub(crate) struct Model {
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    rng: Rng,
    faults: Faults,
    names: BTreeMap<String, u64>,
    durable_names: BTreeMap<String, u64>,
    files: BTreeMap<u64, File>,
    next_file: u64,
    /// Handles of an earlier process are dead.
    process: u64,
    /// The process dies in the call after so many.
    calls_left: Option<u64>,
    is_down: bool,
    stall_ms: u64,
    /// Calls that failed by themselves, and those that took long.
    error_count: u64,
    stall_count: u64,
}

#[derive(Clone, Debug, Default)]
struct File {
    seen: Vec<u8>,
    medium: Vec<u8>,
    /// Length of the file on the medium; `medium` may be longer or shorter.
    medium_bytes: usize,
    dirty: BTreeSet<usize>,
}

/// How a call goes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Course {
    Whole,
    CutShort,
}

const DEAD: DiskError = DiskError::Failed {
    kind: io::ErrorKind::BrokenPipe,
};
const BROKEN: DiskError = DiskError::Failed {
    kind: io::ErrorKind::Other,
};

impl Model {
    pub(crate) fn new(seed: u64) -> Self {
        let state = State {
            rng: Rng::from_number(seed),
            faults: Faults::default(),
            names: BTreeMap::new(),
            durable_names: BTreeMap::new(),
            files: BTreeMap::new(),
            next_file: 0,
            process: 0,
            calls_left: None,
            is_down: false,
            stall_ms: 0,
            error_count: 0,
            stall_count: 0,
        };
        Self {
            state: Arc::new(Mutex::new(state)),
        }
    }

    /// The disk for the process that runs now.
    pub(crate) fn disk(&self) -> Arc<dyn Disk> {
        Arc::new(ModelDisk {
            state: Arc::clone(&self.state),
            process: self.state().process,
        })
    }

    pub(crate) fn set_faults(&self, faults: Faults) {
        self.state().faults = faults;
    }

    /// Lets the process die in the call after the next `calls`.
    pub(crate) fn die_after(&self, calls: u64) {
        self.state().calls_left = Some(calls);
    }

    pub(crate) fn is_down(&self) -> bool {
        self.state().is_down
    }

    /// The process is gone; the machine goes on.
    pub(crate) fn kill(&self) {
        let mut state = self.state();
        state.process += 1;
        state.calls_left = None;
        state.is_down = false;
    }

    /// The machine is gone.
    pub(crate) fn cut_power(&self) {
        self.kill();
        self.state().cut_power();
    }

    /// Calls that failed by themselves, and those that took long.
    pub(crate) fn fault_counts(&self) -> (u64, u64) {
        let state = self.state();
        (state.error_count, state.stall_count)
    }

    /// Virtual milliseconds that the calls since the last question took.
    pub(crate) fn take_stall_ms(&self) -> u64 {
        std::mem::take(&mut self.state().stall_ms)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

#[cfg(test)]
impl Model {
    /// Damages bytes behind everybody's back.
    pub(crate) fn rot(&self, name: &str, offset: usize, bytes: usize, rot: Rot) {
        let mut state = self.state();
        let file = state.names.get(name).copied();
        if let Some(file) = file.and_then(|file| state.files.get_mut(&file)) {
            for contents in [&mut file.seen, &mut file.medium] {
                for byte in contents.iter_mut().skip(offset).take(bytes) {
                    *byte = match rot {
                        Rot::Flip => *byte ^ 0x10,
                        Rot::Zeros => 0,
                        Rot::Ones => 0xff,
                    };
                }
            }
        }
    }
}

impl Model {
    /// All files as the process sees them.
    pub(crate) fn image(&self) -> BTreeMap<String, Vec<u8>> {
        let state = self.state();
        let contents = |file: &u64| state.files.get(file).map(|file| file.seen.clone());
        let files = state
            .names
            .iter()
            .filter_map(|(name, file)| Some((name, contents(file)?)));
        files.map(|(name, bytes)| (name.clone(), bytes)).collect()
    }

    /// Puts an image onto the disk, durably, in place of all that is there.
    pub(crate) fn set_image(&self, image: &BTreeMap<String, Vec<u8>>) {
        let mut state = self.state();
        state.names.clear();
        state.files.clear();
        for (name, bytes) in image {
            let file = state.add(File {
                seen: bytes.clone(),
                medium: bytes.clone(),
                medium_bytes: bytes.len(),
                dirty: BTreeSet::new(),
            });
            state.names.insert(name.clone(), file);
        }
        state.durable_names = state.names.clone();
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl State {
    fn add(&mut self, file: File) -> u64 {
        self.next_file += 1;
        self.files.insert(self.next_file, file);
        self.next_file
    }

    fn break_down(&mut self) -> DiskError {
        self.error_count += 1;
        BROKEN
    }

    fn happens(&mut self, once_in: u64) -> bool {
        once_in > 0 && self.rng.one_in(once_in)
    }

    fn begin(&mut self, process: u64) -> Result<Course, DiskError> {
        if self.is_down || process != self.process {
            return Err(DEAD);
        }
        if self.happens(self.faults.stall) {
            self.stall_ms += self.rng.below(5_000);
            self.stall_count += 1;
        }
        match &mut self.calls_left {
            Some(0) => {
                self.is_down = true;
                Ok(Course::CutShort)
            }
            Some(calls) => {
                *calls -= 1;
                Ok(Course::Whole)
            }
            None => Ok(Course::Whole),
        }
    }

    /// A call that has no half.
    fn begin_whole(&mut self, process: u64) -> Result<(), DiskError> {
        match self.begin(process)? {
            Course::Whole => Ok(()),
            Course::CutShort => Err(DEAD),
        }
    }

    fn used_bytes(&self) -> usize {
        self.names
            .values()
            .filter_map(|file| self.files.get(file))
            .map(|file| file.seen.len())
            .sum()
    }

    fn check_space(&self, more: usize) -> Result<(), DiskError> {
        let capacity = self.faults.capacity.map_or(usize::MAX, |capacity| {
            usize::try_from(capacity).unwrap_or(usize::MAX)
        });
        if more > 0 && self.used_bytes().saturating_add(more) > capacity {
            return Err(DiskError::NoSpace);
        }
        Ok(())
    }

    fn file(&mut self, file: u64) -> Result<&mut File, DiskError> {
        self.files.get_mut(&file).ok_or(DEAD)
    }

    fn write(
        &mut self,
        id: u64,
        offset: u64,
        mut from: &[u8],
        course: Course,
    ) -> Result<(), DiskError> {
        let range = range(offset, from.len())?;
        let grown = range.end.saturating_sub(self.file(id)?.seen.len());
        self.check_space(grown)?;
        let fails = self.happens(self.faults.write_error) || course == Course::CutShort;
        if fails {
            let kept = self.rng.below(u64::try_from(from.len()).unwrap_or(0) + 1);
            from = from
                .get(..usize::try_from(kept).unwrap_or(0))
                .unwrap_or_default();
        }
        let end = range.start + from.len();
        let file = self.file(id)?;
        let grown_from = file.seen.len().min(range.start);
        copy_in(&mut file.seen, offset, from)?;
        let sectors = grown_from / SECTOR_BYTES..end.div_ceil(SECTOR_BYTES);
        for sector in sectors {
            let is_through = self.happens(self.faults.write_through);
            let file = self.file(id)?;
            file.dirty.insert(sector);
            if is_through {
                file.carry(sector);
            }
        }
        match (fails, course) {
            (_, Course::CutShort) => Err(DEAD),
            (true, Course::Whole) => Err(self.break_down()),
            (false, Course::Whole) => Ok(()),
        }
    }

    fn sync(&mut self, id: u64, course: Course) -> Result<(), DiskError> {
        let fails = course == Course::Whole && self.happens(self.faults.sync_error);
        let is_whole = course == Course::Whole && !fails;
        for sector in self.file(id)?.dirty.clone() {
            if is_whole || self.rng.one_in(2) {
                self.file(id)?.carry(sector);
            }
        }
        let file = self.file(id)?;
        if is_whole {
            file.medium_bytes = file.seen.len();
            file.medium.resize(file.medium_bytes, 0);
        }
        if fails {
            file.dirty.clear();
            return Err(self.break_down());
        }
        if course == Course::CutShort {
            Err(DEAD)
        } else {
            Ok(())
        }
    }

    fn cut_power(&mut self) {
        let mut names = self.durable_names.clone();
        let changed: BTreeSet<String> = self
            .names
            .keys()
            .chain(self.durable_names.keys())
            .cloned()
            .collect();
        for name in changed {
            let (old, new) = (
                self.durable_names.get(&name),
                self.names.get(&name).copied(),
            );
            if old.copied() != new && self.rng.one_in(2) {
                match new {
                    Some(file) => names.insert(name, file),
                    None => names.remove(&name),
                };
            }
        }
        self.files
            .retain(|id, _| names.values().any(|file| file == id));
        self.durable_names.clone_from(&names);
        self.names = names;
        let is_garbling = self.faults.is_garbling;
        for file in self.files.values_mut() {
            file.cut_power(&mut self.rng, is_garbling);
        }
    }
}

impl File {
    /// Carries one dirty sector over to the medium.
    fn carry(&mut self, sector: usize) {
        self.dirty.remove(&sector);
        let at = sector * SECTOR_BYTES;
        let end = (at + SECTOR_BYTES).min(self.seen.len());
        if self.medium.len() < end {
            self.medium.resize(end, 0);
        }
        if let (Some(to), Some(from)) = (self.medium.get_mut(at..end), self.seen.get(at..end)) {
            to.copy_from_slice(from);
        }
    }

    fn cut_power(&mut self, rng: &mut Rng, is_garbling: bool) {
        let bytes = if rng.one_in(2) {
            self.medium_bytes
        } else {
            self.seen.len()
        };
        self.medium
            .resize(self.medium.len().max(self.seen.len()), 0);
        for sector in std::mem::take(&mut self.dirty) {
            let at = sector * SECTOR_BYTES;
            let end = (at + SECTOR_BYTES).min(self.seen.len());
            let (Some(to), Some(from)) = (self.medium.get_mut(at..end), self.seen.get(at..end))
            else {
                continue;
            };
            let cut = usize::try_from(rng.below(512)).unwrap_or(0).min(to.len());
            let halves = (to.split_at_mut(cut), from.split_at(cut));
            let ((to_front, to_back), (front, back)) = halves;
            match rng.below(if is_garbling { 5 } else { 4 }) {
                0 => {}
                1 => to_front.copy_from_slice(front),
                2 => to_back.copy_from_slice(back),
                3 => {
                    to_front.copy_from_slice(front);
                    to_back.copy_from_slice(back);
                }
                _ => to_front.iter_mut().chain(to_back).for_each(|byte| {
                    *byte = rng.next().to_be_bytes().first().copied().unwrap_or(0);
                }),
            }
        }
        self.medium.resize(bytes, 0);
        self.medium_bytes = bytes;
        self.seen.clone_from(&self.medium);
    }
}
