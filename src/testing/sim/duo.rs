//! One of two boards: what its link says and hears, and what it knows of its log at a start.

use crate::core::Output;
use crate::core::boot::Boot;
use crate::core::engine::Engine;
use crate::core::trail::Survey;
use crate::core::trail::Trail;
use crate::log::Log;
use crate::log::SegmentId;
use crate::log::read::ReadStep;
use crate::log::read::Reader;
use crate::mirror::Input;
use crate::mirror::Mirror;
use crate::mirror::Notice;
use crate::mirror::Settings;
use crate::mirror::Start;
use crate::mirror::State;
use crate::mirror::member;
use crate::mirror::member::Member;
use crate::model::codec::from_bytes;
use crate::model::entry::Entry;
use crate::model::entry::EpochRecord;
use crate::model::entry::Mode;
use crate::model::level::LEVEL;
use crate::model::position::Index;
use crate::model::position::Position;
use crate::model::vector::Vector;
use crate::store::disk::log::LogFiles;
use crate::testing::sim::machine::Machine;
use crate::testing::sim::options::Mutation;
use crate::testing::sim::options::mistake_of_link;

const PAIR: u128 = 0x7a1;
const BOOT_WAIT_MS: u64 = 5_000;

/// Which of two boards.
#[derive(Clone, Copy, Debug)]
pub struct Seat {
    /// 0 listens, 1 connects.
    pub node: u8,
    /// It was never part of a pair: its mark is on the disk.
    pub is_joining: bool,
}

impl Seat {
    pub(super) fn as_joining(self) -> Self {
        Self {
            is_joining: true,
            ..self
        }
    }
}

/// What a board wants from the network.
#[derive(Clone, Debug)]
pub enum Said {
    Dial,
    Bytes { wire: u64, bytes: Vec<u8> },
    Close { wire: u64 },
}

/// What the network brings.
#[derive(Clone, Debug)]
pub enum Heard {
    Connected { wire: u64 },
    NotConnected,
    Bytes { wire: u64, bytes: Vec<u8> },
    Closed { wire: u64 },
    Broken { wire: u64 },
}

/// What a board is to its users.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Standing {
    Down,
    /// Serves nobody.
    Waiting,
    Alone,
    Paired {
        leads: bool,
    },
}

/// An epoch that is in the log: who numbered in it.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Numbering {
    pub counter: u32,
    pub node: u8,
    pub salt: u32,
}

/// A part of the log's files.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part {
    segment: SegmentId,
    offset: u64,
    bytes: usize,
}

/// What the link begins with.
pub(super) struct Known {
    mode: Mode,
    vector: Vector,
    parents: Vector,
    trail: Trail,
    stamp: crate::model::position::Hlc,
    durable: u64,
}

impl Machine {
    pub(super) fn node(&self) -> u8 {
        self.options.seat.map_or(0, |seat| seat.node)
    }

    /// What the log says of itself when everything found in it is on the disk.
    pub(super) fn known(
        known: &[EpochRecord],
        boot: &Boot,
        files: &mut LogFiles,
        log: &Log,
    ) -> Result<Known, String> {
        let fresh = boot.fresh_epochs.iter().map(|(_, record)| record);
        let newest = fresh.clone().next_back();
        let newest = newest.or_else(|| known.iter().max_by_key(|record| record.epoch));
        let parents = known.iter().chain(fresh);
        let parents = parents.flat_map(|record| record.parents.iter().copied());
        Ok(Known {
            mode: newest.map_or(Mode::Single, |record| record.mode),
            vector: boot.reach.clone(),
            parents: parents.collect(),
            trail: trail(&boot.reach, files, log)?,
            stamp: boot.stamp,
            durable: log.durable(),
        })
    }

