//! Rows of a room that not every room has: who waits for membership, and hats.

use std::sync::Arc;

use crate::base::ids::Incarnation;
use crate::base::jid::BareJid;
use crate::model::room::ApplicantRow;
use crate::model::room::HatRow;
use crate::model::room::Room;
use crate::model::row::Row;
use crate::model::row::RowName;

impl Room {
    /// Everybody who waits for membership, in order of address.
    pub(crate) fn applicants(&self) -> impl Iterator<Item = (&BareJid, &Arc<ApplicantRow>)> {
        self.rows
            .iter()
            .filter_map(|(name, cell)| match (name, &cell.row) {
                (RowName::Applicant { jid }, Some(Row::Applicant { row })) => Some((jid, row)),
                _ => None,
            })
    }

    /// The hats of the room, by their URIs.
    pub(crate) fn hats(&self) -> impl Iterator<Item = (&str, &HatRow)> {
        let first = RowName::Hat { uri: "".into() };
        let rows = self.rows.from(&first);
        rows.map_while(|(name, cell)| match name {
            RowName::Hat { uri } => Some((uri, cell)),
            _ => None,
        })
        .filter_map(|(uri, cell)| match &cell.row {
            Some(Row::Hat { hat }) => Some((&**uri, hat.as_ref())),
            _ => None,
        })
    }

    pub(crate) fn hat(&self, uri: &str) -> Option<&HatRow> {
        match self.rows.row(&RowName::Hat { uri: uri.into() }) {
            Some(Row::Hat { hat }) => Some(hat),
            _ => None,
        }
    }

    /// Who wears which hat, and of which account: from this user's first on, in order of address.
    pub(crate) fn worn_from(
        &self,
        user: &BareJid,
    ) -> impl Iterator<Item = (&BareJid, &str, Incarnation)> {
        let first = RowName::Worn {
            jid: user.clone(),
            uri: "".into(),
        };
        let rows = self.rows.from(&first);
        rows.map_while(|(name, cell)| match name {
            RowName::Worn { jid, uri } => Some((jid, uri, cell)),
            _ => None,
        })
        .filter_map(|(jid, uri, cell)| match &cell.row {
            Some(Row::Worn { account }) => Some((jid, &**uri, *account)),
            _ => None,
        })
    }
}
