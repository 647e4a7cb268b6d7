//! The barrier (rule R10): both stop numbering, everything is exchanged, and one epoch of both begins.
//!
//! FREEZE and FROZEN are each the last that is said before BEGIN, behind all that their side has.

use std::sync::Arc;

use crate::base::mirror_limits::MIRROR_FREEZE_BYTES;
use crate::base::mirror_limits::MIRROR_FREEZE_MS;
use crate::base::mirror_limits::MIRROR_SESSIONS_BYTES_MAX;
use crate::base::time::Monotonic;
use crate::mirror::Mirror;
use crate::mirror::Mistake;
use crate::mirror::Notice;
use crate::mirror::Output;
use crate::mirror::Role;
use crate::mirror::catch_up::CatchUp;
use crate::mirror::fault::Fault;
use crate::mirror::frame::Frame;
use crate::mirror::frame::Record;
use crate::mirror::link::Phase;
use crate::model::entry::EpochRecord;
use crate::model::entry::Mode;
use crate::model::position::Epoch;
use crate::model::position::Position;

/// From FREEZE to BEGIN.
#[derive(Debug)]
pub(super) struct Barrier {
    pub(super) since: Monotonic,
    /// FREEZE was said by the leader.
    is_said: bool,
    /// The core is to say how the own sessions stand.
    is_asked: bool,
    /// What it said.
    sessions: Option<Vec<Arc<[u8]>>>,
    peer_sessions: Vec<Arc<[u8]>>,
    /// FROZEN was said by the follower.
    is_frozen: bool,
    /// The record of the epoch to come: in this log, perhaps not durable.
    opening: Option<Arc<EpochRecord>>,
}

impl CatchUp {
    /// The record of the epoch to come goes out with BEGIN and not before.
    pub(super) fn is_opening(&self, position: Position) -> bool {
        self.barrier
            .as_ref()
            .and_then(|barrier| barrier.opening.as_ref())
            .is_some_and(|record| record.epoch == position.epoch())
    }
}

impl Mirror {
    fn freeze(&mut self) {
        let since = self.now.monotonic;
        if let Some(catch_up) = self.catching_up() {
            catch_up.barrier = Some(Barrier {
                since,
                is_said: false,
                is_asked: false,
                sessions: None,
                peer_sessions: Vec::new(),
                is_frozen: false,
                opening: None,
            });
        }
        if let Role::Solo { epoch, .. } = self.role {
            self.role = Role::Solo {
                epoch,
                is_frozen: true,
            };
            self.put(Output::Follow);
        }
    }

    pub(super) fn handle_own_sessions(&mut self, pieces: Vec<Arc<[u8]>>) {
        // Those that were asked for on an earlier connection may be older than what this one brought.
        if let Some(barrier) = self.barrier().filter(|barrier| barrier.is_asked) {
            barrier.sessions.get_or_insert(pieces);
        }
    }

    fn barrier(&mut self) -> Option<&mut Barrier> {
        self.catching_up()?.barrier.as_mut()
    }

    pub(super) fn handle_freeze(&mut self) -> Result<(), Fault> {
        let is_lacking = self.is_lacking();
        let catch_up = self.catch_up("FREEZE")?;
        if is_lacking || catch_up.leads || catch_up.barrier.is_some() {
            return Err(Fault::PeerUnexpected { frame: "FREEZE" });
        }
        self.freeze();
        Ok(())
    }

    pub(super) fn handle_session(&mut self, bytes: Arc<[u8]>) -> Result<(), Fault> {
        let frame = "SESSION";
        let barrier = self.barrier().ok_or(Fault::PeerUnexpected { frame })?;
        barrier.peer_sessions.push(bytes);
        // Each piece has a price of its own, or empty ones would be without end.
        let pieces = barrier.peer_sessions.iter();
        let bytes = pieces.map(|piece| piece.len() + 64).sum();
        if bytes > MIRROR_SESSIONS_BYTES_MAX {
            return Err(Fault::PeerTooMuch { bytes });
        }
        Ok(())
    }

