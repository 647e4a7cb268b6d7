//! Random lives of a server: entries as a core could number them, from a seed.

use std::sync::Arc;

use crate::base::ids::Incarnation;
use crate::base::ids::SmKey;
use crate::base::jid::BareJid;
use crate::base::jid::Jid;
use crate::base::random::Rng;
use crate::base::time::Timestamp;
use crate::model::account::AccountRow;
use crate::model::account::AccountState;
use crate::model::contact::Contact;
use crate::model::entry::Entry;
use crate::model::entry::EpochRecord;
use crate::model::entry::Mode;
use crate::model::entry::Origin;
use crate::model::frontier::Frontier;
use crate::model::message::Message;
use crate::model::message::Owner;
use crate::model::message::Place;
use crate::model::message::Role;
use crate::model::op::Durable;
use crate::model::op::Op;
use crate::model::position::Epoch;
use crate::model::position::Hlc;
use crate::model::position::Index;
use crate::model::position::OpId;
use crate::model::position::Position;
use crate::model::retraction::Named;
use crate::model::retraction::Retraction;
use crate::model::room::RoomConfig;
use crate::model::room::RoomRow;
use crate::model::row::RecordKey;
use crate::model::row::Row;
use crate::model::row::RowName;
use crate::stanza::MessageType;
use crate::store::tests::oracle::Oracle;

/// One step of a life.
#[derive(Clone)]
pub(super) enum Step {
    Epoch(EpochRecord),
    Entry(Index, Arc<Entry>),
}

pub(super) struct Script {
    pub(super) rng: Rng,
    pub(super) oracle: Oracle,
    pub(super) steps: Vec<Step>,
    epoch: Epoch,
    seq: u64,
    stamp: Hlc,
    ms: u64,
    counts: [u32; 4],
    only_grows: bool,
    payload_bytes_max: u64,
}

pub(super) fn bare(name: &str) -> BareJid {
    BareJid::parse(name).unwrap()
}

pub(super) fn account(number: u64) -> RecordKey {
    let jid = bare(["a@x", "anna@x", "bob@x", "a@x.y"][usize::try_from(number % 4).unwrap()]);
    RecordKey::Account { jid }
}

pub(super) fn room(number: u64) -> RecordKey {
    let jid = bare(["r@rooms.x", "a@x"][usize::try_from(number % 2).unwrap()]);
    RecordKey::Room { jid }
}

pub(super) fn owner(record: &RecordKey) -> Owner {
    match record {
        RecordKey::Account { jid } => Owner::Account { jid: jid.clone() },
        RecordKey::Room { jid } => Owner::Room { jid: jid.clone() },
        RecordKey::Node | RecordKey::Leaf { .. } => panic!("it has no archive"),
    }
}

pub(super) fn name(record: &RecordKey) -> &BareJid {
    match record {
        RecordKey::Account { jid } | RecordKey::Room { jid } => jid,
        RecordKey::Node | RecordKey::Leaf { .. } => panic!("it has no name"),
    }
}

impl Script {
    pub(super) fn new(seed: u64) -> Self {
        let mut script = Self {
            rng: Rng::from_number(seed),
            oracle: Oracle::default(),
            steps: Vec::new(),
            epoch: Epoch::default(),
            seq: 0,
            stamp: Hlc::default(),
            ms: 1_700_000_000_000,
            counts: [0; 4],
            only_grows: false,
            payload_bytes_max: 300,
        };
        script.begin_epoch();
        script
    }

    /// A life of so many entries.
    pub(super) fn of(seed: u64, entries: usize) -> Self {
        println!("seed {seed}");
        let mut script = Self::new(seed);
        for _ in 0..entries {
            script.step();
        }
        script
    }

    /// A life in which nothing ends.
    pub(super) fn growing(seed: u64, entries: usize) -> Self {
        let mut script = Self::new(seed);
        script.only_grows = true;
        for _ in 0..entries {
            script.step();
        }
        script
    }

