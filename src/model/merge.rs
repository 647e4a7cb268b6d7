//! What holds when two branches of the log have changed one row.
//!
//! A write replaces what it knew of. What it did not know of stays beside it: a cell holds the last
//! write of each branch, none of which is in the past of another, and shows what the rule of the row
//! makes of them. The set is the same in whatever order the writes came, so the cells are equal on
//! both nodes; the next write that knows all of them replaces them all. On one branch there is
//! never more than one.
//!
//! | rule | shown |
//! |---|---|
//! | `Register` | the newest stamp; of contacts and room configurations field by field (`model::fields`) |
//! | `AddWins` | a value rather than its removal |
//! | `RestrictWins` | the lower affiliation, a removed token or hat rather than the token or hat |
//! | `Max` | frontiers united; of a stream the larger count, without anything beside it |
//! | `Unique` | who lives, what began while both served, the smaller position; of one incarnation the end |
//!
//! Of two accounts or rooms of one name the rows of one alone are shown (`model::claim`).
//!
//! A sweep takes what it knew of and what it stands beside: who is deleted on one branch stays
//! deleted, and nothing of it stays in the journal. A removed row is forgotten only where the one who forgets knew of the removal.

use std::sync::Arc;

use crate::base::mirror_limits::JOURNAL_MS;
use crate::base::time::Timestamp;
use crate::model::account::AccountState;
use crate::model::claim;
use crate::model::claim::Claim;
use crate::model::codec::Code;
use crate::model::codec::Reader;
use crate::model::codec::to_bytes;
use crate::model::entry::Mode;
use crate::model::epochs::Epochs;
use crate::model::epochs::Relation;
use crate::model::fields;
use crate::model::fields::Fields;
use crate::model::frontier::Frontier;
use crate::model::position::Hlc;
use crate::model::position::Position;
use crate::model::pubsub::Standing;
use crate::model::room::Affiliation;
use crate::model::row::Cell;
use crate::model::row::Merge;
use crate::model::row::RecordKey;
use crate::model::row::Row;
use crate::model::row::RowName;
use crate::model::row::Write;

/// A row after a write.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Merged {
    pub(crate) cell: Cell,
    /// Values that are not shown although nobody has replaced them: for the conflict journal.
    pub(crate) lost: Vec<Write>,
    /// What the journal does not have to keep any more: shown again, or replaced where it was made.
    pub(crate) found: Vec<Position>,
}

impl Merged {
    /// Whether the journal changes.
    pub(crate) fn is_contested(&self) -> bool {
        !self.lost.is_empty() || !self.found.is_empty()
    }
}

/// The row after `new`; `None`: as it was, because what is there knew of `new` or counts further.
pub(crate) fn merge(
    name: &RowName,
    old: Option<&Cell>,
    new: Write,
    (epochs, claim): (&Epochs, Option<&Claim>),
) -> Option<Merged> {
    let alone = |new: Write| {
        let cell = if claim.is_some() || is_part(&new) {
            show(name, vec![new], (epochs, claim))
        } else {
            Cell::new(new.at, new.stamp, new.row)
        };
        Some(Merged {
            cell,
            lost: Vec::new(),
            found: Vec::new(),
        })
    };
    let Some(old) = old else { return alone(new) };
    if matches!(name, RowName::Stream { .. }) {
        return if counts_further(old, &new) {
            None
        } else {
            alone(new)
        };
    }
    // Before all is known to both boards, nobody decides about somebody else of the name.
    // A room's end need not be written down: its name may be given again by who is alone.
    let is_solo_account =
        *name == RowName::Account && epochs.mode(new.at.epoch()) == Some(Mode::Solo);
    let is_kept =
        |row: &Option<Row>| is_solo_account && claim::is_rival(row.as_ref(), new.row.as_ref());
    if old.beside.is_empty() && !is_part(&new) {
        match epochs.relation(old.at, new.at) {
            Relation::Later if is_kept(&old.row) => {}
            Relation::Later | Relation::Same => return alone(new),
            Relation::Earlier => return None,
            Relation::Beside => {}
        }
    }
    let sets = |write: &Write| fields::set_by(name, write.row.as_ref());
    let (mut replaced, mut beside) = (Vec::new(), Vec::new());
    let mut set = sets(&new);
    for write in writes(old) {
        match epochs.relation(write.at, new.at) {
            Relation::Later if is_kept(&write.row) => beside.push(write),
            Relation::Later | Relation::Same => {
                let taken = sets(&write).and(set);
                replaced.push((write.at, taken));
                beside.extend(left(name, write, taken));
            }
            Relation::Beside => beside.push(write),
            Relation::Earlier => set = set.without(sets(&write)),
        }
    }
    if set.is_empty() {
        return None;
    }
    let over = sets(&new).without(set);
    beside.extend(left(name, new, over));
    let cell = show(name, beside, (epochs, claim));
    let mut merged = judge(name, cell, (epochs, claim));
    follow_replaced(name, &replaced, &mut merged);
    if fields::has_fields(name) {
        // One field's end is nothing new about the others.
        let before = judge(name, old.clone(), (epochs, claim)).lost;
        merged.lost.retain(|lost| !before.contains(lost));
        let was_lost = |at: &Position| before.iter().any(|lost| lost.at == *at);
        merged.found.retain(was_lost);
    }
    Some(merged)
}

