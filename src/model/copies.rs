//! Messages that another branch of the log may hold as well, because a client has sent them again.
//!
//! Two boards that are apart both number what a client sends to one and then to the other, and what one
//! proposed and the other numbered as the link broke. Both entries stay (`mirror` rule R6): one is the
//! archive's, the other becomes an alias, which is a row of the record that holds it ([`RowName::Alias`]).
//!
//! Copies are found by who sent it, to whom, the id of the stanza and what is in it but `<delay/>`,
//! whatever the session (rule U12); where there is no id, by that of the op. They stand on two branches; or
//! the second comes of a session that could not be resumed and began before both were one again (rule U13).
//! Of one stream, and of any while both boards serve together, what is alike was meant so: there are programs that
//! use an id again.
//!
//! [`RowName::Alias`]: crate::model::row::RowName::Alias

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::VecDeque;
use std::sync::Arc;

use memchr::memmem;
use ring::digest;

use crate::base::ids::Incarnation;
use crate::base::jid::FullJid;
use crate::base::mirror_limits::COPIES_MAX;
use crate::base::mirror_limits::COPIES_MS;
use crate::base::mirror_limits::COPIES_SOLO_MAX;
use crate::base::mirror_limits::COPIES_SYNC_MAX;
use crate::base::mirror_limits::COPY_STEPS_MAX;
use crate::base::time::Monotonic;
use crate::model::codec::Code as _;
use crate::model::entry::Entry;
use crate::model::entry::EpochRecord;
use crate::model::entry::Mode;
use crate::model::entry::Origin;
use crate::model::epochs::Epochs;
use crate::model::epochs::Relation;
use crate::model::message::Message;
use crate::model::message::Role;
use crate::model::op::Durable;
use crate::model::op::Op;
use crate::model::position::Epoch;
use crate::model::position::OpId;
use crate::model::position::Position;
use crate::model::row::RecordKey;
use crate::model::row::Row;
use crate::model::row::RowName;
use crate::model::row::alias;
use crate::stanza::ns;
use crate::stanza::outgoing::parse_payload;

/// Room for what stands before the payload, as far as it is usual.
const HEAD_BYTES: usize = 128;

/// What two copies have in common.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct CopyKey(u64);

impl CopyKey {
    /// `None`: nothing tells copies of it from messages that are like it.
    pub(crate) fn new(
        message: &Message,
        places: impl Iterator<Item = (Incarnation, Role)>,
        op_id: Option<OpId>,
    ) -> Option<Self> {
        let mut sum = digest::Context::new(&digest::SHA256);
        let mut bytes = Vec::with_capacity(HEAD_BYTES);
        if message.id.is_some() {
            let sender = message.sender.as_ref();
            let sender = sender.map_or_else(|| message.from.to_bare(), FullJid::bare);
            sender.encode(&mut bytes);
            message.kind.encode(&mut bytes);
            message.to.encode(&mut bytes);
            message.id.encode(&mut bytes);
            sum.update(&bytes);
            sum.update(&without_delay(&message.payload));
            bytes.clear();
        } else {
            op_id?.encode(&mut bytes);
        }
        for (archive, role) in places {
            archive.encode(&mut bytes);
            role.encode(&mut bytes);
        }
        sum.update(&bytes);
        let sum = sum.finish();
        let first = sum.as_ref().first_chunk().copied().unwrap_or_default();
        Some(Self(u64::from_be_bytes(first)))
    }
}

/// A client that sends what it has kept adds the time (XEP-0203).
fn without_delay(payload: &[u8]) -> Cow<'_, [u8]> {
    if memmem::find(payload, ns::DELAY.as_bytes()).is_none() {
        return payload.into();
    }
    let Some(element) = parse_payload(payload) else {
        return payload.into();
    };
    let is_delay = |child: crate::xml::Node<'_>| child.is("delay", ns::DELAY);
    element.root().inner_without(is_delay).into_owned().into()
}

/// How many of an epoch are remembered. A board that has no peer sees no other branch.
pub(crate) fn copies_max(mode: Mode) -> u64 {
    match mode {
        Mode::Single => 0,
        Mode::Solo => COPIES_SOLO_MAX,
        Mode::Sync => COPIES_SYNC_MAX,
    }
}

