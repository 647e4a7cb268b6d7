//! The parser: walks over the bytes of one element and notes where its nodes are.
//!
//! It can stop anywhere for want of bytes and go on later without reading anything twice but the token it
//! stopped in, and of that only what it must: the search for a token's end remembers how far it came. So the
//! cost is linear in the bytes, in whatever pieces they arrive. Whether a token is right is judged when it
//! is complete; therefore the verdict does not depend on the pieces either.

use crate::base::limits::XML_ELEMENTS_MAX;
use crate::xml::XmlError;
use crate::xml::bindings::Bindings;
use crate::xml::chars;
use crate::xml::record::HAS_PREFIXES;
use crate::xml::record::Namespace;
use crate::xml::record::NodeRecord;
use crate::xml::record::TEXT_BYTES_MAX;
use crate::xml::record::offset;
use crate::xml::record::place;
use crate::xml::scope::Scope;
use crate::xml::small::Small;
use crate::xml::tag;
use crate::xml::tag::AttributeSpans;
use crate::xml::tag::Stop;
use crate::xml::tag::Tag;

const CDATA_START: &[u8] = b"<![CDATA[";
const CDATA_END: &[u8] = b"]]>";

/// Whether the element is there.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Progress {
    Incomplete,
    /// It ends at [`Tree::at`].
    Complete,
}

/// A tree being built over bytes that start with the root's `<`.
#[derive(Debug)]
pub(super) struct Tree {
    nodes: Small<NodeRecord, 14>,
    bindings: Bindings,
    /// The start of the token that comes next.
    at: usize,
    /// How far the search for the end of that token came; `at` if it has not begun.
    seen: usize,
    /// The quote that the search is inside of; 0 if none.
    quote: u8,
    depth: u16,
    depth_max: usize,
    /// The index of the newest open element.
    open: u32,
    has_wide_names: bool,
}

impl Tree {
    pub(super) fn new(depth_max: usize) -> Self {
        Self {
            nodes: Small::new(),
            bindings: Bindings::new(),
            at: 0,
            seen: 0,
            quote: 0,
            depth: 0,
            depth_max,
            open: 0,
            has_wide_names: false,
        }
    }

    /// Memory beyond its own size.
    pub(super) fn heap_bytes(&self) -> usize {
        self.nodes.heap_bytes() + self.bindings.heap_bytes()
    }

    pub(super) fn at(&self) -> usize {
        self.at
    }

    #[cfg(test)]
    pub(super) fn seen(&self) -> usize {
        self.seen
    }

    /// Goes on over `bytes`, which begin with what they were at the last call.
    pub(super) fn advance(&mut self, bytes: &[u8], scope: &Scope) -> Result<Progress, XmlError> {
        if bytes.len() >= TEXT_BYTES_MAX {
            return Err(XmlError::TooLarge {
                bytes_max: TEXT_BYTES_MAX,
            });
        }
        match self.read_tokens(bytes, scope) {
            Ok(()) => Ok(Progress::Complete),
            Err(Stop::Incomplete) => Ok(Progress::Incomplete),
            Err(Stop::Error(error)) => Err(error),
        }
    }

    /// Reads one start tag and takes it for a whole element: the root of a stream.
    pub(super) fn advance_tag(
        &mut self,
        bytes: &[u8],
        scope: &Scope,
    ) -> Result<Progress, XmlError> {
        match self.read_start_tag(bytes, scope) {
            Ok(()) => Ok(Progress::Complete),
            Err(Stop::Incomplete) => Ok(Progress::Incomplete),
            Err(Stop::Error(error)) => Err(error),
        }
    }

    fn read_tokens(&mut self, bytes: &[u8], scope: &Scope) -> Result<(), Stop> {
        loop {
            if self.depth > 0 {
                self.read_text(bytes)?;
            }
            match bytes.get(self.at + 1).ok_or(Stop::Incomplete)? {
                b'/' => self.read_end_tag(bytes)?,
                b'!' => self.read_cdata(bytes)?,
                b'?' => return Err(XmlError::Restricted.into()),
                _ => self.read_start_tag(bytes, scope)?,
            }
            if self.depth == 0 {
                return Ok(());
            }
        }
    }

