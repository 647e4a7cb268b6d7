//! Parts of a user as values: keys, contacts, blocked addresses, preferences, messages.

use std::borrow::Cow;
use std::sync::Arc;

use base64ct::Base64;
use base64ct::Encoding as _;
use ring::digest;

use crate::base::jid::BareJid;
use crate::base::jid::Jid;
use crate::base::limits::ID_BYTES_MAX;
use crate::base::limits::LANGUAGE_BYTES_MAX;
use crate::base::limits::REQUEST_BYTES_MAX;
use crate::base::limits::ROSTER_GROUPS_MAX;
use crate::base::limits::ROSTER_NAME_BYTES_MAX;
use crate::base::limits::SCRAM_ITERATIONS_MAX;
use crate::base::limits::SCRAM_SALT_BYTES_MAX;
use crate::base::secret::Secret;
use crate::base::time::Timestamp;
use crate::model::account::ArchiveDefault;
use crate::model::account::Preferences;
use crate::model::account::ScramKeys;
use crate::model::contact::Contact;
use crate::model::contact::Inward;
use crate::model::contact::Outward;
use crate::model::message::Message;
use crate::model::message::Role;
use crate::sasl::Hash;
use crate::server::portable::complaint::Mistake;
use crate::stanza::Kind;
use crate::stanza::Stanza;
use crate::stanza::ns;
use crate::xml::Element;
use crate::xml::Node;

fn bad_keys<T>(what: &'static str) -> Result<T, Mistake> {
    Err(Mistake::BadKeys { what })
}

/// The hash of a mechanism that this server has.
pub(super) fn hash_of(mechanism: &str) -> Option<Hash> {
    match mechanism {
        "SCRAM-SHA-1" | "sha" => Some(Hash::Sha1),
        "SCRAM-SHA-256" | "sha256" => Some(Hash::Sha256),
        _ => None,
    }
}

/// `<scram-credentials/>` (XEP-0227 section 4.3).
pub(super) fn keys(hash: Hash, element: Node<'_>) -> Result<ScramKeys, Mistake> {
    let text = |name| {
        let text = element.child_text(name, ns::PIE_SCRAM);
        text.map(|text| text.trim().to_owned()).unwrap_or_default()
    };
    let (stored, server) = (text("stored-key"), text("server-key"));
    checked_keys(hash, [&stored, &server, &text("salt"), &text("iter-count")])
}

fn checked_keys(hash: Hash, texts: [&str; 4]) -> Result<ScramKeys, Mistake> {
    let [stored, server, salt, iterations] = texts;
    let key = |text: &str, what| match Base64::decode_vec(text) {
        Ok(bytes) if bytes.len() == hash.length_bytes() => Ok(Secret::new(bytes.into())),
        _ => bad_keys(what),
    };
    let salt = Base64::decode_vec(salt).unwrap_or_default();
    if salt.is_empty() || salt.len() > SCRAM_SALT_BYTES_MAX {
        return bad_keys("salt");
    }
    let is_number = iterations.bytes().all(|byte| byte.is_ascii_digit());
    let count = iterations.parse().unwrap_or(0);
    if !is_number || !(1..=SCRAM_ITERATIONS_MAX).contains(&count) {
        return bad_keys("iter-count");
    }
    Ok(ScramKeys {
        salt,
        iterations: count,
        stored_key: key(stored, "stored-key")?,
        server_key: key(server, "server-key")?,
    })
}

/// COMPAT(ejabberd): keys in place of a password, `scram:[HASH,]STORED,SERVER,SALT,ROUNDS`. What has not
/// that form is a password that begins like this.
pub(super) fn keys_in_password(password: &str) -> Option<(Hash, ScramKeys)> {
    let fields: Vec<&str> = password.strip_prefix("scram:")?.split(',').collect();
    let (hash, texts) = match *fields {
        [hash, stored, server, salt, rounds] => (hash_of(hash)?, [stored, server, salt, rounds]),
        [stored, server, salt, rounds] => (Hash::Sha1, [stored, server, salt, rounds]),
        _ => return None,
    };
    checked_keys(hash, texts).ok().map(|keys| (hash, keys))
}

/// What stands for keys that are not known: no login with this hash.
pub(super) fn no_keys() -> ScramKeys {
    ScramKeys {
        salt: Vec::new(),
        iterations: 0,
        stored_key: Secret::new(Box::default()),
        server_key: Secret::new(Box::default()),
    }
}