/// Two entries that are one message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Copy {
    /// The archive's.
    pub(crate) entry: Position,
    pub(crate) alias: Position,
}

impl Copy {
    /// As it stands in the log.
    pub(crate) fn op(self, record: RecordKey) -> Op {
        let name = RowName::Alias { at: self.alias };
        let bytes = Arc::from(self.entry.to_bytes());
        Op::row(record, name, Some(Row::Bytes { bytes }))
    }
}

/// The archive's of the copies of a message: one may have been named as a copy of a second before that was
/// known as one of a third. `named`: what a copy is one of.
pub(crate) fn last_entry(at: Position, named: impl Fn(Position) -> Option<Position>) -> Position {
    let mut entry = at;
    for _ in 0..COPY_STEPS_MAX {
        match named(entry) {
            Some(next) => entry = next,
            None => break,
        }
    }
    entry
}

/// What an entry says of copies.
pub(crate) fn copies_of(entry: &Entry) -> impl Iterator<Item = Copy> {
    entry.durable_ops().filter_map(|op| match op {
        Durable::Row { name, row, .. } => alias(name, row.as_ref()),
        _ => None,
    })
}

/// A message as [`Copies`] remembers it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known {
    pub(crate) key: CopyKey,
    /// The stream on which it was counted, and as which stanza; zero: none, or nobody knows.
    pub(crate) stream: u64,
    pub(crate) number: u32,
}

impl Known {
    pub(crate) fn new(key: CopyKey, origin: Option<&Origin>) -> Self {
        let stream = origin.map(|origin| u64::try_from(origin.key.0 & u128::from(u64::MAX)));
        let stream = stream.and_then(Result::ok).unwrap_or(0);
        let number = origin.map_or(0, |origin| origin.h);
        Self {
            key,
            stream,
            number,
        }
    }
}

/// The messages of this log that another branch may hold as well.
#[derive(Clone, Debug, Default)]
pub(crate) struct Copies {
    known: BTreeMap<Position, Known>,
    positions: BTreeSet<(CopyKey, Position)>,
    /// Of a copy, the one that came here later, as long as it has no alias.
    later: BTreeMap<Position, Copy>,
    /// Those that the tables hold without a name, and the records that lack it.
    nameless: Vec<(Copy, Vec<RecordKey>)>,
    /// The newest epochs of both, and when they began by the clock that never jumps.
    syncs: VecDeque<(Monotonic, Epoch)>,
}

impl Copies {
    /// A message that is in the log now; gives the copy of it that was there before.
    pub(crate) fn add(&mut self, at: Position, new: Known, epochs: &Epochs) -> Option<Copy> {
        let key = new.key;
        let window = copies_max(epochs.mode(at.epoch())?);
        if window == 0 {
            return None;
        }
        // Of two boards that are apart an entry of both goes before one of either alone (rule R14).
        let rank = |at: Position| (epochs.mode(at.epoch()) == Some(Mode::Solo), at);
        let range = (key, Position::ZERO)..=(key, Position::MAX);
        let known = self.positions.range(range).map(|(_, one)| *one);
        let mut found: Option<Copy> = None;
        for one in known {
            let is_first = match epochs.relation(one, at) {
                Relation::Beside => rank(one) < rank(at),
                Relation::Later if self.is_sent_again(one, at, new, epochs) => true,
                Relation::Later | Relation::Same | Relation::Earlier => continue,
            };
            let (entry, alias) = if is_first { (one, at) } else { (at, one) };
            if found.is_none_or(|found| rank(entry) < rank(found.entry)) {
                found = Some(Copy { entry, alias });
            }
        }
        self.known.insert(at, new);
        self.positions.insert((key, at));
        let oldest = Position::new(at.epoch(), at.seq().saturating_sub(window), 0);
        let range = Position::new(at.epoch(), 0, 0)..oldest;
        while let Some((old, _)) = self.known.range(range.clone()).next() {
            self.remove(*old);
        }
        if self.known.len() > COPIES_MAX
            && let Some((oldest, _)) = self.known.first_key_value()
        {
            self.remove(*oldest);
        }
        if let Some(copy) = found {
            self.later.insert(at, copy);
        }
        found
    }

