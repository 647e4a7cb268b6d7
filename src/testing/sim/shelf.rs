//! The tables of a board: maps, which are fast, or the real ones over the model disk.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::base::jid::BareJid;
use crate::base::limits::FETCH_BYTES_MAX;
use crate::core::Record;
use crate::core::boot::Boot;
use crate::effect::query::ArchivePage;
use crate::effect::query::Found;
use crate::effect::query::Horizon;
use crate::effect::query::Kept;
use crate::effect::query::Query;
use crate::effect::query::Question;
use crate::effect::records::record_of;
use crate::model::copies::Copies;
use crate::model::entry::Entry;
use crate::model::entry::EpochRecord;
use crate::model::message::Owner;
use crate::model::op::Op;
use crate::model::position::Epoch;
use crate::model::position::Hlc;
use crate::model::position::Index;
use crate::model::position::OpId;
use crate::model::position::Position;
use crate::model::row::RecordKey;
use crate::model::row::Row;
use crate::model::row::RowName;
use crate::model::row::Rows;
use crate::model::vector::Vector;
use crate::store::Store;
use crate::store::StoreError;
use crate::store::disk::Disk;
use crate::testing::sim::tables::Tables;

/// Memory for pages: little, so that pages are read again.
const CACHE_BYTES: usize = 256 << 10;

/// Messages of one account that a run can have.
const PAGE_MAX: usize = 1_000_000;

#[derive(Debug)]
pub(super) enum Shelf {
    Maps(Box<Tables>),
    /// `None` while the process is down.
    Real(Option<Arc<Store>>),
}

impl Shelf {
    /// Real tables that begin with this entry.
    pub(super) fn real(disk: Arc<dyn Disk>, first: &Arc<Entry>) -> Result<Self, StoreError> {
        let store = Store::open(disk, CACHE_BYTES)?;
        store.checkpoint(&[(Index(1), Arc::clone(first))], &[], Index(1))?;
        Ok(Self::Real(None))
    }

    /// The process starts.
    pub(super) fn open(&mut self, disk: Arc<dyn Disk>) -> Result<(), StoreError> {
        if let Self::Real(store) = self {
            // The old process must have let go of its file first.
            *store = None;
            *store = Some(Arc::new(Store::open(disk, CACHE_BYTES)?));
        }
        Ok(())
    }

    /// A process that takes a copy starts.
    pub(super) fn open_for_copy(&mut self, disk: Arc<dyn Disk>) -> Result<(), StoreError> {
        if let Self::Real(store) = self {
            *store = Some(Arc::new(Store::open_for_copy(disk, CACHE_BYTES, |_| {})?));
        }
        Ok(())
    }

    /// The process is gone.
    pub(super) fn close(&mut self) {
        if let Self::Real(store) = self {
            *store = None;
        }
    }

    pub(super) fn store(&self) -> Result<&Store, StoreError> {
        match self {
            Self::Real(Some(store)) => Ok(store),
            Self::Real(None) | Self::Maps(_) => Err(StoreError::Poisoned),
        }
    }

    pub(super) fn applied_to(&self) -> Result<Index, StoreError> {
        match self {
            Self::Maps(tables) => Ok(tables.applied_to()),
            Self::Real(_) => self.store()?.applied_to(),
        }
    }

    pub(super) fn stamp(&self) -> Result<Hlc, StoreError> {
        match self {
            Self::Maps(tables) => Ok(tables.stamp()),
            Self::Real(_) => self.store()?.stamp(),
        }
    }

    pub(super) fn reach(&self) -> Result<Vector, StoreError> {
        match self {
            Self::Maps(tables) => Ok(tables.reach().clone()),
            Self::Real(_) => self.store()?.reach(),
        }
    }

    pub(super) fn epochs(&self) -> Result<Vec<EpochRecord>, StoreError> {
        match self {
            Self::Maps(tables) => Ok(tables.epochs().to_vec()),
            Self::Real(_) => self.store()?.epochs(),
        }
    }

    pub(super) fn copies(&self) -> Result<Copies, StoreError> {
        match self {
            Self::Maps(tables) => Ok(tables.copies()),
            Self::Real(_) => self.store()?.copies(),
        }
    }

