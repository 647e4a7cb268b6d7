//! What is read back while the log is written is what was appended, as far as it is durable.

use crate::base::random::Rng;
use crate::log::Settings;
use crate::log::read::Copied;
use crate::log::read::ReadStep;
use crate::log::read::Reader;
use crate::log::tests::script::Script;
use crate::store::disk::model::Faults;
use crate::store::disk::model::Model;

const SETTINGS: Settings = Settings {
    segment_bytes: 16 << 10,
    segments_max: 1_000,
};

/// One answer: records, or why there are none.
fn read(
    script: &mut Script,
    reader: &mut Reader,
    bytes_max: usize,
) -> Result<Vec<Copied>, ReadStep> {
    loop {
        match reader.poll_output(&script.log, bytes_max) {
            ReadStep::Read {
                segment,
                offset,
                bytes,
            } => {
                let bytes = script.files.read(segment, offset, bytes).unwrap();
                reader.handle_read(bytes);
            }
            ReadStep::Records(records) => return Ok(records),
            step => return Err(step),
        }
    }
}

fn assert_is_appended(records: &[Copied], sizes: &[usize], from: u64) {
    for (record, position) in records.iter().zip(from..) {
        assert_eq!(record.position, position);
        let index = usize::try_from(position).unwrap() - 1;
        assert_eq!(record.bytes.len(), sizes[index]);
        let fill = u8::try_from(position & 0x7f).unwrap();
        assert!(record.bytes.iter().all(|byte| *byte == fill));
    }
}

#[test]
fn a_reader_gets_every_durable_record_once_while_others_are_written() {
    for seed in 0..40 {
        println!("seed {seed}");
        let mut rng = Rng::from_number(seed);
        let model = Model::new(seed);
        let mut script = Script::start_with(model.disk(), SETTINGS, 0);
        let mut sizes = Vec::new();
        let mut readers = vec![(Reader::new(1), 1)];
        for _ in 0..150 {
            for _ in 0..rng.below(5) {
                let bytes = usize::try_from(rng.below(900)).unwrap();
                sizes.push(bytes);
                script.append(bytes);
            }
            if rng.one_in(2) {
                script.drain().unwrap();
            } else if let Some(request) = script.log.poll_output() {
                script.files.perform(&request).unwrap();
                script.log.handle_synced();
            }
            if rng.one_in(10) {
                let from = 1 + rng.below(script.log.durable() + 1);
                readers.push((Reader::new(from), from));
            }
            for (reader, next) in &mut readers {
                if rng.one_in(3) {
                    let bytes_max = usize::try_from(rng.below(9_000)).unwrap();
                    let records = read(&mut script, reader, bytes_max).unwrap();
                    assert_is_appended(&records, &sizes, *next);
                    *next += u64::try_from(records.len()).unwrap();
                    let is_all = *next > script.log.durable();
                    let bytes: usize = records.iter().map(|record| record.bytes.len()).sum();
                    assert!(is_all || bytes >= bytes_max, "{bytes} of {bytes_max}");
                }
            }
        }
        for (reader, next) in &mut readers {
            let records = read(&mut script, reader, usize::MAX).unwrap();
            assert_is_appended(&records, &sizes, *next);
            assert_eq!(reader.next(), script.log.durable() + 1);
        }
    }
}

#[test]
fn what_was_given_away_cannot_be_read() {
    let mut script = Script::start_with(Model::new(1).disk(), SETTINGS, 0);
    for _ in 0..100 {
        script.batch(&[800]);
    }
    let mut reader = Reader::new(1);
    assert_eq!(read(&mut script, &mut reader, 1).unwrap().len(), 1);

    script.log.release(60);
    for _ in 0..100 {
        script.batch(&[800]);
    }

    let oldest = script.log.oldest();
    assert!((2..=61).contains(&oldest), "{oldest}");
    assert_eq!(
        read(&mut script, &mut reader, usize::MAX),
        Err(ReadStep::Trimmed { oldest })
    );
    let records = read(&mut script, &mut Reader::new(oldest), usize::MAX).unwrap();
    assert_eq!(records.first().unwrap().position, oldest);
    assert_eq!(records.last().unwrap().position, 200);
}

#[test]
fn a_log_that_is_kept_for_a_peer_is_whole_after_a_start() {
    let model = Model::new(1);
    let mut script = Script::start_with(model.disk(), SETTINGS, 0);
    let sizes = [800; 100];
    for bytes in sizes {
        script.batch(&[bytes]);
    }
    drop(script);
    model.kill();

    let mut script = Script::start_keeping(model.disk(), SETTINGS, 90);

    let records = read(&mut script, &mut Reader::new(1), usize::MAX).unwrap();
    assert_is_appended(&records, &sizes, 1);
    assert_eq!(records.len(), 100);
}

#[test]
fn a_start_that_died_while_it_opened_a_segment_takes_nothing_from_what_is_kept() {
    for seed in 0..200 {
        let calls = seed % 20;
        // Given starts of which the last ones died
        let model = Model::new(seed);
        model.set_faults(Faults {
            write_through: 2,
            ..Faults::default()
        });
        let mut script = Script::start_keeping(model.disk(), SETTINGS, 0);
        let sizes = [800; 20];
        for bytes in sizes {
            script.batch(&[bytes]);
        }
        drop(script);
        for again in 0..2 {
            model.kill();
            let mut script = Script::start_keeping(model.disk(), SETTINGS, 20);
            script.append(800);
            model.die_after(calls + again);
            let _died = script.drain().is_err();
            model.cut_power();
        }

        // When one does not
        model.kill();
        let mut script = Script::start_keeping(model.disk(), SETTINGS, 20);
        script.batch(&[800]);

        // Then everything can be read
        let records = read(&mut script, &mut Reader::new(1), usize::MAX);
        let records = records.map(|records| records.first().map(|first| first.position));
        assert_eq!(records, Ok(Some(1)), "{seed}");
    }
}

#[test]
fn what_a_start_writes_again_does_not_go_with_the_file_before() {
    // Given a start that writes the last batch again, into its first file
    let model = Model::new(1);
    let mut script = Script::start_keeping(model.disk(), SETTINGS, 0);
    script.batch(&[800]);
    script.batch(&[800, 800]);
    drop(script);
    model.kill();
    let mut script = Script::start_keeping(model.disk(), SETTINGS, 0);
    script.batch(&[800]);
    let ends: Vec<u64> = script.log.ends().collect();

    // When the file before that one goes
    script.log.release(4);

    // Then what was told of its end is what is gone
    assert_eq!((ends, script.log.oldest()), (vec![2], 3));
}

#[test]
fn what_is_left_of_a_segment_before_a_gap_is_not_read() {
    for released in 1..100 {
        // Given segments that were given back, some of whose files are still there
        let model = Model::new(released);
        let mut script = Script::start_with(model.disk(), SETTINGS, 0);
        for position in 1..=100 {
            script.batch(&[800]);
            if position == released {
                script.log.release(position);
            }
        }
        let tip = script.position;
        script.log.release(tip);
        drop(script);
        model.kill();

        // When a start keeps all it finds
        let mut script = Script::start_keeping(model.disk(), SETTINGS, tip);

        // Then all of that can be read
        let oldest = script.log.oldest();
        let records = read(&mut script, &mut Reader::new(oldest), usize::MAX).unwrap();
        let positions = records.iter().map(|record| record.position);
        assert!(positions.eq(oldest..=tip), "{released} {oldest}");
    }
}