    pub(crate) fn len(&self) -> usize {
        self.known.len()
    }

    /// Whether a client repeats what stands in the log: its stream was lost, or one node went on with it and
    /// did not know how far the other had come. While the boards are apart it may have been told so by the
    /// other one, and come back.
    fn is_sent_again(&self, one: Position, at: Position, new: Known, epochs: &Epochs) -> bool {
        let Some(before) = self.known.get(&one) else {
            return false;
        };
        let is_other = new.stream != before.stream;
        let is_again = if one.epoch() == at.epoch() {
            is_other && epochs.mode(at.epoch()) == Some(Mode::Solo)
        } else {
            is_other || new.number == before.number
        };
        new.stream != 0 && is_again
    }

    fn remove(&mut self, at: Position) {
        if let Some(known) = self.known.remove(&at) {
            self.positions.remove(&(known.key, at));
        }
        self.later.remove(&at);
    }

    /// An epoch begins. What both had for long is not sent again any more.
    pub(crate) fn begin_epoch(&mut self, record: &EpochRecord, epochs: &Epochs, now: Monotonic) {
        if record.mode != Mode::Sync {
            return;
        }
        let mut old = None;
        while let Some((begun, epoch)) = self.syncs.front().copied()
            && begun.plus_ms(COPIES_MS) <= now
        {
            old = Some(epoch);
            self.syncs.pop_front();
        }
        self.syncs.push_back((now, record.epoch));
        if let Some(old) = old {
            let known = |at: &Position| epochs.follows(*at, old);
            let gone: Vec<Position> = self.known.keys().copied().filter(known).collect();
            for at in gone {
                self.remove(at);
            }
        }
    }

    /// Whether this is a copy of what was here before, and nothing in the log says so yet.
    pub(crate) fn is_later(&self, at: Position) -> bool {
        self.later.contains_key(&at)
    }

    /// The tables hold a copy that nothing names in these records.
    pub(crate) fn note_nameless(&mut self, copy: Copy, records: Vec<RecordKey>) {
        self.nameless.push((copy, records));
    }

    pub(crate) fn take_nameless(&mut self) -> Vec<(Copy, Vec<RecordKey>)> {
        std::mem::take(&mut self.nameless)
    }

    /// The same, with which of the two came here later.
    pub(crate) fn later(&self) -> impl Iterator<Item = (Position, Copy)> {
        self.later.iter().map(|(at, copy)| (*at, *copy))
    }

    /// Copies that nothing in the log names yet.
    pub(crate) fn unnamed(&self) -> impl Iterator<Item = Copy> {
        self.later.values().copied()
    }

