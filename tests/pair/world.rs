//! Two boards with their clients: load with a fault in the middle, what they say of themselves, and the end.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::BufRead as _;
use std::io::BufReader;
use std::io::Write as _;
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::time::Duration;
use std::time::Instant;

use smol::LocalExecutor;
use smol::Timer;

use crate::files::Kept;
use crate::files::Uploader;
use crate::generator::board::Board;
use crate::generator::board::STEP_MAX;
use crate::generator::client::Ground;
use crate::generator::client::Ports;
use crate::generator::client::Security;
use crate::ledger;
use crate::net::Net;
use crate::person::Light;
use crate::person::Person;
use crate::person::Shared;
use crate::person::within;

const PEOPLE: usize = 6;
const UPLOADERS: usize = 2;
/// What an uploader numbers its files from.
const FILES_EACH: u64 = 1_000_000;
/// Accounts of those who do nothing.
const LIGHT_ACCOUNTS: usize = 10;
const LOOK: Duration = Duration::from_millis(10);
/// The smallest log, so that checkpoints are under way at each fault; and nobody is held up by a limit.
const SETTINGS: &str = "[limits]
tail_mib = 1
connections_per_address = 10000
sessions_per_account = 1000
login_failures = 1000
bytes_per_second = 100000000
stanzas_per_second = 100000
[quota]
offline_messages = 100000
uploads = 100000
[http]
url = \"http://localhost:5280\"
";

/// What a board says of its pair.
#[derive(Clone, Debug, Default)]
pub(crate) struct Told {
    pub(crate) state: String,
    pub(crate) lag: u64,
}

pub(crate) struct World {
    pub(crate) net: Net,
    pub(crate) boards: Vec<Board>,
    /// Which of them are the pair: the first and the second.
    pub(crate) second: usize,
    pub(crate) ground: Ground,
    pub(crate) ledger: Shared,
    pub(crate) lights: usize,
    /// The second board's data are on a disk of their own.
    pub(crate) has_small_disk: bool,
    began: Instant,
    people: RefCell<Vec<Person>>,
    uploaders: RefCell<Vec<Uploader>>,
    pub(crate) files: Kept,
}

impl World {
    /// A pair at rest, with its users.
    pub(crate) async fn new(lights: usize) -> Self {
        let (net, sites) = Net::new(SETTINGS);
        let mut boards: Vec<Board> = sites.into_iter().map(Board::at).collect();
        boards[0].start();
        let ledger = Shared::default();
        let name = |n: usize| format!("person{n}");
        // Two who talk to each other are at home on different boards.
        let people = (0..PEOPLE).map(|n| Person::new(&name(n), &name(n ^ 1), n % 2, &ledger));
        let files = Kept::default();
        let uploader = |n: usize| format!("uploader{n}");
        let uploaders = (0..UPLOADERS).zip((1..).map(|n| n * FILES_EACH));
        let uploaders =
            uploaders.map(|(n, first)| Uploader::new(&uploader(n), n % 2, first, &files));
        let world = Self {
            net,
            boards,
            second: 1,
            ground: Ground::new(),
            people: RefCell::new(people.collect()),
            uploaders: RefCell::new(uploaders.collect()),
            files,
            ledger,
            lights,
            has_small_disk: false,
            began: Instant::now(),
        };
        world
            .until("A serves", || world.told(0).state == "single")
            .await;
        for user in (0..PEOPLE)
            .map(name)
            .chain((0..UPLOADERS).map(uploader))
            .chain((0..LIGHT_ACCOUNTS).map(|n| format!("light{n}")))
        {
            world.boards[0].add_user(&user);
        }
        let mut world = world;
        world.join("invite").await;
        world
    }

    /// The second board joins, from nothing.
    pub(crate) async fn join(&mut self, verb: &str) {
        let mut words = vec!["pair", verb];
        let address = self.net.address(0);
        if let Some(address) = &address {
            words.extend(["--address", address]);
        }
        let line = self.boards[0].run(&words);
        let second = &mut self.boards[self.second];
        second.run(&["pair", "join", line.trim(), "--wipe"]);
        second.start();
        self.until_whole().await;
    }

    /// What is tried from here on.
    pub(crate) fn begin(&self, fault: &'static str) {
        self.ledger.borrow_mut().fault = fault;
        println!("{:>5.1} s: {fault}", self.began.elapsed().as_secs_f64());
    }

    pub(crate) fn ports(&self) -> [Ports; 2] {
        [self.boards[0].ports, self.boards[self.second].ports]
    }

    pub(crate) fn board(&mut self, n: usize) -> &mut Board {
        let n = if n == 0 { 0 } else { self.second };
        &mut self.boards[n]
    }

    /// What the server says, without a process for each question; nothing where none answers at once.
    pub(crate) fn told(&self, n: usize) -> Told {
        let n = if n == 0 { 0 } else { self.second };
        let path = self.boards[n].folder.path().join("data/admin.sock");
        let ask = || {
            let mut socket = UnixStream::connect(&path).ok()?;
            socket
                .set_read_timeout(Some(Duration::from_millis(100)))
                .ok()?;
            socket.write_all(b"{\"verb\":\"pair-status\"}\n").ok()?;
            let mut line = String::new();
            let mut lines = BufReader::new(socket);
            lines.read_line(&mut line).ok()?;
            // Whoever goes before the end is complained about.
            lines.read_line(&mut String::new()).ok()?;
            let field = |name: &str| {
                let (_, rest) = line.split_once(&format!("\"{name}\":"))?;
                rest.split([',', '}'])
                    .next()
                    .map(|text| text.trim_matches('"').to_owned())
            };
            Some(Told {
                state: field("state")?,
                lag: field("lag_entries")?.parse().ok()?,
            })
        };
        ask().unwrap_or_default()
    }

