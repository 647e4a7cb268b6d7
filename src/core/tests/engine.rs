//! A node and its log: records of another branch, and what is kept for a peer.

use crate::base::jid::BareJid;
use crate::core::Input;
use crate::core::empty::Rooms;
use crate::core::engine::Engine;
use crate::core::order::Sequencer;
use crate::core::tests::harness::EPOCH;
use crate::core::tests::harness::now;
use crate::core::tests::harness::start;
use crate::log::Kind;
use crate::log::Log;
use crate::log::Settings;
use crate::log::read::ReadStep;
use crate::log::read::Reader;
use crate::model::codec::to_bytes;
use crate::model::entry::Entry;
use crate::model::entry::EpochRecord;
use crate::model::entry::Mode;
use crate::model::op::Op;
use crate::model::position::Epoch;
use crate::model::position::Hlc;
use crate::model::position::Index;
use crate::model::position::OpId;
use crate::model::position::Position;
use crate::model::row::RecordKey;
use crate::model::row::Row;
use crate::model::row::RowName;
use crate::store::disk::log::LogFiles;
use crate::store::disk::model::Model;

const OTHER: Epoch = Epoch {
    counter: 2,
    node: 1,
    salt: 9,
};

struct Node {
    engine: Engine,
    files: LogFiles,
}

impl Node {
    fn new() -> Self {
        let mut files = LogFiles::new(Model::new(1).disk());
        let recovered = files.recover(0, 7, &mut |_| {}).unwrap();
        let settings = Settings {
            segment_bytes: 16 << 10,
            segments_max: 100,
        };
        let mut log = Log::open(settings, recovered);
        while let Some(request) = log.poll_output() {
            files.perform(&request).unwrap();
            log.handle_synced();
        }
        let record = EpochRecord {
            epoch: EPOCH,
            stamp: Hlc::default(),
            mode: Mode::Single,
            parents: Vec::new(),
        };
        log.append(1, Kind::Epoch, &to_bytes(&record)).unwrap();
        let sequencer = Sequencer::Here {
            epoch: EPOCH,
            seq: 0,
        };
        let reach = [Position::new(EPOCH, 0, 0)].into_iter().collect();
        let engine = Engine::new(start(0, sequencer, Rooms::default()), log, reach);
        let mut node = Self { engine, files };
        node.sync();
        node
    }

    fn sync(&mut self) {
        while let Some(request) = self.engine.poll_disk() {
            self.files.perform(&request).unwrap();
            self.engine.handle_disk(now(1_000), Ok(()));
        }
    }

    /// The next entry of the other branch, with so many bytes.
    fn take(&mut self, seq: u64, bytes: usize) -> Option<Index> {
        let jid = BareJid::parse("ann@h").unwrap();
        let row = Row::Bytes {
            bytes: vec![1; bytes].into(),
        };
        let entry = Entry {
            position: Position::new(OTHER, seq, 0),
            stamp: Hlc::default(),
            op_id: OpId::default(),
            origin: None,
            ops: vec![Op::row(
                RecordKey::Account { jid },
                RowName::VCard,
                Some(row),
            )],
        };
        let mut bytes = Vec::new();
        entry.encode(&mut bytes);
        self.engine.append_foreign(Kind::Entry, &bytes).unwrap()
    }

    fn take_epoch(&mut self) -> Option<Index> {
        let record = EpochRecord {
            epoch: OTHER,
            stamp: Hlc::default(),
            mode: Mode::Solo,
            parents: vec![Position::new(EPOCH, 0, 0)],
        };
        let bytes = to_bytes(&record);
        self.engine.append_foreign(Kind::Epoch, &bytes).unwrap()
    }

    fn checkpoint(&mut self) {
        let upto = self.engine.durable_upto();
        self.engine.step(now(1_000), Input::Checkpointed { upto });
        self.sync();
    }
}

#[test]
fn records_of_another_branch_are_in_the_log_once_and_counted_when_durable() {
    let mut node = Node::new();

    assert_eq!(node.take_epoch(), Some(Index(2)));
    assert_eq!(node.take(1, 10), Some(Index(3)));

    let newest = Position::new(OTHER, 1, 0);
    assert!(!node.engine.vector().covers(newest));
    node.sync();
    assert!(node.engine.vector().covers(newest));
    assert_eq!(node.engine.durable_upto(), Index(3));
    assert_eq!((node.take_epoch(), node.take(1, 10)), (None, None));
    assert_eq!(node.engine.durable_upto(), Index(3));
}

#[test]
fn the_log_keeps_what_the_peer_lacks_until_that_is_too_much() {
    let mut node = Node::new();
    let reach = node.engine.vector().clone();
    node.engine.begin_trail(Index(2), reach);
    node.take_epoch();
    node.engine.keep_for_peer(Index(1), 40 << 10);
    for seq in 1..=10 {
        node.take(seq, 2_000);
        node.sync();
    }

    node.checkpoint();

    let mut reader = Reader::new(2);
    let ReadStep::Read {
        segment,
        offset,
        bytes,
    } = node.engine.read(&mut reader, usize::MAX)
    else {
        panic!("nothing is kept")
    };
    assert_eq!((offset, bytes > 0), (512, true));
    reader.handle_read(node.files.read(segment, offset, bytes).unwrap());
    assert_eq!(node.engine.take_trimmed(), None);

    for seq in 11..=60 {
        node.take(seq, 2_000);
        node.sync();
        node.checkpoint();
    }

    let mut reader = Reader::new(2);
    let step = node.engine.read(&mut reader, usize::MAX);
    assert!(matches!(step, ReadStep::Trimmed { .. }), "{step:?}");
    // And it is known what is gone: the record of the epoch is the second of all
    let (oldest, trimmed) = node.engine.take_trimmed().unwrap();
    assert_eq!(trimmed.seq(OTHER), Some(oldest.0 - 3));
}

#[test]
fn a_log_that_was_trimmed_keeps_again_what_the_peer_lacks_once_that_has_met_it() {
    // Given a log that was longer than what is kept for the other board
    let mut node = Node::new();
    node.take_epoch();
    node.engine.keep_for_peer(Index(1), 40 << 10);
    for seq in 1..=60 {
        node.take(seq, 2_000);
        node.sync();
        node.checkpoint();
    }
    assert!(node.engine.log.oldest() > 2);

    // When the other board has all of it, and then is away for a little
    let has = node.engine.durable_upto();
    node.engine.handle_peer_has(has);
    for seq in 61..=70 {
        node.take(seq, 2_000);
        node.sync();
        node.checkpoint();
    }

    // Then it can be given what it lacks
    assert!(Index(node.engine.log.oldest()) <= has.next());
}

#[test]
fn a_log_that_clients_have_filled_takes_the_record_of_an_epoch() {
    let mut node = Node::new();
    let credit = |node: &mut Node| {
        while node.engine.poll_output().is_some() {}
        (node.engine.core.credit, node.engine.log.credit())
    };
    let mut index = 1;
    while credit(&mut node).0 >= 1 << 10 {
        index += 1;
        let (index, position) = (Index(index), Position::new(EPOCH, index, 0));
        node.engine.append_own(index, position, &[0; 600]).unwrap();
    }
    assert!(credit(&mut node).1 >= 4 << 10);
}