    pub(super) fn handle_frozen(&mut self) -> Result<(), Fault> {
        let frame = "FROZEN";
        let catch_up = self.catch_up(frame)?;
        let leads = catch_up.leads;
        match &mut catch_up.barrier {
            Some(barrier) if leads && barrier.is_said && !barrier.is_frozen => {
                barrier.is_frozen = true;
                Ok(())
            }
            _ => Err(Fault::PeerUnexpected { frame }),
        }
    }

    pub(super) fn go_on_with_barrier(&mut self) -> Result<(), Fault> {
        if self.is_lacking() {
            return Ok(());
        }
        let is_merged = self.merging.is_empty();
        let is_ready = self.is_everything_sent() && self.branches.is_durable();
        let early = self.is_mistaken(Mistake::BeginWithoutFrozen);
        let is_fast = self.is_mistaken(Mistake::EpochUsedBeforeDurable);
        let Some(catch_up) = self.catching_up() else {
            return Ok(());
        };
        let (leads, is_level) = (catch_up.leads, catch_up.is_level());
        let Some(barrier) = &mut catch_up.barrier else {
            // Freezing says that what the other has sent is on this disk, too.
            if leads && is_level && is_merged && self.may_freeze() {
                self.freeze();
                return self.go_on_with_barrier();
            }
            return Ok(());
        };
        if let Some(record) = barrier.opening.clone() {
            let is_durable = self.branches.durable.seq(record.epoch).is_some();
            return match leads {
                // Rule R2: durable before anybody hears of it.
                true if is_durable || is_fast => {
                    self.lead(record);
                    Ok(())
                }
                false if is_durable => self.follow(&record),
                _ => Ok(()),
            };
        }
        let has_sessions = barrier.sessions.is_some();
        let is_frozen = barrier.is_frozen;
        if !is_ready || !is_merged {
            return Ok(());
        }
        if leads && !std::mem::replace(&mut barrier.is_said, true) {
            // Nothing comes from here behind it.
            self.queue(&Frame::Freeze, None);
        }
        if is_frozen || !leads || early {
            self.ask_sessions();
        }
        if !has_sessions {
            return Ok(());
        }
        if !leads && !is_frozen && !self.is_mistaken(Mistake::NeverFrozen) {
            self.say_frozen();
        }
        if leads && (is_frozen || early) {
            let record = self.begin_epoch(Mode::Sync);
            self.branches.watch(Some(record.epoch));
            if let Some(barrier) = self.barrier() {
                barrier.opening = Some(record);
            }
            if is_fast {
                return self.go_on_with_barrier();
            }
        }
        Ok(())
    }

    /// Rule U15, when all that the other sent is delivered: it may begin or end sessions of this board.
    fn ask_sessions(&mut self) {
        self.commit_left_open();
        let asked = self.barrier();
        if asked.is_some_and(|barrier| !std::mem::replace(&mut barrier.is_asked, true)) {
            self.put(Output::AskSessions);
        }
    }

    /// Users wait as long as the other board needs for what is under way to it.
    fn may_freeze(&mut self) -> bool {
        let now = self.now.monotonic;
        let Some(outbox) = self.link.as_ref().map(|link| &link.outbox) else {
            return false;
        };
        let (is_near, bytes) = (outbox.is_nearly_quiet(), outbox.under_way_bytes());
        let serves = self.serves();
        let Some(catch_up) = self.catching_up() else {
            return false;
        };
        let (least, since) = *catch_up.least.get_or_insert((bytes, now));
        if bytes + MIRROR_FREEZE_BYTES <= least {
            catch_up.least = Some((bytes, now));
            return !serves || is_near;
        }
        !serves || is_near || now.since_ms(since) >= MIRROR_FREEZE_MS
    }

    /// The epoch before ended with its connection. What was numbered in it is on both disks now: the
    /// leader froze when all was on its own, the follower says it is frozen when all is on its own.
    fn commit_left_open(&mut self) {
        let Some(epoch) = self.left_open.take() else {
            return;
        };
        if let Some(seq) = self.branches.durable.seq(epoch) {
            let upto = Position::new(epoch, seq, 0);
            self.put(Output::Commit { upto });
        }
    }

