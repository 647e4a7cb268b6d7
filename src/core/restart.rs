//! Sessions that can be resumed outlive a planned restart of a server that is alone.
//!
//! At the stop everything is settled first; then each session is saved as it stands, with its queue. The
//! next start takes them up, asleep, before it listens: their users are online and in their rooms as if
//! nothing had happened, nobody is told anything, and whoever does not come back in time ends as after
//! any cut. It does so only if the log has not gone on in between.

use crate::base::jid::FullJid;
use crate::base::time::Timestamp;
use crate::core::Core;
use crate::core::Now;
use crate::core::queue::Queue;
use crate::core::session::Ack;
use crate::core::session::Management;
use crate::core::session::Session;
use crate::effect::sends::Item;
use crate::model::codec::coded;
use crate::model::peer::PeerSession;
use crate::model::position::Index;

/// All that is saved.
#[derive(Clone, Debug)]
pub(crate) struct Saved {
    pub(crate) domain: Box<str>,
    pub(crate) rooms_host: Box<str>,
    at: Timestamp,
    /// The newest record of the log.
    pub(crate) last: Index,
    pub(crate) sessions: Vec<SavedSession>,
}

coded!(struct Saved { domain, rooms_host, at, last, sessions });

/// A session as it stood.
#[derive(Clone, Debug)]
pub(crate) struct SavedSession {
    told: PeerSession,
    /// What the client has not counted, in order, and how many of these were written.
    items: Vec<Item>,
    written: usize,
    /// Stanzas written in all.
    sent: u32,
    /// How long it may sleep still.
    left_ms: u64,
}

coded!(struct SavedSession { told, items, written, sent, left_ms });

impl Core {
    /// The sessions that can be resumed. Nothing is under way any more.
    pub(crate) fn saved_sessions(&self, now: Now) -> Saved {
        let sessions = self.own_sessions().into_iter();
        let sessions = sessions.filter_map(|told| self.saved_session(told, now));
        Saved {
            domain: (*self.settings.domain).into(),
            rooms_host: self
                .settings
                .rooms_host
                .as_deref()
                .unwrap_or_default()
                .into(),
            at: now.wall,
            last: self.tail.last(),
            sessions: sessions.collect(),
        }
    }

    fn saved_session(&self, mut told: PeerSession, now: Now) -> Option<SavedSession> {
        let session = self.sessions.get(&told.session)?;
        let resume_ms = session.management.as_ref()?.resume_ms?;
        if session.ending {
            return None;
        }
        let left_ms = match session.sleeps_until {
            Some(until) => until.since_ms(now.monotonic),
            None => resume_ms,
        };
        if let Some(count) = &mut told.counted {
            // The items tell it.
            count.queue = None;
        }
        let (items, written) = session.queue.saved();
        Some(SavedSession {
            told,
            items,
            written,
            sent: session.queue.sent(),
            left_ms,
        })
    }

    /// Goes on with the sessions; gives how many. Before anything else happens, and until
    /// [`Core::end_taking_up`] nobody hears of it.
    pub(crate) fn take_up(&mut self, now: Now, saved: Saved) -> usize {
        self.now = now;
        let is_same_host =
            *saved.rooms_host == *self.settings.rooms_host.as_deref().unwrap_or_default();
        // This start has written the record of its epoch.
        let is_same = saved.last.next() == self.tail.last()
            && *saved.domain == *self.settings.domain
            && is_same_host;
        if !is_same {
            return 0;
        }
        let away_ms = now.wall.since_ms(saved.at);
        self.peer.is_taking_up = true;
        let mut count = 0;
        for mut one in saved.sessions {
            one.told.node = self.node;
            let Some(counted) = one.told.counted.take() else {
                continue;
            };
            for occupancy in &one.told.rooms {
                self.empty_rooms.remove(&occupancy.room);
            }
            let steps = self.steps_to(&one.told);
            let key = counted.key;
            let mut queue = Queue::new(self.limits.stanza_bytes);
            queue.managed = true;
            queue.restore(one.items, one.written, one.sent);
            let (id, jid): (_, FullJid) = (one.told.session, one.told.jid);
            let mut session = Session::asleep(id, jid, queue);
            session.management = Some(Management {
                key,
                resume_ms: counted.resume_ms,
                ack: Ack::None,
                asked: false,
            });
            session.received.count = counted.h;
            session.received.handled = counted.h;
            session.received.sure = counted.h;
            let left_ms = one.left_ms.saturating_sub(away_ms);
            session.sleeps_until = Some(now.monotonic.plus_ms(left_ms));
            self.holdings.add(session.held_bytes());
            self.keys.insert(key, id);
            self.touched.insert(id);
            self.sessions.insert(id, session);
            self.take_over(None, &steps);
            count += 1;
        }
        self.settle_step();
        count
    }

    /// All are online again: what happens from now on is told.
    pub(crate) fn end_taking_up(&mut self) {
        self.peer.is_taking_up = false;
    }
}
