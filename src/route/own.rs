//! What the server asks in the name of an account.

use std::sync::Arc;

use crate::base::jid::BareJid;
use crate::effect::proposal::Proposal;
use crate::effect::proposal::Stop;
use crate::effect::view::View;
use crate::model::op::Soft;
use crate::model::row::RowName;
use crate::push;

/// A push service is told that so many messages wait (XEP-0357 section 6).
///
/// Until there is federation that is a session of an account here, by its full address. What goes elsewhere goes
/// nowhere, and is tried again with the next message.
pub(crate) fn notify(
    view: &View<'_>,
    user: &BareJid,
    name: &RowName,
    count: u32,
) -> Result<Proposal, Stop> {
    let Some((to, stanza)) = push::notification(view, user, name, count)? else {
        return Ok(Proposal::nothing());
    };
    let Some(resource) = to.resource().filter(|_| view.is_account(&to)) else {
        return Ok(Proposal::nothing());
    };
    if !view.account(&to.to_bare())?.online.contains_key(resource) {
        return Ok(Proposal::nothing());
    }
    let stanza = Arc::new(stanza);
    Ok(Proposal::nothing().soft(Soft::Route { stanza, to }))
}
