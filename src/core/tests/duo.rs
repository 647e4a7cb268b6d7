//! Two cores back to back: what passes between them are bytes in two queues that may be cut.

use std::collections::BTreeSet;
use std::collections::VecDeque;
use std::sync::Arc;

use crate::base::ids::Ticket;
use crate::base::random::Rng;
use crate::core::Core;
use crate::core::Input;
use crate::core::Output;
use crate::core::Start;
use crate::core::empty::Rooms;
use crate::core::order::Sequencer;
use crate::core::tests::harness::Bench;
use crate::core::tests::harness::EPOCH;
use crate::core::tests::harness::start;
use crate::effect::proposal::Proposal;
use crate::model::codec::from_bytes;
use crate::model::codec::to_bytes;
use crate::model::copies::Copies;
use crate::model::entry::Entry;
use crate::model::entry::EpochRecord;
use crate::model::entry::Mode;
use crate::model::entry::Origin;
use crate::model::epochs::Epochs;
use crate::model::position::Epoch;
use crate::model::position::Hlc;
use crate::model::position::Index;
use crate::model::position::OpId;
use crate::model::position::Position;
use crate::model::vector::Vector;
use crate::testing::sim::reading::Seen;

/// What one tells the other.
#[derive(Clone)]
pub(super) enum Frame {
    Propose {
        ticket: Ticket,
        generation: u64,
        proposal: Vec<u8>,
        op_id: OpId,
        origin: Option<Origin>,
    },
    Ship {
        entry: Vec<u8>,
        ticket: Option<Ticket>,
    },
    Reject {
        ticket: Ticket,
        generation: u64,
    },
    /// Everything at or below is on my disk.
    Durable {
        upto: Position,
    },
}

pub(super) struct Duo {
    pub(super) nodes: [Bench; 2],
    /// From node 0, from node 1.
    pub(super) wires: [VecDeque<Frame>; 2],
    is_linked: bool,
    durable: [Position; 2],
    pub(super) epoch: Epoch,
    /// The largest counter of all.
    epochs: u32,
    /// The epochs that each knows.
    records: [Vec<EpochRecord>; 2],
}

impl Duo {
    /// Node 0 numbers for both.
    pub(super) fn new() -> Self {
        let there = || Sequencer::There { generation: 0 };
        let mut duo = Self {
            nodes: [Bench::node(0, there()), Bench::node(1, there())],
            wires: [VecDeque::new(), VecDeque::new()],
            is_linked: false,
            durable: [Position::ZERO; 2],
            epoch: EPOCH,
            epochs: EPOCH.counter,
            records: [Vec::new(), Vec::new()],
        };
        duo.begin(&[0, 1], EPOCH, Mode::Sync);
        duo.meet(0);
        duo
    }

    /// A connection: the sessions are exchanged, and one of the two begins to number for both.
    pub(super) fn meet(&mut self, leader: usize) {
        self.meet_and_say(leader, |_| {});
    }

    /// The same; what is said of the sessions is what `twist` makes of it, if that can be read.
    pub(super) fn meet_and_say(&mut self, leader: usize, mut twist: impl FnMut(&mut [u8])) {
        self.draw_near();
        let lists = [0, 1].map(|one| {
            assert!(self.nodes[one].core.is_still(), "node {one}");
            let core = &self.nodes[one].core;
            let said = to_bytes(&core.own_sessions());
            let mut lie = said.clone();
            twist(&mut lie);
            let sessions = from_bytes(&lie).or_else(|_| from_bytes(&said));
            (sessions.unwrap(), core.lost_streams())
        });
        self.epochs = self.epochs.max(self.epoch.counter) + 1;
        self.epoch.counter = self.epochs;
        self.epoch.node = u8::try_from(leader).unwrap();
        self.begin(&[0, 1], self.epoch, Mode::Sync);
        for one in [0, 1] {
            let record = EpochRecord {
                epoch: self.epoch,
                stamp: Hlc::default(),
                mode: Mode::Sync,
                parents: Vec::new(),
            };
            self.nodes[one].core.add_epoch(record);
            let (sessions, lost) = lists[1 - one].clone();
            self.drain(one);
            self.wires[one].clear();
            self.nodes[one].step(Input::PeerSessions { sessions, lost });
            // The link takes what is proposed from here on, of who follows.
            self.drain(one);
            if one == leader {
                self.wires[one].clear();
            }
            let begin = if one == leader {
                let epoch = self.epoch;
                Input::Lead {
                    epoch,
                    paired: true,
                }
            } else {
                Input::Follow
            };
            self.nodes[one].step(begin);
        }
    }

