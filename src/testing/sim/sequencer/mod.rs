//! The other node of a pair, as a model: it numbers what it is asked for, and what its own users do.
//!
//! Its log never fails and its link keeps the order, so that every fault that shows is one of the core
//! under test. Guards are compared with everything it has numbered, and so is what a proposal takes for
//! granted of sessions and occupants; a rejection begins a generation. A stream that the follower asks for is
//! never of this node: the answer is what the log counts.

mod deeds;

pub(super) use self::deeds::Deed;

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::VecDeque;
use std::sync::Arc;

use crate::base::ids::SmKey;
use crate::base::ids::Ticket;
use crate::base::jid::BareJid;
use crate::base::random::Rng;
use crate::core::Now;
use crate::core::Output;
use crate::core::Record;
use crate::core::boot::Boot;
use crate::core::order::Sequencer;
use crate::effect::fits::fits;
use crate::effect::fits::records_read;
use crate::effect::proposal::Guard;
use crate::effect::proposal::Proposal;
use crate::effect::records::records_of;
use crate::effect::settings::Settings;
use crate::effect::state::At;
use crate::effect::state::State;
use crate::effect::view::Facts;
use crate::effect::view::View;
use crate::log::Kind;
use crate::model::codec::to_bytes;
use crate::model::entry::Entry;
use crate::model::entry::EpochRecord;
use crate::model::entry::Mode;
use crate::model::entry::Origin;
use crate::model::epochs::Epochs;
use crate::model::op::Op;
use crate::model::op::Soft;
use crate::model::op::numbered;
use crate::model::position::Epoch;
use crate::model::position::Hlc;
use crate::model::position::Index;
use crate::model::position::OpId;
use crate::model::position::Position;
use crate::model::row::RecordKey;
use crate::model::row::Row;
use crate::model::row::RowName;
use crate::testing::sim::tables::Tables;
use crate::testing::sim::work::bodies;

const NODE: u8 = 1;

/// A record of the log on its way to the other node.
pub(super) type Shipped = (Index, Kind, Vec<u8>);

/// From the sequencer to the follower, in this order.
pub(super) enum Down {
    Numbered {
        entry: Arc<Entry>,
        ticket: Option<Ticket>,
    },
    Rejected {
        ticket: Ticket,
        generation: u64,
    },
    Durable {
        upto: Position,
    },
}

pub(super) struct Peer {
    rng: Rng,
    tables: Tables,
    /// Everything numbered, sessions and occupants included.
    state: State,
    epochs: Epochs,
    ignores_guards: bool,
    epoch: Epoch,
    seq: u64,
    stamp: Hlc,
    generation: u64,
    numbered: BTreeMap<Ticket, Position>,
    up: VecDeque<Output>,
    down: VecDeque<Down>,
    log: Vec<(Position, Kind, Vec<u8>)>,
    unsynced: VecDeque<(Position, Vec<String>)>,
    durable: Position,
    bodies: BTreeSet<String>,
    foreign: u64,
}

impl Peer {
    pub(super) fn new(seed: u64, tables: Tables, ignores_guards: bool) -> Self {
        Self {
            rng: Rng::from_number(seed ^ 0x9ee5),
            tables,
            state: State::default(),
            epochs: Epochs::default(),
            ignores_guards,
            epoch: Epoch::default(),
            seq: 0,
            stamp: Hlc::default(),
            generation: 0,
            numbered: BTreeMap::new(),
            up: VecDeque::new(),
            down: VecDeque::new(),
            log: Vec::new(),
            unsynced: VecDeque::new(),
            durable: Position::ZERO,
            bodies: BTreeSet::new(),
            foreign: 0,
        }
    }

    pub(super) fn durable(&self) -> Position {
        self.durable
    }

    pub(super) fn has(&self, body: &str) -> bool {
        self.bodies.contains(body)
    }

    /// The follower is gone, and with it what was under way between the two.
    pub(super) fn break_link(&mut self) {
        self.up.clear();
        self.down.clear();
        self.state = State::default();
        while self.sync() {}
        self.down.clear();
    }

    /// A connection: the follower gets what it lacks, and an epoch begins. Returns what it has to
    /// write before it serves.
    pub(super) fn meet(
        &mut self,
        boot: &mut Boot,
        now: Now,
    ) -> Result<(Sequencer, Vec<Shipped>), String> {
        self.break_link();
        self.generation = 0;
        self.numbered.clear();
        let parents: Vec<Position> = self
            .log
            .last()
            .map(|(last, _, _)| *last)
            .into_iter()
            .collect();
        self.epoch = Epoch {
            counter: self.epoch.counter + 1,
            node: NODE,
            salt: u32::try_from(self.rng.below(1 << 32)).unwrap_or(0),
        };
        self.seq = 0;
        self.stamp = self.stamp.next(now.wall.unix_ms(), NODE);
        let record = EpochRecord {
            epoch: self.epoch,
            stamp: self.stamp,
            mode: Mode::Sync,
            parents,
        };
        self.epochs.add(&record);
        let position = Position::new(self.epoch, 0, 0);
        self.log.push((position, Kind::Epoch, to_bytes(&record)));
        self.durable = position;
        let mut records = Vec::new();
        let held = boot.reach.clone();
        for (_, kind, bytes) in self.log.iter().filter(|(at, ..)| !held.covers(*at)) {
            let index = boot.last.next();
            boot.read(index, *kind, bytes)
                .map_err(|error| format!("shipped: {error:?}"))?;
            records.push((index, *kind, bytes.clone()));
        }
        Ok((Sequencer::There { generation: 0 }, records))
    }

