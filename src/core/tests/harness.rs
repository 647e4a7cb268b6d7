//! A core in virtual time: what it wants done is done when the test says so.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::base::ids::Incarnation;
use crate::base::ids::SmKey;
use crate::base::jid::BareJid;
use crate::base::random::Rng;
use crate::base::time::Monotonic;
use crate::base::time::Timestamp;
use crate::core::Core;
use crate::core::CoreLimits;
use crate::core::EndReason;
use crate::core::Input;
use crate::core::Now;
use crate::core::Output;
use crate::core::Start;
use crate::core::empty::Rooms;
use crate::core::order::Bind;
use crate::core::order::Sequencer;
use crate::core::order::WantedResource;
use crate::core::session::LinkId;
use crate::effect::settings::Limits;
use crate::effect::settings::Settings;
use crate::model::account::AccountRow;
use crate::model::account::AccountState;
use crate::model::copies::Copies;
use crate::model::entry::Entry;
use crate::model::entry::EpochRecord;
use crate::model::entry::Mode;
use crate::model::epochs::Epochs;
use crate::model::position::Epoch;
use crate::model::position::Hlc;
use crate::model::position::Index;
use crate::model::position::Position;
use crate::model::row::RecordKey;
use crate::model::row::Row;
use crate::model::row::RowName;
use crate::model::stanza_id::StanzaIds;
use crate::stanza::Stanza;
use crate::testing::sim::reading::Seen;
use crate::testing::sim::reading::read;
use crate::testing::sim::tables::Tables;
use crate::xml::Element;

pub(super) const EPOCH: Epoch = Epoch {
    counter: 1,
    node: 0,
    salt: 5,
};

pub(super) struct Bench {
    pub(super) core: Core,
    pub(super) tables: Tables,
    pub(super) now_ms: u64,
    /// What was given to the log, in order.
    pub(super) appended: VecDeque<Arc<Entry>>,
    /// What the tables, the peer and the streams were given.
    pub(super) outputs: Vec<Output>,
    pub(super) loads_wait: bool,
}

impl Bench {
    pub(super) fn new() -> Self {
        Self::with(Sequencer::Here {
            epoch: EPOCH,
            seq: 0,
        })
    }

    pub(super) fn with(sequencer: Sequencer) -> Self {
        Self::node(0, sequencer)
    }

    /// One of two.
    pub(super) fn node(node: u8, sequencer: Sequencer) -> Self {
        let mut tables = Tables::default();
        for name in ["ann", "bob", "cid"] {
            let (record, name) = (account(name), RowName::Account);
            tables.put(
                record,
                name,
                Position::ZERO,
                Hlc::default(),
                Some(enabled()),
            );
        }
        let core = core(node, sequencer, Rooms::default());
        Self {
            core,
            tables,
            now_ms: 1_000,
            appended: VecDeque::new(),
            outputs: Vec::new(),
            loads_wait: false,
        }
    }

    pub(super) fn step(&mut self, input: Input) {
        self.core.step(now(self.now_ms), input);
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(output) = self.core.poll_output() {
            match output {
                Output::Append { bytes, .. } => {
                    let entry = Entry::decode(&bytes).unwrap();
                    self.appended.push_back(Arc::new(entry));
                }
                Output::Load { key } if !self.loads_wait => {
                    let record = self.tables.load(&key);
                    self.step(Input::Loaded { key, record });
                }
                output => self.outputs.push(output),
            }
        }
    }

    /// The rooms that the log amounts to.
    pub(super) fn rooms_kept(&self) -> Vec<String> {
        let mut tables = self.tables.clone();
        for entry in &self.appended {
            tables.apply_entry(entry);
        }
        let there = tables.rooms().into_keys();
        there.map(|jid| jid.as_str().to_owned()).collect()
    }

    /// The process dies and starts again: what it had appended is all there.
    pub(super) fn crash(&mut self) {
        let entries = self.appended.drain(..);
        let last = entries.fold(Position::ZERO, |_, entry| {
            self.tables.apply_entry(&entry);
            entry.position
        });
        let there = self.tables.rooms();
        let (epoch, seq) = (EPOCH, last.seq());
        self.core = core(0, Sequencer::Here { epoch, seq }, Rooms { there });
    }