    /// Nobody numbers, and each is given what it lacks.
    pub(super) fn draw_near(&mut self) {
        self.is_linked = true;
        self.wires = [VecDeque::new(), VecDeque::new()];
        for node in &mut self.nodes {
            node.step(Input::Follow);
        }
        self.drain(0);
        self.drain(1);
        self.sync(0);
        self.sync(1);
        self.bring();
        self.commit_all();
    }

    /// The record of an epoch, in the logs of these.
    fn begin(&mut self, nodes: &[usize], epoch: Epoch, mode: Mode) {
        let node = &self.nodes[nodes[0]];
        let entries = node.appended.iter().map(|entry| entry.position);
        let records = self.records[nodes[0]].iter();
        let records = records.map(|record| Position::new(record.epoch, 0, 0));
        let reach: Vector = records.chain(entries).collect();
        let record = EpochRecord {
            epoch,
            stamp: node.core.stamp(),
            mode,
            parents: node.core.epochs().tips(&reach),
        };
        for one in nodes {
            self.nodes[*one].core.add_epoch(record.clone());
            self.records[*one].push(record.clone());
        }
    }

    /// Each gets what is durable at the other.
    fn bring(&mut self) {
        for one in [0, 1] {
            let known = self.records[1 - one].clone();
            for record in known {
                if !self.nodes[one].core.epochs().knows(record.epoch) {
                    self.nodes[one].core.add_epoch(record.clone());
                    self.records[one].push(record);
                }
            }
        }
        let logs = self.nodes.each_ref().map(|node| node.appended.clone());
        for one in [0, 1] {
            let own: BTreeSet<Position> = logs[one].iter().map(|entry| entry.position).collect();
            let lacking = logs[1 - one].iter();
            for entry in lacking.filter(|entry| !own.contains(&entry.position)) {
                let mut bytes = Vec::new();
                entry.encode(&mut bytes);
                let entry = Arc::new(Entry::decode(&bytes).unwrap());
                self.nodes[one].appended.push_back(Arc::clone(&entry));
                self.nodes[one].step(Input::Merged { entry });
            }
        }
    }

    /// Both know that the other is not there.
    pub(super) fn part(&mut self) {
        self.is_linked = false;
        self.wires = [VecDeque::new(), VecDeque::new()];
        for one in [0, 1] {
            self.drain(one);
            self.nodes[one].step(Input::PeerGone);
        }
        self.wires = [VecDeque::new(), VecDeque::new()];
    }

    /// The other node is not heard any more.
    pub(super) fn gone(&mut self, dead: usize) {
        self.is_linked = false;
        self.drain(1 - dead);
        self.nodes[1 - dead].step(Input::PeerGone);
        self.wires = [VecDeque::new(), VecDeque::new()];
    }

    /// The other node has died: the one that is left goes on alone.
    pub(super) fn die(&mut self, dead: usize) {
        self.gone(dead);
        self.nodes[1 - dead].step(Input::PeerDied);
        self.go_solo(1 - dead);
        self.sync(1 - dead);
    }

    /// It is back without its memory: what was appended is all there.
    pub(super) fn reboot(&mut self, one: usize) {
        self.restart_with(one, Copies::default());
    }

    /// The same; `copies`: as the tables tell.
    pub(super) fn restart_with(&mut self, one: usize, copies: Copies) {
        let mut new = self.restarted(one, Vec::new(), copies);
        for entry in &self.nodes[one].appended {
            new.tables.apply_entry(entry);
            new.appended.push_back(Arc::clone(entry));
        }
        self.nodes[one] = new;
    }

