//! Without the other board: waiting for it, going on alone, connecting again; and every timer.

use std::sync::Arc;

use crate::base::mirror_limits::MIRROR_BUSY_MS;
use crate::base::mirror_limits::MIRROR_CLOSED_MS;
use crate::base::mirror_limits::MIRROR_DIAL_MS;
use crate::base::mirror_limits::MIRROR_DIAL_MS_MAX;
use crate::base::mirror_limits::MIRROR_IDLE_MS;
use crate::base::mirror_limits::MIRROR_SILENCE_MS;
use crate::base::mirror_limits::MIRROR_SLOW_MS;
use crate::base::mirror_limits::MIRROR_STALL_MS;
use crate::base::time::Monotonic;
use crate::core::Now;
use crate::mirror::Mirror;
use crate::mirror::Mistake;
use crate::mirror::Notice;
use crate::mirror::Output;
use crate::mirror::Role;
use crate::mirror::fault::Fault;
use crate::mirror::frame::Frame;
use crate::mirror::frame::Record;
use crate::mirror::link::Phase;
use crate::model::entry::EpochRecord;
use crate::model::entry::Mode;
use crate::model::position::Epoch;
use crate::model::position::Position;

/// When to connect.
#[derive(Debug)]
pub(super) struct Dial {
    is_ours: bool,
    at: Option<Monotonic>,
    pause_ms: u64,
    paired_at: Option<Monotonic>,
}

/// What a deadline is for.
#[derive(Clone, Copy, Debug)]
enum Due {
    Dial,
    Alone,
    Silence,
    SignOfLife,
    Stall,
    Barrier,
    Slow,
}

impl Dial {
    pub(super) fn new(is_ours: bool, now: Monotonic) -> Self {
        Self {
            is_ours,
            at: is_ours.then_some(now),
            pause_ms: MIRROR_DIAL_MS,
            paired_at: None,
        }
    }

    /// Nothing is to be done while there is a connection.
    pub(super) fn rest(&mut self) {
        self.at = None;
    }

    pub(super) fn pair(&mut self, now: Monotonic) {
        self.paired_at = Some(now);
    }

    /// A connection is over: at once if it was a good one, otherwise after a pause.
    pub(super) fn plan(&mut self, now: Monotonic) {
        let Some(paired_at) = self.paired_at.take() else {
            return self.fail(now);
        };
        // Who does not come back soon after an epoch of both is taken for dead.
        let is_lasting = now.since_ms(paired_at) >= 2 * MIRROR_DIAL_MS_MAX;
        let pause_ms = if is_lasting { 0 } else { MIRROR_DIAL_MS };
        self.pause_ms = MIRROR_DIAL_MS;
        self.at = self.is_ours.then(|| now.plus_ms(pause_ms));
    }

    pub(super) fn fail(&mut self, now: Monotonic) {
        self.at = self.is_ours.then(|| now.plus_ms(self.pause_ms));
        self.pause_ms = (2 * self.pause_ms).min(MIRROR_DIAL_MS_MAX);
    }
}

impl Mirror {
    /// What the board is to its users after a connection.
    pub(super) fn fall_back(&mut self, fault: Fault, peer_serves: bool) {
        let now = self.now.monotonic;
        match self.role {
            Role::Solo {
                is_frozen: true, ..
            } if !self.is_mistaken(Mistake::NeverThawed) => {
                self.role = Role::Waiting { solo_at: Some(now) };
            }
            Role::Solo { epoch, .. } => {
                self.role = Role::Solo {
                    epoch,
                    is_frozen: false,
                };
            }
            Role::Waiting { solo_at } => {
                // What the other serves is missing here: it is worth waiting for.
                let wait_ms = match fault {
                    Fault::LocalStalled { .. } => 0,
                    _ if peer_serves => self.settings.boot_wait_ms,
                    _ => MIRROR_CLOSED_MS,
                };
                let at = solo_at
                    .filter(|_| wait_ms > 0)
                    .max(Some(now.plus_ms(wait_ms)));
                self.role = Role::Waiting {
                    solo_at: at.filter(|_| !self.joining),
                };
            }
            Role::Sync { leads, epoch, .. } => {
                self.left_open = Some(epoch);
                // Rule R4: nothing more is numbered in this epoch.
                if leads {
                    self.put(Output::Follow);
                }
                self.put(Output::PeerGone);
                self.mourned = fault.is_death().then_some(self.peer_salt);
                self.branches.watch(None);
                let wait_ms = if fault.is_final() {
                    0
                } else {
                    MIRROR_CLOSED_MS
                };
                self.role = Role::Waiting {
                    solo_at: (!self.joining).then(|| now.plus_ms(wait_ms)),
                };
            }
        }
    }

