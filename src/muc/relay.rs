//! Requests between occupants, who know each other by the room only (XEP-0045 section 17.4,
//! XEP-0410).
//!
//! A request goes to one device of the occupant, from the asking occupant's address. Its id gets a tag
//! that names the asking device, so that the answer finds the way back; the tag is keyed with the
//! room's secret and says nothing to others.

use std::sync::Arc;

use ring::hmac;

use crate::base::jid::FullJid;
use crate::effect::proposal::Proposal;
use crate::effect::proposal::Stop;
use crate::effect::sends::Sends;
use crate::model::room::Occupant;
use crate::model::room::OccupantDevice;
use crate::model::room::Relayed;
use crate::model::room::RoomChange;
use crate::model::room::RoomRow;
use crate::model::row::RowName;
use crate::muc::deliver::Hall;
use crate::muc::visit::Visit;
use crate::muc::visit::address_of;
use crate::muc::visit::hex;
use crate::stanza::Condition;
use crate::stanza::IqType;
use crate::stanza::Kind;
use crate::stanza::StanzaError;
use crate::stanza::ns;
use crate::stanza::outgoing::Outgoing;

/// Hex digits of a tag.
const TAG_DIGITS: usize = 16;

/// A request or an answer to an occupant's address.
pub(super) fn evaluate(visit: &Visit<'_>, nick: &str) -> Result<Proposal, Stop> {
    let kind = visit.request.stanza.kind;
    if matches!(kind, Kind::Iq(IqType::Result | IqType::Error)) {
        return evaluate_answer(visit, nick);
    }
    let query = visit.request.stanza.query();
    let is_about = |name: &str, namespace: &str| query.is_some_and(|one| one.is(name, namespace));
    let row = visit.room.living();
    let (Some(row), Some(inside)) = (row, visit.inside()) else {
        let is_disco = query.is_some_and(|one| one.ns().starts_with(DISCO));
        // Section 6.6 of XEP-0045 for discovery, section 3.3 of XEP-0410 for all else.
        let condition = if is_disco {
            Condition::BadRequest
        } else {
            Condition::NotAcceptable
        };
        return Err(StanzaError::new(condition).into());
    };
    if &**inside.nick == nick && is_about("ping", ns::PING) {
        // The device is inside under this name: that is what a client wants to know.
        return Ok(Proposal::answer(visit.done()));
    }
    let Some((nick, to)) = visit.room.occupants.get_key_value(nick) else {
        return Err(StanzaError::new(Condition::ItemNotFound).into());
    };
    if !to.hears(inside.nick) {
        // XEP-0191 section 3.
        return Err(StanzaError::new(Condition::ServiceUnavailable).into());
    }
    if is_about("vCard", ns::VCARD) && kind == Kind::Iq(IqType::Get) {
        return vcard(visit, to);
    }
    let Some((device, _)) = to.newest() else {
        return Err(StanzaError::new(Condition::ItemNotFound).into());
    };
    let id = visit.request.stanza.id.as_deref().unwrap_or("");
    let tag = tag(&row, &visit.request.from);
    let stanza = Outgoing {
        id: Some([&tag, id].concat().into()),
        ..passed(visit, inside.nick)
    };
    let relayed = Relayed {
        asker: visit.request.from.clone(),
        id: id.into(),
        nick: Arc::clone(nick),
    };
    let ask = RoomChange::Ask {
        stanza: Arc::new(stanza),
        to: device.clone(),
        relayed: Arc::new(relayed),
    };
    Ok(Proposal::nothing().op(visit.change(ask)))
}

/// A device leaves: what it was asked and has not answered is answered for it.
pub(super) fn deliver_silence(hall: &Hall<'_>, device: &OccupantDevice, sends: &mut Sends) {
    for relayed in &device.asked {
        let error = StanzaError::new(Condition::ServiceUnavailable);
        let stanza = Outgoing {
            kind: Kind::Iq(IqType::Error),
            from: address_of(hall.jid, &relayed.nick),
            to: None,
            id: Some(relayed.id.clone()),
            lang: None,
            payload: error.to_payload().into(),
        };
        hall.tell(&relayed.asker, &Arc::new(stanza), sends);
    }
}

/// The common beginning of the namespaces of discovery.
const DISCO: &str = "http://jabber.org/protocol/disco#";

fn passed(visit: &Visit<'_>, nick: &str) -> Outgoing {
    Outgoing {
        kind: visit.request.stanza.kind,
        from: address_of(&visit.jid, nick),
        to: None,
        id: None,
        lang: visit.request.stanza.lang.clone(),
        payload: visit.request.stanza.payload(),
    }
}

/// Back to the device that the tag names.
fn evaluate_answer(visit: &Visit<'_>, nick: &str) -> Result<Proposal, Stop> {
    let (Some(row), Some(inside)) = (visit.room.living(), visit.inside()) else {
        return Err(Stop::Ignore);
    };
    let id = visit.request.stanza.id.as_deref().unwrap_or("");
    let parts = id.split_at_checked(TAG_DIGITS);
    let (Some((asked, id)), Some(to)) = (parts, visit.room.occupants.get(nick)) else {
        return Err(Stop::Ignore);
    };
    if !to.hears(inside.nick) {
        return Err(Stop::Ignore);
    }
    let mut devices = to.devices.keys();
    let Some(device) = devices.find(|device| tag(&row, device) == asked) else {
        return Err(Stop::Ignore);
    };
    let stanza = Outgoing {
        id: Some(id.into()),
        ..passed(visit, inside.nick)
    };
    let reply = RoomChange::Reply {
        stanza: Arc::new(stanza),
        from: visit.request.from.clone(),
        to: device.clone(),
    };
    Ok(Proposal::nothing().op(visit.change(reply)))
}

/// A user's card is the account's, whatever device is inside (section 17.4).
fn vcard(visit: &Visit<'_>, to: &Occupant) -> Result<Proposal, Stop> {
    let account = visit.view.account(&to.user)?;
    let Some(bytes) = account.bytes(&RowName::VCard) else {
        return Err(StanzaError::new(Condition::ItemNotFound).into());
    };
    let stanza = &visit.request.stanza;
    Ok(Proposal::answer(
        stanza.result(&visit.request.from, bytes.to_vec()),
    ))
}

fn tag(row: &RoomRow, device: &FullJid) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, &row.secret);
    // What the occupant ids are made of has no slash in it.
    let tag = hmac::sign(&key, device.as_str().as_bytes());
    hex(tag.as_ref().get(..TAG_DIGITS / 2).unwrap_or_default())
}
