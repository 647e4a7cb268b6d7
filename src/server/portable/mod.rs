//! Accounts in files that other servers read and write too (XEP-0227), and back.
//!
//! | what | in a file |
//! |---|---|
//! | keys of the password | `<scram-credentials/>`, one a hash; `password='..'` is read, never written |
//! | contacts, open requests | `jabber:iq:roster`, `<presence type='subscribe'/>` |
//! | private XML, vCard | `jabber:iq:private`, `vcard-temp` |
//! | nodes (PEP): configuration, items, who is what to them | two `<pubsub/>` |
//! | blocked addresses | a default privacy list that denies them |
//! | what should be archived | `<prefs/>` of XEP-0441: XEP-0227 has nothing for it |
//! | the archive | `<archive/>`, oldest first |
//! | what waits for a device | `<offline-messages/>`; what is archived as well has the same id there |
//! | disabled, administrator, age | `<account/>` in a namespace of our own |
//!
//! Rooms, tokens of devices and who was online when are not part of the format.
//!
//! An archive's ids do not survive: an id is the message's place in the log, encrypted with a secret of
//! the server, and an imported message has another place. Times and order do.
//!
//! # An import
//!
//! The files are read two or three times, piece by piece: once to find every mistake before anything is
//! changed, once for all but waiting messages, and once more for these, if there are any. What is read goes
//! into the log like every change, and from there into the tables. Until the last step each account is
//! disabled and carries a note. So an import that was cut short leaves accounts that nobody can use; the same
//! import begins them again, and `user delete` removes them.

mod complaint;
mod export;
mod import;
mod ledger;
mod ops;
mod parse;
mod person;
mod source;
mod walk;
mod write;

#[cfg(test)]
mod tests;

pub(crate) use complaint::ImportError;
pub(crate) use export::Export;
pub(crate) use import::Imported;
pub(crate) use import::Target;
pub(crate) use import::Tell;
pub(crate) use import::import;

/// The file that includes all others.
pub(crate) const MAIN_FILE: &str = "server-data.xml";

/// Elements that only this server writes.
const OWN_NAMESPACE: &str = "urn:meerkat:account:0";
