//! What the fuzzer drives: a recovery from arbitrary files, and a log that goes on from there.

use std::collections::BTreeMap;

use crate::base::limits::LOG_READ_BYTES;
use crate::base::limits::LOG_RECORD_BYTES_MAX;
use crate::log::Kind;
use crate::log::Log;
use crate::log::Position;
use crate::log::Request;
use crate::log::SegmentId;
use crate::log::Settings;
use crate::log::credit::cost;
use crate::log::frame::BATCH_HEADER_BYTES;
use crate::log::frame::BATCH_MAGIC;
use crate::log::frame::BatchHeader;
use crate::log::frame::SECTOR_BYTES;
use crate::log::frame::SEGMENT_MAGIC;
use crate::log::frame::put;
use crate::log::frame::wide;
use crate::log::plan::Recovered;
use crate::log::recover::Recovery;
use crate::log::recover::Step;

const SETTINGS: Settings = Settings {
    segment_bytes: 16 << 10,
    segments_max: 6,
};
const LOG: u64 = 7;

type Files = BTreeMap<SegmentId, Vec<u8>>;

/// One recovery; the first byte picks where the files come from: the bytes themselves, a good log with bytes
/// changed, or that with its checksums made good again.
///
/// True when a bound was passed, or when a log that was believed does not keep what is appended to it. Of a
/// log whose checksums were forged only the former can be asked: it may say anything.
pub(crate) fn recovery(input: &[u8]) -> bool {
    let Some((choice, rest)) = input.split_first() else {
        return false;
    };
    let mut files = match choice % 3 {
        0 => rest
            .chunks(rest.len().div_ceil(3).max(1))
            .zip(0..)
            .map(|(bytes, id)| (SegmentId(id), bytes.to_vec()))
            .collect(),
        _ => good_log(),
    };
    if choice % 3 > 0 {
        change(&mut files, rest);
    }
    if choice % 3 == 2 {
        for file in files.values_mut() {
            make_good(file);
        }
    }
    let applied_to = Position::from(choice / 3);
    match recover(&files, applied_to) {
        Outcome::Refused => false,
        Outcome::BoundPassed => true,
        Outcome::Believed(recovered, _) => {
            let is_forged = choice % 3 == 2;
            let goes_on = goes_on(files, *recovered, applied_to);
            !is_forged && !goes_on
        }
    }
}

enum Outcome {
    Believed(Box<Recovered>, Vec<Position>),
    Refused,
    BoundPassed,
}

fn recover(files: &Files, applied_to: Position) -> Outcome {
    let lengths: Vec<_> = files
        .iter()
        .map(|(id, bytes)| (*id, wide(bytes.len())))
        .collect();
    let mut positions = Vec::new();
    let mut recovery = Recovery::new(&lengths, applied_to, LOG);
    // Every sector is looked at a few times at most.
    for _ in 0..4_096 {
        match recovery.poll_output(&mut |record| positions.push(record.position)) {
            Err(_) => return Outcome::Refused,
            Ok(Step::Done) => {
                return Outcome::Believed(Box::new(recovery.finish()), positions);
            }
            Ok(Step::Read {
                segment,
                offset,
                bytes,
            }) => {
                let longest = usize::try_from(cost(LOG_RECORD_BYTES_MAX)).unwrap_or(usize::MAX);
                if bytes > longest.max(LOG_READ_BYTES) {
                    return Outcome::BoundPassed;
                }
                let from = usize::try_from(offset).unwrap_or(usize::MAX);
                let file = files.get(&segment).map_or(&[][..], Vec::as_slice);
                let part = file.get(from..).unwrap_or_default();
                recovery.handle_read(part.get(..bytes).unwrap_or(part));
            }
        }
    }
    Outcome::BoundPassed
}

/// Appends a record and finds it again.
fn goes_on(mut files: Files, recovered: Recovered, applied_to: Position) -> bool {
    let mut log = Log::open(SETTINGS, recovered);
    drain(&mut log, &mut files);
    let Some(position) = log.appended.checked_add(1) else {
        return true;
    };
    if log.append(position, Kind::Epoch, b"epoch").is_err() {
        return log.credit() < cost(5);
    }
    drain(&mut log, &mut files);
    match recover(&files, applied_to) {
        Outcome::Believed(_, positions) => positions.last() == Some(&position),
        Outcome::Refused | Outcome::BoundPassed => false,
    }
}

fn drain(log: &mut Log, files: &mut Files) {
    while let Some(request) = log.poll_output() {
        match request {
            Request::Create { segment, bytes } => {
                files.insert(segment, bytes);
            }
            Request::Write {
                segment,
                offset,
                bytes,
            } => {
                let file = files.entry(segment).or_default();
                let from = usize::try_from(offset).unwrap_or(0);
                file.resize(file.len().max(from + bytes.len()), 0);
                put(file, from, &bytes);
            }
            Request::Remove { segment } => {
                files.remove(&segment);
            }
        }
        log.handle_synced();
    }
}

/// Three segments of records, the oldest used for the second time.
fn good_log() -> Files {
    let mut files = Files::new();
    let fresh = Recovery::new(&[], 0, LOG).finish();
    let mut log = Log::open(SETTINGS, fresh);
    drain(&mut log, &mut files);
    for position in 1..=40 {
        let is_taken = log.append(position, Kind::Entry, &[0x61; 1_200]).is_ok();
        drain(&mut log, &mut files);
        if is_taken && position == 20 {
            log.release(position);
        }
    }
    files
}

/// Each four bytes of `changes`: file, sector, place in the sector, new byte.
fn change(files: &mut Files, changes: &[u8]) {
    for [file, sector, place, byte] in changes.as_chunks::<4>().0 {
        let count = files.len().max(1);
        let Some(file) = files.values_mut().nth(usize::from(*file) % count) else {
            return;
        };
        let sectors = (file.len() / SECTOR_BYTES).max(1);
        let at = usize::from(*sector) % sectors * SECTOR_BYTES + usize::from(*place);
        put(file, at, &[*byte]);
    }
}

/// Gives every sector that begins like a header a checksum that holds.
fn make_good(file: &mut [u8]) {
    for at in (0..file.len()).step_by(SECTOR_BYTES) {
        let rest = file.get_mut(at..).unwrap_or_default();
        let is_segment = rest.starts_with(&SEGMENT_MAGIC.to_be_bytes());
        let is_batch = rest.starts_with(&BATCH_MAGIC.to_be_bytes());
        let end = if is_batch {
            BATCH_HEADER_BYTES
        } else {
            SECTOR_BYTES
        };
        if !is_segment && !is_batch {
            continue;
        }
        fix_sum(rest, end);
        if is_batch && let Some((header, _)) = BatchHeader::parse(rest) {
            let end = usize::try_from(header.bytes()).unwrap_or(usize::MAX);
            let body = rest.get(BATCH_HEADER_BYTES..end).unwrap_or_default();
            let sum = crc32c::crc32c(body);
            put(rest, 36, &sum.to_be_bytes());
            fix_sum(rest, BATCH_HEADER_BYTES);
        }
    }
}

fn fix_sum(bytes: &mut [u8], end: usize) {
    let sum = crc32c::crc32c(bytes.get(8..end).unwrap_or_default());
    put(bytes, 4, &sum.to_be_bytes());
}
