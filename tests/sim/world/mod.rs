//! One run from one seed: a server, its disk, its clients and everything that happens to them.

mod act;
mod calm;
mod commit;
mod cut;
mod duo;
mod elsewhere;
mod files;
pub(crate) mod meeting;
mod personal;
mod plan;
mod senses;
mod taking_back;
mod time;
mod trouble;
mod weeks;

use std::collections::BTreeMap;
use std::collections::VecDeque;

use meerkat::testing::sim::Event;
use meerkat::testing::sim::Faults;
use meerkat::testing::sim::LEVEL;
use meerkat::testing::sim::Machine;
use meerkat::testing::sim::Mutation;
use meerkat::testing::sim::Options;
use meerkat::testing::sim::Rng;
use meerkat::testing::sim::Standing;

use crate::checker::Checker;
use crate::client::Device;
use crate::client::Down;
use crate::client::Kind;
use crate::client::Up;
use crate::world::commit::Taken;
use crate::world::duo::Net;
use crate::world::duo::older;
use crate::world::duo::seats;
use crate::world::files::Puts;
use crate::world::plan::faults;
use crate::world::weeks::Weeks;

pub(crate) use crate::world::plan::Plan;
pub(crate) use crate::world::plan::Report;
use crate::world::trouble::Faulted;
pub(crate) use crate::world::trouble::Trouble;

const NAMES: [&str; 4] = ["ann", "bob", "cid", "dan"];
const DOMAIN: &str = "sim.example";

/// A connection.
struct Link {
    device: usize,
    board: usize,
    up: VecDeque<Up>,
    down: VecDeque<Down>,
    is_ready: bool,
    /// The client is gone; the server learns it later, and not before: the connection seems to live until then.
    is_cut: bool,
    lives_until: u64,
    /// Stanzas that the server has taken since stream management began here.
    taken: u32,
}

/// Nothing changes any more, and every device reads its archive to the end.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Reading {
    Not,
    /// From where it was.
    On,
    /// From the beginning.
    Anew,
}

pub(crate) struct World {
    machines: Vec<Machine>,
    /// How each board of two is made.
    seats: Vec<Options>,
    retired_boots: u64,
    faulted: Faulted,
    net: Option<Net>,
    weeks: Option<Weeks>,
    rng: Rng,
    mutation: Option<Mutation>,
    devices: Vec<Device>,
    links: BTreeMap<u64, Link>,
    next_link: u64,
    next_op: u64,
    checker: Checker,
    /// When boards took what clients sent.
    taken: Taken,
    puts: Puts,
    /// A promise that was seen broken where nobody could say so.
    broken: Option<String>,
    faults: Faults,
    is_calm: bool,
    reading: Reading,
    is_follower: bool,
    is_blind: bool,
    is_gentle: bool,
    may_refuse: bool,
    /// What happened, for whoever reads a failure.
    trace: VecDeque<String>,
    traces: bool,
}

impl World {
    pub(crate) fn new(seed: u64, plan: &Plan, traces: bool) -> Self {
        let mut rng = Rng::new(seed);
        let options = Options {
            accounts: NAMES.iter().map(|name| (*name).to_owned()).collect(),
            tail_bytes: [2_000, 20_000, 200_000][rng.index(3)],
            resident_max: [1, 3, 100][rng.index(3)],
            segment_bytes: [128 << 10, 512 << 10][rng.index(2)],
            segments_max: if plan.is_follower { 64 } else { 16 },
            untaken_max: 4_096,
            kept_bytes: 0,
            is_follower: plan.is_follower,
            seat: None,
            reads: LEVEL,
            level: if plan.is_mixed { LEVEL - 1 } else { LEVEL },
            // The maps know nothing of branches.
            has_tables: plan.duo.is_some_and(Trouble::is_some) || seed.is_multiple_of(4),
        };
        let mut options = seats(options, plan);
        if plan.is_mixed {
            options[older(seed)].reads = LEVEL - 1;
        }
        let mut devices = Vec::new();
        for name in NAMES {
            for resource in ["phone", "desk"].iter().take(1 + rng.index(2)) {
                let kinds = [Kind::Conversations, Kind::Gajim, Kind::Dino];
                let account = format!("{name}@{DOMAIN}");
                let is_plain = rng.one_in(5);
                let kind = if is_plain {
                    Kind::Plain
                } else {
                    kinds[rng.index(3)]
                };
                let mut device = Device::new(&account, resource, kind);
                device.is_talker = rng.one_in(2);
                devices.push(device);
            }
        }
        let weeks = (plan.days > 0).then(|| Weeks::new(seed, devices.len(), &mut options));
        let faults = faults(&mut rng, plan);
        Self {
            seats: options.clone(),
            retired_boots: 0,
            faulted: Faulted::default(),
            machines: (0..)
                .zip(options)
                .map(|(n, options)| Machine::new(seed + n * 0x5eed, options, plan.mutation))
                .collect(),
            weeks,
            net: plan.duo.map(|trouble| Net::new(seed, trouble)),
            rng,
            mutation: plan.mutation,
            devices,
            links: BTreeMap::new(),
            next_link: 1,
            next_op: 1,
            checker: Checker::default(),
            taken: Taken::default(),
            puts: Puts::default(),
            broken: None,
            faults,
            is_calm: false,
            reading: Reading::Not,
            is_follower: plan.is_follower,
            is_blind: plan.is_blind,
            is_gentle: plan.is_gentle || plan.dies_after.is_some(),
            may_refuse: plan.is_follower || plan.duo.is_some(),
            trace: VecDeque::new(),
            traces,
        }
    }

