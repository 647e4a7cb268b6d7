//! Archives: what is kept, queries (XEP-0313), offline messages (XEP-0160).

pub(crate) mod forward;
pub(crate) mod id;
pub(crate) mod policy;

use crate::archive::id::StanzaIds;
use crate::effect::proposal::Proposal;
use crate::effect::proposal::Stop;
use crate::effect::query::Found;
use crate::effect::query::Query;
use crate::effect::request::Request;
use crate::effect::sends::Item;
use crate::effect::target::Target;
use crate::effect::view::View;

pub(crate) fn evaluate_iq(
    _view: &View<'_>,
    _request: &Request,
    _target: &Target,
) -> Option<Result<Proposal, Stop>> {
    None
}

pub(crate) fn answer(
    _view: &View<'_>,
    _ids: &StanzaIds,
    _query: &Query,
    _found: Found,
) -> Vec<Item> {
    Vec::new()
}
