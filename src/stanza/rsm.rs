//! Long lists page by page (XEP-0059).

use crate::base::limits::PAGE_ITEMS_DEFAULT;
use crate::base::limits::PAGE_ITEMS_MAX;
use crate::stanza::Condition;
use crate::stanza::StanzaError;
use crate::stanza::ns;
use crate::xml::Node;
use crate::xml::Writer;

/// Which part of a list is asked for. Nothing given means: from the start.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct PageRequest {
    /// As asked; see [`PageRequest::items_max`]. 0 asks for the count alone (section 2.7).
    pub(crate) max: Option<usize>,
    /// The page begins behind this item (section 2.2).
    pub(crate) after: Option<Box<str>>,
    /// The page ends before this item (section 2.3); empty: it is the last page (section 2.5).
    pub(crate) before: Option<Box<str>>,
    /// The page begins with the item of this number (section 2.6).
    pub(crate) index: Option<usize>,
}

/// What is told about the page that was sent.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct PageResult<'a> {
    /// First and last item; `None` for an empty page.
    pub(crate) ends: Option<(&'a str, &'a str)>,
    /// The number of the first item in the whole list.
    pub(crate) first_index: Option<usize>,
    /// Items in the whole list.
    pub(crate) count: Option<usize>,
}

impl PageRequest {
    /// The `<set/>` in a query; `None` if there is none.
    pub(crate) fn parse(query: Node<'_>) -> Result<Option<Self>, StanzaError> {
        let Some(set) = query.child("set", ns::RSM) else {
            return Ok(None);
        };
        let text = |name| {
            set.child_text(name, ns::RSM)
                .map(|text| text.into_owned().into())
        };
        Ok(Some(Self {
            max: parse_number(set, "max")?,
            after: text("after"),
            before: text("before"),
            index: parse_number(set, "index")?,
        }))
    }

    /// How many items the page has at most: as asked, but bounded.
    pub(crate) fn items_max(&self) -> usize {
        self.max.unwrap_or(PAGE_ITEMS_DEFAULT).min(PAGE_ITEMS_MAX)
    }

    /// Whether the page is counted from its end (sections 2.3 and 2.5).
    pub(crate) fn is_backwards(&self) -> bool {
        self.before.is_some() && self.after.is_none()
    }
}

impl PageResult<'_> {
    pub(crate) fn write(&self, writer: &mut Writer) {
        writer.start_ns("set", ns::RSM);
        if let Some((first, last)) = self.ends {
            let index = self.first_index.map(|index| index.to_string());
            writer.start("first").attr_opt("index", index.as_deref());
            writer.text(first).end();
            writer.leaf("last", last);
        }
        if let Some(count) = self.count {
            writer.leaf("count", &count.to_string());
        }
        writer.end();
    }
}

fn parse_number(set: Node<'_>, name: &str) -> Result<Option<usize>, StanzaError> {
    let Some(text) = set.child_text(name, ns::RSM) else {
        return Ok(None);
    };
    let number = text
        .trim()
        .parse()
        .map_err(|_| StanzaError::new(Condition::BadRequest))?;
    Ok(Some(number))
}
