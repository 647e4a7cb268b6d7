//! Presence without the capabilities that its reader was told before (XEP-0115 section 8.4).
//!
//! What counts is what was written to the client, on this stream and since it was last looked at. So who resumes, moves to
//! the other board or comes back from another window (XEP-0352, which leaves out presences) is told all anew, and
//! neither board has to know what the other one has written.

use std::sync::Arc;

use crate::base::jid::FullJid;
use crate::base::mobile_limits::CAPS_TOLD_MAX;
use crate::core::session::LinkId;
use crate::presence;
use crate::stanza::Kind;
use crate::stanza::PresenceType;
use crate::stanza::outgoing::Outgoing;

/// The presences that a client has.
#[derive(Debug, Default)]
pub(crate) struct Told {
    link: Option<LinkId>,
    /// Of each resource the last one, whole; usually the very one that the account has in memory.
    presences: Vec<Arc<Outgoing>>,
}

impl Told {
    /// What of the stanza is written to `reader`; `None`: all.
    pub(crate) fn lean(
        &mut self,
        link: Option<LinkId>,
        reader: &FullJid,
        stanza: &Arc<Outgoing>,
    ) -> Option<Outgoing> {
        if self.link != link {
            *self = Self {
                link,
                ..Self::default()
            };
        }
        let Kind::Presence(kind) = stanza.kind else {
            return None;
        };
        // Directed presence names its reader, and occupants are of another domain.
        let is_broadcast = stanza.to.is_none() && stanza.from.domain() == reader.as_jid().domain();
        if !is_broadcast {
            return None;
        }
        if kind == PresenceType::Unavailable && stanza.from == *reader.as_jid() {
            // Its contacts are told to it again when it comes back.
            self.presences.clear();
        }
        let old = self
            .presences
            .iter()
            .position(|one| one.from == stanza.from);
        let old = old.map(|index| self.presences.swap_remove(index));
        if kind != PresenceType::Available {
            return None;
        }
        let lean = old.and_then(|old| presence::without_known(&old, stanza));
        if self.presences.len() < CAPS_TOLD_MAX {
            self.presences.push(Arc::clone(stanza));
        }
        lean
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::jid::Jid;

    const CAPS: &str = "<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='n' ver='v'/>";

    fn presence(kind: PresenceType, from: &str, payload: &str) -> Arc<Outgoing> {
        Arc::new(Outgoing {
            kind: Kind::Presence(kind),
            from: Jid::parse(from).unwrap(),
            to: None,
            id: None,
            lang: None,
            payload: payload.as_bytes().into(),
        })
    }

    fn available(from: &str, payload: &str) -> Arc<Outgoing> {
        presence(PresenceType::Available, from, payload)
    }

    fn away() -> Arc<Outgoing> {
        available(
            "bob@h/x",
            &format!("<show>away</show>{CAPS}<status>tea</status>"),
        )
    }

    /// What is left of it, on the link of this number.
    fn tell(told: &mut Told, link: u64, stanza: &Arc<Outgoing>) -> Option<String> {
        let reader = FullJid::parse("alice@h/r").unwrap();
        let lean = told.lean(Some(LinkId(link)), &reader, stanza);
        lean.map(|lean| String::from_utf8(lean.payload.to_vec()).unwrap())
    }

    #[test]
    fn what_the_client_has_is_left_out_and_nothing_else() {
        let mut told = Told::default();
        assert_eq!(tell(&mut told, 1, &available("bob@h/x", CAPS)), None);

        let lean = tell(&mut told, 1, &away()).unwrap();

        assert_eq!(lean, "<show>away</show><status>tea</status>");
        assert_eq!(tell(&mut told, 1, &available("bob@h/y", CAPS)), None);
        assert_eq!(tell(&mut told, 1, &available("bob@h/x", CAPS)).unwrap(), "");
    }

    #[test]
    fn a_change_is_told_and_then_known() {
        let mut told = Told::default();
        let new = CAPS.replace("'v'", "'w'");
        tell(&mut told, 1, &available("bob@h/x", CAPS));
        assert_eq!(tell(&mut told, 1, &available("bob@h/x", &new)), None);
        assert_eq!(tell(&mut told, 1, &available("bob@h/x", &new)).unwrap(), "");
    }

    #[test]
    fn who_comes_again_is_told_whole() {
        for gone in ["bob@h/x", "alice@h/r"] {
            let mut told = Told::default();
            tell(&mut told, 1, &available("bob@h/x", CAPS));
            let gone = presence(PresenceType::Unavailable, gone, "");
            assert_eq!(tell(&mut told, 1, &gone), None);
            assert_eq!(tell(&mut told, 1, &away()), None);
        }
    }

    #[test]
    fn another_stream_is_told_whole() {
        let mut told = Told::default();
        tell(&mut told, 1, &available("bob@h/x", CAPS));
        assert_eq!(tell(&mut told, 2, &away()), None);
        assert!(tell(&mut told, 2, &away()).is_some());
    }

    #[test]
    fn directed_presence_and_that_of_occupants_stay_whole() {
        let mut told = Told::default();
        let occupant = available("room@rooms.h/Bob", CAPS);
        let directed = Arc::new(Outgoing {
            to: Some(Jid::parse("alice@h").unwrap()),
            ..available("bob@h/x", CAPS).as_ref().clone()
        });
        for stanza in [occupant, directed] {
            tell(&mut told, 1, &available("bob@h/x", CAPS));
            assert_eq!(tell(&mut told, 1, &stanza), None);
            assert_eq!(tell(&mut told, 1, &stanza), None);
        }
    }

    #[test]
    fn beyond_the_bound_presence_stays_whole() {
        let mut told = Told::default();
        for number in 0..CAPS_TOLD_MAX {
            tell(&mut told, 1, &available(&format!("bob@h/{number}"), CAPS));
        }
        let last = available("bob@h/last", CAPS);
        assert_eq!(tell(&mut told, 1, &last), None);
        assert_eq!(tell(&mut told, 1, &last), None);
    }
}
