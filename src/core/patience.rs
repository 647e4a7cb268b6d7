//! What can wait while nobody looks at the client (XEP-0352 section 5), and what makes it out of date.
//!
//! The line stays a line: nothing overtakes. What can wait stands in it until something comes that cannot, until
//! there is too much of it, or until the client looks again; then everything goes out together. Only what a later
//! stanza says anew is left out: an older presence, an older chat state, an older version of a published item.
//!
//! | what | waits |
//! |---|---|
//! | presence of contacts and occupants | for the next of the others |
//! | chat states (XEP-0085), published items (XEP-0163) | for the next of the others |
//! | what is said in a room without the reader's name | [`HELD_ROOM_MS`] at most |
//! | messages to the reader, requests, answers, errors, what a room says of the reader | not |
//!
//! Nobody but the client learns of its state: what would show it, an answer to a request, never waits (section 7).

use crate::base::jid::FullJid;
use crate::core::tail::Tail;
use crate::effect::sends::How;
use crate::effect::sends::Item;
use crate::effect::state::State;
use crate::model::message::Message;
use crate::push;
use crate::stanza::Kind;
use crate::stanza::MessageType;
use crate::stanza::PresenceType;
use crate::stanza::ns;
use crate::stanza::outgoing::Outgoing;
use crate::stanza::outgoing::parse_payload;
use crate::xml::Element;

#[cfg(doc)]
use crate::base::mobile_limits::HELD_ROOM_MS;

/// How long an item can wait.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Patience {
    /// It goes out at once, and takes along what waits before it.
    Without,
    /// For a moment.
    Short,
    /// Until something goes out.
    Long,
}

/// How long what comes for `reader` can wait.
pub(crate) fn of(tail: &Tail, state: &State, reader: &FullJid, item: &Item) -> Patience {
    match item {
        Item::Stanza { stanza } => of_stanza(stanza),
        Item::Kept {
            position,
            how: How::Room,
        } => {
            let said = tail.message(*position);
            let is_for_all = said.is_some_and(|(_, said)| !concerns(state, reader, said));
            if is_for_all {
                Patience::Short
            } else {
                Patience::Without
            }
        }
        Item::Kept { .. } | Item::Result { .. } | Item::Bytes { .. } => Patience::Without,
    }
}

fn of_stanza(stanza: &Outgoing) -> Patience {
    let can_wait = match stanza.kind {
        Kind::Presence(PresenceType::Available | PresenceType::Unavailable) => {
            !has_status(&stanza.payload)
        }
        Kind::Message(MessageType::Headline) => published(&stanza.payload).is_some(),
        Kind::Message(_) => is_chat_state(&stanza.payload),
        Kind::Presence(_) | Kind::Iq(_) => false,
    };
    if can_wait {
        Patience::Long
    } else {
        Patience::Without
    }
}

/// XEP-0045 section 15.6.2: the room says something of the reader, or why somebody left.
fn has_status(payload: &[u8]) -> bool {
    memchr::memmem::find(payload, b"<status code").is_some()
}

/// Whether what is said in a room is of the reader, names the reader, or may.
fn concerns(state: &State, reader: &FullJid, said: &Message) -> bool {
    let room = state.rooms.get(&said.from.to_bare());
    let Some(nick) = room.and_then(|room| room.nicks.get(reader)) else {
        return true;
    };
    said.from.resource() == Some(nick) || push::may_name(&said.payload, nick)
}

/// Whether `newer` says anew all that `older` did.
pub(crate) fn supersedes(newer: &Outgoing, older: &Outgoing) -> bool {
    newer.from == older.from
        && match (newer.kind, older.kind) {
            (Kind::Presence(one), Kind::Presence(other)) => {
                is_availability(one) && is_availability(other) && !has_status(&older.payload)
            }
            (Kind::Message(MessageType::Headline), Kind::Message(MessageType::Headline)) => {
                let is_same = |old| published(&newer.payload) == Some(old);
                published(&older.payload).is_some_and(is_same)
            }
            (Kind::Message(one), Kind::Message(other)) => {
                one == other && is_chat_state(&older.payload) && is_chat_state(&newer.payload)
            }
            _ => false,
        }
}

