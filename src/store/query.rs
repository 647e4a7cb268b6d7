//! Answers from the tables: pages of archives, their ends, lists of accounts and rooms.
//!
//! | question | time |
//! |---|---|
//! | a page | its messages, and the places between its bounds that do not match |
//! | its total | none for a whole archive; for the first page of a part its places, at most [`ARCHIVE_COUNT_MAX`] |
//! | with times | the stretches of the clock before or after them (940 a year) |
//! | a list | its length, and all rooms where hidden ones are left out |
//!
//! What does not match is passed over by its place (40 bytes) without reading the message.

use std::ops::RangeInclusive;
use std::sync::Arc;

use redb::ReadOnlyTable;
use redb::ReadTransaction;

use crate::base::ids::Incarnation;
use crate::base::jid::FullJid;
use crate::base::limits::ARCHIVE_COUNT_MAX;
use crate::base::limits::PAGE_BYTES_MAX;
use crate::base::time::Timestamp;
use crate::effect::query::ArchivePage;
use crate::effect::query::Found;
use crate::effect::query::Horizon;
use crate::effect::query::Kept;
use crate::effect::query::Question;
use crate::effect::query::fit_history;
use crate::effect::query::is_with;
use crate::model::message::Message;
use crate::model::position::Position;
use crate::store::error::StoreError;
use crate::store::key::PlaceKey;
use crate::store::key::place_key;
use crate::store::key::place_position;
use crate::store::list;
use crate::store::load::read_archive;
use crate::store::people;
use crate::store::schema;
use crate::store::schema::PlaceValue;
use crate::store::schema::Span;
use crate::store::schema::WithHash;
use crate::store::schema::stretch;
use crate::store::search;

pub(super) fn ask(
    snapshot: &ReadTransaction,
    question: &Question,
    horizon: &Horizon,
) -> Result<Found, StoreError> {
    match question {
        Question::Archive { page, .. } | Question::PassedBy { page } => {
            find_page(snapshot, page, &horizon.elsewhere)
        }
        Question::Search { page, words, .. } => search::find(snapshot, page, words, horizon),
        Question::RoomHistory {
            page,
            since,
            bytes_max,
            ..
        } => {
            let mut page = page.clone();
            page.start = page.start.max(*since);
            let mut found = find_page(snapshot, &page, &horizon.elsewhere)?;
            if let Found::Page { rows, .. } = &mut found {
                fit_history(rows, *bytes_max);
            }
            Ok(found)
        }
        Question::ArchiveEnds { incarnation, .. } => find_ends(snapshot, *incarnation),
        Question::Accounts {
            after,
            count_max,
            disabled_only,
            ..
        } => {
            let accounts = list::Accounts {
                after: after.as_ref(),
                count_max: *count_max,
                disabled_only: *disabled_only,
            };
            accounts.list(snapshot, &horizon.changed)
        }
        Question::Rooms {
            after,
            count_max,
            public_only,
            ..
        } => {
            let room = list::Rooms {
                after: after.as_ref(),
                count_max: *count_max,
                public_only: *public_only,
            };
            room.list(snapshot, &horizon.changed)
        }
        Question::People { search } => people::find(snapshot, search, horizon),
        Question::Channels { search } => list::channels(snapshot, search, &horizon.changed),
    }
}

/// One archive, open for reading.
pub(super) struct Reader {
    archive: Incarnation,
    places: ReadOnlyTable<&'static [u8; 24], &'static [u8; 16]>,
    messages: ReadOnlyTable<&'static [u8; 16], &'static [u8]>,
    /// What is there for a reader.
    pub(super) range: RangeInclusive<Position>,
    /// How many are in the range, if that is known.
    count: Option<u64>,
}

impl Reader {
    /// `None`: nothing was ever kept in the archive.
    pub(super) fn open(
        snapshot: &ReadTransaction,
        archive: Incarnation,
    ) -> Result<Option<Self>, StoreError> {
        let Some(sums) = read_archive(snapshot, archive)? else {
            return Ok(None);
        };
        if sums.is_gone() {
            return Ok(None);
        }
        Ok(Some(Self {
            archive,
            places: snapshot.open_table(schema::PLACES)?,
            messages: snapshot.open_table(schema::MESSAGES)?,
            range: above(sums.cleared)..=Position::MAX,
            count: (!sums.clearing).then_some(sums.count),
        }))
    }

