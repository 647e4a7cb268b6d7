//! What was reported durable survives every crash, in order and once; nothing comes back from the dead.

use std::ops::Range;
use std::sync::Arc;

use super::harness::Mutant;
use super::harness::Run;
use super::harness::Seen;
use super::script::Script;
use super::script::recover;
use crate::log::Failure;
use crate::log::Log;
use crate::log::Request;
use crate::log::Settings;
use crate::log::frame::SegmentHeader;
use crate::log::frame::Usage;
use crate::store::disk::folder::Folder;
use crate::store::disk::model::Faults;
use crate::store::disk::model::Model;

const LIVES: u64 = 8;

fn first_broken_promise(seeds: u64, mutant: Mutant) -> Option<String> {
    (0..seeds).find_map(|seed| {
        let broken = Run::new(seed, mutant).live(LIVES).err()?;
        Some(format!("seed={seed}: {broken}"))
    })
}

#[test]
fn every_reported_record_survives_thousands_of_crashes() {
    crash(0..500);
}

/// Half an hour; run it with `--ignored` after every change to the log.
#[test]
#[ignore = "half an hour"]
fn every_reported_record_survives_a_million_crashes() {
    crash(500..125_500);
}

fn crash(seeds: Range<u64>) {
    let mut total = Seen::default();
    for seed in seeds {
        let mut run = Run::new(seed, Mutant::None);
        let result = run.live(LIVES);
        assert_eq!(result, Ok(()), "seed={seed}");
        total.lives += run.seen.lives;
        total.reported += run.seen.reported;
        total.recovered += run.seen.recovered;
        total.unreported_kept += run.seen.unreported_kept;
        total.unreported_dropped += run.seen.unreported_dropped;
        total.deaths_in_recovery += run.seen.deaths_in_recovery;
        total.sync_errors += run.seen.sync_errors;
        total.out_of_space += run.seen.out_of_space;
        total.refused_for_space += run.seen.refused_for_space;
    }
    println!("{total:?}");
    let each = [
        total.reported,
        total.recovered,
        total.unreported_kept,
        total.unreported_dropped,
        total.deaths_in_recovery,
        total.sync_errors,
        total.out_of_space,
        total.refused_for_space,
    ];
    assert!(
        each.iter().all(|count| *count > 100),
        "something was never tried: {total:?}"
    );
}

#[test]
fn the_checker_sees_durable_said_before_the_sync() {
    let broken = first_broken_promise(200, Mutant::DurableBeforeSync);

    assert!(broken.is_some());
}

#[test]
fn the_checker_sees_a_segment_used_again_too_early() {
    let broken = first_broken_promise(2_000, Mutant::ReleasedBeforeApplied);
    println!("{broken:?}");

    assert!(broken.is_some());
}

/// A short life over three segments that ends in the call after `calls`; the last position reported.
fn live_until(model: &Model, calls: u64) -> u64 {
    model.die_after(calls);
    let mut durable = 0;
    let Ok((_, recovered, files)) = recover(model.disk(), 0) else {
        return durable;
    };
    let position = recovered.tip;
    let log = Log::open(super::script::SETTINGS, recovered);
    let mut script = Script {
        log,
        files,
        position,
    };
    for batch in 0..12 {
        for _ in 0..3 {
            if script.log.credit() > 4_096 {
                script.append(200 * batch);
            }
        }
        let result = script.drain();
        durable = script.log.durable();
        if result.is_err() {
            break;
        }
    }
    durable
}

/// Two crashes, each in every call in turn: the second one hits the recovery and the first batches after it.
#[test]
fn a_crash_in_every_call_loses_nothing_reported() {
    let calls = (0..).step_by(3).find(|calls| {
        let model = Model::new(1);
        live_until(&model, *calls);
        !model.is_down()
    });
    let calls = calls.unwrap();
    assert!(calls > 60, "the script is too short: {calls} calls");
    for first in 0..calls {
        for second in [1, 2, 3, 4, 6, 8, 11, 14, 18] {
            for power in [[true, true], [false, true], [true, false]] {
                check_two_crashes(first, second, power);
            }
        }
    }
}

