//! A session's queue: outbox and stream management queue (XEP-0198) in one.
//!
//! What is to be sent stands in one line. With stream management an item stays after it was
//! written, until the client has counted it; without, it is gone with the write. The front part is
//! written, the rest is not; a resumed stream writes the front part again.
//!
//! An item of a kept message is a position, not bytes: a slow reader costs a few words a message,
//! whatever its size. A page (archive results, room history) holds one place until it is known.

use std::collections::BTreeSet;
use std::collections::VecDeque;
use std::sync::Arc;

use crate::base::limits::QUEUE_BYTES_MAX;
use crate::base::limits::QUEUE_ITEMS_MAX;
use crate::base::mobile_limits::HELD_BYTES_MAX;
use crate::base::mobile_limits::HELD_ITEMS_MAX;
use crate::core::patience;
use crate::effect::sends::How;
use crate::effect::sends::Item;
use crate::model::position::Position;
use crate::stanza::Kind;
use crate::stanza::PresenceType;
use crate::stanza::outgoing::Outgoing;

/// How far back in what is not written something out of date is looked for, so that replacing it stays cheap.
const REPLACE_LOOK_BACK: usize = 256;

/// What a stanza costs beyond its payload.
const ITEM_OVERHEAD_BYTES: usize = 128;

/// A place in the line.
#[derive(Clone, Debug)]
pub(crate) enum Slot {
    Item {
        item: Item,
        /// Of its own when it came; others may have shared it since, or do so no longer.
        bytes: u32,
        /// As [`Queue::tag`] was when it came.
        tag: u64,
    },
    /// What query this number will give.
    Page { query: u64, tag: u64 },
}

impl Slot {
    fn tag(&self) -> u64 {
        match self {
            Self::Item { tag, .. } | Self::Page { tag, .. } => *tag,
        }
    }
}

/// The line, and the counters of XEP-0198 section 4.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    slots: VecDeque<Slot>,
    /// How many at the front are written and not counted by the client yet.
    written: usize,
    /// Stanzas written since management was enabled, as the client will count them.
    sent: u32,
    bytes: usize,
    /// Own bytes at most, beyond which the session ends.
    bytes_max: usize,
    /// Something unwritten cannot wait until the client is looked at (XEP-0352), and so does nothing with it.
    is_pressing: bool,
    /// Keep what was written until it is acknowledged.
    pub(crate) managed: bool,
    /// The number of the entry that is being delivered: what comes now comes with it.
    pub(crate) tag: u64,
}

impl Queue {
    /// `stanza_bytes_max`: the largest stanza that somebody may send; one has to fit beside the rest.
    pub(crate) fn new(stanza_bytes_max: usize) -> Self {
        Self {
            bytes_max: QUEUE_BYTES_MAX.saturating_add(stanza_bytes_max),
            ..Self::default()
        }
    }

    /// Appends an item; `false`: the queue is beyond its bounds and its session has to end. `replace`: nobody looks
    /// at the client, so that of what is said anew the last is enough.
    pub(crate) fn push(&mut self, item: Item, replace: bool) -> bool {
        if replace && let Item::Stanza { stanza } = &item {
            self.drop_outdated(stanza);
        }
        self.append(item);
        self.fits()
    }

    /// What waits goes out now, all of it.
    pub(crate) fn press(&mut self) {
        self.is_pressing = self.slots.len() > self.written;
    }

    fn append(&mut self, item: Item) {
        let tag = self.tag;
        let bytes = own_bytes(&item);
        self.bytes = self.bytes.saturating_add(wide(bytes));
        self.slots.push_back(Slot::Item { item, bytes, tag });
    }

    pub(crate) fn push_page(&mut self, query: u64) -> bool {
        let tag = self.tag;
        self.slots.push_back(Slot::Page { query, tag });
        self.fits()
    }

    fn fits(&self) -> bool {
        self.slots.len() <= QUEUE_ITEMS_MAX && self.bytes <= self.bytes_max
    }

    /// XEP-0352 section 5: what the newer one says anew. The presence of an occupant stays before what it says.
    fn drop_outdated(&mut self, newer: &Outgoing) {
        if matches!(newer.kind, Kind::Iq(_)) {
            return;
        }
        let stops = patience::is_of_occupant(newer);
        let unwritten = self.slots.len().saturating_sub(self.written);
        let looked_at = self.slots.iter().enumerate().rev();
        let looked_at = looked_at.take(unwritten.min(REPLACE_LOOK_BACK));
        let mut stanzas = looked_at.map_while(|(index, slot)| match slot {
            Slot::Item {
                item: Item::Stanza { stanza },
                ..
            } => Some((index, Some(stanza))),
            Slot::Item { .. } | Slot::Page { .. } => (!stops).then_some((index, None)),
        });
        let old =
            stanzas.find(|(_, stanza)| stanza.is_some_and(|old| patience::supersedes(newer, old)));
        if let Some((index, _)) = old {
            self.take_at(index);
        }
    }