    /// Places in a range, in either direction.
    pub(super) fn places(
        &self,
        range: &RangeInclusive<Position>,
        backwards: bool,
    ) -> Result<impl Iterator<Item = Result<(Position, PlaceValue), StoreError>>, StoreError> {
        let low = place_key(self.archive, *range.start());
        let high = place_key(self.archive, *range.end());
        let is_empty = range.is_empty();
        let mut rows = self.places.range::<&PlaceKey>(&low..=&low.max(high))?;
        Ok(std::iter::from_fn(move || {
            let row = match backwards {
                _ if is_empty => None,
                true => rows.next_back(),
                false => rows.next(),
            };
            row.map(|row| {
                let (key, value) = row?;
                let place = PlaceValue::from_bytes(*value.value());
                Ok((place_position(key.value()), place))
            })
        }))
    }

    fn place(&self, position: Position) -> Result<Option<PlaceValue>, StoreError> {
        if !self.range.contains(&position) {
            return Ok(None);
        }
        let value = self.places.get(&place_key(self.archive, position))?;
        let place = value.map(|value| PlaceValue::from_bytes(*value.value()));
        Ok(place.filter(|place| place.archived || place.is_alias))
    }

    /// The payload of a message, given to `look`; `None`: it is not there.
    pub(super) fn payload<T>(
        &self,
        position: Position,
        look: impl Fn(&[u8]) -> T,
    ) -> Result<Option<T>, StoreError> {
        let Some(value) = self.messages.get(&position.to_bytes())? else {
            return Ok(None);
        };
        Ok(Some(look(schema::read_payload(value.value())?)))
    }

    pub(super) fn message(
        &self,
        position: Position,
        place: PlaceValue,
    ) -> Result<Option<Kept>, StoreError> {
        let Some(value) = self.messages.get(&position.to_bytes())? else {
            return Ok(None);
        };
        let (_, message) = schema::read_message(value.value())?;
        Ok(Some(Kept {
            position,
            at: place.at,
            message: Arc::new(message),
        }))
    }
}

fn above(position: Position) -> Position {
    Position::from_u128(position.to_u128().saturating_add(1))
}

fn below(position: Position) -> Position {
    Position::from_u128(position.to_u128().saturating_sub(1))
}

fn narrow(
    range: &RangeInclusive<Position>,
    low: Option<Position>,
    high: Option<Position>,
) -> RangeInclusive<Position> {
    let low = low.unwrap_or(Position::ZERO).max(*range.start());
    let high = high.unwrap_or(Position::MAX).min(*range.end());
    low..=high
}

/// The part of a range that a page is of.
pub(super) fn within(
    range: &RangeInclusive<Position>,
    page: &ArchivePage,
) -> RangeInclusive<Position> {
    narrow(range, page.after.map(above), page.before.map(below))
}

/// What of a page can be told from a place alone.
pub(super) struct Filter<'a> {
    page: &'a ArchivePage,
    with: Option<WithHash>,
}

impl<'a> Filter<'a> {
    pub(super) fn new(page: &'a ArchivePage) -> Self {
        Self {
            page,
            with: page.with.as_ref().map(WithHash::new),
        }
    }

    pub(super) fn may_match(&self, place: &PlaceValue) -> bool {
        place.archived && self.may_match_named(place)
    }

    fn may_match_named(&self, place: &PlaceValue) -> bool {
        let is_with = match (&self.page.with, self.with) {
            (Some(with), Some(hash)) if with.is_bare() => place.with.bare == hash.bare,
            (_, Some(hash)) => place.with == hash,
            _ => true,
        };
        is_with && self.page.is_between(place.at)
    }

    /// How many there are on all pages, if that is known or soon counted. Whoever asks for the
    /// second page was told with the first.
    fn total(
        &self,
        reader: &Reader,
        range: &RangeInclusive<Position>,
    ) -> Result<Option<u64>, StoreError> {
        let page = self.page;
        let is_whole = page.with.is_none() && page.start.is_none() && page.end.is_none();
        if is_whole && reader.count.is_some() {
            return Ok(reader.count);
        }
        if page.after.is_some() || page.before.is_some() {
            return Ok(None);
        }
        let (mut total, mut looked) = (0_u64, 0);
        for place in reader.places(range, false)? {
            looked += 1;
            if looked > ARCHIVE_COUNT_MAX {
                return Ok(None);
            }
            if self.may_match(&place?.1) {
                total += 1;
            }
        }
        Ok(Some(total))
    }

    /// The hashes of two addresses may be equal.
    pub(super) fn matches(&self, message: &Message) -> bool {
        let Some(with) = &self.page.with else {
            return true;
        };
        let sender = message.sender.as_ref().map(FullJid::as_jid);
        [Some(&message.from), Some(&message.to), sender]
            .into_iter()
            .flatten()
            .any(|jid| is_with(with, jid))
    }
}

