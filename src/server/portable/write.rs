//! An account as XML: what stands in the file of a user.

use crate::archive::preferences;
use crate::base::jid::BareJid;
use crate::effect::query::Kept;
use crate::model::account::Account;
use crate::model::account::AccountState;
use crate::model::account::ScramKeys;
use crate::model::contact::Contact;
use crate::model::contact::Inward;
use crate::model::contact::Outward;
use crate::model::row::Row;
use crate::model::row::RowName;
use crate::roster::item;
use crate::server::portable::OWN_NAMESPACE;
use crate::stanza::Kind;
use crate::stanza::PresenceType;
use crate::stanza::ns;
use crate::stanza::outgoing::Header;
use crate::stanza::outgoing::write_header;
use crate::xml::Writer;

use base64ct::Base64;
use base64ct::Encoding as _;

pub(super) const PROLOG: &str = "<?xml version='1.0' encoding='UTF-8'?>\n";

pub(super) const USER_END: &[u8] = b"\n</user>\n";
pub(super) const NODES_START: &[u8] = b"\n<pubsub xmlns='http://jabber.org/protocol/pubsub#owner'>";
pub(super) const ITEMS_START: &[u8] = b"\n<pubsub xmlns='http://jabber.org/protocol/pubsub'>";
pub(super) const NODES_END: &[u8] = b"\n</pubsub>";
pub(super) const OFFLINE_START: &[u8] = b"\n<offline-messages>";
pub(super) const OFFLINE_END: &[u8] = b"\n</offline-messages>";
pub(super) const ARCHIVE_START: &[u8] = b"\n<archive xmlns='urn:xmpp:pie:0#mam'>";
pub(super) const ARCHIVE_END: &[u8] = b"\n</archive>";

/// The beginning of a user's file, and all that is not a message.
pub(super) fn head(jid: &BareJid, account: &Account) -> Vec<u8> {
    let mut writer = Writer::onto(PROLOG.into());
    writer
        .start_ns("user", ns::PIE)
        .attr("name", jid.local().unwrap_or_default());
    write_state(&mut writer, account);
    if let Some(keys) = account.credentials() {
        write_keys(&mut writer, "SCRAM-SHA-256", &keys.sha256);
        write_keys(&mut writer, "SCRAM-SHA-1", &keys.sha1);
    }
    write_contacts(&mut writer, account);
    write_private(&mut writer, account);
    write_blocked(&mut writer, account);
    if let Some(preferences) = account.preferences() {
        writer.text("\n").raw(&preferences::write(preferences));
    }
    // The element stays open: messages follow.
    writer.unfinished()
}

fn write_state(writer: &mut Writer, account: &Account) {
    let Some(row) = account.row() else { return };
    writer
        .text("\n")
        .start_ns("account", OWN_NAMESPACE)
        .attr("created", &row.created.to_xep0082());
    if row.state == AccountState::Disabled {
        writer.attr("state", "disabled");
    }
    if row.admin {
        writer.attr("admin", "true");
    }
    writer.end();
}

fn write_keys(writer: &mut Writer, mechanism: &str, keys: &ScramKeys) {
    if keys.iterations == 0 {
        return;
    }
    writer
        .text("\n")
        .start_ns("scram-credentials", ns::PIE_SCRAM)
        .attr("mechanism", mechanism)
        .leaf("iter-count", &keys.iterations.to_string())
        .leaf("salt", &Base64::encode_string(&keys.salt))
        .leaf(
            "server-key",
            &Base64::encode_string(keys.server_key.expose()),
        )
        .leaf(
            "stored-key",
            &Base64::encode_string(keys.stored_key.expose()),
        )
        .end();
}

fn write_contacts(writer: &mut Writer, account: &Account) {
    let stands = |contact: &Contact| {
        let is_related = contact.out != Outward::Without
            || matches!(contact.inward, Inward::From | Inward::Approved);
        contact.listed || is_related
    };
    writer.text("\n").start_ns("query", ns::ROSTER);
    for (jid, contact, _) in account.contacts().filter(|(_, one, _)| stands(one)) {
        writer.text("\n");
        item::write(writer, jid, Some(contact));
    }
    writer.end();
    for (jid, contact, _) in account.contacts() {
        let Inward::Asked { payload } = &contact.inward else {
            continue;
        };
        let header = Header {
            kind: Kind::Presence(PresenceType::Subscribe),
            from: jid.as_str(),
            to: None,
            id: None,
            lang: None,
        };
        let mut request = Vec::new();
        write_header(&mut request, &header, true);
        request.extend_from_slice(payload);
        request.extend_from_slice(b"</presence>");
        writer.text("\n").raw(&request);
    }
}

