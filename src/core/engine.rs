//! The core and the log as one machine: what a node is, without its threads.
//!
//! The driver steps it with inputs, performs its outputs, and says when the disk has done what was
//! asked. The simulator drives the same machine over a model disk.

use crate::base::limits::LOG_RETRY_MS;
use crate::base::time::Monotonic;
use crate::core::Core;
use crate::core::Input;
use crate::core::Now;
use crate::core::Output;
use crate::core::Start;
use crate::core::session::LinkId;
use crate::log::AppendError;
use crate::log::Failure;
use crate::log::Kind;
use crate::log::Log;
use crate::log::Request;
use crate::model::position::Position;

/// A node: its core, and the log under it.
pub(crate) struct Engine {
    pub(crate) core: Core,
    pub(crate) log: Log,
    durable: Position,
    /// When the log was last told to look for space on a full disk.
    retried_at: Monotonic,
    /// How far the other node has come, where there is one: committed is what both have.
    peer_durable: Option<Position>,
    failed: Option<EngineError>,
}

/// Why a node cannot go on. Whatever was not acknowledged may be lost, nothing else is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum EngineError {
    /// The disk failed: nobody knows what it holds now.
    LocalDisk { failure: Failure },
    /// The core appended what the log had not promised to take.
    BugAppend { error: AppendError },
}

impl Engine {
    /// `log` holds everything that `start` was made from, durably, and the record of the epoch.
    pub(crate) fn new(start: Start, log: Log) -> Self {
        let mut engine = Self {
            durable: Position::from_u128(log.durable()),
            core: Core::new(start),
            log,
            retried_at: Monotonic::default(),
            peer_durable: None,
            failed: None,
        };
        engine.core.set_credit(engine.log.credit());
        engine
    }

    /// One input for the core; drain [`Engine::poll_output`] and [`Engine::poll_disk`] before the
    /// next.
    pub(crate) fn step(&mut self, now: Now, input: Input) {
        if let Input::Checkpointed { upto } = &input {
            self.log.release(upto.to_u128());
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
            let Output::Append { position, bytes } = output else {
                return Some(output);
            };
            if let Err(error) = self.log.append(position.to_u128(), Kind::Entry, &bytes) {
                self.failed.get_or_insert(EngineError::BugAppend { error });
            }
        }
        self.core.set_credit(self.log.credit());
        None
    }

    /// The next request for the log's disk; at most one is under way.
    pub(crate) fn poll_disk(&mut self) -> Option<Request> {
        self.log.poll_output()
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
        self.core.set_credit(self.log.credit());
        self.commit(now);
    }

    /// The other node has everything up to here on its disk.
    pub(crate) fn handle_peer_durable(&mut self, now: Now, upto: Position) {
        self.peer_durable = self.peer_durable.max(Some(upto));
        self.commit(now);
    }

    fn commit(&mut self, now: Now) {
        let local = Position::from_u128(self.log.durable());
        let durable = self.peer_durable.map_or(local, |peer| peer.min(local));
        if durable > self.durable {
            self.durable = durable;
            self.core.step(now, Input::Durable { upto: durable });
        }
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
