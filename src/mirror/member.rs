//! A board and its link as one machine: what either says to the other goes through here, and nowhere else.
//!
//! On one board there is no link, and this is the engine alone. The driver gives inputs to either,
//! then drains [`Member::poll_output`]; the simulator does the same.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::base::mirror_limits::MIRROR_FRAME_BYTES_MAX;
use crate::base::time::Monotonic;
use crate::core;
use crate::core::Now;
use crate::core::engine::Commits;
use crate::core::engine::Engine;
use crate::log::Failure;
use crate::log::Kind;
use crate::log::Request;
use crate::log::read::Copied;
use crate::log::read::ReadStep;
use crate::log::read::Reader;
use crate::mirror::Input;
use crate::mirror::Mirror;
use crate::mirror::Notice;
use crate::mirror::Output as Said;
use crate::mirror::fault::Fault;
use crate::mirror::frame::Class;
use crate::mirror::frame::Record;
use crate::mirror::heard::Asked;
use crate::mirror::heard::read;
use crate::mirror::io::Wire;
use crate::model::codec::to_bytes;
use crate::model::level::LEVEL;
use crate::model::peer::LOST_LEVEL;
use crate::model::peer::Lost;
use crate::model::position::Index;

/// What the driver has to do.
#[derive(Debug)]
pub(crate) enum Output {
    Core(core::Output),
    /// [`Input::Connected`] or [`Input::NotConnected`] answers.
    Dial,
    Send {
        wire: Wire,
        bytes: Vec<u8>,
    },
    Close {
        wire: Wire,
    },
    /// A part of a segment of the log; [`Member::handle_read`] answers.
    Read {
        segment: crate::log::SegmentId,
        offset: u64,
        bytes: usize,
    },
    /// The mark of a blank board may be removed.
    Joined,
    /// This board has to get a copy; everything that is here is on the other's disk.
    NeedsCopy,
    Notice(Notice),
}

/// One board, alone for ever or one of two.
pub(crate) struct Member {
    pub(crate) engine: Engine,
    link: Option<Link>,
    /// What was asked for with [`Output::Read`], until it is answered: nothing else is read meanwhile.
    asked: Option<Asker>,
    outputs: VecDeque<Output>,
}

/// Who wants the bytes of the log that are read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Asker {
    Reading,
    /// A connection that is over.
    Nobody,
}

struct Link {
    mirror: Mirror,
    reading: Option<Reading>,
    /// The sessions are asked for, once everything numbered is delivered.
    wants_sessions: bool,
    durable: Index,
}

/// Records that are read back for the other board.
struct Reading {
    from: Index,
    bytes_max: usize,
    reader: Reader,
}

impl Member {
    pub(crate) fn alone(engine: Engine) -> Self {
        Self {
            engine,
            link: None,
            asked: None,
            outputs: VecDeque::new(),
        }
    }

    /// One of two: it numbers and commits nothing before the link says so.
    pub(crate) fn paired(engine: Engine, mirror: Mirror, now: Now) -> Self {
        let mut member = Self::alone(engine);
        member.attach(now, mirror);
        member
    }

    /// One that was alone has got another: the link says from here on what is committed.
    pub(crate) fn attach(&mut self, now: Now, mut mirror: Mirror) {
        for one in self.engine.waiting() {
            mirror.handle_appended(one.index.0, one.position, one.stamp);
        }
        self.engine.set_commits(now, Commits::AsTold);
        self.link = Some(Link {
            mirror,
            reading: None,
            wants_sessions: false,
            durable: self.engine.durable_upto(),
        });
        self.hear(now, Input::Tick);
    }

    /// There is no other any more: this board goes on alone, and keeps its log for nobody.
    pub(crate) fn leave(&mut self, now: Now) {
        let Some(link) = &mut self.link else { return };
        link.mirror.leave(now);
        self.settle(now);
        self.link = None;
        self.asked = self.asked.map(|_| Asker::Nobody);
        self.engine.core.set_level(LEVEL);
        self.engine.keep_for_nobody();
        self.engine.set_commits(now, Commits::Here);
        self.settle(now);
    }

    /// One input for the core; drain [`Member::poll_output`] before the next.
    pub(crate) fn step(&mut self, now: Now, input: core::Input) {
        self.engine.step(now, input);
        self.settle(now);
    }

    /// Whether more of what the other board has sent may be worked on. Until then it waits, and the other
    /// board is not taken for silent.
    pub(crate) fn has_room(&mut self, now: Now) -> bool {
        // What is let in while an epoch begins comes in one go when it has begun.
        let is_opening = self.mirror().is_some_and(Mirror::is_opening_other);
        let has_room = self.engine.has_room(now) && !is_opening;
        if let Some(link) = self.link.as_mut().filter(|_| !has_room) {
            link.mirror.handle_unread(now);
        }
        self.settle(now);
        has_room
    }

