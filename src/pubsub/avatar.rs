//! The hash of a user's picture in every presence (XEP-0153 section 4, XEP-0398 section 4): clients that ask for vCards learn of
//! pictures that were published with XEP-0084.
//!
//! The hash is noted in the account, so that presence needs no node.

use std::borrow::Cow;
use std::sync::Arc;

use crate::base::jid::BareJid;
use crate::effect::view::View;
use crate::model::account::Account;
use crate::model::account::Present;
use crate::model::op::Op;
use crate::model::op::Soft;
use crate::model::row::RecordKey;
use crate::model::row::Row;
use crate::model::row::RowName;
use crate::pubsub::host::Host;
use crate::pubsub::host::Place;
use crate::pubsub::publish::Fresh;
use crate::stanza::Kind;
use crate::stanza::PresenceType;
use crate::stanza::ns;
use crate::stanza::outgoing::Outgoing;
use crate::stanza::outgoing::parse_payload;
use crate::xml::Node;
use crate::xml::Writer;

/// Hexadecimal digits of SHA-1.
const HASH_DIGITS: usize = 40;

pub(super) fn note() -> RowName {
    RowName::Text {
        name: "avatar".into(),
    }
}

/// The hash of the picture, if there is one.
pub(super) fn hash(account: &Account) -> Option<&str> {
    let bytes = account.bytes(&note())?;
    std::str::from_utf8(bytes).ok()
}

/// What a publication changes beside its node.
pub(super) fn follow(host: &Host<'_>, node: &str, fresh: &[Fresh]) -> Vec<Op> {
    let Some(newest) = fresh.last().filter(|_| node == ns::AVATAR_METADATA) else {
        return Vec::new();
    };
    change(host, hash_of(node, &newest.id, &newest.payload))
}

/// The hash of the picture that an item is about.
pub(super) fn hash_of<'a>(node: &str, id: &'a str, payload: &[u8]) -> Option<&'a str> {
    let is_hash = id.len() == HASH_DIGITS && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    // XEP-0084 section 4.2.4: empty metadata take the picture away.
    let has_picture = memchr::memmem::find(payload, b"<info").is_some();
    Some(id).filter(|_| node == ns::AVATAR_METADATA && is_hash && has_picture)
}

/// The same where items are taken back.
pub(super) fn follow_retract(place: &Place<'_>) -> Vec<Op> {
    if place.name() == ns::AVATAR_METADATA {
        return change(place.host, None);
    }
    Vec::new()
}

/// Notes the hash, and tells everybody who sees presence.
fn change(host: &Host<'_>, hash: Option<&str>) -> Vec<Op> {
    let Some(account) = host.account else {
        return Vec::new();
    };
    if self::hash(account) == hash {
        return Vec::new();
    }
    let record = RecordKey::Account {
        jid: host.jid.clone(),
    };
    let row = hash.map(|hash| Row::Bytes {
        bytes: Arc::from(hash.as_bytes()),
    });
    let mut ops = vec![Op::row(record, note(), row)];
    for (online, here) in account.available() {
        let stanza = &here.stanza;
        let Some(element) = parse_payload(&stanza.payload) else {
            continue;
        };
        let payload = dressed(element.root(), Some(hash.unwrap_or_default()));
        let said = Arc::new(Outgoing {
            payload: payload.into(),
            ..stanza.as_ref().clone()
        });
        ops.push(Op::soft(Soft::Presence {
            jid: online.jid.clone(),
            presence: Some(Present {
                priority: here.priority,
                stanza: Arc::clone(&said),
            }),
            said,
        }));
    }
    ops
}

/// The payload of a presence with the hash of who sends it; `None`: as it is.
pub(crate) fn dress(view: &View<'_>, own: &BareJid, stanza: &Outgoing) -> Option<Outgoing> {
    if stanza.kind != Kind::Presence(PresenceType::Available) {
        return None;
    }
    let hash = hash(view.resident_account(own)?)?;
    let element = parse_payload(&stanza.payload)?;
    let said = element.root().child("x", ns::VCARD_UPDATE);
    let photo = said.and_then(|said| said.child("photo", ns::VCARD_UPDATE));
    // XEP-0398 section 4: an empty photo is meant so.
    if photo.is_some_and(|photo| photo.text().trim().is_empty()) {
        return None;
    }
    Some(Outgoing {
        payload: dressed(element.root(), Some(hash)).into(),
        ..stanza.clone()
    })
}

fn dressed(presence: Node<'_>, hash: Option<&str>) -> Vec<u8> {
    let kept: Cow<'_, [u8]> = presence.inner_without(|child| child.is("x", ns::VCARD_UPDATE));
    let mut writer = Writer::onto(kept.into_owned());
    if let Some(hash) = hash {
        writer.start_ns("x", ns::VCARD_UPDATE);
        writer.leaf("photo", hash).end();
    }
    writer.finish()
}
