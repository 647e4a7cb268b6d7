//! What all connections keep in memory together, and who has to give way when that is too much.
//!
//! A connection at rest keeps nothing. Unfinished stanzas, input that has to wait and output that the client does
//! not take are noted here, and their sum is bounded. Close to the bound, whoever is in the middle of a large
//! stanza is read no further, so that ordinary stanzas go on. At the bound, or when somebody has waited too
//! long, the connection that keeps most is ended.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::base::limits::STRANGER_STANZA_BYTES_MAX;
use crate::core::session::LinkId;

/// The sum, and what each link has of it. One for all connections of a thread.
#[derive(Debug)]
pub(crate) struct Ledger {
    bytes_max: usize,
    bytes: usize,
    /// Those that keep something.
    links: BTreeMap<LinkId, usize>,
    /// Those that wait for room.
    waiting: BTreeSet<LinkId>,
    /// The one that has to end; there is one at a time.
    doomed: Option<LinkId>,
}

impl Ledger {
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self {
            bytes_max,
            bytes: 0,
            links: BTreeMap::new(),
            waiting: BTreeSet::new(),
            doomed: None,
        }
    }

    pub(crate) fn set_max(&mut self, bytes_max: usize) {
        self.bytes_max = bytes_max;
    }

    /// The link keeps so much now; gives the links that should look again.
    pub(crate) fn note(&mut self, link: LinkId, bytes: usize) -> Vec<LinkId> {
        let before = if bytes == 0 {
            self.links.remove(&link)
        } else {
            self.links.insert(link, bytes)
        };
        self.bytes = self.bytes.saturating_sub(before.unwrap_or(0));
        self.bytes = self.bytes.saturating_add(bytes);
        // Whoever is to go for want of room stays if there is room.
        let is_free = self.bytes < self.crowded();
        let is_gone = bytes == 0 && self.doomed == Some(link);
        if is_free || is_gone {
            self.doomed = None;
        }
        if self.bytes >= self.bytes_max {
            self.doom().into_iter().collect()
        } else if is_free || is_gone {
            std::mem::take(&mut self.waiting).into_iter().collect()
        } else {
            Vec::new()
        }
    }

    /// Whether more may be read for the link. If not, it waits, and [`Ledger::note`] names it one day.
    pub(crate) fn may_read(&mut self, link: LinkId) -> bool {
        let kept = self.links.get(&link).copied().unwrap_or(0);
        // What RFC 6120 section 13.12 lets everybody send is let in as long as anything is.
        let is_large = kept >= STRANGER_STANZA_BYTES_MAX;
        let mark = if is_large {
            self.crowded()
        } else {
            self.bytes_max
        };
        self.allow(link, mark)
    }

    /// Whether more may be fetched that the link's client is to be sent; it waits otherwise.
    pub(crate) fn may_write(&mut self, link: LinkId) -> bool {
        self.allow(link, self.bytes_max)
    }

    fn allow(&mut self, link: LinkId, mark: usize) -> bool {
        let has_room = self.bytes < mark;
        if !has_room {
            self.waiting.insert(link);
        }
        has_room
    }

    /// Somebody has waited long enough: the link that keeps most has to end, which is to be told.
    pub(crate) fn doom(&mut self) -> Option<LinkId> {
        if self.doomed.is_some() || self.bytes < self.crowded() {
            return None;
        }
        let most = self.links.iter().max_by_key(|(_, bytes)| **bytes);
        self.doomed = most.map(|(link, _)| *link);
        self.doomed
    }

    pub(crate) fn is_doomed(&self, link: LinkId) -> bool {
        self.doomed == Some(link)
    }

    /// The link is gone; gives those that should look again.
    pub(crate) fn leave(&mut self, link: LinkId) -> Vec<LinkId> {
        self.waiting.remove(&link);
        self.note(link, 0)
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Where large stanzas have to wait: three quarters.
    fn crowded(&self) -> usize {
        self.bytes_max.saturating_sub(self.bytes_max / 4)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LARGE: usize = STRANGER_STANZA_BYTES_MAX;

    fn link(number: usize) -> LinkId {
        LinkId(u64::try_from(number).unwrap())
    }

    #[test]
    fn large_stanzas_wait_before_ordinary_ones_do() {
        let mut ledger = Ledger::new(8 * LARGE);
        for one in 0..6 {
            assert!(ledger.may_read(link(one)));
            assert!(ledger.note(link(one), LARGE).is_empty());
        }
        assert!(!ledger.may_read(link(0)));
        assert!(ledger.may_read(link(6)) && ledger.may_write(link(0)));

        assert_eq!(ledger.note(link(5), 0), [link(0)]);
        assert!(ledger.may_read(link(0)));
    }

    #[test]
    fn whoever_keeps_most_gives_way_at_the_bound() {
        let mut ledger = Ledger::new(8 * LARGE);
        assert!(ledger.note(link(1), 5 * LARGE).is_empty());
        assert_eq!(ledger.note(link(2), 3 * LARGE), [link(1)]);
        assert!(ledger.is_doomed(link(1)));
        // Until it is gone, nobody gets more, and nobody else has to go.
        assert!(!ledger.may_read(link(3)) && !ledger.may_write(link(3)));
        assert!(ledger.note(link(2), 4 * LARGE).is_empty());

        assert_eq!(ledger.leave(link(1)), [link(3)]);
        assert_eq!(ledger.bytes(), 4 * LARGE);
        assert!(ledger.may_read(link(3)) && !ledger.is_doomed(link(1)));
    }

    #[test]
    fn who_has_waited_too_long_is_helped_only_while_it_is_crowded() {
        let mut ledger = Ledger::new(8 * LARGE);
        ledger.note(link(1), 4 * LARGE);
        assert_eq!(ledger.doom(), None);
        ledger.note(link(2), 2 * LARGE);
        assert_eq!(ledger.doom(), Some(link(1)));
        // It has finished its stanza in the meantime, and need not go.
        assert!(ledger.note(link(2), LARGE).is_empty());
        assert!(!ledger.is_doomed(link(1)));
    }

    #[test]
    fn nothing_is_kept_of_links_at_rest() {
        let mut ledger = Ledger::new(8 * LARGE);
        ledger.note(link(1), 9 * LARGE);
        assert!(!ledger.may_read(link(2)));
        ledger.leave(link(2));
        ledger.note(link(1), 0);
        assert!(ledger.links.is_empty() && ledger.waiting.is_empty());
        assert_eq!((ledger.bytes(), ledger.doomed), (0, None));
    }
}
