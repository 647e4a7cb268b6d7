//! The life of a server: open, recover, listen, serve, stop.

use std::cell::Cell;
use std::io::Write as _;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use async_io::Timer;
use async_signal::Signal;
use futures_lite::FutureExt as _;
use futures_lite::future;
use smol::LocalExecutor;

use crate::base::jid::BareJid;
use crate::base::secret::Secret;
use crate::config::settings::Settings;
use crate::core::Now;
use crate::effect::query::Found;
use crate::effect::query::Horizon;
use crate::effect::query::Purpose;
use crate::effect::query::Question;
use crate::effect::request::Command;
use crate::effect::request::Outcome;
use crate::model::file::FileKeys;
use crate::net::clock::Clock;
use crate::net::entropy::SystemEntropy;
use crate::net::peer::within;
use crate::net::tap::Tap;
use crate::net::wires::Wires;
use crate::observe;
use crate::observe::event::Event;
use crate::server::admin::Reply;
use crate::server::admin::Request;
use crate::server::backup;
use crate::server::control;
use crate::server::control::Site;
use crate::server::dev::Trial;
use crate::server::dev::mischief::Streams;
use crate::server::doors::Doors;
use crate::server::ended::Ended;
use crate::server::files;
use crate::server::files::Files;
use crate::server::handover;
use crate::server::hub::Node;
use crate::server::lan::Lan;
use crate::server::pair::boot::Use;
use crate::server::pair::fetch;
use crate::server::pair::joiner;
use crate::server::pair::offline;
use crate::server::plan;
use crate::server::portable;
use crate::server::portable::ImportError;
use crate::server::portable::Imported;
use crate::server::reload::Reload;
use crate::server::reload::Reread;
use crate::server::restart;
use crate::server::retention;
pub(crate) use crate::server::run_error::RunError;
use crate::server::signals::SignalQueue;
use crate::server::start;
use crate::server::start::Role;
use crate::server::start::StartError;
use crate::store::Store;
use crate::store::StoreError;
use crate::store::disk::Disk;
use crate::store::disk::DiskError;
use crate::store::disk::cabinet::Cabinet;
use crate::store::disk::folder::Folder;
use crate::store::disk::memory::Memory;

/// From the wish to stop to the end, if the other board does not let this one settle.
const STOP_MS: u64 = 5_000;
/// How long a stop waits at most for clients that do not take what they are told.
const FAREWELL_MS: u64 = 500;