/// What is left of a write of which others have set these fields since.
fn left(name: &RowName, write: Write, over: Fields) -> Option<Write> {
    let fields = fields::set_by(name, write.row.as_ref()).without(over);
    (!fields.is_empty()).then(|| Write {
        row: fields::only(name, write.row, fields),
        ..write
    })
}

/// What one write has replaced was no conflict; of several the journal keeps those that lost.
fn follow_replaced(name: &RowName, replaced: &[(Position, Fields)], merged: &mut Merged) {
    if !is_in_journal(name) {
        return;
    }
    let count = |field: Fields| {
        let taken = replaced.iter();
        taken
            .filter(|(_, taken)| !taken.and(field).is_empty())
            .count()
    };
    for (at, taken) in replaced.iter().filter(|(_, taken)| !taken.is_empty()) {
        if taken.each().any(|field| count(field) > 1) {
            merged.found.retain(|found| found != at);
            merged.lost.retain(|lost| lost.at != *at);
        } else if merged.lost.iter().all(|lost| lost.at != *at) && !merged.found.contains(at) {
            merged.found.push(*at);
        }
    }
}

/// Which of the values of a contested cell is shown, and which are not.
fn judge(name: &RowName, cell: Cell, (epochs, claim): (&Epochs, Option<&Claim>)) -> Merged {
    let (mut lost, mut found) = (Vec::new(), Vec::new());
    if is_in_journal(name) {
        for write in writes(&cell) {
            if claim.is_some_and(|claim| claim.hides(name, write.at, epochs)) {
                continue;
            }
            match fields::lost(name, write.row.as_ref(), cell.row.as_ref()) {
                None => found.push(write.at),
                row => lost.push(Write { row, ..write }),
            }
        }
    }
    Merged { cell, lost, found }
}

/// What is left of a row when a removal that was known at `at` is forgotten; `None`: nothing.
pub(crate) fn forget(
    name: &RowName,
    cell: &Cell,
    at: Position,
    (epochs, claim): (&Epochs, Option<&Claim>),
) -> Option<Merged> {
    let mut left = writes(cell);
    left.retain(|write| {
        let relation = epochs.relation(write.at, at);
        let is_value = !fields::is_removal(write.row.as_ref());
        is_value || matches!(relation, Relation::Beside | Relation::Earlier)
    });
    (!left.is_empty()).then(|| {
        let cell = show(name, left, (epochs, claim));
        judge(name, cell, (epochs, claim))
    })
}

/// The row when it has turned out that somebody else was given the name as well, or has another now.
pub(crate) fn claimed(
    name: &RowName,
    cell: &Cell,
    (epochs, claim): (&Epochs, Option<&Claim>),
) -> Cell {
    show(name, writes(cell), (epochs, claim))
}

/// What was written last for somebody else of the name.
pub(crate) fn hidden(name: &RowName, cell: &Cell, epochs: &Epochs, claim: &Claim) -> Option<Write> {
    let hidden = writes(cell).into_iter();
    let hidden = hidden.filter(|write| claim.hides(name, write.at, epochs));
    let hidden: Vec<Write> = hidden.collect();
    best(name, &hidden.iter().collect::<Vec<_>>(), epochs)
}

/// What a sweep at `at` leaves of a row; `None`: nothing.
pub(crate) fn sweep(name: &RowName, cell: &Cell, at: Position, epochs: &Epochs) -> Option<Cell> {
    if *name == RowName::Swept {
        return Some(cell.clone());
    }
    let mut left = writes(cell);
    left.retain(|write| match epochs.relation(write.at, at) {
        Relation::Later | Relation::Same => outlives_sweep(name),
        Relation::Earlier => true,
        Relation::Beside => false,
    });
    (!left.is_empty()).then(|| show(name, left, (epochs, None)))
}

/// What a sweep at `at` ends: the values it knew of, and those it stands beside.
pub(crate) fn ended_by(cell: &Cell, at: Position, epochs: &Epochs) -> Vec<Row> {
    let ended = writes(cell).into_iter();
    let ended = ended.filter(|write| epochs.relation(write.at, at) != Relation::Earlier);
    ended.filter_map(|write| write.row).collect()
}

