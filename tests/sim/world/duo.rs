//! Two boards: the network between them, and what has to be the same on both at the end.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::VecDeque;

use meerkat::testing::sim::Archived;
use meerkat::testing::sim::Heard;
use meerkat::testing::sim::Machine;
use meerkat::testing::sim::Options;
use meerkat::testing::sim::Rng;
use meerkat::testing::sim::Said;
use meerkat::testing::sim::Seat;
use meerkat::testing::sim::Standing;

use crate::world::Plan;
use crate::world::Trouble;
use crate::world::World;

pub(super) struct Packet {
    pub(super) at: u64,
    wire: u64,
    what: What,
}

pub(super) enum What {
    Bytes(Vec<u8>),
    /// The process at the other end is gone.
    Closed,
    Broken,
}

/// Connections and what is under way on them; index: towards that board.
pub(crate) struct Net {
    pub(super) rng: Rng,
    pub(super) trouble: Trouble,
    pub(super) now: u64,
    pub(super) queues: [VecDeque<Packet>; 2],
    /// The connection that each end believes in.
    pub(super) ends: [Option<u64>; 2],
    /// Nothing arrives at that board before.
    pub(super) cut_until: [u64; 2],
    /// That board takes nothing and says nothing before; it does not start before.
    pub(super) frozen_until: [u64; 2],
    pub(super) off_until: [u64; 2],
    pub(super) dial_at: Option<u64>,
    /// What the line carries in a millisecond, if it is slow.
    pub(super) bytes_per_ms: Option<usize>,
    count: u64,
    /// How often a board went on alone.
    parted: u64,
    /// What clients sent: to which board, and when.
    sent: BTreeMap<String, (usize, u64)>,
    /// What a board told its client, while apart, that it does not have.
    doubts: BTreeSet<String>,
}

impl Net {
    pub(crate) fn new(seed: u64, trouble: Trouble) -> Self {
        Self {
            rng: Rng::new(seed ^ 0x0e7),
            trouble,
            now: 0,
            queues: [VecDeque::new(), VecDeque::new()],
            ends: [None; 2],
            cut_until: [0; 2],
            frozen_until: [0; 2],
            off_until: [0; 2],
            dial_at: None,
            bytes_per_ms: None,
            count: 0,
            parted: 0,
            sent: BTreeMap::new(),
            doubts: BTreeSet::new(),
        }
    }

    /// Whether this went to the other board before, and one is alone or was since.
    pub(super) fn sent_twice(&mut self, body: &str, board: usize, is_apart: bool) -> bool {
        if self.doubts.contains(body) {
            return true;
        }
        let parted = self.parted;
        let sent = self.sent.entry(body.to_owned());
        let (first, before) = *sent.or_insert((board, parted));
        first != board && (is_apart || before != parted)
    }

    /// Apart, a board tells what it knows of a stream: the other may have taken more of it (rule U13).
    pub(super) fn doubt(&mut self, board: usize, left: impl Iterator<Item = String>) {
        let sent = &self.sent;
        let left = left.filter(|body| sent.get(body).is_some_and(|(first, _)| *first != board));
        self.doubts.extend(left);
    }

    fn push(&mut self, to: usize, wire: u64, what: What) {
        let slow = if self.rng.one_in(64) { 300 } else { 8 };
        let last = self.queues[to].back().map_or(0, |packet| packet.at);
        let at = last.max(self.now + 1 + self.rng.below(slow)) + self.carry_ms(&what);
        self.queues[to].push_back(Packet { at, wire, what });
    }

    /// How long the line takes for it.
    fn carry_ms(&self, what: &What) -> u64 {
        let (What::Bytes(bytes), Some(rate)) = (what, self.bytes_per_ms) else {
            return 0;
        };
        u64::try_from(bytes.len() / rate).unwrap_or(u64::MAX)
    }

    /// This end is closed; the other hears of it as `told`, unless the power is gone.
    pub(super) fn close(&mut self, end: usize, told: Option<What>) {
        let Some(wire) = self.ends[end].take() else {
            return;
        };
        self.queues[end].retain(|packet| packet.wire != wire);
        let to = 1 - end;
        // A reset overtakes and discards what was under way.
        if self.rng.one_in(2) {
            let keep = self.rng.index(self.queues[to].len() + 1);
            self.queues[to].truncate(keep);
        }
        if let Some(what) = told {
            self.push(to, wire, what);
        }
    }