/// Where a server keeps what it knows.
pub(crate) enum Home<'a> {
    Folder(&'a Path),
    /// Nowhere, for tests: with what there is from the start.
    Memory(&'a Trial),
}

/// An account to begin with.
#[derive(Clone, Debug)]
pub(crate) struct NewUser {
    pub(crate) name: String,
    pub(crate) password: Secret,
    pub(crate) is_admin: bool,
}

/// A node with its disk, ready for listeners.
pub(super) struct Opened {
    pub(super) node: Rc<Node>,
    login_secret: [u8; 32],
}

pub(super) fn open(settings: &Settings, home: &Home<'_>, usage: Use) -> Result<Opened, RunError> {
    let executor = Rc::new(LocalExecutor::new());
    let clock = Clock::start();
    let mut role = Role {
        membership: None,
        log_bytes: settings.mirror_log_bytes,
        usage,
    };
    let disk: Arc<dyn Disk> = match home {
        Home::Folder(path) => {
            let folder = Folder::open(path).map_err(disk_error)?;
            role.membership = offline::check(path, usage)?;
            Arc::new(folder)
        }
        Home::Memory(trial) => Arc::<Memory>::clone(&trial.disk),
    };
    let cache = usize::try_from(settings.limits.store_cache_bytes).unwrap_or(usize::MAX);
    let store = Store::open(Arc::clone(&disk), cache).map_err(store_error)?;
    let policies = Arc::new(plan::policies(settings));
    let limits = plan::core_limits(settings, home);
    let plan = (policies, limits);
    let started =
        start::start(clock, &executor, (disk, store), plan, &role).map_err(RunError::Start)?;
    let (node, secrets) = started.run_disk();
    Ok(Opened {
        node,
        login_secret: secrets.login,
    })
}

/// Serves until it is told to stop; `tap`: somebody looks on.
pub(crate) fn run(
    settings: &Settings,
    home: &Home<'_>,
    reread: Reread<'_>,
    tap: Option<Rc<dyn Tap>>,
) -> Result<(), RunError> {
    if matches!(home, Home::Folder(_)) && fetch::is_due(settings)? {
        fetch::run(settings)?;
    }
    let opened = open(settings, home, Use::Serve)?;
    let tls = plan::identity(settings, home)?;
    let is_dev = matches!(home, Home::Memory(_));
    let login_secret = opened.login_secret;
    let wires = Wires::new(
        opened.node.clock,
        plan::wire_settings(settings, tls, login_secret, is_dev)?,
        Box::new(SystemEntropy::new()),
    );
    if let Some(tap) = tap {
        wires.set_tap(tap);
    }
    let reload = Reload {
        node: Rc::clone(&opened.node),
        wires: Rc::clone(&wires),
        settings,
        home,
        login_secret,
        retention: Rc::new(Cell::new(retention::limits(settings))),
        reread,
    };
    if !is_dev {
        say_if_empty(&opened.node)?;
    }
    let mut doors = Doors::bind(settings, home, &opened.node)?;
    let cabinet = open_files(home)?;
    let files = (settings.domain.as_str(), FileKeys::new(&login_secret));
    let files = Files::new(&opened.node, Arc::clone(&cabinet), files, doors.pair());
    doors.set_files(files);
    let site = Rc::new(Site {
        node: Rc::clone(&opened.node),
        domain: settings.domain.clone(),
        wires: Some(Rc::clone(&wires)),
        pair: doors.pair(),
        cabinet: Arc::clone(&cabinet),
    });
    let pair = doors.pair();
    let executor = Rc::clone(&opened.node.executor);
    let admin = match home {
        Home::Folder(path) => {
            Some(smol::block_on(async { control::bind(path) }).map_err(RunError::AdminSocket)?)
        }
        Home::Memory(_) => None,
    };
    let serving = async {
        if let Some(listener) = admin {
            executor.spawn(site.serve(listener)).detach();
        }
        serve(opened, doors, &reload).await
    };
    let fetching = async {
        match pair {
            Some(pair) => pair.until_fetching().await,
            None => future::pending().await,
        }
        Ok(Ended::Fetching)
    };
    // Whatever is open is closed: what was not acknowledged is sent again, to the other board.
    let ended = smol::block_on(executor.run(fetching.or(serving)));
    if is_dev && !matches!(ended, Ok(Ended::Left { .. })) {
        cabinet.clear();
    }
    ended?.finish()
}

/// Performs one request on the data of a server that is stopped.
pub(crate) fn perform(
    settings: &Settings,
    request: Request,
    say: &mut dyn FnMut(Reply),
) -> Result<(), RunError> {
    let usage = if request.is_change() {
        Use::Change
    } else {
        Use::Look
    };
    let home = Home::Folder(&settings.data);
    let opened = open(settings, &home, usage)?;
    let executor = Rc::clone(&opened.node.executor);
    let cabinet = open_files(&home)?;
    let site = Site {
        node: Rc::clone(&opened.node),
        domain: settings.domain.clone(),
        wires: None,
        pair: None,
        cabinet,
    };
    smol::block_on(executor.run(async {
        let core = executor.spawn(Rc::clone(&opened.node).run());
        let asked = async {
            site.perform(request, say).await;
            stop(&opened.node).await;
            Ok(())
        };
        asked.or(async { Err(RunError::Failed(core.await)) }).await
    }))
}

fn open_files(home: &Home<'_>) -> Result<Arc<Cabinet>, RunError> {
    files::open(home).map_err(|error| disk_error(DiskError::new(&error, "files")))
}

/// Fills a data folder that holds nothing from a backup that was checked.
pub(crate) fn restore(
    settings: &Settings,
    file: &mut dyn std::io::Read,
    tell: &mut dyn FnMut(u64),
) -> Result<(), RunError> {
    let path = &settings.data;
    let disk = Folder::open(path).map_err(disk_error)?;
    let is_used = disk
        .list()
        .map_err(disk_error)?
        .iter()
        .any(|(name, _)| joiner::is_data(name));
    if is_used {
        return Err(RunError::NotEmpty(path.display().to_string()));
    }
    let cache = usize::try_from(settings.limits.store_cache_bytes).unwrap_or(usize::MAX);
    let store = Store::open(Arc::new(disk), cache).map_err(store_error)?;
    let cabinet = open_files(&Home::Folder(path))?;
    backup::restore(&store, &cabinet, file, tell).map_err(RunError::Backup)
}

/// Brings the accounts of a file into the data of a server that is stopped.
pub(crate) fn import(
    settings: &Settings,
    path: &Path,
    tell: &mut portable::Tell<'_>,
) -> Result<Imported, ImportError> {
    let home = Home::Folder(&settings.data);
    let disk = Folder::open(&settings.data).map_err(StartError::Disk)?;
    if offline::has_peer(&settings.data) {
        return Err(ImportError::Paired);
    }
    let disk: Arc<dyn Disk> = Arc::new(disk);
    let cache = usize::try_from(settings.limits.store_cache_bytes).unwrap_or(usize::MAX);
    let store = Store::open(Arc::clone(&disk), cache)?;
    let target = portable::Target {
        domain: &settings.domain,
        limits: &plan::policies(settings).limits,
        tail_bytes: plan::core_limits(settings, &home).tail_bytes,
        now: Now {
            monotonic: Clock::start().steady(),
            wall: Clock::of_the_day(),
        },
    };
    portable::import(path, &target, (disk, store), tell)
}

/// Everything that may be saved late is saved, and durable.
pub(super) async fn stop(node: &Rc<Node>) {
    settle(node).await;
    node.say_goodbye().await;
}

/// What is under way is done, so that it can be acknowledged.
async fn settle(node: &Rc<Node>) {
    node.begin_stop();
    let settled = async {
        while !node.is_settled() {
            Timer::after(Duration::from_millis(1)).await;
        }
    };
    // One of two needs the other for that, or a moment to go on alone.
    within(STOP_MS, settled).await;
}

pub(super) fn disk_error(error: DiskError) -> RunError {
    RunError::Start(StartError::Disk(error))
}

fn store_error(error: StoreError) -> RunError {
    RunError::Start(StartError::Store(error))
}

async fn serve(opened: Opened, mut doors: Doors, reload: &Reload<'_>) -> Result<Ended, RunError> {
    let (settings, wires) = (reload.settings, &reload.wires);
    let Opened { node, .. } = opened;
    let executor = Rc::clone(&node.executor);
    let signals = SignalQueue::listen(&executor).map_err(RunError::Signals)?;
    let mut core = executor.spawn(Rc::clone(&node).run());
    if let Some(folder) = folder_of_sessions(&node, reload.home) {
        restart::take_up(&node, folder).await;
    }
    if let Home::Memory(trial) = reload.home {
        trial.begin(&node, wires, settings).await?;
    }
    let pair = doors.pair();
    let lan = Cell::new(None);
    let (is_bound, restart) = (Cell::default(), Cell::default());
    let pair_bound = doors.open_pair(&node);
    let deadlines = Rc::clone(wires);
    executor
        .spawn(async move { deadlines.run_deadlines().await })
        .detach();
    let opening = async {
        if !node.serves() {
            observe::emit(&Event::PairAwaited);
        }
        node.until_serving().await;
        let bound = match doors.open(wires, &node) {
            Ok(bound) => bound,
            Err(error) => return Some(error),
        };
        node.set_open();
        match Lan::tell(settings, &node, pair, &bound) {
            Ok(telling) => lan.set(telling),
            Err(error) => return Some(RunError::Mdns(error)),
        }
        let addresses = bound.iter().map(|(_, address)| address.to_string());
        let addresses: Vec<String> = addresses.chain(pair_bound).collect();
        is_bound.set(bound);
        let broom = retention::run(Rc::clone(&node), Rc::clone(&reload.retention));
        executor.spawn(broom).detach();
        observe::emit(&Event::Ready {
            domain: &settings.domain,
        });
        say_ready(&addresses);
        future::pending().await
    };
    let asked = async {
        restart.set(until_asked(&signals, reload).await);
        None
    };
    // Borrowed: a task that is dropped is cancelled, and the stop below needs it.
    let ended = async { Some(RunError::Failed((&mut core).await)) };
    if let Some(error) = asked.or(ended).or(opening).await {
        return Err(error);
    }
    observe::emit(&Event::Stopping {
        connections: wires.connections(),
    });
    if let Some(lan) = lan.take() {
        lan.stop().await;
    }
    let restart = restart.take();
    if let (Home::Memory(trial), Some(streams)) = (reload.home, restart) {
        let left = trial.leave((&node, wires), streams, &is_bound.take()).await;
        let folder = left.map_err(RunError::Left)?;
        return Ok(Ended::Left { folder });
    }
    leave(&node, wires, reload.home).await;
    Ok(restart.map_or(Ended::Stopped, |_| Ended::Again))
}

/// Until somebody wants the server to stop, or to start again.
async fn until_asked(signals: &SignalQueue, reload: &Reload<'_>) -> Option<Streams> {
    let stopping = async {
        while let Some(Signal::Hup) = signals.next().await {
            reload.perform();
        }
        None
    };
    let ordered = async {
        let again = reload.node.halting.until_due().await;
        again.then_some(Streams::Kept)
    };
    let played = reload.node.mischief.until_restart();
    stopping.or(ordered).or(played).await
}

/// What becomes of the sessions: the other board has them, or the next start, or they are told of the end.
async fn leave(node: &Rc<Node>, wires: &Wires, home: &Home<'_>) {
    // The other board goes on with the sessions only if it has heard of them before the goodbye.
    settle(node).await;
    if handover::is_possible(node) {
        handover::hand_over(node).await;
    } else if let (Home::Folder(_), Some(folder)) = (home, folder_of_sessions(node, home)) {
        // What is in memory has no next start.
        restart::save(node, folder).await;
    } else {
        say_farewell(node, wires).await;
        stop(node).await;
    }
}

/// Where sessions wait for the next start; `None`: there is no next one, or another board, which would know
/// better who is where.
fn folder_of_sessions<'a>(node: &Node, home: &Home<'a>) -> Option<&'a Path> {
    match home {
        Home::Folder(path) if node.member.borrow().mirror().is_none() => Some(path),
        Home::Folder(_) => None,
        Home::Memory(trial) => trial.left.as_deref(),
    }
}

