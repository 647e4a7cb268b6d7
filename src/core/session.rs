//! A session of this node: its stream, its counters, its queue.
//!
//! A session outlives its stream when the client enabled resumption (XEP-0198 section 5): then it
//! sleeps until the client comes back or its time is over.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::VecDeque;
use std::sync::Arc;

use crate::base::allowance::Allowance;
use crate::base::ids::SessionId;
use crate::base::ids::SmKey;
use crate::base::ids::Ticket;
use crate::base::jid::FullJid;
use crate::base::jid::Jid;
use crate::base::limits::FETCH_BYTES_MAX;
use crate::base::mobile_limits::HELD_ROOM_MS;
use crate::base::search_limits::QUERIES_PER_SESSION_MAX;
use crate::base::time::Monotonic;
use crate::core::catch_up::CatchUp;
use crate::core::lean::Told;
use crate::core::patience::Patience;
use crate::core::queue::Queue;
use crate::effect::query::Kept;
use crate::effect::sends::Item;
use crate::model::message::Message;
use crate::model::peer::Report;
use crate::model::position::Position;
use crate::model::row::RowName;
use crate::stanza::Stanza;

/// One connection as the driver numbers it; a session may have several, one after the other.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct LinkId(pub(crate) u64);

/// An `<r/>` is answered at the latest after this, with the lower count (XEP-0198 section 4: not to
/// be withheld).
pub(crate) const ACK_WAIT_MS: u64 = 1_000;

#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) id: SessionId,
    pub(crate) jid: FullJid,
    /// The stream does not know of the session yet (XEP-0386): nothing may be written.
    pub(crate) is_binding: bool,
    pub(crate) link: Option<LinkId>,
    pub(crate) management: Option<Management>,
    pub(crate) queue: Queue,
    pub(crate) received: Received,
    /// Inputs not evaluated yet: the first waits for a record, the others for the first.
    pub(crate) waiting: BTreeSet<Ticket>,
    /// What came after them, and has no ticket yet.
    pub(crate) parked: VecDeque<Parked>,
    /// XEP-0352: the user looks at the client.
    pub(crate) active: bool,
    /// Where not: what is held back goes out then.
    pub(crate) held_until: Option<Monotonic>,
    /// Asleep since its stream was cut; ends then.
    pub(crate) sleeps_until: Option<Monotonic>,
    /// Its end is under way: nothing more is taken from it.
    pub(crate) ending: bool,
    /// A stream that resumes, as soon as everything received is committed.
    pub(crate) resuming: Option<(LinkId, u32)>,
    /// Rows that the next items need and that were asked for, in this order.
    pub(crate) fetching: Vec<Position>,
    /// Rows for items that are about to be written; `None`: asked for, or gone.
    pub(crate) fetched: BTreeMap<Position, Option<Kept>>,
    pub(crate) announced: bool,
    /// Elements of the stream itself, to be written before the next stanza.
    pub(crate) notes: Vec<u8>,
    /// What the other node was told last.
    pub(crate) reported: Report,
    /// Requests handled since then that made no entry.
    pub(crate) asked: Vec<(Box<str>, Jid)>,
    /// It was the other node's, which has died.
    pub(crate) inherited: Option<Inherited>,
    /// Its queries that the tables have not answered.
    pub(crate) asking: usize,
    /// What its stanzas have brought to others.
    pub(crate) deliveries_allowed: Allowance,
    /// Services that are told when its client does not take what comes (XEP-0357); usually none.
    pub(crate) pushes: Vec<RowName>,
    /// What was written beside what its client has.
    pub(crate) catch_up: CatchUp,
    /// Whose capabilities its client has.
    pub(crate) told: Told,
}

/// A session of a node that died.
#[derive(Debug, Default)]
pub(crate) struct Inherited {
    /// What the client has got if it has counted so many, in order.
    pub(crate) doubts: Vec<(u32, Vec<Item>)>,
    /// The client is here.
    pub(crate) is_resumed: bool,
}

/// What a session's stream brings, in order.
#[derive(Clone, Debug)]
pub(crate) enum Parked {
    Stanza {
        stanza: Arc<Stanza>,
        number: Option<u32>,
    },
    Answer {
        answer: Option<Arc<[u8]>>,
        number: Option<u32>,
    },
    End,
}

/// Inputs of one session that wait for a record: then it is read no further.
pub(crate) const PARKED_MAX: usize = 64;

