//! Why accounts were not imported: each one line, with the place in the file and the remedy.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::rc::Rc;

use crate::base::jid::BareJid;
use crate::base::limits::IMPORT_ACCOUNTS_MAX;
use crate::base::limits::IMPORT_INCLUDES_MAX;
use crate::base::limits::IMPORT_WAITING_MAX;
use crate::base::limits::REQUESTS_MAX;
use crate::base::limits::ROSTER_BYTES_MAX;
use crate::base::limits::SCRAM_ITERATIONS_MAX;
use crate::base::pubsub_limits::ACCOUNT_NODES_MAX;
use crate::server::start::StartError;
use crate::store::StoreError;
use crate::xml::XmlError;

/// A line of a file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Place {
    pub(super) path: Rc<PathBuf>,
    pub(super) line: u64,
}

/// Why there is no import. All of these are for the operator.
#[derive(Debug)]
pub(crate) enum ImportError {
    File {
        path: PathBuf,
        error: io::Error,
    },
    /// A folder, a device, a pipe: these cannot be read twice.
    NotAFile {
        path: PathBuf,
    },
    Xml {
        at: Place,
        error: XmlError,
    },
    Mistake {
        at: Place,
        mistake: Mistake,
    },
    /// The other board would not get what comes this way.
    Paired,
    /// The data folder cannot be opened or written.
    Start(StartError),
    Store(StoreError),
    /// As `Start` or `Store`, after the first change.
    CutShort {
        reason: String,
    },
}

/// What is wrong in a file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Mistake {
    /// The root is something else.
    NotServerData {
        found: String,
    },
    HostWithoutJid,
    /// None of the hosts is this server's; `found`: one of them.
    NoHost {
        found: Option<String>,
        domain: String,
    },
    UserWithoutName,
    BadName {
        name: String,
    },
    Twice {
        jid: BareJid,
    },
    /// The account is there.
    Exists {
        jid: BareJid,
        name: String,
    },
    TooManyAccounts,
    TooManyIncludes,
    BadInclude {
        href: String,
    },
    /// A password that nobody can type.
    BadPassword,
    BadKeys {
        what: &'static str,
    },
    TwoKeys {
        mechanism: String,
    },
    BadAddress {
        text: String,
    },
    BadSubscription {
        text: String,
    },
    LongName,
    RosterTooLarge,
    TooManyContacts {
        max: usize,
    },
    TooManyRequests,
    TooManyBlocked {
        max: usize,
    },
    PrivateTooLarge {
        max: usize,
    },
    TooManyNodes,
    PublishedTooLarge {
        max: usize,
    },
    BadDefault,
    TooManyPreferences {
        max: usize,
    },
    NotAMessage,
    NoTime,
    TooManyWaiting {
        max: usize,
    },
    TooManyWaitingInAll,
    /// Read twice, and not the same.
    Changed,
}

impl From<StoreError> for ImportError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<StartError> for ImportError {
    fn from(error: StartError) -> Self {
        Self::Start(error)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}", self.path.display(), self.line)
    }
}

