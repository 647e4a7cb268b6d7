//! Accounts: registration, passwords, blocking, private data, administration.

pub(crate) mod command;

use crate::effect::proposal::Proposal;
use crate::effect::proposal::Stop;
use crate::effect::query::Found;
use crate::effect::query::Query;
use crate::effect::request::Request;
use crate::effect::sends::Item;
use crate::effect::sends::Sends;
use crate::effect::state::At;
use crate::effect::target::Target;
use crate::effect::view::View;
use crate::model::row::RecordKey;
use crate::model::row::Row;
use crate::model::row::RowName;

pub(crate) fn evaluate_iq(
    _view: &View<'_>,
    _request: &Request,
    _target: &Target,
) -> Option<Result<Proposal, Stop>> {
    None
}

pub(crate) fn deliver_row(
    _view: &View<'_>,
    _at: At,
    _row: (&RecordKey, &RowName, Option<&Row>),
    _sends: &mut Sends,
) {
}

pub(crate) fn answer(_view: &View<'_>, _query: &Query, _found: Found) -> Vec<Item> {
    Vec::new()
}