    /// One input for the link.
    pub(crate) fn hear(&mut self, now: Now, input: Input) {
        if let Some(link) = &mut self.link {
            link.mirror.step(now, input);
        }
        self.settle(now);
    }

    pub(crate) fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    pub(crate) fn poll_disk(&mut self) -> Option<Request> {
        self.engine.poll_disk()
    }

    /// The disk has done what [`Member::poll_disk`] gave last.
    pub(crate) fn handle_disk(&mut self, now: Now, result: Result<(), Failure>) {
        self.engine.handle_disk(now, result);
        let upto = self.engine.durable_upto();
        if let Some(link) = &mut self.link
            && upto > link.durable
        {
            link.durable = upto;
            link.mirror.step(now, Input::Durable { upto: upto.0 });
        }
        self.settle(now);
    }

    /// The bytes of a segment that were asked for.
    pub(crate) fn handle_read(&mut self, now: Now, bytes: Vec<u8>) {
        let asker = self.asked.take();
        let reading = self.link.as_mut().and_then(|link| link.reading.as_mut());
        if let Some(reading) = reading.filter(|_| asker == Some(Asker::Reading)) {
            reading.reader.handle_read(bytes);
        }
        self.read_on(now);
        self.settle(now);
    }

    /// Time has passed: whoever has waited for it goes on.
    pub(crate) fn tick_if_due(&mut self, now: Now) {
        self.engine.core.tick_if_due(now);
        self.settle(now);
        if self.wake_at().is_some_and(|at| at <= now.monotonic) {
            self.hear(now, Input::Tick);
        }
    }

    /// See [`Mirror::rest`].
    pub(crate) fn rest(&mut self, ms: u64) {
        if let Some(link) = &mut self.link {
            link.mirror.rest(ms);
        }
    }

    /// When the link wants [`Input::Tick`].
    pub(crate) fn wake_at(&self) -> Option<Monotonic> {
        self.link.as_ref()?.mirror.wake_at()
    }

    /// Whether this board serves its users: alone, or in an epoch of both.
    pub(crate) fn serves(&self) -> bool {
        self.link.as_ref().is_none_or(|link| link.mirror.serves())
    }

    /// The other board takes less than this one makes: clients are not read meanwhile.
    pub(crate) fn is_full(&self) -> bool {
        self.link.as_ref().is_some_and(|link| link.mirror.is_full())
    }

    /// The level of the format that both boards read, as far as this one has written that down.
    pub(crate) fn set_level(&mut self, level: u8) {
        self.engine.core.set_level(level);
        if let Some(link) = &mut self.link {
            link.mirror.set_level(level);
        }
    }

    pub(crate) fn mirror(&self) -> Option<&Mirror> {
        self.link.as_ref().map(|link| &link.mirror)
    }

    /// Passes on what each says to the other until both are silent. Whoever has used the core directly
    /// calls it afterwards.
    pub(crate) fn settle(&mut self, now: Now) {
        loop {
            if let Some(output) = self.engine.poll_output() {
                self.tell_appended();
                self.pass_on(now, output);
                continue;
            }
            self.tell_appended();
            let said = self
                .link
                .as_mut()
                .and_then(|link| link.mirror.poll_output());
            if let Some(said) = said {
                self.perform(now, said);
                continue;
            }
            if !self.tell_trimmed(now) && !self.tell_sessions(now) {
                return;
            }
        }
    }

    fn tell_appended(&mut self) {
        let appended = self.engine.take_appended();
        if let Some(link) = &mut self.link {
            for one in appended {
                link.mirror
                    .handle_appended(one.index.0, one.position, one.stamp);
            }
        }
    }

    /// The log was trimmed: what is gone can be given to nobody.
    fn tell_trimmed(&mut self, now: Now) -> bool {
        let trimmed = self.engine.take_trimmed();
        if let (Some(link), Some((Index(oldest), vector))) = (&mut self.link, trimmed) {
            link.mirror.step(now, Input::Trimmed { oldest, vector });
            return true;
        }
        false
    }

    /// What the core says.
    fn pass_on(&mut self, now: Now, output: core::Output) {
        let Some(link) = &mut self.link else {
            return self.outputs.push_back(Output::Core(output));
        };
        let input = match output {
            core::Output::Ship { entry, ticket } => {
                let mut bytes = Vec::new();
                entry.encode_shipped(&mut bytes);
                let is_durable = entry.is_durable();
                let bytes = bytes.into();
                Input::Ship {
                    ticket,
                    is_durable,
                    bytes,
                }
            }
            core::Output::Reject { ticket, generation } => Input::Reject { ticket, generation },
            core::Output::Propose {
                ticket,
                generation,
                proposal,
                op_id,
                origin,
            } => {
                let asked = Asked {
                    proposal: Arc::unwrap_or_clone(proposal),
                    op_id,
                    origin,
                };
                Input::Propose {
                    ticket,
                    generation,
                    bytes: to_bytes(&asked).into(),
                }
            }
            output => return self.outputs.push_back(Output::Core(output)),
        };
        link.mirror.step(now, input);
    }

