//! What checkpoints and pages cost: run by hand, in release.
//!
//! `cargo test --release --lib store::tests::cost -- --ignored --nocapture`

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use crate::base::ids::Incarnation;
use crate::base::ids::SmKey;
use crate::base::jid::BareJid;
use crate::base::random::Rng;
use crate::base::time::Timestamp;
use crate::effect::query::ArchivePage;
use crate::effect::query::Found;
use crate::effect::query::Horizon;
use crate::effect::query::Question;
use crate::model::account::AccountRow;
use crate::model::account::AccountState;
use crate::model::entry::Entry;
use crate::model::entry::Origin;
use crate::model::message::Message;
use crate::model::message::Owner;
use crate::model::message::Place;
use crate::model::message::Role;
use crate::model::op::Durable;
use crate::model::op::Op;
use crate::model::position::Epoch;
use crate::model::position::Hlc;
use crate::model::position::Index;
use crate::model::position::OpId;
use crate::model::position::Position;
use crate::model::row::RecordKey;
use crate::model::row::Row;
use crate::model::row::RowName;
use crate::stanza::MessageType;
use crate::store::Store;
use crate::store::disk::Disk;
use crate::store::disk::DiskError;
use crate::store::disk::DiskFile;
use crate::store::disk::folder::Folder;

const CACHE_BYTES: usize = 2 << 20;
const USERS: u64 = 100;

/// A disk that counts what is written to it.
#[derive(Debug)]
struct Counted<T> {
    inner: T,
    written: Arc<AtomicU64>,
}

impl Disk for Counted<Folder> {
    fn list(&self) -> Result<Vec<(String, u64)>, DiskError> {
        self.inner.list()
    }

    fn create(&self, name: &str) -> Result<Arc<dyn DiskFile>, DiskError> {
        Ok(self.file(self.inner.create(name)?))
    }

    fn open(&self, name: &str) -> Result<Arc<dyn DiskFile>, DiskError> {
        Ok(self.file(self.inner.open(name)?))
    }

    fn remove(&self, name: &str) -> Result<(), DiskError> {
        self.inner.remove(name)
    }

    fn sync_names(&self) -> Result<(), DiskError> {
        self.inner.sync_names()
    }
}

impl Counted<Folder> {
    fn file(&self, inner: Arc<dyn DiskFile>) -> Arc<dyn DiskFile> {
        let written = Arc::clone(&self.written);
        Arc::new(Counted { inner, written })
    }
}

impl DiskFile for Counted<Arc<dyn DiskFile>> {
    fn bytes(&self) -> Result<u64, DiskError> {
        self.inner.bytes()
    }

    fn set_bytes(&self, bytes: u64) -> Result<(), DiskError> {
        self.inner.set_bytes(bytes)
    }

    fn read_at(&self, offset: u64, to: &mut [u8]) -> Result<(), DiskError> {
        self.inner.read_at(offset, to)
    }

    fn write_at(&self, offset: u64, from: &[u8]) -> Result<(), DiskError> {
        self.written
            .fetch_add(u64::try_from(from.len()).unwrap(), Ordering::Relaxed);
        self.inner.write_at(offset, from)
    }

    fn sync_data(&self) -> Result<(), DiskError> {
        self.inner.sync_data()
    }
}

/// Nanoseconds that this thread has had a processor.
fn cpu_ns() -> u64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    stat.split(' ').next().unwrap().parse().unwrap()
}

fn user(number: u64) -> (BareJid, Incarnation) {
    let jid = BareJid::parse(&format!("user{number}@example.org")).unwrap();
    (jid, Incarnation(number.wrapping_mul(0x9e37_79b9_7f4a_7c15)))
}

fn entry(seq: u64, origin: Option<Origin>, op: Durable) -> Arc<Entry> {
    let epoch = Epoch {
        counter: 1,
        node: 0,
        salt: 7,
    };
    Arc::new(Entry {
        position: Position::new(epoch, seq, 0),
        stamp: Hlc::default().next(1_700_000_000_000 + seq * 100, 0),
        op_id: OpId::default(),
        origin,
        ops: vec![Op::Durable { op }],
    })
}

fn account_entry(number: u64) -> Arc<Entry> {
    let (jid, incarnation) = user(number);
    let row = AccountRow {
        incarnation,
        state: AccountState::Enabled,
        admin: false,
        created: Timestamp::from_unix_ms(0),
    };
    let op = Durable::Row {
        record: RecordKey::Account { jid },
        name: RowName::Account,
        row: Some(Row::Account { row }),
    };
    entry(1 + number, None, op)
}