/// Stream management as enabled.
#[derive(Debug)]
pub(crate) struct Management {
    pub(crate) key: SmKey,
    /// How long the session may sleep; `None`: it was not asked for.
    pub(crate) resume_ms: Option<u64>,
    /// Where the client's own count begins.
    pub(crate) ack: Ack,
    /// An `<r/>` of ours is out.
    pub(crate) asked: bool,
}

/// The state of an owed `<a/>`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Ack {
    #[default]
    None,
    /// The client asked when it had sent this many; answer by then.
    Owed { upto: u32, by: Monotonic },
    /// Answered with less; the rest follows unasked.
    Later { upto: u32 },
    /// To be written now.
    Due,
}

/// Stanzas received on the session (XEP-0198 section 4: handled).
#[derive(Debug, Default)]
pub(crate) struct Received {
    /// All.
    pub(crate) count: u32,
    /// Those whose ticket is committed, and all before them.
    pub(crate) handled: u32,
    /// Of these, what the other node of a pair knows of: the `h` that may be told.
    pub(crate) sure: u32,
    /// Tickets under way that were not stanzas, and stanzas: nothing of the session may overtake.
    pub(crate) open: u32,
}

impl Session {
    pub(crate) fn new(id: SessionId, jid: FullJid, link: LinkId, queue: Queue) -> Self {
        Self {
            link: Some(link),
            ..Self::asleep(id, jid, queue)
        }
    }

    /// Without a stream.
    pub(crate) fn asleep(id: SessionId, jid: FullJid, queue: Queue) -> Self {
        Self {
            id,
            jid,
            is_binding: false,
            link: None,
            management: None,
            queue,
            received: Received::default(),
            waiting: BTreeSet::new(),
            parked: VecDeque::new(),
            active: true,
            held_until: None,
            sleeps_until: None,
            ending: false,
            resuming: None,
            fetching: Vec::new(),
            fetched: BTreeMap::new(),
            announced: false,
            notes: Vec::new(),
            reported: Report::default(),
            asked: Vec::new(),
            inherited: None,
            asking: 0,
            deliveries_allowed: Allowance::default(),
            pushes: Vec::new(),
            catch_up: CatchUp::default(),
            told: Told::default(),
        }
    }

    /// Keeps rows of a page beside those that are kept, and gives the memory of the new ones. A row that is not
    /// kept is asked for when its turn comes.
    pub(crate) fn keep_page(&mut self, rows: impl IntoIterator<Item = Kept>) -> usize {
        let kept: usize = self.fetched.values().flatten().map(row_bytes).sum();
        let mut bytes = 0_usize;
        for row in rows {
            if kept.saturating_add(bytes) >= FETCH_BYTES_MAX {
                break;
            }
            bytes = bytes.saturating_add(row_bytes(&row));
            self.fetched.insert(row.position, Some(row));
        }
        bytes
    }

    /// Keeps the rows that were asked for, and gives their memory. What was not read for their size is asked for
    /// when its turn comes; what was looked for and is not there stays marked as gone.
    pub(crate) fn keep_fetched(&mut self, rows: Vec<Kept>) -> usize {
        let bytes: usize = rows.iter().map(row_bytes).sum();
        let mut asked = std::mem::take(&mut self.fetching);
        if let Some(last) = rows.last().filter(|_| bytes >= FETCH_BYTES_MAX) {
            let read = asked.iter().position(|asked| *asked == last.position);
            for unread in asked.drain(read.map_or(0, |read| read + 1)..) {
                self.fetched.remove(&unread);
            }
        }
        for row in rows {
            self.fetched.insert(row.position, Some(row));
        }
        bytes
    }

    /// Memory of what the client has not taken.
    pub(crate) fn held_bytes(&self) -> usize {
        let rows = self.fetched.values().flatten().map(row_bytes);
        let bytes = self
            .queue
            .memory_bytes()
            .saturating_add(self.catch_up.bytes());
        rows.fold(bytes, usize::saturating_add)
    }

    /// So much is under way that it is read no further.
    pub(crate) fn is_behind(&self, open_max: u32) -> bool {
        self.received.open >= open_max
            || self.parked.len() >= PARKED_MAX
            || self.asking >= QUERIES_PER_SESSION_MAX
    }

    /// The number of the stanza that came now, where they are counted.
    pub(crate) fn next_number(&mut self) -> Option<u32> {
        self.management.as_ref()?;
        self.received.count = self.received.count.wrapping_add(1);
        Some(self.received.count)
    }

    /// A stanza of the session is committed (or needed no commit): the count moves on. `is_known`: on
    /// the other node, too, or there is none.
    pub(crate) fn finish_stanza(&mut self, is_known: bool) {
        self.received.handled = self.received.handled.wrapping_add(1);
        if is_known {
            self.make_sure(self.received.handled);
        }
    }

