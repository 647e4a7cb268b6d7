//! The deterministic heart: evaluate, number, deliver.
//!
//! [`Core::step`] takes one input and is told the time; what should happen outside is then drained
//! with [`Core::poll_output`] before the next input. No I/O, no clock, no thread, no randomness but
//! what is handed in: the same inputs give the same outputs, and the simulator runs exactly this.
//!
//! An input is *evaluated* against everything that is numbered (`evaluate`), its proposal is
//! *numbered* and goes to the log (`order`), and when the log says it is durable its ops are
//! *delivered*: folded into the delivered state, sent to sessions, answered (`release`).

mod binding;
pub(crate) mod boot;
mod bounds;
mod catch_up;
mod copies;
mod disowned;
mod due;
pub(crate) mod empty;
pub(crate) mod ends;
pub(crate) mod engine;
pub(crate) mod evaluate;
mod farewell;
pub(crate) mod holdings;
mod inherit;
pub(crate) mod io;
mod journal;
mod kept;
mod last;
pub(crate) mod lead;
mod lean;
pub(crate) mod limits;
pub(crate) mod link;
mod listed;
pub(crate) mod measure;
mod meetings;
mod merge;
pub(crate) mod mistake;
pub(crate) mod order;
mod pages;
mod passed_by;
pub(crate) mod patience;
mod peer;
mod pending;
pub(crate) mod pushes;
mod queries;
pub(crate) mod queue;
mod reach;
mod recall;
pub(crate) mod release;
pub(crate) mod render;
mod report;
mod rescue;
pub(crate) mod residence;
pub(crate) mod restart;
mod retracted;
pub(crate) mod session;
mod shadow;
pub(crate) mod states;
pub(crate) mod tail;
pub(crate) mod taken;
#[cfg(test)]
mod tests;
mod told;
pub(crate) mod trail;
mod united;
pub(crate) mod waiting;

pub(crate) use io::EndReason;
pub(crate) use io::Input;
pub(crate) use io::Lookup;
pub(crate) use io::Now;
pub(crate) use io::Output;
pub(crate) use io::Record;
pub(crate) use limits::CoreLimits;

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::VecDeque;
use std::sync::Arc;

use crate::base::ids::SessionId;
use crate::base::ids::SmKey;
use crate::base::jid::BareJid;
use crate::base::random::Entropy;
use crate::base::time::Monotonic;
use crate::c2s::manage::write_failed;
use crate::core::disowned::Disowned;
use crate::core::empty::Rooms;
use crate::core::holdings::Holdings;
use crate::core::lead::Peer;
use crate::core::lead::Proposed;
use crate::core::meetings::Meetings;
use crate::core::order::Asked;
use crate::core::order::Order;
use crate::core::order::Sequencer;
use crate::core::pushes::Pushes;
use crate::core::recall::Recall;
use crate::core::residence::Residence;
use crate::core::session::LinkId;
use crate::core::session::Session;
use crate::core::states::States;
use crate::core::tail::Tail;
use crate::core::taken::Taken;
use crate::effect::query::Query;
use crate::effect::settings::Settings;
use crate::model::copies::Copies;
use crate::model::entry::Entry;
use crate::model::entry::EpochRecord;
use crate::model::epochs::Epochs;
use crate::model::level::LEVEL;
use crate::model::op::Op;
use crate::model::position::Hlc;
use crate::model::position::Index;
use crate::model::position::Position;
use crate::model::row::RecordKey;
use crate::model::row::Row;
use crate::model::stanza_id::StanzaIds;
use crate::stanza::Condition;

/// What a core begins with: what recovery found.
pub(crate) struct Start {
    pub(crate) node: u8,
    pub(crate) sequencer: Sequencer,
    pub(crate) epochs: Epochs,
    /// The newest stamp in the log.
    pub(crate) stamp: Hlc,
    /// Random, drawn at this boot.
    pub(crate) salt: u32,
    /// Epochs that the tables do not know yet.
    pub(crate) fresh_epochs: Vec<(Index, EpochRecord)>,
    /// Entries of the log that the tables do not hold yet, in order.
    pub(crate) tail: Vec<(Index, Arc<Entry>)>,
    /// The newest record of the log.
    pub(crate) last: Index,
    /// The rooms that the tables list.
    pub(crate) rooms: Rooms,
    /// Who administers by what the tables say.
    pub(crate) admins: BTreeSet<BareJid>,
    /// The messages in the tables that another branch may have as well.
    pub(crate) copies: Copies,
    pub(crate) ids: StanzaIds,
    pub(crate) settings: Arc<Settings>,
    pub(crate) limits: CoreLimits,
    pub(crate) entropy: Box<dyn Entropy>,
    pub(crate) now: Now,
}

