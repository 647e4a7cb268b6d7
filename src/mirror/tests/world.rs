//! Two boards, their link and their clients, moved on by one clock; and what must always hold.

use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::sync::Arc;

use crate::base::ids::Ticket;
use crate::base::random::Rng;
use crate::base::time::Monotonic;
use crate::base::time::Timestamp;
use crate::core::Now;
use crate::mirror::Input;
use crate::mirror::Mirror;
use crate::mirror::Mistake;
use crate::mirror::Output;
use crate::mirror::Settings;
use crate::mirror::State;
use crate::mirror::frame::Class;
use crate::mirror::frame::Frame;
use crate::mirror::frame::Framer;
use crate::mirror::frame::Record;
use crate::mirror::tests::board::Board;
use crate::mirror::tests::board::Running;
use crate::mirror::tests::board::SOFT;
use crate::mirror::tests::board::entry;
use crate::mirror::tests::board::epoch_of;
use crate::mirror::tests::board::op_of;
use crate::mirror::tests::board::tips;
use crate::mirror::tests::wires::Packet;
use crate::mirror::tests::wires::Wires;
use crate::model::entry::Entry;
use crate::model::entry::EpochRecord;
use crate::model::entry::Mode;
use crate::model::position::Epoch;
use crate::model::position::Hlc;
use crate::model::position::Position;

const PAIR: u128 = 0x7a1;
pub(super) const BOOT_WAIT_MS: u64 = 5_000;

/// What was told to somebody, and whose disks vouch for it.
pub(super) struct Fact {
    op: u64,
    hold: [bool; 2],
}

pub(super) struct World {
    pub(super) rng: Rng,
    pub(super) now: u64,
    pub(super) boards: [Board; 2],
    pub(super) wires: Wires,
    pub(super) mistake: Option<Mistake>,
    pub(super) reuses_salt: bool,
    pub(super) facts: BTreeMap<Position, Fact>,
    /// Each record that ever was in a log, and who led each epoch: board and boot.
    keys: BTreeMap<Position, Arc<[u8]>>,
    leaders: BTreeMap<Epoch, (usize, u32)>,
    pub(super) acked: BTreeMap<u64, bool>,
    pub(super) broken: Option<String>,
    pub(super) paired: u64,
    pub(super) sync_ms: u64,
    pub(super) payload: usize,
    pub(super) is_replaced: bool,
    /// The disk was replaced since the last connection: what it vouched for there went with it.
    gone: [bool; 2],
    /// The connection that each mirror was given and has not given up.
    open: [Option<u64>; 2],
    pub(super) rejects_one_in: u64,
    ops: u64,
}

impl World {
    /// A pair whose second board has just got its copy of the first.
    pub(super) fn new(seed: u64, mistake: Option<Mistake>) -> Self {
        let first = EpochRecord {
            epoch: Epoch {
                counter: 1,
                node: 0,
                salt: 1,
            },
            stamp: Hlc::default(),
            mode: Mode::Single,
            parents: Vec::new(),
        };
        let log = vec![(Position::new(first.epoch, 0, 0), Record::epoch(&first))];
        let mut world = Self {
            rng: Rng::from_number(seed),
            now: 1_000,
            boards: [Board::new(0, log.clone()), Board::new(1, log.clone())],
            wires: Wires::default(),
            mistake,
            reuses_salt: false,
            facts: BTreeMap::new(),
            keys: log
                .into_iter()
                .map(|(position, record)| (position, record.bytes))
                .collect(),
            leaders: BTreeMap::new(),
            acked: BTreeMap::new(),
            broken: None,
            paired: 0,
            sync_ms: 20,
            payload: 0,
            is_replaced: false,
            gone: [false; 2],
            open: [None; 2],
            rejects_one_in: 16,
            ops: 0,
        };
        world.boards[1].join_mark = true;
        world
    }

    pub(super) fn fail(&mut self, what: &str) {
        let now = self.now;
        self.broken.get_or_insert(format!("{now} ms: {what}"));
    }

    fn time(&self, board: usize) -> Now {
        let ahead = if board == 0 { 0 } else { 70_000 };
        Now {
            monotonic: Monotonic(self.now),
            wall: Timestamp::from_unix_ms(self.now + 1_700_000_000_000 + ahead),
        }
    }

