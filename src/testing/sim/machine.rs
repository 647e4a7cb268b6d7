//! One board: its disk and tables survive, its process comes and goes.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::VecDeque;
use std::sync::Arc;

use crate::base::ids::Incarnation;
use crate::base::jid::BareJid;
use crate::base::random::Entropy as _;
use crate::base::random::Rng;
use crate::base::time::Monotonic;
use crate::base::time::Timestamp;
use crate::core::CoreLimits;
use crate::core::Now;
use crate::core::Start;
use crate::core::boot::Boot;
use crate::core::empty::Rooms;
use crate::core::engine::Commits;
use crate::core::engine::Engine;
use crate::core::order::Sequencer;
use crate::effect::settings::Settings;
use crate::log::Kind;
use crate::log::Log;
use crate::mirror::member::Member;
use crate::model::account::AccountRow;
use crate::model::account::AccountState;
use crate::model::copies::Copies;
use crate::model::entry::Entry;
use crate::model::file::FileKeys;
use crate::model::position::Index;
use crate::model::position::Position;
use crate::model::room::Affiliation;
use crate::model::room::AffiliationRow;
use crate::model::room::RoomConfig;
use crate::model::room::RoomRow;
use crate::model::row::RecordKey;
use crate::model::row::Row;
use crate::model::row::RowName;
use crate::model::row::Rows;
use crate::model::vector::Vector;
use crate::store::disk::log::LogFiles;
use crate::store::disk::model::Model;
use crate::testing::sim::duo::Said;
use crate::testing::sim::options::Event;
use crate::testing::sim::options::Faults;
use crate::testing::sim::options::Mutation;
use crate::testing::sim::options::Options;
use crate::testing::sim::options::mistake;
use crate::testing::sim::sequencer::Peer;
use crate::testing::sim::sequencer::Shipped;
use crate::testing::sim::shelf::Shelf;
use crate::testing::sim::shelf::first_entry;
use crate::testing::sim::tables::Tables;
use crate::testing::sim::upload::uploads;
use crate::testing::sim::work::Work;

/// The domain of every simulated server.
pub(crate) const DOMAIN: &str = "sim.example";
/// Where its rooms live; the first is there from the start.
pub(crate) const ROOMS_HOST: &str = "rooms.sim.example";
pub(crate) const ROOM: &str = "hall";

pub struct Machine {
    pub(super) options: Options,
    pub(super) mutation: Option<Mutation>,
    pub(super) model: Model,
    pub(super) shelf: Shelf,
    pub(super) rng: Rng,
    pub(super) running: Option<Running>,
    pub(super) peer: Option<Peer>,
    pub(super) events: VecDeque<Event>,
    /// For the network between the boards.
    pub(super) said: VecDeque<Said>,
    pub(super) notices: Vec<String>,
    /// Bodies that some write, synced, has brought onto the disk.
    pub(super) durable: BTreeSet<String>,
    /// Connections on which a session goes on, for a mistake made with them.
    pub(super) resumed: BTreeSet<u64>,
    /// What was written last, for another.
    pub(super) strays: Option<(u64, String)>,
    pub(super) now_ms: u64,
    /// How far the wall clock is from what it should be.
    clock_ms: i64,
    boots: u64,
    /// What is stored here may be of this level (`model::level`).
    pub(super) level: u8,
    /// What is here and has to be at the other board before this one takes a copy of it.
    pub(super) held: Option<Vector>,
}

/// A process.
pub(super) struct Running {
    pub(super) member: Member,
    pub(super) files: LogFiles,
    pub(super) work: Work,
}

