//! Presence: resources, broadcast, probes, directed presence (RFC 6121).

use std::sync::Arc;

use crate::base::ids::SessionId;
use crate::base::jid::FullJid;
use crate::effect::proposal::Proposal;
use crate::effect::proposal::Stop;
use crate::effect::request::Request;
use crate::effect::sends::Sends;
use crate::effect::state::At;
use crate::effect::view::View;
use crate::model::account::Present;
use crate::model::op::Soft;
use crate::stanza::Kind;
use crate::stanza::PresenceType;
use crate::stanza::outgoing::Outgoing;

pub(crate) fn evaluate(view: &View<'_>, request: &Request) -> Result<Proposal, Stop> {
    let stanza = &request.stanza;
    let Kind::Presence(kind) = stanza.kind else {
        return Err(Stop::Ignore);
    };
    if stanza.to.is_some() {
        return Err(Stop::Ignore);
    }
    let said = Arc::new(Outgoing {
        kind: stanza.kind,
        from: request.from.to_jid(),
        to: None,
        id: stanza.id.clone(),
        lang: stanza.lang.clone(),
        payload: stanza.payload(),
    });
    let presence = (kind == PresenceType::Available).then(|| Present {
        priority: 0,
        stanza: Arc::clone(&said),
        at: view.now(),
    });
    let jid = request.from.clone();
    Ok(Proposal::nothing().soft(Soft::Presence {
        jid,
        session: request.session,
        presence,
        said,
    }))
}

/// What the end of a session changes.
pub(crate) fn evaluate_end(
    _view: &View<'_>,
    jid: &FullJid,
    session: SessionId,
) -> Result<Proposal, Stop> {
    Ok(Proposal::nothing().soft(Soft::Unbind {
        jid: jid.clone(),
        session,
        status: None,
    }))
}

pub(crate) fn deliver(view: &View<'_>, _at: At, op: &Soft, sends: &mut Sends) {
    if let Soft::Presence {
        jid,
        session,
        presence: Some(here),
        ..
    } = op
    {
        let was_here = view
            .online(jid.as_jid())
            .and_then(|online| online.presence.as_ref())
            .is_some_and(|here| here.priority >= 0);
        if here.priority >= 0 && !was_here {
            sends.replay(*session);
        }
    }
}