    pub(super) fn boot(&mut self, n: usize) {
        if self.boards[n].running.is_some() {
            return;
        }
        let salt = if self.reuses_salt {
            1
        } else {
            u32::try_from(self.rng.next() >> 32).unwrap()
        };
        let (start, core) = self.boards[n].start(PAIR, salt);
        let settings = Settings {
            boot_wait_ms: BOOT_WAIT_MS,
            dials: n == 1,
            mistake: self.mistake,
        };
        let mirror = Mirror::new(start, settings, Monotonic(self.now));
        self.boards[n].running = Some(Running {
            mirror,
            core,
            salt,
            syncing: None,
        });
        self.input(n, Input::Tick);
    }

    /// The board stops at once; `is_told`: the other end hears of it.
    pub(super) fn crash(&mut self, n: usize, is_told: bool) {
        self.boards[n].running = None;
        self.open[n] = None;
        self.wires.dialing[n] = None;
        let now = self.now;
        self.wires.close(&mut self.rng, now, n, is_told);
        let board = &mut self.boards[n];
        let tail = board.log.len() - board.durable;
        let keep = self.rng.below(tail as u64 + 1);
        board.truncate(board.durable + usize::try_from(keep).unwrap());
    }

    /// The disk is replaced by an older image of itself, or by a blank one that says so.
    pub(super) fn replace_disk(&mut self, n: usize, keep: usize) {
        self.crash(n, false);
        let board = &mut self.boards[n];
        board.truncate(keep);
        self.boards[1 - n].released = 0;
        self.gone[n] = true;
        let board = &mut self.boards[n];
        board.join_mark |= keep == 0;
        for (position, fact) in &mut self.facts {
            fact.hold[n] &= self.boards[n].is_durable(*position);
        }
    }

    pub(super) fn state(&self, n: usize) -> Option<State> {
        let running = self.boards[n].running.as_ref()?;
        Some(running.mirror.status().state)
    }

    /// A client sends to board `n`, perhaps what it sent before.
    pub(super) fn client(&mut self, n: usize, op: u64) {
        let Some(running) = &mut self.boards[n].running else {
            return;
        };
        // Nobody logs in at a board that has nothing yet, and a full link holds clients up.
        if running.mirror.is_full() || self.boards[n].join_mark {
            return;
        }
        self.acked.entry(op).or_insert(false);
        running.core.waiting.insert(op);
        if running.core.committed.contains(&op) {
            self.ack(n, op);
            return;
        }
        let proposed = running.core.proposed.iter().any(|(_, own)| *own == op);
        if proposed || running.core.known.contains(&op) {
            return;
        }
        running.core.next_ticket += 1;
        let ticket = Ticket(running.core.next_ticket);
        if running.core.leads.is_some() {
            let inputs = self.number(n, op, None);
            self.inputs(n, inputs);
        } else {
            running.core.proposed.push_back((ticket, op));
            let generation = running.core.generation;
            let bytes = op.to_be_bytes().as_slice().into();
            self.input(
                n,
                Input::Propose {
                    ticket,
                    generation,
                    bytes,
                },
            );
        }
    }

    pub(super) fn fresh_op(&mut self) -> u64 {
        self.ops += 1;
        let soft = if self.rng.one_in(4) { SOFT } else { 0 };
        self.ops + soft
    }

    fn ack(&mut self, n: usize, op: u64) {
        if let Some(running) = &mut self.boards[n].running
            && running.core.waiting.remove(&op)
        {
            if self.boards[n].join_mark {
                self.fail("a board that has not joined yet answers");
            }
            self.acked.insert(op, true);
        }
    }

    fn number(&mut self, n: usize, op: u64, ticket: Option<Ticket>) -> Vec<Input> {
        let wall = self.time(n).wall.unix_ms();
        let node = self.boards[n].node;
        let Some(running) = &mut self.boards[n].running else {
            return Vec::new();
        };
        let Some((position, stamp)) = running.core.number(wall, node) else {
            return Vec::new();
        };
        let mut bytes = entry(position, stamp, op).to_vec();
        bytes.resize(bytes.len() + self.payload, 0);
        let bytes: Arc<[u8]> = bytes.into();
        let is_durable = op < SOFT;
        let is_paired = running.core.is_paired();
        running.core.known.insert(op);
        running.core.line.push_back((position, op));
        if is_durable {
            self.append(
                n,
                Record {
                    class: Class::Entry,
                    bytes: Arc::clone(&bytes),
                },
            );
        }
        self.deliver_soft(n);
        if is_paired {
            vec![Input::Ship {
                ticket,
                is_durable,
                bytes,
            }]
        } else {
            Vec::new()
        }
    }