    /// What the link says.
    fn perform(&mut self, now: Now, said: Said) {
        match said {
            Said::Dial => self.outputs.push_back(Output::Dial),
            Said::Send { wire, bytes } => self.outputs.push_back(Output::Send { wire, bytes }),
            Said::Close { wire } => self.outputs.push_back(Output::Close { wire }),
            Said::NeedsCopy => self.outputs.push_back(Output::NeedsCopy),
            Said::Joined => self.outputs.push_back(Output::Joined),
            Said::Notice(notice) => self.outputs.push_back(Output::Notice(notice)),
            Said::Append { record } => {
                let kind = match record.class {
                    Class::Entry => Kind::Entry,
                    Class::Epoch => Kind::Epoch,
                };
                self.engine.take_foreign(kind, &record.bytes);
                self.tell_appended();
            }
            Said::Read { from, bytes_max } => {
                self.asked = self.asked.map(|_| Asker::Nobody);
                if let Some(link) = &mut self.link {
                    link.reading = Some(Reading {
                        from: Index(from),
                        bytes_max,
                        reader: Reader::new(from),
                    });
                }
                self.read_on(now);
            }
            Said::PeerHas { upto } => self.engine.handle_peer_has(Index(upto)),
            Said::Follow => self.engine.step(now, core::Input::Follow),
            Said::Lead { record, paired } => {
                let epoch = record.epoch;
                self.engine.step(now, core::Input::Lead { epoch, paired });
            }
            Said::Commit { upto } => self.engine.commit(now, upto),
            Said::AskSessions => {
                if let Some(link) = &mut self.link {
                    link.wants_sessions = true;
                }
            }
            Said::PeerGone => self.engine.step(now, core::Input::PeerGone),
            Said::PeerDied => self.engine.step(now, core::Input::PeerDied),
            said => self.perform_read(now, said),
        }
    }

    /// What has to be understood first.
    fn perform_read(&mut self, now: Now, said: Said) {
        let reads = self.link.as_ref().map_or(LEVEL, |link| link.mirror.reads());
        match read(said, reads) {
            Ok(Some(input)) => self.engine.step(now, input),
            Ok(None) => {}
            Err(error) => {
                if let Some(link) = &mut self.link {
                    link.mirror.handle_fault(Fault::PeerFrame { error });
                }
            }
        }
    }

    fn tell_sessions(&mut self, now: Now) -> bool {
        let is_still = self.engine.core.is_still();
        let Some(link) = self.link.as_mut().filter(|link| link.wants_sessions) else {
            return false;
        };
        if !is_still {
            return false;
        }
        link.wants_sessions = false;
        let mut pieces = Vec::new();
        let mut piece = Vec::new();
        for session in self.engine.core.own_sessions() {
            let bytes = to_bytes(&session);
            if piece.len() + bytes.len() > MIRROR_FRAME_BYTES_MAX / 2 && !piece.is_empty() {
                pieces.push(std::mem::take(&mut piece).into());
            }
            piece.extend_from_slice(&bytes);
        }
        pieces.push(piece.into());
        let keys = self.engine.core.lost_streams();
        if !keys.is_empty() && link.mirror.peer_reads(LOST_LEVEL) {
            let no_address = "".into();
            pieces.push(to_bytes(&Lost { no_address, keys }).into());
        }
        link.mirror.step(now, Input::Sessions { pieces });
        true
    }

    /// Goes on reading records for the other board.
    fn read_on(&mut self, now: Now) {
        let Some(link) = &mut self.link else {
            return;
        };
        let Some(reading) = &mut link.reading else {
            return;
        };
        if self.asked.is_some() {
            return;
        }
        let input = match self.engine.read(&mut reading.reader, reading.bytes_max) {
            ReadStep::Read {
                segment,
                offset,
                bytes,
            } => {
                self.asked = Some(Asker::Reading);
                return self.outputs.push_back(Output::Read {
                    segment,
                    offset,
                    bytes,
                });
            }
            ReadStep::Records(records) => Input::Records {
                from: reading.from.0,
                next: reading.reader.next(),
                records: records.into_iter().map(record).collect(),
            },
            ReadStep::Trimmed { .. } => {
                let (Index(oldest), vector) = self.engine.trimmed();
                Input::Trimmed { oldest, vector }
            }
            ReadStep::Damaged { segment, offset } => {
                return self.engine.handle_damaged(segment, offset);
            }
        };
        link.reading = None;
        link.mirror.step(now, input);
    }
}

fn record(copied: Copied) -> (u64, Record) {
    let class = match copied.kind {
        Kind::Entry => Class::Entry,
        Kind::Epoch => Class::Epoch,
    };
    let bytes = copied.bytes.into();
    (copied.position, Record { class, bytes })
}
