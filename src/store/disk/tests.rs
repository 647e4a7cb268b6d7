//! The homes of the disk keep the same promises.

use std::collections::BTreeSet;
use std::sync::Arc;

use redb::ReadableDatabase as _;

use crate::store::disk::Disk;
use crate::store::disk::DiskError;
use crate::store::disk::folder::Folder;
use crate::store::disk::memory::Memory;
use crate::store::disk::model::Faults;
use crate::store::disk::model::Model;
use crate::store::disk::tables::TableFile;

/// What every disk does, as long as nothing fails.
fn check_disk(disk: &dyn Disk) {
    let file = disk.create("one").unwrap();
    file.write_at(700, b"text").unwrap();
    file.sync_data().unwrap();
    disk.create("two").unwrap().set_bytes(9).unwrap();
    disk.sync_names().unwrap();

    assert_eq!(
        disk.list().unwrap(),
        [("one".to_owned(), 704), ("two".to_owned(), 9)]
    );
    let mut bytes = [1; 6];
    disk.open("one").unwrap().read_at(698, &mut bytes).unwrap();
    assert_eq!(&bytes, b"\0\0text");
    assert!(
        file.read_at(699, &mut bytes).is_err(),
        "a read beyond the end succeeded"
    );

    disk.remove("one").unwrap();
    disk.remove("one").unwrap();
    assert_eq!(
        disk.open("one").unwrap_err(),
        DiskError::NotFound {
            name: "one".to_owned()
        }
    );
    assert_eq!(disk.create("two").unwrap().bytes(), Ok(0));
}

#[test]
fn memory_keeps_files() {
    check_disk(&Memory::default());
}

#[test]
fn the_model_keeps_files() {
    check_disk(Model::new(1).disk().as_ref());
}

#[test]
fn a_folder_keeps_files() {
    let parent = tempfile::tempdir().unwrap();

    check_disk(&Folder::open(&parent.path().join("new/data")).unwrap());
}

#[test]
fn a_second_server_on_the_same_folder_is_told_so() {
    let folder = tempfile::tempdir().unwrap();
    let first = Folder::open(folder.path()).unwrap();

    let second = Folder::open(folder.path()).unwrap_err();

    assert_eq!(
        second,
        DiskError::InUse {
            folder: folder.path().to_owned()
        }
    );
    assert!(second.to_string().contains("in use by another meerkat"));
    drop(first);
    Folder::open(folder.path()).unwrap();
}

/// What a run of [`write_twice`] can leave behind: each of three sectors old, new, or torn.
#[test]
fn a_power_cut_keeps_loses_and_tears_each_sector_alone() {
    let mut seen = [BTreeSet::new(), BTreeSet::new(), BTreeSet::new()];
    for seed in 0..200 {
        let bytes = write_twice(seed);
        for (index, sector) in bytes.chunks(512).enumerate() {
            assert!(
                sector.iter().all(|byte| b"on".contains(byte)),
                "seed={seed}"
            );
            let parts = (sector.contains(&b'o'), sector.contains(&b'n'));
            seen[index].insert(match parts {
                (true, false) => "old",
                (false, true) => "new",
                _ => "torn",
            });
        }
    }
    assert!(seen.iter().all(|kinds| kinds.len() == 3), "{seen:?}");
}

fn write_twice(seed: u64) -> Vec<u8> {
    let model = Model::new(seed);
    let disk = model.disk();
    let file = disk.create("file").unwrap();
    file.write_at(0, &[b'o'; 1_536]).unwrap();
    file.sync_data().unwrap();
    disk.sync_names().unwrap();
    file.write_at(0, &[b'n'; 1_536]).unwrap();
    model.cut_power();
    assert!(file.bytes().is_err(), "a handle outlived the machine");
    model.image().remove("file").unwrap()
}

#[test]
fn a_killed_process_loses_nothing_that_it_wrote() {
    let model = Model::new(1);
    model
        .disk()
        .create("file")
        .unwrap()
        .write_at(0, b"text")
        .unwrap();

    model.kill();

    assert_eq!(model.image()["file"], b"text");
}