    fn append(&mut self, n: usize, record: Record) {
        let (position, stamp, epoch) = record.head().unwrap();
        let known = self
            .keys
            .entry(position)
            .or_insert_with(|| Arc::clone(&record.bytes));
        if *known != record.bytes {
            self.fail("one position, two different records");
        }
        if let Some(epoch) = &epoch
            && epoch.epoch.node == self.boards[n].node
            && !self.boards[n].places_epoch(epoch)
        {
            self.fail("an EPOCH record does not name all ends of its log");
        }
        let latency = if self.rng.one_in(32) {
            300
        } else {
            self.sync_ms
        };
        let ends_at = self.now + 1 + self.rng.below(latency);
        let board = &mut self.boards[n];
        if !board.push(position, record) {
            self.fail("a record was appended twice");
            return;
        }
        let index = board.log.len();
        if let Some(running) = &mut board.running {
            running.syncing.get_or_insert((index, ends_at));
            running.core.stamp = running.core.stamp.max(stamp);
            running
                .mirror
                .handle_appended(u64::try_from(index).unwrap(), position, stamp);
        }
    }

    pub(super) fn input(&mut self, n: usize, input: Input) {
        self.inputs(n, vec![input]);
    }

    fn inputs(&mut self, n: usize, inputs: Vec<Input>) {
        let mut waiting: VecDeque<Input> = inputs.into();
        while let Some(input) = waiting.pop_front() {
            let now = self.time(n);
            let Some(running) = &mut self.boards[n].running else {
                return;
            };
            if std::env::var_os("TRACE").is_some() {
                eprintln!("{} [{n}] <- {input:?}", self.now);
            }
            running.mirror.step(now, input);
            while let Some(output) = self.boards[n]
                .running
                .as_mut()
                .and_then(|running| running.mirror.poll_output())
            {
                waiting.extend(self.perform(n, output));
            }
        }
    }

    fn perform(&mut self, n: usize, output: Output) -> Vec<Input> {
        if std::env::var_os("TRACE").is_some() {
            eprintln!("{} [{n}] -> {output:?}", self.now);
        }
        match output {
            Output::Dial => {
                let at = self.now + 1 + self.rng.below(60);
                self.wires.dialing[n] = Some(at);
            }
            Output::Send { wire, bytes } => {
                self.check_sent(n, &bytes);
                if self.wires.ends[n] == Some(wire) {
                    let now = self.now;
                    self.wires.send(&mut self.rng, now, n, wire, bytes);
                }
            }
            Output::Close { wire } => {
                self.open[n] = None;
                if self.wires.ends[n] == Some(wire) {
                    let now = self.now;
                    self.wires.close(&mut self.rng, now, n, true);
                }
            }
            Output::Append { record } => self.append(n, record),
            Output::Read { from, bytes_max } => return vec![self.read(n, from, bytes_max)],
            Output::Joined => self.boards[n].join_mark = false,
            Output::Follow => return self.follow(n),
            Output::Lead { record, paired } => return self.lead(n, &record, paired),
            Output::Commit { upto } => self.commit(n, upto),
            Output::Merged { record } => self.merge(n, &record),
            Output::Numbered {
                ticket,
                is_durable,
                bytes,
            } => self.numbered(n, ticket, is_durable, bytes),
            Output::Proposed {
                ticket,
                generation,
                bytes,
            } => return self.proposed(n, ticket, generation, &bytes),
            Output::Rejected { generation, .. } => {
                let running = self.boards[n].running.as_mut().unwrap();
                if running.core.generation == generation {
                    running.core.generation += 1;
                    return self.propose_all(n);
                }
            }
            Output::AskSessions => {
                let piece: Arc<[u8]> = [u8::try_from(n).unwrap()].as_slice().into();
                return vec![Input::Sessions {
                    pieces: vec![piece],
                }];
            }
            Output::PeerSessions { pieces } => {
                let other = u8::try_from(1 - n).unwrap();
                if pieces.iter().map(AsRef::as_ref).ne([[other].as_slice()]) {
                    self.fail("the other's sessions did not come before the epoch");
                }
            }
            Output::PeerHas { upto } => self.check_peer_has(n, upto),
            Output::PeerGone | Output::Notice(_) => {}
        }
        Vec::new()
    }

