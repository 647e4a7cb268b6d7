//! From a disk to a running node: recovery, the epoch of this boot, the first entries.

use std::rc::Rc;
use std::sync::Arc;
use std::thread;

use smol::LocalExecutor;
use smol::channel;
use smol::channel::Receiver;

use crate::base::random::Entropy as _;
use crate::base::time::Timestamp;
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
use crate::log::SegmentId;
use crate::log::Settings as LogSettings;
use crate::log::plan::Recovered;
use crate::log::recover::RecoverError;
use crate::mirror::member::Member;
use crate::model::file::FileKeys;
use crate::model::position::Epoch;
use crate::model::position::Index;
use crate::model::row::RecordKey;
use crate::model::row::Rows;
use crate::net::clock::Clock;
use crate::net::entropy::SystemEntropy;
use crate::server::calendar::Calendar;
use crate::server::hub::Node;
use crate::server::pair::boot;
use crate::server::pair::boot::Use;
use crate::server::pair::file::Membership;
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
    /// A board that joined has no secrets of the domain.
    NoSecrets,
    /// Written by a newer version, or damaged where no checksum tells.
    Unreadable(UnreadableRecord),
}

impl std::fmt::Display for StartError {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Disk(error) => error.fmt(out),
            Self::Log(error) => error.fmt(out),
            Self::Store(error) => error.fmt(out),
            Self::NoSecrets => out.write_str(
                "the copy that this board joined with lacks the secrets of the domain: \
                 join again, with --wipe",
            ),
            Self::Unreadable(record) => write!(
                out,
                "the log has a record at {} that this version cannot read; \
                 start the version that wrote it, or restore a backup",
                record.index.0
            ),
        }
    }
}

impl StartError {
    pub(super) fn damaged(segment: SegmentId, offset: u64) -> Self {
        Self::Log(LogError::Log(RecoverError::Damaged { segment, offset }))
    }
}

/// What a node is made of, ready to run.
pub(crate) struct Started {
    pub(crate) node: Rc<Node>,
    pub(crate) secrets: Secrets,
    disk: Receiver<Request>,
    files: LogFiles,
}

/// What this board is to its pair, and how much of the log is kept for that.
pub(crate) struct Role {
    pub(crate) membership: Option<Membership>,
    pub(crate) log_bytes: u64,
    pub(crate) usage: Use,
}

impl Role {
    fn node(&self) -> u8 {
        self.membership.as_ref().map_or(NODE, |one| one.node)
    }

    fn space(&self, tail_bytes: usize) -> Space {
        Space {
            node: self.node(),
            tail_bytes,
            kept_bytes: self.log_bytes,
            is_kept: self.paired().is_some(),
        }
    }

    /// There is another board.
    fn paired(&self) -> Option<&Membership> {
        let membership = self.membership.as_ref();
        membership.filter(|one| one.peer.is_some())
    }
}

/// Recovers what the disk holds; a board that is alone begins the epoch of this boot. Blocks.
pub(crate) fn start(
    clock: Clock,
    executor: &Rc<LocalExecutor<'static>>,
    (disk, store): (Arc<dyn Disk>, Store),
    (policies, limits): (Arc<Policies>, CoreLimits),
    role: &Role,
) -> Result<Started, StartError> {
    let mut entropy = SystemEntropy::new();
    let rooms = Rooms {
        there: store.rooms().map_err(StartError::Store)?,
    };
    let admins = store.admins().map_err(StartError::Store)?;
    let space = role.space(limits.tail_bytes);
    let mut found = open_log(Arc::clone(&disk), &store, &space, &mut entropy)?;
    let known = Timestamp::from_unix_ms(found.boot.stamp.unix_ms());
    let calendar = Calendar::new(clock, known);
    let now = calendar.now();
    let (sequencer, salt, secrets) = if role.paired().is_some() {
        let secrets = resume(&mut found, now, &mut entropy)?;
        let sequencer = Sequencer::There { generation: 0 };
        (sequencer, fresh_salt(&mut entropy), secrets)
    } else {
        let Begun {
            epoch,
            seq,
            secrets,
        } = begin(&mut found, now, &mut entropy)?;
        (Sequencer::Here { epoch, seq }, epoch.salt, secrets)
    };
    let OpenLog {
        mut files,
        boot,
        log,
        ..
    } = found;
    let start = Start {
        node: boot.node,
        sequencer,
        epochs: boot.epochs,
        fresh_epochs: boot.fresh_epochs,
        stamp: boot.stamp,
        salt,
        tail: boot.tail,
        last: boot.last,
        rooms,
        admins,
        copies: store.copies().map_err(StartError::Store)?,
        ids: secrets.ids.clone(),
        settings: policies,
        limits,
        entropy: Box::new(entropy),
        now,
    };
    let mut engine = Engine::new(start, log, boot.reach);
    engine.core.set_file_keys(FileKeys::new(&secrets.login));
    let member = match role.paired() {
        None => Member::alone(engine),
        Some(membership) => {
            let pair = (membership, role.log_bytes);
            boot::member(engine, &mut files, pair, (role.usage, salt), now)?
        }
    };
    let (requests, asked) = channel::bounded(1);
    let node = Node::new(
        calendar,
        Rc::clone(executor),
        member,
        Arc::new(store),
        (Arc::clone(&disk), requests),
    );
    Ok(Started {
        node,
        secrets,
        disk: asked,
        files,
    })
}

