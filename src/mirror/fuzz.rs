//! What the fuzzer drives: a board against whatever the other one may say, over a log that never fails.
//!
//! The input is a little program: each step is a frame with fields from the input, bytes as they are,
//! or something that happens on this side.

use std::sync::Arc;

use crate::base::ids::Ticket;
use crate::base::mirror_limits::MIRROR_FRAME_BYTES_MAX;
use crate::base::time::Monotonic;
use crate::base::time::Timestamp;
use crate::core::Now;
use crate::mirror::Input;
use crate::mirror::Mirror;
use crate::mirror::Output;
use crate::mirror::Settings;
use crate::mirror::Start;
use crate::mirror::State;
use crate::mirror::fault::Refusal;
use crate::mirror::frame::Class;
use crate::mirror::frame::Frame;
use crate::mirror::frame::Framer;
use crate::mirror::frame::Hello;
use crate::mirror::frame::Record;
use crate::model::codec::Reader;
use crate::model::entry::Entry;
use crate::model::entry::EpochRecord;
use crate::model::entry::Mode;
use crate::model::level::LEVEL;
use crate::model::position::Epoch;
use crate::model::position::Hlc;
use crate::model::position::OpId;
use crate::model::position::Position;
use crate::model::vector::Vector;

const PAIR: u128 = 7;
const STEPS_MAX: usize = 256;

/// What is cut out of bytes is written as it was read.
pub(crate) fn frames(input: &[u8]) -> Result<(), &'static str> {
    let mut framer = Framer::default();
    framer.push(input);
    while let Ok(Some((frame, _))) = framer.poll() {
        let mut again = Framer::default();
        again.push(&frame.write());
        match again.poll() {
            Ok(Some((same, _))) if same == frame => {}
            _ => return Err("a frame does not survive being written"),
        }
    }
    Ok(())
}

/// One life of a board; `Err` names the promise that was broken.
pub(crate) fn stranger(program: &[u8]) -> Result<(), &'static str> {
    let mut program = Reader::new(program);
    let choice = program.byte().unwrap_or(0);
    let mut board = Board::new(choice & 1, choice & 2 == 2);
    board.step(Input::Tick)?;
    board.connect()?;
    if choice & 4 == 4 {
        board.pair_up()?;
    }
    for _ in 0..STEPS_MAX {
        let Ok(what) = program.byte() else {
            break;
        };
        board.turn(what, &mut program)?;
    }
    Ok(())
}

struct Board {
    mirror: Mirror,
    node: u8,
    log: Vec<Record>,
    durable: Vector,
    wire: u64,
    is_open: bool,
    now: u64,
    waiting: Vec<Input>,
}

impl Board {
    fn new(node: u8, joining: bool) -> Self {
        let start = Start {
            node,
            pair: PAIR,
            salt: 3,
            joining,
            mode: Mode::Sync,
            vector: Vector::default(),
            parents: Vector::default(),
            stamp: Hlc::default(),
            durable: 0,
            shared: 0,
            trimmed: Vector::default(),
            oldest: 1,
        };
        let settings = Settings {
            boot_wait_ms: 1_000,
            dials: node == 1,
            reads: LEVEL,
            mistake: None,
        };
        Self {
            mirror: Mirror::new(start, settings, Monotonic(0)),
            node,
            log: Vec::new(),
            durable: Vector::default(),
            wire: 0,
            is_open: false,
            now: 0,
            waiting: Vec::new(),
        }
    }

