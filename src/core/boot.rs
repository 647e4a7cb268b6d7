//! From what the disk holds to a running core: reading the tail back, beginning an epoch.

use std::sync::Arc;

use crate::base::random::Entropy;
use crate::core::Now;
use crate::log::Kind;
use crate::log::Position as LogPosition;
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
use crate::model::position::OpId;
use crate::model::position::Position;
use crate::model::row::RecordKey;
use crate::model::row::Row;
use crate::model::row::RowName;
use crate::model::row::Rows;
use crate::model::stanza_id::StanzaIds;

/// Names the secret that stanza ids are made with.
const STANZA_ID_SECRET: &str = "stanza-ids";
/// Names the secret that hides which accounts exist (RFC 5802: the salt of nobody).
const LOGIN_SECRET: &str = "login";

/// What a restart has read back, becoming what a core begins with.
#[derive(Debug)]
pub(crate) struct Boot {
    node: u8,
    pub(crate) epochs: Epochs,
    /// Epochs that the tables do not know yet.
    pub(crate) fresh_epochs: Vec<EpochRecord>,
    /// Entries that the tables do not hold yet.
    pub(crate) tail: Vec<Arc<Entry>>,
    pub(crate) stamp: Hlc,
    /// The newest position of all.
    tip: Position,
}

/// A record of the log that this program cannot read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct UnreadableRecord {
    pub(crate) position: Position,
    pub(crate) error: CodecError,
}

impl Boot {
    /// What the tables know: their epochs, and how far they go.
    pub(crate) fn new(node: u8, known: &[EpochRecord], applied_to: Position) -> Self {
        let mut epochs = Epochs::default();
        let mut stamp = Hlc::default();
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
            tip: applied_to,
        }
    }

    /// One record of the log, in order.
    pub(crate) fn read(
        &mut self,
        position: LogPosition,
        kind: Kind,
        bytes: &[u8],
    ) -> Result<(), UnreadableRecord> {
        let position = Position::from_u128(position);
        let unreadable = |error| UnreadableRecord { position, error };
        match kind {
            Kind::Entry => {
                let entry = Entry::decode(bytes).map_err(unreadable)?;
                self.stamp = self.stamp.max(entry.stamp);
                self.tail.push(Arc::new(entry));
            }
            Kind::Epoch => {
                let record: EpochRecord = from_bytes(bytes).map_err(unreadable)?;
                self.stamp = self.stamp.max(record.stamp);
                self.epochs.add(&record);
                self.fresh_epochs.push(record);
            }
        }
        self.tip = self.tip.max(position);
        Ok(())
    }

    /// Begins the epoch of this boot. Its record has to be durable before anything of it is sent.
    pub(crate) fn begin_epoch(&mut self, now: Now, salt: u32) -> (Epoch, LogPosition, Vec<u8>) {
        let epoch = Epoch {
            counter: self.epochs.next_counter(),
            node: self.node,
            salt,
        };
        self.stamp = self.stamp.next(now.wall.unix_ms(), self.node);
        let parents = if self.tip == Position::ZERO {
            Vec::new()
        } else {
            vec![self.tip]
        };
        let record = EpochRecord {
            epoch,
            stamp: self.stamp,
            mode: Mode::Single,
            parents,
        };
        self.epochs.add(&record);
        let bytes = to_bytes(&record);
        self.fresh_epochs.push(record);
        (epoch, Position::new(epoch, 0, 0).to_u128(), bytes)
    }

    /// The domain's secrets, drawn once in its life; `rows`: the node's rows as the tables have
    /// them. The entry, if there is one, goes into the log as the first of the epoch.
    pub(crate) fn secrets(
        &mut self,
        rows: &Rows,
        now: Now,
        epoch: Epoch,
        entropy: &mut dyn Entropy,
    ) -> (Secrets, Option<Arc<Entry>>) {
        let mut rows = rows.clone();
        for entry in &self.tail {
            for op in entry.durable_ops() {
                if let Durable::Row {
                    record: RecordKey::Node,
                    name,
                    row,
                } = op
                {
                    let cell = crate::model::row::Cell {
                        at: entry.position,
                        stamp: entry.stamp,
                        row: row.clone(),
                    };
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
        self.tail.push(Arc::clone(&entry));
        (secrets, Some(entry))
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