pub(super) fn address(text: Option<Cow<'_, str>>) -> Result<Jid, Mistake> {
    let text = text.unwrap_or_default();
    Jid::parse(&text).map_err(|_| Mistake::BadAddress {
        text: text.into_owned(),
    })
}

/// An item of a roster as the server shows it (RFC 6121 section 2.1).
pub(super) fn contact(item: Node<'_>) -> Result<(BareJid, Contact), Mistake> {
    let jid = address(item.attr("jid"))?.to_bare();
    let subscription = item.attr("subscription").unwrap_or_else(|| "none".into());
    let (to, from) = match &*subscription {
        "none" => (false, false),
        "to" => (true, false),
        "from" => (false, true),
        "both" => (true, true),
        text => {
            return Err(Mistake::BadSubscription {
                text: text.to_owned(),
            });
        }
    };
    let is_asked = item.attr("ask").as_deref() == Some("subscribe");
    let is_approved = matches!(item.attr("approved").as_deref(), Some("true" | "1"));
    let name = item.attr("name").filter(|name| !name.is_empty());
    let mut groups: Vec<Box<str>> = Vec::new();
    for group in item.children().filter(|one| one.is("group", ns::ROSTER)) {
        let group = group.text();
        if !group.is_empty() && groups.iter().all(|one| **one != *group) {
            groups.push(group.into());
        }
        if groups.len() > ROSTER_GROUPS_MAX {
            return Err(Mistake::LongName);
        }
    }
    let names = groups.iter().map(|group| group.len());
    let longest = names.chain(name.as_ref().map(|name| name.len())).max();
    if longest.is_some_and(|bytes| bytes > ROSTER_NAME_BYTES_MAX) {
        return Err(Mistake::LongName);
    }
    let contact = Contact {
        listed: true,
        name: name.map(Box::from),
        groups,
        out: match (to, is_asked) {
            (true, _) => Outward::To,
            (false, true) => Outward::Asked,
            (false, false) => Outward::Without,
        },
        inward: match (from, is_approved) {
            (true, _) => Inward::From,
            (false, true) => Inward::Approved,
            (false, false) => Inward::Without,
        },
    };
    Ok((jid, contact))
}

/// What a request for a subscription says; one that says too much says nothing.
pub(super) fn request_payload(request: Node<'_>) -> Arc<[u8]> {
    let payload = request.inner();
    if payload.len() > REQUEST_BYTES_MAX {
        return Arc::default();
    }
    payload.into()
}

/// The addresses that the default privacy list denies altogether (XEP-0016 section 2.1), and whether there
/// is more to the lists than a block list can say.
pub(super) fn denied(query: Node<'_>) -> Result<(Vec<Jid>, bool), Mistake> {
    let lists = || query.children().filter(|one| one.is("list", ns::PRIVACY));
    let default = query.child("default", ns::PRIVACY);
    let default = default.and_then(|default| default.attr("name"));
    let chosen = lists().find(|list| default.is_some() && list.attr("name") == default);
    let mut is_more = lists().count() > usize::from(chosen.is_some());
    let mut jids = Vec::new();
    for item in chosen.into_iter().flat_map(Node::children) {
        let is_for_all = item.children().next().is_none();
        match (item.attr("type").as_deref(), item.attr("action").as_deref()) {
            (Some("jid"), Some("deny")) if is_for_all => jids.push(address(item.attr("value"))?),
            // Everybody else may: what a block list says as well.
            (None, Some("allow")) if is_for_all => {}
            _ => is_more = true,
        }
    }
    Ok((jids, is_more))
}

/// XEP-0191 section 3.2.
pub(super) fn blocked(list: Node<'_>) -> Result<Vec<Jid>, Mistake> {
    let items = list.children().filter(|item| item.is("item", ns::BLOCKING));
    items.map(|item| address(item.attr("jid"))).collect()
}

pub(super) fn preferences(prefs: Node<'_>) -> Result<Preferences, Mistake> {
    let list = |name: &str| {
        let lists = prefs.children().filter(|child| child.name() == name);
        let jids = lists.flat_map(Node::children);
        let jids = jids.map(|jid| address(Some(jid.text().trim().into())));
        jids.collect::<Result<_, _>>()
    };
    Ok(Preferences {
        default: prefs
            .attr("default")
            .and_then(|default| ArchiveDefault::parse(&default))
            .ok_or(Mistake::BadDefault)?,
        always: list("always")?,
        never: list("never")?,
    })
}