    /// Rules R2 and R3, seen from outside.
    fn check_sent(&mut self, n: usize, bytes: &[u8]) {
        let mut framer = Framer::default();
        framer.push(bytes);
        let Ok(Some((frame, _))) = framer.poll() else {
            self.fail("a frame was sent that nobody can read");
            return;
        };
        let is_durable = |position| self.boards[n].is_durable(position);
        let wrong = match frame {
            Frame::Record { record } => {
                (!is_durable(record.head().unwrap().0)).then_some("what is not durable was sent")
            }
            Frame::Begin { record } => (!is_durable(Position::new(record.epoch, 0, 0)))
                .then_some("BEGIN before its record is durable"),
            _ => None,
        };
        if let Some(wrong) = wrong {
            self.fail(wrong);
        }
    }

    fn check_peer_has(&mut self, n: usize, upto: u64) {
        let upto = usize::try_from(upto).unwrap();
        let from = self.boards[n].released.min(upto);
        self.boards[n].released = upto;
        let lacks = self.boards[n].log[from..upto]
            .iter()
            .any(|(position, _)| !self.boards[1 - n].is_durable(*position));
        if lacks && !self.gone[1 - n] {
            self.fail("the other board does not have what may be released");
        }
    }

    fn read(&self, n: usize, from: u64, bytes_max: usize) -> Input {
        let board = &self.boards[n];
        let first = usize::try_from(from).unwrap() - 1;
        let end = if self.mistake == Some(Mistake::UndurableShipped) {
            board.log.len()
        } else {
            board.durable
        };
        let mut records = Vec::new();
        let mut bytes = 0;
        let mut next = from;
        for (_, record) in &board.log[first..end] {
            if bytes > 0 && bytes + record.bytes.len() > bytes_max {
                break;
            }
            bytes += record.bytes.len();
            records.push((next, record.clone()));
            next += 1;
        }
        Input::Records {
            from,
            records,
            next,
        }
    }

    fn follow(&mut self, n: usize) -> Vec<Input> {
        let core = &mut self.boards[n].running.as_mut().unwrap().core;
        core.leads = None;
        core.generation = 0;
        self.propose_all(n)
    }

    fn propose_all(&mut self, n: usize) -> Vec<Input> {
        let core = &self.boards[n].running.as_ref().unwrap().core;
        let generation = core.generation;
        core.proposed
            .iter()
            .map(|(ticket, op)| Input::Propose {
                ticket: *ticket,
                generation,
                bytes: op.to_be_bytes().as_slice().into(),
            })
            .collect()
    }

    fn lead(&mut self, n: usize, record: &EpochRecord, paired: bool) -> Vec<Input> {
        let boot = self.boards[n].boots;
        if !paired && self.open[n].is_some() {
            self.fail("alone with an open connection");
        }
        if self.boards[n].join_mark && !paired {
            self.fail("a board that has not joined yet goes on alone");
        }
        if self.leaders.insert(record.epoch, (n, boot)).is_some() {
            self.fail("two boards, or two boots, number one epoch");
        }
        let core = &mut self.boards[n].running.as_mut().unwrap().core;
        core.leads = Some((record.epoch, 0, paired));
        core.generation = 0;
        core.stamp = core.stamp.max(record.stamp);
        let proposed = std::mem::take(&mut core.proposed);
        let mut inputs = Vec::new();
        for (_, op) in proposed {
            inputs.extend(self.number(n, op, None));
        }
        inputs
    }

    fn proposed(&mut self, n: usize, ticket: Ticket, generation: u64, bytes: &[u8]) -> Vec<Input> {
        let core = &mut self.boards[n].running.as_mut().unwrap().core;
        if generation != core.generation {
            return Vec::new();
        }
        if self.rng.one_in(self.rejects_one_in) {
            core.generation += 1;
            return vec![Input::Reject { ticket, generation }];
        }
        let op = u64::from_be_bytes(bytes.try_into().unwrap());
        self.number(n, op, Some(ticket))
    }

