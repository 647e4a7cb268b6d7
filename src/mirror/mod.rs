//! The link of the pair, sans-IO: one log while the boards are connected, two branches while not.
//!
//! Two people keep one book. While they sit together one of them gives the numbers and both write;
//! apart, each begins a chapter of its own; when they meet again they copy each other's chapters and
//! begin a common one. Nothing is ever torn out.
//!
//! ```text
//!             Waiting ------ nobody there in time ------> Alone: EPOCH record (Solo), own numbers
//!                |  ^                                       |  ^
//!      connected |  | closed                      connected |  | closed (a frozen one begins anew)
//!                v  |                                       v  |
//!   Greeting: HELLO -> CatchingUp: RECORD.., LEVEL -> Freezing: FREEZE, SESSION.., FROZEN
//!                                                           |
//!                         EPOCH record (Sync) durable at the leader, BEGIN
//!                                                           v
//!                    Paired: ENTRY / PROPOSE, REJECT, DURABLE; closed -> Waiting
//! ```
//!
//! The rules R1 to R15 are those of `manual::mirror`; each stands where the code keeps it. The driver
//! gives [`Input`]s, drains [`Mirror::poll_output`] after each, and wakes the mirror at
//! [`Mirror::wake_at`]. What is committed in a pair is said here ([`Output::Commit`]) and nowhere else.
//!
//! Limits: [`mirror_limits`](crate::base::mirror_limits). While [`Mirror::is_full`] the clients are not read.

mod alone;
mod barrier;
mod branches;
mod catch_up;
pub(crate) mod fault;
pub(crate) mod frame;
pub(crate) mod fuzz;
mod heard;
pub(crate) mod io;
mod lacking;
mod link;
pub(crate) mod member;
mod paired;
mod window;

pub(crate) use io::Input;
pub(crate) use io::Mistake;
pub(crate) use io::Notice;
pub(crate) use io::Output;
pub(crate) use io::Settings;
pub(crate) use io::Start;
pub(crate) use io::State;
pub(crate) use io::Status;

use std::collections::VecDeque;

use crate::base::mirror_limits::MIRROR_SILENCE_MS;
use crate::base::time::Monotonic;
use crate::base::time::Timestamp;
use crate::core::Now;
use crate::core::measure::Measured;
use crate::mirror::alone::Dial;
use crate::mirror::branches::Branches;
use crate::mirror::fault::Fault;
use crate::mirror::frame::Record;
use crate::mirror::io::Index;
use crate::mirror::link::Link;
use crate::mirror::link::Phase;
use crate::model::entry::Mode;
use crate::model::level::LEVEL_FIRST;
use crate::model::pair::Heal;
use crate::model::pair::PairState;
use crate::model::pair::PairStatus;
use crate::model::position::Epoch;
use crate::model::position::Hlc;
use crate::model::position::Position;
use crate::model::vector::Vector;

/// What this board is to its users.
#[derive(Clone, Copy, Debug)]
enum Role {
    /// Numbers nothing, commits nothing. `None`: not before the other board was met (rule R5).
    Waiting { solo_at: Option<Monotonic> },
    /// Serves alone. Frozen: it stopped numbering for the epoch of both that is to come.
    Solo { epoch: Epoch, is_frozen: bool },
    /// Serves with the other.
    Sync {
        epoch: Epoch,
        leads: bool,
        /// Since when this disk is ahead of the other.
        ahead_since: Option<Monotonic>,
    },
}

/// One end of the link.
#[derive(Debug)]
pub(crate) struct Mirror {
    settings: Settings,
    node: u8,
    pair: u128,
    salt: u32,
    joining: bool,
    /// The epoch of both in which this board joined; it is one of two when that is on its disk.
    joined_in: Option<Epoch>,
    role: Role,
    branches: Branches,
    stamp: Hlc,
    trimmed: Vector,
    oldest: Index,
    /// Records of the other that are on their way to this disk.
    merging: VecDeque<(Position, Record)>,
    committed: Option<Position>,
    /// The last epoch of both, where no other followed: what was numbered in it waits for both disks.
    left_open: Option<Epoch>,
    /// How far the other disk has come, and in which epoch.
    mark: Option<Position>,
    /// The other board has everything up to here.
    peer_has: Index,
    /// The same, as far as the log tells: for those who ask from outside.
    shared: Index,
    /// When the state, as outsiders are told of it, began.
    since: Timestamp,
    word: &'static str,
    last_heal: Option<Heal>,
    link: Option<Link>,
    dial: Dial,
    /// The other board's salt, as it greeted last; and as it was when it left an epoch of both as only
    /// the dead do.
    peer_salt: u32,
    mourned: Option<u32>,
    /// The server stops: this board begins nothing any more.
    is_stopping: bool,
    fault: Option<Fault>,
    clock_ahead_ms: Option<i64>,
    /// The level of what is stored here, and the newest that the other board reads.
    level: u8,
    peer_level: u8,
    now: Now,
    outputs: VecDeque<Output>,
}

