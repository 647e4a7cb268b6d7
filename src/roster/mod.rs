//! Rosters and subscriptions (RFC 6121).

use crate::effect::proposal::Proposal;
use crate::effect::proposal::Stop;
use crate::effect::request::Request;
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

/// Roster pushes for a contact that changed (RFC 6121 section 2.1.6).
pub(crate) fn deliver_row(
    _view: &View<'_>,
    _at: At,
    _row: (&RecordKey, &RowName, Option<&Row>),
    _sends: &mut Sends,
) {
}