impl Machine {
    pub fn new(seed: u64, options: Options, mutation: Option<Mutation>) -> Self {
        let mut rows = Vec::new();
        for (number, name) in (1..).zip(&options.accounts) {
            if let Ok(jid) = BareJid::from_parts(Some(name), DOMAIN) {
                let row = Row::Account {
                    row: AccountRow {
                        incarnation: Incarnation(number),
                        state: AccountState::Enabled,
                        admin: false,
                        created: Timestamp::from_unix_ms(0),
                    },
                };
                rows.push((RecordKey::Account { jid }, RowName::Account, row));
            }
        }
        rows.extend(room_rows(&options.accounts));
        let first = first_entry(rows);
        let mut tables = Tables::default();
        tables.apply(&[(Index(1), Arc::clone(&first))], &[], Index(1));
        let peer = options.is_follower.then(|| {
            Peer::new(
                seed,
                tables.clone(),
                mutation == Some(Mutation::GuardIgnored),
            )
        });
        let model = Model::new(seed ^ 0xd15c);
        let real = options
            .has_tables
            .then(|| Shelf::real(model.disk(), &first));
        let shelf = match real {
            Some(Ok(real)) => real,
            Some(Err(_)) | None => Shelf::Maps(Box::new(tables)),
        };
        let level = options.level;
        Self {
            options,
            mutation,
            model,
            shelf,
            rng: Rng::from_number(seed ^ 0x0b0a_4d00),
            running: None,
            peer,
            events: VecDeque::new(),
            said: VecDeque::new(),
            notices: Vec::new(),
            durable: BTreeSet::new(),
            resumed: BTreeSet::new(),
            strays: None,
            now_ms: 1_000,
            clock_ms: 0,
            boots: 0,
            level,
            held: None,
        }
    }

    pub fn set_faults(&self, faults: Faults) {
        self.model.set_faults(crate::store::disk::model::Faults {
            read_error: faults.read_error,
            write_error: faults.write_error,
            sync_error: faults.sync_error,
            stall: faults.stall,
            write_through: faults.write_through,
            is_garbling: faults.is_garbling,
            capacity: faults.capacity,
        });
    }

    /// The process dies in the call to the disk after so many.
    pub fn die_after(&self, calls: u64) {
        self.model.die_after(calls);
    }

    pub fn is_up(&self) -> bool {
        self.running.is_some()
    }

    pub fn boots(&self) -> u64 {
        self.boots
    }

    pub fn now_ms(&self) -> u64 {
        self.now_ms
    }

    pub(super) fn now(&self) -> Now {
        let wall = (1_700_000_000_000 + self.now_ms).saturating_add_signed(self.clock_ms);
        Now {
            monotonic: Monotonic(self.now_ms),
            wall: Timestamp::from_unix_ms(wall),
        }
    }

    /// From here on the wall clock is so far from what it should be.
    pub fn set_clock_ms(&mut self, ms: i64) {
        self.clock_ms = ms;
    }

    /// Calls to the disk that failed by themselves, and those that took long.
    pub fn disk_faults(&self) -> (u64, u64) {
        self.model.fault_counts()
    }

    /// Time goes on.
    pub fn pass_ms(&mut self, ms: u64) {
        self.now_ms += ms;
        let now = self.now();
        let is_alone = self.options.seat.is_none();
        match &mut self.running {
            Some(running) if is_alone => running.member.engine.core.tick_if_due(now),
            Some(running) => running.member.tick_if_due(now),
            None => {}
        }
        self.settle();
    }

    /// The process is killed.
    pub fn kill(&mut self) {
        self.finish_half();
        self.model.kill();
        self.stop();
    }

    /// The power goes.
    pub fn cut_power(&mut self) {
        self.finish_half();
        self.model.cut_power();
        self.stop();
    }

    fn stop(&mut self) {
        self.running = None;
        self.shelf.close();
        self.events.clear();
        self.said.clear();
        if let Some(peer) = &mut self.peer {
            peer.break_link();
        }
    }

