//! Bounds of the core, and what it says of itself.

use crate::base::jid::Jid;
use crate::base::limits::STANZA_BYTES_MAX;
use crate::base::mirror_limits::ZOMBIE_MS;
use crate::core::Core;
use crate::core::mistake::Mistake;
use crate::core::session::LinkId;
use crate::effect::query::is_with;
use crate::model::abuse::reports;

/// What an operator may want to know.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CoreFacts {
    /// Bound sessions, sleeping ones included.
    pub(crate) sessions: usize,
    /// Waiting to be resumed.
    pub(crate) sleeping: usize,
    /// Rooms in memory.
    pub(crate) rooms: usize,
    /// Entries of this epoch that are committed.
    pub(crate) entries: u64,
    /// Not in the tables yet.
    pub(crate) tail_entries: usize,
    /// What users have reported and nobody has cleared (XEP-0377).
    pub(crate) reports: usize,
}

/// Bounds of the core itself.
#[derive(Clone, Debug)]
pub(crate) struct CoreLimits {
    /// Committed entries kept in memory before a checkpoint, in bytes.
    pub(crate) tail_bytes: usize,
    /// A checkpoint at the latest after this.
    pub(crate) checkpoint_ms: u64,
    /// Records kept in memory beyond the pinned ones.
    pub(crate) resident_max: usize,
    /// What nodes of publish-subscribe take in memory beyond the pinned ones.
    pub(crate) node_cache_bytes: usize,
    /// Largest stanza of a client.
    pub(crate) stanza_bytes: usize,
    /// What all sessions may keep that their clients have not taken.
    pub(crate) queue_bytes: usize,
    /// How long a session may sleep (XEP-0198 `max`).
    pub(crate) resume_ms_max: u64,
    /// Inputs of one session under way before it is read no further.
    pub(crate) open_max: u32,
    /// How long the sessions of a node that is away stand for others.
    pub(crate) zombie_ms: u64,
    /// Never in a server.
    pub(crate) mistake: Option<Mistake>,
}

impl Default for CoreLimits {
    fn default() -> Self {
        Self {
            tail_bytes: 8 << 20,
            checkpoint_ms: 60_000,
            resident_max: 4_096,
            node_cache_bytes: 2 << 20,
            stanza_bytes: STANZA_BYTES_MAX,
            queue_bytes: 48 << 20,
            resume_ms_max: 300_000,
            open_max: 256,
            zombie_ms: ZOMBIE_MS,
            mistake: None,
        }
    }
}

impl Core {
    /// The streams of an address, or of all that an account has.
    pub(crate) fn links_of(&self, jid: &Jid) -> Vec<LinkId> {
        let sessions = self.sessions.values();
        let meant = sessions.filter(|session| is_with(jid, session.jid.as_jid()));
        meant.filter_map(|session| session.link).collect()
    }

    /// Figures for an operator.
    pub(crate) fn facts(&self) -> CoreFacts {
        let sleeping = self
            .sessions
            .values()
            .filter(|session| session.link.is_none())
            .count();
        CoreFacts {
            sessions: self.sessions.len(),
            sleeping,
            rooms: self
                .states
                .delivered
                .rooms
                .values()
                .filter(|room| room.exists())
                .count(),
            entries: self.order.committed.seq(),
            tail_entries: self.tail.entries().count(),
            reports: self
                .states
                .delivered
                .node
                .as_ref()
                .map_or(0, |rows| reports(rows).count()),
        }
    }
}
