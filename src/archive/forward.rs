//! A kept message as bytes: direct, as a copy, as a result.

use crate::base::jid::BareJid;
use crate::base::jid::FullJid;
use crate::base::time::Timestamp;
use crate::effect::sends::ResultOf;
use crate::model::message::Message;
use crate::model::stanza_id::IdText;
use crate::stanza::Kind;
use crate::stanza::MessageType;
use crate::stanza::outgoing::Header;
use crate::stanza::outgoing::write_header;
use crate::xml::append_attribute;

/// A stanza id and the archive it belongs to (XEP-0359).
pub(crate) type Id<'a> = (&'a IdText, &'a BareJid);

/// The message itself. `to`: who reads, where that is not whom the sender named (rooms); `late`:
/// when it was received, and by whom (XEP-0203).
pub(crate) fn write_direct(
    out: &mut Vec<u8>,
    to: Option<&FullJid>,
    message: &Message,
    id: Option<Id<'_>>,
    late: Option<(Timestamp, &str)>,
) {
    let to = to.map_or_else(|| message.to.as_str(), FullJid::as_str);
    write_header(out, &header(message, Some(to)), false);
    out.extend_from_slice(&message.payload);
    if let Some(id) = id {
        write_stanza_id(out, id);
    }
    if let Some((at, by)) = late {
        write_delay(out, at, Some(by));
    }
    out.extend_from_slice(b"</message>");
}

/// XEP-0280 sections 7 and 8: a copy, wrapped, from the user's own bare address.
pub(crate) fn write_carbon(
    out: &mut Vec<u8>,
    reader: &FullJid,
    message: &Message,
    id: Id<'_>,
    sent: bool,
) {
    let account = reader.bare();
    let wrapper = Header {
        kind: Kind::Message(message.kind),
        from: account.as_str(),
        to: Some(reader.as_str()),
        id: None,
        lang: None,
    };
    write_header(out, &wrapper, false);
    let name: &[u8] = if sent { b"sent" } else { b"received" };
    out.push(b'<');
    out.extend_from_slice(name);
    out.extend_from_slice(b" xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'>");
    write_header(out, &header(message, Some(message.to.as_str())), true);
    out.extend_from_slice(&message.payload);
    write_stanza_id(out, id);
    out.extend_from_slice(b"</message></forwarded></");
    out.extend_from_slice(name);
    out.extend_from_slice(b"></message>");
}

/// XEP-0313 section 4.2: a result of a query.
pub(crate) fn write_result(
    out: &mut Vec<u8>,
    reader: &FullJid,
    query: &ResultOf,
    id: &IdText,
    at: Timestamp,
    message: &Message,
) {
    let wrapper = Header {
        kind: Kind::Message(MessageType::Normal),
        from: query.archive.as_str(),
        to: Some(reader.as_str()),
        id: None,
        lang: None,
    };
    write_header(out, &wrapper, false);
    out.extend_from_slice(b"<result xmlns='urn:xmpp:mam:2' id='");
    out.extend_from_slice(id.as_bytes());
    if let Some(query_id) = &query.query_id {
        out.extend_from_slice(b"' queryid='");
        append_attribute(out, query_id);
    }
    out.extend_from_slice(b"'><forwarded xmlns='urn:xmpp:forward:0'>");
    write_delay(out, at, None);
    let is_room = message.kind == MessageType::Groupchat;
    // XEP-0313 section 5.1.2: no 'to' in what a room has archived.
    let to = (!is_room).then(|| message.to.as_str());
    write_header(out, &header(message, to), true);
    out.extend_from_slice(&message.payload);
    if let Some(sender) = message.sender.as_ref().filter(|_| query.shows_senders) {
        out.extend_from_slice(b"<x xmlns='http://jabber.org/protocol/muc#user'><item jid='");
        append_attribute(out, sender.as_str());
        out.extend_from_slice(b"'/></x>");
    }
    out.extend_from_slice(b"</message></forwarded></result></message>");
}

fn header<'a>(message: &'a Message, to: Option<&'a str>) -> Header<'a> {
    Header {
        kind: Kind::Message(message.kind),
        from: message.from.as_str(),
        to,
        id: message.id.as_deref(),
        lang: message.lang.as_deref(),
    }
}

fn write_stanza_id(out: &mut Vec<u8>, (id, by): Id<'_>) {
    out.extend_from_slice(b"<stanza-id xmlns='urn:xmpp:sid:0' id='");
    out.extend_from_slice(id.as_bytes());
    out.extend_from_slice(b"' by='");
    append_attribute(out, by.as_str());
    out.extend_from_slice(b"'/>");
}

fn write_delay(out: &mut Vec<u8>, at: Timestamp, by: Option<&str>) {
    out.extend_from_slice(b"<delay xmlns='urn:xmpp:delay' stamp='");
    out.extend_from_slice(at.to_xep0082().as_bytes());
    if let Some(by) = by {
        out.extend_from_slice(b"' from='");
        append_attribute(out, by);
    }
    out.extend_from_slice(b"'/>");
}