fn check_two_crashes(first: u64, second: u64, power: [bool; 2]) {
    let model = Model::new(first * 100 + second);
    model.set_faults(Faults {
        write_through: 3,
        ..Faults::default()
    });
    let mut reported = 0;
    for (calls, is_cut) in [first, second].into_iter().zip(power) {
        reported = live_until(&model, calls).max(reported);
        if is_cut {
            model.cut_power();
        } else {
            model.kill();
        }
    }
    let found = recover(model.disk(), 0);
    assert!(
        found.is_ok(),
        "first={first} second={second} {power:?}: {:?}",
        found.err()
    );
    let (rows, recovered, _) = found.unwrap();

    let positions: Vec<u64> = rows.iter().map(|(position, _)| *position).collect();
    let expected: Vec<u64> = (1..=recovered.tip).collect();
    assert_eq!(
        positions, expected,
        "first={first} second={second} {power:?}"
    );
    assert!(
        recovered.tip >= reported,
        "first={first} second={second} {power:?}"
    );
}

/// Nothing of the torn batch comes back when later starts write around it.
#[test]
fn a_dropped_record_stays_dropped() {
    let model = Model::new(1);
    let mut script = Script::start(&model);
    script.batch(&[100]);
    script.append(3_000);
    let request = script.log.poll_output().unwrap();
    model.die_after(0);
    script.files.perform(&request).unwrap_err();
    model.cut_power();
    let torn = model.image();

    for _ in 0..5 {
        let (rows, recovered, _) = recover(model.disk(), 0).unwrap();
        assert_eq!(rows.len(), 1);
        assert_eq!(recovered.tip, 1);
        // Opened, written again, and gone before the sync.
        model.kill();
    }
    assert_eq!(model.image(), torn, "reading the log changed it");
    let mut script = Script::start(&model);
    script.position = 10;
    script.batch(&[50]);
    script.batch(&[60]);
    model.cut_power();

    let (rows, _, _) = recover(model.disk(), 0).unwrap();
    let positions: Vec<u64> = rows.iter().map(|(position, _)| *position).collect();
    assert_eq!(positions, [1, 11, 12]);
}

/// Two starts in a row crash while they open a segment, in the same file: of the first only the batch reached
/// the disk, of the second only the header. What the first left there is not proof of a loss.
#[test]
fn two_crashes_while_opening_one_file_are_no_damage() {
    let model = Model::new(1);
    let mut script = Script::start(&model);
    script.batch(&[100]);
    let name = |request: &Request| match request {
        Request::Write { segment, .. } => format!("log-{:08x}", segment.0),
        Request::Create { .. } | Request::Remove { .. } => panic!("{request:?}"),
    };
    // Longer than what is left of the segment.
    script.append(8_000);
    script.drain().unwrap();
    script.append(8_000);
    let before = model.image();
    let request = script.log.poll_output().unwrap();
    script.files.perform(&request).unwrap();
    let mut image = model.image();
    let file = name(&request);
    image.get_mut(&file).unwrap()[..512].copy_from_slice(&before[&file][..512]);
    model.set_image(&image);

    let (_, recovered, mut files) = recover(model.disk(), 0).unwrap();
    assert_eq!(recovered.tip, 2);
    let mut log = Log::open(super::script::SETTINGS, recovered);
    let request = log.poll_output().unwrap();
    files.perform(&request).unwrap();
    assert_eq!(name(&request), file);
    let header = model.image()[&file][..512].to_vec();
    image.get_mut(&file).unwrap()[..512].copy_from_slice(&header);
    model.set_image(&image);

    let (rows, _, _) = recover(model.disk(), 0).unwrap();
    assert_eq!(rows.len(), 2);
}