    pub(super) fn pass_ms(&mut self, ms: u64) {
        self.now_ms += ms;
        self.core.tick_if_due(now(self.now_ms));
        self.drain();
    }

    /// Another board takes over, in order.
    pub(super) fn hand_over(&mut self) {
        self.core.hand_all_over(now(self.now_ms));
        self.drain();
    }

    /// The records that are asked for come.
    pub(super) fn load(&mut self) {
        let (loads, others): (Vec<_>, Vec<_>) = std::mem::take(&mut self.outputs)
            .into_iter()
            .partition(|output| matches!(output, Output::Load { .. }));
        self.outputs = others;
        for output in loads {
            if let Output::Load { key } = output {
                let record = self.tables.load(&key);
                self.step(Input::Loaded { key, record });
            }
        }
    }

    /// Everything appended is durable.
    pub(super) fn sync(&mut self) {
        if let Some(last) = self.appended.back() {
            let upto = last.position;
            self.step(Input::Durable { upto });
        }
    }

    /// A checkpoint is asked for at once and done.
    pub(super) fn checkpoint(&mut self) {
        self.pass_ms(61_000);
        let outputs = std::mem::take(&mut self.outputs);
        for output in outputs {
            if let Output::Checkpoint {
                entries,
                epochs,
                upto,
            } = output
            {
                self.tables.apply(&entries, &epochs, upto);
                self.step(Input::Checkpointed { upto });
            } else {
                self.outputs.push(output);
            }
        }
    }

    pub(super) fn bind(&mut self, link: u64, name: &str, resource: &str) {
        self.step(Input::Bind {
            link: LinkId(link),
            bind: Bind {
                account: bare(name),
                resource: WantedResource::Named {
                    resource: resource.into(),
                },
                carbons: false,
                device: None,
                catches_up: false,
            },
        });
    }

    /// A session with stream management; its key.
    pub(super) fn open(&mut self, link: u64, name: &str, resource: &str) -> SmKey {
        self.bind(link, name, resource);
        self.enable(link)
    }

    pub(super) fn enable(&mut self, link: u64) -> SmKey {
        self.step(Input::Enable {
            link: LinkId(link),
            is_resumable: true,
            max_ms: None,
        });
        let seen = self.read(link);
        let [Seen::Enabled { id: Some(id) }] = seen.as_slice() else {
            panic!("{seen:?}");
        };
        SmKey(u128::from_str_radix(id, 16).unwrap())
    }

    pub(super) fn resume(&mut self, link: u64, name: &str, key: SmKey, h: u32) {
        self.step(Input::Resume {
            link: LinkId(link),
            account: bare(name),
            key,
            h,
        });
    }

    pub(super) fn say(&mut self, link: u64, text: &str) {
        let stanza = Stanza::parse(Element::parse(text.as_bytes()).unwrap()).unwrap();
        self.step(Input::Stanza {
            link: LinkId(link),
            stanza: Arc::new(stanza),
        });
    }

    pub(super) fn chat(&mut self, link: u64, to: &str, body: &str) {
        self.say(
            link,
            &format!("<message type='chat' to='{to}' id='{body}'><body>{body}</body></message>"),
        );
    }

    pub(super) fn ack(&mut self, link: u64, h: u32) {
        self.step(Input::Ack {
            link: LinkId(link),
            h,
        });
    }

    pub(super) fn ask_ack(&mut self, link: u64) {
        self.step(Input::AckRequest { link: LinkId(link) });
    }

    /// Ann at link 1 has told Bob at link 2 three things, of which he has counted the first.
    pub(super) fn two_uncounted() -> (Self, SmKey) {
        let mut bench = Self::new();
        bench.open(1, "ann", "a");
        let key = bench.open(2, "bob", "b");
        bench.say(2, "<presence/>");
        bench.read(2);
        for body in ["one", "two", "three"] {
            bench.chat(1, "bob@h", body);
        }
        bench.sync();
        bench.read(2);
        // The presence, and one message.
        bench.ack(2, 2);
        (bench, key)
    }