fn write_private(writer: &mut Writer, account: &Account) {
    let elements = account.rows.iter();
    let elements = elements.filter_map(|(name, cell)| match (name, &cell.row) {
        (RowName::Private { .. }, Some(Row::Bytes { bytes })) => Some(bytes),
        _ => None,
    });
    let mut elements = elements.peekable();
    if elements.peek().is_some() {
        writer.text("\n").start_ns("query", ns::PRIVATE);
        for bytes in elements {
            writer.raw(bytes);
        }
        writer.end();
    }
    if let Some(bytes) = account.bytes(&RowName::VCard) {
        writer.text("\n").raw(bytes);
    }
}

/// XEP-0227 knows privacy lists (XEP-0016) only: the default one denies what is blocked.
fn write_blocked(writer: &mut Writer, account: &Account) {
    const LIST: &str = "blocked";
    let mut order = 0_u32;
    for jid in account.blocked() {
        if order == 0 {
            writer.text("\n").start_ns("query", ns::PRIVACY);
            writer.start("default").attr("name", LIST).end();
            writer.start("list").attr("name", LIST);
        }
        order = order.saturating_add(1);
        writer
            .start("item")
            .attr("type", "jid")
            .attr("value", jid.as_str())
            .attr("action", "deny")
            .attr("order", &order.to_string())
            .end();
    }
    if order > 0 {
        writer.end().end();
    }
}

/// One message of the archive.
pub(super) fn archived(out: &mut Vec<u8>, id: &str, kept: &Kept) {
    out.extend_from_slice(b"\n<result xmlns='urn:xmpp:mam:2' id='");
    out.extend_from_slice(id.as_bytes());
    out.extend_from_slice(
        b"'><forwarded xmlns='urn:xmpp:forward:0'><delay xmlns='urn:xmpp:delay' stamp='",
    );
    out.extend_from_slice(kept.at.to_xep0082().as_bytes());
    out.extend_from_slice(b"'/>");
    message_start(out, kept);
    out.extend_from_slice(b"</message></forwarded></result>");
}

/// One message that no device has taken; `id`: of the archive that holds it as well.
pub(super) fn waiting(out: &mut Vec<u8>, owner: &BareJid, id: &str, kept: &Kept) {
    out.push(b'\n');
    message_start(out, kept);
    let mut writer = Writer::onto(std::mem::take(out));
    writer
        .start_ns("stanza-id", ns::SID)
        .attr("id", id)
        .attr("by", owner.as_str())
        .end()
        .start_ns("delay", ns::DELAY)
        .attr("from", owner.domain())
        .attr("stamp", &kept.at.to_xep0082())
        .end();
    *out = writer.finish();
    out.extend_from_slice(b"</message>");
}

fn message_start(out: &mut Vec<u8>, kept: &Kept) {
    let message = &kept.message;
    let header = Header {
        kind: Kind::Message(message.kind),
        from: message.from.as_str(),
        to: Some(message.to.as_str()),
        id: message.id.as_deref(),
        lang: message.lang.as_deref(),
    };
    write_header(out, &header, true);
    out.extend_from_slice(&message.payload);
}

/// The file of the server or of a host: an element that includes others.
pub(super) fn including(name: &str, host: Option<&str>, files: &[String]) -> Vec<u8> {
    let mut writer = Writer::onto(PROLOG.into());
    writer
        .start_ns(name, ns::PIE)
        .attr("xmlns:xi", ns::XINCLUDE)
        .attr_opt("jid", host);
    for file in files {
        writer
            .text("\n")
            .start("xi:include")
            .attr("href", file)
            .end();
    }
    writer.text("\n");
    let mut out = writer.finish();
    out.push(b'\n');
    out
}
