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

/// What a message is to an archive.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Content {
    /// Nothing to read, or not to be kept (XEP-0334).
    Passing,
    Kept,
    /// It is kept, and takes another one back (XEP-0424).
    Retraction,
}

/// Chat and normal messages with something to read are kept, unless the sender says otherwise.
pub(crate) fn content_of_chat(stanza: &Stanza) -> Content {
    match stanza.kind {
        Kind::Message(MessageType::Chat | MessageType::Normal) => content(stanza),
        _ => Content::Passing,
    }
}

/// Whether there is something to read in the message, and nothing says that it is not to be kept.
pub(crate) fn content(stanza: &Stanza) -> Content {
    let root = stanza.element.root();
    let mut content = Content::Passing;
    for child in root.children() {
        match (child.name(), child.ns()) {
            ("no-store" | "no-permanent-store", ns::HINTS) => return Content::Passing,
            ("retract", ns::RETRACT) => content = Content::Retraction,
            ("body", ns::CLIENT) | ("store", ns::HINTS)
            // Receipts, markers, encrypted content: what a second device needs to see too.
            | ("received", ns::RECEIPTS)
            | ("displayed", ns::MARKERS)
            | ("encrypted", _)
            | ("reactions", ns::REACTIONS) if content == Content::Passing => content = Content::Kept,
            _ => {}
        }
    }
    content
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
