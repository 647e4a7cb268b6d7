//! The sessions of the other node as this one would go on with them, should it die (rules U5 to U7).
//!
//! Both nodes deliver the same entries in the same order, so this one knows what comes into the queues of
//! the other one's sessions. What it does not know are the answers to requests that changed nothing,
//! and what the clients have taken: that is reported ([`Report`]).

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::VecDeque;
use std::sync::Arc;

use crate::base::device_limits::TOLD_LATE_MAX;
use crate::base::ids::SessionId;
use crate::base::ids::SmKey;
use crate::base::jid::FullJid;
use crate::base::limits::QUEUE_ITEMS_MAX;
use crate::base::mirror_limits::SHADOW_MARKS_MAX;
use crate::base::mirror_limits::SHADOW_VOLATILE_MAX;
use crate::core::queue::presence_of;
use crate::core::session::reached;
use crate::effect::sends::Item;
use crate::model::message::How;
use crate::model::peer::PeerCount;
use crate::model::peer::Report;
use crate::model::peer::Told;
use crate::model::position::Position;
use crate::stanza::IqType;
use crate::stanza::Kind;
use crate::stanza::MessageType;
use crate::stanza::outgoing::Outgoing;

/// How far back an older presence is looked for.
const LOOK_BACK: usize = 64;

/// What came with entries before this one is written when so many stanzas are.
#[derive(Clone, Copy, Debug)]
struct Mark {
    before: u64,
    sent: u32,
}

/// A session of the other node.
#[derive(Debug)]
pub(crate) struct Shadow {
    pub(crate) jid: FullJid,
    key: Option<SmKey>,
    pub(crate) resume_ms: Option<u64>,
    pub(crate) h: u32,
    /// Each with the number of the entry that it came with.
    slots: VecDeque<(u64, Item)>,
    volatile: usize,
    marks: VecDeque<Mark>,
    pub(crate) told: Told,
    /// Something of it is not known here.
    is_partial: bool,
}

/// All of them.
#[derive(Debug, Default)]
pub(crate) struct Shadows {
    all: BTreeMap<SessionId, Shadow>,
    keys: BTreeMap<SmKey, SessionId>,
}

impl Shadow {
    fn new(jid: FullJid) -> Self {
        Self {
            jid,
            key: None,
            resume_ms: None,
            h: 0,
            slots: VecDeque::new(),
            volatile: 0,
            marks: VecDeque::new(),
            told: Told::default(),
            is_partial: false,
        }
    }

    fn push(&mut self, tag: u64, item: Item) {
        if self.is_partial || !is_repeatable(&item, &self.jid) {
            return;
        }
        if let Some(from) = presence_of(&item) {
            // The last one of each sender is enough.
            let older = |(_, one): &(u64, Item)| presence_of(one) == Some(from);
            let mut newest = self.slots.iter().rev().take(LOOK_BACK);
            if let Some(from_end) = newest.position(older) {
                self.remove(self.slots.len().saturating_sub(from_end + 1));
            }
        }
        if !matches!(item, Item::Kept { .. }) {
            self.volatile += 1;
            if self.volatile > SHADOW_VOLATILE_MAX {
                let is_volatile = |(_, one): &(u64, Item)| !matches!(one, Item::Kept { .. });
                if let Some(oldest) = self.slots.iter().position(is_volatile) {
                    self.remove(oldest);
                }
            }
        }
        self.slots.push_back((tag, item));
        if self.slots.len() > QUEUE_ITEMS_MAX {
            self.give_up();
        }
    }

    fn remove(&mut self, index: usize) {
        if let Some((_, item)) = self.slots.remove(index)
            && !matches!(item, Item::Kept { .. })
        {
            self.volatile = self.volatile.saturating_sub(1);
        }
    }

    fn give_up(&mut self) {
        self.is_partial = true;
        self.slots = VecDeque::new();
        self.marks = VecDeque::new();
    }