    /// The page is known: its items take its place.
    pub(crate) fn fill_page(&mut self, query: u64, items: Vec<Item>) -> bool {
        let found = self
            .slots
            .iter()
            .position(|slot| matches!(slot, Slot::Page { query: one, .. } if *one == query));
        let Some(index) = found else { return true };
        let behind = self.slots.split_off(index);
        let now = self.tag;
        // Tags never fall along the line.
        self.tag = behind.front().map_or(now, Slot::tag);
        for item in items {
            self.append(item);
        }
        self.tag = now;
        self.slots.extend(behind.into_iter().skip(1));
        self.press();
        self.fits()
    }

    /// The next slot to write.
    pub(crate) fn front(&self) -> Option<&Slot> {
        self.slots.get(self.written)
    }

    /// What is not written yet.
    pub(crate) fn unwritten(&self) -> impl Iterator<Item = &Slot> {
        self.slots.iter().skip(self.written)
    }

    /// The next item was written. Returns it where nothing keeps it any longer.
    pub(crate) fn wrote(&mut self) -> Option<Item> {
        if self.managed {
            self.written = self.written.saturating_add(1);
            self.sent = self.sent.wrapping_add(1);
            self.is_pressing &= self.slots.len() > self.written;
            return None;
        }
        let item = self.take_at(self.written);
        self.is_pressing &= self.slots.len() > self.written;
        item
    }

    /// The next item stands for nothing any more (its row has expired): it is passed over.
    pub(crate) fn skip(&mut self) {
        self.take_at(self.written);
        self.is_pressing &= self.slots.len() > self.written;
    }

    fn take_at(&mut self, index: usize) -> Option<Item> {
        match self.slots.remove(index) {
            Some(Slot::Item { item, bytes, .. }) => {
                self.bytes = self.bytes.saturating_sub(wide(bytes));
                Some(item)
            }
            Some(Slot::Page { .. }) | None => None,
        }
    }

    /// The client has counted up to `h`: these items are its own now. `None`: it claims more than
    /// was sent (XEP-0198 section 4: `undefined-condition` with `handled-count-too-high`).
    pub(crate) fn acknowledge(&mut self, h: u32) -> Option<Vec<Item>> {
        let open = self.sent.wrapping_sub(h);
        let open = usize::try_from(open)
            .ok()
            .filter(|open| *open <= self.written)?;
        let done = self.written.saturating_sub(open);
        Some(
            (0..done)
                .filter_map(|_| self.take_first_written())
                .collect(),
        )
    }

    fn take_first_written(&mut self) -> Option<Item> {
        self.written = self.written.saturating_sub(1);
        self.take_at(0)
    }

    /// A resumed stream begins where the client's count ended: the rest is written again.
    pub(crate) fn rewind(&mut self, h: u32) -> Option<Vec<Item>> {
        let done = self.acknowledge(h)?;
        self.sent = h;
        self.written = 0;
        Some(done)
    }

    /// A session that this node goes on with: its client counts `h`, and has not got `items`, which come first.
    pub(crate) fn begin_at(&mut self, h: u32, items: Vec<Item>) {
        self.sent = h;
        self.written = 0;
        let behind = std::mem::take(&mut self.slots);
        let now = std::mem::take(&mut self.tag);
        for item in items {
            self.append(item);
        }
        self.tag = now;
        self.slots.extend(behind);
    }

    /// What a client has not counted, and how many of it are written: for a start after this one.
    pub(crate) fn saved(&self) -> (Vec<Item>, usize) {
        let items = self.slots.iter().filter_map(|slot| match slot {
            Slot::Item { item, .. } => Some(item.clone()),
            // What a query would have given goes with the server: the client asks again.
            Slot::Page { .. } => None,
        });
        (items.collect(), self.written)
    }

    /// As it was when it was saved.
    pub(crate) fn restore(&mut self, items: Vec<Item>, written: usize, sent: u32) {
        for item in items {
            self.append(item);
        }
        self.written = written.min(self.slots.len());
        self.sent = sent;
    }

    /// Stanzas sent, for the error of a count too high.
    pub(crate) fn sent(&self) -> u32 {
        self.sent
    }

    /// Stanzas that the client has counted.
    pub(crate) fn acknowledged(&self) -> u32 {
        let open = u32::try_from(self.written).unwrap_or(u32::MAX);
        self.sent.wrapping_sub(open)
    }

    /// What came with earlier entries than this one is written.
    pub(crate) fn written_before(&self) -> u64 {
        self.front()
            .map_or_else(|| self.tag.saturating_add(1), Slot::tag)
    }