/// A message of a user, archived or waiting.
#[derive(Debug)]
pub(super) struct Past {
    pub(super) message: Message,
    /// What it is to the user.
    pub(super) role: Role,
    /// The other side.
    pub(super) with: Jid,
    pub(super) at: Timestamp,
    /// In the archive that it comes from.
    pub(super) id: Option<String>,
}

/// A `<result/>` of an archive (XEP-0313 section 4.2).
pub(super) fn archived(result: Node<'_>, owner: &BareJid) -> Result<Past, Mistake> {
    let forwarded = result.child("forwarded", ns::FORWARD);
    let forwarded = forwarded.ok_or(Mistake::NotAMessage)?;
    let delay = forwarded.child("delay", ns::DELAY);
    let at = delay.and_then(stamp).ok_or(Mistake::NoTime)?;
    let message = forwarded.child("message", ns::CLIENT);
    let message = message.ok_or(Mistake::NotAMessage)?;
    let past = past(message, owner, at, |child| is_own_id(child, owner))?;
    Ok(Past {
        id: result.attr("id").map(Cow::into_owned),
        ..past
    })
}

/// A message of `<offline-messages/>`, oldest first: `now` where it does not say when it came.
pub(super) fn waiting(root: Node<'_>, owner: &BareJid, now: Timestamp) -> Result<Past, Mistake> {
    // The one that the server has added (XEP-0160), and not a gateway or a room.
    let is_ours = |child: Node<'_>| {
        let by = child.attr("from");
        child.is("delay", ns::DELAY) && by.is_none_or(|by| by == owner.domain())
    };
    let delay = root.children().find(|child| is_ours(*child));
    let at = delay.and_then(stamp).unwrap_or(now);
    let id = root.children().find(|child| is_own_id(*child, owner));
    let id = id.and_then(|id| id.attr("id")).map(Cow::into_owned);
    let past = past(root, owner, at, |child| {
        is_own_id(child, owner) || is_ours(child)
    })?;
    let role = Role::Received;
    Ok(Past { role, id, ..past })
}

/// An id in a user's archive, whatever its length.
pub(super) fn id_number(jid: &BareJid, id: &str) -> u128 {
    let text = [jid.as_str(), id].join("\0");
    let hash = digest::digest(&digest::SHA256, text.as_bytes());
    let bytes = hash.as_ref().first_chunk::<16>();
    bytes.map_or(0, |bytes| u128::from_be_bytes(*bytes))
}

fn stamp(delay: Node<'_>) -> Option<Timestamp> {
    Timestamp::parse_xep0082(&delay.attr("stamp")?).ok()
}

/// XEP-0359 section 6: what speaks in the archive's name is not of the message.
fn is_own_id(child: Node<'_>, owner: &BareJid) -> bool {
    child.is("stanza-id", ns::SID) && child.attr("by").as_deref() == Some(owner.as_str())
}

fn past(
    root: Node<'_>,
    owner: &BareJid,
    at: Timestamp,
    is_removed: impl Fn(Node<'_>) -> bool,
) -> Result<Past, Mistake> {
    let element = Element::parse(&root.outer()).map_err(|_| Mistake::NotAMessage)?;
    let stanza = Stanza::parse(element).map_err(|_| Mistake::NotAMessage)?;
    let Kind::Message(kind) = stanza.kind else {
        return Err(Mistake::NotAMessage);
    };
    let own = || owner.to_jid();
    let from = stanza.from.clone().unwrap_or_else(own);
    let to = stanza.to.clone().unwrap_or_else(own);
    let is_sent = from.bare_str() == owner.as_str();
    let payload = stanza.root().inner_without(is_removed).into();
    let short = |text: &Option<Box<str>>, bytes_max: usize| {
        text.clone().filter(|text| text.len() <= bytes_max)
    };
    Ok(Past {
        role: if is_sent { Role::Sent } else { Role::Received },
        with: if is_sent { to.clone() } else { from.clone() },
        message: Message {
            kind,
            from,
            to,
            id: short(&stanza.id, ID_BYTES_MAX),
            lang: short(&stanza.lang, LANGUAGE_BYTES_MAX),
            payload,
            sender: None,
        },
        at,
        id: None,
    })
}