    /// The whole run; an error is a broken promise.
    pub(crate) fn run(&mut self, plan: &Plan) -> Result<Report, String> {
        for board in 0..self.machines.len() {
            self.machines[board].set_faults(Faults {
                write_through: self.faults.write_through,
                capacity: self.faults.capacity,
                ..Faults::default()
            });
            self.boot(board)?;
        }
        for machine in &mut self.machines {
            if let Some(calls) = plan.dies_after {
                self.faults = Faults::default();
                machine.die_after(calls);
            }
            machine.set_faults(self.faults);
        }
        if plan.days > 0 {
            self.live(plan.days)?;
        } else {
            for step in 0..plan.steps {
                if plan.is_mixed && step == plan.steps / 2 {
                    self.upgrade();
                }
                self.step()?;
            }
        }
        self.calm_down()?;
        if self.is_stuck()? {
            return Ok(self.report());
        }
        self.finish()
    }

    pub(crate) fn trace(&self) -> impl Iterator<Item = &String> {
        self.trace.iter()
    }

    fn note(&mut self, line: impl FnOnce() -> String) {
        if self.traces {
            self.trace
                .push_back(format!("{:>8} ms  {}", self.machines[0].now_ms(), line()));
        }
    }

    fn step(&mut self) -> Result<(), String> {
        let board = self.any_board();
        self.may_refuse |= self.machines[board].is_short();
        if !self.machines[board].is_up() {
            self.lose_links(board);
            if self.rng.one_in(5) && !self.is_off(board) {
                self.machines[board].set_faults(self.faults);
                self.boot(board)?;
            }
            self.step_between();
            return Ok(());
        }
        match self.rng.below(1_000) {
            0..220 => self.act(),
            220..470 => self.go_up()?,
            470..640 => self.go_out()?,
            640..760 => self.go_down()?,
            760..930 => self.go_work(),
            930..970 => {
                let ms = 1 + self.rng.below(60);
                self.pass_ms(ms);
            }
            970..973 => {
                let ms = [1_000, 31_000, 70_000, 310_000][self.rng.index(4)];
                self.note(|| format!("{ms} ms pass"));
                self.pass_ms(ms);
            }
            973..985 => self.cut_one(),
            985..997 => self.happen_elsewhere(),
            _ if self.is_gentle => {}
            _ => self.crash(board),
        }
        self.step_between();
        self.take_events();
        self.check_bounds()?;
        self.broken.take().map_or(Ok(()), Err)
    }

    /// One of the boards, if there is more than one.
    pub(super) fn any_board(&mut self) -> usize {
        match self.machines.len() {
            0 | 1 => 0,
            count => self.rng.index(count),
        }
    }

    fn boot(&mut self, board: usize) -> Result<(), String> {
        if !self.fetch(board)? {
            return Ok(());
        }
        let booted = self.machines[board].boot();
        self.note(|| format!("boot {board}: {booted:?}"));
        if let Err(error) = booted {
            if error.contains("no room") && self.faults.capacity.take().is_some() {
                // Somebody makes room.
                self.machines[board].set_faults(self.faults);
                return Ok(());
            }
            let is_fault = error.contains("Disk(")
                || error.starts_with("log: ")
                || error.starts_with("read: Failed")
                || error.starts_with("tables: Io");
            if self.is_calm || !is_fault {
                return Err(format!("the server does not start: {error}"));
            }
            self.machines[board].kill();
        }
        Ok(())
    }

    fn crash(&mut self, board: usize) {
        match self.rng.below(3) {
            0 => {
                self.faulted.kills += 1;
                self.note(|| format!("board {board} is killed"));
                self.machines[board].kill();
            }
            1 => {
                self.faulted.power_cuts += 1;
                self.note(|| format!("board {board}: power cut"));
                self.machines[board].cut_power();
            }
            _ => {
                self.faulted.kills += 1;
                self.machines[board].die_after(self.rng.below(20));
            }
        }
    }

    /// The server is gone, and so are all connections to it.
    pub(super) fn lose_links(&mut self, board: usize) {
        self.lose_wire(board);
        let lost = self.links.extract_if(.., |_, link| link.board == board);
        let lost: Vec<(u64, Link)> = lost.collect();
        for (_, link) in lost {
            let device = &mut self.devices[link.device];
            if device.stream.as_ref().is_none_or(|one| one.id.is_none()) {
                self.checker.may_lose_direct(&device.account);
            }
            if !link.is_cut {
                device.handle_cut();
            }
        }
    }

