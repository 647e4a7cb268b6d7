//! What the other node did while both were alone: entries of its branch, delivered late.
//!
//! Such an entry is on this disk already. It takes its place behind what is numbered here, is
//! applied by the merge rules of its rows, and shown to the sessions of this node as far as it
//! changed anything (rule U8).

use std::collections::VecDeque;
use std::sync::Arc;

use crate::base::ids::Ticket;
use crate::core::Core;
use crate::core::EndReason;
use crate::core::mistake::Mistake;
use crate::core::order::Asked;
use crate::core::order::Open;
use crate::core::order::Place;
use crate::core::states::States;
use crate::effect::records::records_of;
use crate::effect::sends::Item;
use crate::effect::sends::Sends;
use crate::effect::state::At;
use crate::model::account::AccountState;
use crate::model::claim;
use crate::model::entry::Entry;
use crate::model::merge::Merged;
use crate::model::message::Owner;
use crate::model::op::Durable;
use crate::model::op::KickReason;
use crate::model::op::Kicked;
use crate::model::op::Op;
use crate::model::op::Soft;
use crate::model::op::numbered;
use crate::model::room::RoomChange;
use crate::model::room::RoomRow;
use crate::model::row::RecordKey;
use crate::model::row::Row;
use crate::model::row::RowName;
use crate::model::row::Write;
use crate::muc;
use crate::pubsub;

impl Core {
    pub(super) fn handle_merged(&mut self, entry: Arc<Entry>) {
        self.order.stamp = self.order.stamp.max(entry.stamp);
        if let Some(ticket) = self.ticket_of(&entry) {
            return self.settle_merged(ticket, &entry);
        }
        let mut open = self.order.open.values_mut();
        if let Some(open) = open.find(|open| !open.proposed && open.op_id == entry.op_id) {
            // It waits for a record: what it makes then is its answer, and what is volatile.
            open.is_numbered = true;
        }
        let records = records_of(&entry.ops);
        self.stand_in_line(Place::Merged {
            entry,
            ticket: None,
            records,
        });
        self.release();
    }

    /// What is proposed here and was numbered by the other node, which could not say so any more.
    fn ticket_of(&self, entry: &Entry) -> Option<Ticket> {
        let mut proposed = self.order.proposed.iter().copied();
        proposed.find(|ticket| {
            let open = self.order.open.get(ticket).filter(|open| open.proposed);
            open.is_some_and(|open| open.op_id == entry.op_id)
        })
    }

    /// What is volatile and was proposed before it was numbered before it, and its number is lost.
    fn settle_merged(&mut self, ticket: Ticket, entry: &Entry) {
        let mut left = VecDeque::new();
        while let Some(before) = self.order.proposed.pop_front_if(|one| *one != ticket) {
            let open = self.order.open.get(&before);
            let open = open.filter(|open| open.proposed);
            let proposal = open.and_then(|open| Some((open, open.proposal.as_ref()?)));
            let place = match proposal {
                // Its order has changed since then, while it waited for a record.
                Some((_, proposal)) if proposal.ops.iter().any(Op::is_durable) => {
                    left.push_back(before);
                    continue;
                }
                _ if !left.is_empty() => {
                    left.push_back(before);
                    continue;
                }
                Some((open, proposal)) => Place::Entry {
                    entry: as_proposed(
                        open,
                        &Entry {
                            origin: None,
                            ..entry.clone()
                        },
                    ),
                    ticket: Some(before),
                    records: records_of(&proposal.ops),
                },
                None => Place::Answer { ticket: before },
            };
            self.order.line.push_back(place);
        }
        self.order.proposed.pop_front();
        left.append(&mut self.order.proposed);
        self.order.proposed = left;
        let Some(open) = self.order.open.get(&ticket) else {
            return;
        };
        let entry = as_proposed(open, entry);
        let records = records_of(&entry.ops);
        self.order.line.push_back(Place::Merged {
            entry,
            ticket: Some(ticket),
            records,
        });
        self.rebuild_pending();
        self.answers_follow();
        self.release();
    }