    fn renew(&mut self) {
        self.slots.clear();
        self.marks.clear();
        self.volatile = 0;
    }

    fn take_before(&mut self, before: u64) -> Vec<Item> {
        let mut items = Vec::new();
        while self.slots.front().is_some_and(|(tag, _)| *tag < before) {
            items.extend(self.slots.pop_front().map(|(_, item)| item));
        }
        let taken = items.iter();
        let volatile = taken.filter(|item| !matches!(item, Item::Kept { .. }));
        self.volatile = self.volatile.saturating_sub(volatile.count());
        items
    }

    fn count(&mut self, h: u32) {
        if !reached(self.h, h) {
            self.h = h;
        }
    }

    fn handle_report(&mut self, report: &Report) {
        self.count(report.h);
        self.mark(report.before, report.sent);
        while let Some(mark) = self.marks.front().copied()
            && reached(report.acked, mark.sent)
        {
            self.marks.pop_front();
            drop(self.take_before(mark.before));
        }
    }

    /// At a stop what was told as one is told in parts.
    fn mark(&mut self, before: u64, sent: u32) {
        let at = self.marks.partition_point(|mark| mark.before < before);
        if before == 0 || self.marks.get(at).is_some_and(|mark| mark.before == before) {
            return;
        }
        self.marks.insert(at, Mark { before, sent });
        if self.marks.len() > SHADOW_MARKS_MAX {
            self.marks.remove(SHADOW_MARKS_MAX - 1);
        }
    }

    /// Its client can go on with it here.
    pub(crate) fn is_resumable(&self) -> bool {
        !self.is_partial && self.key.is_some() && self.resume_ms.is_some()
    }

    /// All kept messages in its queue.
    pub(crate) fn positions(&self) -> BTreeSet<Position> {
        let kept = self.slots.iter().filter_map(|(_, item)| match item {
            Item::Kept { position, .. } => Some(*position),
            _ => None,
        });
        kept.collect()
    }

    pub(crate) fn key(&self) -> Option<SmKey> {
        self.key
    }

    /// What the client has got if it has counted so many; and what it has not.
    pub(crate) fn into_items(mut self) -> (Vec<(u32, Vec<Item>)>, Vec<Item>) {
        let marks = std::mem::take(&mut self.marks);
        let doubts = marks
            .into_iter()
            .map(|mark| (mark.sent, late(self.take_before(mark.before))));
        let doubts = doubts.collect();
        let rest = self.slots.into_iter().map(|(_, item)| item);
        (doubts, late(rest.collect()))
    }
}

impl Shadows {
    pub(crate) fn begin(&mut self, id: SessionId, jid: &FullJid) {
        self.all.insert(id, Shadow::new(jid.clone()));
    }

    pub(crate) fn end(&mut self, id: SessionId) -> Option<Shadow> {
        let shadow = self.all.remove(&id)?;
        if let Some(key) = shadow.key {
            self.keys.remove(&key);
        }
        Some(shadow)
    }

    /// The session counts. `tag`: what is told of its queue came before anything numbered since.
    pub(crate) fn manage(&mut self, id: SessionId, count: &PeerCount, is_all: bool) {
        let Some(shadow) = self.all.get_mut(&id) else {
            return;
        };
        shadow.key = Some(count.key);
        shadow.resume_ms = count.resume_ms;
        shadow.count(count.h);
        self.keys.insert(count.key, id);
        if !is_all {
            return;
        }
        shadow.renew();
        shadow.is_partial = count.queue.is_none();
        for (position, how) in count.queue.iter().flatten() {
            let (position, how) = (*position, *how);
            shadow.push(0, Item::Kept { position, how });
        }
    }

