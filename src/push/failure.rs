//! A service that does not take a notification (XEP-0357 section 6.1).

use crate::base::jid::BareJid;
use crate::effect::proposal::Proposal;
use crate::effect::proposal::Stop;
use crate::effect::request::Request;
use crate::effect::view::View;
use crate::model::row::RecordKey;
use crate::model::row::RowName;
use crate::push::ID;
use crate::push::enable::with_forgotten;
use crate::push::enable::without;
use crate::push::id;
use crate::stanza::IqType;
use crate::stanza::Kind;
use crate::stanza::ns;

/// Conditions that may be over the next time (RFC 6120 section 8.3.3).
const TRANSIENT: &[&str] = &[
    "internal-server-error",
    "recipient-unavailable",
    "remote-server-not-found",
    "remote-server-timeout",
    "resource-constraint",
    "service-unavailable",
    "undefined-condition",
];

/// An error that is to stay ends it. The answer names the row, and only the service itself can give it.
pub(crate) fn evaluate_error(
    view: &View<'_>,
    request: &Request,
    user: &BareJid,
) -> Result<Proposal, Stop> {
    let stanza = &request.stanza;
    let id_of = stanza.id.as_deref().filter(|id| id.starts_with(ID));
    let (Kind::Iq(IqType::Error), Some(asked)) = (stanza.kind, id_of) else {
        return Err(Stop::Ignore);
    };
    if is_transient(request) {
        return Err(Stop::Ignore);
    }
    let record = RecordKey::Account { jid: user.clone() };
    let failed = |name: &RowName| match name {
        RowName::Push { service, node } => {
            **service == *request.from.as_jid().as_str() && id(service, node) == asked
        }
        _ => false,
    };
    let removed = without(view.account(user)?, &record, failed);
    if removed.ops.is_empty() {
        return Err(Stop::Ignore);
    }
    with_forgotten(removed, view, &record)
}

fn is_transient(request: &Request) -> bool {
    let Some(error) = request.stanza.root().child("error", ns::CLIENT) else {
        return true;
    };
    let mut conditions = error.children().filter(|one| one.ns() == ns::STANZA_ERRORS);
    error.attr("type").as_deref() == Some("wait")
        || conditions.any(|condition| TRANSIENT.contains(&condition.name()))
}