fn recover(
    files: &mut LogFiles,
    boot: &mut Boot,
    (applied_to, keep_from): (Index, Index),
    fresh_log: u64,
) -> Result<Recovered, StartError> {
    let mut unreadable = None;
    let from = (keep_from.0, fresh_log);
    let recovered = files
        .recover_keeping(applied_to.0, from, &mut |record| {
            if let Err(error) = boot.read(Index(record.position), record.kind, record.bytes) {
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
        Loaded::Account { .. } | Loaded::Room { .. } | Loaded::Leaf { .. } => Ok(Rows::default()),
    }
}

/// Whose log it is, and how much of it stays.
#[derive(Default)]
pub(super) struct Space {
    pub(super) node: u8,
    pub(super) tail_bytes: usize,
    /// At most so much is kept for the other board.
    pub(super) kept_bytes: u64,
    /// There is another board, which may lack what the tables have.
    pub(super) is_kept: bool,
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
    space: &Space,
    entropy: &mut SystemEntropy,
) -> Result<OpenLog, StartError> {
    let applied_to = store.applied_to().map_err(StartError::Store)?;
    let stamp = store.stamp().map_err(StartError::Store)?;
    let known = store.epochs().map_err(StartError::Store)?;
    let reach = store.reach().map_err(StartError::Store)?;
    let mut files = LogFiles::new(disk);
    let mut boot = Boot::new(space.node, &known, reach, (applied_to, stamp));
    let keep_from = if space.is_kept { Index(0) } else { applied_to };
    let spaces = (applied_to, keep_from);
    let recovered = recover(&mut files, &mut boot, spaces, entropy.u64())?;
    let tail_bytes = u64::try_from(space.tail_bytes).unwrap_or(u64::MAX);
    let settings = LogSettings::for_tail(tail_bytes).keeping(space.kept_bytes);
    Ok(OpenLog {
        files,
        boot,
        log: Log::open(settings, recovered),
        rows: node_rows(store)?,
    })
}

/// Part of the name of what this boot writes.
fn fresh_salt(entropy: &mut SystemEntropy) -> u32 {
    u32::try_from(entropy.u64() >> 32).unwrap_or(0)
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
    let (epoch, index, bytes) = boot.begin_epoch(now, fresh_salt(entropy));
    append(log, index, Kind::Epoch, &bytes)?;
    let (secrets, entry) = boot.secrets(rows, now, epoch, entropy);
    let mut seq = 0;
    if let Some((index, entry)) = entry {
        seq = entry.position.seq();
        let mut bytes = Vec::new();
        entry.encode(&mut bytes);
        append(log, index, Kind::Entry, &bytes)?;
    }
    settle(files, log, boot.last)?;
    Ok(Begun {
        epoch,
        seq,
        secrets,
    })
}

/// The link says when to number, and in which epoch: then there has to be room for its record.
fn resume(
    found: &mut OpenLog,
    now: Now,
    entropy: &mut SystemEntropy,
) -> Result<Secrets, StartError> {
    let OpenLog {
        files,
        boot,
        log,
        rows,
    } = found;
    settle(files, log, boot.last)?;
    drive(files, log, |log| log.credit() >= FIRST_BYTES)?;
    // Nothing is written of what is drawn where there should be something: the epoch is nobody's.
    let (secrets, fresh) = boot.secrets(rows, now, Epoch::default(), entropy);
    match fresh {
        Some(_) => Err(StartError::NoSecrets),
        None => Ok(secrets),
    }
}

pub(super) fn append(
    log: &mut Log,
    index: Index,
    kind: Kind,
    bytes: &[u8],
) -> Result<(), StartError> {
    // The only thing that can be missing is space.
    log.append(index.0, kind, bytes)
        .map_err(|_| StartError::Disk(DiskError::NoSpace))
}

/// Performs what the log asks for until everything up to `upto` is durable. Segments are made ready
/// later: nobody waits for them yet.
pub(super) fn settle(files: &mut LogFiles, log: &mut Log, upto: Index) -> Result<(), StartError> {
    drive(files, log, |log| log.durable() >= upto.0)
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
