//! From a disk to a running node: recovery, the epoch of this boot, the first entries.

use std::rc::Rc;
use std::sync::Arc;
use std::thread;

use smol::LocalExecutor;
use smol::channel;
use smol::channel::Receiver;

use crate::base::random::Entropy as _;
use crate::core::CoreLimits;
use crate::core::Now;
use crate::core::Record as Loaded;
use crate::core::Start;
use crate::core::boot::Boot;
use crate::core::boot::Secrets;
use crate::core::boot::UnreadableRecord;
use crate::core::empty::Rooms;
use crate::core::engine::Engine;
use crate::core::order::Sequencer;
use crate::effect::settings::Settings as Policies;
use crate::log::Failure;
use crate::log::Kind;
use crate::log::Log;
use crate::log::Request;
use crate::log::Settings as LogSettings;
use crate::log::plan::Recovered;
use crate::model::position::Epoch;
use crate::model::row::RecordKey;
use crate::model::row::Rows;
use crate::net::clock::Clock;
use crate::net::entropy::SystemEntropy;
use crate::server::hub::Node;
use crate::store::Store;
use crate::store::StoreError;
use crate::store::disk::Disk;
use crate::store::disk::DiskError;
use crate::store::disk::log::LogError;
use crate::store::disk::log::LogFiles;

/// The number of this node; one board has no peer to tell itself from.
pub(super) const NODE: u8 = 0;

/// What a start has to write at once: the record of its epoch, and perhaps the secrets.
const FIRST_BYTES: u64 = 16_384;

/// Why there is no node.
#[derive(Debug)]
pub(crate) enum StartError {
    Disk(DiskError),
    Log(LogError),
    Store(StoreError),
    /// Written by a newer version, or damaged where no checksum tells.
    Unreadable(UnreadableRecord),
}

impl std::fmt::Display for StartError {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Disk(error) => error.fmt(out),
            Self::Log(error) => error.fmt(out),
            Self::Store(error) => error.fmt(out),
            Self::Unreadable(record) => write!(
                out,
                "the log has a record at {:?} that this version cannot read; \
                 start the version that wrote it, or restore a backup",
                record.position
            ),
        }
    }
}

/// What a node is made of, ready to run.
pub(crate) struct Started {
    pub(crate) node: Rc<Node>,
    pub(crate) secrets: Secrets,
    disk: Receiver<Request>,
    files: LogFiles,
}

/// Recovers what the disk holds and begins the epoch of this boot; blocks.
pub(crate) fn start(
    clock: Clock,
    executor: &Rc<LocalExecutor<'static>>,
    (disk, store): (Arc<dyn Disk>, Store),
    policies: Arc<Policies>,
    limits: CoreLimits,
) -> Result<Started, StartError> {
    let now = Now {
        monotonic: clock.steady(),
        wall: Clock::of_the_day(),
    };
    let mut entropy = SystemEntropy::new();
    let rooms = Rooms {
        there: store.rooms().map_err(StartError::Store)?,
    };
    let mut found = open_log(disk, &store, limits.tail_bytes, &mut entropy)?;
    let begun = begin(&mut found, now, &mut entropy)?;
    let OpenLog {
        files, boot, log, ..
    } = found;
    let Begun {
        epoch,
        seq,
        secrets,
        ..
    } = begun;
    let start = Start {
        node: NODE,
        sequencer: Sequencer::Here { epoch, seq },
        epochs: boot.epochs,
        fresh_epochs: boot.fresh_epochs,
        stamp: boot.stamp,
        salt: epoch.salt,
        tail: boot.tail,
        rooms,
        ids: secrets.ids.clone(),
        settings: policies,
        limits,
        entropy: Box::new(entropy),
        now,
    };
    let engine = Engine::new(start, log);
    let (requests, disk) = channel::bounded(1);
    let node = Node::new(
        clock,
        Rc::clone(executor),
        engine,
        Arc::new(store),
        requests,
    );
    Ok(Started {
        node,
        secrets,
        disk,
        files,
    })
}

fn recover(
    files: &mut LogFiles,
    boot: &mut Boot,
    applied_to: u128,
    fresh_log: u64,
) -> Result<Recovered, StartError> {
    let mut unreadable = None;
    let recovered = files
        .recover(applied_to, fresh_log, &mut |record| {
            if let Err(error) = boot.read(record.position, record.kind, record.bytes) {
                unreadable.get_or_insert(error);
            }
        })
        .map_err(StartError::Log)?;
    match unreadable {
        Some(error) => Err(StartError::Unreadable(error)),
        None => Ok(recovered),
    }
}

