//! Ids that name a message for good (XEP-0359).

use std::borrow::Cow;

use crate::stanza::ns;
use crate::xml::Node;

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
