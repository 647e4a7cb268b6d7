//! What the web door asks: whether a slot may be used, that its file be kept, and what an address means.

use std::sync::Arc;

use crate::effect::proposal::Proposal;
use crate::effect::proposal::Stop;
use crate::effect::request::FileAsk;
use crate::effect::request::Outcome;
use crate::effect::settings::Upload;
use crate::effect::state::State;
use crate::effect::view::View;
use crate::model::account::Account;
use crate::model::account::AccountState;
use crate::model::file::FilePlace;
use crate::model::file::FileRow;
use crate::model::file::Slot;
use crate::model::file::SlotMac;
use crate::model::row::RecordKey;
use crate::model::row::Row;
use crate::model::row::RowName;
use crate::stanza::Condition;
use crate::stanza::StanzaError;
use crate::upload::quota;

/// Refusals are for [`outcome`]: the web door makes statuses of them.
pub(crate) fn evaluate_ask(view: &View<'_>, ask: &FileAsk) -> Result<Proposal, Stop> {
    match ask {
        FileAsk::Open { slot, mac } => {
            let now_seconds = view.now().unix_ms() / 1_000;
            if slot.until <= now_seconds {
                return refuse(Condition::Forbidden);
            }
            check(view, slot, mac)?;
            Ok(Proposal::nothing())
        }
        FileAsk::Keep { slot, mac, file } => keep(view, slot, mac, file),
        FileAsk::Find { place } => {
            let account = view.account(&place.owner)?;
            match file(account, place) {
                Some(file) if account.exists() && file.expires > view.now() => {
                    Ok(Proposal::nothing())
                }
                _ => refuse(Condition::ItemNotFound),
            }
        }
    }
}

fn refuse<T>(condition: Condition) -> Result<T, Stop> {
    Err(StanzaError::new(condition).into())
}

/// The slot is ours, its owner may use it, and nobody has.
fn check<'a>(view: &View<'a>, slot: &Slot, mac: &SlotMac) -> Result<&'a Upload, Stop> {
    let Some(upload) = view.settings.upload.as_deref() else {
        return refuse(Condition::Forbidden);
    };
    let account = view.account(&slot.place.owner)?;
    let keys = &view.settings.file_keys;
    let row = account.row();
    let row = row.filter(|row| row.state == AccountState::Enabled);
    if !row.is_some_and(|row| keys.is_signed(slot, row.incarnation, mac)) {
        return refuse(Condition::Forbidden);
    }
    let name = RowName::File { id: slot.place.id };
    // Once there was a row, it stays used: what was removed has left a mark.
    if account.rows.cell(&name).is_some() {
        return refuse(Condition::Conflict);
    }
    if quota::check(account, upload, slot.bytes, view.now()).is_err() {
        return refuse(Condition::ResourceConstraint);
    }
    Ok(upload)
}

fn keep(
    view: &View<'_>,
    slot: &Slot,
    mac: &SlotMac,
    file: &Arc<FileRow>,
) -> Result<Proposal, Stop> {
    let upload = check(view, slot, mac)?;
    let file = Arc::new(FileRow {
        uploaded: view.now(),
        expires: view.now().plus_ms(upload.kept_ms),
        ..(**file).clone()
    });
    let record = RecordKey::Account {
        jid: slot.place.owner.clone(),
    };
    let name = RowName::File { id: slot.place.id };
    Ok(Proposal::nothing()
        .guarded(view.guard(record.clone(), RowName::Account))
        .guarded(view.guard(record.clone(), name.clone()))
        .row(record, name, Some(Row::File { file })))
}

fn file<'a>(account: &'a Account, place: &FilePlace) -> Option<&'a Arc<FileRow>> {
    match account.rows.row(&RowName::File { id: place.id }) {
        Some(Row::File { file }) => Some(file),
        _ => None,
    }
}

/// What became of it, when it is committed.
pub(crate) fn outcome(state: &State, ask: &FileAsk, refused: Option<Condition>) -> Outcome {
    if let Some(condition) = refused {
        return Outcome::Refused { condition };
    }
    if matches!(ask, FileAsk::Open { .. }) {
        return Outcome::Done;
    }
    let place = ask.place();
    let account = state.accounts.get(&place.owner);
    match account.and_then(|account| file(account, place)) {
        Some(file) => Outcome::File {
            file: Arc::clone(file),
        },
        // Nobody may write it yet: the other board is of an older version.
        None => Outcome::Refused {
            condition: Condition::FeatureNotImplemented,
        },
    }
}
