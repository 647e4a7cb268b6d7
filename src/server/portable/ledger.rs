//! The log and the tables of a stopped server, for one who writes much at once.
//!
//! Entries go into the log first and into the tables when they are durable there, as in a running server;
//! only nobody waits for them one by one. A message has the time that it came at, so the stamps of these
//! entries go back; every other one has the time of the import.

use std::sync::Arc;

use crate::base::jid::BareJid;
use crate::base::limits::IMPORT_BATCH_BYTES;
use crate::base::random::Entropy as _;
use crate::base::time::Timestamp;
use crate::core::Now;
use crate::log::Kind;
use crate::log::Log;
use crate::log::credit;
use crate::model::account::Account;
use crate::model::codec::to_bytes;
use crate::model::entry::Entry;
use crate::model::entry::EpochRecord;
use crate::model::op::Durable;
use crate::model::op::Op;
use crate::model::position::Epoch;
use crate::model::position::Hlc;
use crate::model::position::Index;
use crate::model::position::OpId;
use crate::model::position::Position;
use crate::model::record::Record;
use crate::model::row::RecordKey;
use crate::net::entropy::SystemEntropy;
use crate::server::start;
use crate::server::start::Space;
use crate::server::start::StartError;
use crate::store::Store;
use crate::store::StoreError;
use crate::store::disk::Disk;
use crate::store::disk::DiskError;
use crate::store::disk::log::LogFiles;

pub(super) struct Ledger {
    store: Store,
    files: LogFiles,
    log: Log,
    epoch: Epoch,
    seq: u64,
    stamp: Hlc,
    /// Names the changes of this import.
    source: u128,
    now: Timestamp,
    entropy: SystemEntropy,
    /// In the log, and not in the tables.
    entries: Vec<(Index, Arc<Entry>)>,
    /// The newest record of the log.
    last: Index,
    epochs: Vec<EpochRecord>,
    bytes: usize,
}

impl Ledger {
    /// Recovers what the disk holds and begins an epoch; then the tables have everything.
    pub(super) fn open(
        disk: Arc<dyn Disk>,
        store: Store,
        tail_bytes: usize,
        now: Now,
    ) -> Result<Self, StartError> {
        let mut entropy = SystemEntropy::new();
        let space = Space {
            tail_bytes,
            ..Space::default()
        };
        let mut found = start::open_log(disk, &store, &space, &mut entropy)?;
        let begun = start::begin(&mut found, now, &mut entropy)?;
        let mut ledger = Self {
            store,
            files: found.files,
            log: found.log,
            epoch: begun.epoch,
            seq: begun.seq,
            stamp: found.boot.stamp,
            source: entropy.u128(),
            now: now.wall,
            entropy,
            entries: found.boot.tail,
            last: found.boot.last,
            epochs: found
                .boot
                .fresh_epochs
                .into_iter()
                .map(|(_, epoch)| epoch)
                .collect(),
            bytes: 0,
        };
        ledger.flush()?;
        Ok(ledger)
    }

    pub(super) fn now(&self) -> Timestamp {
        self.now
    }

    pub(super) fn random(&mut self) -> u64 {
        self.entropy.u64()
    }

    /// An account as the tables have it.
    pub(super) fn account(&self, jid: &BareJid) -> Result<Account, StartError> {
        let key = RecordKey::Account { jid: jid.clone() };
        match self.store.load(&key).map_err(StartError::Store)? {
            Record::Account { account } => Ok(account),
            Record::Node { .. } | Record::Room { .. } | Record::Leaf { .. } => {
                Ok(Account::default())
            }
        }
    }

    /// Where the next entry will stand.
    pub(super) fn next(&self) -> Position {
        Position::new(self.epoch, self.seq.saturating_add(1), 0)
    }

    /// One entry. `at`: when it happened, if that was before. What is to come must not pull the clock of the
    /// log along: it never goes back.
    pub(super) fn append(
        &mut self,
        at: Option<Timestamp>,
        ops: Vec<Durable>,
    ) -> Result<(), StartError> {
        let position = self.next();
        let stamp = if let Some(at) = at.filter(|at| *at < self.now) {
            Hlc::default().next(at.unix_ms(), start::NODE)
        } else {
            self.stamp = self.stamp.next(self.now.unix_ms(), start::NODE);
            self.stamp
        };
        let entry = Entry {
            position,
            stamp,
            op_id: OpId {
                source: self.source,
                number: position.seq(),
            },
            origin: None,
            ops: ops.into_iter().map(|op| Op::Durable { op }).collect(),
        };
        let mut bytes = Vec::new();
        entry.encode(&mut bytes);
        let cost = credit::cost(bytes.len());
        if self.bytes.saturating_add(bytes.len()) > IMPORT_BATCH_BYTES || self.log.credit() < cost {
            self.flush()?;
        }
        start::drive(&mut self.files, &mut self.log, |log| log.credit() >= cost)?;
        let index = self.last.next();
        start::append(&mut self.log, index, Kind::Entry, &bytes)?;
        self.last = index;
        self.seq = position.seq();
        self.bytes = self.bytes.saturating_add(bytes.len());
        self.entries.push((index, Arc::new(entry)));
        Ok(())
    }

    /// Everything is durable. What the log has is done, whether the tables have room for it now or at the
    /// next start.
    pub(super) fn finish(mut self) -> Result<(), StartError> {
        match self.flush() {
            Err(StartError::Store(StoreError::Full)) => Ok(()),
            done => done,
        }
    }

    /// Everything is durable, in the log and in the tables.
    fn flush(&mut self) -> Result<(), StartError> {
        let upto = self.last;
        start::settle(&mut self.files, &mut self.log, upto)?;
        if self.log.durable() < upto.0 {
            return Err(StartError::Disk(DiskError::NoSpace));
        }
        self.store
            .checkpoint(&self.entries, &self.epochs, upto)
            .map_err(StartError::Store)?;
        self.log.release(upto.0);
        (self.entries, self.epochs, self.bytes) = (Vec::new(), Vec::new(), 0);
        Ok(())
    }
}

/// The bytes of an op in an entry.
pub(super) fn op_bytes(op: &Durable) -> usize {
    to_bytes(op).len()
}