    fn say_frozen(&mut self) {
        self.send_sessions();
        if let Some(barrier) = self.barrier() {
            barrier.is_frozen = true;
        }
        self.queue(&Frame::Frozen, None);
    }

    /// Rule U15: before the epoch begins.
    fn send_sessions(&mut self) {
        let sessions = self.barrier().and_then(|barrier| barrier.sessions.take());
        for bytes in sessions.iter().flatten() {
            let bytes = Arc::clone(bytes);
            self.queue(&Frame::Session { bytes }, None);
        }
        if let Some(barrier) = self.barrier() {
            barrier.sessions = Some(Vec::new());
        }
    }

    fn lead(&mut self, record: Arc<EpochRecord>) {
        self.send_sessions();
        let begin = Arc::clone(&record);
        self.queue(&Frame::Begin { record: begin }, None);
        self.pair_up(record.epoch, true);
        self.put(Output::Lead {
            record,
            paired: true,
        });
    }

    pub(super) fn handle_begin(&mut self, record: &Arc<EpochRecord>) -> Result<(), Fault> {
        let frame = "BEGIN";
        let node = self.node;
        let catch_up = self.catch_up(frame)?;
        let said_frozen = catch_up
            .barrier
            .as_ref()
            .is_some_and(|barrier| barrier.is_frozen);
        if catch_up.leads || !said_frozen {
            return Err(Fault::PeerUnexpected { frame });
        }
        if let Some(barrier) = &mut catch_up.barrier {
            barrier.opening = Some(Arc::clone(record));
        }
        let epoch = record.epoch;
        let is_new = epoch.node != node
            && epoch.counter >= self.branches.next_counter()
            && record.mode == Mode::Sync;
        let stands_on_all = self.branches.holds_parents(record) && self.branches.is_under(record);
        if !is_new || !stands_on_all {
            return Err(Fault::PeerEpoch { epoch });
        }
        self.stamp = self.stamp.max(record.stamp);
        self.branches.watch(Some(epoch));
        self.append(
            Position::new(epoch, 0, 0),
            Record::epoch(record),
            Some(record),
        );
        if self.joining {
            self.joined_in = Some(epoch);
        }
        Ok(())
    }

    /// The follower has said BEGIN to itself and waits for its disk: what the leader says in the new
    /// epoch waits too, so that everything older is merged before.
    pub(super) fn is_opening_other(&self) -> bool {
        match self.link.as_ref().map(|link| &link.phase) {
            Some(Phase::CatchingUp { catch_up }) => {
                let barrier = catch_up.barrier.as_ref();
                !catch_up.leads && barrier.is_some_and(|barrier| barrier.opening.is_some())
            }
            _ => false,
        }
    }

    fn follow(&mut self, record: &EpochRecord) -> Result<(), Fault> {
        // It was durable at the leader before BEGIN.
        self.mark = Some(Position::new(record.epoch, 0, 0));
        self.pair_up(record.epoch, false);
        self.put(Output::Follow);
        self.read_frames()
    }

    fn pair_up(&mut self, epoch: Epoch, leads: bool) {
        let pieces = self
            .barrier()
            .map(|barrier| std::mem::take(&mut barrier.peer_sessions));
        self.put(Output::PeerSessions {
            pieces: pieces.unwrap_or_default(),
        });
        let now = self.now;
        let heal = self.catching_up().and_then(|catch_up| catch_up.heal(now));
        self.last_heal = heal.or(self.last_heal);
        if let Some(link) = &mut self.link {
            link.phase = Phase::Paired {
                last: 0,
                marked: None,
            };
        }
        self.role = Role::Sync {
            epoch,
            leads,
            ahead_since: None,
        };
        self.dial.pair(self.now.monotonic);
        self.put(Output::Notice(Notice::Paired {
            epoch,
            leads,
            level: self.peer_level.min(self.settings.reads),
        }));
    }
}