    pub(super) fn member(&self, mut engine: Engine, known: Known, salt: u32) -> Member {
        let now = self.now();
        let seat = self.options.seat;
        engine.keep_trail(known.trail);
        let (oldest, trimmed) = engine.trimmed();
        let start = Start {
            node: self.node(),
            pair: PAIR,
            salt,
            joining: seat.is_some_and(|seat| seat.is_joining),
            mode: known.mode,
            vector: known.vector,
            parents: known.parents,
            stamp: known.stamp,
            durable: known.durable,
            shared: known.durable,
            trimmed,
            oldest: oldest.0,
        };
        let settings = Settings {
            boot_wait_ms: BOOT_WAIT_MS,
            dials: self.node() == 1,
            reads: self.options.reads,
            mistake: self.mutation.and_then(mistake_of_link),
        };
        let has = Index(oldest.0.saturating_sub(1));
        if self.mutation != Some(Mutation::TrimmedTooEarly) {
            engine.keep_for_peer(has, self.options.kept_bytes);
        }
        let mirror = Mirror::new(start, settings, now.monotonic);
        let mut member = Member::paired(engine, mirror, now);
        self.set_level(&mut member);
        member
    }

    /// The network brings something.
    pub fn hear(&mut self, heard: Heard) {
        let now = self.now();
        let input = match heard {
            Heard::Connected { wire } => Input::Connected { wire },
            Heard::NotConnected => Input::NotConnected,
            Heard::Bytes { wire, bytes } => Input::Received { wire, bytes },
            Heard::Closed { wire } => Input::Closed { wire },
            Heard::Broken { wire } => Input::Broken { wire },
        };
        if let Some(running) = &mut self.running {
            running.member.hear(now, input);
        }
        self.settle();
    }

    /// Whether it takes more of what the other board has sent; what it does not take waits in the network.
    pub fn has_room(&mut self) -> bool {
        let now = self.now();
        let Some(running) = &mut self.running else {
            return true;
        };
        let has_room = running.member.has_room(now);
        self.settle();
        has_room
    }

    pub fn poll_said(&mut self) -> Option<Said> {
        self.said.pop_front()
    }

    /// When the board does something by itself.
    pub fn wake_at(&self) -> Option<u64> {
        let member = &self.running.as_ref()?.member;
        let waits = [member.wake_at(), member.engine.core.timeout()];
        waits.into_iter().flatten().min().map(|at| at.0)
    }

    pub fn standing(&self) -> Standing {
        let Some(running) = &self.running else {
            return Standing::Down;
        };
        let Some(mirror) = running.member.mirror() else {
            return Standing::Alone;
        };
        match mirror.status().state {
            State::Paired { leads } => Standing::Paired { leads },
            _ if running.member.serves() => Standing::Alone,
            _ => Standing::Waiting,
        }
    }

    /// It serves, and gets what it lacks or gives it; `None`: not now. `Some(true)`: nobody numbers meanwhile.
    pub fn meeting(&self) -> Option<bool> {
        let mirror = self.running.as_ref()?.member.mirror()?;
        match mirror.status().state {
            State::CatchingUp { serves: true, .. } => Some(false),
            State::Freezing => Some(true),
            _ => None,
        }
    }

    /// For whoever reads a failure.
    pub fn status(&self) -> String {
        let Some(running) = &self.running else {
            return " down".to_owned();
        };
        let engine = &running.member.engine;
        let (credit, is_settled) = (engine.log.credit(), engine.is_settled());
        let mirror = running.member.mirror().map(Mirror::status);
        let (oldest, trimmed) = (engine.log.oldest(), engine.trimmed().1);
        format!(
            " credit {credit} settled {is_settled} from {oldest} on, without {trimmed:?} {mirror:?}"
        )
    }

    /// The other board takes no more: clients are not read.
    pub(super) fn is_full(&self) -> bool {
        let mirror = self.running.as_ref().and_then(|one| one.member.mirror());
        mirror.is_some_and(Mirror::is_full)
    }

    /// Nothing waits in the core or for the disk.
    pub fn is_settled(&self) -> bool {
        let running = self.running.as_ref();
        running.is_none_or(|running| running.member.engine.is_settled())
    }

    pub(super) fn work_read(&mut self) {
        let now = self.now();
        let Some(running) = &mut self.running else {
            return;
        };
        let Some(part) = running.work.read.take() else {
            return;
        };
        match running.files.read(part.segment, part.offset, part.bytes) {
            Ok(bytes) => {
                running.member.handle_read(now, bytes);
                self.settle();
            }
            Err(_) => self.kill(),
        }
    }

