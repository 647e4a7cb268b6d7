//! One end of the link by itself, whose log takes everything and syncs at once.

use std::sync::Arc;

use crate::base::time::Monotonic;
use crate::base::time::Timestamp;
use crate::core::Now;
use crate::mirror::Input;
use crate::mirror::Mirror;
use crate::mirror::Output;
use crate::mirror::Settings;
use crate::mirror::Start;
use crate::mirror::State;
use crate::mirror::fault::Fault;
use crate::mirror::frame::Class;
use crate::mirror::frame::Frame;
use crate::mirror::frame::Framer;
use crate::mirror::frame::Hello;
use crate::mirror::frame::Record;
use crate::mirror::tests::board::entry;
use crate::model::entry::EpochRecord;
use crate::model::entry::Mode;
use crate::model::level::LEVEL;
use crate::model::position::Epoch;
use crate::model::position::Hlc;
use crate::model::position::Position;
use crate::model::vector::Vector;

pub(super) const FIRST: Epoch = Epoch {
    counter: 1,
    node: 0,
    salt: 1,
};

pub(super) fn start(node: u8) -> Start {
    Start {
        node,
        pair: 7,
        salt: 50,
        joining: false,
        mode: Mode::Sync,
        vector: [Position::new(FIRST, 4, 0)].into_iter().collect(),
        parents: Vector::default(),
        stamp: Hlc::default(),
        durable: 5,
        shared: 5,
        trimmed: Vector::default(),
        oldest: 1,
    }
}

pub(super) fn hello(node: u8) -> Hello {
    Hello {
        version_min: 1,
        version: 1,
        pair: 7,
        node,
        salt: 60,
        serves: false,
        joining: false,
        clock: Timestamp::from_unix_ms(9_000),
        vector: start(node).vector,
    }
}

/// One end, whose log takes everything and syncs at once.
pub(super) struct End {
    pub(super) mirror: Mirror,
    pub(super) now: u64,
    pub(super) length: u64,
    /// Its disk takes everything, and nothing is durable before [`Input::Durable`].
    pub(super) is_slow: bool,
    pub(super) sent: Vec<Frame>,
    pub(super) rest: Vec<Output>,
}

impl End {
    pub(super) fn new(start: Start) -> Self {
        let settings = Settings {
            boot_wait_ms: 30_000,
            dials: false,
            reads: LEVEL,
            mistake: None,
        };
        let length = start.durable;
        Self {
            mirror: Mirror::new(start, settings, Monotonic(0)),
            now: 0,
            length,
            is_slow: false,
            sent: Vec::new(),
            rest: Vec::new(),
        }
    }

    /// As it stands after the other's HELLO.
    pub(super) fn greeted(start: Start, hello: Hello) -> Self {
        let mut end = Self::new(start);
        end.step(Input::Connected { wire: 1 });
        end.hears(&Frame::Hello {
            hello: Arc::new(hello),
        });
        end
    }

    /// Board 1, in an epoch of both.
    pub(super) fn following() -> (Self, Epoch) {
        let mut end = Self::greeted(start(1), hello(0));
        end.hears(&Frame::Level);
        end.hears(&Frame::Freeze);
        let epoch = Epoch {
            counter: 2,
            ..FIRST
        };
        end.hears(&begin(epoch, vec![Position::new(FIRST, 4, 0)]));
        (end, epoch)
    }

    pub(super) fn step(&mut self, input: Input) {
        let mut inputs = vec![input];
        while let Some(input) = inputs.pop() {
            let now = Now {
                monotonic: Monotonic(self.now),
                wall: Timestamp::from_unix_ms(self.now),
            };
            self.mirror.step(now, input);
            while let Some(output) = self.mirror.poll_output() {
                inputs.extend(self.perform(output));
            }
        }
    }

    pub(super) fn perform(&mut self, output: Output) -> Option<Input> {
        match output {
            Output::Send { bytes, .. } => {
                let mut framer = Framer::default();
                framer.push(&bytes);
                self.sent
                    .extend(framer.poll().unwrap().map(|(frame, _)| frame));
            }
            Output::Append { record } => {
                let (position, stamp, _) = record.head().unwrap();
                self.length += 1;
                self.mirror.handle_appended(self.length, position, stamp);
                let upto = self.length;
                return (!self.is_slow).then_some(Input::Durable { upto });
            }
            Output::AskSessions => return Some(Input::Sessions { pieces: Vec::new() }),
            output => self.rest.push(output),
        }
        None
    }

    pub(super) fn hears(&mut self, frame: &Frame) {
        let bytes = frame.write();
        self.step(Input::Received { wire: 1, bytes });
    }

    /// Time passes; the other gives signs of life if it `lives`.
    pub(super) fn waits(&mut self, ms: u64, lives: bool) {
        let end = self.now + ms;
        while self.now < end {
            self.now = end.min(self.now + 100);
            if lives {
                self.hears(&Frame::Alive { taken: 0 });
            }
            self.step(Input::Tick);
        }
    }

    pub(super) fn fault(&self) -> Option<Fault> {
        self.mirror.status().fault
    }

    pub(super) fn state(&self) -> State {
        self.mirror.status().state
    }
}

pub(super) fn begin(epoch: Epoch, parents: Vec<Position>) -> Frame {
    Frame::Begin {
        record: Arc::new(EpochRecord {
            epoch,
            stamp: Hlc::default(),
            mode: Mode::Sync,
            parents,
        }),
    }
}

pub(super) fn record(position: Position) -> Frame {
    Frame::Record {
        record: Record {
            class: Class::Entry,
            bytes: entry(position, Hlc::default(), 1),
        },
    }
}
