//! From what the disk holds to a running core: reading the tail back, beginning an epoch.

use std::sync::Arc;

use crate::base::random::Entropy;
use crate::core::Now;
use crate::log::Kind;
use crate::model::codec::CodecError;
use crate::model::codec::from_bytes;
use crate::model::codec::to_bytes;
use crate::model::entry::Entry;
use crate::model::entry::EpochRecord;
use crate::model::entry::Mode;
use crate::model::epochs::Epochs;
use crate::model::op::Durable;
use crate::model::op::Op;
use crate::model::position::Epoch;
use crate::model::position::Hlc;
use crate::model::position::Index;
use crate::model::position::OpId;
use crate::model::position::Position;
use crate::model::row::Cell;
use crate::model::row::RecordKey;
use crate::model::row::Row;
use crate::model::row::RowName;
use crate::model::row::Rows;
use crate::model::stanza_id::StanzaIds;
use crate::model::vector::Vector;

/// Names the secret that stanza ids are made with.
const STANZA_ID_SECRET: &str = "stanza-ids";
/// Names the secret that hides which accounts exist (RFC 5802: the salt of nobody).
const LOGIN_SECRET: &str = "login";

/// What a restart has read back, becoming what a core begins with.
#[derive(Debug)]
pub(crate) struct Boot {
    pub(crate) node: u8,
    pub(crate) epochs: Epochs,
    /// Epochs that the tables do not know yet.
    pub(crate) fresh_epochs: Vec<(Index, EpochRecord)>,
    /// Entries that the tables do not hold yet.
    pub(crate) tail: Vec<(Index, Arc<Entry>)>,
    pub(crate) stamp: Hlc,
    /// The newest record of the log.
    pub(crate) last: Index,
    /// How far the log goes, what the tables hold included.
    pub(crate) reach: Vector,
}

/// A record of the log that this program cannot read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct UnreadableRecord {
    pub(crate) index: Index,
    pub(crate) error: CodecError,
}

impl Boot {
    /// What the tables know: their epochs, how far these go, how far the log is applied, and the newest stamp of that.
    pub(crate) fn new(
        node: u8,
        known: &[EpochRecord],
        reach: Vector,
        (applied_to, mut stamp): (Index, Hlc),
    ) -> Self {
        let mut epochs = Epochs::default();
        for record in known {
            epochs.add(record);
            stamp = stamp.max(record.stamp);
        }
        let (fresh_epochs, tail) = (Vec::new(), Vec::new());
        Self {
            node,
            epochs,
            fresh_epochs,
            tail,
            stamp,
            last: applied_to,
            reach,
        }
    }

    /// One record of the log, in order.
    pub(crate) fn read(
        &mut self,
        index: Index,
        kind: Kind,
        bytes: &[u8],
    ) -> Result<(), UnreadableRecord> {
        let unreadable = |error| UnreadableRecord { index, error };
        match kind {
            Kind::Entry => {
                let entry = Entry::decode(bytes).map_err(unreadable)?;
                self.stamp = self.stamp.max(entry.stamp);
                self.reach.add(entry.position);
                self.tail.push((index, Arc::new(entry)));
            }
            Kind::Epoch => {
                let record: EpochRecord = from_bytes(bytes).map_err(unreadable)?;
                self.add_epoch(index, record);
            }
        }
        self.last = self.last.max(index);
        Ok(())
    }

    fn add_epoch(&mut self, index: Index, record: EpochRecord) {
        self.stamp = self.stamp.max(record.stamp);
        self.epochs.add(&record);
        self.reach.add(Position::new(record.epoch, 0, 0));
        self.fresh_epochs.push((index, record));
    }

    /// Begins the epoch of this boot. Its record has to be durable before anything of it is sent.
    pub(crate) fn begin_epoch(&mut self, now: Now, salt: u32) -> (Epoch, Index, Vec<u8>) {
        let epoch = Epoch {
            counter: self.epochs.next_counter(),
            node: self.node,
            salt,
        };
        self.stamp = self.stamp.next(now.wall.unix_ms(), self.node);
        let record = EpochRecord {
            epoch,
            stamp: self.stamp,
            mode: Mode::Single,
            parents: self.epochs.tips(&self.reach),
        };
        let bytes = to_bytes(&record);
        self.last = self.last.next();
        self.add_epoch(self.last, record);
        (epoch, self.last, bytes)
    }

    /// The domain's secrets, drawn once in its life; `rows`: the node's rows as the tables have
    /// them. The entry, if there is one, goes into the log as the first of the epoch.
    pub(crate) fn secrets(
        &mut self,
        rows: &Rows,
        now: Now,
        epoch: Epoch,
        entropy: &mut dyn Entropy,
    ) -> (Secrets, Option<(Index, Arc<Entry>)>) {
        let mut rows = rows.clone();
        for (_, entry) in &self.tail {
            for op in entry.durable_ops() {
                if let Durable::Row {
                    record: RecordKey::Node,
                    name,
                    row,
                } = op
                {
                    let cell = Cell::new(entry.position, entry.stamp, row.clone());
                    rows.put(name.clone(), cell);
                }
            }
        }
        let mut ops = Vec::new();
        let ids = secret(&rows, STANZA_ID_SECRET, &mut ops, entropy);
        let login = secret(&rows, LOGIN_SECRET, &mut ops, entropy);
        let mut key = [0; 16];
        for (to, from) in key.iter_mut().zip(ids) {
            *to = from;
        }
        let secrets = Secrets {
            ids: StanzaIds::new(key),
            login,
        };
        if ops.is_empty() {
            return (secrets, None);
        }
        self.stamp = self.stamp.next(now.wall.unix_ms(), self.node);
        let entry = Arc::new(Entry {
            position: Position::new(epoch, 1, 0),
            stamp: self.stamp,
            op_id: OpId {
                source: u128::from(epoch.salt) << 64 | 1,
                number: 0,
            },
            origin: None,
            ops,
        });
        self.last = self.last.next();
        self.reach.add(entry.position);
        self.tail.push((self.last, Arc::clone(&entry)));
        (secrets, Some((self.last, entry)))
    }
}

/// What this domain alone knows.
#[derive(Debug)]
pub(crate) struct Secrets {
    pub(crate) ids: StanzaIds,
    pub(crate) login: [u8; 32],
}

fn secret(rows: &Rows, purpose: &str, ops: &mut Vec<Op>, entropy: &mut dyn Entropy) -> [u8; 32] {
    let name = RowName::Secret {
        purpose: purpose.into(),
    };
    if let Some(Row::Bytes { bytes }) = rows.row(&name)
        && let Ok(known) = <[u8; 32]>::try_from(bytes.as_ref())
    {
        return known;
    }
    let mut fresh = [0; 32];
    entropy.fill(&mut fresh);
    ops.push(Op::row(
        RecordKey::Node,
        name,
        Some(Row::Bytes {
            bytes: fresh.as_slice().into(),
        }),
    ));
    fresh
}
