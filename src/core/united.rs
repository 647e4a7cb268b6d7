//! Pages of archives: what the tables found, and what stands in the tail.

use std::sync::Arc;

use crate::core::tail::Tail;
use crate::effect::query::ArchivePage;
use crate::effect::query::Found;
use crate::effect::query::Kept;
use crate::effect::query::Searched;
use crate::model::position::Index;
use crate::model::position::Position;

/// Entries above the one, up to the other.
type Span = (Index, Index);

/// What the tail did to a page.
struct Joined {
    /// Some of it came to be beyond the page.
    is_cut: bool,
    /// Messages of the archive, on this page or another, that the tables do not count.
    more: u64,
    /// Messages that the tables count and that are hidden.
    fewer: u64,
}

impl Tail {
    pub(super) fn unite_page(
        &self,
        page: &ArchivePage,
        (mut rows, complete, total): (Vec<Kept>, bool, Option<u64>),
        span: Span,
    ) -> Found {
        let edge = page.edge(&rows).filter(|_| !complete);
        let joined = self.join(page, &mut rows, edge, span, |_| true);
        let total = total.map(|total| {
            let total = total.saturating_add(joined.more);
            total.saturating_sub(joined.fewer)
        });
        Found::Page {
            rows,
            complete: complete && !joined.is_cut,
            total,
        }
    }

    pub(super) fn unite_search(
        &self,
        page: &ArchivePage,
        mut found: Searched,
        span: Span,
    ) -> Found {
        let recent = &found.recent;
        let joined = self.join(page, &mut found.rows, found.edge, span, |position| {
            recent.contains(&position)
        });
        // What was taken back since has no words any more.
        found.rows.retain(|row| !row.message.is_tombstone());
        if joined.is_cut {
            found.complete = false;
            found.edge = None;
        }
        Found::Searched { found }
    }

    /// Messages of the archive that stand in the tail and that the words of a search may be in.
    pub(super) fn recent(&self, page: &ArchivePage) -> Vec<Kept> {
        let span = (Index::default(), self.delivered());
        self.newer(page, span).collect()
    }

    fn newer(&self, page: &ArchivePage, (from, upto): Span) -> impl Iterator<Item = Kept> {
        let places = self.places_of(page.incarnation, from, upto);
        let places = places.filter(move |(position, row, place)| {
            !self.is_hidden(page, *position, upto) && page.matches(*position, row.at, place)
        });
        places.map(|(position, row, _)| Kept {
            position,
            at: row.at,
            message: Arc::clone(&row.message),
        })
    }

    /// Copies of messages that the archive has are there for who names them.
    fn is_hidden(&self, page: &ArchivePage, position: Position, upto: Index) -> bool {
        self.is_alias(position, upto) && !page.ids.contains(&position)
    }

    /// `edge`: what is beyond comes with the next page. Merged entries stand anywhere in an archive.
    fn join(
        &self,
        page: &ArchivePage,
        rows: &mut Vec<Kept>,
        edge: Option<Position>,
        span: Span,
        is_wanted: impl Fn(Position) -> bool,
    ) -> Joined {
        let found = rows.len();
        self.retracted.bury(rows);
        rows.retain(|row| !self.is_hidden(page, row.position, span.1));
        let fewer = found.saturating_sub(rows.len());
        let mut more = 0_u64;
        for kept in self.newer(page, span) {
            more = more.saturating_add(1);
            let is_on_page = page.reaches(kept.position) && page.is_near(kept.position, edge);
            if is_on_page && is_wanted(kept.position) {
                rows.push(kept);
            }
        }
        rows.sort_by_key(|row| row.position);
        let surplus = rows.len().saturating_sub(page.count_max);
        if page.backwards {
            rows.drain(..surplus);
        } else {
            rows.truncate(page.count_max);
        }
        if page.flipped {
            rows.reverse();
        }
        Joined {
            is_cut: surplus > 0,
            more,
            fewer: u64::try_from(fewer).unwrap_or(0),
        }
    }
}
