//! Rooms that do not persist and have nobody in them: their end is written down (XEP-0045 section 7.14).
//!
//! What such a room was is gone the moment the last occupant is, whatever the tables say. Its rows go
//! in steps of the node's own, after whatever emptied it: a departure, a kick, an end of a session, a
//! changed configuration, or a crash, which empties all rooms.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

use crate::base::jid::BareJid;
use crate::base::limits::ROOMS_ENDED_MAX;
use crate::core::Core;
use crate::core::order::Asked;
use crate::model::entry::Entry;
use crate::model::op::Durable;
use crate::model::op::Op;
use crate::model::op::Soft;
use crate::model::position::Index;
use crate::model::row::RecordKey;
use crate::model::row::Row;
use crate::model::row::RowName;

/// The rooms that recovery found.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rooms {
    /// All of them, by address, with whether they persist.
    pub(crate) there: BTreeMap<BareJid, bool>,
}

impl Rooms {
    /// What the tables do not know yet.
    pub(crate) fn follow(&mut self, tail: &[(Index, Arc<Entry>)]) {
        for op in tail.iter().flat_map(|(_, entry)| entry.durable_ops()) {
            let Durable::Row {
                record: RecordKey::Room { jid },
                row: Some(row),
                ..
            } = op
            else {
                continue;
            };
            match row {
                Row::Room { row } if row.destroyed => {
                    self.there.remove(jid);
                }
                Row::Room { .. } => {
                    self.there.entry(jid.clone()).or_insert(false);
                }
                Row::RoomConfig { config } | Row::RoomConfigPart { config, .. } => {
                    if let Some(persists) = self.there.get_mut(jid) {
                        *persists = config.persistent;
                    }
                }
                _ => {}
            }
        }
    }

    pub(super) fn fleeting(&self) -> BTreeSet<BareJid> {
        let fleeting = self.there.iter().filter(|(_, persists)| !**persists);
        fleeting.map(|(jid, _)| jid.clone()).collect()
    }
}

impl Core {
    /// Notes which rooms an entry of this node may have emptied.
    pub(super) fn note_empty(&mut self, entry: &Entry) {
        for op in &entry.ops {
            let room = match op {
                Op::Soft {
                    op: Soft::Room { room, change },
                } if change.is_change() => room,
                Op::Durable {
                    op:
                        Durable::Row {
                            record: RecordKey::Room { jid },
                            name: RowName::RoomConfig,
                            ..
                        },
                } => jid,
                _ => continue,
            };
            let record = self.states.delivered.rooms.get(room);
            if record.is_some_and(|record| record.is_over()) {
                self.empty_rooms.insert(room.clone());
            }
        }
    }

    /// One step of rooms at a time. Whether one is to end is evaluated when its turn has come.
    pub(super) fn end_empty(&mut self) {
        if self.empty_rooms.is_empty() {
            return;
        }
        let mut open = self.order.open.values();
        if open.any(|open| matches!(open.asked, Asked::Emptied { .. })) {
            return;
        }
        let rooms: Vec<BareJid> = std::iter::from_fn(|| self.empty_rooms.pop_first())
            .take(ROOMS_ENDED_MAX)
            .collect();
        self.open(Asked::Emptied { rooms }, None, None);
    }
}
