//! Boards that give up what the other lacks, and copies for those that lack it.

use std::sync::Arc;

use crate::mirror::Input;
use crate::mirror::Notice;
use crate::mirror::Output;
use crate::mirror::Start;
use crate::mirror::State;
use crate::mirror::fault::Fault;
use crate::mirror::fault::Refusal;
use crate::mirror::frame::Class;
use crate::mirror::frame::Frame;
use crate::mirror::frame::Hello;
use crate::mirror::frame::Record;
use crate::mirror::tests::board::Board;
use crate::mirror::tests::board::entry;
use crate::mirror::tests::end::End;
use crate::mirror::tests::end::FIRST;
use crate::mirror::tests::end::hello;
use crate::mirror::tests::end::record;
use crate::mirror::tests::end::start;
use crate::mirror::tests::world::World;
use crate::model::entry::EpochRecord;
use crate::model::entry::Mode;
use crate::model::position::Epoch;
use crate::model::position::Hlc;
use crate::model::position::Position;
use crate::model::vector::Vector;

impl World {
    /// Trims what the other may lack, unless the other has done so to this one.
    pub(super) fn give_up(&mut self, n: usize) {
        let (board, other) = (&self.boards[n], &self.boards[1 - n]);
        let mut gone = other.log.iter().take(other.trimmed);
        let lacks = gone.any(|(position, _)| !board.is_durable(*position));
        let most = board.durable.saturating_sub(2);
        if lacks || most <= board.trimmed {
            return;
        }
        self.boards[n].trimmed = most;
        let oldest = u64::try_from(most).unwrap() + 1;
        let vector = self.boards[n].trimmed_vector();
        self.input(n, Input::Trimmed { oldest, vector });
    }

    /// The board that asked for it gets what the other has on its disk, and nothing else is left to it.
    pub(super) fn copy(&mut self) {
        let Some(n) = self.to_copy.take() else { return };
        let lacks = |(position, _): &(Position, Record)| !self.boards[1 - n].is_durable(*position);
        if self.boards[n].log.iter().any(lacks) {
            self.fail("a copy takes the place of what the other board lacks");
        }
        self.copies += 1;
        self.crash(n, false);
        let other = &self.boards[1 - n];
        let log = other.log[..other.durable].to_vec();
        let boots = self.boards[n].boots;
        let node = self.boards[n].node;
        let mut board = Board::new(node, log);
        board.trimmed = board.log.len();
        board.join_mark = true;
        board.boots = boots;
        self.boards[n] = board;
        self.boot(n);
    }
}

fn vector(positions: &[Position]) -> Vector {
    positions.iter().copied().collect()
}

/// The greeting of a board that has less than was trimmed here.
fn behind(node: u8) -> Hello {
    Hello {
        vector: vector(&[Position::new(FIRST, 1, 0)]),
        ..hello(node)
    }
}

/// A board that has trimmed the first entries.
fn trimmed(node: u8) -> Start {
    Start {
        trimmed: vector(&[Position::new(FIRST, 2, 0)]),
        oldest: 4,
        ..start(node)
    }
}

#[test]
fn a_board_that_lacks_what_was_trimmed_is_told_so_and_gives_what_it_has() {
    // Given a board whose log has been trimmed, and one that was away for longer
    let mut end = End::greeted(trimmed(0), behind(1));
    assert_eq!(end.fault(), None);
    assert!(end.sent.contains(&Frame::Lacking));

    // When that gives what it wrote alone
    let solo = Epoch {
        counter: 2,
        node: 1,
        salt: 60,
    };
    let record_of = EpochRecord {
        epoch: solo,
        stamp: Hlc::default(),
        mode: Mode::Solo,
        parents: vec![Position::new(FIRST, 1, 0)],
    };
    end.hears(&Frame::Record {
        record: Record::epoch(&record_of),
    });
    end.hears(&record(Position::new(solo, 1, 0)));
    end.hears(&Frame::Level);

    // Then it is merged and vouched for, and no epoch of both begins
    let merged = |one: &&Output| matches!(one, Output::Merged { .. });
    assert_eq!(end.rest.iter().filter(merged).count(), 2);
    assert!(end.sent.contains(&Frame::Alive { taken: 2 }));
    assert!(!end.sent.contains(&Frame::Freeze) && !end.sent.contains(&Frame::Level));
    let is_read = |one: &Output| matches!(one, Output::Read { .. });
    assert!(!end.rest.iter().any(is_read), "nothing is given from here");

    // And the other goes for its copy
    let refusal = Refusal::Fetching;
    end.hears(&Frame::Bye { refusal });
    assert_eq!(end.fault(), Some(Fault::PeerRefused { refusal }));
    // A board that has everything is told nothing of the kind
    let end = End::greeted(trimmed(0), hello(1));
    assert!(!end.sent.contains(&Frame::Lacking));
}

