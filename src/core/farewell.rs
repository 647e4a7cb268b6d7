//! An orderly stop, as clients hear of it.

use std::sync::Arc;

use crate::base::ids::SessionId;
use crate::base::limits::OUTPUT_BYTES_MAX;
use crate::core::Core;
use crate::core::EndReason;
use crate::core::Now;
use crate::core::Output;
use crate::core::session::Session;
use crate::effect::sends::Item;
use crate::muc;

impl Core {
    /// Every client gets what waits for it, and hears that it is no longer in its rooms. Streams that cannot be
    /// resumed end with `system-shutdown` (RFC 6120 section 4.9.3.22); gives how many. After a stream error the
    /// others could not be resumed either, so nothing is said of their end.
    pub(crate) fn say_farewell(&mut self, now: Now) -> usize {
        self.now = now;
        let here = |session: &&Session| session.link.is_some() && !session.ending;
        let sessions = self.sessions.values().filter(here);
        let ids: Vec<SessionId> = sessions.map(|session| session.id).collect();
        let mut ended = 0_usize;
        for id in ids {
            self.push_room_farewells(id);
            let Some(session) = self.sessions.get_mut(&id) else {
                continue;
            };
            session.queue.press();
            let management = session.management.as_ref();
            let is_resumable = management.is_some_and(|one| one.resume_ms.is_some());
            let Some(link) = session.link.filter(|_| !is_resumable) else {
                continue;
            };
            let mut bytes = Vec::new();
            self.write(link, &mut bytes, OUTPUT_BYTES_MAX);
            self.outputs.push_back(Output::Last { link, bytes });
            let why = EndReason::Shutdown;
            self.outputs.push_back(Output::End { link, why });
            // Nobody is told that it went: all go.
            self.links.remove(&link);
            if let Some(session) = self.sessions.get_mut(&id) {
                session.link = None;
            }
            ended += 1;
        }
        self.settle_step();
        ended
    }

    /// The other node, or the next start of this one, goes on with the sessions that can be resumed; the rest
    /// hears that it is no longer in its rooms, and ends with a stream error. What may be told or saved late goes
    /// out now.
    pub(crate) fn hand_all_over(&mut self, now: Now) {
        self.now = now;
        let sessions = self.sessions.values().filter(|session| !session.ending);
        let lost = sessions.filter(|session| {
            let management = session.management.as_ref();
            management.is_none_or(|one| one.resume_ms.is_none())
        });
        let lost: Vec<SessionId> = lost.map(|session| session.id).collect();
        for id in lost {
            self.push_room_farewells(id);
            let link = self.sessions.get(&id).and_then(|session| session.link);
            if let Some(link) = link {
                let mut bytes = Vec::new();
                self.write(link, &mut bytes, OUTPUT_BYTES_MAX);
                self.outputs.push_back(Output::Last { link, bytes });
            }
            self.end_session(id, EndReason::Shutdown);
        }
        self.begin_last_reports();
        self.stop(now);
    }

    /// Whether the other node knows how all sessions stand, if there is one.
    pub(crate) fn is_told(&self) -> bool {
        !self.peer.is_there || self.peer.reports.is_quiet()
    }

    fn push_room_farewells(&mut self, id: SessionId) {
        let Some(session) = self.sessions.get(&id) else {
            return;
        };
        let farewells = self.seen(|view| {
            let online = view.online(session.jid.as_jid())?;
            Some(muc::farewells(view, online))
        });
        for stanza in farewells.unwrap_or_default() {
            let stanza = Arc::new(stanza);
            self.push(id, Item::Stanza { stanza });
        }
    }
}