impl Mirror {
    /// The first [`Mirror::step`] with [`Input::Tick`] sets it in motion.
    pub(crate) fn new(start: Start, settings: Settings, now: Monotonic) -> Self {
        let waits = start.mode == Mode::Sync;
        // Last alone: the other has not gone on without this one, as far as this disk knows.
        let solo_at = now.plus_ms(if waits { settings.boot_wait_ms } else { 0 });
        let joining = start.joining && settings.mistake != Some(Mistake::JoinerServes);
        Self {
            settings,
            node: start.node,
            pair: start.pair,
            salt: start.salt,
            joining,
            joined_in: None,
            role: Role::Waiting {
                solo_at: (!joining).then_some(solo_at),
            },
            branches: Branches::new(&start),
            stamp: start.stamp,
            trimmed: start.trimmed,
            oldest: start.oldest,
            merging: VecDeque::new(),
            committed: None,
            left_open: None,
            mark: None,
            peer_has: start.oldest.saturating_sub(1),
            shared: start.shared,
            since: Timestamp::default(),
            word: "",
            last_heal: None,
            link: None,
            dial: Dial::new(settings.dials, now),
            peer_salt: 0,
            mourned: None,
            is_stopping: false,
            fault: None,
            clock_ahead_ms: None,
            level: LEVEL_FIRST,
            peer_level: LEVEL_FIRST,
            now: Now {
                monotonic: now,
                wall: Timestamp::default(),
            },
            outputs: VecDeque::new(),
        }
    }

    /// One input; drain [`Mirror::poll_output`] before the next.
    pub(crate) fn step(&mut self, now: Now, input: Input) {
        self.now = now;
        if let Err(fault) = self.handle(input) {
            self.lose(fault);
        }
        self.handle_due();
        if let Err(fault) = self.progress() {
            self.lose(fault);
        }
        self.flush();
        let word = PairState::from(self.state()).word();
        if word != self.word {
            self.word = word;
            self.since = now.wall;
        }
    }

    fn handle(&mut self, input: Input) -> Result<(), Fault> {
        match input {
            Input::Connected { wire } => self.handle_connected(wire),
            Input::NotConnected => self.dial.fail(self.now.monotonic),
            Input::Closed { wire } if self.is_current(wire) => return Err(Fault::PeerClosed),
            Input::Broken { wire } if self.is_current(wire) => return Err(Fault::LinkBroke),
            Input::Received { wire, bytes } if self.is_current(wire) => {
                return self.handle_bytes(&bytes);
            }
            // Of a connection that this end has closed; and time has passed.
            Input::Closed { .. } | Input::Broken { .. } | Input::Received { .. } | Input::Tick => {}
            Input::Stop => {
                self.is_stopping = true;
                return Err(Fault::LocalStop);
            }
            Input::Durable { upto } => self.handle_durable(upto),
            Input::Trimmed { oldest, vector } => return self.handle_trimmed(oldest, vector),
            Input::Records {
                from,
                records,
                next,
            } => return self.handle_records(from, records, next),
            Input::Sessions { pieces } => self.handle_own_sessions(pieces),
            Input::Ship {
                ticket,
                is_durable,
                bytes,
            } => self.handle_ship(ticket, is_durable, bytes),
            Input::Reject { ticket, generation } => self.handle_reject(ticket, generation),
            Input::Propose {
                ticket,
                generation,
                bytes,
            } => self.handle_propose(ticket, generation, bytes),
        }
        Ok(())
    }

    /// The log took a record, whoever made it: told at once, between outputs too.
    pub(crate) fn handle_appended(&mut self, index: Index, position: Position, stamp: Hlc) {
        self.stamp = self.stamp.max(stamp);
        self.branches.handle_appended(index, position);
    }

