//! The file of `meerkat backup`: the tables, and behind them the uploaded files if they are wanted.
//!
//! `tables | "meerkat files 1\n" | files | 0 | SHA-256 of all hashes`. A file is a 1, its hash, its length and its bytes: its hash
//! proves it. Where nothing is behind the tables, there are no files. Everything is read and written piece by piece.

use std::fs;
use std::fs::File;
use std::io;
use std::io::Read;
use std::io::Seek as _;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use ring::digest;
use smol::channel;

use crate::base::upload_limits::FILE_PIECE_BYTES;
use crate::model::file::FileHash;
use crate::store::Store;
use crate::store::backup;
use crate::store::backup::BackupError;
use crate::store::disk::cabinet::Cabinet;

const MAGIC: &[u8] = b"meerkat files 1\n";
const END: u8 = 0;
const ONE: u8 = 1;

/// Rows of a backup between two signs of progress.
const BACKUP_TELL_ROWS: u64 = 10_000;

/// Under another name first: a file with the name of a backup is a whole one.
pub(super) fn to_file(
    (store, cabinet): (&Store, Option<&Cabinet>),
    path: &Path,
    tell: &channel::Sender<(u64, u64)>,
) -> Result<(), String> {
    let wrong = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let unfinished = path.with_extension("unfinished");
    let file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&unfinished)
        .map_err(|error| wrong(&error))?;
    let mut buffered = io::BufWriter::new(file);
    let mut said = 0;
    let written = write(store, cabinet, &mut buffered, &mut |done, total| {
        if done.abs_diff(said) >= BACKUP_TELL_ROWS || done == total {
            said = done;
            tell.try_send((done, total)).ok();
        }
    });
    let finished = written
        .map_err(|error| wrong(&error))
        .and_then(|()| buffered.into_inner().map_err(|error| wrong(error.error())))
        .and_then(|file| file.sync_all().map_err(|error| wrong(&error)))
        .and_then(|()| fs::rename(&unfinished, path).map_err(|error| wrong(&error)));
    if finished.is_err() {
        fs::remove_file(&unfinished).ok();
    }
    finished
}

/// `tell(done, total)` in rows and files. What lies damaged on the disk is left out, as if it were gone.
fn write(
    store: &Store,
    cabinet: Option<&Cabinet>,
    out: &mut dyn Write,
    tell: &mut dyn FnMut(u64, u64),
) -> Result<(), BackupError> {
    // The tables first: of what they name nothing is removed within an hour.
    store.backup(out, tell)?;
    let Some(cabinet) = cabinet else {
        return Ok(());
    };
    out.write_all(MAGIC)?;
    let hashes = cabinet.list()?;
    let total = u64::try_from(hashes.len()).unwrap_or(u64::MAX);
    let mut all = digest::Context::new(&digest::SHA256);
    for (done, hash) in (1_u64..).zip(&hashes) {
        if let Some((mut file, bytes)) = cabinet.find(hash)?
            && is_whole(&mut file, hash)?
        {
            all.update(hash);
            out.write_all(&[ONE])?;
            out.write_all(hash)?;
            out.write_all(&bytes.to_be_bytes())?;
            if io::copy(&mut file.take(bytes), out)? != bytes {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
            }
        }
        tell(done, total);
    }
    out.write_all(&[END])?;
    Ok(out.write_all(all.finish().as_ref())?)
}

/// And at its beginning again.
fn is_whole(file: &mut File, hash: &FileHash) -> io::Result<bool> {
    let mut sum = digest::Context::new(&digest::SHA256);
    let mut piece = vec![0; FILE_PIECE_BYTES];
    loop {
        match file.read(&mut piece)? {
            0 => break,
            count => sum.update(piece.get(..count).unwrap_or_default()),
        }
    }
    file.rewind()?;
    Ok(sum.finish().as_ref() == hash)
}

/// Checks that a file is a whole backup, and counts its rows. Reads it once.
pub(crate) fn check(file: &mut dyn Read) -> Result<u64, BackupError> {
    let rows = backup::check(file)?;
    read_files(file, None)?;
    Ok(rows)
}

/// Fills tables and a folder that are empty from a file that was checked.
pub(super) fn restore(
    store: &Store,
    cabinet: &Cabinet,
    file: &mut dyn Read,
    tell: &mut dyn FnMut(u64),
) -> Result<(), BackupError> {
    store.restore(file, tell)?;
    read_files(file, Some(cabinet))
}

