//! Reads what a server sends: cuts a stream into elements, and one element into a tree.
//!
//! The cutter looks at `<`, `>` and quotes only, which is enough for a stream without comments (RFC 6120
//! section 11.1 forbids them). The helpers on bytes are for the hot path: one search, no tree.

use std::collections::BTreeMap;
use std::ops::Range;

use memchr::memchr;
use memchr::memmem;

/// Cuts a growing buffer into the stream header, the elements below it, and the stream's end.
#[derive(Debug, Default)]
pub(crate) struct Cutter {
    depth: usize,
    /// Where to go on looking.
    at: usize,
    /// Where the element being read began.
    start: usize,
}

impl Cutter {
    /// The next whole piece, or `None` until there are more bytes.
    pub(crate) fn next(&mut self, buffer: &[u8]) -> Option<Range<usize>> {
        loop {
            let open = self.at + memchr(b'<', &buffer[self.at..])?;
            let end = tag_end(buffer, open)?;
            let tag = &buffer[open..end];
            self.at = end;
            if tag.starts_with(b"<?") || tag.starts_with(b"<!") {
                continue;
            }
            if self.depth <= 1 {
                self.start = open;
            }
            let closes = tag.starts_with(b"</");
            let empty = tag.ends_with(b"/>");
            if closes {
                self.depth = self.depth.saturating_sub(1);
            } else if !empty {
                self.depth += 1;
            }
            // The stream's end has depth 0, its header and whole elements below it have depth 1.
            if self.depth == 1 || (closes && self.depth == 0) {
                return Some(self.start..end);
            }
        }
    }

    /// Behind a header that is not in the buffer.
    pub(crate) fn inside() -> Self {
        Self {
            depth: 1,
            ..Self::default()
        }
    }

    /// The bytes before `count` were taken out of the buffer.
    pub(crate) fn consumed(&mut self, count: usize) {
        self.at -= count;
        self.start = self.start.saturating_sub(count);
    }

    /// A new stream begins (RFC 6120 section 6.4.6).
    pub(crate) fn restart(&mut self) {
        self.depth = 0;
    }
}

/// The index behind the `>` that ends the tag at `open`; a `>` in quotes does not.
fn tag_end(buffer: &[u8], open: usize) -> Option<usize> {
    if buffer[open..].starts_with(b"<![CDATA[") {
        return memmem::find(&buffer[open..], b"]]>").map(|at| open + at + 3);
    }
    let mut at = open;
    loop {
        let step = memchr::memchr3(b'>', b'\'', b'"', &buffer[at..])?;
        at += step;
        let found = buffer[at];
        at += 1;
        if found == b'>' {
            return Some(at);
        }
        at += memchr(found, &buffer[at..])? + 1;
    }
}

/// Whether the element's name is `name`.
pub(crate) fn is(element: &[u8], name: &str) -> bool {
    element
        .strip_prefix(b"<")
        .and_then(|rest| rest.strip_prefix(name.as_bytes()))
        .and_then(<[u8]>::first)
        .is_some_and(|next| matches!(next, b' ' | b'>' | b'/' | b'\n' | b'\t'))
}

/// The raw value of an attribute of the outermost tag.
pub(crate) fn attr<'a>(element: &'a [u8], name: &str) -> Option<&'a str> {
    let tag = &element[..tag_end(element, 0)?];
    let mut rest = tag;
    loop {
        let at = memmem::find(rest, name.as_bytes())?;
        let before = at.checked_sub(1).map(|index| rest[index]);
        rest = &rest[at + name.len()..];
        if before != Some(b' ') || rest.first() != Some(&b'=') {
            continue;
        }
        let quote = *rest.get(1)?;
        let value = &rest[2..];
        return std::str::from_utf8(&value[..memchr(quote, value)?]).ok();
    }
}

/// The raw text of the first `<name>` without attributes.
pub(crate) fn text<'a>(element: &'a [u8], name: &str) -> Option<&'a str> {
    let at = memmem::find(element, format!("<{name}>").as_bytes())?;
    let rest = &element[at + name.len() + 2..];
    std::str::from_utf8(&rest[..memchr(b'<', rest)?]).ok()
}

pub(crate) fn contains(element: &[u8], part: &str) -> bool {
    memmem::find(element, part.as_bytes()).is_some()
}

/// Whether a room's presence carries this status (XEP-0045 section 15.6).
pub(crate) fn has_status(element: &[u8], code: &str) -> bool {
    contains(element, &format!("code='{code}'")) || contains(element, &format!("code=\"{code}\""))
}

/// An element as a tree, for everything that is not the hot path.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Node {
    pub(crate) name: String,
    /// The default namespace in scope; prefixes are not resolved.
    pub(crate) ns: String,
    pub(crate) attrs: BTreeMap<String, String>,
    pub(crate) children: Vec<Self>,
    pub(crate) text: String,
}

