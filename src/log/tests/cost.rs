//! What a record costs on the medium.

use crate::log::Kind;
use crate::log::Log;
use crate::log::Request;
use crate::log::Settings;
use crate::log::Totals;
use crate::log::tests::script::Script;
use crate::log::tests::script::recover;
use crate::store::disk::model::Model;

/// Batches and bytes for 1,000 records of 300 bytes, so many at a time.
fn write_in_batches_of(records: usize) -> Totals {
    let model = Model::new(1);
    let settings = Settings {
        segment_bytes: 1 << 20,
        segments_max: 8,
    };
    let mut script = Script::start_with(model.disk(), settings, 0);
    for _ in 0..1_000 / records {
        script.batch(&vec![300; records]);
    }
    script.log.totals()
}

/// One sync a batch; 12 bytes a record, 48 a batch, and whole sectors.
#[test]
fn a_small_record_costs_a_sector_alone_and_little_in_company() {
    for (records, syncs, bytes) in [(1, 1_000, 512.0), (10, 100, 358.4), (100, 10, 317.4)] {
        let totals = write_in_batches_of(records);

        assert_eq!(totals.batches, syncs);
        // Headers of segments are the rest.
        let each = f64::from(u32::try_from(totals.batch_bytes).unwrap()) / 1_000.0;
        println!("{records} at a time: {syncs} syncs, {each} bytes a record");
        assert!(
            (bytes..bytes + 3.0).contains(&each),
            "{records} at a time: {each} bytes"
        );
    }
}

#[test]
fn what_arrives_during_a_sync_is_one_batch() {
    let mut script = Script::start(&Model::new(1));
    script.append(10);
    let first = script.log.poll_output().unwrap();
    for _ in 0..10 {
        script.append(20);
    }
    assert_eq!(script.log.poll_output(), None, "two requests under way");
    script.files.perform(&first).unwrap();
    script.log.handle_synced();

    script.drain().unwrap();

    assert_eq!(script.log.totals().batches, 2);
    assert_eq!(script.log.durable(), script.position);
}

/// The first start should take 20 ms; what a full segment takes comes later.
#[test]
fn a_new_log_is_ready_after_a_mebibyte() {
    let (_, recovered, mut files) = recover(Model::new(1).disk(), 0).unwrap();
    let settings = Settings::for_tail(8 << 20);
    assert_eq!(settings.segment_bytes, 16 << 20);
    let mut log = Log::open(settings, recovered);

    let request = log.poll_output().unwrap();
    files.perform(&request).unwrap();
    log.handle_synced();

    assert!(matches!(&request, Request::Create { bytes, .. } if bytes.len() == 1 << 20));
    assert!(log.credit() > 1_000_000);
    log.append(1, Kind::Epoch, b"first").unwrap();
    let request = log.poll_output().unwrap();
    files.perform(&request).unwrap();
    log.handle_synced();
    assert!(log.is_durable());
}