fn node_rows(store: &Store) -> Result<Rows, StartError> {
    match store.load(&RecordKey::Node).map_err(StartError::Store)? {
        Loaded::Node { rows } => Ok(rows),
        Loaded::Account { .. } | Loaded::Room { .. } => Ok(Rows::default()),
    }
}

/// The log of a data folder, and what the tables and it amount to.
pub(super) struct OpenLog {
    pub(super) files: LogFiles,
    pub(super) boot: Boot,
    pub(super) log: Log,
    /// Of the node itself.
    rows: Rows,
}

/// Recovers what the disk holds.
pub(super) fn open_log(
    disk: Arc<dyn Disk>,
    store: &Store,
    tail_bytes: usize,
    entropy: &mut SystemEntropy,
) -> Result<OpenLog, StartError> {
    let applied_to = store.applied_to().map_err(StartError::Store)?;
    let known = store.epochs().map_err(StartError::Store)?;
    let mut files = LogFiles::new(disk);
    let mut boot = Boot::new(NODE, &known, applied_to);
    let recovered = recover(&mut files, &mut boot, applied_to.to_u128(), entropy.u64())?;
    let tail_bytes = u64::try_from(tail_bytes).unwrap_or(u64::MAX);
    Ok(OpenLog {
        files,
        boot,
        log: Log::open(LogSettings::for_tail(tail_bytes), recovered),
        rows: node_rows(store)?,
    })
}

/// The epoch of this start.
pub(super) struct Begun {
    pub(super) epoch: Epoch,
    /// Of its newest entry.
    pub(super) seq: u64,
    pub(super) secrets: Secrets,
}

/// Writes the EPOCH record and the secrets, if they are new, and waits until they and everything
/// recovered are durable: nothing may be shown before.
pub(super) fn begin(
    found: &mut OpenLog,
    now: Now,
    entropy: &mut SystemEntropy,
) -> Result<Begun, StartError> {
    let OpenLog {
        files,
        boot,
        log,
        rows,
    } = found;
    drive(files, log, |log| log.credit() >= FIRST_BYTES)?;
    let salt = u32::try_from(entropy.u64() >> 32).unwrap_or(0);
    let (epoch, mut newest, bytes) = boot.begin_epoch(now, salt);
    append(log, newest, Kind::Epoch, &bytes)?;
    let (secrets, entry) = boot.secrets(rows, now, epoch, entropy);
    let mut seq = 0;
    if let Some(entry) = entry {
        (seq, newest) = (entry.position.seq(), entry.position.to_u128());
        let mut bytes = Vec::new();
        entry.encode(&mut bytes);
        append(log, newest, Kind::Entry, &bytes)?;
    }
    settle(files, log, newest)?;
    Ok(Begun {
        epoch,
        seq,
        secrets,
    })
}

pub(super) fn append(
    log: &mut Log,
    position: u128,
    kind: Kind,
    bytes: &[u8],
) -> Result<(), StartError> {
    // The only thing that can be missing is space.
    log.append(position, kind, bytes)
        .map_err(|_| StartError::Disk(DiskError::NoSpace))
}

/// Performs what the log asks for until everything up to `upto` is durable. Segments are made ready
/// later: nobody waits for them yet.
pub(super) fn settle(files: &mut LogFiles, log: &mut Log, upto: u128) -> Result<(), StartError> {
    drive(files, log, |log| log.durable() >= upto)
}

pub(super) fn drive(
    files: &mut LogFiles,
    log: &mut Log,
    is_done: impl Fn(&Log) -> bool,
) -> Result<(), StartError> {
    while !is_done(log)
        && let Some(request) = log.poll_output()
    {
        match files.perform(&request) {
            Ok(()) => log.handle_synced(),
            Err(error) => {
                log.handle_failed(Failure::from(&error));
                if log.poisoned().is_some() {
                    return Err(StartError::Disk(error));
                }
            }
        }
    }
    Ok(())
}

impl Started {
    /// Gives the log's writes a thread of their own: a sync may take long, and nothing else waits.
    pub(crate) fn run_disk(self) -> (Rc<Node>, Secrets) {
        let (done, finished) = channel::unbounded();
        let (requests, mut files) = (self.disk, self.files);
        let work = move || {
            while let Ok(request) = requests.recv_blocking() {
                let result = files
                    .perform(&request)
                    .map_err(|error| Failure::from(&error));
                if done.send_blocking(result).is_err() {
                    return;
                }
            }
        };
        #[expect(clippy::disallowed_methods, reason = "the one thread of the disk")]
        drop(thread::spawn(work));
        let node = Rc::clone(&self.node);
        let executor = Rc::clone(&self.node.executor);
        let listen = async move {
            while let Ok(result) = finished.recv().await {
                node.post_disk(result);
            }
        };
        executor.spawn(listen).detach();
        (self.node, self.secrets)
    }
}
