//! Ids that name a message for good (XEP-0359).

use std::borrow::Cow;

use crate::stanza::ns;
use crate::xml::Node;
use crate::xml::Writer;

/// The id that the sending client gave to the message.
pub(crate) fn origin_id(message: Node<'_>) -> Option<Cow<'_, str>> {
    message.child("origin-id", ns::SID)?.attr("id")
}

/// The element `<stanza-id/>` with the id that `by` (an account, a room) gave.
pub(crate) fn write_stanza_id(writer: &mut Writer, by: &str, id: &str) {
    writer
        .start_ns("stanza-id", ns::SID)
        .attr("by", by)
        .attr("id", id)
        .end();
}

/// The payload without what senders must not say in our name: `<stanza-id/>` by one of ours (XEP-0359,
/// business rules). Nothing is copied if there is none.
///
/// A `by` that is missing or no address is taken out as well: it can only mislead.
pub(crate) fn without_stanza_ids(
    message: Node<'_>,
    is_ours: impl Fn(&str) -> bool,
) -> Cow<'_, [u8]> {
    message.inner_without(|child| {
        child.is("stanza-id", ns::SID) && child.attr("by").is_none_or(|by| is_ours(&by))
    })
}