impl fmt::Display for ImportError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, error } => write!(out, "{}: {error}", path.display()),
            Self::NotAFile { path } => write!(
                out,
                "{}: is no ordinary file, and it has to be read twice; name one",
                path.display()
            ),
            Self::Xml { at, error } => match error {
                XmlError::TooLarge { bytes_max } => {
                    write!(out, "{at}: an element of more than {bytes_max} bytes")
                }
                XmlError::StrayText => write!(out, "{at}: text between elements"),
                XmlError::Closed => write!(out, "{at}: something behind the end of the root"),
                error => write!(out, "{at}: {error}"),
            },
            Self::Mistake { at, mistake } => write!(out, "{at}: {mistake}"),
            Self::Paired => out.write_str(
                "this board belongs to a pair: leave it first with meerkat pair leave, on both boards, and \
                 make a pair again afterwards",
            ),
            Self::Start(error) => error.fmt(out),
            Self::Store(error) => error.fmt(out),
            Self::CutShort { reason } => write!(
                out,
                "{reason}; accounts that were begun are disabled: import the same file again when this is remedied"
            ),
        }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotServerData { found } => write!(
                out,
                "the root is {found}; import the file whose root is <server-data xmlns='urn:xmpp:pie:0'>"
            ),
            Self::HostWithoutJid => out.write_str("a <host> has no jid"),
            Self::NoHost { found, domain } => {
                match found {
                    Some(found) => write!(out, "these are accounts of {found}")?,
                    None => out.write_str("there is no <host>")?,
                }
                write!(
                    out,
                    ", and this server is {domain}; set the key domain, or the jid of the <host>"
                )
            }
            Self::UserWithoutName => out.write_str("a <user> has no name"),
            Self::BadName { name } => write!(out, "{name:?} is no name for a user"),
            Self::Twice { jid } => write!(out, "{jid} stands in the files twice"),
            Self::Exists { jid, name } => write!(
                out,
                "{jid} exists already; take it out of the file, or: meerkat user delete {name}"
            ),
            Self::TooManyAccounts => {
                write!(
                    out,
                    "more than {IMPORT_ACCOUNTS_MAX} accounts; divide the file"
                )
            }
            Self::TooManyIncludes => {
                write!(
                    out,
                    "more than {IMPORT_INCLUDES_MAX} files inside of each other"
                )
            }
            Self::BadInclude { href } => write!(
                out,
                "{href:?} is no file beside or below this one, named by a relative href alone"
            ),
            Self::Changed => {
                out.write_str("the file has changed while it was read; import it again")
            }
            _ => self.fmt_part(out),
        }
    }
}

impl Mistake {
    /// What is wrong with a part of a user.
    fn fmt_part(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadPassword => {
                out.write_str("nobody can type this password (RFC 4013); take it out or change it")
            }
            Self::BadKeys { what } => write!(
                out,
                "the {what} of <scram-credentials> is missing or wrong (iterations: 1 to {SCRAM_ITERATIONS_MAX})"
            ),
            Self::TwoKeys { mechanism } => write!(out, "two <scram-credentials> for {mechanism}"),
            Self::BadAddress { text } => write!(out, "{text:?} is no address"),
            Self::BadSubscription { text } => {
                write!(
                    out,
                    "{text:?} is no subscription; write none, to, from or both"
                )
            }
            Self::LongName => out.write_str(
                "a name or group of a contact is too long, or there are too many; shorten it",
            ),
            Self::RosterTooLarge => write!(
                out,
                "a roster of more than {ROSTER_BYTES_MAX} bytes; take contacts out"
            ),
            Self::TooManyContacts { max } => write!(
                out,
                "a roster of more than {max} contacts; raise limits.roster_contacts"
            ),
            Self::TooManyRequests => write!(
                out,
                "more than {REQUESTS_MAX} subscription requests; take some out"
            ),
            Self::TooManyBlocked { max } => write!(
                out,
                "more than {max} blocked addresses; raise limits.blocked_addresses"
            ),
            Self::PrivateTooLarge { max } => {
                write!(
                    out,
                    "vCard and private data of one user have more than {max} bytes; take some out"
                )
            }
            Self::TooManyNodes => write!(
                out,
                "one user has more than {ACCOUNT_NODES_MAX} nodes; take some out"
            ),
            Self::PublishedTooLarge { max } => write!(
                out,
                "one user has published more than {max} bytes; raise quota.published_mib"
            ),
            Self::BadDefault => {
                out.write_str("the default of <prefs> is not always, never or roster")
            }
            Self::TooManyPreferences { max } => {
                write!(out, "<prefs> with more than {max} addresses; take some out")
            }
            Self::NotAMessage => out.write_str("here should be a <message> of jabber:client"),
            Self::NoTime => out.write_str("a message without a <delay> with a stamp (XEP-0203)"),
            Self::TooManyWaiting { max } => write!(
                out,
                "one user has more than {max} offline messages; raise quota.offline_messages"
            ),
            Self::TooManyWaitingInAll => {
                write!(
                    out,
                    "more than {IMPORT_WAITING_MAX} offline messages; divide the file"
                )
            }
            _ => Ok(()),
        }
    }
}
