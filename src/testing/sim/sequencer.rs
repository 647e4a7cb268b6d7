//! The other node of a pair, as a model: it numbers what it is asked for, and what its own users do.
//!
//! Its log never fails and its link keeps the order, so that every fault that shows is one of the core
//! under test. Guards are compared with everything it has numbered; a rejection begins a generation.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::VecDeque;
use std::sync::Arc;

use crate::base::ids::SessionId;
use crate::base::ids::Ticket;
use crate::base::jid::BareJid;
use crate::base::jid::FullJid;
use crate::base::random::Rng;
use crate::core::Now;
use crate::core::Output;
use crate::core::boot::Boot;
use crate::core::order::Sequencer;
use crate::effect::proposal::Guard;
use crate::log::Kind;
use crate::model::account::AccountRow;
use crate::model::account::AccountState;
use crate::model::codec::to_bytes;
use crate::model::entry::Entry;
use crate::model::entry::EpochRecord;
use crate::model::entry::Mode;
use crate::model::entry::Origin;
use crate::model::message::Message;
use crate::model::message::Owner;
use crate::model::message::Place;
use crate::model::message::Role;
use crate::model::op::Durable;
use crate::model::op::KickReason;
use crate::model::op::Op;
use crate::model::op::Soft;
use crate::model::position::Epoch;
use crate::model::position::Hlc;
use crate::model::position::Index;
use crate::model::position::OpId;
use crate::model::position::Position;
use crate::model::row::RecordKey;
use crate::model::row::Row;
use crate::model::row::RowName;
use crate::stanza::MessageType;
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

/// What one of its users or its administrator does.
#[derive(Clone, Debug)]
pub(super) enum Deed {
    Message {
        from: BareJid,
        to: BareJid,
        body: String,
    },
    /// A row of policy is written again: guards that read it fail.
    Touch {
        account: BareJid,
    },
    SetEnabled {
        account: BareJid,
        is_enabled: bool,
    },
    /// Another stream takes the resource there.
    Take {
        jid: FullJid,
    },
}

pub(super) struct Peer {
    rng: Rng,
    tables: Tables,
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
    online: BTreeMap<FullJid, SessionId>,
    foreign: u64,
}

