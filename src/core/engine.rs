//! The core and the log as one machine: what a node is, without its threads.
//!
//! The driver steps it with inputs, performs its outputs, and says when the disk has done what was
//! asked. The simulator drives the same machine over a model disk.
//!
//! The log counts records by [`Index`], everybody else names entries by their [`Position`]: both are
//! known here of what is not durable yet.

use std::collections::VecDeque;

use crate::base::limits::LOG_RETRY_MS;
use crate::base::time::Monotonic;
use crate::core::Core;
use crate::core::Input;
use crate::core::Now;
use crate::core::Output;
use crate::core::Start;
use crate::core::kept::Kept;
use crate::core::session::LinkId;
use crate::core::trail::Trail;
use crate::log::AppendError;
use crate::log::Failure;
use crate::log::Kind;
use crate::log::Log;
use crate::log::Request;
use crate::log::SegmentId;
use crate::log::read::ReadStep;
use crate::log::read::Reader;
use crate::model::codec::CodecError;
use crate::model::codec::from_bytes;
use crate::model::entry::Entry;
use crate::model::entry::EpochRecord;
use crate::model::position::Epoch;
use crate::model::position::Hlc;
use crate::model::position::Index;
use crate::model::position::Position;
use crate::model::vector::Vector;

/// Room in the log for what is read of the other node at a time: the longest record, and 64 KiB of short
/// ones with a sector for each.
const FOREIGN_CREDIT: u64 = 1 << 20;

/// Room in the log that is left to records of epochs: without it a node could not go on alone.
const EPOCH_CREDIT: u64 = 4 << 10;

/// How long a node lets the other one wait: when its disk is full, and when it only takes its time.
const FULL_MS: u64 = 5_000;
const HELD_MS: u64 = 30_000;

/// A node: its core, and the log under it.
pub(crate) struct Engine {
    pub(crate) core: Core,
    pub(crate) log: Log,
    /// In the log and not durable yet, in its order.
    waiting: VecDeque<Waiting>,
    /// How far the log goes on the disk, and with what is on the way there.
    durable: Vector,
    whole: Vector,
    /// The newest durable entry of this node's own line, and the newest that is committed.
    local: Position,
    committed: Position,
    commits: Commits,
    /// Records that the link has not been told of; none where there is no link.
    fresh: Vec<Appended>,
    kept: Option<Kept>,
    /// What was given away of the log; `None` where nobody asks.
    trail: Option<Trail>,
    /// Something was, since this was asked last.
    has_trimmed: bool,
    /// The tables hold everything at or below.
    applied: Index,
    /// When the log was last told to look for space on a full disk.
    retried_at: Monotonic,
    /// The other node's records have waited for room since then, and whether the disk was full meanwhile.
    full_since: Option<(Monotonic, bool)>,
    failed: Option<EngineError>,
}

#[derive(Debug)]
struct Waiting {
    index: Index,
    position: Position,
    /// Numbered in the line of this node; what is merged is none of it.
    is_own: bool,
}

/// A record that the log has taken.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Appended {
    pub(crate) index: Index,
    pub(crate) position: Position,
    /// No record so far has a later one.
    pub(crate) stamp: Hlc,
}

/// What makes an entry of this node's line committed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Commits {
    /// It is on this disk.
    Here,
    /// It is on both disks. Of the other node's marks only those of this epoch count (`mirror` rule
    /// R11).
    OnBoth { epoch: Epoch, peer: Position },
    /// Somebody else says so: [`Engine::commit`].
    AsTold,
}

/// Why a record was not taken.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum RecordError {
    /// The log has no room now.
    LocalFull,
    /// The other node sent what cannot be read.
    PeerUnreadable {
        error: CodecError,
    },
    LocalLog {
        error: AppendError,
    },
}

/// Why a node cannot go on. Whatever was not acknowledged may be lost, nothing else is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum EngineError {
    /// The disk failed: nobody knows what it holds now.
    LocalDisk { failure: Failure },
    /// The core appended what the log had not promised to take.
    BugAppend { error: AppendError },
    /// A record of the other node cannot be taken.
    LocalRecord { error: RecordError },
    /// What was durable cannot be read back.
    LocalDamaged { segment: SegmentId, offset: u64 },
}

