//! Streams that a client could not resume at the node it came to, while the other node was away.
//!
//! Whatever it has not seen counted the client sends again on its next stream. What the lost one still has under
//! way at its own node must not be numbered beside that, in the order of both (rule U13): it was counted to nobody.

use std::collections::BTreeSet;

use crate::base::ids::SessionId;
use crate::base::ids::SmKey;
use crate::base::ids::Ticket;
use crate::base::mirror_limits::DISOWNED_MAX;
use crate::core::Core;
use crate::core::EndReason;
use crate::core::Output;
use crate::core::order::Asked;
use crate::core::session::Parked;
use crate::model::entry::Mode;

/// The streams of the other node that this one knew too little of.
#[derive(Debug, Default)]
pub(crate) struct Disowned {
    new: BTreeSet<SmKey>,
    /// Others as well: this node has begun anew since, or there are too many.
    is_partial: bool,
    /// As both began to become one: until the other node is heard of in that epoch.
    told: BTreeSet<SmKey>,
}

impl Disowned {
    /// At a start, after which epoch.
    pub(super) fn new(last: Option<Mode>) -> Self {
        Self {
            is_partial: last == Some(Mode::Solo),
            ..Self::default()
        }
    }

    fn add(&mut self, key: SmKey) {
        self.new.insert(key);
        if self.new.len() > DISOWNED_MAX {
            self.new.clear();
            self.is_partial = true;
        }
    }

    /// An epoch of both begins here.
    pub(super) fn begin(&mut self) {
        self.told.append(&mut self.new);
    }

    /// It has begun at the other node as well.
    pub(super) fn confirm(&mut self) {
        self.told.clear();
        self.is_partial = false;
    }

    pub(super) fn told(&self) -> impl Iterator<Item = Option<SmKey>> {
        let any = self.is_partial.then_some(None);
        let keys = self.new.union(&self.told).map(|key| Some(*key));
        any.into_iter().chain(keys)
    }
}

impl Core {
    /// The client is told that its stream is lost, by a node that cannot ask the other one about it.
    pub(super) fn disown(&mut self, key: SmKey) {
        if self.order.is_paired || self.is_parted() {
            self.peer.disowned.add(key);
        }
    }

    /// The other node has told a client so of a stream of this one, or of any.
    pub(super) fn drop_disowned(&mut self, key: Option<SmKey>) {
        let Some(key) = key else {
            return self.doubt_all();
        };
        if let Some(id) = self.keys.get(&key).copied() {
            self.drop_under_way(id);
            // A connection may only seem to live: what is read of it later would be numbered, too.
            self.end_session(id, EndReason::Conflict);
        }
    }

    /// Of any: whoever is connected here has hardly gone there, and comes back at once if so. The client that resumes
    /// is told the count without what is dropped, and sends it again.
    fn doubt_all(&mut self) {
        let all: Vec<SessionId> = self.keys.values().copied().collect();
        for id in all {
            if !self.drop_under_way(id) {
                continue;
            }
            match self.sessions.get(&id).and_then(|session| session.link) {
                Some(link) => {
                    let why = EndReason::Reset;
                    self.outputs.push_back(Output::End { link, why });
                    self.handle_closed(link, false);
                }
                None => self.end_session(id, EndReason::Conflict),
            }
        }
    }

    /// Returns whether there was something.
    fn drop_under_way(&mut self, id: SessionId) -> bool {
        let is_its = |asked: &Asked| matches!(asked, Asked::Stanza { .. } | Asked::Answered { .. });
        let open = self.order.open.iter();
        let open = open.filter(|(_, open)| open.source == Some(id) && is_its(&open.asked));
        let tickets: BTreeSet<Ticket> = open.map(|(ticket, _)| *ticket).collect();
        let Some(session) = self.sessions.get_mut(&id) else {
            return false;
        };
        if tickets.is_empty() && session.parked.is_empty() {
            return false;
        }
        let parked = std::mem::take(&mut session.parked);
        let (left, dropped) = parked
            .into_iter()
            .partition(|parked| matches!(parked, Parked::End));
        session.parked = left;
        session.waiting.retain(|ticket| !tickets.contains(ticket));
        let count = u32::try_from(tickets.len()).unwrap_or(u32::MAX);
        session.received.open = session.received.open.saturating_sub(count);
        session.received.count = session.received.handled;
        for parked in dropped {
            if let Parked::Stanza { stanza, .. } = parked {
                self.holdings.finish(&stanza);
            }
        }
        self.order.proposed.retain(|one| !tickets.contains(one));
        for ticket in tickets {
            if let Some(open) = self.order.open.remove(&ticket) {
                self.finish_under_way(&open.asked);
            }
        }
        self.rebuild_pending();
        true
    }
}
