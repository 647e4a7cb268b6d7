//! New XML, element by element; well-formed as long as the names are.

use crate::xml::escape;

/// Appends elements to a buffer and knows which are open.
///
/// Names are ours, never a peer's: they are not checked. Values and text are escaped.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    out: Vec<u8>,
    /// Where the names of the open elements stand in `out`: start and end.
    open: Vec<(usize, usize)>,
    /// Whether the start tag of the newest open element lacks its `>`.
    in_tag: bool,
}

impl Writer {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Goes on at the end of `out`, for callers that keep a buffer.
    pub(crate) fn onto(out: Vec<u8>) -> Self {
        Self {
            out,
            ..Self::default()
        }
    }

    /// Opens an element; its namespace is its parent's unless [`Writer::attr`] sets `xmlns`.
    pub(crate) fn start(&mut self, name: &str) -> &mut Self {
        self.close_tag();
        self.out.push(b'<');
        let start = self.out.len();
        self.out.extend_from_slice(name.as_bytes());
        self.open.push((start, self.out.len()));
        self.in_tag = true;
        self
    }

    /// Opens an element that declares its namespace.
    pub(crate) fn start_ns(&mut self, name: &str, namespace: &str) -> &mut Self {
        self.start(name).attr("xmlns", namespace)
    }

    /// Adds an attribute to the element just opened; without effect after its first content.
    pub(crate) fn attr(&mut self, name: &str, value: &str) -> &mut Self {
        if self.in_tag {
            append_attribute_named(&mut self.out, name, value);
        }
        self
    }

    pub(crate) fn attr_opt(&mut self, name: &str, value: Option<&str>) -> &mut Self {
        match value {
            Some(value) => self.attr(name, value),
            None => self,
        }
    }

    pub(crate) fn text(&mut self, text: &str) -> &mut Self {
        self.close_tag();
        escape::append_text(&mut self.out, text);
        self
    }

    /// Copies what is XML already.
    pub(crate) fn raw(&mut self, xml: &[u8]) -> &mut Self {
        self.close_tag();
        self.out.extend_from_slice(xml);
        self
    }

    /// An element with text and nothing else.
    pub(crate) fn leaf(&mut self, name: &str, text: &str) -> &mut Self {
        self.start(name).text(text).end()
    }

    /// An element with a namespace and nothing else.
    pub(crate) fn empty_ns(&mut self, name: &str, namespace: &str) -> &mut Self {
        self.start_ns(name, namespace).end()
    }

    /// Closes the newest open element; without effect if there is none.
    pub(crate) fn end(&mut self) -> &mut Self {
        let Some((start, end)) = self.open.pop() else {
            return self;
        };
        if self.in_tag {
            self.in_tag = false;
            self.out.extend_from_slice(b"/>");
        } else {
            self.out.extend_from_slice(b"</");
            self.out.extend_from_within(start..end);
            self.out.push(b'>');
        }
        self
    }

    /// How much is written.
    pub(crate) fn bytes(&self) -> usize {
        self.out.len()
    }

    /// Closes what is open and gives the bytes.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        while !self.open.is_empty() {
            self.end();
        }
        self.out
    }

    /// Gives the bytes so far; what is open is closed by the caller, elsewhere.
    pub(crate) fn unfinished(&mut self) -> Vec<u8> {
        self.close_tag();
        self.open.clear();
        std::mem::take(&mut self.out)
    }

    fn close_tag(&mut self) {
        if self.in_tag {
            self.in_tag = false;
            self.out.push(b'>');
        }
    }
}

/// Appends a space, the name and the escaped value in single quotes.
pub(super) fn append_attribute_named(out: &mut Vec<u8>, name: &str, value: &str) {
    out.push(b' ');
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"='");
    escape::append_attribute(out, value);
    out.push(b'\'');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_nested_escaped_and_closed() {
        let mut writer = Writer::new();
        writer
            .start("iq")
            .attr("id", "'1'")
            .start_ns("query", "urn:x");
        writer
            .leaf("a", "1 < 2")
            .empty_ns("b", "urn:y")
            .raw(b"<c/>")
            .end();
        writer.start("d");

        let bytes = writer.finish();

        assert_eq!(
            String::from_utf8(bytes).unwrap(),
            "<iq id='&apos;1&apos;'><query xmlns='urn:x'><a>1 &lt; 2</a><b xmlns='urn:y'/><c/></query>\
             <d/></iq>"
        );
    }

    #[test]
    fn an_empty_text_still_closes_the_start_tag() {
        let mut writer = Writer::onto(b"x".to_vec());
        writer.leaf("a", "");

        assert_eq!(writer.finish(), b"x<a></a>");
    }
}
