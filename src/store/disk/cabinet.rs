//! The bytes of uploaded files: a folder where each lies under the hash of what is in it.
//!
//! | name | what |
//! |---|---|
//! | 64 hex digits | a whole file, durable; equal files are one |
//! | `NUMBER.new` | one that is coming; what a crash left of them goes at the next start |
//!
//! Which of them belong to somebody is for the tables to say: what no row names goes when it is old enough that no
//! upload can still be about to name it.

use std::fs;
use std::fs::DirBuilder;
use std::fs::File;
use std::fs::OpenOptions;
use std::io;
use std::io::Write as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;

use ring::digest;
use rustix::fs::Timespec;
use rustix::fs::Timestamps;
use rustix::fs::UTIME_NOW;

use crate::model::file::FileHash;
use crate::model::file::parse_hex;
use crate::model::file::to_hex;

const COMING: &str = ".new";

/// The time of the system, which the ages of files are measured by.
const NOW: Timestamps = {
    let now = Timespec {
        tv_sec: 0,
        tv_nsec: UTIME_NOW,
    };
    Timestamps {
        last_access: now,
        last_modification: now,
    }
};

/// Calls block. Shared between threads.
#[derive(Debug)]
pub(crate) struct Cabinet {
    path: PathBuf,
    next: AtomicU64,
    /// A file is not removed while another thread finds that it is there already.
    names: Mutex<()>,
}

/// A file that is coming; dropped, nothing of it stays.
pub(crate) struct Draft {
    file: File,
    path: PathBuf,
    digest: digest::Context,
    pub(crate) bytes: u64,
}

impl Cabinet {
    /// The folder is made when the first file comes.
    pub(crate) fn open(path: PathBuf) -> io::Result<Self> {
        for name in names(&path)? {
            if name.ends_with(COMING) {
                fs::remove_file(path.join(name))?;
            }
        }
        Ok(Self {
            path,
            next: AtomicU64::new(0),
            names: Mutex::default(),
        })
    }

