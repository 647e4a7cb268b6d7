//! The card of a room, and in it the room's picture (XEP-0486).

use std::sync::Arc;

use base64ct::Base64;
use base64ct::Encoding as _;
use ring::digest;

use crate::base::room_limits::ROOM_PICTURES_MAX;
use crate::base::room_limits::ROOM_VCARD_BYTES_MAX;
use crate::effect::proposal::Proposal;
use crate::effect::proposal::Stop;
use crate::model::room::Room;
use crate::model::row::Row;
use crate::model::row::RowName;
use crate::muc::visit::Visit;
use crate::muc::visit::hex;
use crate::stanza::Condition;
use crate::stanza::IqType;
use crate::stanza::Kind;
use crate::stanza::StanzaError;
use crate::stanza::ns;
use crate::xml::Node;
use crate::xml::Writer;

/// The row with the hashes of the pictures, so that a question about the room hashes nothing.
const HASHES: &str = "pictures";

/// Whoever knows the room may see its card; owners may write it (XEP-0486 section 7).
pub(super) fn evaluate(visit: &Visit<'_>, card: Node<'_>) -> Result<Proposal, Stop> {
    if visit.request.stanza.kind == Kind::Iq(IqType::Get) {
        visit.living()?;
        return Ok(read(visit));
    }
    visit.must_own()?;
    let is_empty = card.children().next().is_none();
    let bytes = (!is_empty).then(|| card.outer().into_owned());
    if bytes
        .as_ref()
        .is_some_and(|bytes| bytes.len() > ROOM_VCARD_BYTES_MAX)
    {
        let text = format!("a card of a room has at most {ROOM_VCARD_BYTES_MAX} bytes");
        return Err(StanzaError::new(Condition::ResourceConstraint)
            .with_text(text)
            .into());
    }
    let hashes = hashes_of(card)?;
    let hashes = (!hashes.is_empty()).then(|| hashes.join(" ").into_bytes());
    let row = |bytes: Option<Vec<u8>>| {
        bytes.map(|bytes| Row::Bytes {
            bytes: bytes.into(),
        })
    };
    Ok(visit
        .propose()
        .row(visit.record(), name_of_hashes(), row(hashes))
        .row(visit.record(), RowName::VCard, row(bytes))
        .and_answer(visit.done()))
}

/// Without a card an empty one, as XEP-0054 section 3.1 allows.
fn read(visit: &Visit<'_>) -> Proposal {
    let card = bytes(visit.room, &RowName::VCard).map(|bytes| bytes.to_vec());
    let card = card.unwrap_or_else(|| {
        let mut writer = Writer::new();
        writer.empty_ns("vCard", ns::VCARD);
        writer.finish()
    });
    let stanza = &visit.request.stanza;
    Proposal::answer(stanza.result(&visit.request.from, card))
}

/// The hashes of the room's pictures, with spaces between them.
pub(super) fn hashes(room: &Room) -> Option<&str> {
    let bytes = bytes(room, &name_of_hashes())?;
    std::str::from_utf8(bytes).ok()
}

fn name_of_hashes() -> RowName {
    RowName::Text {
        name: HASHES.into(),
    }
}

fn bytes<'a>(room: &'a Room, name: &RowName) -> Option<&'a Arc<[u8]>> {
    match room.rows.row(name) {
        Some(Row::Bytes { bytes }) => Some(bytes),
        _ => None,
    }
}

/// XEP-0153 section 4.1: SHA-1 of the picture itself, as clients compare it.
fn hashes_of(card: Node<'_>) -> Result<Vec<String>, StanzaError> {
    let photos = card.children().filter(|child| child.is("PHOTO", ns::VCARD));
    let pictures = photos.filter_map(|photo| photo.child_text("BINVAL", ns::VCARD));
    let mut hashes = Vec::new();
    for picture in pictures {
        if hashes.len() == ROOM_PICTURES_MAX {
            return Err(StanzaError::new(Condition::NotAcceptable));
        }
        let text: String = picture.split_ascii_whitespace().collect();
        let picture =
            Base64::decode_vec(&text).map_err(|_| StanzaError::new(Condition::BadRequest))?;
        let hash = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, &picture);
        hashes.push(hex(hash.as_ref()));
    }
    Ok(hashes)
}
