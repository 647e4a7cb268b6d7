//! Service discovery, capabilities, version, time, ping and ad-hoc commands.

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

pub(crate) fn answer(_view: &View<'_>, _query: &Query, _found: Found) -> Vec<Item> {
    Vec::new()
}
