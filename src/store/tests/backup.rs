//! A backup is the whole of the tables, or is refused.

use crate::store::backup;
use crate::store::backup::BackupError;
use crate::store::memory;
use crate::store::tests::apply::write;
use crate::store::tests::script::Script;

const CACHE: usize = 1 << 20;

fn backup_of(entries: usize) -> Vec<u8> {
    let script = Script::of(7, entries);
    let store = memory(CACHE).unwrap();
    write(&store, &script.steps);
    let mut file = Vec::new();
    store.backup(&mut file, &mut |_, _| {}).unwrap();
    file
}

#[test]
fn what_is_restored_gives_the_same_backup_again() {
    let file = backup_of(400);
    let restored = memory(CACHE).unwrap();
    restored.restore(&mut file.as_slice(), &mut |_| {}).unwrap();
    let mut again = Vec::new();
    restored.backup(&mut again, &mut |_, _| {}).unwrap();
    assert!(again == file);
    assert!(backup::check(&mut file.as_slice()).unwrap() > 50);
}

#[test]
fn a_backup_that_was_cut_off_or_changed_is_refused_before_it_is_used() {
    let file = backup_of(50);
    for cut in (0..file.len()).step_by(97) {
        let error = backup::check(&mut &file[..cut]).unwrap_err();
        assert!(matches!(error, BackupError::Damaged), "{cut}: {error}");
    }
    for at in (20..file.len()).step_by(61) {
        let mut changed = file.clone();
        changed[at] ^= 1;
        assert!(backup::check(&mut changed.as_slice()).is_err(), "{at}");
    }
}

#[test]
fn another_file_is_no_backup() {
    let error = backup::check(&mut &b"<?xml version='1.0'?><x/>     "[..]).unwrap_err();
    assert!(matches!(error, BackupError::NotABackup), "{error}");
}