    /// Moves to the next `<`.
    fn read_text(&mut self, bytes: &[u8]) -> Result<(), Stop> {
        if bytes.get(self.at) == Some(&b'<') {
            return Ok(());
        }
        loop {
            let rest = bytes.get(self.seen..).unwrap_or_default();
            let Some(found) = memchr::memchr3(b'<', b'&', b'>', rest) else {
                self.seen = bytes.len();
                return Err(Stop::Incomplete);
            };
            self.seen += found;
            let rest = bytes.get(self.seen..).unwrap_or_default();
            match rest.first() {
                Some(b'&') => self.seen += chars::check_reference(rest)?.ok_or(Stop::Incomplete)?,
                Some(b'>') => {
                    // XML 1.0 section 2.4: the end of a CDATA section must not stand in text.
                    let before = bytes.get(self.at..self.seen).unwrap_or_default();
                    if before.ends_with(b"]]") {
                        return Err(XmlError::Malformed.into());
                    }
                    self.seen += 1;
                }
                _ => {
                    self.at = self.seen;
                    return Ok(());
                }
            }
        }
    }

    fn read_end_tag(&mut self, bytes: &[u8]) -> Result<(), Stop> {
        let start = self.at;
        let end = self.find_end(bytes, start + 2, b">")?;
        let tag = bytes.get(start + 2..end - 1).unwrap_or_default();
        let index = place(self.open);
        let after_last = offset(self.nodes.len());
        let record = self
            .nodes
            .as_mut_slice()
            .get_mut(index)
            .ok_or(XmlError::Malformed)?;
        let name_start = place(record.start) + 1;
        let name = bytes
            .get(name_start..name_start + usize::from(record.name_length))
            .unwrap_or_default();
        let spaces = tag.strip_prefix(name).ok_or(XmlError::Malformed)?;
        if !spaces.iter().all(|byte| chars::is_space(*byte)) {
            return Err(XmlError::Malformed.into());
        }
        record.inner_end = offset(start);
        record.end = offset(end);
        self.open = record.parent;
        record.next = after_last;
        self.leave(end);
        Ok(())
    }

    fn read_cdata(&mut self, bytes: &[u8]) -> Result<(), Stop> {
        let rest = bytes.get(self.at..).unwrap_or_default();
        if !rest.starts_with(CDATA_START) {
            return Err(if CDATA_START.starts_with(rest) {
                Stop::Incomplete
            } else {
                // A comment or a document type.
                XmlError::Restricted.into()
            });
        }
        if self.depth == 0 {
            return Err(XmlError::Malformed.into());
        }
        let end = self.find_end(bytes, self.at + CDATA_START.len(), CDATA_END)?;
        self.move_to(end);
        Ok(())
    }

    fn read_start_tag(&mut self, bytes: &[u8], scope: &Scope) -> Result<(), Stop> {
        if self.seen > self.at {
            self.find_tag_end(bytes)?;
        }
        let mut attributes = AttributeSpans::new();
        let tag = match tag::read_tag(bytes, self.at, &mut attributes) {
            Ok(tag) => tag,
            Err(stop) => {
                // The verdict waits for the end of the tag, so that it is the same for every cut.
                self.seen = self.seen.max(self.at + 1);
                self.find_tag_end(bytes)?;
                return Err(match stop {
                    Stop::Incomplete => XmlError::Malformed.into(),
                    Stop::Error(_) => stop,
                });
            }
        };
        self.enter(bytes, scope, &tag, &attributes)?;
        Ok(())
    }

