//! Two nodes that were cut apart and met again, from a seed: what each has in its log.

mod values;

use std::sync::Arc;

use crate::base::ids::Incarnation;
use crate::base::ids::SmKey;
use crate::base::jid::BareJid;
use crate::base::random::Rng;
use crate::base::time::Timestamp;
use crate::effect::state::At;
use crate::effect::state::State;
use crate::model::account::AccountRow;
use crate::model::account::AccountState;
use crate::model::copies::Copy;
use crate::model::entry::Entry;
use crate::model::entry::EpochRecord;
use crate::model::entry::Mode;
use crate::model::entry::Origin;
use crate::model::epochs::Epochs;
use crate::model::frontier::Frontier;
use crate::model::message::Message;
use crate::model::message::Owner;
use crate::model::message::Place;
use crate::model::message::Role;
use crate::model::op::Durable;
use crate::model::op::Op;
use crate::model::op::numbered;
use crate::model::parted::part;
use crate::model::position::Epoch;
use crate::model::position::Hlc;
use crate::model::position::OpId;
use crate::model::position::Position;
use crate::model::room::Room;
use crate::model::row::RecordKey;
use crate::model::row::Row;
use crate::model::row::RowName;
use crate::model::row::Rows;
use crate::model::vector::Vector;
use crate::stanza::MessageType;

/// One record of a log.
#[derive(Clone, Debug)]
pub(crate) enum Item {
    Epoch(EpochRecord),
    Entry(Arc<Entry>),
}

impl Item {
    fn position(&self) -> Position {
        match self {
            Self::Epoch(record) => Position::new(record.epoch, 0, 0),
            Self::Entry(entry) => entry.position,
        }
    }
}

/// One node: its log, and what holds for it.
#[derive(Debug, Default)]
pub(crate) struct Side {
    pub(crate) log: Vec<Item>,
    pub(crate) state: State,
    pub(crate) epochs: Epochs,
    reach: Vector,
    epoch: Epoch,
    seq: u64,
    stamp: Hlc,
}

/// Both.
#[derive(Debug)]
pub(crate) struct Branches {
    pub(crate) sides: [Side; 2],
    rng: Rng,
    ms: u64,
    drawn: u64,
    /// One message that both sides have numbered, for whom.
    doubled: Vec<(BareJid, Copy)>,
    breaks: bool,
    /// How often two were given one name.
    pub(crate) parted: usize,
}

impl Branches {
    /// Lives together and apart; in the end each has everything. `breaks`: the link may break while
    /// it brings what the other lacks.
    pub(crate) fn of(seed: u64, cuts: u64, breaks: bool) -> Self {
        let mut branches = Self {
            sides: [Side::new(), Side::new()],
            rng: Rng::from_number(seed),
            ms: 1_700_000_000_000,
            drawn: 0,
            doubled: Vec::new(),
            breaks,
            parted: 0,
        };
        branches.begin(0, Mode::Sync);
        branches.ship(0, usize::MAX);
        for _ in 0..cuts {
            branches.live_together();
            branches.begin(0, Mode::Solo);
            branches.begin(1, Mode::Solo);
            branches.live_apart();
            while breaks && branches.rng.one_in(3) {
                // The link breaks in the middle of what it brings.
                let some = branches.below(6);
                let side = branches.below(2);
                branches.ship(side, some);
                branches.begin(1 - side, Mode::Solo);
                branches.live_apart();
            }
            branches.ship(0, usize::MAX);
            branches.ship(1, usize::MAX);
            branches.begin(0, Mode::Sync);
            branches.part_names();
            branches.ship(0, usize::MAX);
        }
        branches.live_together();
        branches.ship(0, usize::MAX);
        branches
    }

    /// Two of one name part as soon as both sides have all (`core::rescue`).
    fn part_names(&mut self) {
        for jid in [0, 1].map(jid) {
            let record = RecordKey::Account { jid };
            let [own, _] = &self.sides;
            let rows = own.state.rows(&record);
            let found = rows.and_then(|rows| part(&record, rows, &own.epochs));
            let Some(other) = found else { continue };
            let kept = other.rows.into_iter().map(|part| part.kept);
            let ops = kept.chain([other.end]).filter_map(|op| match op {
                Op::Durable { op } => Some(op),
                Op::Soft { .. } => None,
            });
            self.write_ops(0, ops.collect());
            self.parted += 1;
        }
    }

    /// Side 0 numbers; the other is behind, and may be when the cut comes.
    fn live_together(&mut self) {
        for _ in 0..self.below(12) {
            self.write(0);
            if self.rng.one_in(2) {
                let some = self.below(3);
                self.ship(0, some);
            }
        }
    }

    fn live_apart(&mut self) {
        for _ in 0..self.below(14) {
            let side = self.below(2);
            self.write(side);
            if self.rng.one_in(8) {
                self.send_twice();
            }
        }
    }