impl Peer {
    pub(super) fn new(seed: u64, tables: Tables, ignores_guards: bool) -> Self {
        Self {
            rng: Rng::from_number(seed ^ 0x9ee5),
            tables,
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
            online: BTreeMap::new(),
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
        self.online.retain(|_, session| session.0 >> 56 != 0);
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
        let holds = proposal.guards.iter().all(|guard| self.holds(guard));
        if !holds && !self.ignores_guards {
            self.down.push_back(Down::Rejected { ticket, generation });
            self.generation += 1;
            return;
        }
        let position = self.number(now, op_id, origin, proposal.ops.clone(), Some(ticket));
        self.numbered.insert(ticket, position);
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
        self.tables.apply_entry(&entry);
        for op in &entry.ops {
            match op {
                Op::Soft {
                    op: Soft::Bind { jid, session, .. },
                } => {
                    self.online.insert(jid.clone(), *session);
                }
                Op::Soft {
                    op: Soft::Unbind { jid, .. },
                } => {
                    self.online.remove(jid);
                }
                Op::Soft { .. } | Op::Durable { .. } => {}
            }
        }
        if entry.is_durable() {
            let mut bytes = Vec::new();
            entry.encode(&mut bytes);
            self.unsynced.push_back((position, bodies(&bytes)));
            self.log.push((position, Kind::Entry, bytes));
        }
        self.down.push_back(Down::Numbered { entry, ticket });
        position
    }

    /// One of its own entries.
    pub(super) fn act(&mut self, now: Now, deed: Deed) {
        self.foreign += 1;
        let ops = match deed {
            Deed::Message { from, to, body } => self.message(&from, &to, &body),
            Deed::Touch { account } => self.rewrite(&account, |row| row),
            Deed::SetEnabled {
                account,
                is_enabled,
            } => {
                let state = if is_enabled {
                    AccountState::Enabled
                } else {
                    AccountState::Disabled
                };
                let mut ops = self.rewrite(&account, |row| AccountRow { state, ..row });
                if !is_enabled {
                    let why = KickReason::NotAuthorized;
                    let whom = crate::model::op::Kicked::All;
                    ops.push(Op::soft(Soft::Kick { account, whom, why }));
                }
                ops
            }
            Deed::Take { jid } => self.seize(now, &jid),
        };
        if !ops.is_empty() {
            let op_id = OpId {
                source: u128::from(NODE),
                number: self.foreign,
            };
            self.number(now, op_id, None, ops, None);
        }
    }

    fn row(&self, account: &BareJid) -> Option<AccountRow> {
        let key = RecordKey::Account {
            jid: account.clone(),
        };
        match self.tables.rows(&key).row(&RowName::Account) {
            Some(Row::Account { row }) => Some(*row),
            _ => None,
        }
    }

    fn rewrite(&self, account: &BareJid, change: impl Fn(AccountRow) -> AccountRow) -> Vec<Op> {
        let key = RecordKey::Account {
            jid: account.clone(),
        };
        let row = self.row(account).map(change);
        let row = row.map(|row| Row::Account { row });
        vec![Op::row(key, RowName::Account, row)]
    }

    fn message(&self, from: &BareJid, to: &BareJid, body: &str) -> Vec<Op> {
        let (Some(sender), Some(reader)) = (self.row(from), self.row(to)) else {
            return Vec::new();
        };
        let is_usable = |row: &AccountRow| row.state == AccountState::Enabled;
        let Ok(full) = from.with_resource("there") else {
            return Vec::new();
        };
        if !is_usable(&sender) || !is_usable(&reader) {
            return Vec::new();
        }
        let message = Message {
            kind: MessageType::Chat,
            from: full.to_jid(),
            to: to.to_jid(),
            id: Some(body.into()),
            lang: None,
            payload: format!("<body>{body}</body>").into_bytes().into(),
            sender: None,
        };
        let place = |jid: &BareJid, row: AccountRow, with: &BareJid, role: Role| Place {
            owner: Owner::Account { jid: jid.clone() },
            incarnation: row.incarnation,
            with: with.to_jid(),
            role,
            archived: true,
        };
        let mut places = vec![place(to, reader, from, Role::Received)];
        if from != to {
            places.push(place(from, sender, to, Role::Sent));
        }
        vec![Op::Durable {
            op: Durable::Message {
                message: Arc::new(message),
                places,
            },
        }]
    }

    fn seize(&mut self, now: Now, jid: &FullJid) -> Vec<Op> {
        let Some(session) = self.online.get(jid).copied() else {
            return Vec::new();
        };
        let fresh = SessionId(u64::from(NODE) << 56 | self.foreign);
        let bind = Soft::Bind {
            jid: jid.clone(),
            session: fresh,
            node: NODE,
            device: None,
            since: now.wall,
        };
        let unbind = Soft::Unbind {
            jid: jid.clone(),
            session,
            status: None,
        };
        vec![Op::soft(unbind), Op::soft(bind)]
    }

    /// When accounts were disabled and enabled again, in the order of the log.
    pub(super) fn states(&self) -> Vec<(Position, String, bool)> {
        let mut found = Vec::new();
        for (position, kind, bytes) in &self.log {
            let entry = match kind {
                Kind::Entry => Entry::decode(bytes).ok(),
                Kind::Epoch => None,
            };
            for op in entry.iter().flat_map(Entry::durable_ops) {
                if let Durable::Row {
                    record: RecordKey::Account { jid },
                    row: Some(Row::Account { row }),
                    ..
                } = op
                {
                    let is_enabled = row.state == AccountState::Enabled;
                    found.push((*position, jid.as_str().to_owned(), is_enabled));
                }
            }
        }
        found
    }
}