    /// What the core wants; what the link wants goes to the network.
    pub(super) fn next_member_output(&mut self) -> Option<Output> {
        loop {
            let running = self.running.as_mut()?;
            match running.member.poll_output()? {
                member::Output::Core(output) => return Some(output),
                member::Output::Dial => self.said.push_back(Said::Dial),
                member::Output::Send { wire, bytes } => {
                    self.said.push_back(Said::Bytes { wire, bytes });
                }
                member::Output::Close { wire } => self.said.push_back(Said::Close { wire }),
                member::Output::Read {
                    segment,
                    offset,
                    bytes,
                } => {
                    running.work.read = Some(Part {
                        segment,
                        offset,
                        bytes,
                    });
                }
                member::Output::Joined => {
                    if let Some(seat) = &mut self.options.seat {
                        seat.is_joining = false;
                    }
                }
                member::Output::NeedsCopy => {
                    self.held = Some(running.member.engine.vector().clone());
                    self.notices.push("needs a copy".to_owned());
                }
                member::Output::Notice(notice) => self.note_notice(&notice),
            }
        }
    }

    fn note_notice(&mut self, notice: &Notice) {
        if let Notice::Paired { level, .. } = notice
            && *level > self.level
        {
            self.level = *level;
            if let Some(mut running) = self.running.take() {
                self.set_level(&mut running.member);
                self.running = Some(running);
            }
        }
        self.notices.push(format!("{notice:?}"));
    }

    /// What both boards read, as far as is written down here.
    fn set_level(&self, member: &mut Member) {
        member.set_level(self.level);
        if self.mutation == Some(Mutation::LevelIgnored) {
            member.engine.core.set_level(LEVEL);
        }
    }

    /// It writes nothing of the newest level: the other board does not read that, as far as it knows.
    pub fn writes_older(&self) -> bool {
        self.level < LEVEL
    }

    pub fn is_older(&self) -> bool {
        self.options.reads < LEVEL
    }

    /// The program of the version before is replaced, while it does not run.
    pub fn upgrade(&mut self) {
        self.options.reads = LEVEL;
    }

    /// What the tables hold, after [`Machine::archive`]: equal where they are equal.
    pub fn digest(&self) -> Result<String, String> {
        self.shelf
            .digest()
            .map_err(|error| format!("tables: {error:?}"))
    }

    /// All epochs, after [`Machine::archive`].
    pub fn numberings(&self) -> Result<Vec<Numbering>, String> {
        let known = self.shelf.epochs();
        let known = known.map_err(|error| format!("tables: {error:?}"))?;
        let known = known.into_iter().map(|record| Numbering {
            counter: record.epoch.counter,
            node: record.epoch.node,
            salt: record.epoch.salt,
        });
        Ok(known.collect())
    }

    /// It was never part of a pair.
    pub fn is_blank(&self) -> bool {
        self.options.seat.is_some_and(|seat| seat.is_joining)
    }

    /// What the link told its operator since this was asked last.
    pub fn take_notices(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notices)
    }
}

/// What the log holds, and what it held before.
fn trail(reach: &Vector, files: &mut LogFiles, log: &Log) -> Result<Trail, String> {
    let mut survey = Survey::new(log);
    let mut reader = Reader::new(log.oldest());
    loop {
        match reader.poll_output(log, 1 << 16) {
            ReadStep::Read {
                segment,
                offset,
                bytes,
            } => {
                let bytes = files.read(segment, offset, bytes);
                reader.handle_read(bytes.map_err(|error| format!("read: {error:?}"))?);
            }
            ReadStep::Records(records) if records.is_empty() => break,
            ReadStep::Records(records) => {
                for record in records {
                    let position = match record.kind {
                        crate::log::Kind::Entry => {
                            let entry = Entry::decode(&record.bytes);
                            entry.map_err(|error| format!("{error:?}"))?.position
                        }
                        crate::log::Kind::Epoch => {
                            let record = from_bytes::<EpochRecord>(&record.bytes);
                            let record = record.map_err(|error| format!("{error:?}"))?;
                            Position::new(record.epoch, 0, 0)
                        }
                    };
                    survey.add(Index(record.position), position);
                }
            }
            step @ (ReadStep::Trimmed { .. } | ReadStep::Damaged { .. }) => {
                let (from, upto) = (log.oldest(), log.durable());
                return Err(format!(
                    "the log is not read back from {from} to {upto}: {step:?}"
                ));
            }
        }
    }
    Ok(survey.finish(reach))
}