    /// A client sends a message to one side and then to the other.
    fn send_twice(&mut self) {
        let jid = jid(self.rng.below(2));
        let [first, second] = self.sides.each_ref().map(|own| {
            let account = own.state.accounts.get(&jid)?;
            account.row().map(|row| row.incarnation)
        });
        let Some(incarnation) = first.filter(|_| first == second) else {
            return;
        };
        let message = self.message(&jid, incarnation);
        let places = [0, 1].map(|side| self.write_ops(side, vec![message.clone()]));
        let [one, other] = places;
        let (entry, alias) = (one.min(other), one.max(other));
        self.doubled.push((jid, Copy { entry, alias }));
    }

    fn below(&mut self, bound: u64) -> usize {
        usize::try_from(self.rng.below(bound)).unwrap_or(0)
    }

    /// The other side gets the next of what it lacks.
    fn ship(&mut self, from: usize, count: usize) {
        let [first, second] = &mut self.sides;
        let (from, to) = if from == 0 {
            (first, second)
        } else {
            (second, first)
        };
        let lacking = from
            .log
            .iter()
            .filter(|item| !to.reach.covers(item.position()));
        let lacking: Vec<Item> = lacking.take(count).cloned().collect();
        for item in lacking {
            to.take(item);
        }
    }

    fn begin(&mut self, side: usize, mode: Mode) {
        let salt = u32::try_from(self.rng.below(1 << 32)).unwrap_or(0);
        let ms = self.ms;
        let Some(own) = self.sides.get_mut(side) else {
            return;
        };
        own.epoch = Epoch {
            counter: own.epochs.next_counter(),
            node: u8::try_from(side).unwrap_or(0),
            salt,
        };
        own.seq = 0;
        own.stamp = own.stamp.next(ms, own.epoch.node);
        let record = EpochRecord {
            epoch: own.epoch,
            stamp: own.stamp,
            mode,
            parents: own.epochs.tips(&own.reach),
        };
        own.take(Item::Epoch(record));
    }

    fn write(&mut self, side: usize) {
        let ops = self.ops(side);
        self.write_ops(side, ops);
    }

    fn write_ops(&mut self, side: usize, ops: Vec<Durable>) -> Position {
        self.ms += self.rng.below(3);
        let origin = self.origin();
        let ms = self.ms;
        let Some(own) = self.sides.get_mut(side) else {
            return Position::ZERO;
        };
        own.seq += 1;
        own.stamp = own.stamp.next(ms, own.epoch.node);
        let position = Position::new(own.epoch, own.seq, 0);
        let entry = Entry {
            position,
            stamp: own.stamp,
            op_id: OpId::default(),
            origin,
            ops: ops.into_iter().map(|op| Op::Durable { op }).collect(),
        };
        own.take(Item::Entry(Arc::new(entry)));
        position
    }

    fn origin(&mut self) -> Option<Origin> {
        let jid = jid(self.rng.below(2)).with_resource("r").ok()?;
        let h = u32::try_from(self.rng.below(50)).unwrap_or(0);
        let origin = Origin {
            jid,
            key: SmKey(7),
            h,
            iq: None,
        };
        self.rng.one_in(4).then_some(origin)
    }

    /// Something that the side could do.
    fn ops(&mut self, side: usize) -> Vec<Durable> {
        let jid = jid(self.rng.below(2));
        let record = RecordKey::Account { jid: jid.clone() };
        let known = self.sides.get(side).and_then(|own| {
            let account = own.state.accounts.get(&jid)?;
            Some((account.row(), account.untaken.first().copied()))
        });
        let (row, untaken) = known.unwrap_or_default();
        let Some(row) = row.filter(|row| row.state != AccountState::Deleted) else {
            return vec![self.account(&record, None, AccountState::Enabled)];
        };
        let own = row.incarnation;
        // A name that one side gave away and took back while the other gave it away, too, and a link that
        // breaks then: what is left depends on who heard what first.
        let is_apart = self.sides.get(side).is_some_and(Side::is_apart);
        match self.rng.below(16) {
            0 if self.breaks && is_apart => Vec::new(),
            0 => vec![
                self.account(&record, Some(own), AccountState::Deleted),
                Durable::Sweep { record },
            ],
            1 => vec![self.account(&record, Some(own), AccountState::Disabled)],
            2..=4 => vec![self.message(&jid, own)],
            5 => self.forget(side, record),
            6 | 7 => self.frontier(side, &record, untaken),
            8 | 9 => self.alias(side),
            _ => vec![self.row(side, record)],
        }
    }

