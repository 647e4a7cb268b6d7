//! Making a room: whoever enters one that is not there becomes its owner (XEP-0045 section 10.1).

use std::sync::Arc;

use crate::base::ids::Incarnation;
use crate::effect::proposal::Proposal;
use crate::effect::proposal::Stop;
use crate::model::op::Durable;
use crate::model::room::Affiliation;
use crate::model::room::AffiliationRow;
use crate::model::room::RoomChange;
use crate::model::room::RoomConfig;
use crate::model::room::RoomRow;
use crate::model::row::RecordKey;
use crate::model::row::Row;
use crate::model::row::RowName;
use crate::muc::visit::Visit;
use crate::stanza::Condition;
use crate::stanza::StanzaError;

/// Notes of rooms that are gone which one new room removes: an entry holds few changes, and the next
/// new room removes the next ones.
const NOTES_REMOVED_MAX: usize = 50;

/// A room as it is before its owner has said anything about it.
pub(super) fn first_config() -> RoomConfig {
    RoomConfig {
        public: true,
        archived: true,
        anyone_invites: true,
        private_messages: 3,
        presence_broadcast: 7,
        member_list: 7,
        ..RoomConfig::default()
    }
}

/// The rows of a new room, locked until it is configured.
pub(super) fn evaluate(visit: &Visit<'_>) -> Result<(Proposal, RoomRow), Stop> {
    let view = visit.view;
    if view.settings.rooms_by_admins_only && !view.is_admin(&visit.user) {
        // Section 7.2.11.
        return Err(StanzaError::new(Condition::NotAllowed).into());
    }
    let is_counted = visit.room.row().is_some_and(|row| !row.destroyed);
    if !is_counted && view.rooms_there() >= view.settings.limits.rooms_max {
        return Err(StanzaError::new(Condition::ResourceConstraint)
            .with_text("the server has as many rooms as it takes")
            .into());
    }
    let mut proposal = counted(visit, visit.propose())?;
    if !visit.room.nicks.is_empty() {
        // Of a room that only the other node of a pair has: it is another one.
        proposal = proposal.op(visit.change(RoomChange::Destroy {
            inside: visit.room.nicks.keys().cloned().collect(),
            notice: Arc::from(&b"<destroy/>"[..]),
        }));
    }
    let record = visit.record();
    if visit.room.row().is_some() {
        // Nothing of an earlier room of this name is for the new one.
        proposal = proposal.durable(Durable::Sweep {
            record: record.clone(),
        });
    }
    let row = RoomRow {
        incarnation: incarnation(&view.facts.random),
        created: view.now(),
        locked: true,
        destroyed: false,
        secret: secret(&view.facts.random),
    };
    let owner = AffiliationRow {
        affiliation: Affiliation::Owner,
        account: visit.live(&visit.user)?,
        nick: None,
        reason: None,
    };
    let owner = Row::Affiliation {
        row: Arc::new(owner),
    };
    let config = Row::RoomConfig {
        config: Arc::new(first_config()),
    };
    let name = RowName::Affiliation {
        jid: visit.user.clone(),
    };
    let proposal = proposal
        .row(record.clone(), RowName::Room, Some(Row::Room { row }))
        .row(record.clone(), RowName::RoomConfig, Some(config))
        .row(record, name, Some(owner));
    Ok((proposal, row))
}

/// Notes the room in the account of who makes it, and refuses when there are too many. Only then
/// the noted ones are looked at: those that are gone make place.
fn counted(visit: &Visit<'_>, mut proposal: Proposal) -> Result<Proposal, Stop> {
    let view = visit.view;
    let account = view.account(&visit.user)?;
    let record = RecordKey::Account {
        jid: visit.user.clone(),
    };
    let first = RowName::Created {
        room: visit.jid.clone(),
    };
    let noted: Vec<_> = account
        .rows
        .iter()
        .filter_map(|(name, cell)| match name {
            RowName::Created { room } if cell.row.is_some() => Some(room),
            _ => None,
        })
        .collect();
    let limit = view.settings.limits.rooms_per_user_max;
    if noted.len() >= limit && !view.is_admin(&visit.user) {
        let mut left = noted.len();
        let mut gone = Vec::new();
        for jid in noted {
            let room = view.room(jid)?;
            let row = room.affiliation_row(&visit.user);
            let is_own = row.is_some_and(|row| {
                row.affiliation == Affiliation::Owner && row.is_for(account.live())
            });
            if !room.exists() || !is_own {
                left = left.saturating_sub(1);
                gone.push(jid);
            }
        }
        for jid in gone.into_iter().take(NOTES_REMOVED_MAX) {
            let name = RowName::Created { room: jid.clone() };
            proposal = proposal.row(record.clone(), name, None);
        }
        if left >= limit {
            return Err(StanzaError::new(Condition::ResourceConstraint).into());
        }
    }
    Ok(proposal.row(
        record,
        first,
        Some(Row::Bytes {
            bytes: Arc::new([]),
        }),
    ))
}

fn secret(random: &[u8; 32]) -> [u8; 16] {
    random.first_chunk().copied().unwrap_or_default()
}

fn incarnation(random: &[u8; 32]) -> Incarnation {
    Incarnation(u64::from_be_bytes(
        random.last_chunk().copied().unwrap_or_default(),
    ))
}
