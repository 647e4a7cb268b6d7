//! Versions of a roster (RFC 6121 section 2.6): which change was the last, in whose life.
//!
//! A removed contact keeps its row, so what changed since a version is what has a later position. Of
//! many removed ones the oldest are forgotten; up to where is noted, and no older version is known.
//! Nor is one of a branch that had not heard of a change, which may have the smaller position.

use std::sync::Arc;

use crate::base::ids::Incarnation;
use crate::base::jid::BareJid;
use crate::base::limits::ROSTER_PUSHES_MAX;
use crate::base::limits::ROSTER_TOMBSTONES_MAX;
use crate::model::account::Account;
use crate::model::contact::Contact;
use crate::model::epochs::Epochs;
use crate::model::epochs::Relation;
use crate::model::op::Durable;
use crate::model::op::Op;
use crate::model::position::Position;
use crate::model::row::RecordKey;
use crate::model::row::Row;
use crate::model::row::RowName;

/// Digits of a version: of the incarnation, then of the position.
const INCARNATION_DIGITS: usize = 16;
const POSITION_DIGITS: usize = 32;

/// Names the note up to where removed contacts are forgotten.
const HORIZON: &str = "roster-horizon";

/// A contact as it is now, and the change that made it so.
#[derive(Clone, Copy, Debug)]
pub(super) struct Changed<'a> {
    pub(super) jid: &'a BareJid,
    /// `None`: it is not in the roster any more.
    pub(super) contact: Option<&'a Contact>,
    pub(super) at: Position,
}

/// The roster after the change at `at`.
pub(super) fn version(incarnation: Incarnation, at: Position) -> String {
    format!("{:016x}{:032x}", incarnation.0, at.to_u128())
}

/// The account's roster as it is. `None`: part of it has no number yet.
pub(super) fn newest(account: &Account) -> Option<String> {
    let at = account
        .contact_cells()
        .map(|(_, cell)| cell.at)
        .max()
        .unwrap_or(Position::ZERO);
    let incarnation = account.incarnation()?;
    (!is_provisional(at)).then(|| version(incarnation, at))
}

/// What a client with version `known` has to be told, in the order of the changes. `None`: it needs
/// the whole roster.
pub(super) fn changes_since<'a>(
    account: &'a Account,
    known: &str,
    epochs: Option<&Epochs>,
) -> Option<Vec<Changed<'a>>> {
    let (incarnation, since) = parse(known)?;
    if account.incarnation() != Some(incarnation) {
        return None;
    }
    if since < horizon(account) {
        return None;
    }
    let is_beside = |at| epochs.is_some_and(|one| one.relation(at, since) == Relation::Beside);
    let mut newest = Position::ZERO;
    let mut changes = Vec::new();
    for (jid, cell) in account.contact_cells() {
        newest = newest.max(cell.at);
        if is_beside(cell.at) || cell.beside.iter().any(|write| is_beside(write.at)) {
            return None;
        }
        if cell.at <= since {
            continue;
        }
        let contact = match &cell.row {
            Some(Row::Contact { contact }) if contact.listed => Some(contact.as_ref()),
            // It may have been in the roster before it asked anew; the client cannot be told that it
            // is not without being told of the request, unless it gets the roster.
            Some(_) => return None,
            None => None,
        };
        changes.push(Changed {
            jid,
            contact,
            at: cell.at,
        });
    }
    if since > newest || is_provisional(newest) || changes.len() > ROSTER_PUSHES_MAX {
        return None;
    }
    changes.sort_by_key(|change| change.at);
    Some(changes)
}

/// Forgets the older half of the removed contacts, if there are too many.
pub(super) fn forget_ops(account: &Account, own: &BareJid) -> Vec<Op> {
    let removed = account
        .contact_cells()
        .filter(|(_, cell)| cell.row.is_none());
    let mut removed: Vec<(Position, &BareJid)> =
        removed.map(|(jid, cell)| (cell.at, jid)).collect();
    if removed.len() <= ROSTER_TOMBSTONES_MAX {
        return Vec::new();
    }
    removed.sort_unstable();
    removed.truncate(ROSTER_TOMBSTONES_MAX / 2);
    let Some((upto, _)) = removed
        .last()
        .copied()
        .filter(|(at, _)| !is_provisional(*at))
    else {
        return Vec::new();
    };
    let names = removed
        .into_iter()
        .map(|(_, jid)| RowName::Contact { jid: jid.clone() });
    let record = RecordKey::Account { jid: own.clone() };
    let note = Row::Bytes {
        bytes: Arc::from(upto.to_bytes().as_slice()),
    };
    let forget = Durable::Forget {
        record: record.clone(),
        names: names.collect(),
    };
    vec![
        Op::Durable { op: forget },
        Op::row(record, horizon_name(), Some(note)),
    ]
}

/// Versions before this one are not known any more.
fn horizon(account: &Account) -> Position {
    let note = account.bytes(&horizon_name());
    let note = note.and_then(|bytes| <[u8; 16]>::try_from(bytes.as_ref()).ok());
    note.map_or(Position::ZERO, Position::from_bytes)
}

fn horizon_name() -> RowName {
    RowName::Text {
        name: HORIZON.into(),
    }
}

/// Numbered elsewhere, and not yet.
fn is_provisional(at: Position) -> bool {
    at.epoch().counter == u32::MAX
}

fn parse(version: &str) -> Option<(Incarnation, Position)> {
    let (incarnation, position) = version.split_at_checked(INCARNATION_DIGITS)?;
    if position.len() != POSITION_DIGITS {
        return None;
    }
    let incarnation = u64::from_str_radix(incarnation, 16).ok()?;
    let position = u128::from_str_radix(position, 16).ok()?;
    Some((Incarnation(incarnation), Position::from_u128(position)))
}