    /// Folds an entry of another branch into the delivered state; sends what is new here. Returns
    /// whether more than its ops has changed.
    pub(super) fn deliver_merged(&mut self, entry: &Arc<Entry>) -> bool {
        self.tail.push(Arc::clone(entry));
        let mut is_emptied = false;
        for (sub, op) in numbered(&entry.ops) {
            let at = At {
                position: entry.position.with_sub(sub),
                stamp: entry.stamp,
            };
            if self.note_copy(at.position, op, entry) && !self.is_mistaken(Mistake::CopiesShown) {
                self.states.fold(at, op);
                continue;
            }
            let merged = self.merged(at, op);
            match self.outcome(op, merged.as_ref()) {
                Some(outcome) => {
                    let is_another = self.is_another(&outcome);
                    is_emptied |= self.empty_room(at, &outcome);
                    let mut sends = self.sends_of(at, &outcome);
                    if let Some(event) = self.taken_back(&outcome, entry) {
                        sends.items.extend(self.sends_of(at, &event).items);
                    }
                    self.fold_merged(at, op, merged);
                    if !self.is_mistaken(Mistake::NothingPushed) {
                        self.note_told(&sends);
                        self.dispatch(late(sends));
                    }
                    self.follow_merged(&outcome, is_another);
                    self.follow_alias(op);
                }
                None => self.fold_merged(at, op, merged),
            }
            if let Op::Durable {
                op: Durable::Row { record, name, .. },
            } = op
                && (claim::root(record).as_ref() == Some(name)
                    || matches!(name, RowName::Affiliation { .. }))
            {
                self.note_claim(record);
            }
        }
        is_emptied
    }

    /// What the row of the op comes to with what is here.
    fn merged(&self, at: At, op: &Op) -> Option<Merged> {
        let Op::Durable {
            op: Durable::Row { record, name, row },
        } = op
        else {
            return None;
        };
        let new = Write {
            at: at.position,
            stamp: at.stamp,
            row: row.clone(),
        };
        let States {
            delivered, epochs, ..
        } = &self.states;
        delivered.merged(record, name, new, epochs)
    }

    fn fold_merged(&mut self, at: At, op: &Op, merged: Option<Merged>) {
        let Op::Durable {
            op: Durable::Row { record, name, row },
        } = op
        else {
            return self.states.fold(at, op);
        };
        if let Some(merged) = &merged {
            self.note_lost(record, name, merged);
        }
        let row = (record, name, row.as_ref());
        let States {
            delivered, epochs, ..
        } = &mut self.states;
        delivered.apply_row(row, merged, epochs);
    }

    /// What the op comes to here; `None`: nothing, because what is here wins.
    fn outcome(&self, op: &Op, merged: Option<&Merged>) -> Option<Op> {
        let Op::Durable {
            op: Durable::Row { record, name, .. },
        } = op
        else {
            return (!self.is_for_another(op)).then(|| op.clone());
        };
        let after = &merged?.cell.row;
        let rows = self.states.delivered.rows(record);
        let before = rows.and_then(|rows| rows.row(name));
        (before != after.as_ref()).then(|| Op::row(record.clone(), name.clone(), after.clone()))
    }

    /// Whether the message is from or to somebody of whom another one here has the name.
    fn is_for_another(&self, op: &Op) -> bool {
        let Op::Durable {
            op: Durable::Message { places, .. },
        } = op
        else {
            return false;
        };
        let delivered = &self.states.delivered;
        places.iter().any(|place| match &place.owner {
            Owner::Account { jid } => {
                let account = delivered.accounts.get(jid);
                account.is_some_and(|account| account.is_over(place.incarnation))
            }
            Owner::Room { jid } => {
                let room = delivered.rooms.get(jid).and_then(|room| room.row());
                room.is_some_and(|row| row.incarnation != place.incarnation)
            }
        })
    }