    fn account(
        &mut self,
        record: &RecordKey,
        own: Option<Incarnation>,
        state: AccountState,
    ) -> Durable {
        let row = AccountRow {
            incarnation: own.unwrap_or_else(|| Incarnation(self.rng.next())),
            state,
            admin: self.rng.one_in(2),
            created: Timestamp::from_unix_ms(self.ms),
        };
        Durable::Row {
            record: record.clone(),
            name: RowName::Account,
            row: Some(Row::Account { row }),
        }
    }

    fn message(&mut self, jid: &BareJid, incarnation: Incarnation) -> Durable {
        let message = Message {
            kind: MessageType::Chat,
            from: jid.to_jid(),
            to: jid.to_jid(),
            id: None,
            lang: None,
            payload: Arc::from(self.text().as_bytes()),
            sender: None,
        };
        let place = Place {
            owner: Owner::Account { jid: jid.clone() },
            incarnation,
            with: jid.to_jid(),
            role: Role::Received,
            archived: self.rng.one_in(2),
        };
        Durable::Message {
            message: Arc::new(message),
            places: vec![place],
        }
    }

    fn forget(&mut self, side: usize, record: RecordKey) -> Vec<Durable> {
        let mut names: Vec<RowName> = (0..2).map(|_| self.name()).collect();
        let rows = self.sides.get(side).and_then(|own| own.state.rows(&record));
        names.retain(|name| {
            let cell = rows.and_then(|rows| rows.cell(name));
            cell.is_none_or(|cell| cell.beside.is_empty())
        });
        vec![
            self.row(side, record.clone()),
            Durable::Forget { record, names },
        ]
    }

    fn frontier(&self, side: usize, record: &RecordKey, untaken: Option<Position>) -> Vec<Durable> {
        let (Some(own), Some(taken)) = (self.sides.get(side), untaken) else {
            return Vec::new();
        };
        let rows = own.state.rows(record);
        let mut frontier = match rows.and_then(|rows| rows.row(&RowName::Frontier)) {
            Some(Row::Frontier { frontier }) => frontier.as_ref().clone(),
            _ => Frontier::default(),
        };
        frontier.advance(taken);
        frontier.compact(|a, b| own.epochs.follows(a, b));
        vec![Durable::Row {
            record: record.clone(),
            name: RowName::Frontier,
            row: Some(Row::Frontier {
                frontier: Arc::new(frontier),
            }),
        }]
    }

    /// A side that has both says that they are one.
    fn alias(&mut self, side: usize) -> Vec<Durable> {
        let any = self.rng.next();
        let Some(own) = self.sides.get(side) else {
            return Vec::new();
        };
        let known = self
            .doubled
            .iter()
            .filter(|(_, copy)| own.reach.covers(copy.entry) && own.reach.covers(copy.alias));
        let known: Vec<&(BareJid, Copy)> = known.collect();
        let count = u64::try_from(known.len()).unwrap_or(0);
        let place = any.checked_rem(count).unwrap_or(0);
        let chosen = known.get(usize::try_from(place).unwrap_or(0));
        let Some((jid, copy)) = chosen else {
            return Vec::new();
        };
        let op = copy.op(RecordKey::Account { jid: jid.clone() });
        match op {
            Op::Durable { op } => vec![op],
            Op::Soft { .. } => Vec::new(),
        }
    }

    /// Never the same twice.
    fn text(&mut self) -> Box<str> {
        self.drawn += 1;
        format!("{}", self.drawn).into()
    }
}

impl Side {
    fn new() -> Self {
        let mut side = Self::default();
        for number in 0..2 {
            side.state.accounts.insert(jid(number), Arc::default());
        }
        side.state.node = Some(Arc::new(Rows::default()));
        let room = Arc::new(Room::default());
        side.state.rooms.insert(jid(0), room);
        side
    }

    fn is_apart(&self) -> bool {
        self.epochs.mode(self.epoch) == Some(Mode::Solo)
    }

    fn take(&mut self, item: Item) {
        self.reach.add(item.position());
        match &item {
            Item::Epoch(record) => {
                self.stamp = self.stamp.max(record.stamp);
                self.epochs.add(record);
            }
            Item::Entry(entry) => {
                self.stamp = self.stamp.max(entry.stamp);
                self.apply(&Arc::clone(entry));
            }
        }
        self.log.push(item);
    }

    /// As a core delivers it.
    pub(crate) fn apply(&mut self, entry: &Entry) {
        let at = |sub| At {
            position: entry.position.with_sub(sub),
            stamp: entry.stamp,
        };
        if let Some(origin) = &entry.origin {
            let op = crate::core::taken::stream_row(origin, entry.stamp);
            self.state.apply(at(0), &op, &self.epochs);
        }
        for (sub, op) in numbered(&entry.ops) {
            self.state.apply(at(sub), op, &self.epochs);
        }
    }
}

fn jid(number: u64) -> BareJid {
    let name = if number == 0 { "ann@h" } else { "bob@h" };
    BareJid::parse(name).unwrap()
}

#[cfg(test)]
mod tests;
