//! An invitation: who may come, until when, and whose contact that will be (XEP-0401).

use crate::base::jid::BareJid;
use crate::base::time::Timestamp;
use crate::model::codec::coded;

/// What the word behind the row's name is good for, once.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Invite {
    /// Who invites, and becomes a contact of who comes.
    pub(crate) by: Option<BareJid>,
    /// The only name that can be registered with it; `None`: any that is free.
    pub(crate) name: Option<Box<str>>,
    /// Whether a stranger may make an account with it; otherwise it is for who has one.
    pub(crate) may_register: bool,
    pub(crate) expires: Timestamp,
}

coded!(struct Invite { by, name, may_register, expires });