    pub(super) fn with_payloads(seed: u64, entries: usize, bytes_max: u64) -> Self {
        let mut script = Self::new(seed);
        script.payload_bytes_max = bytes_max;
        for _ in 0..entries {
            script.step();
        }
        script
    }

    pub(super) fn begin_epoch(&mut self) {
        let tip = Position::new(self.epoch, self.seq, 0);
        self.epoch = Epoch {
            counter: self.epoch.counter + 1,
            node: 0,
            salt: u32::try_from(self.rng.below(1 << 32)).unwrap(),
        };
        self.seq = 0;
        let record = EpochRecord {
            epoch: self.epoch,
            stamp: self.stamp,
            mode: Mode::Single,
            parents: match self.epoch.counter {
                1 => Vec::new(),
                _ => vec![tip],
            },
        };
        self.oracle.begin_epoch(&record);
        self.steps.push(Step::Epoch(record));
    }

    pub(super) fn now(&self) -> Timestamp {
        Timestamp::from_unix_ms(self.ms)
    }

    fn step(&mut self) {
        self.ms += self.rng.below(60_000);
        if self.rng.one_in(20) {
            self.ms += self.rng.below(50_000_000);
        }
        if self.rng.one_in(40) {
            self.begin_epoch();
        }
        let choice = self.rng.below(20);
        let ops = match choice {
            1 | 3 | 7..=9 if self.only_grows => Vec::new(),
            0 => self.create_account(),
            1 => self.delete_account(),
            2 => self.create_room(),
            3 => self.destroy_room(),
            4 | 5 => self.change_contact(),
            6 => self.change_room(),
            7 | 8 => self.take(),
            9 => self.expire(),
            10 | 11 => self.say(),
            12 => self.retract(),
            _ => self.send(),
        };
        if !ops.is_empty() {
            self.number(ops);
        }
    }

    pub(super) fn number(&mut self, ops: Vec<Durable>) -> Position {
        self.seq += 1;
        self.stamp = self.stamp.next(self.ms, 0);
        let origin = self.rng.one_in(2).then(|| {
            let number = self.rng.below(4);
            let count = &mut self.counts[usize::try_from(number).unwrap()];
            *count += 1;
            Origin {
                jid: name(&account(number)).with_resource("phone").unwrap(),
                key: SmKey(u128::from(number)),
                h: u32::MAX.wrapping_sub(20).wrapping_add(*count),
                iq: None,
            }
        });
        let entry = Entry {
            position: Position::new(self.epoch, self.seq, 0),
            stamp: self.stamp,
            op_id: OpId::default(),
            origin,
            ops: ops.into_iter().map(|op| Op::Durable { op }).collect(),
        };
        self.oracle.apply(&entry);
        let position = entry.position;
        let index = Index(u64::try_from(self.steps.len()).unwrap() + 1);
        self.steps.push(Step::Entry(index, Arc::new(entry)));
        position
    }

    fn exists(&self, record: &RecordKey) -> bool {
        let rows = self.oracle.rows(record);
        match (rows.row(&RowName::Account), rows.row(&RowName::Room)) {
            (Some(Row::Account { row }), _) => row.state != AccountState::Deleted,
            (_, Some(Row::Room { row })) => !row.destroyed,
            _ => false,
        }
    }

    fn account_row(&self, record: &RecordKey, state: AccountState, fresh: u64) -> Durable {
        let known = self.oracle.incarnation(record);
        Durable::Row {
            record: record.clone(),
            name: RowName::Account,
            row: Some(Row::Account {
                row: AccountRow {
                    incarnation: match state {
                        AccountState::Enabled => Incarnation(fresh),
                        _ => known.unwrap(),
                    },
                    state,
                    admin: false,
                    created: Timestamp::from_unix_ms(self.ms),
                },
            }),
        }
    }

