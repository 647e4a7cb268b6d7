//! Rooms (XEP-0045).

use std::sync::Arc;

use crate::base::jid::BareJid;
use crate::effect::proposal::Proposal;
use crate::effect::proposal::Stop;
use crate::effect::query::Found;
use crate::effect::query::Query;
use crate::effect::request::Request;
use crate::effect::sends::Item;
use crate::effect::sends::Sends;
use crate::effect::state::At;
use crate::effect::view::View;
use crate::model::message::Message;
use crate::model::message::Place;
use crate::model::room::RoomChange;
use crate::model::row::RecordKey;
use crate::model::row::Row;
use crate::model::row::RowName;
use crate::stanza::Condition;
use crate::stanza::StanzaError;

/// Everything addressed to the rooms' host, a room, or an occupant.
pub(crate) fn evaluate(_view: &View<'_>, _request: &Request) -> Result<Proposal, Stop> {
    Err(StanzaError::new(Condition::ServiceUnavailable).into())
}

/// A kept message to a room: to all occupants, in one order.
pub(crate) fn deliver_message(
    _view: &View<'_>,
    _at: At,
    _message: &Message,
    _place: &Place,
    _sends: &mut Sends,
) {
}

pub(crate) fn deliver_change(
    _view: &View<'_>,
    _at: At,
    _room: &BareJid,
    _change: &Arc<RoomChange>,
    _sends: &mut Sends,
) {
}

pub(crate) fn deliver_row(
    _view: &View<'_>,
    _at: At,
    _row: (&RecordKey, &RowName, Option<&Row>),
    _sends: &mut Sends,
) {
}

/// A room's past for one who joins.
pub(crate) fn answer_history(_view: &View<'_>, _query: &Query, _found: Found) -> Vec<Item> {
    Vec::new()
}
