//! Service discovery, capabilities, version, time, ping and ad-hoc commands.

pub(crate) mod features;
pub(crate) mod info;
mod services;
mod small;

use crate::effect::proposal::Proposal;
use crate::effect::proposal::Stop;
use crate::effect::request::Request;
use crate::effect::target::Target;
use crate::effect::view::View;
use crate::stanza::IqType;
use crate::stanza::Kind;
use crate::stanza::ns;

/// Answers what anybody may ask; `None`: it is not for this feature.
pub(crate) fn evaluate_iq(
    view: &View<'_>,
    request: &Request,
    target: &Target,
) -> Option<Result<Proposal, Stop>> {
    let query = request.stanza.query()?;
    if request.stanza.kind != Kind::Iq(IqType::Get) {
        return None;
    }
    let is_for_all = !matches!(target, Target::Other { .. });
    Some(match (query.name(), query.ns()) {
        ("query", ns::DISCO_INFO) => info::info(view, request, target, query),
        ("query", ns::DISCO_ITEMS) => info::items(view, request, target, query),
        ("ping", ns::PING) if is_for_all => Ok(small::ping(request)),
        ("query", ns::VERSION) if *target == Target::Server => Ok(small::version(request)),
        ("time", ns::TIME) if *target == Target::Server => Ok(small::time(view, request)),
        ("services", ns::EXTERNAL_SERVICES) if *target == Target::Server => {
            services::list(view, request, query)
        }
        ("credentials", ns::EXTERNAL_SERVICES) if *target == Target::Server => {
            services::credentials(view, request, query)
        }
        ("query", ns::LAST) => small::last(view, request, target),
        _ => return None,
    })
}
