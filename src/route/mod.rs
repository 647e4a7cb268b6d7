//! Who gets a stanza: the delivery rules of RFC 6121 section 8, and which feature answers what.

pub(crate) mod bounce;
pub(crate) mod iq;
pub(crate) mod local;
pub(crate) mod message;
pub(crate) mod own;

#[cfg(test)]
pub(crate) mod tests;

use std::sync::Arc;

use crate::account::notice;
use crate::archive;
use crate::base::ids::SessionId;
use crate::base::jid::FullJid;
use crate::effect::proposal::Proposal;
use crate::effect::proposal::Stop;
use crate::effect::query::Found;
use crate::effect::query::Query;
use crate::effect::query::Question;
use crate::effect::request::Request;
use crate::effect::sends::Item;
use crate::effect::sends::Sends;
use crate::effect::state::At;
use crate::effect::view::View;
use crate::model::fields;
use crate::model::message::Owner;
use crate::model::op::Durable;
use crate::model::op::Op;
use crate::model::op::Soft;
use crate::model::row::Row;
use crate::muc;
use crate::presence;
use crate::pubsub;
use crate::roster;
use crate::stanza::Condition;
use crate::stanza::Kind;
use crate::stanza::PresenceType;
use crate::stanza::StanzaError;
use crate::stanza::outgoing::Outgoing;
use crate::upload;

/// What should happen because of a stanza.
pub(crate) fn evaluate(view: &View<'_>, request: &Request) -> Result<Proposal, Stop> {
    let stanza = &request.stanza;
    if let Some(to) = &stanza.to {
        let upload = view.settings.upload.as_deref();
        if let Some(upload) = upload.filter(|upload| &*upload.host == to.domain()) {
            return upload::evaluate(view, request, upload);
        }
        let is_ours = to.domain() == view.settings.domain.as_ref()
            || view.settings.rooms_host.as_deref() == Some(to.domain())
            || view.settings.pubsub_host.as_deref() == Some(to.domain());
        if !is_ours {
            // Until there is federation (RFC 6120 section 10.4).
            return Err(StanzaError::new(Condition::RemoteServerNotFound).into());
        }
        if view.settings.rooms_host.as_deref() == Some(to.domain()) {
            return muc::evaluate(view, request);
        }
        if view.settings.pubsub_host.as_deref() == Some(to.domain()) {
            return pubsub::evaluate_service(view, request);
        }
    }
    match stanza.kind {
        // RFC 6121 section 4.6.3: whoever was told directly is told of the end, rooms among them.
        Kind::Presence(PresenceType::Unavailable) if stanza.to.is_none() => {
            let mut proposal = presence::evaluate(view, request)?;
            proposal
                .ops
                .extend(leave_rooms(view, &request.from, request.session));
            Ok(proposal)
        }
        Kind::Message(_) => message::evaluate(view, request),
        Kind::Presence(PresenceType::Available) if stanza.to.is_none() => {
            let mut proposal = presence::evaluate(view, request)?;
            dress(view, &request.from, &mut proposal.ops);
            let greetings = greetings(view, &request.from)?;
            let proposal = greetings.into_iter().fold(proposal, Proposal::and_answer);
            Ok(proposal.and(pubsub::notice(view, request)))
        }
        Kind::Presence(_) => {
            let mut proposal = presence::evaluate(view, request)?;
            dress(view, &request.from, &mut proposal.ops);
            Ok(proposal)
        }
        Kind::Iq(_) => {
            let mut proposal = iq::evaluate(view, request)?;
            // The rooms first: what they say of it is heard before the block holds.
            let mut ops = muc::block_ops(view, &request.from, &proposal.ops);
            ops.append(&mut proposal.ops);
            proposal.ops = ops;
            Ok(proposal)
        }
    }
}

/// What should happen because a session is over.
pub(crate) fn evaluate_end(
    view: &View<'_>,
    jid: &FullJid,
    session: SessionId,
) -> Result<Proposal, Stop> {
    let mut proposal = presence::evaluate_end(view, jid, session)?;
    // The rooms first: what comes after an unbind is for nobody.
    let mut ops = leave_rooms(view, jid, session);
    ops.append(&mut proposal.ops);
    proposal.ops = ops;
    Ok(proposal)
}