    pub(crate) fn begin(&self) -> io::Result<Draft> {
        if !self.path.is_dir() {
            let mut builder = DirBuilder::new();
            builder.recursive(true).mode(0o700).create(&self.path)?;
            if let Some(parent) = self.path.parent() {
                File::open(parent)?.sync_all()?;
            }
        }
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let path = self.path.join(format!("{number}{COMING}"));
        let mut options = OpenOptions::new();
        let file = options
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)?;
        Ok(Draft {
            file,
            path,
            digest: digest::Context::new(&digest::SHA256),
            bytes: 0,
        })
    }

    /// Durable under its hash when this returns.
    pub(crate) fn keep(&self, draft: &Draft) -> io::Result<FileHash> {
        draft.file.sync_all()?;
        let hash = draft.hash();
        let _names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        // Over what is there already, which is the same; its age begins anew.
        fs::rename(&draft.path, self.place(&hash))?;
        File::open(&self.path)?.sync_all()?;
        Ok(hash)
    }

    pub(crate) fn find(&self, hash: &FileHash) -> io::Result<Option<(File, u64)>> {
        match File::open(self.place(hash)) {
            Ok(file) => {
                let bytes = file.metadata()?.len();
                Ok(Some((file, bytes)))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(crate) fn holds(&self, hash: &FileHash) -> bool {
        self.place(hash).is_file()
    }

    /// Whether the file is there; if so, somebody is about to name it.
    pub(crate) fn touch(&self, hash: &FileHash) -> io::Result<bool> {
        let _names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        match self.find(hash)? {
            Some((file, _)) => {
                rustix::fs::futimens(&file, &NOW)?;
                Ok(true)
            }
            None => Ok(false),
        }
    }

    /// All whole files.
    pub(crate) fn list(&self) -> io::Result<Vec<FileHash>> {
        let names = names(&self.path)?;
        Ok(names.iter().filter_map(|name| parse_hex(name)).collect())
    }

    /// Removes a file that is that old. The caller knows that no row names it.
    pub(crate) fn remove_orphan(&self, hash: &FileHash, age: Duration) -> io::Result<bool> {
        let _names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((file, _)) = self.find(hash)? else {
            return Ok(false);
        };
        // A file from the future is young.
        let is_old = file
            .metadata()?
            .modified()?
            .elapsed()
            .is_ok_and(|is| is >= age);
        if is_old {
            fs::remove_file(self.place(hash))?;
        }
        Ok(is_old)
    }

    /// What the disk has left for this program.
    pub(crate) fn free_bytes(&self) -> io::Result<u64> {
        let mut folder = self.path.as_path();
        while !folder.exists() {
            folder = folder.parent().unwrap_or_else(|| Path::new("/"));
        }
        let found = rustix::fs::statvfs(folder)?;
        Ok(found.f_bavail.saturating_mul(found.f_frsize))
    }

    /// Nothing of it stays: for a server that keeps nothing.
    pub(crate) fn clear(&self) {
        // Nobody asks for it any more.
        fs::remove_dir_all(&self.path).ok();
    }

    fn place(&self, hash: &FileHash) -> PathBuf {
        self.path.join(to_hex(hash))
    }
}

impl Draft {
    /// Of what has come so far.
    pub(crate) fn hash(&self) -> FileHash {
        let mut hash = FileHash::default();
        for (to, from) in hash.iter_mut().zip(self.digest.clone().finish().as_ref()) {
            *to = *from;
        }
        hash
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.digest.update(bytes);
        let fresh = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.bytes = self.bytes.saturating_add(fresh);
        Ok(())
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // A file that was kept has this name no more.
        fs::remove_file(&self.path).ok();
    }
}

fn names(path: &Path) -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut names = Vec::new();
    for entry in entries {
        names.extend(entry?.file_name().into_string());
    }
    Ok(names)
}

#[cfg(test)]
pub(crate) mod tests {
    use std::time::SystemTime;

    use super::*;

    pub(crate) fn cabinet() -> (tempfile::TempDir, Cabinet) {
        let folder = tempfile::tempdir().unwrap();
        let cabinet = Cabinet::open(folder.path().join("files")).unwrap();
        (folder, cabinet)
    }

    pub(crate) fn keep(cabinet: &Cabinet, bytes: &[u8]) -> FileHash {
        let mut draft = cabinet.begin().unwrap();
        draft.write(bytes).unwrap();
        cabinet.keep(&draft).unwrap()
    }

    #[test]
    fn equal_files_are_one_and_found_by_their_hash() {
        let (_folder, cabinet) = cabinet();
        let hash = keep(&cabinet, b"abc");
        // SHA-256 of "abc" (FIPS 180-2 appendix B.1).
        assert_eq!(hash[..4], [0xba, 0x78, 0x16, 0xbf]);
        assert_eq!(keep(&cabinet, b"abc"), hash);
        assert_eq!(cabinet.list().unwrap(), [hash]);
        assert_eq!(cabinet.find(&hash).unwrap().unwrap().1, 3);
        assert!(cabinet.find(&[0; 32]).unwrap().is_none());
    }

    #[test]
    fn of_a_file_that_did_not_come_whole_nothing_stays() {
        let (folder, cabinet) = cabinet();
        let mut draft = cabinet.begin().unwrap();
        draft.write(b"half").unwrap();
        drop(draft);
        assert_eq!(
            names(&folder.path().join("files")).unwrap(),
            Vec::<String>::new()
        );

        // Killed in the middle: nobody dropped it.
        fs::write(folder.path().join("files").join("9.new"), b"half").unwrap();
        let hash = keep(&cabinet, b"whole");
        let again = Cabinet::open(folder.path().join("files")).unwrap();
        assert_eq!(names(&folder.path().join("files")).unwrap().len(), 1);
        assert!(again.holds(&hash));
    }

    #[test]
    fn an_orphan_goes_when_it_is_old_and_not_when_somebody_has_come_for_it() {
        let (_folder, cabinet) = cabinet();
        let hash = keep(&cabinet, b"abc");
        let hour = Duration::from_hours(1);
        assert!(!cabinet.remove_orphan(&hash, hour).unwrap());
        let (file, _) = cabinet.find(&hash).unwrap().unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
        assert!(cabinet.touch(&hash).unwrap());
        assert!(!cabinet.remove_orphan(&hash, hour).unwrap());
        file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
        assert!(cabinet.remove_orphan(&hash, hour).unwrap());
        assert!(!cabinet.touch(&hash).unwrap());
    }

    #[test]
    fn the_disk_tells_what_it_has_left_before_there_is_a_folder() {
        let (_folder, cabinet) = cabinet();
        assert!(cabinet.free_bytes().unwrap() > 0);
    }
}
