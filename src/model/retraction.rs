//! A message that is taken back by its author (XEP-0424) or by a moderator (XEP-0425): which one it is,
//! and what archives have in its place.
//!
//! A tombstone keeps who said something and when, and nothing of what was said. Of two tombstones of one
//! message the one with the earlier time stays, in whatever order they come, so that both boards of a pair
//! end with the same.

use std::sync::Arc;

use memchr::memmem;

use crate::base::jid::BareJid;
use crate::base::jid::Jid;
use crate::model::codec::coded;
use crate::model::message::Message;
use crate::model::position::Position;

/// How a tombstone begins (XEP-0424 section 4).
const TOMBSTONE: &str = "<retracted xmlns='urn:xmpp:message-retract:1'";

/// How the id begins that a room gives its occupants (XEP-0421); what clients say of it is taken out.
const OCCUPANT: &[u8] = b"<occupant-id ";

/// What is taken back, and what stands there from then on.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Retraction {
    pub(crate) named: Named,
    /// The element `<retracted/>`.
    pub(crate) tombstone: Arc<[u8]>,
}

coded!(struct Retraction { named, tombstone });

/// How a message is named by who takes it back.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Named {
    /// By a moderator: whoever has said it.
    At { at: Position },
    /// By an occupant, whose messages all have this element in them.
    Said { at: Position, mark: Arc<[u8]> },
    /// By a user: what it has sent to this address with this id, if that is not ambiguous the one there
    /// is, and else the last one.
    Sent {
        from: BareJid,
        to: Jid,
        id: Box<str>,
    },
}

coded!(enum Named {
    0 => At { at },
    1 => Said { at, mark },
    2 => Sent { from, to, id },
});

impl Retraction {
    /// Where the message is, if who takes it back knows.
    pub(crate) fn position(&self) -> Option<Position> {
        match &self.named {
            Named::At { at } | Named::Said { at, .. } => Some(*at),
            Named::Sent { .. } => None,
        }
    }

    /// Whether the message at a position is the one, or may be.
    pub(crate) fn covers(&self, position: Position, message: &Message) -> bool {
        match &self.named {
            Named::At { at } => *at == position,
            Named::Said { at, mark } => *at == position && has(message, mark),
            Named::Sent { from, to, id } => {
                message.id.as_ref() == Some(id)
                    && message.sent_by(from)
                    && if to.is_bare() {
                        message.to.bare_str() == to.as_str()
                    } else {
                        message.to == *to
                    }
            }
        }
    }

    /// Whether whoever takes it back may, wherever the message stands.
    pub(crate) fn is_allowed(&self, message: &Message) -> bool {
        match &self.named {
            Named::At { .. } | Named::Sent { .. } => true,
            Named::Said { mark, .. } => has(message, mark),
        }
    }

    /// The same, where an earlier tombstone may be there.
    pub(crate) fn bury_again(&self, message: &Message) -> Message {
        let buried = self.bury(message);
        if message.is_tombstone() && message.payload <= buried.payload {
            return message.clone();
        }
        buried
    }

    /// What archives have in the message's place: as it was, without anything that it said.
    pub(crate) fn bury(&self, message: &Message) -> Message {
        let mut payload = occupant_of(message).to_vec();
        payload.extend_from_slice(&self.tombstone);
        Message {
            payload: payload.into(),
            ..message.clone()
        }
    }
}

impl Message {
    /// Whether nothing is left of it but that it was. What a client makes look like that is treated so.
    pub(crate) fn is_tombstone(&self) -> bool {
        memmem::find(&self.payload, TOMBSTONE.as_bytes()).is_some()
    }

    fn sent_by(&self, user: &BareJid) -> bool {
        match &self.sender {
            Some(sender) => sender.bare() == *user,
            None => self.from.bare_str() == user.as_str(),
        }
    }
}

fn has(message: &Message, mark: &[u8]) -> bool {
    memmem::find(&message.payload, mark).is_some()
}

/// The element that says who is behind an occupant: rooms put it last, and in a tombstone it stands first.
fn occupant_of(message: &Message) -> &[u8] {
    if message.sender.is_none() {
        return &[];
    }
    let payload = &message.payload;
    let found = if payload.starts_with(OCCUPANT) {
        let end = memmem::find(payload, b"/>").map(|end| end + 2);
        end.and_then(|end| payload.get(..end))
    } else {
        memmem::rfind(payload, OCCUPANT).and_then(|begin| payload.get(begin..))
    };
    found.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::jid::FullJid;
    use crate::stanza::MessageType;

    const WHO: &str = "<occupant-id xmlns='urn:xmpp:occupant-id:0' id='7'/>";

    fn retraction(inner: &str) -> Retraction {
        Retraction {
            named: Named::At { at: Position::ZERO },
            tombstone: format!("{TOMBSTONE} {inner}</retracted>").as_bytes().into(),
        }
    }

    fn said(payload: &str) -> Message {
        let room = Jid::parse("hall@rooms.example/ann").unwrap();
        Message {
            kind: MessageType::Groupchat,
            from: room.clone(),
            to: room,
            id: None,
            lang: None,
            payload: payload.as_bytes().into(),
            sender: Some(FullJid::parse("ann@house.example/phone").unwrap()),
        }
    }

    #[test]
    fn what_is_taken_back_twice_has_one_tombstone_the_earlier_one() {
        let earlier = retraction("stamp='1'>");
        let moderated = retraction(&format!("stamp='2'><moderated>{WHO}</moderated>"));
        let message = said(&format!("<body>x</body>{WHO}"));
        let one = moderated.bury_again(&earlier.bury_again(&message));
        let other = earlier.bury_again(&moderated.bury_again(&message));
        assert_eq!(one, other);
        let wanted = format!("{WHO}{TOMBSTONE} stamp='1'></retracted>");
        assert_eq!(&*one.payload, wanted.as_bytes());
    }
}
