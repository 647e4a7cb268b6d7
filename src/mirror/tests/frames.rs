//! Frames: what is written is read again, and what nobody writes is refused by name.

use std::sync::Arc;

use crate::base::ids::Ticket;
use crate::base::mirror_limits::MIRROR_FRAME_BYTES_MAX;
use crate::base::random::Entropy;
use crate::base::random::Rng;
use crate::base::time::Timestamp;
use crate::mirror::fault::Fault;
use crate::mirror::fault::Refusal;
use crate::mirror::frame::Class;
use crate::mirror::frame::Frame;
use crate::mirror::frame::Framer;
use crate::mirror::frame::Hello;
use crate::mirror::frame::Record;
use crate::mirror::fuzz::frames;
use crate::mirror::fuzz::stranger;
use crate::mirror::tests::wires::index;
use crate::model::codec::CodecError;
use crate::model::entry::EpochRecord;
use crate::model::entry::Mode;
use crate::model::position::Epoch;
use crate::model::position::Hlc;
use crate::model::position::Position;

const EPOCH: Epoch = Epoch {
    counter: 9,
    node: 1,
    salt: 77,
};

fn one_of_each() -> Vec<Frame> {
    let bytes: Arc<[u8]> = b"bytes".as_slice().into();
    let ticket = Ticket(5);
    let record = EpochRecord {
        epoch: EPOCH,
        stamp: Hlc::default(),
        mode: Mode::Sync,
        parents: vec![Position::new(EPOCH, 3, 0)],
    };
    let hello = Hello {
        version_min: 1,
        version: 2,
        pair: 3,
        node: 1,
        salt: 4,
        serves: true,
        joining: false,
        clock: Timestamp::from_unix_ms(5),
        vector: [Position::new(EPOCH, 6, 0)].into_iter().collect(),
    };
    vec![
        Frame::Hello {
            hello: Arc::new(hello),
        },
        Frame::Record {
            record: Record {
                class: Class::Entry,
                bytes: Arc::clone(&bytes),
            },
        },
        Frame::Level,
        Frame::Freeze,
        Frame::Session {
            bytes: Arc::clone(&bytes),
        },
        Frame::Frozen,
        Frame::Begin {
            record: Arc::new(record),
        },
        Frame::Entry {
            ticket: Some(ticket),
            is_durable: true,
            bytes: Arc::clone(&bytes),
        },
        Frame::Propose {
            ticket,
            generation: 1,
            bytes,
        },
        Frame::Reject {
            ticket,
            generation: 1,
        },
        Frame::Durable {
            epoch: EPOCH,
            seq: 8,
            taken: 9,
        },
        Frame::Alive { taken: 10 },
        Frame::Bye {
            refusal: Refusal::NeedsCopy,
        },
    ]
}

#[test]
fn every_frame_survives_the_wire_byte_by_byte() {
    let mut framer = Framer::default();
    let mut read = Vec::new();
    for frame in one_of_each() {
        for byte in frame.write() {
            framer.push(&[byte]);
            read.extend(framer.poll().unwrap().map(|(frame, _)| frame));
        }
    }
    assert_eq!(read, one_of_each());
}

#[test]
fn frames_that_come_together_are_cut_apart() {
    let bytes: Vec<u8> = one_of_each().iter().flat_map(Frame::write).collect();
    let mut framer = Framer::default();
    framer.push(&bytes);
    let read: Vec<Frame> = std::iter::from_fn(|| framer.poll().unwrap())
        .map(|(frame, _)| frame)
        .collect();
    assert_eq!(read, one_of_each());
}

#[test]
fn a_length_beyond_the_limit_is_refused_before_anything_is_kept() {
    let bytes = MIRROR_FRAME_BYTES_MAX + 1;
    let mut framer = Framer::default();
    framer.push(&u32::try_from(bytes).unwrap().to_be_bytes());
    assert_eq!(framer.poll(), Err(Fault::PeerFrameTooLong { bytes }));
}

#[test]
fn what_no_version_writes_is_refused() {
    let cases: [(&[u8], CodecError); 3] = [
        (&[0, 0, 0, 0], CodecError::Short),
        (&[0, 0, 0, 1, 200], CodecError::Unknown),
        (&[0, 0, 0, 2, 3, 0], CodecError::Trailing),
    ];
    for (bytes, error) in cases {
        let mut framer = Framer::default();
        framer.push(bytes);
        assert_eq!(framer.poll(), Err(Fault::PeerFrame { error }));
    }
}

#[test]
fn damaged_frames_never_read_as_something_they_are_not_written_as() {
    let mut rng = Rng::from_number(41);
    for _ in 0..2_000 {
        let mut bytes: Vec<u8> = one_of_each().iter().flat_map(Frame::write).collect();
        for _ in 0..=rng.below(6) {
            let at = index(&mut rng, bytes.len());
            bytes[at] = u8::try_from(rng.below(256)).unwrap();
        }
        assert_eq!(frames(&bytes), Ok(()));
    }
}

const ROUNDS: u64 = 4_000;

#[test]
fn no_promise_is_broken_whatever_the_other_board_says() {
    let mut rng = Rng::from_number(42);
    for round in 0..ROUNDS {
        let mut program = vec![0; usize::try_from(rng.below(400)).unwrap()];
        rng.fill(&mut program);
        assert_eq!(stranger(&program), Ok(()), "round {round}");
    }
}
