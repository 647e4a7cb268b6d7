//! What a user reports about somebody, for the administrators (XEP-0377).

use crate::base::jid::BareJid;
use crate::base::jid::Jid;
use crate::base::time::Timestamp;
use crate::model::codec::coded;
use crate::model::row::Row;
use crate::model::row::RowName;
use crate::model::row::Rows;

/// The archive that gave a message its stanza id, and the id (XEP-0359).
pub(crate) type Named = (Box<str>, Box<str>);

/// One report; the same user's next one about the same address takes its place.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct AbuseReport {
    pub(crate) by: BareJid,
    pub(crate) about: Jid,
    pub(crate) at: Timestamp,
    /// A URN that says what it is about (XEP-0377 section 4).
    pub(crate) reason: Box<str>,
    /// What the user has written, in whatever language.
    pub(crate) text: Box<str>,
    pub(crate) messages: Vec<Named>,
}

coded!(struct AbuseReport { by, about, at, reason, text, messages });

impl AbuseReport {
    pub(crate) fn name(&self) -> RowName {
        RowName::AbuseReport {
            id: format!("{} {}", self.by, self.about).into(),
        }
    }
}

/// All that there are in the rows of the node, by reporter.
pub(crate) fn reports(rows: &Rows) -> impl Iterator<Item = &AbuseReport> {
    let first = RowName::AbuseReport { id: Box::default() };
    let rows = rows.from(&first);
    let rows = rows.take_while(|(name, _)| matches!(name, RowName::AbuseReport { .. }));
    rows.filter_map(|(_, cell)| match &cell.row {
        Some(Row::AbuseReport { report }) => Some(report.as_ref()),
        _ => None,
    })
}