impl Engine {
    /// `log` holds everything that `start` was made from, durably, and the record of the epoch;
    /// `reach`: how far it goes.
    pub(crate) fn new(start: Start, log: Log, reach: Vector) -> Self {
        let core = Core::new(start);
        let committed = core.order.committed;
        let mut engine = Self {
            core,
            log,
            waiting: VecDeque::new(),
            whole: reach.clone(),
            durable: reach,
            local: committed,
            committed,
            commits: Commits::Here,
            fresh: Vec::new(),
            kept: None,
            trail: None,
            has_trimmed: false,
            applied: Index::default(),
            retried_at: Monotonic::default(),
            full_since: None,
            failed: None,
        };
        engine.tell_credit();
        engine
    }

    /// One input for the core; drain [`Engine::poll_output`] and [`Engine::poll_disk`] before the
    /// next.
    pub(crate) fn step(&mut self, now: Now, input: Input) {
        if let Input::Checkpointed { upto } = &input {
            self.applied = self.applied.max(*upto);
            self.release();
        }
        // Whoever asks for something durable on a full disk makes the log look again.
        if now.monotonic.since_ms(self.retried_at) >= LOG_RETRY_MS && self.log.is_out_of_space() {
            self.retried_at = now.monotonic;
            self.log.handle_retry();
        }
        self.core.step(now, input);
    }

    /// The next thing to do outside. Appends stay here.
    pub(crate) fn poll_output(&mut self) -> Option<Output> {
        while let Some(output) = self.core.poll_output() {
            let Output::Append {
                index,
                position,
                bytes,
            } = output
            else {
                return Some(output);
            };
            if let Err(error) = self.append_own(index, position, &bytes) {
                self.failed.get_or_insert(EngineError::BugAppend { error });
            }
        }
        self.tell_credit();
        None
    }

    /// An entry of this node's line.
    pub(crate) fn append_own(
        &mut self,
        index: Index,
        position: Position,
        bytes: &[u8],
    ) -> Result<(), AppendError> {
        self.log.append(index.0, Kind::Entry, bytes)?;
        self.wait(index, position, true);
        Ok(())
    }

    /// The record of an epoch, or an entry of another branch; `None`: it is here already. An entry is
    /// given to the core by [`Input::Merged`] when it is durable.
    pub(crate) fn append_foreign(
        &mut self,
        kind: Kind,
        bytes: &[u8],
    ) -> Result<Option<Index>, RecordError> {
        let unreadable = |error| RecordError::PeerUnreadable { error };
        if crate::log::credit::cost(bytes.len()) > self.log.credit() {
            return Err(RecordError::LocalFull);
        }
        let (index, position) = match kind {
            Kind::Epoch => {
                let record: EpochRecord = from_bytes(bytes).map_err(unreadable)?;
                let position = Position::new(record.epoch, 0, 0);
                if self.whole.covers(position) {
                    return Ok(None);
                }
                (self.core.add_epoch(record), position)
            }
            Kind::Entry => {
                let entry = Entry::decode(bytes).map_err(unreadable)?;
                if self.whole.covers(entry.position) {
                    return Ok(None);
                }
                (self.core.number_foreign(&entry), entry.position)
            }
        };
        self.log
            .append(index.0, kind, bytes)
            .map_err(|error| RecordError::LocalLog { error })?;
        self.tell_credit();
        self.wait(index, position, false);
        Ok(Some(index))
    }