/// After a failed sync the operating system shows what the disk does not hold. It is believed only once it
/// has been written again.
#[test]
fn what_a_failed_sync_left_in_memory_is_written_again() {
    for seed in 0..100 {
        let model = Model::new(seed);
        let mut script = Script::start(&model);
        script.batch(&[100]);
        script.append(2_000);
        model.set_faults(Faults {
            sync_error: 1,
            ..Faults::default()
        });
        script.drain().unwrap_err();
        model.kill();
        model.set_faults(Faults::default());

        let (rows, recovered, _) = recover(model.disk(), 0).unwrap();
        assert_eq!(rows.len(), 2, "the process sees what it wrote");
        let log = Log::open(super::script::SETTINGS, recovered);
        assert_eq!(log.durable(), 1);
        let script = Script::start(&model);
        assert_eq!(script.log.durable(), 2);
        model.cut_power();

        let (rows, _, _) = recover(model.disk(), 0).unwrap();
        assert_eq!(rows.len(), 2, "seed={seed}");
    }
}

/// The newest segment is one batch, written again by a start whose sync failed: only memory has it. The start after
/// that must not write over the segment that really holds the batch.
#[test]
fn the_segment_before_a_doubtful_one_stays() {
    for seed in 0..300 {
        let model = Model::new(seed);
        let mut script = Script::start(&model);
        script.batch(&[100]);
        script.batch(&[200]);
        model.kill();

        let (_, recovered, files) = recover(model.disk(), 1).unwrap();
        model.set_faults(Faults {
            sync_error: 1,
            ..Faults::default()
        });
        let log = Log::open(super::script::SETTINGS, recovered);
        let mut script = Script {
            log,
            files,
            position: 2,
        };
        script.drain().unwrap_err();
        model.kill();

        // No other file is ready and none can be made.
        model.set_faults(Faults {
            capacity: Some(0),
            ..Faults::default()
        });
        for (name, file) in model.image() {
            if SegmentHeader::parse(&file).is_ok_and(|header| header.usage == Usage::Spare) {
                model.disk().remove(&name).unwrap();
            }
        }
        let (_, recovered, mut files) = recover(model.disk(), 1).unwrap();
        let mut log = Log::open(super::script::SETTINGS, recovered);
        log.release(1);
        while let Some(request) = log.poll_output() {
            if matches!(request, Request::Write { .. }) {
                model.die_after(0);
            }
            match files.perform(&request) {
                Ok(()) => log.handle_synced(),
                Err(error) => log.handle_failed(Failure::from(&error)),
            }
        }
        model.cut_power();

        let (rows, _, _) = recover(model.disk(), 1).unwrap();
        assert_eq!(rows, [(2, vec![2; 200])], "seed={seed}");
    }
}

#[test]
fn a_smaller_setting_reads_and_goes_on_with_what_is_there() {
    let model = Model::new(1);
    let large = Settings {
        segment_bytes: 1 << 20,
        segments_max: 8,
    };
    let mut script = Script::start_with(model.disk(), large, 0);
    script.batch(&[300]);
    script.batch(&[200_000]);
    model.kill();
    for _ in 0..3 {
        let mut script = Script::start(&model);
        assert!(script.log.durable() >= 2);
        script.batch(&[300]);
        model.kill();
    }
    let mut script = Script::start(&model);
    script.log.release(script.log.durable());
    script.batch(&[300; 40]);
    script.log.release(script.log.durable());
    script.batch(&[300]);

    let (rows, recovered, _) = recover(model.disk(), 45).unwrap();
    assert_eq!((rows.len(), recovered.tip), (1, 46));
    assert!(
        model.image().values().all(|file| file.len() == 16 << 10),
        "large files remain"
    );
}

#[test]
fn a_log_in_a_folder_is_there_after_a_restart() {
    let parent = tempfile::tempdir().unwrap();
    let open = || Arc::new(Folder::open(parent.path()).unwrap());
    let mut script = Script::start_with(open(), Settings::for_tail(1 << 20), 0);
    for _ in 0..30 {
        script.batch(&[300; 10]);
    }
    drop(script);

    let (rows, recovered, _) = recover(open(), 250).unwrap();

    assert_eq!(rows.len(), 50);
    assert_eq!(rows[0], (251, vec![123; 300]));
    assert_eq!(recovered.tip, 300);
}
