//! Damage is not a torn tail, and a torn tail is not damage.

use std::collections::BTreeMap;

use crate::base::random::Entropy as _;
use crate::base::random::Rng;
use crate::log::frame::BatchHeader;
use crate::log::frame::SECTOR_BYTES;
use crate::log::frame::SegmentHeader;
use crate::log::frame::Start;
use crate::log::frame::Usage;
use crate::log::recover::RecoverError;
use crate::log::tests::script::Rows;
use crate::log::tests::script::Script;
use crate::log::tests::script::recover;
use crate::store::disk::log::LogError;
use crate::store::disk::model::Model;
use crate::store::disk::model::Rot;

type Image = BTreeMap<String, Vec<u8>>;

/// A log over several segments, and where its last batch is.
struct Written {
    image: Image,
    rows: Rows,
    last_batch_rows: usize,
    last_batch: (String, std::ops::Range<usize>),
}

fn write() -> Written {
    let model = Model::new(1);
    let mut script = Script::start(&model);
    for batch in 0..20 {
        script.batch(&[308, 40 * batch + 8, 1_908]);
    }
    let before = model.image();
    script.batch(&[308, 308]);
    let image = model.image();
    let differs = |name: &String| image[name] != before[name];
    let name = before.keys().find(|name| differs(name)).unwrap().clone();
    let start = image[&name]
        .iter()
        .zip(&before[&name])
        .position(|(new, old)| new != old);
    let start = start.unwrap() / SECTOR_BYTES * SECTOR_BYTES;
    let (rows, _, _) = recover(model.disk(), 0).unwrap();
    assert_eq!(rows.len(), 62);
    Written {
        image,
        rows,
        last_batch_rows: 2,
        last_batch: (name, start..start + 2 * SECTOR_BYTES),
    }
}

fn recover_image(image: &Image) -> Result<Rows, RecoverError> {
    let model = Model::new(2);
    model.set_image(image);
    match recover(model.disk(), 0) {
        Ok((rows, _, _)) => Ok(rows),
        Err(LogError::Log(error)) => Err(error),
        Err(LogError::Disk(error)) => panic!("{error}"),
    }
}

fn rot(image: &Image, name: &str, at: usize, bytes: usize, rot: Rot) -> Image {
    let model = Model::new(3);
    model.set_image(image);
    model.rot(name, at, bytes, rot);
    model.image()
}

#[test]
fn damage_to_any_sector_is_found_or_does_not_matter() {
    let written = write();
    let short = written.rows.len() - written.last_batch_rows;
    let (mut found, mut harmless) = (0, 0);
    for (name, contents) in &written.image {
        for at in (0..contents.len()).step_by(SECTOR_BYTES) {
            for kind in [Rot::Flip, Rot::Zeros, Rot::Ones] {
                let result = recover_image(&rot(&written.image, name, at, SECTOR_BYTES, kind));
                match result {
                    Err(_) => found += 1,
                    Ok(rows) if rows == written.rows => harmless += 1,
                    // Nothing tells this from a write that a crash cut short.
                    Ok(rows) => {
                        let (last_name, last) = &written.last_batch;
                        assert!(
                            name == last_name && last.contains(&at),
                            "{name} {at} {kind:?}"
                        );
                        assert!(rows == written.rows[..short], "{name} {at} {kind:?}");
                    }
                }
            }
        }
    }
    assert!(
        found > 200 && harmless > 200,
        "{found} found, {harmless} harmless"
    );
}

/// A card loses whole blocks; the batch after such a block proves that something was there.
#[test]
fn a_lost_block_is_found_wherever_something_follows() {
    let written = write();
    let (last_name, last) = &written.last_batch;
    let mut rng = Rng::from_number(4);
    for (name, contents) in &written.image {
        for _ in 0..40 {
            let from = usize::try_from(rng.below(30)).unwrap() * SECTOR_BYTES;
            let end = if name == last_name {
                last.start
            } else {
                contents.len()
            };
            let bytes = usize::try_from(rng.below(32)).unwrap() * SECTOR_BYTES;
            let bytes = bytes.min(end.saturating_sub(from));
            let kind = if rng.one_in(2) { Rot::Zeros } else { Rot::Ones };
            let damaged = rot(&written.image, name, from, bytes, kind);
            if let Ok(rows) = recover_image(&damaged) {
                assert!(rows == written.rows, "{name} {from}+{bytes} {kind:?}");
            }
        }
    }
}