    /// Each entry that brought something which is written and not counted: what came with earlier ones is written
    /// when so many stanzas are.
    pub(crate) fn marks(&self) -> impl Iterator<Item = (u64, u32)> {
        let mut last = None;
        let tags = self.slots.iter().take(self.written).map(Slot::tag);
        let marks = tags.zip((0..).map(|ahead| self.acknowledged().wrapping_add(ahead)));
        marks.filter(move |(tag, _)| last.replace(*tag) != Some(*tag))
    }

    /// Entries are numbered anew.
    pub(crate) fn reset_tags(&mut self) {
        self.tag = 0;
        for slot in &mut self.slots {
            match slot {
                Slot::Item { tag, .. } | Slot::Page { tag, .. } => *tag = 0,
            }
        }
    }

    pub(crate) fn has_unacknowledged(&self) -> bool {
        self.written > 0
    }

    /// Whether something should be written now. To a client that said it is inactive (XEP-0352) only together with
    /// what cannot wait, or where too much waits.
    pub(crate) fn wants_write(&self, active: bool) -> bool {
        match self.front() {
            None | Some(Slot::Page { .. }) => false,
            Some(Slot::Item { .. }) => active || self.is_pressing || self.holds_much(),
        }
    }

    fn holds_much(&self) -> bool {
        self.slots.len().saturating_sub(self.written) > HELD_ITEMS_MAX
            || self.bytes > HELD_BYTES_MAX
    }

    /// Ends the queue: everything that no client has taken, in order.
    pub(crate) fn drain(&mut self) -> Vec<Item> {
        self.bytes = 0;
        self.written = 0;
        let slots = std::mem::take(&mut self.slots);
        slots
            .into_iter()
            .filter_map(|slot| match slot {
                Slot::Item { item, .. } => Some(item),
                Slot::Page { .. } => None,
            })
            .collect()
    }

    /// Whether the kept message stands in the line.
    pub(crate) fn holds(&self, position: Position) -> bool {
        self.slots.iter().any(|slot| {
            matches!(slot, Slot::Item { item: Item::Kept { position: one, .. }, .. } if *one == position)
        })
    }

    /// Kept messages in the line, in order.
    pub(crate) fn kept(&self) -> impl Iterator<Item = (Position, How)> {
        self.slots.iter().filter_map(|slot| match slot {
            Slot::Item {
                item: Item::Kept { position, how },
                ..
            } => Some((*position, *how)),
            Slot::Item { .. } | Slot::Page { .. } => None,
        })
    }

    /// All kept messages in the line.
    pub(crate) fn positions(&self) -> BTreeSet<Position> {
        self.kept().map(|(position, _)| position).collect()
    }

    /// Memory that the line keeps now; what several keep is divided among them.
    pub(crate) fn memory_bytes(&self) -> usize {
        let places = self.slots.capacity().saturating_mul(size_of::<Slot>());
        let shares = self.slots.iter().map(|slot| match slot {
            Slot::Item { item, .. } => memory_share(item),
            Slot::Page { .. } => 0,
        });
        shares.fold(places, usize::saturating_add)
    }
}

/// Bytes that the item alone keeps in memory.
fn own_bytes(item: &Item) -> u32 {
    let bytes = match item {
        Item::Stanza { stanza } if Arc::strong_count(stanza) > 2 => 0,
        _ => payload_bytes(item),
    };
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

/// Bytes that the item keeps in memory, whoever else does, besides its place.
fn payload_bytes(item: &Item) -> usize {
    match item {
        Item::Stanza { stanza } => stanza.payload.len().saturating_add(ITEM_OVERHEAD_BYTES),
        Item::Bytes { bytes } => bytes.len().saturating_add(ITEM_OVERHEAD_BYTES),
        Item::Kept { .. } | Item::Result { .. } => 0,
    }
}

fn memory_share(item: &Item) -> usize {
    let holders = match item {
        Item::Stanza { stanza } => Arc::strong_count(stanza),
        Item::Bytes { bytes } => Arc::strong_count(bytes),
        Item::Kept { .. } | Item::Result { .. } => 1,
    };
    payload_bytes(item).div_ceil(holders.max(1))
}

/// What the sum of all queues may grow by with this item.
pub(crate) fn added_bytes(item: &Item) -> usize {
    // A line doubles its places when they run out.
    payload_bytes(item).saturating_add(2 * size_of::<Slot>())
}

fn wide(bytes: u32) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

pub(crate) fn presence_of(item: &Item) -> Option<&str> {
    match item {
        Item::Stanza { stanza } => match stanza.kind {
            Kind::Presence(PresenceType::Available | PresenceType::Unavailable) => {
                Some(stanza.from.as_str())
            }
            _ => None,
        },
        Item::Kept { .. } | Item::Result { .. } | Item::Bytes { .. } => None,
    }
}