/// Whether a sweep of the record, known or not to who wrote at `at`, has taken the row.
pub(crate) fn is_swept(name: &RowName, swept: &Cell, at: Position, epochs: &Epochs) -> bool {
    let is_taken = |sweep: &Write| match epochs.relation(sweep.at, at) {
        Relation::Later | Relation::Same => false,
        Relation::Earlier => !outlives_sweep(name),
        Relation::Beside => true,
    };
    *name != RowName::Swept && writes(swept).iter().any(is_taken)
}

/// Whether this row of the record outlives its end, so that a name is never taken for a new one.
pub(crate) fn outlives_sweep(name: &RowName) -> bool {
    matches!(name, RowName::Account | RowName::Room | RowName::Swept)
}

/// Whether somebody may come with a branch that does not know what was done in this epoch.
pub(crate) fn may_be_beside(epochs: &Epochs, at: Position) -> bool {
    matches!(epochs.mode(at.epoch()), Some(Mode::Solo | Mode::Sync))
}

/// A lost value as a row of the node: whose it was, the value, and when it was written.
pub(crate) fn journal_row(record: &RecordKey, name: &RowName, lost: &Write) -> (RowName, Cell) {
    let mut bytes = Vec::new();
    record.encode(&mut bytes);
    name.encode(&mut bytes);
    lost.row.encode(&mut bytes);
    lost.stamp.encode(&mut bytes);
    let row = Row::Bytes {
        bytes: bytes.into(),
    };
    let name = RowName::Lost { at: lost.at };
    (name, Cell::new(lost.at, lost.stamp, Some(row)))
}

/// A row of the journal, read back.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Lost {
    pub(crate) record: RecordKey,
    pub(crate) name: RowName,
    pub(crate) row: Row,
    pub(crate) written: Timestamp,
}

pub(crate) fn read_journal(cell: &Cell) -> Option<Lost> {
    let Some(Row::Bytes { bytes }) = &cell.row else {
        return None;
    };
    let mut input = Reader::new(bytes);
    let record = RecordKey::decode(&mut input).ok()?;
    let name = RowName::decode(&mut input).ok()?;
    let row = Option::decode(&mut input).ok()??;
    // Before level 2 it was the row's own.
    let stamp = Hlc::decode(&mut input).unwrap_or(cell.stamp);
    Some(Lost {
        record,
        name,
        row,
        written: Timestamp::from_unix_ms(stamp.unix_ms()),
    })
}

/// Whether nobody is expected to ask for a lost value any more, when the log's time is `now`.
pub(crate) fn is_old_journal(name: &RowName, cell: &Cell, now: Timestamp) -> bool {
    let written = Timestamp::from_unix_ms(cell.stamp.unix_ms());
    matches!(name, RowName::Lost { .. }) && written.plus_ms(JOURNAL_MS) < now
}

/// Whether a sweep of `record` at `at` takes this row of the journal.
pub(crate) fn is_lost_with(record: &RecordKey, lost: &Cell, at: Position, epochs: &Epochs) -> bool {
    let Some(Row::Bytes { bytes }) = &lost.row else {
        return false;
    };
    bytes.starts_with(&to_bytes(record)) && epochs.relation(lost.at, at) != Relation::Earlier
}

/// What traffic or the server itself writes again and again is no loss to anybody.
fn is_in_journal(name: &RowName) -> bool {
    !matches!(
        name,
        RowName::Frontier
            | RowName::LastSeen
            | RowName::Created { .. }
            | RowName::Text { .. }
            | RowName::Lost { .. }
            | RowName::Alias { .. }
            | RowName::Push { .. }
            | RowName::Subscribed { .. }
            | RowName::Invite { .. }
            | RowName::File { .. }
            | RowName::AbuseReport { .. }
            | RowName::CaughtUp { .. }
            | RowName::Swept
    )
}

/// The writes that a cell is made of.
fn writes(cell: &Cell) -> Vec<Write> {
    if !cell.beside.is_empty() {
        return cell.beside.clone();
    }
    vec![Write {
        at: cell.at,
        stamp: cell.stamp,
        row: cell.row.clone(),
    }]
}

/// The cell that these writes make together; there is at least one.
fn show(
    name: &RowName,
    mut writes: Vec<Write>,
    (epochs, claim): (&Epochs, Option<&Claim>),
) -> Cell {
    writes.sort_by_key(|write| write.at);
    let is_hidden = |write: &Write| claim.is_some_and(|claim| claim.hides(name, write.at, epochs));
    let seen: Vec<&Write> = writes.iter().filter(|write| !is_hidden(write)).collect();
    let mut cell = match best(name, &seen, epochs) {
        Some(best) => Cell::new(best.at, best.stamp, best.row),
        None => match writes.last() {
            Some(write) => Cell::new(write.at, write.stamp, None),
            None => Cell::default(),
        },
    };
    if *name == RowName::Frontier && seen.len() > 1 {
        cell.row = Some(unite(&seen));
    }
    if writes.len() > 1 || seen.is_empty() || writes.iter().any(is_part) {
        cell.beside = writes;
    }
    cell
}