    /// The process starts: what it says is an error, or it serves.
    pub fn boot(&mut self) -> Result<(), String> {
        self.model.kill();
        self.boots += 1;
        let now = self.now();
        let mut files = LogFiles::new(self.model.disk());
        let wrong = |error| format!("tables: {error:?}");
        self.shelf.open(self.model.disk()).map_err(wrong)?;
        let applied_to = self.shelf.applied_to().map_err(wrong)?;
        let stamp = self.shelf.stamp().map_err(wrong)?;
        let known = self.shelf.epochs().map_err(wrong)?;
        let rows = self.shelf.node_rows().map_err(wrong)?;
        let there = self.shelf.rooms().map_err(wrong)?;
        let reach = self.shelf.reach().map_err(wrong)?;
        let copies = self.shelf.copies().map_err(wrong)?;
        let mut boot = Boot::new(self.node(), &known, reach, (applied_to, stamp));
        let mut log = self.open_log(&mut files, &mut boot, applied_to)?;
        let salt = u32::try_from(self.rng.below(1 << 32)).unwrap_or(0);
        let (sequencer, records) = if let Some(peer) = &mut self.peer {
            peer.meet(&mut boot, now)?
        } else if self.options.seat.is_some() {
            (Sequencer::There { generation: 0 }, Vec::new())
        } else {
            self.begin(&mut boot, &rows, salt, now)
        };
        self.write_first(&mut files, &mut log, records)?;
        let reach = boot.reach.clone();
        let known = if self.options.seat.is_some() {
            Some(Self::known(&known, &boot, &mut files, &log)?)
        } else {
            None
        };
        let core = Start {
            rooms: Rooms { there },
            copies,
            ..self.start(boot, sequencer, salt, now)
        };
        let mut engine = Engine::new(core, log, reach);
        if let Some(peer) = &self.peer {
            let durable = peer.durable();
            let epoch = durable.epoch();
            engine.set_commits(
                now,
                Commits::OnBoth {
                    epoch,
                    peer: durable,
                },
            );
        }
        let member = match known {
            Some(known) => self.member(engine, known, salt),
            None => Member::alone(engine),
        };
        self.running = Some(Running {
            member,
            files,
            work: Work::default(),
        });
        self.settle();
        Ok(())
    }

    fn open_log(
        &mut self,
        files: &mut LogFiles,
        boot: &mut Boot,
        applied_to: Index,
    ) -> Result<Log, String> {
        let mut unreadable = None;
        // The other board may lack any of it.
        let keep_from = if self.options.seat.is_some() {
            0
        } else {
            applied_to.0
        };
        let recovered = files
            .recover_keeping(applied_to.0, (keep_from, self.rng.next()), &mut |record| {
                let read = boot.read(Index(record.position), record.kind, record.bytes);
                unreadable = unreadable.take().or_else(|| read.err());
            })
            .map_err(|error| format!("recover: {error:?}"))?;
        if let Some(error) = unreadable {
            return Err(format!("read: {error:?}"));
        }
        let settings = crate::log::Settings {
            segment_bytes: self.options.segment_bytes,
            segments_max: self.options.segments_max,
        };
        Ok(Log::open(settings, recovered))
    }

    /// A board alone begins an epoch of its own.
    fn begin(
        &mut self,
        boot: &mut Boot,
        rows: &Rows,
        salt: u32,
        now: Now,
    ) -> (Sequencer, Vec<Shipped>) {
        let again = (self.mutation == Some(Mutation::ApplyTwice))
            .then(|| boot.tail.last().map(|(_, entry)| Arc::clone(entry)))
            .flatten();
        let (epoch, index, bytes) = boot.begin_epoch(now, salt);
        let mut records = vec![(index, Kind::Epoch, bytes)];
        let (_, secrets) = boot.secrets(rows, now, epoch, &mut self.rng);
        let mut seq = 0;
        if let Some(again) = again {
            let mut again = again.as_ref().clone();
            seq += 1 + u64::from(secrets.is_some());
            again.position = Position::new(epoch, seq, 0);
            boot.last = boot.last.next();
            boot.tail.push((boot.last, Arc::new(again)));
        }
        let is_fresh = |entry: &Entry| entry.position.epoch() == epoch;
        for (index, entry) in boot.tail.iter().filter(|(_, entry)| is_fresh(entry)) {
            let mut bytes = Vec::new();
            entry.encode(&mut bytes);
            seq = seq.max(entry.position.seq());
            records.push((*index, Kind::Entry, bytes));
        }
        (Sequencer::Here { epoch, seq }, records)
    }

