//! SIGKILL under load, many times: what was acknowledged is there, once and in order.
//!
//! The real binary with its data on a real file system; clients that talk to each other and in a room,
//! change their rosters, their private elements and items, and upload files; a kill at a random moment. After each
//! restart the clients say what they saw and the checker (`history`, independent of the server's code) compares it
//! with what the server shows. `CRASH_SEED` repeats the choices of a run, `CRASH_KILLS=20` makes it shorter.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test: it reads the clock, starts processes, and reports by panicking"
)]

#[path = "../generator/mod.rs"]
mod generator;

mod actor;
mod files;
mod history;
mod random;

use std::cell::Cell;
use std::cell::RefCell;
use std::future::Future;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;
use std::time::Instant;
use std::time::SystemTime;

use smol::LocalExecutor;
use smol::Timer;

use actor::Actor;
use actor::Shared;
use actor::room_line;
use files::Uploader;
use generator::Outcome;
use generator::client::Ground;
use generator::server::Meerkat;
use generator::server::PeerStore;
use generator::server::Place;
use generator::server::Prosody;
use generator::server::Server;
use generator::server::Target;
use generator::unexpected;
use history::History;
use random::Random;

/// Kills of a run.
const KILLS: u64 = 200;
/// Each of these talks to its neighbour and in the room.
const USERS: [&str; 6] = ["ann", "bob", "cid", "dan", "eve", "fay"];
/// These upload files.
const UPLOADERS: [&str; 2] = ["gus", "hal"];
/// The load lasts this long before a kill, in milliseconds.
const LOAD_MS_MIN: u64 = 5;
const LOAD_MS_MAX: u64 = 250;
/// One start in this many is killed, too, within so many milliseconds.
const EARLY_KILL_ONE_IN: u64 = 4;
const START_MS_MAX: u64 = 60;
/// One step of the test that takes longer hangs.
const STEP_SECONDS_MAX: u64 = 30;
/// Archives are read from their first message in every round of this many; otherwise from the last known one.
const WHOLE_READINGS_EVERY: u64 = 25;

/// The smallest tail, so that checkpoints are under way at many kills.
const SETTINGS: &[&str] = &["limits.tail_mib=1", "quota.uploads=100000"];

/// How the load ends before the kill.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum End {
    /// In the middle of everything.
    Sudden,
    /// When all is acknowledged.
    Quiet,
}

/// The promise of architecture section 1: nothing is said before it is true.
#[test]
fn what_was_acknowledged_survives_every_kill() {
    let meerkat = Meerkat {
        binary: PathBuf::from(env!("CARGO_BIN_EXE_meerkat")),
        settings: SETTINGS,
    };
    let kills = number_from("CRASH_KILLS").unwrap_or(KILLS);
    run(&meerkat, kills, End::Sudden);
}

/// Shows that clients and checker work, with a server that promises less: it is killed when all is quiet.
#[test]
#[ignore = "needs the peer that the benchmark compares with"]
fn a_peer_keeps_what_it_acknowledged_before_a_quiet_kill() {
    let peer = Prosody {
        store: PeerStore::Files,
    };
    run(&peer, number_from("CRASH_KILLS").unwrap_or(10), End::Quiet);
}

fn number_from(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

fn run(target: &dyn Target, kills: u64, end: End) {
    let begin = Instant::now();
    let clock = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let seed = number_from("CRASH_SEED")
        .unwrap_or_else(|| clock.map_or(0, |clock| u64::from(clock.subsec_nanos())));
    eprintln!("CRASH_SEED={seed}");
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder on a disk");
    let mut trial = Trial::new(target, folder.path(), seed, end).expect("the server is set up");
    for round in 0..kills {
        if let Err(failure) = trial.round(round) {
            panic!("round {round}, seed {seed}: {failure}");
        }
        trial.check(round, seed);
    }
    if let Err(failure) = trial.finish() {
        panic!("last round, seed {seed}: {failure}");
    }
    trial.check(kills, seed);
    eprintln!(
        "{kills} kills, {} promises kept, {} files, {:.1} s",
        trial.history.borrow().promises(),
        trial.uploaders.iter().map(Uploader::kept).sum::<usize>(),
        begin.elapsed().as_secs_f64()
    );
}

struct Trial<'a> {
    target: &'a dyn Target,
    place: Place,
    end: End,
    random: Random,
    history: Shared,
    actors: Vec<Actor>,
    uploaders: Vec<Uploader>,
    ground: Rc<Ground>,
    executor: Rc<LocalExecutor<'static>>,
}

impl<'a> Trial<'a> {
    fn new(target: &'a dyn Target, folder: &std::path::Path, seed: u64, end: End) -> Outcome<Self> {
        let place = Place::new(&folder.join(target.name()))?;
        let users = USERS.into_iter().chain(UPLOADERS);
        target.prepare(&place, &users.map(str::to_owned).collect::<Vec<_>>())?;
        let mut random = Random::new(seed);
        let history = Rc::new(RefCell::new(History::default()));
        // Neighbours talk to each other: 0 and 1, 2 and 3, ...
        let actors = (0..USERS.len()).map(|index| {
            let is_strict = target.promises_durability();
            let random = random.branch();
            Actor::new(USERS[index], USERS[index ^ 1], &history, random, is_strict)
        });
        let ground = Rc::new(Ground::new());
        Ok(Self {
            target,
            place,
            end,
            actors: actors.collect(),
            random,
            uploaders: UPLOADERS
                .map(|user| Uploader::new(user, &history, &ground))
                .into(),
            history,
            ground,
            executor: Rc::new(LocalExecutor::new()),
        })
    }

