//! The checker sees what it is for, one complaint at a time.

use super::*;

const LINE: &str = "ann-bob";

fn entry(number: u64) -> Entry {
    Entry {
        id: format!("id{number}"),
        line: LINE.to_owned(),
        number,
    }
}

/// Three messages, all of them promised.
fn three() -> History {
    let mut history = History::default();
    for number in 0..3 {
        assert_eq!(history.message_sent(LINE), number);
        history.message_promised(LINE, number);
    }
    history
}

fn complaints(mut history: History, entries: impl IntoIterator<Item = Entry>) -> Vec<Complaint> {
    let lines = [LINE.to_owned()];
    history.check_archive("bob", &lines, entries.into_iter().collect());
    history.complaints
}

fn about(complaint: fn(String, String, u64) -> Complaint, number: u64) -> Complaint {
    complaint("bob".to_owned(), LINE.to_owned(), number)
}

#[test]
fn a_kept_promise_is_no_complaint() {
    assert_eq!(complaints(three(), [entry(0), entry(1), entry(2)]), []);
}

#[test]
fn an_unconfirmed_message_may_be_there_or_not() {
    let mut history = three();
    history.message_sent(LINE);
    assert_eq!(complaints(history, [entry(0), entry(1), entry(2)]), []);
    let mut history = three();
    history.message_sent(LINE);
    assert_eq!(complaints(history, (0..4).map(entry)), []);
}

#[test]
fn a_lost_message_is_reported() {
    let lost = |archive, line, number| Complaint::Lost {
        archive,
        line,
        number,
    };
    assert_eq!(complaints(three(), [entry(0), entry(2)]), [about(lost, 1)]);
}

#[test]
fn a_repeated_message_is_reported() {
    let again = Entry {
        id: "other".to_owned(),
        ..entry(1)
    };
    let repeated = |archive, line, number| Complaint::Repeated {
        archive,
        line,
        number,
    };
    assert_eq!(
        complaints(three(), [entry(0), entry(1), again, entry(2)]),
        [about(repeated, 1)]
    );
}

#[test]
fn a_changed_order_is_reported() {
    let disordered = |archive, line, number| Complaint::Disordered {
        archive,
        line,
        number,
    };
    assert_eq!(
        complaints(three(), [entry(0), entry(2), entry(1)]),
        [about(disordered, 1)]
    );
}

#[test]
fn a_message_that_nobody_sent_is_reported() {
    let unknown = |archive, line, number| Complaint::Unknown {
        archive,
        line,
        number,
    };
    assert_eq!(complaints(three(), (0..4).map(entry)), [about(unknown, 3)]);
}

#[test]
fn an_id_that_is_used_twice_is_reported() {
    let same = Entry {
        id: "id0".to_owned(),
        ..entry(1)
    };
    assert_eq!(
        complaints(three(), [entry(0), same, entry(2)]),
        [Complaint::SameId {
            archive: "bob".to_owned(),
            id: "id0".to_owned()
        }]
    );
}

#[test]
fn a_past_that_changes_is_reported() {
    let mut history = three();
    history.check_archive("bob", &[LINE.to_owned()], (0..3).map(entry).collect());
    let renamed = Entry {
        id: "new".to_owned(),
        ..entry(1)
    };
    assert_eq!(
        complaints(history, [entry(0), renamed, entry(2)]),
        [Complaint::Rewritten {
            archive: "bob".to_owned(),
            place: 1
        }]
    );
}

#[test]
fn a_delivery_that_is_not_archived_is_reported() {
    let mut history = three();
    history.message_sent(LINE);
    history.message_delivered("bob", entry(3));
    let found = complaints(history, (0..3).map(entry));
    let lost = |archive, line, number| Complaint::Lost {
        archive,
        line,
        number,
    };
    assert_eq!(
        found,
        [
            about(lost, 3),
            Complaint::Unarchived {
                archive: "bob".to_owned(),
                entry: entry(3)
            }
        ]
    );
}

#[test]
fn deliveries_follow_the_order_of_the_archive_within_a_session() {
    let mut history = three();
    history.message_delivered("bob", entry(1));
    // After a crash a message may come again (the same one, under the same id) ...
    history.session_began("bob");
    history.message_delivered("bob", entry(1));
    // ... but not out of order.
    history.message_delivered("bob", entry(0));
    assert_eq!(
        complaints(history, (0..3).map(entry)),
        [Complaint::DeliveredOutOfOrder {
            archive: "bob".to_owned(),
            entry: entry(0)
        }]
    );
}

#[test]
fn what_never_arrived_is_reported_at_the_end() {
    let mut history = three();
    history.message_delivered("bob", entry(0));
    history.message_delivered("bob", entry(2));
    history.check_archive("bob", &[LINE.to_owned()], (0..3).map(entry).collect());
    assert_eq!(history.undelivered("bob", LINE), BTreeSet::from([1]));
    history.check_delivered("bob", LINE);
    let undelivered = |archive, line, number| Complaint::Undelivered {
        archive,
        line,
        number,
    };
    assert_eq!(history.complaints(), [about(undelivered, 1)]);
}

#[test]
fn a_register_shows_what_was_confirmed_or_something_later() {
    let mut history = History::default();
    let places =
        [Some(1), Some(2), None, Some(3)].map(|value| history.register_written("x", value));
    history.register_promised("x", places[1]);
    for shown in [Some(2), None, Some(3), Some(3)] {
        history.check_register("x", shown);
    }
    assert_eq!(history.complaints(), []);
    for shown in [Some(2), None, Some(4)] {
        history.check_register("x", shown);
    }
    assert_eq!(history.complaints().len(), 3);
}