    fn has_arrived(&self, to: usize) -> bool {
        let first = self.queues[to].front();
        self.cut_until[to] <= self.now && first.is_some_and(|one| one.at <= self.now)
    }

    /// What arrives at this board now.
    fn receive(&mut self, to: usize) -> Option<Heard> {
        if self.cut_until[to] > self.now {
            return None;
        }
        while self.queues[to]
            .front()
            .is_some_and(|one| one.at <= self.now)
        {
            let Packet { wire, what, .. } = self.queues[to].pop_front()?;
            let is_end = !matches!(what, What::Bytes(_));
            if self.ends[to] == Some(wire) {
                if is_end {
                    self.ends[to] = None;
                }
                return Some(match what {
                    What::Bytes(bytes) => Heard::Bytes { wire, bytes },
                    What::Closed => Heard::Closed { wire },
                    What::Broken => Heard::Broken { wire },
                });
            }
            if self.ends[1 - to] == Some(wire) && !is_end {
                self.push(1 - to, wire, What::Broken);
            }
        }
        None
    }
}

/// The boards of a plan: one, or two.
pub(super) fn seats(options: Options, plan: &Plan) -> Vec<Options> {
    if plan.duo.is_none() {
        return vec![options];
    }
    let seat = |node| Options {
        seat: Some(Seat {
            node,
            is_joining: node == 1,
        }),
        segments_max: 256,
        kept_bytes: 1 << 40,
        ..options.clone()
    };
    vec![seat(0), seat(1)]
}

/// Which of two boards has the program of the version before.
pub(super) fn older(seed: u64) -> usize {
    usize::from(seed.is_multiple_of(2))
}

impl World {
    /// Everything between the boards that is due, and sometimes trouble.
    pub(super) fn step_between(&mut self) {
        if self.net.is_some() {
            if !self.machines.iter().any(Machine::is_up) {
                self.pass_ms(200);
            }
            self.make_trouble();
            self.go_between();
        }
    }

    pub(super) fn go_between(&mut self) {
        self.level_clocks();
        let is_frozen = [self.is_frozen(0), self.is_frozen(1)];
        for board in 0..2 {
            self.take_said(board);
        }
        let Some(net) = &mut self.net else {
            return;
        };
        if net.dial_at.is_some_and(|at| at <= net.now) && !is_frozen[1] {
            net.dial_at = None;
            self.dial();
        }
        for (board, is_frozen) in is_frozen.into_iter().enumerate() {
            while !is_frozen && let Some(heard) = self.receive(board) {
                self.machines[board].hear(heard);
                self.take_said(board);
            }
            let has_wire = self
                .net
                .as_ref()
                .is_some_and(|net| net.ends[board].is_some());
            if !self.machines[board].is_up() && (has_wire || self.weeks.is_none()) {
                self.lose_wire(board);
            }
        }
    }

    /// What arrives at this board now, if it has room for it.
    fn receive(&mut self, board: usize) -> Option<Heard> {
        let net = self.net.as_mut()?;
        if !net.has_arrived(board) || !self.machines[board].has_room() {
            return None;
        }
        net.receive(board)
    }

    pub(super) fn take_said(&mut self, board: usize) {
        while let Some(said) = self.machines[board].poll_said() {
            let Some(net) = &mut self.net else {
                return;
            };
            match said {
                Said::Dial => net.dial_at = Some(net.now + 1 + net.rng.below(10)),
                Said::Bytes { wire, bytes } if net.ends[board] == Some(wire) => {
                    net.push(1 - board, wire, What::Bytes(bytes));
                }
                Said::Close { wire } if net.ends[board] == Some(wire) => {
                    net.close(board, Some(What::Broken));
                }
                Said::Bytes { .. } | Said::Close { .. } => {}
            }
        }
        for notice in self.machines[board].take_notices() {
            self.taken.pass();
            let is_asked = notice.starts_with("needs a copy") || notice.starts_with("Lacking");
            if is_asked && self.weeks.is_none() {
                // The logs keep everything that the other lacks, and a blank board joins from the start.
                self.broken = Some(format!("board {board}: {notice}, of a log that is whole"));
            }
            if let Some(net) = self.net.as_mut().filter(|_| notice.starts_with("Alone")) {
                net.parted += 1;
                self.checker.part();
            }
            if notice.contains("PeerFrame {") {
                self.broken = Some(format!("board {board} cannot read what it hears: {notice}"));
            }
            self.note(|| format!("board {board}: {notice}"));
            self.heed(board, &notice);
        }
    }

