//! Archives: what is kept, queries (XEP-0313), preferences (XEP-0441).

pub(crate) mod forward;
pub(crate) mod policy;
pub(crate) mod preferences;
pub(crate) mod query;
pub(crate) mod retract;

use crate::archive::query::Archive;
use crate::effect::proposal::Proposal;
use crate::effect::proposal::Stop;
use crate::effect::request::Request;
use crate::effect::target::Target;
use crate::effect::view::View;
use crate::model::message::Owner;
use crate::stanza::Condition;
use crate::stanza::IqType;
use crate::stanza::Kind;
use crate::stanza::StanzaError;
use crate::stanza::ns;

/// Answers for a user's own archive; `None`: it is not for this feature.
pub(crate) fn evaluate_iq(
    view: &View<'_>,
    request: &Request,
    target: &Target,
) -> Option<Result<Proposal, Stop>> {
    let query = request.stanza.query()?;
    if query.ns() != ns::MAM {
        return None;
    }
    let Target::Own { account } = target else {
        // XEP-0313 section 8: an archive is for its owner.
        return Some(Err(StanzaError::new(Condition::Forbidden).into()));
    };
    let is_set = request.stanza.kind == Kind::Iq(IqType::Set);
    Some(match (query.name(), is_set) {
        ("prefs", false) => preferences::read(view, request),
        ("prefs", true) => preferences::store(view, request, query),
        _ if query::is_for_archive(query) => view.account(account).and_then(|record| {
            let gone = || StanzaError::new(Condition::ItemNotFound);
            let archive = Archive {
                owner: Owner::Account {
                    jid: account.clone(),
                },
                incarnation: record.incarnation().ok_or_else(gone)?,
                shows_senders: false,
            };
            query::evaluate(view, request, &archive)
        }),
        _ => return None,
    })
}