    /// Looks for the end of a token that is one fixed sequence, from `from` on. Gives the place behind it.
    fn find_end(&mut self, bytes: &[u8], from: usize, sequence: &[u8]) -> Result<usize, Stop> {
        let from = from.max(self.seen.saturating_sub(sequence.len() - 1));
        let rest = bytes.get(from..).unwrap_or_default();
        let found = match sequence {
            [byte] => memchr::memchr(*byte, rest),
            _ => memchr::memmem::find(rest, sequence),
        };
        let Some(found) = found else {
            self.seen = bytes.len();
            return Err(Stop::Incomplete);
        };
        Ok(from + found + sequence.len())
    }

    /// Looks for what must end a start tag, right or wrong: `>` outside of quotes, or `<` anywhere.
    fn find_tag_end(&mut self, bytes: &[u8]) -> Result<(), Stop> {
        for byte in bytes.get(self.seen..).unwrap_or_default() {
            match byte {
                b'<' => return Ok(()),
                b'>' if self.quote == 0 => return Ok(()),
                b'"' | b'\'' if self.quote == 0 => self.quote = *byte,
                _ if *byte == self.quote => self.quote = 0,
                _ => {}
            }
            self.seen += 1;
        }
        Err(Stop::Incomplete)
    }

    /// Takes a start tag into the tree.
    fn enter(
        &mut self,
        bytes: &[u8],
        scope: &Scope,
        tag: &Tag,
        attributes: &AttributeSpans,
    ) -> Result<(), XmlError> {
        if usize::from(self.depth) >= self.depth_max {
            return Err(XmlError::TooDeep {
                depth_max: self.depth_max,
            });
        }
        if self.nodes.len() >= XML_ELEMENTS_MAX {
            return Err(XmlError::TooMuch {
                max: XML_ELEMENTS_MAX,
            });
        }
        self.depth += 1;
        self.has_wide_names |= tag.has_wide_name;
        let mut flags = 0;
        if tag.has_declarations {
            flags = self.bindings.declare(bytes, attributes, self.depth)?;
        }
        if tag.has_prefixed_attributes {
            self.bindings
                .check_prefixed_attributes(bytes, scope, attributes, self.depth)?;
        }
        let namespace = self.bindings.resolve(bytes, scope, tag.name, self.depth)?;
        let end = offset(tag.end);
        let index = offset(self.nodes.len());
        self.nodes.push(NodeRecord {
            start: offset(self.at),
            inner_start: end,
            inner_end: end,
            end,
            next: index + 1,
            parent: self.open,
            namespace_at: namespace.at,
            namespace_length: namespace.length,
            prefix_length: tag.name.prefix_length,
            name_length: tag.name.length,
            flags,
        });
        if tag.is_empty_element {
            self.leave(tag.end);
        } else {
            self.open = index;
            self.move_to(tag.end);
        }
        Ok(())
    }

    fn leave(&mut self, end: usize) {
        let depth = self.depth;
        self.bindings.leave(depth);
        self.depth = depth.saturating_sub(1);
        self.move_to(end);
    }

    fn move_to(&mut self, at: usize) {
        self.at = at;
        self.seen = at;
        self.quote = 0;
    }

    pub(super) fn is_dependent(&self) -> bool {
        self.bindings.is_dependent
    }

    pub(super) fn has_wide_names(&self) -> bool {
        self.has_wide_names
    }

    /// The records, and the names to append to the text that they describe.
    pub(super) fn finish(&mut self) -> (&[NodeRecord], &str) {
        let text_length = offset(self.at);
        let has_prefixes = self.bindings.has_prefixes;
        let nodes = self.nodes.as_mut_slice();
        if let Some(root) = nodes.first_mut()
            && has_prefixes
        {
            root.flags |= HAS_PREFIXES;
        }
        if !self.bindings.extra.is_empty() {
            for node in nodes {
                if node.namespace().known_name().is_none()
                    && let Some(at) = node.namespace_at.checked_sub(Namespace::EXTRA)
                {
                    node.namespace_at = text_length + at;
                }
            }
        }
        (self.nodes.as_slice(), &self.bindings.extra)
    }
}