/// Tells clients that the server stops, and waits a moment until they know.
pub(super) async fn say_farewell(node: &Rc<Node>, wires: &Wires) {
    let stay = wires.connections().saturating_sub(node.say_farewell());
    let until = wires.clock.steady().plus_ms(FAREWELL_MS);
    loop {
        Timer::after(Duration::from_millis(5)).await;
        let is_said = wires.connections() <= stay && wires.kept_bytes() == 0;
        if is_said || until <= wires.clock.steady() {
            return;
        }
    }
}

/// Whoever starts a server for the first time may not know what comes next.
fn say_if_empty(node: &Node) -> Result<(), RunError> {
    let question = Question::Accounts {
        after: None,
        count_max: 1,
        disabled_only: false,
        purpose: Purpose {
            name: "users".into(),
            memo: "".into(),
        },
    };
    let found = node.store.ask(&question, &Horizon::none());
    let is_empty = matches!(
        found.map_err(store_error)?,
        (Found::List { total: 0, .. }, _) if node.member.borrow().engine.core.tail_accounts().is_empty()
    );
    if is_empty {
        observe::emit(&Event::NobodyYet);
    }
    Ok(())
}

/// The one line that scripts wait for.
#[expect(clippy::print_stdout, reason = "the contract of the command line")]
fn say_ready(bound: &[String]) {
    println!("ready {}", bound.join(" "));
    // Nobody may be listening.
    drop(std::io::stdout().flush());
}

/// Sends a command to the node and waits for what becomes of it.
pub(super) async fn command(node: &Rc<Node>, command: Command) -> Option<Outcome> {
    node.ask(command).recv().await.ok()
}

pub(super) async fn add_user(node: &Rc<Node>, domain: &str, user: NewUser) -> Result<(), RunError> {
    let jid = BareJid::parse(&format!("{}@{domain}", user.name))
        .map_err(|_| RunError::Name(user.name.clone()))?;
    let add = Command::AddUser {
        jid,
        password: user.password,
        admin: user.is_admin,
    };
    match command(node, add).await {
        Some(Outcome::Done) => Ok(()),
        _ => Err(RunError::Name(user.name)),
    }
}