    fn numbered(&mut self, n: usize, ticket: Option<Ticket>, is_durable: bool, bytes: Arc<[u8]>) {
        let (position, _) = Entry::head(&bytes).unwrap();
        let record = Record {
            class: Class::Entry,
            bytes,
        };
        let op = self.op(&record);
        let core = &mut self.boards[n].running.as_mut().unwrap().core;
        if core.leads.is_some() {
            self.fail("a board that numbers is told numbers");
            return;
        }
        core.known.insert(op);
        core.line.push_back((position, op));
        if let Some(ticket) = ticket
            && core
                .proposed
                .pop_front()
                .is_none_or(|(own, _)| own != ticket)
        {
            self.fail("a proposal came back out of order");
        }
        if is_durable {
            self.append(n, record);
        }
        self.deliver_soft(n);
    }

    fn op(&self, record: &Record) -> u64 {
        let bytes = record.bytes.len() - self.payload;
        let plain = Record {
            class: record.class,
            bytes: record.bytes[..bytes].into(),
        };
        op_of(&plain).unwrap()
    }

    fn commit(&mut self, n: usize, upto: Position) {
        if self.boards[n].join_mark {
            self.fail("a board that has not joined yet commits");
        }
        let core = &mut self.boards[n].running.as_mut().unwrap().core;
        let mut done = Vec::new();
        while let Some((position, op)) = core.line.front().copied()
            && (op >= SOFT || position <= upto)
        {
            core.line.pop_front();
            core.committed.insert(op);
            done.push((position, op));
        }
        let paired = matches!(self.state(n), Some(State::Paired { .. }));
        let hold = self.hold(n, paired);
        for (position, op) in done {
            if op < SOFT {
                self.tell(position, op, hold);
            }
            self.ack(n, op);
        }
    }

    /// What is volatile and stands in front of everything waits for no disk.
    fn deliver_soft(&mut self, n: usize) {
        let core = &mut self.boards[n].running.as_mut().unwrap().core;
        let mut done = Vec::new();
        while let Some((_, op)) = core.line.front().copied()
            && op >= SOFT
        {
            core.line.pop_front();
            core.committed.insert(op);
            done.push(op);
        }
        for op in done {
            self.ack(n, op);
        }
    }

    fn merge(&mut self, n: usize, record: &Record) {
        let (position, _, epoch) = record.head().unwrap();
        if epoch.is_some() {
            return;
        }
        let op = self.op(record);
        let core = &mut self.boards[n].running.as_mut().unwrap().core;
        core.known.insert(op);
        core.committed.insert(op);
        core.proposed.retain(|(_, own)| *own != op);
        let hold = self.hold(n, true);
        self.tell(position, op, hold);
        if !self.boards[n].join_mark {
            self.ack(n, op);
        }
    }

    fn hold(&self, n: usize, paired: bool) -> [bool; 2] {
        let mut hold = [paired && !self.gone[0], paired && !self.gone[1]];
        hold[n] = true;
        hold
    }

    /// Something is shown or acknowledged: the disks that vouch for it have it.
    fn tell(&mut self, position: Position, op: u64, hold: [bool; 2]) {
        for n in 0..2 {
            if hold[n] && !self.boards[n].is_durable(position) {
                self.fail("shown or acknowledged, and not on a disk that vouches for it");
            }
        }
        let fact = self.facts.entry(position).or_insert(Fact { op, hold });
        fact.hold = [fact.hold[0] || hold[0], fact.hold[1] || hold[1]];
        if fact.op != op {
            self.fail("one position was shown for two ops");
        }
    }

    /// When something happens next, and what.
    fn next(&self) -> Option<(u64, usize, u8)> {
        let mut due = Vec::new();
        for n in 0..2 {
            due.extend(self.wires.next(n).map(|at| (at, n, 0)));
            due.extend(self.wires.dialing[n].map(|at| (at, n, 1)));
            let Some(running) = &self.boards[n].running else {
                continue;
            };
            due.extend(running.syncing.map(|(_, at)| (at, n, 2)));
            due.extend(running.mirror.wake_at().map(|at| (at.0, n, 3)));
        }
        due.into_iter().min()
    }