    pub(super) fn cut(&mut self, link: u64) {
        self.step(Input::Closed {
            link: LinkId(link),
            orderly: false,
        });
    }

    /// Stanzas that were written to the session of this stream.
    pub(super) fn counted(&self, key: SmKey) -> u32 {
        let id = self.core.keys[&key];
        self.core.sessions[&id].queue.sent()
    }

    /// What the link has got since the last look.
    pub(super) fn read(&mut self, link: u64) -> Vec<Seen> {
        read(&self.written(link)).unwrap()
    }

    /// The same as it stands.
    pub(super) fn written(&mut self, link: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        while self.core.write(LinkId(link), &mut bytes, usize::MAX) {}
        self.drain();
        bytes
    }

    /// The link was said to have something to write, since this was asked last.
    pub(super) fn is_ready(&mut self, link: u64) -> bool {
        let count = self.outputs.len();
        self.outputs
            .retain(|output| !matches!(output, Output::Ready { link: one } if one.0 == link));
        self.outputs.len() < count
    }

    pub(super) fn bodies(&mut self, link: u64) -> Vec<String> {
        let texts = self.read(link).into_iter().filter_map(|seen| match seen {
            Seen::Message(text) => Some(text.body),
            _ => None,
        });
        texts.collect()
    }

    /// How a resumption ended: the count of the session that goes on, or of one that does not.
    pub(super) fn resumption(&mut self, link: u64) -> Option<Result<u32, Option<u32>>> {
        let is_it = |output: &Output| match output {
            Output::Resumed { link: one, .. } | Output::ResumeFailed { link: one, .. } => {
                one.0 == link
            }
            _ => false,
        };
        let at = self.outputs.iter().position(is_it)?;
        match self.outputs.remove(at) {
            Output::Resumed { h, .. } => Some(Ok(h)),
            Output::ResumeFailed { h, .. } => Some(Err(h)),
            _ => None,
        }
    }

    pub(super) fn end_of(&self, link: u64) -> Option<EndReason> {
        self.outputs.iter().find_map(|output| match output {
            Output::End { link: one, why } if one.0 == link => Some(*why),
            _ => None,
        })
    }
}

fn core(node: u8, sequencer: Sequencer, rooms: Rooms) -> Core {
    Core::new(start(node, sequencer, rooms))
}

pub(super) fn start(node: u8, sequencer: Sequencer, rooms: Rooms) -> Start {
    let mut epochs = Epochs::default();
    let record = EpochRecord {
        epoch: EPOCH,
        stamp: Hlc::default(),
        mode: Mode::Single,
        parents: Vec::new(),
    };
    epochs.add(&record);
    let settings = Settings {
        domain: "h".into(),
        rooms_host: Some("rooms.h".into()),
        limits: Limits {
            rooms_max: 50,
            ..Limits::default()
        },
        ..Settings::default()
    };
    Start {
        copies: Copies::default(),
        node,
        sequencer,
        epochs,
        fresh_epochs: vec![(Index::default(), record)],
        stamp: Hlc::default(),
        salt: EPOCH.salt + u32::from(node),
        tail: Vec::new(),
        last: Index(1),
        rooms,
        admins: std::collections::BTreeSet::default(),
        ids: StanzaIds::new([1; 16]),
        settings: Arc::new(settings),
        limits: CoreLimits::default(),
        entropy: Box::new(Rng::from_number(1 + u64::from(node))),
        now: now(1_000),
    }
}

pub(super) fn now(ms: u64) -> Now {
    Now {
        monotonic: Monotonic(ms),
        wall: Timestamp::from_unix_ms(1_700_000_000_000 + ms),
    }
}

pub(super) fn bare(name: &str) -> BareJid {
    BareJid::from_parts(Some(name), "h").unwrap()
}

pub(super) fn account(name: &str) -> RecordKey {
    RecordKey::Account { jid: bare(name) }
}

pub(super) fn enabled() -> Row {
    Row::Account {
        row: AccountRow {
            incarnation: Incarnation(1),
            state: AccountState::Enabled,
            admin: false,
            created: Timestamp::from_unix_ms(0),
        },
    }
}