    /// Rules R12 and R15: the connection is closed, the EPOCH record goes into the log first, and what
    /// is numbered after it is committed when it is on this disk.
    fn go_alone(&mut self) {
        if self.mourned.take().is_some() {
            // A board that lives would be back by now.
            self.put(Output::PeerDied);
        }
        let record = self.begin_epoch(Mode::Solo);
        self.left_open = None;
        self.role = Role::Solo {
            epoch: record.epoch,
            is_frozen: false,
        };
        let epoch = record.epoch;
        self.put(Output::Lead {
            record,
            paired: false,
        });
        self.put(Output::Notice(Notice::Alone { epoch }));
    }

    /// There is no other board any more: this one goes on alone at once, even if it has never met it.
    pub(crate) fn leave(&mut self, now: Now) {
        self.now = now;
        self.joining = false;
        self.lose(Fault::LocalStop);
        for (_, record) in std::mem::take(&mut self.merging) {
            self.put(Output::Merged { record });
        }
        if matches!(self.role, Role::Waiting { .. }) {
            self.go_alone();
        }
    }

    /// The other board greets, and shows whether it is the one that was lost or has begun anew since.
    pub(super) fn meet(&mut self, salt: u32) {
        self.peer_salt = salt;
        if self.mourned.take().is_some_and(|lost| lost != salt) {
            self.put(Output::PeerDied);
        }
    }

    /// Appends the record of a new epoch of this board (rules R1, R13).
    pub(super) fn begin_epoch(&mut self, mode: Mode) -> Arc<EpochRecord> {
        let step = u32::from(self.is_mistaken(Mistake::CounterStuck));
        let epoch = Epoch {
            counter: self.branches.next_counter() - step,
            node: self.node,
            salt: self.salt,
        };
        self.stamp = self.stamp.next(self.now.wall.unix_ms(), self.node);
        let record = Arc::new(EpochRecord {
            epoch,
            stamp: self.stamp,
            mode,
            parents: self.branches.tips(),
        });
        self.append(
            Position::new(epoch, 0, 0),
            Record::epoch(&record),
            Some(&record),
        );
        record
    }

    pub(super) fn append(
        &mut self,
        position: Position,
        record: Record,
        epoch: Option<&EpochRecord>,
    ) {
        self.branches.hand(position, epoch);
        self.put(Output::Append { record });
    }

    /// When [`Input::Tick`](crate::mirror::Input::Tick) is due.
    pub(crate) fn wake_at(&self) -> Option<Monotonic> {
        self.next_due().map(|(at, _)| at)
    }

    fn next_due(&self) -> Option<(Monotonic, Due)> {
        let due = if self.link.is_some() {
            self.connected_dues()
        } else if self.is_stopping {
            [None; 4]
        } else {
            // Rule R13: the record of its epoch names what the other has sent, so that has to be merged before.
            let alone = match self.role {
                Role::Waiting { solo_at } => solo_at.filter(|_| self.merging.is_empty()),
                Role::Solo { .. } | Role::Sync { .. } => None,
            };
            [
                alone.map(|at| (at, Due::Alone)),
                self.dial.at.map(|at| (at, Due::Dial)),
                None,
                None,
            ]
        };
        due.into_iter().flatten().min_by_key(|(at, _)| *at)
    }