    /// What its node has told the session; that is also what is in its queue.
    pub(crate) fn note_told(&mut self, sessions: &[Told]) {
        for told in sessions {
            if let Some(shadow) = self.all.get_mut(&told.session) {
                shadow.told = told.clone();
                let queued = shadow.positions();
                shadow.told.late.extend(queued);
                shadow.told.late.truncate(TOLD_LATE_MAX);
            }
        }
    }

    /// Entries are numbered anew: the queues are told anew.
    pub(crate) fn renew(&mut self) {
        self.all.values_mut().for_each(Shadow::renew);
    }

    pub(crate) fn push(&mut self, id: SessionId, tag: u64, item: Item) {
        if let Some(shadow) = self.all.get_mut(&id) {
            shadow.push(tag, item);
        }
    }

    pub(crate) fn holds(&self, id: SessionId, position: Position) -> bool {
        let is_it = |(_, item): &(u64, Item)| matches!(item, Item::Kept { position: one, .. } if *one == position);
        self.all
            .get(&id)
            .is_some_and(|shadow| shadow.slots.iter().any(is_it))
    }

    pub(crate) fn handle_report(&mut self, report: &Report) {
        if let Some(shadow) = self.all.get_mut(&report.session) {
            shadow.handle_report(report);
        }
    }

    /// The stream was counted so far.
    pub(crate) fn count(&mut self, key: SmKey, h: u32) -> Option<SessionId> {
        let id = self.keys.get(&key).copied()?;
        self.all.get_mut(&id)?.count(h);
        Some(id)
    }

    /// The most that one has: stanzas that are not kept, and marks.
    pub(crate) fn measured(&self) -> (usize, usize) {
        let volatile = self.all.values().map(|shadow| shadow.volatile).max();
        let marks = self.all.values().map(|shadow| shadow.marks.len()).max();
        (volatile.unwrap_or(0), marks.unwrap_or(0))
    }

    pub(crate) fn get(&self, id: SessionId) -> Option<&Shadow> {
        self.all.get(&id)
    }

    pub(crate) fn by_key(&self, key: SmKey) -> Option<&Shadow> {
        self.all.get(self.keys.get(&key)?)
    }

    /// Those that can be gone on with.
    pub(crate) fn resumable(&self) -> impl Iterator<Item = (SessionId, &FullJid)> {
        let resumable = self.all.iter().filter(|(_, shadow)| shadow.is_resumable());
        resumable.map(|(id, shadow)| (*id, &shadow.jid))
    }
}

/// What may come twice: kept messages by their id; presence, and what the server says of the client's own account.
fn is_repeatable(item: &Item, to: &FullJid) -> bool {
    match item {
        Item::Kept { .. } => true,
        Item::Stanza { stanza } => match stanza.kind {
            Kind::Presence(_) | Kind::Iq(IqType::Result | IqType::Error) => true,
            Kind::Iq(IqType::Get | IqType::Set) => stanza.from == to.bare().to_jid(),
            Kind::Message(kind) => is_news(stanza, kind),
        },
        Item::Result { .. } | Item::Bytes { .. } => false,
    }
}

/// What has become of a node (XEP-0060 section 7.1.2.1): whoever is told again knows the same.
fn is_news(stanza: &Outgoing, kind: MessageType) -> bool {
    let is_kind = matches!(kind, MessageType::Headline | MessageType::Normal);
    is_kind && stanza.from.is_bare() && stanza.payload.starts_with(b"<event ")
}

fn late(items: Vec<Item>) -> Vec<Item> {
    let items = items.into_iter().map(|item| match item {
        Item::Kept { position, how } => Item::Kept {
            position,
            how: how.late(),
        },
        other => other,
    });
    items.collect()
}

/// A kept message for a session of the other node, as it comes late.
pub(crate) fn kept_late(position: Position) -> Item {
    let how = How::Late;
    Item::Kept { position, how }
}

/// A stanza for such a session.
pub(crate) fn stanza(stanza: Outgoing) -> Item {
    let stanza = Arc::new(stanza);
    Item::Stanza { stanza }
}