    fn dial(&mut self) {
        let is_up = self.machines.iter().all(Machine::is_up) && !self.is_frozen(0);
        let Some(net) = &mut self.net else {
            return;
        };
        let is_cut = net.cut_until.iter().any(|until| *until > net.now);
        if !is_up || is_cut || net.ends[1].is_some() {
            self.machines[1].hear(Heard::NotConnected);
            return;
        }
        net.count += 1;
        let wire = net.count;
        for queue in &mut net.queues {
            queue.clear();
        }
        net.ends = [Some(wire); 2];
        for board in [1, 0] {
            self.machines[board].hear(Heard::Connected { wire });
            self.take_said(board);
        }
    }

    /// The board is gone.
    pub(super) fn lose_wire(&mut self, board: usize) {
        if let Some(net) = &mut self.net {
            let told = net.rng.one_in(2).then_some(What::Closed);
            net.close(board, told);
            if board == 1 {
                net.dial_at = None;
            }
        }
    }

    /// Nothing goes wrong between the boards from here on.
    pub(super) fn mend(&mut self) {
        if let Some(net) = &mut self.net {
            net.cut_until = [0; 2];
            net.frozen_until = [0; 2];
            net.off_until = [0; 2];
        }
    }

    pub(super) fn is_apart(&self) -> bool {
        let is_paired = |one: &Machine| matches!(one.standing(), Standing::Paired { .. });
        !self.machines.iter().all(is_paired)
    }

    pub(super) fn has_trouble(&self) -> bool {
        self.net.as_ref().is_some_and(|net| net.trouble.is_some())
    }

    /// Where a client gets a session: a board that serves.
    pub(super) fn board_for(&mut self, _index: usize) -> Option<usize> {
        if self.net.is_none() {
            return Some(0);
        }
        let board = self.rng.index(2);
        let serves = |board: usize| {
            let standing = self.machines[board].standing();
            matches!(standing, Standing::Alone | Standing::Paired { .. })
        };
        [board, 1 - board].into_iter().find(|one| serves(*one))
    }

    /// Both are one, and nothing is under way between them.
    pub(super) fn is_level(&self) -> bool {
        let is_paired =
            |one: &Machine| matches!(one.standing(), Standing::Paired { .. }) && one.is_settled();
        self.net.is_none() || self.machines.iter().all(is_paired)
    }

    /// Nobody numbers in the epoch of another (invariant 10).
    pub(super) fn check_epochs(&self) -> Result<(), String> {
        // An older image begins an epoch of that number once more: the salt keeps them apart (rule R1).
        let is_duo = self.net.is_some() && !self.has_older_image();
        for machine in self.machines.iter().filter(|_| is_duo) {
            let mut salts = BTreeMap::new();
            for one in machine.numberings()? {
                let before = salts.insert((one.counter, one.node), one.salt);
                if before.is_some_and(|salt| salt != one.salt) {
                    return Err(format!("{one:?} was begun before"));
                }
            }
        }
        Ok(())
    }

    pub(super) fn check_equal(&self, archives: &[Vec<Archived>]) -> Result<(), String> {
        let Some(first) = archives.first() else {
            return Ok(());
        };
        for other in archives.iter().skip(1) {
            if let Some((one, two)) = first.iter().zip(other).find(|(one, two)| one != two) {
                return Err(format!("the archives differ: {one:?} and {two:?}"));
            }
            if first.len() != other.len() {
                return Err(format!(
                    "the archives differ: {} and {} messages",
                    first.len(),
                    other.len()
                ));
            }
        }
        let digests: Result<Vec<_>, _> = self.machines.iter().map(Machine::digest).collect();
        let digests = digests?;
        if digests.iter().any(|one| Some(one) != digests.first()) {
            return Err(difference(&digests));
        }
        Ok(())
    }
}

/// The first place where two texts differ, and what stands around it.
fn difference(texts: &[String]) -> String {
    let [one, two] = texts else {
        return "the tables differ".to_owned();
    };
    let place = one
        .bytes()
        .zip(two.bytes())
        .position(|(one, two)| one != two);
    let from = place.unwrap_or_default().saturating_sub(300);
    let part = |text: &str| text.chars().skip(from).take(600).collect::<String>();
    format!("the tables differ: ..{}.. and ..{}..", part(one), part(two))
}
