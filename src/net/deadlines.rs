//! One timer for many connections: who wants to be woken when.
//!
//! A timer of the system for each connection would be set anew with every stanza. Here a connection names its
//! next moment only when that changes, and the thread sleeps until the first of all.

use std::collections::BTreeSet;

use crate::base::time::Monotonic;

/// Who, by number; each has one moment at most, and remembers it itself.
#[derive(Debug, Default)]
pub(crate) struct Deadlines {
    moments: BTreeSet<(Monotonic, u64)>,
}

impl Deadlines {
    /// Replaces the moment `before`, which the caller kept, by `after`.
    pub(crate) fn set(&mut self, who: u64, before: Option<Monotonic>, after: Option<Monotonic>) {
        if before == after {
            return;
        }
        if let Some(before) = before {
            self.moments.remove(&(before, who));
        }
        if let Some(after) = after {
            self.moments.insert((after, who));
        }
    }

    /// The first moment of all.
    pub(crate) fn next(&self) -> Option<Monotonic> {
        self.moments.first().map(|(moment, _)| *moment)
    }

    /// One of those whose moment has come. It has none from then on.
    pub(crate) fn take_due(&mut self, now: Monotonic) -> Option<u64> {
        let (moment, _) = self.moments.first()?;
        if *moment > now {
            return None;
        }
        self.moments.pop_first().map(|(_, who)| who)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_is_woken_once_and_in_order() {
        let mut deadlines = Deadlines::default();
        deadlines.set(1, None, Some(Monotonic(30)));
        deadlines.set(2, None, Some(Monotonic(10)));
        deadlines.set(3, None, Some(Monotonic(20)));
        deadlines.set(3, Some(Monotonic(20)), Some(Monotonic(40)));
        deadlines.set(2, Some(Monotonic(10)), None);

        assert_eq!(deadlines.next(), Some(Monotonic(30)));
        assert_eq!(deadlines.take_due(Monotonic(29)), None);
        assert_eq!(deadlines.take_due(Monotonic(50)), Some(1));
        assert_eq!(deadlines.take_due(Monotonic(50)), Some(3));
        assert_eq!(deadlines.take_due(Monotonic(50)), None);
    }
}