/// Whether all items that the client names are there.
pub(super) fn has_named(
    reader: Option<&Reader>,
    page: &ArchivePage,
    elsewhere: &[Position],
) -> Result<bool, StoreError> {
    for position in page.named().filter(|named| !elsewhere.contains(named)) {
        let place = match reader {
            Some(reader) => reader.place(position)?,
            None => None,
        };
        if place.is_none() {
            return Ok(false);
        }
    }
    Ok(true)
}

fn find_page(
    snapshot: &ReadTransaction,
    page: &ArchivePage,
    elsewhere: &[Position],
) -> Result<Found, StoreError> {
    let reader = Reader::open(snapshot, page.incarnation)?;
    if !has_named(reader.as_ref(), page, elsewhere)? {
        return Ok(Found::NoSuchItem);
    }
    let Some(reader) = reader else {
        return Ok(Found::Page {
            rows: Vec::new(),
            complete: true,
            total: Some(0),
        });
    };
    if !page.ids.is_empty() {
        return find_named(&reader, page);
    }
    let all = times(snapshot, page, &reader.range)?;
    let range = within(&all, page);
    let filter = Filter::new(page);
    let (mut rows, mut bytes, mut complete) = (Vec::new(), 0_usize, true);
    for place in reader.places(&range, page.backwards)? {
        let (position, place) = place?;
        if !filter.may_match(&place) {
            continue;
        }
        let is_full = rows.len() == page.count_max || bytes >= PAGE_BYTES_MAX;
        if is_full && page.with.is_none() {
            complete = false;
            break;
        }
        let Some(kept) = reader.message(position, place)? else {
            continue;
        };
        if !filter.matches(&kept.message) {
            continue;
        }
        if is_full {
            complete = false;
            break;
        }
        bytes = bytes.saturating_add(kept.message.payload.len());
        rows.push(kept);
    }
    if page.backwards {
        rows.reverse();
    }
    let total = filter.total(&reader, &all)?;
    Ok(Found::Page {
        rows,
        complete,
        total,
    })
}

/// The items that the client has named, in order of the archive.
pub(super) fn find_named(reader: &Reader, page: &ArchivePage) -> Result<Found, StoreError> {
    let filter = Filter::new(page);
    let mut ids = page.ids.clone();
    ids.sort_unstable();
    ids.dedup();
    if page.backwards {
        ids.reverse();
    }
    let (mut rows, mut bytes) = (Vec::new(), 0_usize);
    let (mut total, mut complete) = (0_u64, true);
    for position in ids {
        let Some(place) = reader
            .place(position)?
            .filter(|place| filter.may_match_named(place))
        else {
            continue;
        };
        let kept = reader.message(position, place)?;
        let Some(kept) = kept.filter(|kept| filter.matches(&kept.message)) else {
            continue;
        };
        total = total.saturating_add(1);
        if !page.reaches(position) {
            continue;
        }
        if rows.len() >= page.count_max || bytes >= PAGE_BYTES_MAX {
            complete = false;
            continue;
        }
        bytes = bytes.saturating_add(kept.message.payload.len());
        rows.push(kept);
    }
    if page.backwards {
        rows.reverse();
    }
    Ok(Found::Page {
        rows,
        complete,
        total: Some(total),
    })
}

/// The part of the archive where messages of the times asked for can be. Within it each is looked at:
/// stamps grow with positions on one branch of the log only.
pub(super) fn times(
    snapshot: &ReadTransaction,
    page: &ArchivePage,
    range: &RangeInclusive<Position>,
) -> Result<RangeInclusive<Position>, StoreError> {
    if page.start.is_none() && page.end.is_none() {
        return Ok(range.clone());
    }
    let clock = snapshot.open_table(schema::CLOCK)?;
    let mut low = page.start.map(|_| Position::MAX);
    if let Some(start) = page.start {
        for row in clock.range(stretch(start)..)? {
            let span = Span::from_bytes(row?.1.value());
            low = low.min(Some(span.low));
        }
    }
    let mut high = page.end.map(|_| Position::ZERO);
    if let Some(end) = page.end {
        for row in clock.range(..=stretch(end))? {
            let span = Span::from_bytes(row?.1.value());
            high = high.max(Some(span.high));
        }
    }
    Ok(narrow(range, low, high))
}

fn find_ends(snapshot: &ReadTransaction, archive: Incarnation) -> Result<Found, StoreError> {
    let Some(reader) = Reader::open(snapshot, archive)? else {
        return Ok(Found::Ends {
            first: None,
            last: None,
        });
    };
    let end = |backwards| -> Result<Option<(Position, Timestamp)>, StoreError> {
        for place in reader.places(&reader.range, backwards)? {
            let (position, place) = place?;
            if place.archived {
                return Ok(Some((position, place.at)));
            }
        }
        Ok(None)
    };
    Ok(Found::Ends {
        first: end(false)?,
        last: end(true)?,
    })
}