fn message_entry(seq: u64, rng: &mut Rng) -> Arc<Entry> {
    let (from, to) = (rng.below(USERS), rng.below(USERS));
    let ((sender, own), (recipient, other)) = (user(from), user(to));
    let sender_jid = sender.with_resource("phone").unwrap();
    let message = Message {
        kind: MessageType::Chat,
        from: sender_jid.to_jid(),
        to: recipient.to_jid(),
        id: Some("0123456789abcdef".into()),
        lang: None,
        payload: vec![b'x'; 250].into(),
        sender: None,
    };
    let place = |jid: &BareJid, incarnation, with: &crate::base::jid::Jid, role| Place {
        owner: Owner::Account { jid: jid.clone() },
        incarnation,
        with: with.clone(),
        role,
        archived: true,
    };
    let places = vec![
        place(&recipient, other, &message.from, Role::Received),
        place(&sender, own, &message.to, Role::Sent),
    ];
    let origin = Origin {
        jid: sender_jid,
        key: SmKey(u128::from(from)),
        h: u32::try_from(seq).unwrap(),
        iq: None,
    };
    let message = Arc::new(message);
    entry(seq, Some(origin), Durable::Message { message, places })
}

/// One checkpoint; its time, in nanoseconds.
fn write(store: &Store, entries: impl Iterator<Item = Arc<Entry>>) -> u64 {
    let entries = entries.map(|entry| (Index(entry.position.seq()), entry));
    let entries: Vec<(Index, Arc<Entry>)> = entries.collect();
    let upto = entries.last().unwrap().0;
    let began = cpu_ns();
    store.checkpoint(&entries, &[], upto).unwrap();
    cpu_ns() - began
}

#[test]
#[ignore = "measures; run it in release"]
fn checkpoints_and_pages() {
    let folder = tempfile::tempdir().unwrap();
    let written = Arc::new(AtomicU64::new(0));
    let disk: Arc<dyn Disk> = Arc::new(Counted {
        inner: Folder::open(folder.path()).unwrap(),
        written: Arc::clone(&written),
    });
    let store = Store::open(Arc::clone(&disk), CACHE_BYTES).unwrap();
    let mut rng = Rng::from_number(1);
    write(&store, (0..USERS).map(account_entry));
    let mut seq = USERS + 1;
    for (messages, rounds) in [(1_000_u64, 10_u64), (10_000, 10), (1_000, 10), (100, 10)] {
        let (mut cpu, before) = (0, written.load(Ordering::Relaxed));
        for _ in 0..rounds {
            let entries = (0..messages).map(|more| message_entry(seq + more, &mut rng));
            cpu += write(&store, entries);
            seq += messages;
        }
        let bytes = written.load(Ordering::Relaxed) - before;
        let count = messages * rounds;
        println!(
            "{messages} messages a checkpoint: {} ns CPU, {} bytes written a message",
            cpu / count,
            bytes / count
        );
    }
    read_pages(&store, "pages of 50, 2 MiB of cache");
    drop(store);
    let began = cpu_ns();
    let store = Store::open(disk, 64 << 20).unwrap();
    println!("opening: {} us CPU", (cpu_ns() - began) / 1_000);
    read_pages(&store, "pages of 50, 64 MiB of cache, first time");
    read_pages(&store, "pages of 50, 64 MiB of cache, again");
    let began = cpu_ns();
    for number in 0..USERS {
        store
            .load(&RecordKey::Account {
                jid: user(number).0,
            })
            .unwrap();
    }
    println!("loading an account: {} ns CPU", (cpu_ns() - began) / USERS);
}

fn read_pages(store: &Store, what: &str) {
    let (mut cpu, mut count) = (0, 0);
    for number in 0..USERS / 10 {
        let (jid, incarnation) = user(number);
        let mut after = None;
        loop {
            let page = ArchivePage {
                owner: Owner::Account { jid: jid.clone() },
                incarnation,
                with: None,
                start: None,
                end: None,
                after,
                before: None,
                ids: Vec::new(),
                backwards: false,
                count_max: 50,
                flipped: false,
            };
            let question = Question::Archive {
                query_id: None,
                page,
                shows_senders: false,
            };
            let began = cpu_ns();
            let (found, _) = store.ask(&question, &Horizon::none()).unwrap();
            cpu += cpu_ns() - began;
            let Found::Page { rows, complete, .. } = found else {
                panic!("{found:?}")
            };
            count += u64::try_from(rows.len()).unwrap();
            after = rows.last().map(|row| row.position);
            if complete {
                break;
            }
        }
    }
    println!("{what}: {} ns CPU a message, {count} messages", cpu / count);
}