    fn connect(&mut self) -> Result<(), &'static str> {
        self.wire += 1;
        self.is_open = true;
        let wire = self.wire;
        self.step(Input::Connected { wire })
    }

    /// What an honest board would say until an epoch of both has begun.
    fn pair_up(&mut self) -> Result<(), &'static str> {
        let hello = Arc::new(self.hello(0, Position::ZERO));
        self.hears(&Frame::Hello { hello })?;
        self.hears(&Frame::Level)?;
        let leads = self.node == 0 && !self.mirror.status().joining;
        if leads {
            self.hears(&Frame::Frozen)?;
        } else {
            self.hears(&Frame::Freeze)?;
            let epoch = Epoch {
                counter: 1,
                node: 1 - self.node,
                salt: 4,
            };
            let record = Arc::new(self.epoch_record(epoch, 2));
            self.hears(&Frame::Begin { record })?;
        }
        self.sync()?;
        match self.mirror.status().state {
            State::Paired { .. } => Ok(()),
            _ => Err("two honest boards did not meet"),
        }
    }

    fn hears(&mut self, frame: &Frame) -> Result<(), &'static str> {
        let (wire, bytes) = (self.wire, frame.write());
        self.step(Input::Received { wire, bytes })
    }

    fn sync(&mut self) -> Result<(), &'static str> {
        let upto = u64::try_from(self.log.len()).unwrap_or(0);
        for record in &self.log {
            if let Ok((position, _, _)) = record.head() {
                self.durable.add(position);
            }
        }
        self.step(Input::Durable { upto })
    }

    fn turn(&mut self, what: u8, program: &mut Reader<'_>) -> Result<(), &'static str> {
        let small = program.byte().unwrap_or(0);
        let bytes = match what % 20 {
            0 => program
                .take(usize::from(small))
                .unwrap_or_default()
                .to_vec(),
            1 => {
                self.now += u64::from(small) * 20;
                return self.step(Input::Tick);
            }
            2 if !self.is_open => return self.connect(),
            3 => return self.sync(),
            4 => {
                return self.step(Input::Propose {
                    ticket: Ticket(u64::from(small)),
                    generation: 0,
                    bytes: [small].as_slice().into(),
                });
            }
            kind => self.frame(kind, small, program).write(),
        };
        if !self.is_open {
            return Ok(());
        }
        let wire = self.wire;
        self.step(Input::Received { wire, bytes })
    }

    /// A frame that fits more often than chance would have it.
    fn frame(&self, kind: u8, small: u8, program: &mut Reader<'_>) -> Frame {
        let epoch = Epoch {
            counter: u32::from(small >> 4),
            node: small >> 3 & 1,
            salt: 3 + u32::from(small >> 2 & 1),
        };
        let seq = u64::from(program.byte().unwrap_or(0));
        let position = Position::new(epoch, seq, 0);
        let ticket = Ticket(seq);
        let generation = u64::from(small & 3);
        match kind {
            5 | 6 => Frame::Hello {
                hello: Arc::new(self.hello(small, position)),
            },
            7 => Frame::Level,
            8 => Frame::Freeze,
            9 => Frame::Frozen,
            10 => Frame::Session {
                bytes: vec![0; usize::from(small) << 10].into(),
            },
            11 => Frame::Record {
                record: entry(position),
            },
            12 | 13 => {
                let record = self.epoch_record(epoch, seq);
                if kind == 12 {
                    Frame::Record {
                        record: Record::epoch(&record),
                    }
                } else {
                    Frame::Begin {
                        record: Arc::new(record),
                    }
                }
            }
            14 => Frame::Entry {
                ticket: (small & 1 == 1).then_some(ticket),
                is_durable: small & 2 == 2,
                bytes: entry(position).bytes,
            },
            15 => Frame::Propose {
                ticket,
                generation,
                bytes: [small].as_slice().into(),
            },
            16 => Frame::Reject { ticket, generation },
            17 => Frame::Durable {
                epoch,
                seq,
                taken: generation,
            },
            18 => Frame::Alive { taken: generation },
            _ => Frame::Bye {
                refusal: Refusal::Stopping,
            },
        }
    }

    fn hello(&self, small: u8, position: Position) -> Hello {
        Hello {
            version_min: 1,
            version: 1 + u16::from(small & 3),
            pair: PAIR,
            node: 1 - self.node,
            salt: 4,
            serves: small & 2 == 2,
            joining: small & 4 == 4,
            clock: Timestamp::from_unix_ms(u64::from(small)),
            vector: [position].into_iter().collect(),
        }
    }

    /// It may stand on what this log has.
    fn epoch_record(&self, epoch: Epoch, seq: u64) -> EpochRecord {
        let ends = self.log.iter().filter_map(|record| record.head().ok());
        EpochRecord {
            epoch,
            stamp: Hlc::default(),
            mode: if seq & 1 == 1 { Mode::Solo } else { Mode::Sync },
            parents: ends
                .filter(|_| seq & 2 == 2)
                .map(|(position, _, _)| position)
                .collect(),
        }
    }

    fn step(&mut self, input: Input) -> Result<(), &'static str> {
        self.waiting.push(input);
        while let Some(input) = self.waiting.pop() {
            let now = Now {
                monotonic: Monotonic(self.now),
                wall: Timestamp::from_unix_ms(self.now),
            };
            self.mirror.step(now, input);
            while let Some(output) = self.mirror.poll_output() {
                self.perform(output)?;
            }
        }
        Ok(())
    }

    fn perform(&mut self, output: Output) -> Result<(), &'static str> {
        match output {
            Output::Send { wire, bytes } => {
                if wire != self.wire || !self.is_open {
                    return Err("sent on a closed connection");
                }
                if bytes.len() > MIRROR_FRAME_BYTES_MAX + 4 {
                    return Err("sent a frame that is too long");
                }
            }
            Output::Close { .. } => self.is_open = false,
            Output::Append { record } => {
                let (position, stamp, _) = record.head().map_err(|_| "appended what is unread")?;
                self.log.push(record);
                let index = u64::try_from(self.log.len()).unwrap_or(0);
                self.mirror.handle_appended(index, position, stamp);
            }
            Output::Read { from, .. } => {
                let skip = usize::try_from(from).unwrap_or(0).saturating_sub(1);
                let records: Vec<_> = (from..).zip(self.log.iter().skip(skip).cloned()).collect();
                let next = from.max(u64::try_from(self.log.len()).unwrap_or(0) + 1);
                self.waiting.push(Input::Records {
                    from,
                    records,
                    next,
                });
            }
            Output::AskSessions => self.waiting.push(Input::Sessions { pieces: Vec::new() }),
            Output::Commit { upto } if !self.durable.covers(upto) => {
                return Err("committed what is not on this disk");
            }
            Output::Merged { record } => match record.head() {
                Ok((position, _, _)) if self.durable.covers(position) => {}
                _ => return Err("merged what is not on this disk"),
            },
            _ => {}
        }
        Ok(())
    }
}

fn entry(position: Position) -> Record {
    let mut bytes = Vec::new();
    Entry {
        position,
        stamp: Hlc::default(),
        op_id: OpId::default(),
        origin: None,
        ops: Vec::new(),
    }
    .encode(&mut bytes);
    Record {
        class: Class::Entry,
        bytes: bytes.into(),
    }
}
