//! Pages that tell something of the state.

use crate::account::landing;
use crate::core::Core;
use crate::effect::invite;

impl Core {
    /// The page of an invitation with this word, and whether there is one.
    pub(crate) fn invitation_page(&self, word: &str) -> (bool, String) {
        self.seen(|view| {
            let found = invite::find_valid(view, word).ok().flatten();
            let page = landing::page(&self.settings.domain, word, found.map(AsRef::as_ref));
            (found.is_some(), page)
        })
    }
}
