//! Which records an op changes or reads, and so needs in memory when it is delivered.

use crate::base::jid::FullJid;
use crate::model::message::Owner;
use crate::model::op::Durable;
use crate::model::op::Op;
use crate::model::op::Soft;
use crate::model::pubsub::LeafKey;
use crate::model::row::RecordKey;

/// The records that ops change or read, one after the other and with repeats.
pub(crate) fn records_of(ops: &[Op]) -> Vec<RecordKey> {
    let mut keys = Vec::new();
    for op in ops {
        add_records_of(op, &mut keys);
    }
    keys
}

fn add_records_of(op: &Op, keys: &mut Vec<RecordKey>) {
    let account = |jid: &FullJid| RecordKey::Account { jid: jid.bare() };
    match op {
        Op::Durable { op } => match op {
            Durable::Row { record, .. }
            | Durable::Sweep { record }
            | Durable::Forget { record, .. } => {
                keys.push(record.clone());
                if let RecordKey::Leaf { leaf } = record {
                    keys.push(owner_of(leaf));
                }
            }
            Durable::Message { places, .. } | Durable::Retract { places, .. } => {
                keys.extend(places.iter().map(|place| record_of(&place.owner)));
            }
            Durable::Expire { owner, .. } => keys.push(record_of(owner)),
        },
        Op::Soft { op } => match op {
            Soft::Bind { jid, .. }
            | Soft::Unbind { jid, .. }
            | Soft::Presence { jid, .. }
            | Soft::Directed { jid, .. }
            | Soft::Wants { jid, .. }
            | Soft::Interests { jid, .. }
            | Soft::Moved { jid, .. } => keys.push(account(jid)),
            Soft::Node { leaf, .. } => {
                keys.push(RecordKey::Leaf { leaf: leaf.clone() });
                keys.push(owner_of(leaf));
            }
            Soft::Room { room, change } => {
                keys.push(RecordKey::Room { jid: room.clone() });
                keys.extend(change.moves().into_iter().map(|(jid, _)| account(&jid)));
            }
            Soft::Kick { account, .. } | Soft::Recall { account, .. } => {
                keys.push(RecordKey::Account {
                    jid: account.clone(),
                });
            }
            Soft::Reads { record } => keys.push(record.clone()),
            Soft::Route { .. }
            | Soft::Announce { .. }
            | Soft::Halt { .. }
            | Soft::Handed { .. }
            | Soft::Recalled { .. }
            | Soft::Managed { .. }
            | Soft::Told { .. }
            | Soft::Reports { .. }
            | Soft::Reported { .. }
            | Soft::Caps { .. } => {}
        },
    }
}

/// The record that has the configuration of a node, and the contacts of its owner.
pub(crate) fn owner_of(leaf: &LeafKey) -> RecordKey {
    if leaf.is_of_service() {
        RecordKey::Node
    } else {
        RecordKey::Account {
            jid: leaf.owner.clone(),
        }
    }
}

/// The record of an archive's owner.
pub(crate) fn record_of(owner: &Owner) -> RecordKey {
    match owner {
        Owner::Account { jid } => RecordKey::Account { jid: jid.clone() },
        Owner::Room { jid } => RecordKey::Room { jid: jid.clone() },
    }
}
