//! What is kept, and for whom.
//!
//! "Durable" has one meaning: a stanza that these rules keep. The user's archive preference decides
//! only whether it stays after a device has taken it, so that an acknowledgement means the same for
//! everybody.

use std::sync::Arc;

use crate::base::jid::Jid;
use crate::effect::view::View;
use crate::model::account::Account;
use crate::model::account::ArchiveDefault;
use crate::stanza::Kind;
use crate::stanza::MessageType;
use crate::stanza::Stanza;
use crate::stanza::ns;

/// Whether the message is kept: chat and normal ones with something to read, unless the sender says
/// otherwise (XEP-0334).
pub(crate) fn is_kept(stanza: &Stanza) -> bool {
    let Kind::Message(MessageType::Chat | MessageType::Normal) = stanza.kind else {
        return false;
    };
    has_content(stanza)
}

/// Whether there is something to read in the message, and nothing says that it is not to be kept.
pub(crate) fn has_content(stanza: &Stanza) -> bool {
    let root = stanza.element.root();
    let mut has_content = false;
    for child in root.children() {
        match (child.name(), child.ns()) {
            ("no-store" | "no-permanent-store", ns::HINTS) => return false,
            ("body", ns::CLIENT) | ("store", ns::HINTS)
            // Receipts, markers, encrypted content: what a second device needs to see too.
            | ("received", ns::RECEIPTS)
            | ("displayed", ns::MARKERS)
            | ("encrypted", _)
            | ("retract", ns::RETRACT)
            | ("reactions", ns::REACTIONS) => has_content = true,
            _ => {}
        }
    }
    has_content
}

/// The children to keep: without ids that pretend to be ours (XEP-0359 section 6).
pub(crate) fn payload(view: &View<'_>, stanza: &Stanza) -> Arc<[u8]> {
    let is_ours =
        |by: &str| Jid::parse(by).is_ok_and(|by| by.domain() == view.settings.domain.as_ref());
    stanza.payload_without_ids(is_ours)
}

/// Whether the user wants conversations with `with` in the archive (XEP-0441 section 2).
pub(crate) fn wants(account: &Account, with: &Jid) -> bool {
    let Some(preferences) = account.preferences() else {
        return true;
    };
    let bare = with.to_bare().to_jid();
    let lists = |set: &std::collections::BTreeSet<Jid>| set.contains(with) || set.contains(&bare);
    if lists(&preferences.never) {
        return false;
    }
    if lists(&preferences.always) {
        return true;
    }
    match preferences.default {
        ArchiveDefault::Always => true,
        ArchiveDefault::Never => false,
        ArchiveDefault::Roster => account
            .contact(&with.to_bare())
            .is_some_and(|contact| contact.listed),
    }
}