/// Proves each file, and keeps it if there is where.
fn read_files(file: &mut dyn Read, cabinet: Option<&Cabinet>) -> Result<(), BackupError> {
    let mut magic = Vec::new();
    let length = u64::try_from(MAGIC.len()).unwrap_or(0);
    Read::take(&mut *file, length).read_to_end(&mut magic)?;
    if magic.is_empty() {
        return Ok(());
    }
    if magic != MAGIC {
        return Err(BackupError::Damaged);
    }
    let mut all = digest::Context::new(&digest::SHA256);
    let mut piece = vec![0; FILE_PIECE_BYTES];
    loop {
        let (mut mark, mut hash) = ([0], FileHash::default());
        backup::fill_from(file, &mut mark)?;
        backup::fill_from(file, &mut hash)?;
        match mark {
            [ONE] => all.update(&hash),
            [END] if all.finish().as_ref() == hash => return Ok(()),
            _ => return Err(BackupError::Damaged),
        }
        let mut bytes = [0; 8];
        backup::fill_from(file, &mut bytes)?;
        let mut left = u64::from_be_bytes(bytes);
        let mut draft = cabinet.map(Cabinet::begin).transpose()?;
        let mut sum = digest::Context::new(&digest::SHA256);
        while left > 0 {
            let count = usize::try_from(left).unwrap_or(usize::MAX).min(piece.len());
            let some = piece.get_mut(..count).unwrap_or_default();
            backup::fill_from(file, some)?;
            sum.update(some);
            if let Some(draft) = &mut draft {
                draft.write(some)?;
            }
            left = left.saturating_sub(u64::try_from(count).unwrap_or(left));
        }
        if sum.finish().as_ref() != hash {
            return Err(BackupError::Damaged);
        }
        if let (Some(cabinet), Some(draft)) = (cabinet, &draft) {
            cabinet.keep(draft)?;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::file::to_hex;
    use crate::store::disk::cabinet::tests::cabinet;
    use crate::store::disk::cabinet::tests::keep;
    use crate::store::disk::memory::Memory;

    fn store() -> Store {
        Store::open(Arc::new(Memory::default()), 1 << 20).unwrap()
    }

    fn backup_of(cabinet: Option<&Cabinet>) -> Vec<u8> {
        let mut file = Vec::new();
        write(&store(), cabinet, &mut file, &mut |_, _| {}).unwrap();
        file
    }

    #[test]
    fn files_come_back_each_under_its_hash() {
        let (_here, from) = cabinet();
        let large = vec![7; FILE_PIECE_BYTES * 2 + 1];
        let mut hashes = [keep(&from, b""), keep(&from, b"abc"), keep(&from, &large)];
        hashes.sort_unstable();
        let file = backup_of(Some(&from));

        let (_there, to) = cabinet();
        check(&mut file.as_slice()).unwrap();
        restore(&store(), &to, &mut file.as_slice(), &mut |_| {}).unwrap();

        let mut found = to.list().unwrap();
        found.sort_unstable();
        assert_eq!(found, hashes);
        let (mut back, bytes) = to.find(&keep(&from, &large)).unwrap().unwrap();
        assert_eq!(bytes, u64::try_from(large.len()).unwrap());
        let mut text = Vec::new();
        back.read_to_end(&mut text).unwrap();
        assert!(text == large);
    }

    #[test]
    fn a_backup_without_files_is_whole_and_one_that_lacks_some_is_not() {
        let (_here, from) = cabinet();
        keep(&from, b"abc");
        let plain = backup_of(None);
        check(&mut plain.as_slice()).unwrap();
        let file = backup_of(Some(&from));
        assert_eq!(file[..plain.len()], plain);
        for cut in plain.len() + 1..file.len() {
            let error = check(&mut &file[..cut]).unwrap_err();
            assert!(matches!(error, BackupError::Damaged), "{cut}");
        }
        for at in plain.len()..file.len() {
            let mut changed = file.clone();
            changed[at] ^= 1;
            assert!(check(&mut changed.as_slice()).is_err(), "{at}");
        }
    }

    #[test]
    fn what_lies_damaged_on_the_disk_does_not_spoil_the_backup() {
        let (folder, from) = cabinet();
        let (good, bad) = (keep(&from, b"good"), keep(&from, b"bad"));
        fs::write(folder.path().join("files").join(to_hex(&bad)), b"worse").unwrap();

        let file = backup_of(Some(&from));
        let (_there, to) = cabinet();
        restore(&store(), &to, &mut file.as_slice(), &mut |_| {}).unwrap();

        assert_eq!(to.list().unwrap(), [good]);
    }
}