/// What these writes show together: of each field the best, under the newest of them.
fn best(name: &RowName, seen: &[&Write], epochs: &Epochs) -> Option<Write> {
    let rank = |write: &&Write| (rank(name, write, seen, epochs), write.stamp, write.at);
    let sets = |write: &Write| fields::set_by(name, write.row.as_ref());
    let mut parts: Vec<(Fields, &Write)> = Vec::new();
    for field in fields::all(name).each() {
        let setting = seen
            .iter()
            .filter(|write| !sets(write).and(field).is_empty());
        let Some(best) = setting.copied().max_by_key(rank) else {
            continue;
        };
        match parts.iter_mut().find(|(_, write)| write.at == best.at) {
            Some((fields, _)) => *fields = fields.or(field),
            None => parts.push((field, best)),
        }
    }
    let newest = parts.iter().map(|(_, write)| *write).max_by_key(rank)?;
    let parts: Vec<_> = parts
        .iter()
        .map(|(fields, write)| (*fields, write.row.as_ref()))
        .collect();
    Some(Write {
        row: fields::whole(name, &parts),
        ..newest.clone()
    })
}

fn is_part(write: &Write) -> bool {
    write.row.as_ref().is_some_and(Row::is_part)
}

/// What the rule says of a write before stamps are compared: the largest is shown.
fn rank(name: &RowName, write: &Write, all: &[&Write], epochs: &Epochs) -> u8 {
    match name.merge() {
        Merge::Register | Merge::Max => 0,
        Merge::AddWins => write.row.is_some().into(),
        Merge::RestrictWins => restriction(write.row.as_ref()),
        Merge::Unique => {
            let place = |write: &Write| {
                let is_solo = epochs.mode(write.at.epoch()) == Some(Mode::Solo);
                (claim::is_over(write.row.as_ref()), is_solo, write.at)
            };
            let first = all.iter().min_by_key(|write| place(write));
            let first = first.and_then(|write| claim::incarnation(write.row.as_ref()));
            let own = claim::incarnation(write.row.as_ref());
            if own == first {
                1 + ending(write.row.as_ref())
            } else {
                0
            }
        }
    }
}

/// XEP-0045 section 5.2, the fewest rights first; a token is a right, and so is what it replaces.
fn restriction(row: Option<&Row>) -> u8 {
    let affiliation = match row {
        Some(Row::Affiliation { row }) => row.affiliation,
        Some(Row::Standing { row }) => return standing(row.standing),
        Some(_) => return 0,
        None => Affiliation::None,
    };
    match affiliation {
        Affiliation::Outcast => 4,
        Affiliation::None => 3,
        Affiliation::Member => 2,
        Affiliation::Admin => 1,
        Affiliation::Owner => 0,
    }
}

/// XEP-0060 section 4.1; who has no row has no rights but everybody's.
fn standing(standing: Standing) -> u8 {
    match standing {
        Standing::Outcast => 4,
        Standing::None => 3,
        Standing::Member => 2,
        Standing::PublishOnly | Standing::Publisher => 1,
        Standing::Owner => 0,
    }
}

/// Of one incarnation: its end before its going on, fewer rights before more.
fn ending(row: Option<&Row>) -> u8 {
    match row {
        Some(Row::Account { row }) => {
            let state = match row.state {
                AccountState::Enabled => 0,
                AccountState::Disabled => 2,
                AccountState::Deleted => 4,
            };
            state + u8::from(!row.admin)
        }
        // A room that was configured on one side is open.
        Some(Row::Room { row }) => u8::from(row.destroyed) * 2 + u8::from(!row.locked),
        _ => 0,
    }
}

fn unite(writes: &[&Write]) -> Row {
    let mut united = Frontier::default();
    for write in writes {
        if let Some(Row::Frontier { frontier }) = &write.row {
            united.unite(frontier);
        }
    }
    Row::Frontier {
        frontier: Arc::new(united),
    }
}

/// Whether the count of a stream goes beyond a new one. It goes round at 2^32.
fn counts_further(old: &Cell, new: &Write) -> bool {
    let (Some(Row::Stream { stream: old_stream }), Some(Row::Stream { stream })) =
        (&old.row, &new.row)
    else {
        return old.row.is_some() && (old.stamp, old.at) > (new.stamp, new.at);
    };
    let distance = old_stream.h.wrapping_sub(stream.h);
    match distance {
        0 => (old.stamp, old.at) > (new.stamp, new.at),
        _ => distance < 1 << 31,
    }
}
