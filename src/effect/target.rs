//! Whom a request to the server's own domain is for.

use crate::base::jid::BareJid;

/// The server answers for all of these; a request to a session goes to the session.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Target {
    /// The sender's own account.
    Own { account: BareJid },
    /// Another account of ours, existing or not.
    Other { account: BareJid },
    /// The server.
    Server,
}