    /// What was given out for the core could not be read.
    pub(crate) fn handle_fault(&mut self, fault: Fault) {
        self.lose(fault);
        self.flush();
    }

    /// See [`Settings::reads`].
    fn reads(&self) -> u8 {
        self.settings.reads
    }

    pub(crate) fn peer_reads(&self, level: u8) -> bool {
        self.peer_level >= level
    }

    /// What is stored here may be of this level from now on.
    pub(crate) fn set_level(&mut self, level: u8) {
        self.level = level;
    }

    /// Whether users are served: alone, or with the other board.
    pub(crate) fn serves(&self) -> bool {
        matches!(self.role, Role::Solo { .. } | Role::Sync { .. })
    }

    /// What follows by itself from where things stand.
    fn progress(&mut self) -> Result<(), Fault> {
        self.join();
        self.read_on();
        self.release_read();
        self.go_on_with_giving()?;
        self.go_on_with_barrier()?;
        self.tell();
        self.commit();
        self.link
            .as_ref()
            .map_or(Ok(()), |link| link.outbox.check())
    }

    pub(crate) fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// The core makes more than the other board takes: its clients are not read meanwhile.
    pub(crate) fn is_full(&self) -> bool {
        let Some(link) = &self.link else {
            return false;
        };
        let is_outrun = match &link.phase {
            Phase::CatchingUp { catch_up } => catch_up.is_outrun(self.branches.durable_upto),
            Phase::Greeting | Phase::Paired { .. } => true,
        };
        is_outrun && link.outbox.is_full()
    }

    /// What is under way to the other board, beside its bounds.
    pub(crate) fn measured(&self) -> Vec<Measured> {
        let link = self.link.iter();
        link.flat_map(|link| link.outbox.measured()).collect()
    }

    fn state(&self) -> State {
        let serves = matches!(self.role, Role::Solo { .. });
        match (&self.link, self.role) {
            (_, Role::Sync { leads, .. }) => State::Paired { leads },
            (None, Role::Waiting { solo_at }) => State::Waiting { until: solo_at },
            (None, Role::Solo { .. }) => State::Alone,
            (Some(link), _) => match &link.phase {
                Phase::Greeting | Phase::Paired { .. } => State::Greeting { serves },
                Phase::CatchingUp { catch_up } if catch_up.barrier.is_some() => State::Freezing,
                Phase::CatchingUp { catch_up } => State::CatchingUp {
                    serves,
                    done: catch_up.done,
                    total: catch_up.total.max(catch_up.done),
                },
            },
        }
    }

    pub(crate) fn status(&self) -> Status {
        let silence_ms = |link: &Link| self.now.monotonic.since_ms(link.heard_at);
        let has = self.peer_has.max(self.shared);
        let lag_entries = self.branches.durable_upto.saturating_sub(has);
        let is_alone = matches!(self.role, Role::Solo { .. });
        let now = self.now.monotonic;
        let alone_in_ms = match (self.role, &self.link) {
            (Role::Waiting { solo_at }, None) => solo_at.map(|at| at.since_ms(now)),
            _ => None,
        };
        let left_ms = match self.link.as_ref().map(|link| &link.phase) {
            Some(Phase::CatchingUp { catch_up }) => catch_up.left_ms(now),
            _ => None,
        };
        Status {
            state: self.state(),
            pair: PairStatus {
                state: self.state().into(),
                since: self.since,
                lag_entries,
                solo_entries: if is_alone { lag_entries } else { 0 },
                last_heal: self.last_heal,
                serves: self.serves(),
                is_joiner: self.joining,
                alone_in_ms,
                left_ms,
                clock_ahead_ms: self.clock_ahead_ms,
            },
            joining: self.joining,
            fault: self.fault,
            clock_ahead_ms: self.clock_ahead_ms,
            is_quiet: self
                .link
                .as_ref()
                .is_some_and(|link| silence_ms(link) > MIRROR_SILENCE_MS / 2),
        }
    }

    fn is_mistaken(&self, mistake: Mistake) -> bool {
        self.settings.mistake == Some(mistake)
    }

    fn release(&mut self, upto: Option<Index>) {
        if let Some(upto) = upto.filter(|upto| *upto > self.peer_has) {
            self.peer_has = upto;
            self.put(Output::PeerHas { upto });
        }
    }

    fn put(&mut self, output: Output) {
        self.outputs.push_back(output);
    }
}

#[cfg(test)]
mod tests;
