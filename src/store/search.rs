//! Words in the messages of an archive (XEP-0431): read one after the other, from where the page begins.
//!
//! There is no index, which would have to be written with every message. A page looks at a bounded number of
//! messages; where it ends before it is full, it says how far it came, and the next page goes on there.

use std::ops::RangeInclusive;
use std::sync::Arc;

use redb::ReadTransaction;

use crate::base::limits::PAGE_BYTES_MAX;
use crate::base::search_limits::SEARCHED_MESSAGES_MAX;
use crate::base::search_limits::SEARCHED_PLACES_MAX;
use crate::effect::query::ArchivePage;
use crate::effect::query::Found;
use crate::effect::query::Horizon;
use crate::effect::query::Searched;
use crate::model::position::Position;
use crate::stanza::words::Words;
use crate::store::error::StoreError;
use crate::store::query::Filter;
use crate::store::query::Reader;
use crate::store::query::find_named;
use crate::store::query::has_named;
use crate::store::query::times;
use crate::store::query::within;

pub(super) fn find(
    snapshot: &ReadTransaction,
    page: &ArchivePage,
    words: &Arc<Words>,
    horizon: &Horizon,
) -> Result<Found, StoreError> {
    let reader = Reader::open(snapshot, page.incarnation)?;
    if !has_named(reader.as_ref(), page, &horizon.elsewhere)? {
        return Ok(Found::NoSuchItem);
    }
    let mut found = match reader {
        None => Searched {
            complete: true,
            ..Searched::default()
        },
        Some(reader) if !page.ids.is_empty() => find_among_named(&reader, page, words)?,
        Some(reader) => {
            let all = times(snapshot, page, &reader.range)?;
            look(&reader, page, words, &within(&all, page))?
        }
    };
    let recent = horizon.recent.iter();
    let recent = recent.filter(|kept| words.are_in(&kept.message.payload));
    found.recent = recent.map(|kept| kept.position).collect();
    Ok(Found::Searched { found })
}

fn find_among_named(
    reader: &Reader,
    page: &ArchivePage,
    words: &Words,
) -> Result<Searched, StoreError> {
    let Found::Page {
        mut rows, complete, ..
    } = find_named(reader, page)?
    else {
        return Ok(Searched::default());
    };
    let edge = page.edge(&rows).filter(|_| !complete);
    rows.retain(|row| words.are_in(&row.message.payload));
    Ok(Searched {
        rows,
        complete,
        edge,
        ..Searched::default()
    })
}

fn look(
    reader: &Reader,
    page: &ArchivePage,
    words: &Words,
    range: &RangeInclusive<Position>,
) -> Result<Searched, StoreError> {
    let filter = Filter::new(page);
    let mut found = Searched::default();
    let (mut places, mut messages, mut bytes) = (0, 0, 0_usize);
    for place in reader.places(range, page.backwards)? {
        let (position, place) = place?;
        // Whether there is one more would be told by looking at all the rest.
        let is_full = found.rows.len() >= page.count_max || bytes >= PAGE_BYTES_MAX;
        if is_full || places >= SEARCHED_PLACES_MAX || messages >= SEARCHED_MESSAGES_MAX {
            return Ok(in_order(found, page));
        }
        places += 1;
        // A page goes on behind something that can be named.
        if !place.archived {
            continue;
        }
        found.edge = Some(position);
        if !filter.may_match(&place) {
            continue;
        }
        messages += 1;
        let is_found = reader.payload(position, |payload| words.are_in(payload))?;
        if is_found != Some(true) {
            continue;
        }
        let kept = reader.message(position, place)?;
        if let Some(kept) = kept.filter(|kept| filter.matches(&kept.message)) {
            bytes = bytes.saturating_add(kept.message.payload.len());
            found.rows.push(kept);
        }
    }
    found.complete = true;
    found.edge = None;
    Ok(in_order(found, page))
}

fn in_order(mut found: Searched, page: &ArchivePage) -> Searched {
    if page.backwards {
        found.rows.reverse();
    }
    found
}