    pub(super) fn create_account(&mut self) -> Vec<Durable> {
        let record = account(self.rng.next());
        let fresh = self.rng.next();
        if self.exists(&record) {
            return Vec::new();
        }
        vec![self.account_row(&record, AccountState::Enabled, fresh)]
    }

    fn delete_account(&mut self) -> Vec<Durable> {
        let record = account(self.rng.next());
        if !self.exists(&record) || !self.rng.one_in(3) {
            return Vec::new();
        }
        vec![
            self.account_row(&record, AccountState::Deleted, 0),
            Durable::Sweep { record },
        ]
    }

    fn room_row(record: &RecordKey, incarnation: Incarnation, destroyed: bool) -> Durable {
        Durable::Row {
            record: record.clone(),
            name: RowName::Room,
            row: Some(Row::Room {
                row: RoomRow {
                    incarnation,
                    created: Timestamp::from_unix_ms(1),
                    locked: false,
                    destroyed,
                    secret: [7; 16],
                },
            }),
        }
    }

    fn create_room(&mut self) -> Vec<Durable> {
        let record = room(self.rng.next());
        if self.exists(&record) {
            return Vec::new();
        }
        let row = Self::room_row(&record, Incarnation(self.rng.next()), false);
        vec![row]
    }

    fn destroy_room(&mut self) -> Vec<Durable> {
        let record = room(self.rng.next());
        if !self.exists(&record) || !self.rng.one_in(3) {
            return Vec::new();
        }
        let row = Self::room_row(&record, self.oracle.incarnation(&record).unwrap(), true);
        vec![row, Durable::Sweep { record }]
    }

    fn change_room(&mut self) -> Vec<Durable> {
        let record = room(self.rng.next());
        if !self.exists(&record) {
            return Vec::new();
        }
        let config = RoomConfig {
            public: self.rng.one_in(2),
            ..RoomConfig::default()
        };
        vec![Durable::Row {
            record,
            name: RowName::RoomConfig,
            row: Some(Row::RoomConfig {
                config: Arc::new(config),
            }),
        }]
    }

    fn change_contact(&mut self) -> Vec<Durable> {
        let record = account(self.rng.next());
        if !self.exists(&record) {
            return Vec::new();
        }
        let contact = Contact {
            name: Some(format!("{}", self.rng.below(100)).into()),
            ..Contact::default()
        };
        let row = (!self.rng.one_in(4)).then(|| Row::Contact {
            contact: Arc::new(contact),
        });
        let mut contact = || RowName::Contact {
            jid: name(&account(self.rng.next())).clone(),
        };
        let change = Durable::Row {
            record: record.clone(),
            name: contact(),
            row,
        };
        // What was removed is forgotten, what is there stays.
        let names = vec![contact(), contact()];
        if self.only_grows || !self.rng.one_in(3) {
            return vec![change];
        }
        vec![change, Durable::Forget { record, names }]
    }

    /// Devices take the oldest of what waits for them.
    fn take(&mut self) -> Vec<Durable> {
        let record = account(self.rng.next());
        let Some(own) = self.oracle.incarnation(&record) else {
            return Vec::new();
        };
        let untaken: Vec<Position> = self.oracle.untaken_of(own).into_iter().collect();
        let count = self.rng.below(u64::try_from(untaken.len()).unwrap() + 1);
        let Some(last) = untaken.get(usize::try_from(count).unwrap().wrapping_sub(1)) else {
            return Vec::new();
        };
        let mut frontier = match self.oracle.rows(&record).row(&RowName::Frontier) {
            Some(Row::Frontier { frontier }) => frontier.as_ref().clone(),
            _ => Frontier::default(),
        };
        frontier.advance(*last);
        frontier.compact(|a, b| self.oracle.epochs.follows(a, b));
        vec![Durable::Row {
            record,
            name: RowName::Frontier,
            row: Some(Row::Frontier {
                frontier: Arc::new(frontier),
            }),
        }]
    }

