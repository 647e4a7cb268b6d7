//! Invitations as features find and spend them (XEP-0401, XEP-0379, XEP-0445).
//!
//! An invitation is a row of the node, named by a digest of its word: who reads the tables learns no word. It is good
//! once: who uses it removes it in the same entry, guarded by the row, so that of two only one gets through.

use std::sync::Arc;

use crate::effect::proposal::Proposal;
use crate::effect::proposal::Stop;
use crate::effect::view::View;
use crate::model::invite::Invite;
use crate::model::row::RecordKey;
use crate::model::row::Row;
use crate::model::row::RowName;
use crate::sasl::Hash;

/// The row of the invitation with this word.
pub(crate) fn name_of(token: &str) -> RowName {
    let digest = Hash::Sha256.digest(token.as_bytes());
    let bytes = digest.as_bytes().first_chunk();
    let digest = bytes.map_or(0, |bytes| u128::from_be_bytes(*bytes));
    RowName::Invite {
        digest: format!("{digest:032x}").into(),
    }
}

/// What the word is good for, whether or not its time is over.
pub(crate) fn find<'a>(view: &View<'a>, token: &str) -> Result<Option<&'a Arc<Invite>>, Stop> {
    Ok(match view.node()?.row(&name_of(token)) {
        Some(Row::Invite { invite }) => Some(invite),
        _ => None,
    })
}

/// The same, while it lasts.
pub(crate) fn find_valid<'a>(
    view: &View<'a>,
    token: &str,
) -> Result<Option<&'a Arc<Invite>>, Stop> {
    let found = find(view, token)?;
    Ok(found.filter(|invite| invite.expires > view.now()))
}

/// All there are, those whose time is over among them.
pub(crate) fn all<'a>(
    view: &View<'a>,
) -> Result<impl Iterator<Item = (&'a RowName, &'a Arc<Invite>)> + use<'a>, Stop> {
    let first = RowName::Invite {
        digest: Box::default(),
    };
    let rows = view.node()?.from(&first);
    let rows = rows.take_while(|(name, _)| matches!(name, RowName::Invite { .. }));
    Ok(rows.filter_map(|(name, cell)| match &cell.row {
        Some(Row::Invite { invite }) => Some((name, invite)),
        _ => None,
    }))
}

/// It is used: nobody can use it again.
pub(crate) fn spend(view: &View<'_>, token: &str) -> Proposal {
    let name = name_of(token);
    Proposal::nothing()
        .guarded(view.guard(RecordKey::Node, name.clone()))
        .row(RecordKey::Node, name, None)
}
