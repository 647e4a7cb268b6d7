//! What every ad-hoc command answers with (XEP-0050).

use crate::stanza::Condition;
use crate::stanza::StanzaError;
use crate::stanza::ns;
use crate::xml::Writer;

/// A step of a command that stands so: `executing`, `completed` or `canceled` (section 2.4).
pub(crate) fn answer(node: &str, session: &str, status: &str, content: &[u8]) -> Vec<u8> {
    let mut writer = Writer::new();
    writer
        .start_ns("command", ns::COMMANDS)
        .attr("node", node)
        .attr("sessionid", session)
        .attr("status", status);
    if !content.is_empty() {
        writer.raw(content);
    }
    writer.end();
    writer.finish()
}

/// Section 4.4: `bad-request` with what is bad.
pub(crate) fn bad(what: &'static str) -> StanzaError {
    StanzaError::new(Condition::BadRequest).with_detail(what, ns::COMMANDS)
}