/// The state of a node, and what it wants from the outside.
pub(crate) struct Core {
    node: u8,
    now: Now,
    settings: Arc<Settings>,
    limits: CoreLimits,
    entropy: Box<dyn Entropy>,
    ids: StanzaIds,
    order: Order,
    states: States,
    copies: Copies,
    /// What the log has no room for at the moment.
    put_off: VecDeque<Vec<Op>>,
    peer: Peer,
    residence: Residence,
    tail: Tail,
    taken: Taken,
    pushes: Pushes,
    /// Until then sessions may be read more slowly.
    slowed_until: Monotonic,
    holdings: Holdings,
    sessions: BTreeMap<SessionId, Session>,
    links: BTreeMap<LinkId, SessionId>,
    keys: BTreeMap<SmKey, SessionId>,
    queries: BTreeMap<u64, Asking>,
    next_query: u64,
    credit: u64,
    is_log_full: bool,
    /// Epochs that the tables do not know, and how many of them are on the way there.
    fresh_epochs: Vec<(Index, EpochRecord)>,
    epochs_written: usize,
    outputs: VecDeque<Output>,
    /// Sessions that got something in this step, or a deadline.
    touched: BTreeSet<SessionId>,
    /// No session has to be looked at before.
    sessions_due: Option<Monotonic>,
    /// Sessions that an entry of this step has ended.
    kicked: Vec<(SessionId, EndReason)>,
    /// Sessions to end once this step is through.
    ends: Vec<SessionId>,
    /// Rooms that may be over.
    empty_rooms: BTreeSet<BareJid>,
    lasts: last::LastQueue,
    /// Records that may be of two.
    claims: BTreeSet<RecordKey>,
    /// Rows of the journal that are not in the log.
    lost: BTreeMap<Position, Option<Row>>,
    /// Streams that closed while they waited for a session.
    closed_early: BTreeSet<LinkId>,
    /// Streams that are ended at the other node, and those that it wants ended here.
    recalls: BTreeMap<SmKey, Recall>,
    recalled: BTreeSet<SmKey>,
    /// The line is being delivered: nothing may be delivered in between.
    releasing: bool,
    /// Whoever gets what is written here reads it up to this level.
    level: u8,
}

/// A query under way.
#[derive(Debug)]
struct Asking {
    session: SessionId,
    query: Arc<Query>,
    /// What was delivered when it was asked.
    upto: Index,
    /// The answer goes into what the stream is told of its bind.
    is_bind: bool,
}

impl Core {
    pub(crate) fn new(start: Start) -> Self {
        let source = u128::from(start.node) << 32 | u128::from(start.salt) | 1 << 127;
        let mut order = Order::new(start.sequencer, start.stamp, source);
        // All that stands before the epoch of this boot is on disk.
        let epoch = start.epochs.newest().unwrap_or_default();
        let last = start.tail.last().map(|(_, entry)| entry.position);
        order.begin_at(Position::new(epoch, 0, 0).max(last.unwrap_or_default()));
        let mut peer = Peer::default();
        peer.disowned = Disowned::new(start.epochs.mode(epoch));
        let mut states = States::default();
        states.epochs = start.epochs;
        peer.meetings = Meetings::of(&states.epochs);
        let mut rooms = start.rooms;
        rooms.follow(&start.tail);
        states.delivered.rooms_there = rooms.there.len();
        states.delivered.admins = listed::admins(start.admins, &start.tail);
        let mut core = Self {
            node: start.node,
            now: start.now,
            settings: Arc::new(Settings {
                ids: start.ids.clone(),
                ..start.settings.as_ref().clone()
            }),
            entropy: start.entropy,
            ids: start.ids,
            order,
            states,
            copies: start.copies,
            put_off: VecDeque::new(),
            peer,
            residence: Residence::default(),
            tail: Tail::new(start.now.monotonic, start.last),
            taken: Taken::default(),
            pushes: Pushes::default(),
            slowed_until: Monotonic::default(),
            holdings: Holdings::default(),
            sessions: BTreeMap::new(),
            links: BTreeMap::new(),
            keys: BTreeMap::new(),
            queries: BTreeMap::new(),
            next_query: 1,
            credit: u64::MAX,
            is_log_full: false,
            fresh_epochs: start.fresh_epochs,
            epochs_written: 0,
            outputs: VecDeque::new(),
            touched: BTreeSet::new(),
            sessions_due: None,
            kicked: Vec::new(),
            ends: Vec::new(),
            empty_rooms: rooms.fleeting(),
            lasts: last::LastQueue::new(),
            claims: BTreeSet::new(),
            lost: BTreeMap::new(),
            closed_early: BTreeSet::new(),
            recalls: BTreeMap::new(),
            recalled: BTreeSet::new(),
            releasing: false,
            level: LEVEL,
            limits: start.limits,
        };
        for (index, entry) in &start.tail {
            core.tail.recover(*index, Arc::clone(entry));
        }
        core.recover_copies(&start.tail);
        core
    }