    /// Lets time pass until then; stops at the first broken promise.
    pub(super) fn run_until(&mut self, end: u64) {
        let mut quick = 0;
        while let Some((at, n, what)) = self.next()
            && at <= end
            && self.broken.is_none()
        {
            quick = if at > self.now { 0 } else { quick + 1 };
            if quick > 10_000 {
                self.fail("time stands still");
                return;
            }
            self.now = self.now.max(at);
            match what {
                0 => self.receive(n),
                1 => self.connect(n),
                2 => self.sync(n),
                _ => self.input(n, Input::Tick),
            }
            for n in 0..2 {
                let is_paired = matches!(self.state(n), Some(State::Paired { leads: true }));
                self.paired += u64::from(is_paired);
                let numbers = |board: &Board| {
                    board
                        .running
                        .as_ref()
                        .is_some_and(|running| running.core.leads.is_some())
                };
                if self.state(n) == Some(State::Alone) && !numbers(&self.boards[n]) {
                    self.fail("alone, and nothing gets a number");
                }
            }
        }
        self.now = self.now.max(end);
    }

    fn receive(&mut self, n: usize) {
        let now = self.now;
        let Some((wire, packet)) = self.wires.receive(&mut self.rng, now, n) else {
            return;
        };
        let input = match packet {
            Packet::Bytes(bytes) => Input::Received { wire, bytes },
            Packet::Closed => {
                self.open[n] = None;
                Input::Closed { wire }
            }
        };
        self.input(n, input);
    }

    fn connect(&mut self, n: usize) {
        self.wires.dialing[n] = None;
        let is_up = self.boards.iter().all(|board| board.running.is_some());
        if !is_up || self.wires.cut != [false; 2] || self.wires.ends[n].is_some() {
            self.input(n, Input::NotConnected);
            return;
        }
        let wire = self.wires.connect();
        self.gone = [false; 2];
        for n in [n, 1 - n] {
            self.input(n, Input::Connected { wire });
            self.open[n] = Some(wire);
        }
    }

    fn sync(&mut self, n: usize) {
        let ends_at = self.now + 1 + self.rng.below(self.sync_ms);
        let board = &mut self.boards[n];
        let Some(running) = &mut board.running else {
            return;
        };
        let Some((upto, _)) = running.syncing.take() else {
            return;
        };
        board.durable = upto;
        running.syncing = (board.log.len() > upto).then_some((board.log.len(), ends_at));
        let upto = u64::try_from(upto).unwrap();
        self.input(n, Input::Durable { upto });
    }

    /// Both serve and hold the same, and everything that somebody waits for is answered.
    pub(super) fn is_quiet(&self) -> bool {
        let is_paired = (0..2).all(|n| matches!(self.state(n), Some(State::Paired { .. })));
        let is_answered = self.boards.iter().all(|board| {
            board.log.len() == board.durable
                && board
                    .running
                    .as_ref()
                    .is_some_and(|running| running.core.waiting.is_empty())
        });
        is_paired && is_answered
    }

    /// At rest: both logs are the same set, and hold everything that somebody was told.
    pub(super) fn check_at_rest(&mut self) {
        let set =
            |board: &Board| -> BTreeMap<Position, Record> { board.log.iter().cloned().collect() };
        let sets = [set(&self.boards[0]), set(&self.boards[1])];
        if sets[0] != sets[1] {
            self.fail("at rest the logs differ");
        }
        let is_lost = self
            .facts
            .iter()
            .any(|(position, fact)| fact.hold != [false; 2] && !sets[0].contains_key(position));
        if is_lost {
            self.fail("what was shown or acknowledged is gone");
        }
        if self.acked.values().any(|acked| !acked) && self.is_quiet() {
            let lost: Vec<_> = self.acked.iter().filter(|(_, acked)| !**acked).collect();
            assert!(!lost.is_empty());
        }
        let sync = sets[0]
            .values()
            .filter_map(epoch_of)
            .max_by_key(|record| record.epoch);
        if sync.is_none_or(|record| record.mode != Mode::Sync) {
            self.fail("at rest the newest epoch is not one of both");
        }
    }
}

impl Board {
    /// Whether the record, if it is of this boot, names all ends of this log.
    fn places_epoch(&self, record: &EpochRecord) -> bool {
        let salt = self.running.as_ref().map(|running| running.salt);
        salt != Some(record.epoch.salt)
            || tips(&self.log) == record.parents.iter().copied().collect()
    }
}