    pub(super) fn take(&mut self, propose: Output) {
        self.up.push_back(propose);
    }

    pub(super) fn work_count(&self) -> usize {
        usize::from(!self.up.is_empty())
            + usize::from(!self.unsynced.is_empty())
            + usize::from(!self.down.is_empty())
    }

    /// One step of its own; `None` where the next thing is for the follower to read.
    pub(super) fn work(&mut self, index: usize, now: Now) -> Option<Down> {
        let ups = usize::from(!self.up.is_empty());
        let syncs = usize::from(!self.unsynced.is_empty());
        if index < ups {
            self.number_next(now);
            return None;
        }
        if index < ups + syncs {
            self.sync();
            return None;
        }
        self.down.pop_front()
    }

    fn sync(&mut self) -> bool {
        let Some((position, texts)) = self.unsynced.pop_front() else {
            return false;
        };
        self.bodies.extend(texts);
        self.durable = position;
        self.down.push_back(Down::Durable { upto: position });
        true
    }

    fn number_next(&mut self, now: Now) {
        let Some(Output::Propose {
            ticket,
            generation,
            proposal,
            op_id,
            origin,
        }) = self.up.pop_front()
        else {
            return;
        };
        if generation != self.generation {
            return;
        }
        self.hold(&records_read(&proposal));
        let guards = proposal.guards.iter().all(|guard| self.holds(guard));
        let holds = guards && self.fits(&proposal);
        if !holds && !self.ignores_guards {
            self.down.push_back(Down::Rejected { ticket, generation });
            self.generation += 1;
            return;
        }
        let position = self.number(now, op_id, origin, proposal.ops.clone(), Some(ticket));
        self.numbered.insert(ticket, position);
        for op in &proposal.ops {
            if let Op::Soft {
                op: Soft::Recall { account, key, .. },
            } = op
            {
                self.answer_recall(now, account, *key);
            }
        }
    }

    fn answer_recall(&mut self, now: Now, account: &BareJid, key: SmKey) {
        let rows = self.tables.rows(&RecordKey::Account {
            jid: account.clone(),
        });
        let h = match rows.row(&RowName::Stream { key }) {
            Some(Row::Stream { stream }) => Some(stream.h),
            _ => None,
        };
        let op_id = self.op_id();
        self.number(
            now,
            op_id,
            None,
            vec![Op::soft(Soft::Recalled { key, h })],
            None,
        );
    }

    fn op_id(&mut self) -> OpId {
        self.foreign += 1;
        OpId {
            source: u128::from(NODE),
            number: self.foreign,
        }
    }

    fn hold(&mut self, records: &[RecordKey]) {
        for key in records {
            if self.state.holds(key) {
                continue;
            }
            match (key, self.tables.load(key)) {
                (RecordKey::Account { jid }, Record::Account { account }) => {
                    self.state.accounts.insert(jid.clone(), Arc::new(account));
                }
                (RecordKey::Room { jid }, Record::Room { room }) => {
                    self.state.rooms.insert(jid.clone(), Arc::new(room));
                }
                (RecordKey::Leaf { leaf }, Record::Leaf { rows }) => {
                    self.state.leaves.insert(leaf.clone(), Arc::new(rows));
                }
                (_, Record::Node { rows }) => self.state.node = Some(Arc::new(rows)),
                _ => {}
            }
        }
    }

    fn fits(&self, proposal: &Proposal) -> bool {
        let (settings, facts) = (Settings::default(), Facts::default());
        fits(&View::new(&self.state, &settings, &facts), proposal)
    }

    /// A guard on what the follower itself proposed names the ticket; here it has its number.
    fn holds(&self, guard: &Guard) -> bool {
        let version = guard.version;
        let wanted = if version.epoch().counter == u32::MAX {
            let numbered = self.numbered.get(&Ticket(version.seq()));
            numbered.map(|position| position.with_sub(version.sub()))
        } else {
            Some(version)
        };
        wanted == Some(self.tables.version(&guard.key))
    }

    fn number(
        &mut self,
        now: Now,
        op_id: OpId,
        origin: Option<Origin>,
        ops: Vec<Op>,
        ticket: Option<Ticket>,
    ) -> Position {
        self.seq += 1;
        self.stamp = self.stamp.next(now.wall.unix_ms(), NODE);
        let position = Position::new(self.epoch, self.seq, 0);
        let entry = Arc::new(Entry {
            position,
            stamp: self.stamp,
            op_id,
            origin,
            ops,
        });
        self.hold(&records_of(&entry.ops));
        for (sub, op) in numbered(&entry.ops) {
            let at = At {
                position: position.with_sub(sub),
                stamp: self.stamp,
            };
            self.state.apply(at, op, &self.epochs);
        }
        self.tables.apply_entry(&entry);
        if entry.is_durable() {
            let mut bytes = Vec::new();
            entry.encode(&mut bytes);
            self.unsynced.push_back((position, bodies(&bytes)));
            self.log.push((position, Kind::Entry, bytes));
        }
        self.down.push_back(Down::Numbered { entry, ticket });
        position
    }
}
