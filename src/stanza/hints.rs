//! What the sender wants done with a message beside delivering it (XEP-0334).

use crate::stanza::ns;
use crate::xml::Node;

/// The hints in one message.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Hints {
    /// Not to be archived (section 4.1).
    pub(crate) no_permanent_store: bool,
    /// Neither archived nor kept until the recipient is online (section 4.2).
    pub(crate) no_store: bool,
    /// No carbons (section 4.3).
    pub(crate) no_copy: bool,
    /// To be archived even if it would not be (section 4.4).
    pub(crate) store: bool,
}

impl Hints {
    pub(crate) fn parse(message: Node<'_>) -> Self {
        let mut hints = Self::default();
        for child in message.children().filter(|child| child.ns() == ns::HINTS) {
            match child.name() {
                "no-permanent-store" => hints.no_permanent_store = true,
                "no-store" => hints.no_store = true,
                "no-copy" => hints.no_copy = true,
                "store" => hints.store = true,
                _ => {}
            }
        }
        hints
    }
}