    /// Start, check, load, kill.
    fn round(&mut self, round: u64) -> Outcome<()> {
        if round > 0 && self.random.below(EARLY_KILL_ONE_IN) == 0 {
            self.kill_at_start()?;
        }
        let mut server = Server::start(self.target, &self.place, None)?;
        self.arrive(&server, round)?;
        if round == 0 {
            self.make_room()?;
        }

        let load = LOAD_MS_MIN + self.random.below(LOAD_MS_MAX - LOAD_MS_MIN);
        let stop = Rc::new(Cell::new(false));
        let executor = Rc::clone(&self.executor);
        let tasks: Vec<_> = std::mem::take(&mut self.actors)
            .into_iter()
            .map(|actor| executor.spawn(actor.work(Rc::clone(&stop), round == 0)))
            .collect();
        let uploading: Vec<_> = std::mem::take(&mut self.uploaders)
            .into_iter()
            .map(|uploader| executor.spawn(uploader.work(server.ports, Rc::clone(&stop))))
            .collect();
        let end = self.end;
        (self.actors, self.uploaders) = self.run(async {
            Timer::after(Duration::from_millis(load)).await;
            stop.set(true);
            if end == End::Sudden {
                server.kill()?;
            }
            let mut actors = Vec::new();
            for task in tasks {
                actors.push(task.await?);
            }
            let mut uploaders = Vec::new();
            for task in uploading {
                uploaders.push(task.await?);
            }
            Ok((actors, uploaders))
        })?;
        server.kill()
    }

    /// Everybody comes back, and everything is compared with the promises.
    fn arrive(&mut self, server: &Server, round: u64) -> Outcome<()> {
        let ports = server.ports;
        let ground = Rc::clone(&self.ground);
        self.each(|actor| actor.arrive(Rc::clone(&ground), ports))?;
        let whole = round.is_multiple_of(WHOLE_READINGS_EVERY);
        self.each(|actor| actor.audit(whole))?;
        let mut uploaders = std::mem::take(&mut self.uploaders);
        for uploader in &mut uploaders {
            self.run(uploader.audit(ports, whole))?;
        }
        self.uploaders = uploaders;
        if round == 0 {
            return Ok(());
        }
        let lines = USERS.map(room_line);
        let mut actors = std::mem::take(&mut self.actors);
        // One of them reads the room; the others' views are compared with the same pages.
        let reader = self.random.below_usize(actors.len());
        let name = actors[reader].room_view();
        let room = actor::room();
        self.run(actors[reader].audit_archive(&name, Some(&room), &lines, whole))?;
        let entries = self.history.borrow().known(&name).to_vec();
        for actor in &actors {
            let view = actor.room_view();
            if view != name {
                let mut history = self.history.borrow_mut();
                history.check_archive(&view, &lines, entries.clone());
            }
        }
        self.actors = actors;
        Ok(())
    }

    /// Everybody becomes available and enters the room; the first one makes it.
    fn make_room(&mut self) -> Outcome<()> {
        let mut actors = std::mem::take(&mut self.actors);
        self.run(async {
            actors[0].settle_in(true).await?;
            actors[0].configure_room().await?;
            for actor in &mut actors[1..] {
                actor.settle_in(false).await?;
            }
            Ok(())
        })?;
        self.actors = actors;
        Ok(())
    }

    /// A kill in the middle of the recovery from the last one.
    fn kill_at_start(&mut self) -> Outcome<()> {
        let mut server = Server::spawn(self.target, &self.place, None)?;
        let wait = self.random.below(START_MS_MAX);
        std::thread::sleep(Duration::from_millis(wait));
        server.kill()
    }

    /// After the last kill: all that was promised is there, and also reaches those who only wait for it.
    fn finish(&mut self) -> Outcome<()> {
        let server = Server::start(self.target, &self.place, None)?;
        self.arrive(&server, WHOLE_READINGS_EVERY)?;
        let stop = Rc::new(Cell::new(true));
        self.each(|actor| actor.work(Rc::clone(&stop), false))?;
        if self.target.promises_durability() {
            self.each(|actor| {
                let line = actor.incoming_line();
                actor.receive(line)
            })?;
        }
        self.each(|actor| actor.audit(true))
    }

    fn each<F>(&mut self, step: impl Fn(Actor) -> F) -> Outcome<()>
    where
        F: Future<Output = Outcome<Actor>> + 'static,
    {
        let tasks: Vec<_> = std::mem::take(&mut self.actors)
            .into_iter()
            .map(|actor| self.executor.spawn(step(actor)))
            .collect();
        self.actors = self.run(async {
            let mut actors = Vec::new();
            for task in tasks {
                actors.push(task.await?);
            }
            Ok(actors)
        })?;
        Ok(())
    }

    fn run<T>(&self, step: impl Future<Output = Outcome<T>>) -> Outcome<T> {
        let watchdog = async {
            Timer::after(Duration::from_secs(STEP_SECONDS_MAX)).await;
            unexpected("nothing moves any more")
        };
        smol::block_on(self.executor.run(smol::future::or(step, watchdog)))
    }

    fn check(&self, round: u64, seed: u64) {
        let history = self.history.borrow();
        let complaints = history.complaints();
        assert!(
            complaints.is_empty(),
            "round {round}, seed {seed}, {} complaints, the first: {:#?}",
            complaints.len(),
            &complaints[..complaints.len().min(5)]
        );
    }
}
