//! Bytes of stanzas that one node gives the other, and of their kinds.

use crate::model::codec::Code;
use crate::model::codec::CodecError;
use crate::model::codec::Reader;
use crate::model::codec::coded;
use crate::stanza::IqType;
use crate::stanza::Kind;
use crate::stanza::MessageType;
use crate::stanza::PresenceType;
use crate::stanza::outgoing::Outgoing;

coded!(struct Outgoing { kind, from, to, id, lang, payload });

coded!(enum MessageType { 0 => Normal, 1 => Chat, 2 => Groupchat, 3 => Headline, 4 => Error });

coded!(enum PresenceType {
    0 => Available,
    1 => Unavailable,
    2 => Subscribe,
    3 => Subscribed,
    4 => Unsubscribe,
    5 => Unsubscribed,
    6 => Probe,
    7 => Error,
});

coded!(enum IqType { 0 => Get, 1 => Set, 2 => Result, 3 => Error });

impl Code for Kind {
    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Message(kind) => {
                out.push(0);
                kind.encode(out);
            }
            Self::Presence(kind) => {
                out.push(1);
                kind.encode(out);
            }
            Self::Iq(kind) => {
                out.push(2);
                kind.encode(out);
            }
        }
    }

    fn decode(input: &mut Reader<'_>) -> Result<Self, CodecError> {
        match input.byte()? {
            0 => MessageType::decode(input).map(Self::Message),
            1 => PresenceType::decode(input).map(Self::Presence),
            2 => IqType::decode(input).map(Self::Iq),
            _ => Err(CodecError::Unknown),
        }
    }
}