/// The process goes on seeing what the disk has refused, and a second sync says that all is well.
#[test]
fn a_failed_sync_is_not_made_good_by_the_next() {
    let lost = (0..50).filter(|seed| {
        let model = Model::new(*seed);
        let disk = model.disk();
        let file = disk.create("file").unwrap();
        disk.sync_names().unwrap();
        file.write_at(0, b"text").unwrap();
        model.set_faults(Faults {
            sync_error: 1,
            ..Faults::default()
        });
        file.sync_data().unwrap_err();
        model.set_faults(Faults::default());
        file.sync_data().unwrap();
        assert_eq!(model.image()["file"], b"text");
        model.cut_power();
        model.image()["file"] != b"text"
    });

    assert!((5..45).contains(&lost.count()));
}

#[test]
fn a_full_disk_takes_no_new_bytes_and_all_old_ones() {
    let model = Model::new(1);
    let file = model.disk().create("file").unwrap();
    file.write_at(0, &[1; 1_000]).unwrap();
    model.set_faults(Faults {
        capacity: Some(1_000),
        ..Faults::default()
    });

    assert_eq!(file.write_at(990, &[2; 11]), Err(DiskError::NoSpace));
    assert_eq!(file.write_at(990, &[2; 10]), Ok(()));
    assert_eq!(file.set_bytes(1_001), Err(DiskError::NoSpace));
}

#[test]
fn stalls_are_virtual_time() {
    let model = Model::new(1);
    model.set_faults(Faults {
        stall: 1,
        ..Faults::default()
    });

    model.disk().sync_names().unwrap();

    assert!(model.take_stall_ms() > 0);
    assert_eq!(model.take_stall_ms(), 0);
}

const ROWS: redb::TableDefinition<'_, u64, u64> = redb::TableDefinition::new("rows");

/// redb on the model: what was committed is there after every crash.
#[test]
fn redb_keeps_its_commits_on_the_model() {
    for seed in 0..40 {
        let model = Model::new(seed);
        let mut committed = 0;
        for life in 0..5 {
            model.set_faults(Faults {
                write_through: 4,
                ..Faults::default()
            });
            model.die_after(40 + seed * 7 + life * 50);
            committed = commit_until_death(&model, committed, seed);
            model.cut_power();
        }
        assert!(committed > 3, "seed={seed}");
    }
}

/// Commits one number after the other; the last one that was there or was reported.
fn commit_until_death(model: &Model, committed: u64, seed: u64) -> u64 {
    let disk = model.disk();
    let Some(database) = open_database(&disk) else {
        assert!(model.is_down(), "seed={seed}");
        return committed;
    };
    let found = newest_row(&database);
    if model.is_down() {
        return committed;
    }
    let found = found.unwrap_or(0);
    assert!(
        (committed..=committed + 1).contains(&found),
        "seed={seed}: {committed}, {found}"
    );
    let mut newest = found;
    while write_row(&database, newest + 1).is_some() {
        newest += 1;
    }
    assert!(model.is_down(), "seed={seed}");
    newest
}

fn open_database(disk: &Arc<dyn Disk>) -> Option<redb::Database> {
    let names = disk.list().ok()?;
    let file = if names.is_empty() {
        disk.create("rows")
    } else {
        disk.open("rows")
    };
    disk.sync_names().ok()?;
    redb::Builder::new()
        .create_with_backend(TableFile::open(disk.as_ref(), file.ok()?).ok()?)
        .ok()
}

fn newest_row(database: &redb::Database) -> Option<u64> {
    let rows = database.begin_read().ok()?.open_table(ROWS).ok()?;
    let newest = redb::ReadableTable::last(&rows).ok()??;
    Some(newest.0.value())
}

fn write_row(database: &redb::Database, row: u64) -> Option<()> {
    let mut transaction = database.begin_write().ok()?;
    transaction.set_quick_repair(true);
    transaction.open_table(ROWS).ok()?.insert(row, row).ok()?;
    transaction.commit().ok()
}