#[test]
fn the_operator_is_told_the_file_and_the_place() {
    let written = write();
    let (name, last) = &written.last_batch;
    let model = Model::new(2);
    model.set_image(&rot(&written.image, name, last.start - 512, 1, Rot::Flip));

    let text = recover(model.disk(), 0).unwrap_err().to_string();

    assert!(text.contains(name) && text.contains("at byte"), "{text}");
}

#[test]
fn a_missing_or_shortened_segment_is_found() {
    let written = write();
    let (last_name, _) = &written.last_batch;
    let used: Vec<&String> = written
        .image
        .keys()
        .filter(|name| {
            let without: Image = without(&written.image, name);
            *name != last_name && recover_image(&without).ok().as_ref() != Some(&written.rows)
        })
        .collect();
    assert!(used.len() >= 2);

    for name in used {
        let missing = recover_image(&without(&written.image, name));
        assert!(
            matches!(missing, Err(RecoverError::Damaged { .. })),
            "{name}: {missing:?}"
        );
        let mut short = written.image.clone();
        short.get_mut(name).unwrap().truncate(9_000);
        let short = recover_image(&short);
        assert!(
            matches!(short, Err(RecoverError::Damaged { .. })),
            "{name}: {short:?}"
        );
    }
    let mut short = written.image.clone();
    short.get_mut(last_name).unwrap().truncate(1_024);
    assert!(matches!(
        recover_image(&short),
        Err(RecoverError::Damaged { .. })
    ));
}

fn without(image: &Image, name: &str) -> Image {
    image
        .iter()
        .filter(|(other, _)| *other != name)
        .map(|(n, b)| (n.clone(), b.clone()))
        .collect()
}

/// The device has lost one write, of a first sector: what it had there before looks fine.
#[test]
fn a_lost_header_of_a_segment_is_found() {
    let mut written = write();
    let (name, last) = &written.last_batch;
    assert!(
        last.start > SECTOR_BYTES,
        "nothing follows the first batch of the segment"
    );
    let spare = SegmentHeader {
        log: 7,
        usage: Usage::Spare,
    }
    .write();
    written.image.get_mut(name).unwrap()[..SECTOR_BYTES].copy_from_slice(&spare);

    let result = recover_image(&written.image);

    assert!(
        matches!(result, Err(RecoverError::Damaged { offset: 0, .. })),
        "{result:?}"
    );
}

#[test]
fn a_log_that_ends_below_the_tables_is_found() {
    let written = write();
    let (name, last) = &written.last_batch;
    let applied_to = written.rows.last().unwrap().0;
    let model = Model::new(2);
    model.set_image(&rot(&written.image, name, last.start, 1, Rot::Flip));

    let error = recover(model.disk(), applied_to).unwrap_err();

    let tip = applied_to - 2;
    assert_eq!(
        error,
        LogError::Log(RecoverError::Behind { tip, applied_to })
    );
}

/// Two histories from one image, of which one segment each is put together: only the hashes differ.
#[test]
fn a_segment_of_another_history_is_found_by_its_hash() {
    let [one, two] = [b'1', b'2'].map(|fill| {
        let model = Model::new(1);
        let mut script = Script::start(&model);
        for _ in 0..12 {
            script.position += 1;
            let kind = crate::log::Kind::Entry;
            script
                .log
                .append(script.position, kind, &[fill; 3_500])
                .unwrap();
            script.drain().unwrap();
        }
        model.image()
    });
    let headers = |image: &Image, name: &str| BatchHeader::parse(&image[name][512..]).unwrap().0;
    let names: Vec<&String> = one.keys().filter(|name| one[*name] != two[*name]).collect();
    assert_eq!(names.len(), 3);
    for name in names {
        let (a, b) = (headers(&one, name), headers(&two, name));
        assert_eq!((a.log, a.sequence, a.number), (b.log, b.sequence, b.number));
        let mut mixed = one.clone();
        mixed.insert(name.clone(), two[name].clone());

        let result = recover_image(&mixed);

        assert!(
            matches!(result, Err(RecoverError::Damaged { .. })),
            "{name}: {result:?}"
        );
    }
}

#[test]
fn a_file_of_another_log_is_refused() {
    let written = write();
    let mut image = written.image.clone();
    let (name, last) = &written.last_batch;
    let header = SegmentHeader {
        log: 8,
        usage: Usage::Spare,
    };
    image.insert("log-000000ff".to_owned(), header.write().repeat(3));

    assert!(matches!(
        recover_image(&image),
        Err(RecoverError::Foreign { .. })
    ));
    assert!(last.start > 0, "{name}");
}