/// An occupant's presence tells who the speaker of the next word is.
pub(crate) fn is_of_occupant(stanza: &Outgoing) -> bool {
    memchr::memmem::find(&stanza.payload, ns::MUC_USER.as_bytes()).is_some()
}

fn is_availability(kind: PresenceType) -> bool {
    matches!(kind, PresenceType::Available | PresenceType::Unavailable)
}

/// A message that says only that somebody is typing (XEP-0085).
fn is_chat_state(payload: &[u8]) -> bool {
    if memchr::memmem::find(payload, ns::CHAT_STATES.as_bytes()).is_none() {
        return false;
    }
    let is_only = |element: Element| {
        let mut children = element.root().children();
        children.all(|child| {
            matches!(child.ns(), ns::CHAT_STATES | ns::HINTS | ns::OCCUPANT_ID)
                || child.is("thread", ns::CLIENT)
        })
    };
    parse_payload(payload).is_some_and(is_only)
}

/// Which item of which node is published or retracted (XEP-0060 section 7.1.2.1), if it is one.
fn published(payload: &[u8]) -> Option<(Box<str>, Box<str>)> {
    memchr::memmem::find(payload, ns::PUBSUB_EVENT.as_bytes())?;
    let element = parse_payload(payload)?;
    let event = element.root().child("event", ns::PUBSUB_EVENT)?;
    let items = event.child("items", ns::PUBSUB_EVENT)?;
    let mut children = items.children();
    let (item, more) = (children.next()?, children.next());
    let id = item.attr("id").unwrap_or_default();
    let node = items.attr("node")?;
    more.is_none().then(|| (node.into(), id.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::jid::Jid;
    use std::sync::Arc;

    fn message(kind: MessageType, payload: &str) -> Outgoing {
        stanza(Kind::Message(kind), payload)
    }

    fn presence(payload: &str) -> Outgoing {
        stanza(Kind::Presence(PresenceType::Available), payload)
    }

    fn stanza(kind: Kind, payload: &str) -> Outgoing {
        Outgoing {
            kind,
            from: Jid::parse("bob@h/b").unwrap(),
            to: None,
            id: None,
            lang: None,
            payload: Arc::from(payload.as_bytes()),
        }
    }

    fn event(node: &str, id: &str, more: &str) -> Outgoing {
        let payload = format!(
            "<event xmlns='http://jabber.org/protocol/pubsub#event'><items node='{node}'>\
             <item id='{id}'>{more}</item></items></event>"
        );
        message(MessageType::Headline, &payload)
    }

    const TYPING: &str = "<composing xmlns='http://jabber.org/protocol/chatstates'/>";

    #[test]
    fn only_what_nobody_waits_for_can_wait() {
        let call = format!("{TYPING}<propose xmlns='urn:xmpp:jingle-message:0' id='1'/>");
        let cases = [
            (presence("<show>away</show>"), Patience::Long),
            (
                presence("<x xmlns='m'><status code='110'/></x>"),
                Patience::Without,
            ),
            (message(MessageType::Chat, TYPING), Patience::Long),
            (message(MessageType::Chat, &call), Patience::Without),
            (
                message(MessageType::Chat, "<body>hello</body>"),
                Patience::Without,
            ),
            (
                message(MessageType::Headline, "<body>alarm</body>"),
                Patience::Without,
            ),
            (event("mood", "current", ""), Patience::Long),
            (
                stanza(Kind::Presence(PresenceType::Subscribe), ""),
                Patience::Without,
            ),
        ];
        for (stanza, wanted) in cases {
            assert_eq!(of_stanza(&stanza), wanted, "{stanza:?}");
        }
    }

    #[test]
    fn only_the_same_said_anew_makes_the_older_one_needless() {
        let away = presence("<show>away</show>");
        assert!(supersedes(&presence(""), &away));
        assert!(!supersedes(&away, &presence("<x><status code='307'/></x>")));
        let typing = message(MessageType::Chat, TYPING);
        assert!(supersedes(&typing, &typing));
        assert!(!supersedes(&typing, &away));
        let older = event("bookmarks", "a", "<old/>");
        assert!(supersedes(&event("bookmarks", "a", "<new/>"), &older));
        assert!(!supersedes(&event("bookmarks", "b", "<new/>"), &older));
        assert!(!supersedes(&event("mood", "a", ""), &older));
    }
}