    /// The log says so of these two; the same message may have another copy, which it does not name yet.
    pub(crate) fn settle(&mut self, copy: Copy) {
        for at in [copy.entry, copy.alias] {
            let unnamed = self.later.get(&at).map(|unnamed| unnamed.alias);
            if unnamed == Some(copy.alias) {
                self.later.remove(&at);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::jid::Jid;
    use crate::model::position::Hlc;
    use crate::stanza::MessageType;

    fn epoch(counter: u32, node: u8) -> Epoch {
        let salt = 1;
        Epoch {
            counter,
            node,
            salt,
        }
    }

    fn epochs() -> Epochs {
        let mut epochs = Epochs::default();
        let begin = |epoch, mode, parents| EpochRecord {
            epoch,
            stamp: Hlc::default(),
            mode,
            parents,
        };
        let both = epoch(1, 0);
        epochs.add(&begin(both, Mode::Sync, Vec::new()));
        for node in [0, 1] {
            let parents = vec![Position::new(both, 5, 0)];
            epochs.add(&begin(epoch(2, node), Mode::Solo, parents));
        }
        let ends = [0, 1].map(|node| Position::new(epoch(2, node), 1 << 40, 0));
        epochs.add(&begin(epoch(3, 0), Mode::Sync, ends.to_vec()));
        epochs
    }

    fn at(counter: u32, node: u8, seq: u64) -> Position {
        Position::new(epoch(counter, node), seq, 0)
    }

    fn known(key: u64, stream: u64) -> Known {
        let key = CopyKey(key);
        Known {
            key,
            stream,
            number: 0,
        }
    }

    #[test]
    fn of_two_branches_the_smaller_key_is_the_archives_whichever_came_first() {
        let epochs = epochs();
        let (left, right) = (at(2, 0, 9), at(2, 1, 3));
        for (first, second) in [(left, right), (right, left)] {
            let mut copies = Copies::default();
            assert_eq!(copies.add(first, known(7, 0), &epochs), None);
            let copy = copies.add(second, known(7, 0), &epochs);
            assert_eq!(
                copy,
                Some(Copy {
                    entry: left,
                    alias: right
                })
            );
            assert!(copies.is_later(second) && !copies.is_later(first));
        }
    }

    #[test]
    fn what_one_side_says_twice_is_said_twice() {
        let epochs = epochs();
        let mut copies = Copies::default();
        copies.add(at(2, 0, 1), known(7, 4), &epochs);
        assert_eq!(copies.add(at(2, 0, 2), known(7, 4), &epochs), None);
        let later = Known {
            number: 9,
            ..known(7, 4)
        };
        assert_eq!(copies.add(at(3, 0, 2), later, &epochs), None);
    }

    #[test]
    fn a_lost_stream_that_is_repeated_after_the_heal_is_a_copy() {
        let epochs = epochs();
        let mut copies = Copies::default();
        copies.add(at(2, 1, 1), known(7, 4), &epochs);
        let copy = copies.add(at(3, 0, 2), known(7, 5), &epochs).unwrap();
        assert_eq!((copy.entry, copy.alias), (at(2, 1, 1), at(3, 0, 2)));
    }

    #[test]
    fn a_lost_stream_that_is_repeated_where_a_board_is_alone_is_a_copy() {
        let epochs = epochs();
        for (epoch, is_copy) in [((2, 1), true), ((3, 0), false)] {
            let mut copies = Copies::default();
            let at = |seq| at(epoch.0, epoch.1, seq);
            copies.add(at(1), known(7, 4), &epochs);
            let copy = copies.add(at(2), known(7, 5), &epochs);
            assert_eq!(copy.is_some(), is_copy, "{epoch:?}");
        }
    }

    #[test]
    fn what_the_log_says_of_one_copy_does_not_name_another() {
        let epochs = epochs();
        // Numbered by both; then it came here alone, and over there once more.
        let (entry, here, there) = (at(1, 0, 9), at(2, 1, 1), at(2, 0, 3));
        let mut copies = Copies::default();
        copies.add(here, known(7, 5), &epochs);
        let ours = copies.add(entry, known(7, 4), &epochs).unwrap();
        let alias = there;
        copies.settle(Copy { entry, alias });
        assert!(copies.is_later(entry));
        copies.settle(ours);
        assert!(!copies.is_later(entry));
    }

    #[test]
    fn what_is_far_behind_in_its_epoch_is_forgotten() {
        let epochs = epochs();
        let mut copies = Copies::default();
        copies.add(at(2, 0, 1), known(7, 0), &epochs);
        copies.add(at(2, 0, 2 + COPIES_SOLO_MAX), known(8, 0), &epochs);
        assert_eq!(copies.add(at(2, 1, 1), known(7, 0), &epochs), None);
    }

    #[test]
    fn the_time_that_a_client_adds_does_not_make_another_message() {
        let message = |payload: &str| Message {
            kind: MessageType::Chat,
            from: Jid::parse("a@b/c").unwrap(),
            to: Jid::parse("d@e").unwrap(),
            id: Some("m1".into()),
            lang: None,
            payload: payload.as_bytes().into(),
            sender: None,
        };
        let key =
            |payload: &str| CopyKey::new(&message(payload), std::iter::empty(), None).unwrap();
        let delay = "<delay xmlns='urn:xmpp:delay' stamp='2026-01-01T00:00:00Z'/>";
        let body = "<body>one</body>";
        assert_eq!(key(body), key(&format!("{body}{delay}")));
        assert_ne!(key(body), key("<body>two</body>"));
    }
}