    /// Whether the name of an account is another one's from here on: whoever is logged in is not that one.
    fn is_another(&mut self, op: &Op) -> bool {
        let Op::Durable {
            op:
                Durable::Row {
                    record: RecordKey::Account { jid },
                    row: Some(Row::Account { row }),
                    ..
                },
        } = op
        else {
            return false;
        };
        let account = self.states.delivered.accounts.get(jid);
        let before = account.and_then(|account| account.incarnation());
        if before.is_none_or(|before| before == row.incarnation) {
            return false;
        }
        let sessions = self.sessions.iter();
        let theirs = sessions.filter(|(_, session)| session.jid.bare() == *jid);
        let theirs = theirs.map(|(id, _)| (*id, EndReason::NotAuthorized));
        self.kicked.extend(theirs);
        true
    }

    /// A room that ended over there, or is another one, has nobody inside any more.
    fn empty_room(&mut self, at: At, op: &Op) -> bool {
        let Op::Durable {
            op:
                Durable::Row {
                    record: RecordKey::Room { jid },
                    row: Some(Row::Room { row }),
                    ..
                },
        } = op
        else {
            return false;
        };
        let Some(room) = self.states.delivered.rooms.get(jid) else {
            return false;
        };
        let stays = |old: RoomRow| !row.destroyed && old.incarnation == row.incarnation;
        if room.nicks.is_empty() || room.row().is_some_and(stays) {
            return false;
        }
        let destroy = RoomChange::Destroy {
            inside: room.nicks.keys().cloned().collect(),
            notice: Arc::from(&b"<destroy/>"[..]),
        };
        let op = Op::soft(Soft::Room {
            room: jid.clone(),
            change: Arc::new(destroy),
        });
        let sends = self.sends_of(at, &op);
        self.states.fold(at, &op);
        self.dispatch(sends);
        true
    }

    /// That an item was taken back was volatile where it was done. What made room for a new one was not told
    /// there, either.
    fn taken_back(&self, op: &Op, entry: &Entry) -> Option<Op> {
        let Op::Durable {
            op:
                Durable::Row {
                    record: RecordKey::Leaf { leaf },
                    name: RowName::Item { id },
                    row: None,
                },
        } = op
        else {
            return None;
        };
        let is_new_there = |op: &Op| match op {
            Op::Durable {
                op:
                    Durable::Row {
                        record: RecordKey::Leaf { leaf: one },
                        row: Some(Row::Item { .. }),
                        ..
                    },
            } => one == leaf,
            _ => false,
        };
        if entry.ops.iter().any(is_new_there) {
            return None;
        }
        self.seen(|view| pubsub::retraction(view, leaf, id))
    }

    /// What goes with such a change where it is made, and was volatile there.
    fn follow_merged(&mut self, op: &Op, is_another: bool) {
        let Op::Durable {
            op: Durable::Row { record, name, row },
        } = op
        else {
            return;
        };
        let ops = match (record, name, row) {
            (RecordKey::Account { jid }, RowName::Account, Some(Row::Account { row }))
                if row.state != AccountState::Enabled || is_another =>
            {
                vec![kick(jid.clone())]
            }
            (RecordKey::Account { jid }, RowName::Credentials, Some(_)) => vec![kick(jid.clone())],
            (RecordKey::Room { jid }, name, _) => muc::follow(&self.states.delivered, jid, name),
            _ => return,
        };
        if !ops.is_empty() {
            self.open(Asked::Own { ops }, None, None);
        }
    }
}

/// The log keeps no volatile ops: they are those that were proposed.
fn as_proposed(open: &Open, entry: &Entry) -> Arc<Entry> {
    let proposal = open.proposal.as_ref();
    let ops = proposal.map_or_else(|| entry.ops.clone(), |proposal| proposal.ops.clone());
    Arc::new(Entry {
        op_id: open.op_id,
        ops,
        ..entry.clone()
    })
}

fn kick(account: crate::base::jid::BareJid) -> Op {
    Op::soft(Soft::Kick {
        account,
        whom: Kicked::All,
        why: KickReason::NotAuthorized,
    })
}

/// With its time (XEP-0203): it was said before what the reader has seen since.
fn late(mut sends: Sends) -> Sends {
    for (_, item) in &mut sends.items {
        if let Item::Kept { how, .. } = item {
            *how = how.late();
        }
    }
    sends
}
