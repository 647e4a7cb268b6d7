//! A room that lost its last owner when two boards met: one of them stays.
//!
//! No board takes the last owner from a room (XEP-0045 sections 10.4 and 10.5), but two that are apart may each
//! take one, and the stricter value holds. One board would have refused the later of the two changes. So a board
//! that is alone notes who has lost the right last; of two notes the later holds, and whoever it names is an owner
//! again if there is none.

use crate::base::jid::BareJid;
use crate::effect::proposal::Proposal;
use crate::effect::proposal::Stop;
use crate::effect::view::View;
use crate::model::codec::Code;
use crate::model::codec::Reader;
use crate::model::room::Affiliation;
use crate::model::room::AffiliationRow;
use crate::model::row::RecordKey;
use crate::model::row::Row;
use crate::model::row::RowName;
use crate::model::row::Rows;
use crate::muc::affiliate::Wish;
use crate::muc::visit::Visit;

/// Names the note.
const LAST_OWNER: &str = "last-owner";

/// Notes who loses the right, where another board may take it from the others.
pub(super) fn noted(visit: &Visit<'_>, wishes: &[Wish], proposal: Proposal) -> Proposal {
    let row_of = |wish: &Wish| {
        let row = visit.row_of(&wish.user)?;
        let is_lost = row.affiliation == Affiliation::Owner && wish.affiliation < row.affiliation;
        is_lost.then(|| (wish.user.clone(), row))
    };
    let last = wishes.iter().rev().find_map(row_of);
    let Some((user, row)) = last.filter(|_| visit.view.facts.is_parted) else {
        return proposal;
    };
    let mut bytes = Vec::new();
    user.encode(&mut bytes);
    row.encode(&mut bytes);
    let note = Row::Bytes {
        bytes: bytes.into(),
    };
    proposal.row(visit.record(), note_name(), Some(note))
}

/// Whether somebody has to be made an owner of the room again.
pub(crate) fn is_ownerless(rows: &Rows) -> bool {
    rows.row(&note_name()).is_some() && !has_owner(rows)
}

/// Whoever the note names is an owner again, if it is still the same account.
pub(crate) fn evaluate_ownerless(view: &View<'_>, jid: &BareJid) -> Result<Proposal, Stop> {
    let rows = &view.room(jid)?.rows;
    let Some(Row::Bytes { bytes }) = rows.row(&note_name()) else {
        return Ok(Proposal::nothing());
    };
    let record = RecordKey::Room { jid: jid.clone() };
    let proposal = Proposal::nothing()
        .guarded(view.guard(record.clone(), RowName::Room))
        .guarded(view.guard(record.clone(), note_name()))
        .row(record.clone(), note_name(), None);
    let Some((user, row)) = read(bytes).filter(|_| !has_owner(rows)) else {
        return Ok(proposal);
    };
    let account = RecordKey::Account { jid: user.clone() };
    if !row.is_for(view.account(&user)?.live()) {
        return Ok(proposal);
    }
    let name = RowName::Affiliation { jid: user };
    let owner = Row::Affiliation { row: row.into() };
    Ok(proposal
        .guarded(view.guard(account, RowName::Account))
        .guarded(view.guard(record.clone(), name.clone()))
        .row(record, name, Some(owner)))
}

fn has_owner(rows: &Rows) -> bool {
    let is_owner = |row: &Row| matches!(row, Row::Affiliation { row } if row.affiliation == Affiliation::Owner);
    let mut cells = rows.iter();
    cells.any(|(_, cell)| cell.row.as_ref().is_some_and(is_owner))
}

fn read(note: &[u8]) -> Option<(BareJid, AffiliationRow)> {
    let mut input = Reader::new(note);
    let user = BareJid::decode(&mut input).ok()?;
    Some((user, AffiliationRow::decode(&mut input).ok()?))
}

fn note_name() -> RowName {
    RowName::Text {
        name: LAST_OWNER.into(),
    }
}
