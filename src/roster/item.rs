//! Roster items: what a client sets, and what it is shown (RFC 6121 section 2.1).

use crate::base::jid::BareJid;
use crate::base::jid::Jid;
use crate::base::limits::ROSTER_GROUPS_MAX;
use crate::base::limits::ROSTER_NAME_BYTES_MAX;
use crate::model::contact::Contact;
use crate::model::contact::Inward;
use crate::model::contact::Outward;
use crate::stanza::Condition;
use crate::stanza::StanzaError;
use crate::stanza::ns;
use crate::xml::Node;
use crate::xml::Writer;

/// Bytes of an item beside its texts: names of elements and attributes.
const ITEM_OVERHEAD_BYTES: usize = 80;
const GROUP_OVERHEAD_BYTES: usize = 15;
/// The longest escape, `&apos;`.
const ESCAPE_BYTES: usize = 6;

/// What a client wants of a contact.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Wanted {
    pub(super) jid: BareJid,
    /// `subscription='remove'`; every other value is ignored (section 2.1.5).
    pub(super) is_removal: bool,
    pub(super) name: Option<Box<str>>,
    pub(super) groups: Vec<Box<str>>,
}

/// The one item of a roster set, or what is wrong with it (section 2.3.3).
pub(super) fn parse(query: Node<'_>) -> Result<Wanted, StanzaError> {
    let bad = || StanzaError::new(Condition::BadRequest);
    let mut items = query.children();
    let item = items
        .next()
        .filter(|item| item.is("item", ns::ROSTER))
        .ok_or_else(bad)?;
    if items.next().is_some() {
        return Err(bad());
    }
    let jid = Jid::parse(&item.attr("jid").ok_or_else(bad)?)
        .map_err(|_| StanzaError::new(Condition::JidMalformed))?;
    if !jid.is_bare() {
        return Err(bad().with_text("a contact is a bare address"));
    }
    let name = item.attr("name").filter(|name| !name.is_empty());
    if name
        .as_ref()
        .is_some_and(|name| name.len() > ROSTER_NAME_BYTES_MAX)
    {
        return Err(StanzaError::new(Condition::NotAcceptable));
    }
    Ok(Wanted {
        jid: jid.to_bare(),
        is_removal: item.attr("subscription").as_deref() == Some("remove"),
        name: name.map(|name| name.into_owned().into_boxed_str()),
        groups: parse_groups(item)?,
    })
}

fn parse_groups(item: Node<'_>) -> Result<Vec<Box<str>>, StanzaError> {
    let mut groups: Vec<Box<str>> = Vec::new();
    for group in item.children().filter(|one| one.is("group", ns::ROSTER)) {
        let group = group.text();
        if group.is_empty() || group.len() > ROSTER_NAME_BYTES_MAX {
            return Err(StanzaError::new(Condition::NotAcceptable));
        }
        if groups.iter().any(|one| **one == *group) {
            return Err(StanzaError::new(Condition::BadRequest));
        }
        if groups.len() >= ROSTER_GROUPS_MAX {
            return Err(StanzaError::new(Condition::NotAcceptable));
        }
        groups.push(group.into_owned().into_boxed_str());
    }
    Ok(groups)
}

/// Appends the item as the user's clients see it; `None`: removed.
pub(crate) fn write(writer: &mut Writer, jid: &BareJid, contact: Option<&Contact>) {
    writer.start("item").attr("jid", jid.as_str());
    let Some(contact) = contact else {
        writer.attr("subscription", "remove").end();
        return;
    };
    writer
        .attr_opt("name", contact.name.as_deref())
        .attr("subscription", contact.subscription());
    if contact.out == Outward::Asked {
        writer.attr("ask", "subscribe");
    }
    if contact.inward == Inward::Approved {
        writer.attr("approved", "true");
    }
    for group in &contact.groups {
        writer.leaf("group", group);
    }
    writer.end();
}

/// At most this many bytes are written for the contact.
pub(crate) fn size_bytes(jid: &BareJid, contact: &Contact) -> usize {
    let groups = contact.groups.iter();
    let groups = groups.map(|group| escaped_bytes(group).saturating_add(GROUP_OVERHEAD_BYTES));
    escaped_bytes(jid.as_str())
        .saturating_add(contact.name.as_deref().map_or(0, escaped_bytes))
        .saturating_add(groups.sum())
        .saturating_add(ITEM_OVERHEAD_BYTES)
}

fn escaped_bytes(text: &str) -> usize {
    let is_escaped = |byte: &&u8| matches!(byte, b'&' | b'<' | b'>' | b'\'' | b'"');
    let escapes = text.as_bytes().iter().filter(is_escaped).count();
    text.len()
        .saturating_add(escapes.saturating_mul(ESCAPE_BYTES - 1))
}
