//! What the scenarios share: how long, on which core, with which accounts; and the meter.

use std::future::Future;
use std::rc::Rc;
use std::time::Duration;
use std::time::Instant;

use smol::LocalExecutor;
use smol::Timer;

use crate::generator::Outcome;
use crate::generator::client::Ground;
use crate::generator::process;
use crate::generator::server::Place;
use crate::generator::server::Server;
use crate::generator::server::Target;
use crate::generator::unexpected;
use crate::report::Report;

/// Accounts of every server: 50 pairs, five whose archives are read, one in whose archive is searched.
pub(crate) const USERS: usize = 112;
/// A scenario that takes longer than this hangs.
const SCENARIO_SECONDS_MAX: u64 = 1_800;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Effort {
    Quick,
    Normal,
    Full,
}

#[derive(Clone)]
pub(crate) struct Bench {
    pub(crate) effort: Effort,
    /// The server's core; none on a machine with a single one.
    pub(crate) core: Option<usize>,
    pub(crate) ground: Rc<Ground>,
    executor: Rc<LocalExecutor<'static>>,
}

impl Bench {
    pub(crate) fn new(effort: Effort, core: Option<usize>) -> Self {
        Self {
            effort,
            core,
            ground: Rc::new(Ground::new()),
            executor: Rc::new(LocalExecutor::new()),
        }
    }

    /// One of three values, by effort.
    pub(crate) fn pick<T>(&self, quick: T, normal: T, full: T) -> T {
        match self.effort {
            Effort::Quick => quick,
            Effort::Normal => normal,
            Effort::Full => full,
        }
    }

    /// How long a measured phase lasts.
    pub(crate) fn phase(&self) -> Duration {
        Duration::from_millis(self.pick(1_000, 4_000, 10_000))
    }

    /// How long a phase runs before it is measured.
    pub(crate) fn warm_up(&self) -> Duration {
        self.phase() / 10
    }

    pub(crate) fn start(&self, target: &dyn Target, place: &Place) -> Outcome<Server> {
        Server::start(target, place, self.core)
    }

    /// Runs a scenario to its end on this thread.
    pub(crate) fn run<T>(&self, scenario: impl Future<Output = Outcome<T>>) -> Outcome<T> {
        let watchdog = async {
            Timer::after(Duration::from_secs(SCENARIO_SECONDS_MAX)).await;
            unexpected("the scenario hangs")
        };
        smol::block_on(self.executor.run(smol::future::or(scenario, watchdog)))
    }

    /// Runs futures side by side and gives their results in order.
    pub(crate) async fn all<T: 'static>(
        &self,
        futures: impl IntoIterator<Item = impl Future<Output = Outcome<T>> + 'static>,
    ) -> Outcome<Vec<T>> {
        let tasks: Vec<_> = futures
            .into_iter()
            .map(|future| self.executor.spawn(future))
            .collect();
        let mut results = Vec::with_capacity(tasks.len());
        for task in tasks {
            results.push(task.await?);
        }
        Ok(results)
    }
}

pub(crate) fn user(index: usize) -> String {
    format!("user{index:03}")
}

pub(crate) fn users() -> Vec<String> {
    (0..USERS).map(user).collect()
}

/// Processor time of a server and time on the wall since a moment.
pub(crate) struct Meter {
    pid: u32,
    begin: Instant,
    processor: Duration,
}

pub(crate) struct Cost {
    pub(crate) wall: Duration,
    pub(crate) processor: Duration,
}

impl Meter {
    pub(crate) fn new(pid: u32) -> Outcome<Self> {
        Ok(Self {
            pid,
            begin: Instant::now(),
            processor: process::processor_time(pid)?,
        })
    }

    pub(crate) fn read(&self) -> Outcome<Cost> {
        Ok(Cost {
            wall: self.begin.elapsed(),
            processor: process::processor_time(self.pid)?.saturating_sub(self.processor),
        })
    }
}

impl Cost {
    pub(crate) fn microseconds_each(&self, count: u64) -> f64 {
        self.processor.as_secs_f64() * 1e6 / count.max(1) as f64
    }

    pub(crate) fn each_second(&self, count: u64) -> f64 {
        count as f64 / self.wall.as_secs_f64()
    }
}

/// Times from a send to the matching receipt.
#[derive(Debug, Default)]
pub(crate) struct Latencies {
    microseconds: Vec<u32>,
}

impl Latencies {
    pub(crate) fn add(&mut self, latency: Duration) {
        self.microseconds
            .push(u32::try_from(latency.as_micros()).unwrap_or(u32::MAX));
    }

    pub(crate) fn merge(&mut self, other: Self) {
        self.microseconds.extend(other.microseconds);
    }

    pub(crate) fn report(&mut self, name: &str, report: &mut Report) {
        for (share, label) in [(0.5, "p50"), (0.99, "p99"), (0.999, "p999")] {
            report.lower(
                &format!("{name}: latency {label}"),
                "ms",
                self.milliseconds_at(share),
            );
        }
    }

    /// The latency in milliseconds that this share of all stays below.
    fn milliseconds_at(&mut self, share: f64) -> f64 {
        self.microseconds.sort_unstable();
        let last = self.microseconds.len().saturating_sub(1);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share of an index is an index"
        )]
        let index = (last as f64 * share).round() as usize;
        f64::from(self.microseconds.get(index).copied().unwrap_or(0)) / 1_000.0
    }
}