    fn connected_dues(&self) -> [Option<(Monotonic, Due)>; 4] {
        let Some(link) = &self.link else {
            return [None; 4];
        };
        let mut stall = None;
        let mut barrier = None;
        if let Phase::CatchingUp { catch_up } = &link.phase {
            let waits = matches!(self.role, Role::Waiting { .. }) && !catch_up.peer_serves;
            // The one that would lead anyway; the other will find it serving.
            if waits && catch_up.leads && !self.joining {
                stall = Some((catch_up.since.plus_ms(MIRROR_STALL_MS), Due::Stall));
            }
            barrier = catch_up
                .barrier
                .as_ref()
                .map(|barrier| (barrier.since.plus_ms(MIRROR_SLOW_MS), Due::Barrier));
        }
        if let Role::Sync {
            ahead_since: Some(since),
            ..
        } = self.role
        {
            stall = Some((since.plus_ms(MIRROR_SLOW_MS), Due::Slow));
        }
        let pause_ms = if self.is_busy() {
            MIRROR_BUSY_MS
        } else {
            MIRROR_IDLE_MS
        };
        [
            Some((link.heard_at.plus_ms(MIRROR_SILENCE_MS), Due::Silence)),
            Some((link.said_at.plus_ms(pause_ms), Due::SignOfLife)),
            stall,
            barrier,
        ]
    }

    /// Something is under way that a silent link would hold up.
    fn is_busy(&self) -> bool {
        let Some(link) = &self.link else {
            return false;
        };
        match link.phase {
            Phase::Greeting => false,
            Phase::CatchingUp { .. } => true,
            Phase::Paired { .. } => {
                !link.outbox.is_quiet() || link.inbox.untold() > 0 || !self.branches.is_durable()
            }
        }
    }

    pub(super) fn handle_due(&mut self) {
        // Each moves its own deadline, so the bound is never met.
        for _ in 0..8 {
            match self.next_due() {
                Some((at, due)) if at <= self.now.monotonic => self.fire(due),
                _ => return,
            }
        }
    }

    fn fire(&mut self, due: Due) {
        match due {
            Due::Dial => {
                self.dial.rest();
                self.put(Output::Dial);
            }
            Due::Alone => self.go_alone(),
            Due::Silence => self.lose(Fault::PeerSilent {
                ms: MIRROR_SILENCE_MS,
            }),
            Due::SignOfLife => {
                let taken = self.link.as_mut().map_or(0, |link| link.inbox.tell());
                self.say_alive(taken);
            }
            Due::Stall => self.lose(Fault::LocalStalled {
                ms: MIRROR_STALL_MS,
            }),
            Due::Barrier | Due::Slow => self.lose(Fault::PeerSlow { ms: MIRROR_SLOW_MS }),
        }
    }

    /// Both serve, and nothing is under way but signs of life.
    pub(crate) fn is_at_rest(&self) -> bool {
        let is_paired = matches!(
            self.role,
            Role::Sync {
                ahead_since: None,
                ..
            }
        );
        is_paired && self.link.is_some() && !self.is_busy()
    }

    /// For a driver whose time is a model: so much of it passes in which either hears the other as it did before.
    pub(crate) fn rest(&mut self, ms: u64) {
        if let Some(link) = &mut self.link {
            link.heard_at = link.heard_at.plus_ms(ms);
            link.said_at = link.said_at.plus_ms(ms);
        }
    }

    /// In the greeting there is nothing to say but the greeting.
    fn say_alive(&mut self, taken: u64) {
        let now = self.now.monotonic;
        match &mut self.link {
            Some(link) if matches!(link.phase, Phase::Greeting) => link.said_at = now,
            _ => self.say(&Frame::Alive { taken }),
        }
    }
}
