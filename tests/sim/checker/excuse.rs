//! What the checker lets pass, by the rule that admits it, and how often it had to.
//!
//! The rules are those of `src/manual/mirror.md` (U: what users see, R: the log). An excuse is counted where without
//! it the run would have failed; one that is never needed can go.

use std::cell::Cell;
use std::fmt;

/// Why something that looks like a broken promise is none.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Excuse {
    /// R6, U13: sent to one board and, apart, to the other: it has a place in the order of each, and an
    /// id of each that leads to it.
    TwoPlaces,
    /// U16: what was under way when the boards parted is numbered by each that has it: it may come
    /// later than what its writer did since, and be refused by one and taken by the other.
    NumberedAlone,
    /// U6: a session that moves gets everything that its client has not counted, with the same id.
    ShownAgain,
    /// U6: of what its client had not counted when both last met a session that moves gets kept messages only, so
    /// that of the room nothing but the talk is seen; the answer to its own entry is of that kind.
    PresenceGone,
    /// XEP-0280 section 4: who does not ask for copies gets none. What another device of its user wrote, or was
    /// sent alone, while the boards were apart, it finds in the archive from further back.
    NoCopies,
    /// U2: what was written to a client that counts nothing is taken.
    Written,
    /// R7: a refusal is an answer like others, on no disk, and gone with the session that it was for.
    RefusalLost,
    /// U7: in doubt the other board may have told more than this one knows.
    ToldElsewhere,
    /// U7: both lived, and each took the other for dead: the stream begins anew.
    BeginsAnew,
    /// R16: of two values that were written while both were alone the later one wins, by the boards' clocks.
    ByTheClocks,
    /// R12: a board that goes on alone adopts what is on its own disk.
    Adopted,
    /// `store::retract`: what another branch has said meanwhile is not taken back: whoever wants that at a board
    /// that does not know the line yet has to ask again.
    OtherBranch,
    /// `model::level`: what needs a newer level is refused until both boards have it. What a session hears of nodes
    /// is of that kind: one that began before hears nothing.
    Older,
}

const ALL: [Excuse; 13] = [
    Excuse::TwoPlaces,
    Excuse::NumberedAlone,
    Excuse::ShownAgain,
    Excuse::PresenceGone,
    Excuse::NoCopies,
    Excuse::Written,
    Excuse::RefusalLost,
    Excuse::ToldElsewhere,
    Excuse::BeginsAnew,
    Excuse::ByTheClocks,
    Excuse::Adopted,
    Excuse::OtherBranch,
    Excuse::Older,
];

/// How often each was needed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Excuses([Cell<u64>; ALL.len()]);

impl Excuses {
    /// Asked when a promise looks broken, and last: whether this is why.
    pub(crate) fn admit(&self, excuse: Excuse, holds: bool) -> bool {
        if holds {
            let place = ALL.iter().position(|one| *one == excuse);
            let count = &self.0[place.unwrap_or_default()];
            count.set(count.get() + 1);
        }
        holds
    }

    pub(crate) fn add(&self, other: &Self) {
        for (count, more) in self.0.iter().zip(&other.0) {
            count.set(count.get() + more.get());
        }
    }
}

impl fmt::Display for Excuses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let used = ALL.iter().zip(&self.0).filter(|(_, count)| count.get() > 0);
        let used: Vec<String> = used
            .map(|(excuse, count)| format!("{excuse:?} {}", count.get()))
            .collect();
        if used.is_empty() {
            return f.write_str("no excuses");
        }
        write!(f, "excused: {}", used.join(", "))
    }
}