    pub(super) fn load(&self, key: &RecordKey) -> Result<Record, StoreError> {
        match self {
            Self::Maps(tables) => Ok(tables.load(key)),
            Self::Real(_) => self.store()?.load(key),
        }
    }

    pub(super) fn rooms(&self) -> Result<BTreeMap<BareJid, bool>, StoreError> {
        match self {
            Self::Maps(tables) => Ok(tables.rooms()),
            Self::Real(_) => self.store()?.rooms(),
        }
    }

    pub(super) fn node_rows(&self) -> Result<Rows, StoreError> {
        match self.load(&RecordKey::Node)? {
            Record::Node { rows } => Ok(rows),
            Record::Account { .. } | Record::Room { .. } | Record::Leaf { .. } => {
                Ok(Rows::default())
            }
        }
    }

    pub(super) fn fetch(&self, positions: &[Position]) -> Result<Vec<Kept>, StoreError> {
        match self {
            Self::Maps(tables) => Ok(tables.fetch(positions)),
            Self::Real(_) => self.store()?.fetch(positions, FETCH_BYTES_MAX),
        }
    }

    pub(super) fn ask(
        &self,
        query: &Query,
        horizon: &Horizon,
    ) -> Result<(Found, Index), StoreError> {
        match self {
            Self::Maps(tables) => Ok((tables.answer(query, horizon), tables.applied_to())),
            Self::Real(_) => self.store()?.ask(&query.question, horizon),
        }
    }

    pub(super) fn checkpoint(
        &mut self,
        entries: &[(Index, Arc<Entry>)],
        epochs: &[EpochRecord],
        upto: Index,
    ) -> Result<(), StoreError> {
        if let Self::Maps(tables) = self {
            tables.apply(entries, epochs, upto);
            return Ok(());
        }
        self.store()?.checkpoint(entries, epochs, upto)
    }

    /// Equal where the tables are equal.
    pub(super) fn digest(&self) -> Result<String, StoreError> {
        match self {
            Self::Maps(tables) => Ok(tables.digest()),
            Self::Real(_) => Ok(format!("{:x?}", self.store()?.digest()?)),
        }
    }

    /// What the log has beyond the tables goes into them.
    pub(super) fn catch_up(&mut self, boot: &Boot) -> Result<(), StoreError> {
        let epochs = boot.fresh_epochs.iter();
        let epochs: Vec<EpochRecord> = epochs.map(|(_, record)| record.clone()).collect();
        self.checkpoint(&boot.tail, &epochs, boot.last)
    }

    /// Everything that is kept for one owner, or what these name.
    pub(super) fn archive(
        &self,
        owner: &Owner,
        ids: Vec<Position>,
    ) -> Result<Vec<Kept>, StoreError> {
        let incarnation = match self.load(&record_of(owner))? {
            Record::Account { account } => account.incarnation(),
            Record::Room { room } => room.row().map(|row| row.incarnation),
            Record::Node { .. } | Record::Leaf { .. } => None,
        };
        let (Owner::Account { jid } | Owner::Room { jid }) = owner;
        let page = ArchivePage {
            owner: owner.clone(),
            incarnation: incarnation.unwrap_or_default(),
            with: None,
            start: None,
            end: None,
            after: None,
            before: None,
            ids,
            backwards: false,
            count_max: PAGE_MAX,
            flipped: false,
        };
        let query = Query {
            iq: "".into(),
            from: jid.to_jid(),
            question: Question::Archive {
                query_id: None,
                page,
                shows_senders: false,
            },
        };
        match self.ask(&query, &Horizon::none())?.0 {
            Found::Page { rows, .. } => Ok(rows),
            _ => Ok(Vec::new()),
        }
    }
}

/// What is there from the start, as the entry that made it.
pub(super) fn first_entry(rows: Vec<(RecordKey, RowName, Row)>) -> Arc<Entry> {
    let ops = rows.into_iter();
    let ops = ops.map(|(record, name, row)| Op::row(record, name, Some(row)));
    Arc::new(Entry {
        position: Position::new(Epoch::default(), 1, 0),
        stamp: Hlc::default(),
        op_id: OpId::default(),
        origin: None,
        ops: ops.collect(),
    })
}