impl Node {
    /// Reads one element, or the opening tag of a stream.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let mut path: Vec<Self> = Vec::new();
        let mut at = 0;
        while let Some(step) = memchr(b'<', &bytes[at..]) {
            let open = at + step;
            if let Some(inner) = path.last_mut() {
                inner.text.push_str(&unescaped(&bytes[at..open])?);
            }
            at = tag_end(bytes, open)?;
            let tag = std::str::from_utf8(&bytes[open..at]).ok()?;
            if tag.starts_with("<?") {
                continue;
            }
            if !tag.starts_with("</") {
                let ns = path.last().map_or("", |outer| &outer.ns);
                path.push(Self::opened(tag, ns)?);
            }
            if tag.starts_with("</") || tag.ends_with("/>") {
                let done = path.pop()?;
                match path.last_mut() {
                    Some(outer) => outer.children.push(done),
                    None => return Some(done),
                }
            }
        }
        // A stream header stays open.
        path.pop()
    }

    fn opened(tag: &str, outer_ns: &str) -> Option<Self> {
        let tag = tag
            .strip_prefix('<')?
            .trim_end_matches('>')
            .trim_end_matches('/');
        let (name, mut rest) = tag.split_once([' ', '\n', '\t']).unwrap_or((tag, ""));
        let mut attrs = BTreeMap::new();
        while let Some((key, after)) = rest.split_once('=') {
            let quote = after.chars().next()?;
            let (value, next) = after.get(1..)?.split_once(quote)?;
            attrs.insert(key.trim().to_owned(), unescaped(value.as_bytes())?);
            rest = next;
        }
        Some(Self {
            name: name.to_owned(),
            ns: attrs
                .get("xmlns")
                .map_or(outer_ns, String::as_str)
                .to_owned(),
            attrs,
            ..Self::default()
        })
    }

    pub(crate) fn attr(&self, name: &str) -> Option<&str> {
        self.attrs.get(name).map(String::as_str)
    }

    pub(crate) fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    /// The element at the end of a path of names.
    pub(crate) fn at(&self, path: &[&str]) -> Option<&Self> {
        path.iter().try_fold(self, |node, name| node.child(name))
    }
}

/// Text with the five entities and numeric references replaced.
fn unescaped(bytes: &[u8]) -> Option<String> {
    let mut rest = std::str::from_utf8(bytes).ok()?;
    let mut plain = String::with_capacity(rest.len());
    while let Some((before, after)) = rest.split_once('&') {
        plain.push_str(before);
        let (entity, next) = after.split_once(';')?;
        plain.push(match entity {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "quot" => '"',
            "apos" => '\'',
            _ => {
                let digits = entity.strip_prefix('#')?;
                let code = match digits.strip_prefix('x') {
                    Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                    None => digits.parse().ok()?,
                };
                char::from_u32(code)?
            }
        });
        rest = next;
    }
    plain.push_str(rest);
    Some(plain)
}

/// Text made safe for an attribute or a text node.
pub(crate) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('\'', "&apos;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &[u8] = b"<?xml version='1.0'?><stream:stream id='a>b'> <presence/>\
        <message to='x'><body>1 &lt;</body><x a=\"/>\"/></message><r xmlns='sm'/></stream:stream>";

    /// Cuts a stream that arrives in steps of this many bytes.
    fn pieces(step: usize) -> Vec<String> {
        let mut cutter = Cutter::default();
        let mut buffer = Vec::new();
        let mut found = Vec::new();
        for bytes in STREAM.chunks(step) {
            buffer.extend_from_slice(bytes);
            while let Some(piece) = cutter.next(&buffer) {
                found.push(String::from_utf8_lossy(&buffer[piece.clone()]).into_owned());
                buffer.drain(..piece.end);
                cutter.consumed(piece.end);
            }
        }
        found
    }

    #[test]
    fn a_stream_is_cut_the_same_way_however_it_arrives() {
        let whole = pieces(STREAM.len());
        assert_eq!(
            whole,
            [
                "<stream:stream id='a>b'>",
                "<presence/>",
                "<message to='x'><body>1 &lt;</body><x a=\"/>\"/></message>",
                "<r xmlns='sm'/>",
                "</stream:stream>",
            ]
        );
        for step in 1..20 {
            assert_eq!(pieces(step), whole);
        }
    }

    #[test]
    fn an_element_is_read_as_a_tree() {
        let element =
            b"<iq id='&amp;1'><query xmlns='q'>a&#x62;<item/><item n=\"2\"/></query></iq>";
        let tree = Node::parse(element).unwrap_or_default();
        let query = tree.child("query").cloned().unwrap_or_default();
        assert_eq!(tree.attr("id"), Some("&1"));
        assert_eq!((query.ns.as_str(), query.text.as_str()), ("q", "ab"));
        assert_eq!(query.children.len(), 2);
        assert_eq!(query.children[1].attr("n"), Some("2"));
    }

    #[test]
    fn attributes_are_found_by_their_whole_name() {
        let element = b"<a xid='1' id=\"2\" h='3'><b h='4'/></a>";
        assert_eq!(attr(element, "id"), Some("2"));
        assert_eq!(attr(element, "h"), Some("3"));
        assert_eq!(attr(element, "to"), None);
    }
}
