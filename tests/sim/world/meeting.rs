//! A board catches up with a backlog while people write at the other: what they feel of it, in model time.
//!
//! Here time is not passed between steps, but is what everything takes: disks do so much in a millisecond, and the
//! line carries so much.

use std::collections::BTreeMap;

use meerkat::testing::sim::Standing;

use crate::client::Device;
use crate::client::Kind;
use crate::client::Outgoing;
use crate::client::State;
use crate::client::Up;
use crate::world::World;

/// Whom the backlog is for; nobody of them is there.
const AWAY: &str = "dan@sim.example";
/// 6 MB: on this line more than a second.
const BACKLOG: u64 = 600;
const BACKLOG_BYTES: usize = 10_000;
const LINE_BYTES_PER_MS: usize = 5_000;
/// What a disk gets done in a millisecond: an answer to a read, or half of a write.
const DISK_STEPS: usize = 3;
/// Between two messages of one person.
const THINK_MS: u64 = 20;
const BEFORE_MS: u64 = 3_000;
/// For each step of the whole.
const STEP_MS_MAX: u64 = 60_000;

/// From a message to its acknowledgement, in milliseconds.
#[derive(Debug, Default)]
pub(crate) struct Felt {
    /// By those who wrote while the board was alone.
    pub(crate) alone: Vec<u64>,
    /// While the other one caught up.
    pub(crate) catching_up: Vec<u64>,
    /// While nobody numbered, for the epoch of both.
    pub(crate) frozen: Vec<u64>,
}

/// The share of times.
pub(crate) fn percentile(times: &mut [u64], percent: usize) -> u64 {
    times.sort_unstable();
    let at = (times.len() * percent / 100).min(times.len().saturating_sub(1));
    times.get(at).copied().unwrap_or_default()
}

/// What was sent and is not acknowledged: when, and how the board stood.
type Waiting = BTreeMap<String, (u64, Option<bool>)>;

impl World {
    pub(crate) fn meet_with_backlog(&mut self) -> Result<Felt, String> {
        let mut waiting = Waiting::new();
        let mut felt = Felt::default();
        if let Some(net) = &mut self.net {
            net.bytes_per_ms = Some(LINE_BYTES_PER_MS);
        }
        self.devices.retain(|device| device.account != AWAY);
        for device in &mut self.devices {
            device.kind = Kind::Conversations;
            device.is_talker = false;
        }
        self.boot(0)?;
        self.boot(1)?;
        self.tick_until("the boards meet", Self::is_level)?;
        self.lose(1, false);
        self.tick_until("one is alone", |world| {
            world.machines[0].standing() == Standing::Alone
        })?;
        for index in 0..self.devices.len() {
            self.connect(index);
        }
        let is_there = |device: &Device| device.state == State::Online && device.can_send();
        self.tick_until("clients are there", |world| {
            world.devices.iter().all(is_there)
        })?;
        for _ in 0..BACKLOG {
            self.write_to(0, AWAY, &"x".repeat(BACKLOG_BYTES));
            self.tick()?;
        }
        self.tick_until("it is taken", |world| world.unacked().next().is_none())?;
        for now in 0..BEFORE_MS {
            self.talk(now, &mut waiting, &mut felt)?;
        }
        self.boot(1)?;
        for now in BEFORE_MS..BEFORE_MS + STEP_MS_MAX {
            self.talk(now, &mut waiting, &mut felt)?;
            if self.is_level() && waiting.is_empty() {
                return Ok(felt);
            }
        }
        Err(format!("the boards do not meet, {} wait", waiting.len()))
    }

    /// A millisecond in which people write, unless the boards are one again.
    fn talk(&mut self, now: u64, waiting: &mut Waiting, felt: &mut Felt) -> Result<(), String> {
        let standing = self.machines[0].standing();
        for index in 0..self.devices.len() {
            let offset = u64::try_from(index).unwrap_or(0) * 3;
            if standing == Standing::Alone && (now + offset).is_multiple_of(THINK_MS) {
                let to = self.devices[(index + 1) % self.devices.len()]
                    .account
                    .clone();
                let body = self.write_to(index, &to, "");
                waiting.insert(body, (now, self.machines[0].meeting()));
            }
        }
        self.tick()?;
        let left: Vec<String> = self.unacked().cloned().collect();
        for (_, (since, how)) in waiting.extract_if(.., |body, _| !left.contains(body)) {
            let times = match how {
                None => &mut felt.alone,
                Some(false) => &mut felt.catching_up,
                Some(true) => &mut felt.frozen,
            };
            times.push(now + 1 - since);
        }
        Ok(())
    }

    fn unacked(&self) -> impl Iterator<Item = &String> {
        let streams = self
            .devices
            .iter()
            .filter_map(|device| device.stream.as_ref());
        let unacked = streams.flat_map(|stream| &stream.unacked);
        unacked.filter_map(|(_, outgoing)| outgoing.body.as_ref())
    }

    /// Sends a message at once, and asks whether it was taken.
    fn write_to(&mut self, index: usize, to: &str, padding: &str) -> String {
        let number = self.next_op;
        self.next_op += 1;
        let body = format!("m{number}{padding}");
        let (from, session) = (self.devices[index].jid(), self.devices[index].session);
        self.checker
            .sent(&body, number, &from, to, (index, session));
        let text =
            format!("<message type='chat' id='m{number}' to='{to}'><body>{body}</body></message>");
        let outgoing = Outgoing {
            body: Some(body.clone()),
            text,
        };
        let mut up = self.devices[index].transmit(outgoing);
        up.push(Up::AskAck);
        self.send(index, up);
        body
    }

    fn tick_until(&mut self, what: &str, is_so: impl Fn(&Self) -> bool) -> Result<(), String> {
        for _ in 0..STEP_MS_MAX {
            if is_so(self) {
                return Ok(());
            }
            self.tick()?;
        }
        Err(format!("not within {STEP_MS_MAX} ms: {what}"))
    }

    /// A millisecond: disks, the line, and everything that clients and boards have for each other.
    fn tick(&mut self) -> Result<(), String> {
        self.pass_ms(1);
        self.go_between();
        for _ in 0..DISK_STEPS {
            for board in 0..self.machines.len() {
                let count = self.machines[board].work_count();
                if count > 0 {
                    let index = self.rng.index(count);
                    self.machines[board].work(index);
                }
            }
        }
        self.take_events();
        for _ in 0..self.devices.len() * 4 {
            self.go_up()?;
            self.take_events();
            self.go_out()?;
            self.go_down()?;
        }
        self.check_bounds()?;
        self.broken.take().map_or(Ok(()), Err)
    }
}