    fn expire(&mut self) -> Vec<Durable> {
        let record = if self.rng.one_in(3) {
            room(self.rng.next())
        } else {
            account(self.rng.next())
        };
        let owner = owner(&record);
        let kept = self.oracle.archive(&owner);
        let upto = self.rng.below(u64::try_from(kept.len() / 3).unwrap() + 1);
        let Some((upto, _)) = kept.get(usize::try_from(upto).unwrap()) else {
            return Vec::new();
        };
        vec![Durable::Expire { owner, upto: *upto }]
    }

    fn message(&mut self, kind: MessageType, from: Jid, to: Jid) -> Arc<Message> {
        let text = "x".repeat(usize::try_from(self.rng.below(self.payload_bytes_max)).unwrap());
        Arc::new(Message {
            kind,
            from,
            to,
            id: Some(self.rng.next().to_string().into()),
            lang: None,
            payload: format!("<body>{text}</body>").into_bytes().into(),
            sender: None,
        })
    }

    fn send(&mut self) -> Vec<Durable> {
        let (from, to) = (account(self.rng.next()), account(self.rng.next()));
        if !self.exists(&from) || !self.exists(&to) {
            return Vec::new();
        }
        let device = ["phone", "desk"][usize::try_from(self.rng.below(2)).unwrap()];
        let sender = name(&from).with_resource(device).unwrap().to_jid();
        let message = self.message(MessageType::Chat, sender, name(&to).to_jid());
        let mut places = vec![Place {
            owner: owner(&to),
            incarnation: self.oracle.incarnation(&to).unwrap(),
            with: message.from.clone(),
            role: Role::Received,
            archived: !self.rng.one_in(4),
        }];
        if from != to {
            places.push(Place {
                owner: owner(&from),
                incarnation: self.oracle.incarnation(&from).unwrap(),
                with: message.to.clone(),
                role: Role::Sent,
                archived: !self.rng.one_in(4),
            });
        }
        vec![Durable::Message { message, places }]
    }

    fn say(&mut self) -> Vec<Durable> {
        let record = room(self.rng.next());
        if !self.exists(&record) {
            return Vec::new();
        }
        let nick = ["anna", "bob"][usize::try_from(self.rng.below(2)).unwrap()];
        let from = name(&record).with_resource(nick).unwrap().to_jid();
        let message = self.message(MessageType::Groupchat, from, name(&record).to_jid());
        let places = vec![Place {
            owner: owner(&record),
            incarnation: self.oracle.incarnation(&record).unwrap(),
            with: message.from.clone(),
            role: Role::Said,
            archived: true,
        }];
        vec![Durable::Message { message, places }]
    }

    /// Something that is there is taken back: by its place, or by its id.
    fn retract(&mut self) -> Vec<Durable> {
        let record = if self.rng.one_in(3) {
            room(self.rng.next())
        } else {
            account(self.rng.next())
        };
        let kept = self.oracle.archive(&owner(&record));
        let number = self.rng.below(u64::try_from(kept.len()).unwrap() + 1);
        let Some((at, place)) = kept.get(usize::try_from(number).unwrap()) else {
            return Vec::new();
        };
        let (at, place) = (*at, (*place).clone());
        let message = self.oracle.message(at);
        let named = if place.role == Role::Sent {
            Named::Sent {
                from: name(&record).clone(),
                to: message.to.clone(),
                id: message.id.clone().unwrap(),
            }
        } else {
            Named::At { at }
        };
        let stamp = self.rng.below(1_000);
        let begin = "<retracted xmlns='urn:xmpp:message-retract:1'";
        let tombstone = format!("{begin} stamp='{stamp:03}'/>").into_bytes();
        let retraction = Retraction {
            named,
            tombstone: tombstone.into(),
        };
        vec![Durable::Retract {
            retraction: Arc::new(retraction),
            places: vec![place],
        }]
    }
}