/// Somebody sends bytes that look like a later batch, and the batch with them is torn: no damage. The number
/// of the log is random because with it the same bytes would keep the server from starting.
#[test]
fn a_message_cannot_pretend_to_be_a_later_batch() {
    for (log, is_damage) in [(8, false), (7, true)] {
        let model = Model::new(1);
        let mut script = Script::start(&model);
        script.batch(&[10]);
        let before = model.image();
        let forged = BatchHeader {
            log,
            sequence: 1,
            number: 1_000,
            parent: 0,
            body_sum: 0,
            body_bytes: 0,
            records: 1,
        };
        // At every distance from the sector's start, as the sender does not know it.
        let payload: Vec<u8> = (0..16)
            .flat_map(|_| forged.write().0)
            .chain([0; 4])
            .collect();
        let payload = payload.repeat(10);
        script.position += 1;
        script
            .log
            .append(script.position, crate::log::Kind::Entry, &payload[4..7_000])
            .unwrap();
        script.drain().unwrap();
        let mut image = model.image();
        let name = before
            .keys()
            .find(|name| before[*name] != image[*name])
            .unwrap()
            .clone();
        let torn = image.get_mut(&name).unwrap();
        let hit = (0..torn.len() / 512).any(|sector| {
            BatchHeader::parse(&torn[sector * 512..]).is_some_and(|(header, _)| header == forged)
        });
        assert!(hit, "no forged header at the start of a sector");
        torn[1_024 + 100] ^= 1;

        let result = recover_image(&image);

        assert_eq!(result.is_err(), is_damage, "{result:?}");
    }
}

/// The fuzzer's three kinds of input, from seeds.
#[test]
fn a_recovery_from_any_bytes_ends_within_its_bounds() {
    for seed in 0..6_000 {
        let mut rng = Rng::from_number(seed);
        let bytes = usize::try_from(rng.below(if seed % 3 == 0 { 9_000 } else { 60 })).unwrap();
        let mut input = vec![0; bytes + 1];
        rng.fill(&mut input);
        input[0] = u8::try_from(seed % 90).unwrap();
        // Sectors and places of changes: mostly where the headers are.
        for place in input.iter_mut().skip(3).step_by(4) {
            *place %= 72;
        }
        assert!(!crate::log::fuzz::recovery(&input), "seed={seed}");
    }
}

/// The files in use with their headers, oldest first.
fn active(image: &Image) -> Vec<(String, SegmentHeader, Start)> {
    let headers = image.iter().filter_map(|(name, bytes)| {
        let header = SegmentHeader::parse(bytes).ok()?;
        match header.usage {
            Usage::Active(start) => Some((name.clone(), header, start)),
            Usage::Spare => None,
        }
    });
    let mut active: Vec<_> = headers.collect();
    active.sort_by_key(|(_, _, start)| start.sequence);
    active
}

#[test]
fn a_newest_segment_that_does_not_begin_where_the_log_ends_is_found() {
    let written = write();
    let (oldest, header, start) = active(&written.image)[0].clone();
    let mut image = written.image;
    let usage = Usage::Active(Start {
        sequence: start.sequence + 1_000,
        ..start
    });
    let forged = SegmentHeader { usage, ..header }.write();
    image.get_mut(&oldest).unwrap()[..SECTOR_BYTES].copy_from_slice(&forged);

    let result = recover_image(&image);

    assert!(
        matches!(result, Err(RecoverError::Damaged { offset: 0, .. })),
        "{result:?}"
    );
}

#[test]
fn damage_before_a_segment_that_a_crash_left_empty_is_found() {
    let written = write();
    let in_use = active(&written.image);
    let [.., (before, _, start), (newest, _, next)] = in_use.as_slice() else {
        panic!("two segments in use");
    };
    assert!(next.first > start.first);
    let torn = rot(&written.image, newest, SECTOR_BYTES, 16 << 10, Rot::Zeros);
    assert!(recover_image(&torn).is_ok());
    let last = (1..written.image[before].len() / SECTOR_BYTES)
        .rev()
        .find(|sector| BatchHeader::parse(&torn[before][sector * SECTOR_BYTES..]).is_some())
        .unwrap();

    let damaged = rot(&torn, before, last * SECTOR_BYTES, SECTOR_BYTES, Rot::Flip);

    let result = recover_image(&damaged);
    assert!(
        matches!(result, Err(RecoverError::Damaged { .. })),
        "{result:?}"
    );
}
