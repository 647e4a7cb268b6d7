//! What a board of the model does with each output, and what every step has to keep.

use std::sync::Arc;

use crate::base::ids::Ticket;
use crate::mirror::Input;
use crate::mirror::Mistake;
use crate::mirror::Output;
use crate::mirror::State;
use crate::mirror::frame::Class;
use crate::mirror::frame::Frame;
use crate::mirror::frame::Framer;
use crate::mirror::frame::Record;
use crate::mirror::tests::board::Board;
use crate::mirror::tests::board::Running;
use crate::mirror::tests::board::SOFT;
use crate::mirror::tests::board::entry_with;
use crate::mirror::tests::board::op_of;
use crate::mirror::tests::board::tips;
use crate::mirror::tests::world::Fact;
use crate::mirror::tests::world::World;
use crate::model::entry::Entry;
use crate::model::entry::EpochRecord;
use crate::model::position::Position;

impl World {
    pub(super) fn ack(&mut self, n: usize, op: u64) {
        if let Some(running) = &mut self.boards[n].running
            && running.core.waiting.remove(&op)
        {
            if self.boards[n].join_mark {
                self.fail("a board that has not joined yet answers");
            }
            self.acked.insert(op, true);
        }
    }

    pub(super) fn number(&mut self, n: usize, op: u64, ticket: Option<Ticket>) -> Vec<Input> {
        let wall = self.time(n).wall.unix_ms();
        let node = self.boards[n].node;
        let Some(running) = &mut self.boards[n].running else {
            return Vec::new();
        };
        let Some((position, stamp)) = running.core.number(wall, node) else {
            return Vec::new();
        };
        let bytes = entry_with(position, stamp, op, self.payload);
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
        let some_ms = 1 + self.rng.below(latency);
        if !self.boards[n].push(position, record) {
            self.fail("a record was appended twice");
            return;
        }
        let index = self.boards[n].log.len();
        let is_idle = |running: &Running| running.syncing.is_none();
        if self.boards[n].running.as_ref().is_some_and(is_idle) {
            self.begin_sync(n, some_ms);
        }
        if let Some(running) = &mut self.boards[n].running {
            running.core.stamp = running.core.stamp.max(stamp);
            running
                .mirror
                .handle_appended(u64::try_from(index).unwrap(), position, stamp);
        }
    }

    pub(super) fn perform(&mut self, n: usize, output: Output) -> Vec<Input> {
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
            Output::NeedsCopy => self.to_copy = Some(n),
            Output::Follow => return self.follow(n),
            Output::Lead { record, paired } => return self.lead(n, &record, paired),
            Output::Commit { upto } => {
                self.commit(n, upto);
                return self.tell_sessions(n);
            }
            Output::Merged { record } => self.merge(n, &record),
            Output::Numbered { ticket, bytes } => self.numbered(n, ticket, bytes),
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
                self.boards[n].running.as_mut().unwrap().core.wants_sessions = true;
                return self.tell_sessions(n);
            }
            Output::PeerSessions { pieces } => {
                let other = u8::try_from(1 - n).unwrap();
                if pieces.iter().map(AsRef::as_ref).ne([[other].as_slice()]) {
                    self.fail("the other's sessions did not come before the epoch");
                }
            }
            Output::PeerHas { upto } => {
                self.check_peer_has(n, upto);
                return self.trim(n);
            }
            Output::PeerGone | Output::PeerDied | Output::Notice(_) => {}
        }
        Vec::new()
    }

    fn tell_sessions(&mut self, n: usize) -> Vec<Input> {
        let core = &mut self.boards[n].running.as_mut().unwrap().core;
        if !core.is_still() || !std::mem::take(&mut core.wants_sessions) {
            return Vec::new();
        }
        let piece: Arc<[u8]> = [u8::try_from(n).unwrap()].as_slice().into();
        vec![Input::Sessions {
            pieces: vec![piece],
        }]
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

    fn trim(&mut self, n: usize) -> Vec<Input> {
        let board = &mut self.boards[n];
        // The other disk may be ahead of this one; and segments go one by one.
        let most = board.released.min(board.durable);
        if !self.trims || most < board.trimmed + 3 {
            return Vec::new();
        }
        board.trimmed = most - 2;
        vec![Input::Trimmed {
            oldest: u64::try_from(board.trimmed).unwrap() + 1,
            vector: board.trimmed_vector(),
        }]
    }

    fn read(&self, n: usize, from: u64, bytes_max: usize) -> Input {
        let board = &self.boards[n];
        let first = (usize::try_from(from).unwrap() - 1).max(board.trimmed);
        let end = if self.mistake == Some(Mistake::UndurableShipped) {
            board.log.len()
        } else {
            board.durable
        };
        let mut records = Vec::new();
        let mut bytes = 0;
        let mut next = u64::try_from(first).unwrap() + 1;
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

    fn numbered(&mut self, n: usize, ticket: Option<Ticket>, bytes: Arc<[u8]>) {
        let (position, _) = Entry::head(&bytes).unwrap();
        let record = Record {
            class: Class::Entry,
            bytes,
        };
        let op = op_of(&record).unwrap();
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
        if op < SOFT {
            self.append(n, record);
        }
        self.deliver_soft(n);
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
        let op = op_of(record).unwrap();
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
        let lacks = |(hold, board): (&bool, &Board)| *hold && !board.is_durable(position);
        if hold.iter().zip(&self.boards).any(lacks) {
            self.fail("shown or acknowledged, and not on a disk that vouches for it");
        }
        let fact = self.facts.entry(position).or_insert(Fact { op, hold });
        fact.hold = [fact.hold[0] || hold[0], fact.hold[1] || hold[1]];
        if fact.op != op {
            self.fail("one position was shown for two ops");
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
