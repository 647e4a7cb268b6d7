//! The most memory that settings can cost, from the limits they contain.
//!
//! Every queue, buffer and table has a bound, so that the sum can be worked out before the first client
//! comes. It is what hostile clients could reach together, far above what friendly ones need.

use crate::base::limits::CONNECTION_BYTES;
use crate::base::limits::HANDSHAKE_BYTES;
use crate::base::limits::PAGE_BYTES_MAX;
use crate::base::limits::PROGRAM_BYTES;
use crate::base::limits::TABLE_READS_MAX;
use crate::base::limits::TLS_RECORD_BYTES;
use crate::base::mirror_limits::JOIN_PIECE_BYTES_MAX;
use crate::base::mirror_limits::JOIN_PIECES_MAX;
use crate::base::mirror_limits::PEER_CONNECTIONS_MAX;
use crate::base::mobile_limits::CAPS_TOLD_MAX;
use crate::base::mobile_limits::PUSH_BYTES;
use crate::base::mobile_limits::PUSHES_MAX;
use crate::base::report_limits::REPORT_BYTES;
use crate::base::report_limits::REPORTS_MAX;
use crate::base::upload_limits::FILE_LINES;
use crate::base::upload_limits::FILE_PIECE_BYTES;
use crate::base::upload_limits::UPLOADS_MAX;
use crate::base::web_limits::HTTP_AHEAD_BYTES_MAX;
use crate::config::settings::Settings;

/// Parts of the sum, in the order in which they are shown.
#[derive(Debug)]
pub(crate) struct Budget {
    pub(crate) parts: Vec<Part>,
}

/// So much for each of so many.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) what: &'static str,
    pub(crate) count: u64,
    pub(crate) bytes_each: u64,
}

impl Budget {
    pub(crate) fn of(settings: &Settings) -> Self {
        let limits = &settings.limits;
        let connections = wide(limits.connections);
        let strangers = wide(limits.handshakes).min(connections);
        let is_mirrored = !settings.listen.mirror.is_empty();
        let is_web = !settings.listen.http.is_empty() || !settings.listen.https.is_empty();
        let uploads = u64::from(is_web) * wide(UPLOADS_MAX);
        let files = u64::from(is_mirrored && is_web) * wide(2 * FILE_LINES);
        let page = wide(PAGE_BYTES_MAX.saturating_add(limits.stanza_bytes));
        let part = |what, count, bytes_each| Part {
            what,
            count,
            bytes_each,
        };
        Self {
            parts: vec![
                part("the program", 1, PROGRAM_BYTES),
                part("log entries since the checkpoint", 2, limits.tail_bytes),
                part(
                    "cache of accounts, rooms and nodes",
                    1,
                    limits.record_cache_bytes,
                ),
                part("cache of the tables", 1, limits.store_cache_bytes),
                part("connections at rest", connections, CONNECTION_BYTES),
                part("unfinished TLS records", connections, TLS_RECORD_BYTES),
                part("logins under way", strangers, HANDSHAKE_BYTES),
                part("unfinished stanzas, unread output", 1, limits.buffer_bytes),
                part("queues of sessions", 1, limits.queue_bytes),
                part(
                    "connections of the other board",
                    u64::from(is_mirrored) * wide(PEER_CONNECTIONS_MAX),
                    CONNECTION_BYTES + HANDSHAKE_BYTES,
                ),
                part(
                    "a copy for the other board",
                    u64::from(is_mirrored),
                    wide((JOIN_PIECES_MAX + 2) * JOIN_PIECE_BYTES_MAX),
                ),
                part(
                    "push notifications under way",
                    wide(PUSHES_MAX),
                    wide(PUSH_BYTES),
                ),
                part("uploads", uploads, wide(HTTP_AHEAD_BYTES_MAX) * 2),
                part(
                    "files for the other board",
                    files,
                    wide(FILE_PIECE_BYTES) * 3,
                ),
                part("reads of the tables", wide(TABLE_READS_MAX), page),
                part(
                    "capabilities that clients know",
                    u64::from(settings.caps_optimization) * connections,
                    wide(CAPS_TOLD_MAX * size_of::<usize>()),
                ),
                part("reports of abuse", wide(REPORTS_MAX), wide(REPORT_BYTES)),
            ],
        }
    }

    pub(crate) fn total_bytes(&self) -> u64 {
        let parts = self.parts.iter().map(Part::bytes);
        parts.fold(0, u64::saturating_add)
    }
}

impl Part {
    pub(crate) fn bytes(&self) -> u64 {
        self.count.saturating_mul(self.bytes_each)
    }
}

fn wide(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
