//! One complete element: its text, shared, and an index of its nodes.

use std::fmt;
use std::sync::Arc;

use crate::base::limits::STANZA_BYTES_MAX;
use crate::base::limits::XML_DEPTH_MAX;
use crate::xml::Node;
use crate::xml::XmlError;
use crate::xml::chars;
use crate::xml::extract;
use crate::xml::record::Namespace;
use crate::xml::record::NodeRecord;
use crate::xml::record::place;
use crate::xml::scope::Scope;
use crate::xml::tag::Cursor;
use crate::xml::tree::Progress;
use crate::xml::tree::Tree;

/// An element that was checked from end to end; cloning it shares it.
///
/// Its bytes are those that arrived, apart from elements that lean on declarations around them: these have
/// got the declarations they need, so that the root and each child of the root mean the same wherever they
/// are placed below a default namespace of `jabber:client`.
#[derive(Clone)]
pub(crate) struct Element {
    /// The element, and behind it what namespace names are not in it as they stand.
    text: Arc<str>,
    /// In document order; never empty.
    nodes: Arc<[NodeRecord]>,
}

impl Element {
    /// Parses one whole element, with nothing but whitespace around it.
    ///
    /// The default namespace around it is `jabber:client`. Its own size is
    /// not limited here.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, XmlError> {
        let bytes = bytes.trim_ascii();
        let mut tree = Tree::new(XML_DEPTH_MAX);
        if bytes.first() != Some(&b'<') {
            return Err(XmlError::Malformed);
        }
        match tree.advance(bytes, &Scope::HOME)? {
            Progress::Complete if tree.at() == bytes.len() => {
                let bytes_max = bytes.len() + STANZA_BYTES_MAX;
                Self::finish(&mut tree, bytes, &Scope::HOME, bytes_max)
            }
            _ => Err(XmlError::Malformed),
        }
    }

    /// Makes the element of a complete tree over `bytes`. If it has to be written anew, it is refused when
    /// that makes it longer than `bytes_max`.
    pub(super) fn finish(
        tree: &mut Tree,
        bytes: &[u8],
        scope: &Scope,
        bytes_max: usize,
    ) -> Result<Self, XmlError> {
        let element = Self::assemble(tree, bytes)?;
        if !tree.is_dependent() {
            return Ok(element);
        }
        let text = extract::write_independent(&element, scope, bytes_max)?;
        let mut tree = Tree::new(XML_DEPTH_MAX);
        match tree.advance(&text, &Scope::HOME)? {
            Progress::Complete => Self::assemble(&mut tree, &text),
            Progress::Incomplete => Err(XmlError::Malformed),
        }
    }

    /// As [`Element::finish`], but takes the bytes as they are.
    pub(super) fn assemble(tree: &mut Tree, bytes: &[u8]) -> Result<Self, XmlError> {
        let bytes = bytes.get(..tree.at()).unwrap_or_default();
        let text = std::str::from_utf8(bytes).map_err(|_| XmlError::Encoding)?;
        if !chars::is_allowed_text(text) {
            return Err(XmlError::Malformed);
        }
        let has_wide_names = tree.has_wide_names();
        let (nodes, extra) = tree.finish();
        let element = Self {
            text: if extra.is_empty() {
                text.into()
            } else {
                [text, extra].concat().into()
            },
            nodes: nodes.into(),
        };
        if has_wide_names && !element.has_right_names() {
            return Err(XmlError::Malformed);
        }
        Ok(element)
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.as_str().as_bytes()
    }

    pub(crate) fn as_str(&self) -> &str {
        self.root().outer_str()
    }

    pub(crate) fn root(&self) -> Node<'_> {
        Node::at(self, 0)
    }

    pub(super) fn record(&self, index: u32) -> NodeRecord {
        self.nodes
            .get(place(index))
            .copied()
            .unwrap_or(NodeRecord::EMPTY)
    }

    pub(super) fn slice(&self, start: u32, end: u32) -> &str {
        self.text.get(place(start)..place(end)).unwrap_or_default()
    }

    pub(super) fn namespace(&self, namespace: Namespace) -> &str {
        match namespace.known_name() {
            Some(name) => name,
            None => self.slice(namespace.at, namespace.at + u32::from(namespace.length)),
        }
    }

    /// Checks every name character by character.
    fn has_right_names(&self) -> bool {
        self.nodes.iter().all(|node| {
            let tag = self.slice(node.start, node.inner_start);
            let name = tag
                .get(1..=usize::from(node.name_length))
                .unwrap_or_default();
            let mut attributes = Cursor::new(tag.as_bytes(), 1 + usize::from(node.name_length));
            name.split(':').all(chars::is_name)
                && std::iter::from_fn(|| attributes.next_attribute()).all(|attribute| {
                    let name = std::str::from_utf8(attribute.name.of(tag.as_bytes()));
                    name.is_ok_and(|name| name.split(':').all(chars::is_name))
                })
        })
    }
}

/// Equal bytes; not every two spellings of one meaning are equal.
impl PartialEq for Element {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Element {}

impl fmt::Debug for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(target_pointer_width = "64")]
const _: () = assert!(size_of::<Option<Element>>() == 32);