    /// Whether more of the other node's records may be taken: there is room for them in the log and in
    /// memory, or nothing under way that would make some.
    pub(crate) fn has_room(&mut self, now: Now) -> bool {
        let wanted = FOREIGN_CREDIT.min(self.log.segment_credit());
        let is_enough = self.log.credit() >= wanted && self.core.has_room();
        if !is_enough && !self.log.is_busy() && !self.core.is_making_room() {
            self.core.ask_checkpoint(now);
        }
        let waits = !is_enough && (self.log.is_busy() || self.core.is_making_room());
        if !waits {
            self.full_since = None;
            return true;
        }
        let (since, is_full) = self.full_since.get_or_insert((now.monotonic, false));
        // The log looks for space again and again: it counts what it has found once.
        *is_full |= self.log.is_out_of_space();
        let limit_ms = if *is_full { FULL_MS } else { HELD_MS };
        // Its users are better off at the other node.
        if now.monotonic.since_ms(*since) >= limit_ms {
            let error = RecordError::LocalFull;
            self.failed
                .get_or_insert(EngineError::LocalRecord { error });
        }
        false
    }

    fn tell_credit(&mut self) {
        let credit = self.log.credit();
        self.core.set_credit(
            credit.saturating_sub(EPOCH_CREDIT),
            self.log.record_cost_max(),
        );
    }

    fn wait(&mut self, index: Index, position: Position, is_own: bool) {
        self.whole.add(position);
        if let Some(trail) = &mut self.trail {
            trail.add(index, position);
        }
        if self.commits == Commits::AsTold {
            let stamp = self.core.stamp();
            self.fresh.push(Appended {
                index,
                position,
                stamp,
            });
        }
        self.waiting.push_back(Waiting {
            index,
            position,
            is_own,
        });
    }

    /// What the log has taken since this was asked last.
    pub(crate) fn take_appended(&mut self) -> Vec<Appended> {
        std::mem::take(&mut self.fresh)
    }

    /// What the log has taken and the disk may not have yet, in its order.
    pub(crate) fn waiting(&self) -> Vec<Appended> {
        let stamp = self.core.stamp();
        let waiting = self.waiting.iter().map(|one| Appended {
            index: one.index,
            position: one.position,
            stamp,
        });
        waiting.collect()
    }

    /// A record that the other node has and this one lacks. Without room for it this node ends: the
    /// other one goes on.
    pub(crate) fn take_foreign(&mut self, kind: Kind, bytes: &[u8]) {
        if let Err(error) = self.append_foreign(kind, bytes) {
            self.failed
                .get_or_insert(EngineError::LocalRecord { error });
        }
    }

    /// The next request for the log's disk; at most one is under way.
    pub(crate) fn poll_disk(&mut self) -> Option<Request> {
        let request = self.log.poll_output();
        if let (Some(trail), Some(end)) = (&mut self.trail, self.log.ends().next_back()) {
            trail.cut(Index(end));
        }
        request
    }

    /// The disk has done what [`Engine::poll_disk`] gave last.
    pub(crate) fn handle_disk(&mut self, now: Now, result: Result<(), Failure>) {
        match result {
            Ok(()) => self.log.handle_synced(),
            Err(failure) => self.log.handle_failed(failure),
        }
        if let Some(failure) = self.log.poisoned() {
            self.failed
                .get_or_insert(EngineError::LocalDisk { failure });
            return;
        }
        self.note_trimmed();
        self.tell_credit();
        let upto = self.durable_upto();
        while let Some(front) = self.waiting.front().filter(|front| front.index <= upto) {
            self.durable.add(front.position);
            if front.is_own {
                self.local = self.local.max(front.position);
            }
            self.waiting.pop_front();
        }
        self.commit_own(now);
    }

    /// Who says what is committed from here on.
    pub(crate) fn set_commits(&mut self, now: Now, commits: Commits) {
        self.commits = commits;
        self.commit_own(now);
    }

    /// The other node has everything up to here on its disk.
    pub(crate) fn handle_peer_durable(&mut self, now: Now, upto: Position) {
        if let Commits::OnBoth { epoch, peer } = &mut self.commits
            && *epoch == upto.epoch()
        {
            *peer = upto.max(*peer);
            self.commit_own(now);
        }
    }

    fn commit_own(&mut self, now: Now) {
        match self.commits {
            Commits::Here => self.commit(now, self.local),
            Commits::OnBoth { peer, .. } => self.commit(now, peer.min(self.local)),
            Commits::AsTold => {}
        }
    }

