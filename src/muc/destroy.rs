//! Destroying a room (XEP-0045 section 10.9).

use std::sync::Arc;

use crate::base::jid::Jid;
use crate::base::limits::ROOM_TEXT_BYTES_MAX;
use crate::effect::proposal::Proposal;
use crate::effect::proposal::Stop;
use crate::model::room::RoomChange;
use crate::model::room::RoomRow;
use crate::model::row::RecordKey;
use crate::model::row::RowName;
use crate::muc::leave;
use crate::muc::visit::Visit;
use crate::stanza::Condition;
use crate::stanza::StanzaError;
use crate::stanza::ns;
use crate::xml::Node;
use crate::xml::Writer;

pub(super) fn evaluate(
    visit: &Visit<'_>,
    row: RoomRow,
    element: Node<'_>,
) -> Result<Proposal, Stop> {
    let venue = match element.attr("jid") {
        Some(jid) => Some(Jid::parse(&jid).map_err(|_| StanzaError::new(Condition::JidMalformed))?),
        None => None,
    };
    let mut writer = Writer::new();
    writer
        .start("destroy")
        .attr_opt("jid", venue.as_ref().map(Jid::as_str));
    for name in ["reason", "password"] {
        if let Some(text) = element.child_text(name, ns::MUC_OWNER) {
            if text.len() > ROOM_TEXT_BYTES_MAX {
                return Err(StanzaError::new(Condition::NotAcceptable).into());
            }
            writer.leaf(name, &text);
        }
    }
    writer.end();
    Ok(all(visit, row, writer.finish().into()))
}

/// Everybody out, nothing left. An empty notice: the room ends before it was opened.
pub(super) fn all(visit: &Visit<'_>, row: RoomRow, notice: Arc<[u8]>) -> Proposal {
    let notice = if notice.is_empty() {
        Arc::from(&b"<destroy/>"[..])
    } else {
        notice
    };
    let inside = visit.room.nicks.keys().cloned().collect();
    let account = RecordKey::Account {
        jid: visit.user.clone(),
    };
    let name = RowName::Created {
        room: visit.jid.clone(),
    };
    let mut proposal = visit
        .propose()
        .op(visit.change(RoomChange::Destroy { inside, notice }));
    proposal.ops.extend(leave::end_of(&visit.jid, row));
    let noted = visit.view.resident_account(&visit.user);
    if noted.is_some_and(|account| account.rows.row(&name).is_some()) {
        proposal = proposal.row(account, name, None);
    }
    proposal.and_answer(visit.done())
}