    /// It is back without its memory, and reads its log, of which this is left.
    pub(super) fn reread(&mut self, one: usize, is_left: impl Fn(&Entry) -> bool) {
        let log = self.nodes[one].appended.iter();
        let log = (1..).zip(log.filter(|entry| is_left(entry)));
        let tail: Vec<_> = log
            .map(|(index, entry)| (Index(index), Arc::clone(entry)))
            .collect();
        self.nodes[one] = self.restarted(one, tail, Copies::default());
    }

    fn restarted(&self, one: usize, tail: Vec<(Index, Arc<Entry>)>, copies: Copies) -> Bench {
        let node = u8::try_from(one).unwrap();
        let there = || Sequencer::There { generation: 0 };
        let mut new = Bench::node(node, there());
        let mut epochs = Epochs::default();
        for record in &self.records[one] {
            epochs.add(record);
        }
        new.appended = tail.iter().map(|(_, entry)| Arc::clone(entry)).collect();
        new.core = Core::new(Start {
            copies,
            epochs,
            salt: 77,
            entropy: Box::new(Rng::from_number(77)),
            last: tail.last().map_or_else(Index::default, |(index, _)| *index),
            tail,
            ..start(node, there(), Rooms::default())
        });
        new
    }

    pub(super) fn pass_ms(&mut self, ms: u64) {
        for node in &mut self.nodes {
            node.pass_ms(ms);
        }
    }

    /// The count that the client is told, if it is told one.
    pub(super) fn acked(&mut self, one: usize, link: u64) -> Option<u32> {
        let seen = self.nodes[one].read(link);
        let mut counts = seen.into_iter().filter_map(|seen| match seen {
            Seen::Ack { h } => Some(h),
            _ => None,
        });
        counts.next_back()
    }

    /// A node goes on alone, in an epoch of its own.
    pub(super) fn go_solo(&mut self, one: usize) {
        let epoch = Epoch {
            counter: self.epoch.counter + 1,
            node: u8::try_from(one).unwrap(),
            salt: 9,
        };
        self.begin(&[one], epoch, Mode::Solo);
        self.nodes[one].step(Input::Lead {
            epoch,
            paired: false,
        });
        self.epochs = self.epochs.max(epoch.counter);
    }

    /// What the cores want to tell each other goes onto the wires.
    pub(super) fn drain(&mut self, one: usize) {
        let outputs = std::mem::take(&mut self.nodes[one].outputs);
        for output in outputs {
            let frame = match output {
                Output::Propose {
                    ticket,
                    generation,
                    proposal,
                    op_id,
                    origin,
                } => Frame::Propose {
                    ticket,
                    generation,
                    proposal: to_bytes(proposal.as_ref()),
                    op_id,
                    origin,
                },
                Output::Ship { entry, ticket } => {
                    let mut bytes = Vec::new();
                    entry.encode_shipped(&mut bytes);
                    let entry = bytes;
                    Frame::Ship { entry, ticket }
                }
                Output::Reject { ticket, generation } => Frame::Reject { ticket, generation },
                output => {
                    self.nodes[one].outputs.push(output);
                    continue;
                }
            };
            self.wires[one].push_back(frame);
        }
    }

    /// The next frame for `to` says what `twist` makes of it, if that can be read. Its place in the order stays: the
    /// link looks at that.
    pub(super) fn twist(&mut self, to: usize, twist: impl FnOnce(&mut [u8])) {
        self.drain(1 - to);
        match self.wires[1 - to].front_mut() {
            Some(Frame::Propose { proposal, .. }) => {
                let mut lie = proposal.clone();
                twist(&mut lie);
                if from_bytes::<Proposal>(&lie).is_ok() {
                    *proposal = lie;
                }
            }
            Some(Frame::Ship { entry, .. }) => {
                let mut lie = entry.clone();
                twist(&mut lie);
                let (position, _) = Entry::head(entry).unwrap();
                if let Ok(lie) = Entry::decode_shipped(&lie) {
                    entry.clear();
                    Entry { position, ..lie }.encode_shipped(entry);
                }
            }
            _ => {}
        }
    }