    /// The server reads from one of the connections.
    fn go_up(&mut self) -> Result<(), String> {
        let open: Vec<u64> = self
            .links
            .iter()
            .filter(|(_, link)| !self.is_frozen(link.board))
            .filter(|(_, link)| link.is_cut || !link.up.is_empty())
            .filter(|(_, link)| self.is_calm || link.lives_until <= self.now_ms())
            .map(|(id, _)| *id)
            .collect();
        if open.is_empty() {
            return Ok(());
        }
        let id = open[self.rng.index(open.len())];
        self.read_from(id)
    }

    fn read_from(&mut self, id: u64) -> Result<(), String> {
        let Some(link) = self.links.get_mut(&id) else {
            return Ok(());
        };
        let machine = &mut self.machines[link.board];
        if link.is_cut && link.up.is_empty() {
            machine.closed(id, false);
            self.links.remove(&id);
            self.note(|| format!("link {id}: the server sees it closed"));
            return Ok(());
        }
        if !machine.wants_input(id) {
            // What is not read is not looked at.
            link.is_cut.then(|| link.up.clear());
            return Ok(());
        }
        let Some(up) = link.up.pop_front() else {
            return Ok(());
        };
        let device = &self.devices[link.device];
        let (account, resource) = (device.account.clone(), device.resource.clone());
        if let Up::Stanza { .. } = &up {
            link.taken += 1;
        }
        if let Up::Enable = &up {
            link.taken = 0;
        }
        let board = link.board;
        self.note(|| format!("link {id}: in {up:?}"));
        let machine = &mut self.machines[board];
        match up {
            Up::Bind => machine.bind(id, &account, &resource),
            Up::Resume { id: session, h } => machine.resume(id, &account, &session, h),
            Up::Enable => machine.enable(id),
            Up::Stanza { text } => {
                if let Some(body) = between(&text, "<body>", "</body>") {
                    self.taken.note(body);
                }
                machine.stanza(id, &text)?;
            }
            Up::Ack { h } => machine.ack(id, h),
            Up::AskAck => machine.ask_ack(id),
        }
        Ok(())
    }

    /// The server writes to one of the connections.
    fn go_out(&mut self) -> Result<(), String> {
        let ready: Vec<u64> = self
            .links
            .iter()
            .filter(|(_, link)| link.is_ready && !self.is_frozen(link.board))
            .map(|(id, _)| *id)
            .collect();
        if ready.is_empty() {
            return Ok(());
        }
        let id = ready[self.rng.index(ready.len())];
        let budget = if self.rng.one_in(2) { 300 } else { 5_000 };
        if let Some(link) = self.links.get_mut(&id) {
            let (board, device) = (link.board, link.device);
            let (bytes, more) = self.machines[board].write(id, budget);
            link.is_ready = more;
            if !bytes.is_empty() {
                link.down.push_back(Down::Bytes(bytes.clone()));
                self.check_written(board, device, &bytes)?;
            }
        }
        Ok(())
    }

    pub(super) fn take_events(&mut self) {
        for board in 0..self.machines.len() {
            self.take_events_of(board);
        }
    }

    fn take_events_of(&mut self, board: usize) {
        while let Some(event) = self.machines[board].poll_event() {
            self.note(|| format!("{event:?}"));
            let (id, down) = match event {
                Event::Ready { link } => {
                    if let Some(link) = self.links.get_mut(&link) {
                        link.is_ready = true;
                    }
                    continue;
                }
                Event::Bound { .. } | Event::Resumed { .. } if self.machines[board].is_blank() => {
                    self.broken = Some(format!("board {board} is blank, and serves"));
                    continue;
                }
                Event::Bound { link, jid } => (
                    link,
                    Down::Bound {
                        is_bound: jid.is_some(),
                    },
                ),
                Event::Resumed { link, h } => (link, Down::Resumed { h }),
                Event::ResumeFailed { link, h } => {
                    self.doubt_what_is_left(board, link, h);
                    let standing = self.machines[board].standing();
                    let is_paired = matches!(standing, Standing::Paired { .. });
                    (link, Down::Failed { h, is_paired })
                }
                Event::Kept { id, is_kept } => {
                    self.see_put(id, is_kept);
                    continue;
                }
                Event::Ended { link, .. } => (link, Down::Ended),
            };
            if let Some(link) = self.links.get_mut(&id) {
                link.down.push_back(down);
            }
        }
    }

    fn go_work(&mut self) {
        let board = self.any_board();
        let count = self.machines[board].work_count();
        if count > 0 && !self.is_frozen(board) {
            let index = self.rng.index(count);
            self.machines[board].work(index);
        }
    }
}

fn between<'a>(text: &'a str, open: &str, close: &str) -> Option<&'a str> {
    let rest = &text[text.find(open)? + open.len()..];
    Some(&rest[..rest.find(close)?])
}