/// With the hash of the user's picture (XEP-0398 section 4).
fn dress(view: &View<'_>, from: &FullJid, ops: &mut [Op]) {
    for op in ops {
        let (said, presence) = match op {
            Op::Soft {
                op: Soft::Presence { said, presence, .. },
            } => (said, presence.as_mut()),
            Op::Soft {
                op: Soft::Directed { said, .. },
            } => (said, None),
            _ => continue,
        };
        if let Some(dressed) = pubsub::dress(view, &from.bare(), said) {
            *said = Arc::new(dressed);
            if let Some(presence) = presence {
                presence.stanza = Arc::clone(said);
            }
        }
    }
}

/// Who comes is greeted (XEP-0133 sections 4.24 and 4.27).
fn greetings(view: &View<'_>, jid: &FullJid) -> Result<Vec<Outgoing>, Stop> {
    let online = view.online(jid.as_jid());
    if online.is_none_or(|online| online.presence.is_some()) {
        return Ok(Vec::new());
    }
    notice::greetings(view, &jid.bare())
}

/// Another session may have the address by now.
fn leave_rooms(view: &View<'_>, jid: &FullJid, session: SessionId) -> Vec<Op> {
    view.online(jid.as_jid())
        .filter(|online| online.session == session)
        .map(|online| muc::leave_ops(view, online))
        .unwrap_or_default()
}

/// Who gets what because of a committed op, the state being as it was before.
pub(crate) fn deliver(view: &View<'_>, at: At, op: &Op, sends: &mut Sends) {
    match op {
        Op::Durable {
            op: Durable::Message { message, places },
        } => match places.first() {
            Some(place) if matches!(place.owner, Owner::Room { .. }) => {
                muc::deliver_message(view, at, place, sends);
            }
            // Who is behind an occupant is only known of what was said in a room.
            _ if message.sender.is_some() => muc::deliver_private(view, at, message, sends),
            _ => local::deliver_message(view, at, message, sends),
        },
        Op::Durable {
            op: Durable::Row { record, name, row },
        } => {
            let mut row = row.as_ref();
            let whole;
            if row.is_some_and(Row::is_part) {
                let before = view.base.rows(record).and_then(|rows| rows.row(name));
                whole = fields::upon(name, before, row);
                row = whole.as_ref();
            }
            let row = (record, name, row);
            roster::deliver_row(view, at, row, sends);
            presence::deliver_row(view, row, sends);
            crate::account::deliver_row(view, at, row, sends);
            muc::deliver_row(view, row, sends);
            pubsub::deliver_row(view, row, sends);
        }
        Op::Durable {
            op:
                Durable::Expire { .. }
                | Durable::Sweep { .. }
                | Durable::Forget { .. }
                | Durable::Retract { .. },
        } => {}
        Op::Soft { op } => match op {
            Soft::Route { stanza, to } => local::deliver_stanza(view, stanza, to, sends),
            Soft::Room { room, change } => muc::deliver_change(view, room, change, sends),
            Soft::Presence { .. } | Soft::Directed { .. } | Soft::Unbind { .. } => {
                presence::deliver(view, at, op, sends);
                pubsub::deliver(view, op, sends);
            }
            Soft::Node { .. } | Soft::Interests { .. } => pubsub::deliver(view, op, sends),
            Soft::Kick { .. } | Soft::Announce { .. } | Soft::Halt { .. } => {
                crate::account::deliver(view, op, sends);
            }
            Soft::Bind { .. }
            | Soft::Wants { .. }
            | Soft::Handed { .. }
            | Soft::Recall { .. }
            | Soft::Recalled { .. }
            | Soft::Managed { .. }
            | Soft::Told { .. }
            | Soft::Reports { .. }
            | Soft::Reported { .. }
            | Soft::Caps { .. }
            | Soft::Reads { .. }
            | Soft::Moved { .. } => {}
        },
    }
}

/// What the session that asked a query gets for it.
pub(crate) fn answer(view: &View<'_>, query: &Query, found: Found) -> Vec<Item> {
    match &query.question {
        Question::Archive { .. } | Question::Search { .. } | Question::ArchiveEnds { .. } => {
            archive::query::answer(view, query, found)
        }
        Question::RoomHistory { .. } => muc::answer_history(view, query, found),
        // The core's own.
        Question::PassedBy { .. } => Vec::new(),
        Question::Accounts { .. } | Question::People { .. } => {
            crate::account::answer(query, &found)
        }
        Question::Rooms { .. } => muc::answer_rooms(view, query, found),
        Question::Channels { search } => muc::answer_search(view, query, (search, found)),
    }
}