    pub(crate) async fn until(&self, what: &str, is_so: impl Fn() -> bool) -> Duration {
        let begin = Instant::now();
        while !is_so() {
            let told = [self.told(0), self.told(1)];
            assert!(
                begin.elapsed() < STEP_MAX,
                "not within {STEP_MAX:?}: {what}; {told:?}"
            );
            Timer::after(LOOK).await;
        }
        begin.elapsed()
    }

    pub(crate) async fn until_whole(&self) -> Duration {
        self.until("both serve", || self.is_whole()).await
    }

    pub(crate) fn is_whole(&self) -> bool {
        (0..2).all(|n| self.told(n).state == "sync")
    }

    pub(crate) fn signal(&self, n: usize, signal: &str) {
        let n = if n == 0 { 0 } else { self.second };
        let id = self.boards[n].process.as_ref().unwrap().id().to_string();
        assert!(
            Command::new("kill")
                .args([signal, &id])
                .status()
                .unwrap()
                .success()
        );
    }

    /// People talk and upload for so long, while something happens; then each waits until it is acknowledged.
    pub(crate) async fn under_load(&self, length: Duration, fault: impl Future<Output = ()>) {
        let until = Instant::now() + length;
        let (mut people, mut uploaders) = (self.people.take(), self.uploaders.take());
        let (ground, ports) = (&self.ground, self.ports());
        let executor = LocalExecutor::new();
        let talking = people
            .iter_mut()
            .map(|person| executor.spawn(person.talk(ground, ports, until)));
        let mut working: Vec<_> = talking.collect();
        let uploading = uploaders
            .iter_mut()
            .map(|one| executor.spawn(one.upload(ground, ports, until)));
        working.extend(uploading);
        let all = async {
            fault.await;
            for one in working {
                one.await;
            }
        };
        executor.run(all).await;
        drop(executor);
        self.people.replace(people);
        self.uploaders.replace(uploaders);
    }

    /// Clients at a board that do nothing.
    pub(crate) async fn lights_at(&self, n: usize) -> Vec<Light> {
        let mut lights = Vec::new();
        for number in 0..self.lights {
            let user = format!("light{}", number % LIGHT_ACCOUNTS);
            let arriving = Light::arrive(&self.ground, self.ports()[n], &user, number);
            lights.push(within(STEP_MAX, arriving).await.unwrap());
        }
        lights
    }

    /// The promises, against what both boards show.
    pub(crate) async fn judge(&self) {
        self.until_whole().await;
        let mut archives = BTreeMap::new();
        // At rest: what is offline has been fetched, and is shown.
        self.under_load(Duration::from_millis(500), async {}).await;
        let mut items = BTreeMap::new();
        for n in 0..PEOPLE {
            let user = format!("person{n}");
            let mut both = Vec::new();
            let mut shown = [None; 2];
            for (ports, shown) in self.ports().into_iter().zip(&mut shown) {
                let reading = ledger::item(&self.ground, ports, &user);
                *shown = within(STEP_MAX, reading).await.unwrap();
            }
            items.insert(user.clone(), shown);
            for ports in self.ports() {
                let reading = ledger::archive(&self.ground, ports, &user);
                both.push(within(STEP_MAX, reading).await.unwrap());
            }
            let both: [Vec<ledger::Kept>; 2] = both.try_into().unwrap();
            archives.insert(user, both);
        }
        let verdict = self.ledger.borrow().judge(&archives);
        println!(
            "checker: {} messages acknowledged, {} lost, {} twice in an archive, {} shown under two ids, \
             {} shown again under their id, {} only in the archive of the receiver, {} archives differ",
            verdict.acknowledged,
            verdict.lost.len(),
            verdict.doubled.len(),
            verdict.shown_twice.len(),
            verdict.repeated,
            verdict.not_shown,
            verdict.differ.len()
        );
        let broken = self.ledger.borrow().judge_items(&items);
        let count = self.ledger.borrow().item_count();
        println!(
            "  items of nodes: {count} acknowledged, {} lost",
            broken.len()
        );
        assert!(broken.is_empty(), "{broken:?}");
        println!(
            "  shown again under their id, by fault: {:?}",
            verdict.again
        );
        let is_once = verdict.doubled.is_empty() && verdict.shown_twice.is_empty();
        let is_kept = verdict.lost.is_empty() && verdict.differ.is_empty();
        assert!(is_once && is_kept, "{verdict:?}");
        let first = self.boards[0].exported();
        assert!(
            first == self.boards[self.second].exported(),
            "the exports differ"
        );
    }

    /// Whether the board lets somebody in.
    pub(crate) async fn lets_in(&self, n: usize) -> bool {
        let login = self
            .ground
            .login(self.ports()[n], Security::Plain, "light0", "probe");
        match within(Duration::from_secs(2), login).await {
            Ok(client) => within(Duration::from_secs(2), client.close()).await.is_ok(),
            Err(_) => false,
        }
    }
}

/// The share of sorted times.
pub(crate) fn percentile(times: &mut [Duration], percent: usize) -> Duration {
    times.sort();
    let at = (times.len() * percent / 100).min(times.len().saturating_sub(1));
    times.get(at).copied().unwrap_or_default()
}