    /// Everything of this node's line up to here is committed.
    pub(crate) fn commit(&mut self, now: Now, upto: Position) {
        if upto > self.committed {
            self.committed = upto;
            self.core.step(now, Input::Durable { upto });
        }
    }

    /// Up to here the log is on the disk.
    pub(crate) fn durable_upto(&self) -> Index {
        Index(self.log.durable())
    }

    /// How far the log goes on the disk.
    pub(crate) fn vector(&self) -> &Vector {
        &self.durable
    }

    /// Reads the log back; see [`Reader`].
    pub(crate) fn read(&self, reader: &mut Reader, bytes_max: usize) -> ReadStep {
        reader.poll_output(&self.log, bytes_max)
    }

    /// From here on the log keeps what the other node lacks, as long as that is not more than
    /// `bytes_max`.
    pub(crate) fn keep_for_peer(&mut self, has: Index, bytes_max: u64) {
        let oldest = Index(self.log.oldest());
        self.kept = Some(Kept::new(has, bytes_max, oldest));
        self.release();
    }

    /// From here on it is known what is given away: `trail` says what is kept now.
    pub(crate) fn keep_trail(&mut self, trail: Trail) {
        self.trail = Some(trail);
        self.note_trimmed();
    }

    /// The same for a log that has been kept for nobody: the tables reach to `applied`.
    pub(crate) fn begin_trail(&mut self, from: Index, applied: Vector) {
        let fresh = self.whole.iter().map(Position::epoch);
        let fresh: Vec<Epoch> = fresh.filter(|one| applied.seq(*one).is_none()).collect();
        let mut trail = Trail::new(applied);
        for epoch in fresh {
            trail.add(from, Position::new(epoch, 0, 0));
        }
        for (index, position) in self.core.tail.positions(from) {
            trail.add(index, position);
        }
        self.keep_trail(trail);
    }

    /// What cannot be read back, if that is more than when this was asked last.
    pub(crate) fn take_trimmed(&mut self) -> Option<(Index, Vector)> {
        std::mem::take(&mut self.has_trimmed).then(|| self.trimmed())
    }

    /// Where reading back begins, and what was before.
    pub(crate) fn trimmed(&self) -> (Index, Vector) {
        let trimmed = self.trail.as_ref().map(|trail| trail.trimmed().clone());
        (Index(self.log.oldest()), trimmed.unwrap_or_default())
    }

    /// There is no other node any more.
    pub(crate) fn keep_for_nobody(&mut self) {
        self.trail = None;
        self.kept = None;
        self.release();
    }

    /// The other node has everything up to here on its disk.
    pub(crate) fn handle_peer_has(&mut self, upto: Index) {
        if let Some(kept) = &mut self.kept {
            kept.handle_has(upto, Index(self.log.oldest()));
            self.release();
        }
    }

    fn release(&mut self) {
        let (applied, bytes) = (self.applied, self.log.kept_bytes());
        let kept = self.kept.as_mut();
        let upto = kept.map_or(applied, |kept| kept.release(applied, bytes));
        self.log.release(upto.0);
        self.note_trimmed();
    }

    fn note_trimmed(&mut self) {
        let oldest = Index(self.log.oldest());
        self.has_trimmed |= self.trail.as_mut().is_some_and(|trail| trail.trim(oldest));
    }

    /// The log cannot be read back.
    pub(crate) fn handle_damaged(&mut self, segment: SegmentId, offset: u64) {
        self.failed
            .get_or_insert(EngineError::LocalDamaged { segment, offset });
    }

    /// Why the node has to end, if it has to. Nothing may be sent after this.
    pub(crate) fn failed(&self) -> Option<EngineError> {
        self.failed
    }

    /// Whether nothing waits for the disk.
    pub(crate) fn is_settled(&self) -> bool {
        self.core.is_settled() && self.log.pending_bytes() == 0
    }

    pub(crate) fn write(&mut self, link: LinkId, out: &mut Vec<u8>, budget: usize) -> bool {
        self.core.write(link, out, budget)
    }
}
