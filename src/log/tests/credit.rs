//! Space is promised in advance, and a full disk fails nobody who has a promise.

use crate::log::AppendError;
use crate::log::Failure;
use crate::log::Kind;
use crate::log::Log;
use crate::log::Request;
use crate::log::credit::Sizes;
use crate::log::credit::cost;
use crate::log::tests::script::Script;
use crate::log::tests::script::recover;
use crate::store::disk::model::Faults;
use crate::store::disk::model::Model;

#[test]
fn a_promise_leaves_out_the_gaps_at_the_ends_of_segments() {
    let sizes = Sizes::new(16 << 10);
    assert_eq!(sizes.cost_max, 8_192);

    assert_eq!(sizes.promise([].into_iter()), 0);
    assert_eq!(sizes.promise([15_872].into_iter()), 15_872);
    assert_eq!(sizes.promise([15_872, 15_872].into_iter()), 8_192 + 15_872);
    assert_eq!(sizes.promise([512, 15_872].into_iter()), 15_872);
}

/// Records of the worst size for the segments: whatever is promised fits.
#[test]
fn a_promise_holds_for_records_that_fit_badly() {
    for bytes in [1, 444, 445, 4_000, 5_200, 7_900, 8_132] {
        let model = Model::new(1);
        let mut script = Script::start(&model);
        let used = u64::try_from(model.image().values().map(Vec::len).sum::<usize>()).unwrap();
        model.set_faults(Faults {
            capacity: Some(used),
            ..Faults::default()
        });

        let mut credit = script.log.credit();
        while credit >= cost(bytes) {
            script.append(bytes);
            script.drain().unwrap();
            credit -= cost(bytes);
            assert!(script.log.credit() >= credit, "{bytes} bytes");
        }

        assert_eq!(script.log.durable(), script.position);
    }
}

#[test]
fn a_full_disk_ends_the_credit_and_a_checkpoint_brings_it_back() {
    let model = Model::new(1);
    let mut script = Script::start(&model);
    model.set_faults(Faults {
        capacity: Some(0),
        ..Faults::default()
    });
    while script.log.credit() >= cost(400) {
        script.batch(&[400]);
    }
    assert!(script.log.is_out_of_space());
    assert_eq!(script.log.poisoned(), None);
    let refused = script
        .log
        .append(script.position + 1, Kind::Entry, &[0; 400]);
    assert!(
        matches!(refused, Err(AppendError::BugNoCredit { .. })),
        "{refused:?}"
    );

    script.log.release(script.position);

    assert!(script.log.credit() >= 10 * cost(400));
    script.batch(&[400; 10]);
    assert_eq!(script.log.durable(), script.position);
}

#[test]
fn service_resumes_when_the_disk_has_space_again() {
    let model = Model::new(1);
    let mut script = Script::start(&model);
    model.set_faults(Faults {
        capacity: Some(0),
        ..Faults::default()
    });
    while script.log.credit() >= cost(400) {
        script.batch(&[400]);
    }
    model.set_faults(Faults::default());
    assert_eq!(
        script.log.poll_output(),
        None,
        "it asks again without being told to"
    );

    script.log.handle_retry();
    script.drain().unwrap();

    assert!(!script.log.is_out_of_space());
    assert!(script.log.credit() >= 10 * cost(400));
}

/// Without the spare that only a start may take, a server on a full disk could not even begin an epoch.
#[test]
fn a_start_on_a_full_disk_can_write() {
    let model = Model::new(1);
    let mut script = Script::start(&model);
    model.set_faults(Faults {
        capacity: Some(0),
        ..Faults::default()
    });
    while script.log.credit() >= cost(400) {
        script.batch(&[400]);
    }
    model.kill();

    let (rows, recovered, mut files) = recover(model.disk(), 0).unwrap();
    let mut log = Log::open(super::script::SETTINGS, recovered);
    log.append(script.position + 1, Kind::Epoch, &[0; 400])
        .unwrap();
    while let Some(request) = log.poll_output() {
        match files.perform(&request) {
            Ok(()) => log.handle_synced(),
            Err(error) => log.handle_failed(Failure::from(&error)),
        }
    }

    assert_eq!(u64::try_from(rows.len()).unwrap(), script.position);
    assert_eq!(log.durable(), script.position + 1);
}

/// Each start takes a segment, and only a checkpoint gives one back.
#[test]
fn a_server_that_never_reaches_a_checkpoint_can_still_start() {
    let model = Model::new(1);
    for start in 1..40 {
        let mut script = Script::start(&model);
        script.batch(&[100]);
        assert_eq!(script.log.durable(), start);
        model.kill();
    }
    let mut script = Script::start(&model);
    script.batch(&[100]);

    script.log.release(script.log.durable());
    script.drain().unwrap();

    assert!(model.image().len() <= super::script::SETTINGS.segments_max);
    assert!(!script.log.is_out_of_space());
}

#[test]
fn an_error_of_a_batch_is_the_end() {
    let mut script = Script::start(&Model::new(1));
    script.append(1);
    assert!(matches!(
        script.log.poll_output(),
        Some(Request::Write { .. })
    ));

    script.log.handle_failed(Failure::NoSpace);

    assert_eq!(script.log.poisoned(), Some(Failure::NoSpace));
    assert_eq!(script.log.durable(), 0);
    assert_eq!(script.log.poll_output(), None);
    let refused = script.log.append(9, Kind::Entry, b"late");
    assert_eq!(refused, Err(AppendError::LocalPoisoned));
}

#[test]
fn positions_only_grow_and_records_have_a_largest_size() {
    let mut script = Script::start(&Model::new(1));
    script.append(1);

    let again = script.log.append(script.position, Kind::Entry, b"again");
    let long = script.log.append(99, Kind::Entry, &vec![0; 8_133]);

    assert_eq!(
        again,
        Err(AppendError::BugOutOfOrder {
            position: 1,
            last: 1
        })
    );
    assert_eq!(
        long,
        Err(AppendError::BugTooLong {
            bytes: 8_133,
            bytes_max: 8_132
        })
    );
}

/// Zeros ahead are written between batches, or a stream of batches would use up what is ready.
#[test]
fn a_busy_log_still_prepares_segments() {
    let mut script = Script::start(&Model::new(1));
    for _ in 0..100 {
        while script.log.pending_bytes() < 6_000 {
            assert!(script.log.credit() >= cost(5_000));
            script.append(5_000);
        }
        let request = script.log.poll_output().unwrap();
        script.files.perform(&request).unwrap();
        script.log.handle_synced();
        script.log.release(script.log.durable());
    }
}