    /// One frame arrives at `to`.
    pub(super) fn carry(&mut self, to: usize) -> bool {
        self.drain(1 - to);
        if !self.is_linked {
            self.wires[1 - to].clear();
        }
        let Some(frame) = self.wires[1 - to].pop_front() else {
            return false;
        };
        let input = match frame {
            Frame::Propose {
                ticket,
                generation,
                proposal,
                op_id,
                origin,
            } => Input::Proposed {
                ticket,
                generation,
                proposal: Arc::new(from_bytes(&proposal).unwrap()),
                op_id,
                origin,
            },
            Frame::Ship { entry, ticket } => Input::Numbered {
                entry: Arc::new(Entry::decode_shipped(&entry).unwrap()),
                ticket,
            },
            Frame::Reject { ticket, generation } => Input::Rejected { ticket, generation },
            Frame::Durable { upto } => Input::Durable {
                upto: upto.min(self.durable[to]),
            },
        };
        self.nodes[to].step(input);
        true
    }

    /// The node's disk has all it was given.
    pub(super) fn sync(&mut self, one: usize) -> bool {
        let positions = self.nodes[one].appended.iter().map(|one| one.position);
        let Some(last) = positions.max() else {
            return false;
        };
        if last <= self.durable[one] {
            return false;
        }
        self.durable[one] = last;
        if self.is_linked {
            self.drain(one);
            self.wires[one].push_back(Frame::Durable { upto: last });
            let upto = last.min(self.durable[1 - one]);
            self.nodes[one].step(Input::Durable { upto });
        } else {
            self.nodes[one].step(Input::Durable { upto: last });
        }
        true
    }

    /// The records that a node asked for are here.
    fn load(&mut self, one: usize) -> bool {
        let is_load = |output: &Output| matches!(output, Output::Load { .. });
        let waits = self.nodes[one].outputs.iter().any(is_load);
        self.nodes[one].load();
        waits
    }

    fn commit_all(&mut self) {
        for one in [0, 1] {
            self.sync(one);
            let upto = self.durable[one];
            self.nodes[one].step(Input::Durable { upto });
            while self.load(one) {}
        }
        self.wires = [VecDeque::new(), VecDeque::new()];
    }

    /// One of what could happen next: a frame arrives, or a disk is done.
    pub(super) fn happen(&mut self, choice: u64) {
        match choice % 6 {
            0 => self.carry(0),
            1 => self.carry(1),
            2 => self.sync(0),
            3 => self.sync(1),
            4 => self.load(0),
            _ => self.load(1),
        };
    }

    /// Until nothing is under way.
    pub(super) fn settle(&mut self) {
        while self.carry(0)
            | self.carry(1)
            | self.sync(0)
            | self.sync(1)
            | self.load(0)
            | self.load(1)
        {}
    }

    /// The nodes lose each other, and both go on alone.
    pub(super) fn go_apart(&mut self) {
        self.part();
        self.go_solo(0);
        self.go_solo(1);
    }

    /// The nodes meet, and all that follows is numbered on both.
    pub(super) fn heal(&mut self) {
        self.sync(0);
        self.sync(1);
        self.meet(0);
        self.settle();
    }

    /// A session with stream management, presence said and read away.
    pub(super) fn arrive(&mut self, one: usize, link: u64, name: &str) -> crate::base::ids::SmKey {
        self.nodes[one].bind(link, name, &format!("r{link}"));
        self.settle();
        let key = self.nodes[one].enable(link);
        self.nodes[one].say(link, "<presence/>");
        self.settle();
        self.nodes[one].read(link);
        key
    }

    /// What a link has got, presence as `from type` and messages as `from: body`.
    pub(super) fn heard(&mut self, one: usize, link: u64) -> Vec<String> {
        let heard = self.nodes[one].read(link).into_iter();
        let heard = heard.filter_map(|seen| match seen {
            Seen::Message(text) => Some(format!("{}: {}", text.from, text.body)),
            Seen::Presence { from, kind } if kind.is_empty() => Some(from),
            Seen::Presence { from, kind } => Some(format!("{from} {kind}")),
            Seen::Iq { id, kind, .. } => Some(format!("iq {id} {kind}")),
            _ => None,
        });
        heard.collect()
    }
}