    /// What has to be durable before anything is served.
    fn write_first(
        &mut self,
        files: &mut LogFiles,
        log: &mut Log,
        records: Vec<Shipped>,
    ) -> Result<(), String> {
        let mut records = records.into_iter().peekable();
        loop {
            while let Some((_, _, bytes)) = records.peek() {
                if log.credit() < crate::log::credit::cost(bytes.len()) {
                    break;
                }
                if let Some((index, kind, bytes)) = records.next() {
                    log.append(index.0, kind, &bytes)
                        .map_err(|error| format!("append: {error:?}"))?;
                }
            }
            let Some(request) = log.poll_output() else {
                if records.peek().is_some() {
                    return Err("the log has no room for an epoch".to_owned());
                }
                return Ok(());
            };
            let done = files.perform(&request);
            match &done {
                Ok(()) => {
                    self.note_durable(&request);
                    log.handle_synced();
                }
                Err(error) => log.handle_failed(error.into()),
            }
            if let Some(failure) = log.poisoned() {
                return Err(format!("log: {failure:?}"));
            }
        }
    }

    fn start(&mut self, boot: Boot, sequencer: Sequencer, salt: u32, now: Now) -> Start {
        let limits = crate::effect::settings::Limits {
            untaken_max: self.options.untaken_max,
            ..crate::effect::settings::Limits::default()
        };
        let settings = Settings {
            domain: DOMAIN.into(),
            rooms_host: Some(ROOMS_HOST.into()),
            pubsub_host: Some("pubsub.sim".into()),
            limits,
            contacts: BTreeMap::new(),
            upload: Some(Arc::new(uploads())),
            file_keys: FileKeys::new(&[5; 32]),
            ..Settings::default()
        };
        Start {
            node: self.node(),
            sequencer,
            epochs: boot.epochs,
            stamp: boot.stamp,
            salt,
            fresh_epochs: boot.fresh_epochs,
            tail: boot.tail,
            last: boot.last,
            rooms: Rooms::default(),
            admins: BTreeSet::default(),
            copies: Copies::default(),
            ids: crate::model::stanza_id::StanzaIds::new([7; 16]),
            settings: Arc::new(settings),
            limits: CoreLimits {
                tail_bytes: match self.mutation {
                    Some(Mutation::BoundIgnored) => usize::MAX,
                    _ => self.options.tail_bytes,
                },
                resident_max: self.options.resident_max,
                mistake: self.mutation.and_then(mistake),
                ..CoreLimits::default()
            },
            entropy: Box::new(Rng::from_number(self.rng.u64())),
            now,
        }
    }
}

/// A room that everybody may enter, and that outlives its occupants.
fn room_rows(accounts: &[String]) -> Vec<(RecordKey, RowName, Row)> {
    let Ok(jid) = BareJid::from_parts(Some(ROOM), ROOMS_HOST) else {
        return Vec::new();
    };
    let record = RecordKey::Room { jid };
    let row = RoomRow {
        incarnation: Incarnation(1_000),
        created: Timestamp::from_unix_ms(0),
        locked: false,
        destroyed: false,
        secret: [3; 16],
    };
    let config = RoomConfig {
        persistent: true,
        public: true,
        archived: true,
        occupants_max: 100,
        presence_broadcast: 7,
        ..RoomConfig::default()
    };
    let config = Arc::new(config);
    let mut rows = vec![
        (record.clone(), RowName::Room, Row::Room { row }),
        (
            record.clone(),
            RowName::RoomConfig,
            Row::RoomConfig { config },
        ),
    ];
    // One of them takes back what others say (XEP-0425).
    let owner = AffiliationRow {
        affiliation: Affiliation::Owner,
        account: None,
        nick: None,
        reason: None,
    };
    if let Some(name) = accounts.first()
        && let Ok(jid) = BareJid::from_parts(Some(name), DOMAIN)
    {
        let name = RowName::Affiliation { jid };
        rows.push((
            record,
            name,
            Row::Affiliation {
                row: Arc::new(owner),
            },
        ));
    }
    rows
}
