//! What is asked of a feature: a stanza of a client, or a command of an administrator.

use std::sync::Arc;

use crate::base::ids::SessionId;
use crate::base::jid::BareJid;
use crate::base::jid::FullJid;
use crate::base::secret::Secret;
use crate::model::file::FilePlace;
use crate::model::file::FileRow;
use crate::model::file::Slot;
use crate::model::file::SlotMac;
use crate::model::invite::Invite;
use crate::model::op::Op;
use crate::sasl::TokenBinding;
use crate::sasl::TokenSlot;
use crate::stanza::Condition;
use crate::stanza::Stanza;

/// A stanza as it came from a session; `from` is who really sent it (RFC 6120 section 8.1.2.1).
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) session: SessionId,
    pub(crate) from: FullJid,
    pub(crate) stanza: Arc<Stanza>,
}

/// A command from the command line, through the server's own socket.
#[derive(Clone, Debug)]
pub(crate) enum Command {
    AddUser {
        jid: BareJid,
        password: Secret,
        admin: bool,
    },
    /// A stranger asks for it (XEP-0077).
    Register {
        jid: BareJid,
        password: Secret,
        /// The word of an invitation (XEP-0445).
        token: Option<Secret>,
    },
    /// A new invitation with this word.
    Invite {
        token: Secret,
        invite: Invite,
    },
    /// Whether a stranger may register with it, or it is good for anything.
    CheckInvite {
        token: Secret,
        registers: bool,
    },
    SetPassword {
        jid: BareJid,
        password: Secret,
    },
    SetEnabled {
        jid: BareJid,
        enabled: bool,
    },
    SetAdmin {
        jid: BareJid,
        admin: bool,
    },
    DeleteUser {
        jid: BareJid,
    },
    /// A value that was lost when the boards met is to be there again.
    Restore {
        /// The account's or the room's.
        jid: BareJid,
        ops: Vec<Op>,
    },
    /// The web door asks about a file.
    File {
        ask: FileAsk,
    },
}

/// What the web door has to know, or to do, about a file (XEP-0363).
#[derive(Clone, Debug)]
pub(crate) enum FileAsk {
    /// Whether the bytes may come now.
    Open { slot: Arc<Slot>, mac: SlotMac },
    /// They have come, and are durable.
    Keep {
        slot: Arc<Slot>,
        mac: SlotMac,
        file: Arc<FileRow>,
    },
    /// What is kept under an address.
    Find { place: FilePlace },
}

impl FileAsk {
    pub(crate) fn place(&self) -> &FilePlace {
        match self {
            Self::Open { slot, .. } | Self::Keep { slot, .. } => &slot.place,
            Self::Find { place } => place,
        }
    }
}

impl Command {
    /// Whose account it is about, if it is about one.
    pub(crate) fn account(&self) -> Option<&BareJid> {
        Some(match self {
            Self::Invite { .. } | Self::CheckInvite { .. } => return None,
            Self::AddUser { jid, .. }
            | Self::Register { jid, .. }
            | Self::SetPassword { jid, .. }
            | Self::SetEnabled { jid, .. }
            | Self::SetAdmin { jid, .. }
            | Self::DeleteUser { jid }
            | Self::Restore { jid, .. } => jid,
            Self::File { ask } => &ask.place().owner,
        })
    }
}

/// What happens to the tokens of a device that has just logged in (XEP-0484).
#[derive(Clone, Debug)]
pub(crate) struct TokenWish {
    pub(crate) account: BareJid,
    pub(crate) device: Box<str>,
    /// This one was used.
    pub(crate) used: Option<TokenSlot>,
    /// The one that was used must not work again.
    pub(crate) is_invalidated: bool,
    /// The device asks for a new one.
    pub(crate) wanted: Option<TokenBinding>,
}

/// What became of a command.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Outcome {
    Done,
    NoSuchUser,
    UserExists,
    /// Nobody can log in with such a password (RFC 4013).
    BadPassword,
    /// The disk has no room.
    Full,
    /// Strangers may not do that here.
    Closed,
    /// There is no such invitation, or its time is over.
    NoSuchInvite,
    /// Of a file: what was asked for, or why not.
    File {
        file: Arc<FileRow>,
    },
    Refused {
        condition: Condition,
    },
}
