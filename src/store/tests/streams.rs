//! Counts of streams are kept while their clients may come back, and not without bound.

use std::sync::Arc;

use crate::base::ids::SmKey;
use crate::base::limits::STREAM_ROW_MS;
use crate::base::limits::STREAM_ROW_MS_MIN;
use crate::base::limits::STREAM_ROWS_MAX;
use crate::model::entry::Entry;
use crate::model::entry::EpochRecord;
use crate::model::entry::Mode;
use crate::model::entry::Origin;
use crate::model::position::Epoch;
use crate::model::position::Hlc;
use crate::model::position::Index;
use crate::model::position::OpId;
use crate::model::position::Position;
use crate::model::record::Record;
use crate::model::row::RecordKey;
use crate::model::row::RowName;
use crate::store::Store;
use crate::store::memory;
use crate::store::tests::script::bare;

const BEGIN_MS: u64 = 1_700_000_000_000;

struct Life {
    store: Store,
    last: u64,
    stamp: Hlc,
}

impl Life {
    fn new() -> Self {
        let store = memory(1 << 20).unwrap();
        let (epoch, stamp) = (Epoch::default(), Hlc::default());
        let record = EpochRecord {
            epoch,
            stamp,
            mode: Mode::Single,
            parents: Vec::new(),
        };
        store.checkpoint(&[], &[record], Index::default()).unwrap();
        Self {
            store,
            last: 0,
            stamp,
        }
    }

    /// Streams of the account, each with one stanza.
    fn count(&mut self, name: &str, streams: u64, after_ms: u64) {
        for key in 0..streams {
            self.last += 1;
            self.stamp = self.stamp.next(BEGIN_MS + after_ms, 0);
            let origin = Origin {
                jid: bare(name).with_resource("phone").unwrap(),
                key: SmKey(u128::from(key)),
                h: 1,
                iq: None,
            };
            let entry = Entry {
                position: Position::new(Epoch::default(), self.last, 0),
                stamp: self.stamp,
                op_id: OpId::default(),
                origin: Some(origin),
                ops: Vec::new(),
            };
            let index = Index(self.last);
            let entries = [(index, Arc::new(entry))];
            self.store.checkpoint(&entries, &[], index).unwrap();
        }
    }

    fn counts(&self, name: &str) -> usize {
        let jid = bare(name);
        let record = self.store.load(&RecordKey::Account { jid }).unwrap();
        let Record::Account { account } = record else {
            panic!("{record:?}");
        };
        let names = account.rows.iter().map(|(name, _)| name);
        names
            .filter(|name| matches!(name, RowName::Stream { .. }))
            .count()
    }
}

#[test]
fn a_phone_that_was_off_for_a_week_is_told_its_count() {
    let mut life = Life::new();
    life.count("ann@x", 3, 0);

    life.count("bob@x", 100, 7 * STREAM_ROW_MS_MIN);
    assert_eq!(life.counts("ann@x"), 3);

    life.count("bob@x", 100, STREAM_ROW_MS + 1);
    assert_eq!(life.counts("ann@x"), 0);
}

#[test]
fn of_an_account_with_a_stream_for_each_message_some_are_kept() {
    let mut life = Life::new();
    life.count("ann@x", 1_000, 0);
    life.count("bob@x", 100, STREAM_ROW_MS_MIN / 2);
    assert_eq!(life.counts("ann@x"), 1_000);

    life.count("bob@x", 1_000, 2 * STREAM_ROW_MS_MIN);

    let counts = life.counts("ann@x");
    assert!((1..=3 * STREAM_ROWS_MAX).contains(&counts), "{counts}");
}
