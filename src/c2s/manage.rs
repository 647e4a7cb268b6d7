//! Stream management (XEP-0198), as elements: the counters live in the core.
//!
//! What a client sends becomes [`Management`] or a resume request. What it is sent is written by the
//! functions here; on an established stream the core calls them, so that `<enabled/>` and `<a/>` stand
//! where they belong among the stanzas.

use crate::base::jid::BareJid;
use crate::c2s::Enable;
use crate::c2s::Enabled;
use crate::c2s::Management;
use crate::c2s::ResumeRequest;
use crate::c2s::wire::Wire;
use crate::stanza::Condition;
use crate::stanza::ns;
use crate::xml::Node;
use crate::xml::Writer;

/// An element of XEP-0198 on an established stream; `None` for what is not one.
pub(crate) fn parse(node: Node<'_>) -> Option<Management> {
    match node.name() {
        "enable" => Some(Management::Enable(parse_enable(node))),
        "r" => Some(Management::Request),
        // Without a count it says nothing.
        "a" => parse_h(node).map(|h| Management::Ack { h }),
        "resume" => Some(Management::Misplaced),
        _ => None,
    }
}

pub(crate) fn parse_enable(node: Node<'_>) -> Enable {
    let max = node.attr("max");
    Enable {
        is_resumable: is_true(node, "resume"),
        max_seconds: max.and_then(|max| max.trim().parse().ok()),
    }
}

/// `previd` and `h` of `<resume/>`; both are required (section 5).
pub(crate) fn parse_resume(node: Node<'_>) -> Option<(String, u32)> {
    let previd = node.attr("previd")?.into_owned();
    parse_h(node).map(|h| (previd, h))
}

pub(crate) fn resume_request(account: BareJid, previd: String, h: u32) -> ResumeRequest {
    ResumeRequest { account, previd, h }
}

/// A boolean of XML Schema; absent means false.
pub(crate) fn is_true(node: Node<'_>, name: &str) -> bool {
    let value = node.attr(name);
    value.is_some_and(|value| ["true", "1"].contains(&value.trim()))
}

/// Section 3: management before there is a session is refused, and harmless.
pub(crate) fn refuse_early(node: Node<'_>, wire: &mut Wire) {
    if ["enable", "resume"].contains(&node.name()) {
        wire.write(&write_failed(Condition::UnexpectedRequest, None));
    }
}

/// `<enabled/>`: from the next stanza on, both sides count.
pub(crate) fn write_enabled(enabled: &Enabled) -> Vec<u8> {
    let mut writer = Writer::new();
    append_enabled(&mut writer, enabled);
    writer.finish()
}

pub(crate) fn append_enabled(writer: &mut Writer, enabled: &Enabled) {
    writer.start_ns("enabled", ns::SM);
    if let Some((id, max_seconds)) = &enabled.resumption {
        writer.attr("id", id).attr("resume", "true");
        writer.attr("max", &max_seconds.to_string());
        writer.attr_opt("location", enabled.location.as_deref());
    }
    writer.end();
}

/// `<failed/>` with a condition of RFC 6120 section 8.3.3, and what was taken if that is known.
pub(crate) fn write_failed(condition: Condition, h: Option<u32>) -> Vec<u8> {
    let mut writer = Writer::new();
    append_failed(&mut writer, condition, h);
    writer.finish()
}

pub(crate) fn append_failed(writer: &mut Writer, condition: Condition, h: Option<u32>) {
    let h = h.map(|h| h.to_string());
    writer
        .start_ns("failed", ns::SM)
        .attr_opt("h", h.as_deref());
    writer.empty_ns(condition.name(), ns::STANZA_ERRORS).end();
}

pub(crate) fn write_resumed(previd: &str, h: u32) -> Vec<u8> {
    let mut writer = Writer::new();
    append_resumed(&mut writer, previd, h);
    writer.finish()
}

pub(crate) fn append_resumed(writer: &mut Writer, previd: &str, h: u32) {
    writer.start_ns("resumed", ns::SM).attr("previd", previd);
    writer.attr("h", &h.to_string()).end();
}

fn parse_h(node: Node<'_>) -> Option<u32> {
    node.attr("h").and_then(|h| h.trim().parse().ok())
}
