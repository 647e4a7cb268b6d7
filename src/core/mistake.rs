//! What tests do wrong on purpose, to see that it is noticed.

use crate::core::Core;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Mistake {
    /// What the other node proposes is numbered, whatever it has read.
    GuardsIgnored,
    /// Nobody is told what the other branch brought.
    NothingPushed,
    /// A stream that is not here is told one more than was counted.
    CountTooHigh,
    /// A copy of what is here is shown as well.
    CopiesShown,
    /// What was sent again is no copy of anything.
    CopiesIgnored,
}

impl Core {
    pub(super) fn is_mistaken(&self, mistake: Mistake) -> bool {
        self.limits.mistake == Some(mistake)
    }
}