    /// One input; drain [`Core::poll_output`] before the next.
    pub(crate) fn step(&mut self, now: Now, input: Input) {
        self.now = now;
        match input {
            Input::LookUp {
                link,
                account,
                device,
            } => self.handle_look_up(link, account, device),
            Input::Token { link, wish } => self.handle_token(link, wish),
            Input::Bind { link, bind } => self.handle_bind(link, bind),
            Input::Resume {
                link,
                account,
                key,
                h,
            } => self.handle_resume(link, account, key, h),
            Input::Stanza { link, stanza } => self.handle_stanza(link, stanza),
            Input::PreAnswered { link, answer } => self.handle_pre_answered(link, answer),
            Input::Enable {
                link,
                is_resumable,
                max_ms,
            } => {
                self.handle_enable(link, is_resumable, max_ms);
            }
            Input::Misplaced { link } => {
                self.note(link, &write_failed(Condition::UnexpectedRequest, None));
            }
            Input::Silent { link } => self.handle_silent(link),
            Input::AckRequest { link } => self.handle_ack_request(link),
            Input::Ack { link, h } => self.handle_ack(link, h),
            Input::Activity { link, active } => self.handle_activity(link, active),
            Input::Closed { link, orderly } => self.handle_closed(link, orderly),
            Input::Command { id, command } => self.handle_command(id, command),
            Input::Own { ops } => self.open(Asked::Own { ops }, None, None),
            Input::Tick => self.handle_tick(),
            Input::Durable { upto } => self.handle_durable(upto),
            Input::Loaded { key, record } => self.handle_loaded(&key, record),
            Input::Derived { ticket, keys } => self.handle_derived(ticket, keys),
            Input::Answered { query, found, upto } => self.handle_answered(query, found, upto),
            Input::Fetched { session, rows } => self.handle_fetched(session, rows),
            Input::NotCheckpointed => self.tail.not_checkpointed(),
            Input::Checkpointed { upto } => {
                let written = std::mem::take(&mut self.epochs_written);
                self.fresh_epochs
                    .drain(..written.min(self.fresh_epochs.len()));
                self.tail.checkpointed(upto);
            }
            Input::Numbered { entry, ticket } => self.handle_numbered(entry, ticket),
            Input::Rejected { ticket, generation } => self.handle_rejected(ticket, generation),
            Input::Follow => self.handle_follow(),
            Input::Lead { epoch, paired } => self.handle_lead(epoch, paired),
            Input::Proposed {
                ticket,
                generation,
                proposal,
                op_id,
                origin,
            } => self.handle_proposed(Proposed {
                ticket,
                generation,
                proposal,
                op_id,
                origin,
            }),
            Input::Merged { entry } => self.handle_merged(entry),
            Input::PeerGone => self.handle_peer_gone(),
            Input::PeerDied => self.handle_peer_died(),
            Input::PeerSessions { sessions, lost } => self.handle_peer_sessions(sessions, lost),
        }
        self.settle_step();
    }

