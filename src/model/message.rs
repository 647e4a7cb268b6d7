//! A message that is kept: one row, whichever archives refer to it.

use std::sync::Arc;

use crate::base::ids::Incarnation;
use crate::base::jid::BareJid;
use crate::base::jid::FullJid;
use crate::base::jid::Jid;
use crate::model::codec::Code as _;
use crate::model::codec::CodecError;
use crate::model::codec::Reader;
use crate::model::codec::coded;
use crate::model::codec::read_bytes;
use crate::stanza::MessageType;

/// The message as it was accepted, without stanza ids in our name (XEP-0359 section 6).
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Message {
    pub(crate) kind: MessageType,
    /// Full JID of the sender, or the occupant's address in a room.
    pub(crate) from: Jid,
    pub(crate) to: Jid,
    pub(crate) id: Option<Box<str>>,
    pub(crate) lang: Option<Box<str>>,
    /// The children, as bytes that stand for themselves below `jabber:client`.
    pub(crate) payload: Arc<[u8]>,
    /// Who is behind an occupant.
    pub(crate) sender: Option<FullJid>,
}

coded!(struct Message { kind, from, to, id, lang, payload, sender });

impl Message {
    /// The payload of an encoded message: searches pass over the rest of most of them.
    pub(crate) fn read_payload<'a>(input: &mut Reader<'a>) -> Result<&'a [u8], CodecError> {
        MessageType::decode(input)?;
        // The addresses.
        read_bytes(input)?;
        read_bytes(input)?;
        // Id and language.
        for _ in 0..2 {
            if bool::decode(input)? {
                read_bytes(input)?;
            }
        }
        read_bytes(input)
    }
}

/// Where a kept message belongs: an account's archive or a room's.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Place {
    pub(crate) owner: Owner,
    pub(crate) incarnation: Incarnation,
    /// The other side, as `with` of a query means it (XEP-0313 section 4.1.1).
    pub(crate) with: Jid,
    pub(crate) role: Role,
    /// `false`: kept only until a device has taken it, whatever the archive preference says.
    pub(crate) archived: bool,
}

coded!(struct Place { owner, incarnation, with, role, archived });

impl Place {
    /// What nobody has to take and no archive wants is for those who are here.
    pub(crate) fn is_kept(&self) -> bool {
        self.role == Role::Received || self.archived
    }
}

/// Whose archive.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Owner {
    Account { jid: BareJid },
    Room { jid: BareJid },
}

coded!(enum Owner { 0 => Account { jid }, 1 => Room { jid } });

/// What the message is to the owner of the place.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Role {
    /// To be taken by a device of the owner.
    Received,
    /// The owner's own.
    Sent,
    /// A room's.
    Said,
}

coded!(enum Role { 0 => Received, 1 => Sent, 2 => Said });

/// How a kept message looks to the one who gets it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum How {
    /// As it was sent, with the recipient's stanza id (XEP-0359).
    Direct,
    /// The same, late, with its time (XEP-0160, XEP-0203).
    Late,
    /// A copy of what another device of the user sent (XEP-0280).
    CarbonSent,
    /// A copy of what another device of the user got.
    CarbonReceived,
    /// From a room to an occupant, with the room's stanza id.
    Room,
    /// From a room's past (XEP-0045 section 7.2.13).
    RoomHistory,
}

coded!(enum How {
    0 => Direct,
    1 => Late,
    2 => CarbonSent,
    3 => CarbonReceived,
    4 => Room,
    5 => RoomHistory,
});

impl How {
    /// With its time, where it has a place for one: it was said before what the reader has seen since.
    pub(crate) fn late(self) -> Self {
        match self {
            Self::Direct => Self::Late,
            Self::Room => Self::RoomHistory,
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::codec::to_bytes;

    #[test]
    fn the_payload_is_read_without_the_rest() {
        for id in [None, Some("one")] {
            let message = Message {
                kind: MessageType::Chat,
                from: Jid::parse("ann@test/phone").unwrap(),
                to: Jid::parse("bob@test").unwrap(),
                id: id.map(Into::into),
                lang: None,
                payload: b"<body>Hi</body>"[..].into(),
                sender: None,
            };
            let bytes = to_bytes(&message);
            let payload = Message::read_payload(&mut Reader::new(&bytes));
            assert_eq!(payload, Ok(&b"<body>Hi</body>"[..]));
        }
    }
}
