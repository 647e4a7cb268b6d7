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
use crate::mirror::Settings;
use crate::mirror::State;
use crate::mirror::frame::Record;
use crate::mirror::tests::board::Board;
use crate::mirror::tests::board::Running;
use crate::mirror::tests::board::SOFT;
use crate::mirror::tests::board::epoch_of;
use crate::mirror::tests::wires::Packet;
use crate::mirror::tests::wires::Wires;
use crate::mirror::tests::wires::index;
use crate::model::entry::EpochRecord;
use crate::model::entry::Mode;
use crate::model::level::LEVEL;
use crate::model::position::Epoch;
use crate::model::position::Hlc;
use crate::model::position::Position;

const PAIR: u128 = 0x7a1;
pub(super) const BOOT_WAIT_MS: u64 = 5_000;

/// What was told to somebody, and whose disks vouch for it.
pub(super) struct Fact {
    pub(super) op: u64,
    pub(super) hold: [bool; 2],
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
    pub(super) keys: BTreeMap<Position, Arc<[u8]>>,
    pub(super) leaders: BTreeMap<Epoch, (usize, u32)>,
    pub(super) acked: BTreeMap<u64, bool>,
    pub(super) broken: Option<String>,
    pub(super) paired: u64,
    pub(super) sync_ms: u64,
    /// A disk that takes so many bytes in a millisecond, after `sync_ms`, and is never slower.
    pub(super) disk_bytes_per_ms: Option<usize>,
    pub(super) payload: usize,
    pub(super) is_replaced: bool,
    /// The disk was replaced since the last connection: what it vouched for there went with it.
    pub(super) gone: [bool; 2],
    /// The connection that each mirror was given and has not given up.
    pub(super) open: [Option<u64>; 2],
    pub(super) rejects_one_in: u64,
    /// What the other board has is not kept.
    pub(super) trims: bool,
    /// Boards give up what the other lacks, now and then.
    pub(super) gives_up: bool,
    /// The board that has to get a copy, and how often that was.
    pub(super) to_copy: Option<usize>,
    pub(super) copies: usize,
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
            disk_bytes_per_ms: None,
            payload: 0,
            is_replaced: false,
            gone: [false; 2],
            open: [None; 2],
            rejects_one_in: 16,
            trims: false,
            gives_up: false,
            to_copy: None,
            copies: 0,
            ops: 0,
        };
        world.boards[1].join_mark = true;
        world
    }

    pub(super) fn fail(&mut self, what: &str) {
        let now = self.now;
        self.broken
            .get_or_insert_with(|| format!("{now} ms: {what}"));
    }

    pub(super) fn time(&self, board: usize) -> Now {
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
            reads: LEVEL,
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
        let keep = index(&mut self.rng, tail + 1);
        board.truncate(board.durable + keep);
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

    pub(super) fn durable_op(&mut self) -> u64 {
        self.ops += 1;
        self.ops
    }

    pub(super) fn input(&mut self, n: usize, input: Input) {
        self.inputs(n, vec![input]);
    }

    pub(super) fn inputs(&mut self, n: usize, inputs: Vec<Input>) {
        let mut waiting: VecDeque<Input> = inputs.into();
        while let Some(input) = waiting.pop_front() {
            let now = self.time(n);
            let Some(running) = &mut self.boards[n].running else {
                return;
            };
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
            self.copy();
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
        let some_ms = 1 + self.rng.below(self.sync_ms);
        let Some(running) = &mut self.boards[n].running else {
            return;
        };
        let Some((upto, _)) = running.syncing.take() else {
            return;
        };
        self.boards[n].durable = upto;
        if self.boards[n].log.len() > upto {
            self.begin_sync(n, some_ms);
        }
        let upto = u64::try_from(upto).unwrap();
        self.input(n, Input::Durable { upto });
    }

    /// A sync of all that is not durable takes so long, or as long as the disk needs for it.
    pub(super) fn begin_sync(&mut self, n: usize, some_ms: u64) {
        let board = &self.boards[n];
        let ms = self.disk_bytes_per_ms.map_or(some_ms, |rate| {
            let late = &board.log[board.durable..];
            let bytes: usize = late.iter().map(|(_, record)| record.bytes.len()).sum();
            self.sync_ms + u64::try_from(bytes / rate).unwrap()
        });
        let syncing = (board.log.len(), self.now + ms);
        if let Some(running) = &mut self.boards[n].running {
            running.syncing = Some(syncing);
        }
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
        let is_level = self.boards[0].log.len() == self.boards[1].log.len();
        is_paired && is_answered && is_level
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
        let sync = sets[0]
            .values()
            .filter_map(epoch_of)
            .max_by_key(|record| record.epoch);
        if sync.is_none_or(|record| record.mode != Mode::Sync) {
            self.fail("at rest the newest epoch is not one of both");
        }
    }
}