    /// So much may be told to the client.
    pub(crate) fn make_sure(&mut self, h: u32) {
        if reached(self.received.sure, h) {
            return;
        }
        self.received.sure = h;
        let Some(management) = &mut self.management else {
            return;
        };
        match management.ack {
            Ack::Owed { upto, .. } | Ack::Later { upto } if reached(h, upto) => {
                management.ack = Ack::Due;
            }
            Ack::Owed { .. } | Ack::Later { .. } | Ack::None | Ack::Due => {}
        }
    }

    pub(crate) fn is_sure(&self) -> bool {
        self.received.sure == self.received.handled
    }

    /// The client waits for what only the other node's word can bring.
    pub(crate) fn waits_for_word(&self) -> bool {
        let waits = match self.management.as_ref().map(|one| one.ack) {
            Some(Ack::Owed { upto, .. } | Ack::Later { upto }) => {
                reached(self.received.handled, upto)
            }
            Some(Ack::None | Ack::Due) | None => false,
        };
        !self.is_sure() && (waits || self.resuming.is_some())
    }

    /// The client asks for our count.
    pub(crate) fn ask_ack(&mut self, now: Monotonic) {
        let upto = self.received.count;
        let done = reached(self.received.sure, upto);
        if let Some(management) = &mut self.management {
            management.ack = if done {
                Ack::Due
            } else {
                Ack::Owed {
                    upto,
                    by: now.plus_ms(ACK_WAIT_MS),
                }
            };
        }
    }

    /// Something has come that can wait so long, while nobody looks.
    pub(crate) fn wait_for(&mut self, patience: Patience, now: Monotonic) {
        match patience {
            Patience::Without => self.queue.press(),
            Patience::Short => {
                let until = now.plus_ms(HELD_ROOM_MS);
                self.held_until.get_or_insert(until);
            }
            Patience::Long => {}
        }
    }

    /// What was held back has waited long enough.
    pub(crate) fn check_held(&mut self, now: Monotonic) -> bool {
        let is_over = self.held_until.is_some_and(|until| until <= now);
        if is_over {
            self.held_until = None;
            self.queue.press();
        }
        is_over
    }

    /// Whether the user looks at the client; what waits when it is put away does not wait longer for that.
    pub(crate) fn set_active(&mut self, active: bool) {
        self.active = active;
        self.told = Told::default();
        self.held_until = None;
        self.queue.press();
    }

    /// An answer that has waited long enough goes out with what is committed.
    pub(crate) fn check_ack(&mut self, now: Monotonic) -> bool {
        match self
            .management
            .as_mut()
            .map(|management| &mut management.ack)
        {
            Some(ack @ Ack::Owed { .. }) => match *ack {
                Ack::Owed { by, .. } if by <= now => {
                    *ack = Ack::Due;
                    true
                }
                _ => false,
            },
            _ => false,
        }
    }

    /// The `<a/>` to write now, if one is due.
    pub(crate) fn take_ack(&mut self) -> Option<u32> {
        let sure = self.received.sure;
        let count = self.received.count;
        let management = self.management.as_mut()?;
        if management.ack != Ack::Due {
            return None;
        }
        management.ack = if reached(sure, count) {
            Ack::None
        } else {
            Ack::Later { upto: count }
        };
        Some(sure)
    }

    /// When this session wants to be looked at.
    pub(crate) fn timeout(&self) -> Option<Monotonic> {
        let ack = match self.management.as_ref().map(|management| management.ack) {
            Some(Ack::Owed { by, .. }) => Some(by),
            _ => None,
        };
        let ends = [ack, self.sleeps_until, self.held_until];
        ends.into_iter().flatten().min()
    }

    /// Whether something can be written to the stream now.
    pub(crate) fn wants_write(&self) -> bool {
        self.link.is_some()
            && !self.is_binding
            && (!self.notes.is_empty()
                || self.queue.wants_write(self.active)
                || self
                    .management
                    .as_ref()
                    .is_some_and(|one| one.ack == Ack::Due))
    }
}

/// Roughly.
fn row_bytes(row: &Kept) -> usize {
    row.message
        .payload
        .len()
        .saturating_add(size_of::<Kept>() + size_of::<Message>())
}

/// Whether a count modulo 2^32 has come to `upto` (XEP-0198 section 4: it wraps).
pub(crate) fn reached(count: u32, upto: u32) -> bool {
    upto.wrapping_sub(count) == 0 || upto.wrapping_sub(count) > u32::MAX / 2
}