    /// The next thing to do outside, in order.
    pub(crate) fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// What holds from now on; what was evaluated before stays as it is.
    pub(crate) fn set_policies(&mut self, policies: Settings, limits: CoreLimits) {
        self.settings = Arc::new(Settings {
            started: self.settings.started,
            ids: self.settings.ids.clone(),
            file_keys: self.settings.file_keys.clone(),
            ..policies
        });
        self.limits = limits;
    }

    /// The log takes an entry of another branch, which will be delivered.
    pub(crate) fn number_foreign(&mut self, entry: &Entry) -> Index {
        self.order.stamp = self.order.stamp.max(entry.stamp);
        self.tail.number(Some(entry.position))
    }

    /// The log takes the record of an epoch, before anything of it.
    pub(crate) fn add_epoch(&mut self, record: EpochRecord) -> Index {
        let index = self.tail.number(None);
        self.order.stamp = self.order.stamp.max(record.stamp);
        self.states.epochs.add(&record);
        let now = self.now.monotonic;
        self.copies.begin_epoch(&record, &self.states.epochs, now);
        self.peer.meetings.follow(record.epoch, &self.states.epochs);
        self.fresh_epochs.push((index, record));
        index
    }

    /// Which epoch stands on which.
    pub(crate) fn epochs(&self) -> &Epochs {
        &self.states.epochs
    }

    /// Bytes that the log takes for sure, and what its longest record takes of them.
    pub(crate) fn set_credit(&mut self, bytes: u64, record_bytes_max: u64) {
        self.credit = bytes;
        self.is_log_full = bytes < record_bytes_max;
    }

    /// Whether the driver should read on from this link: what is bounded stays bounded.
    pub(crate) fn wants_input(&self, link: LinkId) -> bool {
        let session = self.links.get(&link).and_then(|id| self.sessions.get(id));
        let room = session.is_none_or(|session| {
            !session.is_behind(self.limits.open_max) && !self.is_slowed(session)
        });
        // What is under way becomes part of the tail, or nothing.
        let bytes = self.tail.bytes() + self.holdings.under_way_bytes();
        room && bytes < self.limits.tail_bytes.saturating_mul(2)
    }

    /// After each input: who got something is told, the tail is checked, the unused leaves.
    fn settle_step(&mut self) {
        self.end_kicked();
        self.check_holdings();
        while let Some(id) = self.ends.pop() {
            self.begin_end(id);
        }
        self.end_empty();
        self.ask_last();
        self.name_copies();
        self.part_names();
        self.publish_lost();
        self.save_caught_up();
        self.report();
        self.announce_touched();
        let due = (self.limits.tail_bytes, self.limits.checkpoint_ms);
        let (copies, order, is_full) = (&self.copies, &self.order, self.is_log_full);
        let before = |tail: &Tail| copies::first_nameless(tail, copies, order, is_full);
        if let Some((entries, upto)) = self.tail.begin_checkpoint(self.now.monotonic, due, before) {
            let epochs = self.fresh_epochs.iter();
            let epochs = epochs.take_while(|(index, _)| *index < upto);
            let epochs: Vec<EpochRecord> = epochs.map(|(_, record)| record.clone()).collect();
            self.epochs_written = epochs.len();
            self.outputs.push_back(Output::Checkpoint {
                entries,
                epochs,
                upto,
            });
        }
        self.evict();
    }

    /// Has the tables take everything that is committed; says up to where they have to go.
    pub(crate) fn ask_checkpoint(&mut self, now: Now) -> Index {
        self.now = now;
        self.tail.ask_checkpoint();
        self.settle_step();
        self.tail.delivered()
    }

    /// No record of the log has a later one.
    pub(crate) fn stamp(&self) -> Hlc {
        self.order.stamp
    }

    /// The cipher of the ids that clients see.
    pub(crate) fn ids(&self) -> &StanzaIds {
        &self.ids
    }

    /// A fresh salt for somebody's password.
    pub(crate) fn salt(&mut self) -> [u8; 16] {
        let mut salt = [0; 16];
        self.entropy.fill(&mut salt);
        salt
    }

    /// Whether everything that was numbered is delivered.
    pub(crate) fn is_settled(&self) -> bool {
        self.order.is_clear() && self.put_off.is_empty()
    }

    fn random(&mut self) -> [u8; 32] {
        let mut bytes = [0; 32];
        self.entropy.fill(&mut bytes);
        bytes
    }
}
