//! Two of one name, made by two nodes while they could not ask each other: the second gets a name of its own.
//!
//! It happens when everything is on both nodes (`mirror` rule R14). Who keeps the name is decided
//! (`model::claim`). The other account goes on as `name--a` or `name--b`, by the board that made it, disabled until
//! an administrator looks at it; the other room likewise, if it persists. Each keeps its archive, which belongs to
//! the incarnation. Tokens do not go along: a password is asked for once.

use crate::base::jid::BareJid;
use crate::core::Core;
use crate::core::bounds::RESCUE_BYTES_MAX;
use crate::core::order::Asked;
use crate::effect::proposal::Proposal;
use crate::effect::proposal::Stop;
use crate::effect::view::View;
use crate::model::account::AccountRow;
use crate::model::account::AccountState;
use crate::model::claim::Claim;
use crate::model::claim::incarnation;
use crate::model::claim::root;
use crate::model::codec::to_bytes;
use crate::model::epochs::Epochs;
use crate::model::parted::Other;
use crate::model::parted::part;
use crate::model::position::Position;
use crate::model::row::RecordKey;
use crate::model::row::Row;
use crate::model::row::RowName;
use crate::model::row::Rows;
use crate::muc;

impl Core {
    /// The record may be of two, or a room without an owner.
    pub(super) fn note_claim(&mut self, key: &RecordKey) {
        let Some(rows) = self.states.delivered.rows(key) else {
            return;
        };
        let is_room = matches!(key, RecordKey::Room { .. });
        if Claim::of(key, rows).is_some() || is_room && muc::is_ownerless(rows) {
            self.claims.insert(key.clone());
        }
    }

    /// When everything is here that both nodes have, those of one name part.
    pub(super) fn part_names(&mut self) {
        if self.claims.is_empty() || !self.has_all() {
            return;
        }
        for record in std::mem::take(&mut self.claims) {
            self.open(Asked::Rescue { record }, None, None);
        }
    }
}

/// As much of it as fits in one entry; the rest follows.
pub(super) fn evaluate(
    view: &View<'_>,
    key: &RecordKey,
    epochs: &Epochs,
) -> Result<Proposal, Stop> {
    let (Some(root), Some(rows)) = (root(key), rows_of(view, key)?) else {
        return Ok(Proposal::nothing());
    };
    let Some(other) = part(key, rows, epochs) else {
        return match key {
            RecordKey::Room { jid } => muc::evaluate_ownerless(view, jid),
            _ => Ok(Proposal::nothing()),
        };
    };
    let mut proposal = Proposal::nothing().guarded(view.guard(key.clone(), root.clone()));
    let place = place(view, key, &other)?;
    if let Some((record, row)) = &place {
        proposal = proposal
            .guarded(view.guard(record.clone(), root.clone()))
            .row(record.clone(), root, Some(row.clone()));
    }
    let mut bytes = 0;
    for one in other.rows {
        bytes += to_bytes(&one.kept).len() + to_bytes(&one.theirs).len();
        if bytes > RESCUE_BYTES_MAX {
            return Ok(proposal);
        }
        let is_taken_along = !matches!(one.name, RowName::Token { .. });
        if let (Some((record, _)), Some(row), true) = (&place, one.theirs, is_taken_along) {
            proposal = proposal.row(record.clone(), one.name, Some(row));
        }
        proposal = proposal.op(one.kept);
    }
    Ok(proposal.op(other.end))
}

/// Where the other one goes on, and as what; `None`: nowhere, because it is over.
fn place(
    view: &View<'_>,
    key: &RecordKey,
    other: &Other,
) -> Result<Option<(RecordKey, Row)>, Stop> {
    let Some((at, row)) = &other.root else {
        return Ok(None);
    };
    let row = match row {
        Row::Account { row } => Row::Account {
            row: AccountRow {
                state: AccountState::Disabled,
                admin: false,
                ..*row
            },
        },
        Row::Room { .. } if persists(other) => row.clone(),
        _ => return Ok(None),
    };
    let own = incarnation(Some(&row));
    for name in names(key, *at) {
        let Ok(jid) = BareJid::parse(&name) else {
            continue;
        };
        let record = match key {
            RecordKey::Room { .. } => RecordKey::Room { jid },
            _ => RecordKey::Account { jid },
        };
        let there = rows_of(view, &record)?.zip(root(&record));
        let there = there.and_then(|(rows, root)| incarnation(rows.row(&root)));
        // What was begun in an entry before goes on.
        if there.is_none() || there == own {
            return Ok(Some((record, row)));
        }
    }
    Ok(None)
}

/// By the board, then by where it was written: that has nobody else.
fn names(key: &RecordKey, at: Position) -> Vec<String> {
    let (RecordKey::Account { jid } | RecordKey::Room { jid }) = key else {
        return Vec::new();
    };
    let board = if at.epoch().node == 0 { 'a' } else { 'b' };
    let local = jid.local().unwrap_or_default();
    let domain = jid.domain();
    let number = at.to_u128();
    vec![
        format!("{local}--{board}@{domain}"),
        format!("{local}--{board}-{number:x}@{domain}"),
        format!("other--{board}-{number:x}@{domain}"),
    ]
}

/// A room that does not ends with those who are in it.
fn persists(other: &Other) -> bool {
    let config = other
        .rows
        .iter()
        .find(|one| one.name == RowName::RoomConfig);
    matches!(
        config.and_then(|one| one.theirs.as_ref()),
        Some(Row::RoomConfig { config }) if config.persistent
    )
}

fn rows_of<'a>(view: &View<'a>, key: &RecordKey) -> Result<Option<&'a Rows>, Stop> {
    match key {
        RecordKey::Account { jid } => view.account(jid).map(|account| Some(&*account.rows)),
        RecordKey::Room { jid } => view.room(jid).map(|room| Some(&*room.rows)),
        RecordKey::Node | RecordKey::Leaf { .. } => Ok(None),
    }
}
