//! What waits for a record or for the keys of a password, and what waits behind it.
//!
//! The inputs of one session are evaluated in their order: the first that has to wait holds up those
//! behind it, with or without a ticket of their own.

use crate::base::ids::SessionId;
use crate::base::ids::Ticket;
use crate::core::Core;
use crate::core::order::Asked;
use crate::core::session::Parked;
use crate::effect::request::Request;

impl Core {
    /// The input waits; what comes after it on the same session waits with it.
    pub(super) fn park(&mut self, ticket: Ticket) {
        let source = self.order.open.get(&ticket).and_then(|open| open.source);
        if let Some(session) = source.and_then(|id| self.sessions.get_mut(&id)) {
            session.waiting.insert(ticket);
        }
    }

    /// What an input waited for is here: it is evaluated again, then what came after it.
    pub(super) fn unpark(&mut self, ticket: Ticket) {
        let Some(open) = self.order.open.get(&ticket) else {
            return;
        };
        let Some(id) = open.source else {
            self.evaluate(ticket);
            return;
        };
        let first = |core: &Self| core.sessions.get(&id)?.waiting.first().copied();
        if first(self) != Some(ticket) {
            // Its turn comes, and what it needed is here then.
            return;
        }
        while let Some(next) = first(self) {
            if let Some(session) = self.sessions.get_mut(&id) {
                session.waiting.remove(&next);
            }
            self.evaluate(next);
            if first(self) == Some(next) {
                return;
            }
        }
        self.go_on(id);
    }

    /// Takes what waits on the session, until something has to wait again.
    pub(super) fn go_on(&mut self, id: SessionId) {
        while let Some(session) = self.sessions.get_mut(&id) {
            if !session.waiting.is_empty() {
                return;
            }
            match session.parked.pop_front() {
                Some(parked) => self.open_parked(id, parked),
                None => return,
            }
        }
    }

    /// The next input of a session that waits for nothing.
    pub(super) fn open_parked(&mut self, id: SessionId, parked: Parked) {
        let Some(session) = self.sessions.get(&id) else {
            return;
        };
        let (asked, number) = match parked {
            Parked::Stanza { stanza, number } => {
                let request = Request {
                    session: id,
                    from: session.jid.clone(),
                    stanza,
                };
                (Asked::Stanza { request }, number)
            }
            Parked::Answer { answer, number } => (Asked::Answered { answer }, number),
            Parked::End => (Asked::End { session: id }, None),
        };
        self.open(asked, Some(id), number);
    }
}