#[test]
fn a_board_is_as_good_as_blank_when_the_other_has_all_it_wrote_and_not_before() {
    // Given a board that serves alone, and has an entry that the other lacks
    let alone = Start {
        mode: Mode::Solo,
        ..start(1)
    };
    let mut end = End::new(alone);
    end.step(Input::Tick);
    assert_eq!(end.state(), State::Alone);
    end.step(Input::Connected { wire: 1 });
    end.hears(&Frame::Hello {
        hello: Arc::new(hello(0)),
    });
    end.hears(&Frame::Lacking);
    assert!(
        end.rest
            .iter()
            .any(|one| matches!(one, Output::Notice(Notice::Lacking)))
    );

    // When its log is read, and the other does not say that it has it
    let epoch = Epoch {
        counter: 2,
        node: 1,
        salt: 50,
    };
    let from = 1;
    let bytes = entry(Position::new(epoch, 1, 0), Hlc::default(), 9);
    let class = Class::Entry;
    let records = vec![(6, Record { class, bytes })];
    let next = end.length + 1;
    end.step(Input::Records {
        from,
        records,
        next,
    });
    end.step(Input::Tick);
    let asks = |end: &End| end.rest.iter().any(|one| matches!(one, Output::NeedsCopy));
    assert!(!asks(&end) && end.mirror.serves());

    // Then it stops numbering when that is said, and asks for a copy a step later
    end.hears(&Frame::Alive { taken: 1 });
    assert!(end.rest.iter().any(|one| matches!(one, Output::Follow)));
    assert!(!asks(&end));
    end.step(Input::Tick);
    assert!(asks(&end) && !end.mirror.serves());
    let refusal = Refusal::Fetching;
    assert_eq!(end.sent.last(), Some(&Frame::Bye { refusal }));
    // And never goes on alone before it has one
    end.waits(60_000, false);
    assert_eq!(end.state(), State::Waiting { until: None });
}

#[test]
fn boards_that_lack_what_the_other_has_trimmed_both_say_so_and_keep_what_they_have() {
    let mut end = End::greeted(trimmed(0), behind(1));
    end.hears(&Frame::Lacking);
    assert_eq!(end.fault(), Some(Fault::BothNeedCopies));
    let refusal = Refusal::BothLack;
    assert_eq!(end.sent.last(), Some(&Frame::Bye { refusal }));
    assert!(!end.rest.iter().any(|one| matches!(one, Output::NeedsCopy)));
}

#[test]
fn what_came_from_the_other_board_is_not_kept_for_it() {
    // Given a board that serves alone and has an entry that the other lacks
    let alone = Start {
        mode: Mode::Solo,
        ..start(0)
    };
    let mut end = End::new(alone);
    end.step(Input::Tick);
    let epoch = |counter, node, salt| Epoch {
        counter,
        node,
        salt,
    };
    let theirs = epoch(2, 1, 60);
    let length = end.length;
    end.step(Input::Connected { wire: 1 });
    end.hears(&Frame::Hello {
        hello: Arc::new(Hello {
            vector: vector(&[Position::new(FIRST, 4, 0), Position::new(theirs, 1, 0)]),
            ..hello(1)
        }),
    });
    let has = |end: &End| {
        let upto = end.rest.iter().filter_map(|one| match one {
            Output::PeerHas { upto } => Some(*upto),
            _ => None,
        });
        upto.max()
    };
    let reads = |end: &mut End, from, records| {
        let next = end.length + 1;
        end.step(Input::Records {
            from,
            records,
            next,
        });
    };
    let own = EpochRecord {
        epoch: epoch(2, 0, 50),
        stamp: Hlc::default(),
        mode: Mode::Solo,
        parents: vec![Position::new(FIRST, 4, 0)],
    };
    reads(&mut end, 1, vec![(length, Record::epoch(&own))]);

    // When that sends what it wrote alone, before it has that entry
    let record_of = EpochRecord {
        epoch: theirs,
        ..own
    };
    let opening = Record::epoch(&record_of);
    end.hears(&Frame::Record { record: opening });
    end.hears(&record(Position::new(theirs, 1, 0)));
    reads(&mut end, length + 1, Vec::new());

    // Then the log is kept from there on, and for nobody when it has that, too
    assert_eq!(has(&end), Some(length - 1));
    end.hears(&Frame::Alive { taken: 1 });
    assert_eq!(has(&end), Some(length + 2));
}

#[test]
fn a_word_of_lack_has_its_place() {
    let mut end = End::greeted(start(0), hello(1));
    end.hears(&Frame::Lacking);
    end.hears(&Frame::Lacking);
    assert!(matches!(
        end.fault(),
        Some(Fault::PeerUnexpected { .. } | Fault::LocalNeedsCopy)
    ));
    let mut late = End::greeted(start(0), hello(1));
    late.hears(&Frame::Level);
    late.hears(&Frame::Lacking);
    let frame = "LACKING";
    assert_eq!(late.fault(), Some(Fault::PeerUnexpected { frame }));
}
