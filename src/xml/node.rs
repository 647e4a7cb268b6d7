//! A place in an element: names, attributes, children, text, each decoded when it is asked for.

use std::borrow::Cow;
use std::fmt;

use crate::xml::Element;
use crate::xml::HOME_NAMESPACE;
use crate::xml::XML_NAMESPACE;
use crate::xml::escape;
use crate::xml::extract;
use crate::xml::record::DECLARES_DEFAULT;
use crate::xml::record::HAS_PREFIXES;
use crate::xml::record::NodeRecord;
use crate::xml::record::place;
use crate::xml::tag::Cursor;

/// One element inside an [`Element`], that one itself included.
#[derive(Clone, Copy)]
pub(crate) struct Node<'a> {
    element: &'a Element,
    index: u32,
}

/// An attribute that is not a namespace declaration.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Attribute<'a> {
    /// Empty without prefix.
    pub(crate) prefix: &'a str,
    pub(crate) name: &'a str,
    pub(crate) value: Cow<'a, str>,
}

/// The child elements of a node, in order.
#[derive(Clone, Debug)]
pub(crate) struct Children<'a> {
    element: &'a Element,
    next: u32,
    end: u32,
}

/// The attributes of a node, in order, without namespace declarations.
#[derive(Clone, Debug)]
pub(crate) struct Attributes<'a>(RawAttributes<'a>);

/// All attributes of a node as they are spelled.
#[derive(Clone, Debug)]
pub(super) struct RawAttributes<'a> {
    tag: &'a str,
    cursor: Cursor<'a>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct RawAttribute<'a> {
    /// Without colon; empty without prefix.
    pub(super) prefix: &'a str,
    pub(super) name: &'a str,
    pub(super) value: &'a str,
}

impl<'a> Node<'a> {
    pub(super) fn at(element: &'a Element, index: u32) -> Self {
        Self { element, index }
    }

    pub(super) fn element(self) -> &'a Element {
        self.element
    }

    pub(super) fn index(self) -> u32 {
        self.index
    }

    /// The element that it is directly inside of; `None` for the root.
    pub(super) fn parent(self) -> Option<Self> {
        let parent = self.record().parent;
        (parent < self.index).then(|| Self::at(self.element, parent))
    }

    pub(super) fn record(self) -> NodeRecord {
        self.element.record(self.index)
    }

    /// The name without prefix.
    pub(crate) fn name(self) -> &'a str {
        let record = self.record();
        let start = record.start + 1;
        self.element.slice(
            start + u32::from(record.prefix_length),
            start + u32::from(record.name_length),
        )
    }

    /// The prefix without colon; empty without prefix.
    pub(super) fn prefix(self) -> &'a str {
        let record = self.record();
        let start = record.start + 1;
        let length = record.prefix_length.saturating_sub(1);
        self.element.slice(start, start + u32::from(length))
    }

    /// The name with its prefix.
    pub(super) fn full_name(self) -> &'a str {
        let record = self.record();
        let start = record.start + 1;
        self.element
            .slice(start, start + u32::from(record.name_length))
    }

    pub(crate) fn ns(self) -> &'a str {
        self.element.namespace(self.record().namespace())
    }

    pub(crate) fn is(self, name: &str, ns: &str) -> bool {
        self.name() == name && self.ns() == ns
    }

    /// The value of an attribute without prefix.
    pub(crate) fn attr(self, name: &str) -> Option<Cow<'a, str>> {
        self.raw_attributes()
            .find(|attribute| attribute.prefix.is_empty() && attribute.name == name)
            .map(|attribute| escape::decode_attribute(attribute.value))
    }

    /// The value of an attribute with a prefix that means `ns`.
    pub(crate) fn attr_in(self, ns: &str, name: &str) -> Option<Cow<'a, str>> {
        self.raw_attributes()
            .find(|attribute| {
                attribute.name == name && !attribute.prefix.is_empty() && {
                    let found = extract::namespace_of_prefix(self, attribute.prefix);
                    found.is_some_and(|found| found == ns)
                }
            })
            .map(|attribute| escape::decode_attribute(attribute.value))
    }

    /// The value of `xml:lang`.
    pub(crate) fn lang(self) -> Option<Cow<'a, str>> {
        self.attr_in(XML_NAMESPACE, "lang")
    }

    /// All attributes but namespace declarations.
    pub(crate) fn attributes(self) -> Attributes<'a> {
        Attributes(self.raw_attributes())
    }

    pub(super) fn raw_attributes(self) -> RawAttributes<'a> {
        let record = self.record();
        let tag = self.element.slice(record.start, record.inner_start);
        RawAttributes {
            tag,
            cursor: Cursor::new(tag.as_bytes(), 1 + usize::from(record.name_length)),
        }
    }

    pub(crate) fn children(self) -> Children<'a> {
        Children {
            element: self.element,
            next: self.index + 1,
            end: self.record().next,
        }
    }

    pub(crate) fn child(self, name: &str, ns: &str) -> Option<Self> {
        self.children().find(|child| child.is(name, ns))
    }

    pub(crate) fn has_child(self, name: &str, ns: &str) -> bool {
        self.child(name, ns).is_some()
    }

    /// The character data directly inside, all pieces joined.
    pub(crate) fn text(self) -> Cow<'a, str> {
        let record = self.record();
        if record.next == self.index + 1 {
            return escape::decode_text(self.inner_str());
        }
        let mut text = String::new();
        let mut at = record.inner_start;
        for child in self.children() {
            let child = child.record();
            escape::append_decoded_text(&mut text, self.element.slice(at, child.start));
            at = child.end;
        }
        escape::append_decoded_text(&mut text, self.element.slice(at, record.inner_end));
        text.into()
    }

    /// The text of a child.
    pub(crate) fn child_text(self, name: &str, ns: &str) -> Option<Cow<'a, str>> {
        self.child(name, ns).map(Self::text)
    }

    /// The element with its tags, fit for a place below a default namespace of `jabber:client`.
    ///
    /// Borrowed unless it leans on declarations around it, which then are added to its start tag.
    pub(crate) fn outer(self) -> Cow<'a, [u8]> {
        if self.is_plainly_independent() {
            return self.outer_str().as_bytes().into();
        }
        extract::outer(self)
    }

    /// What is between the tags, fit for a place below a default namespace of `jabber:client`.
    ///
    /// For the root of a parsed stanza this is borrowed. Otherwise children that lean on declarations around
    /// them get these added, each child for itself.
    pub(crate) fn inner(self) -> Cow<'a, [u8]> {
        let is_plain = !self.is_prefixed_tree()
            && (self.ns() == HOME_NAMESPACE || self.children().all(Self::is_plainly_independent));
        if is_plain {
            return self.inner_str().as_bytes().into();
        }
        extract::inner(self)
    }

    /// As [`Node::inner`], without the children that `is_removed` picks. Nothing is copied if it picks none.
    pub(crate) fn inner_without(self, is_removed: impl Fn(Self) -> bool) -> Cow<'a, [u8]> {
        extract::inner_without(self, is_removed)
    }

    pub(super) fn outer_str(self) -> &'a str {
        let record = self.record();
        self.element.slice(record.start, record.end)
    }

    pub(super) fn inner_str(self) -> &'a str {
        let record = self.record();
        self.element.slice(record.inner_start, record.inner_end)
    }

    /// The quick sufficient test: no prefixes in the whole tree, and the default namespace is the element's
    /// own or the one that will be around it.
    fn is_plainly_independent(self) -> bool {
        !self.is_prefixed_tree()
            && (self.record().flags & DECLARES_DEFAULT != 0 || self.ns() == HOME_NAMESPACE)
    }

    fn is_prefixed_tree(self) -> bool {
        self.element.record(0).flags & HAS_PREFIXES != 0
    }
}

impl fmt::Debug for Node<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.outer_str())
    }
}

impl<'a> Iterator for Children<'a> {
    type Item = Node<'a>;

    fn next(&mut self) -> Option<Node<'a>> {
        if self.next >= self.end {
            return None;
        }
        let node = Node::at(self.element, self.next);
        // Never backwards, whatever the record says.
        self.next = node.record().next.max(self.next + 1);
        Some(node)
    }
}

impl<'a> Iterator for Attributes<'a> {
    type Item = Attribute<'a>;

    fn next(&mut self) -> Option<Attribute<'a>> {
        let attribute = self.0.find(|attribute| !attribute.is_declaration())?;
        Some(Attribute {
            prefix: attribute.prefix,
            name: attribute.name,
            value: escape::decode_attribute(attribute.value),
        })
    }
}

impl<'a> RawAttribute<'a> {
    pub(super) fn decoded(&self) -> Cow<'a, str> {
        escape::decode_attribute(self.value)
    }

    pub(super) fn is_declaration(&self) -> bool {
        self.prefix == "xmlns" || (self.prefix.is_empty() && self.name == "xmlns")
    }

    /// The prefix that a declaration is for; "" for the default namespace.
    pub(super) fn declared_prefix(&self) -> &'a str {
        if self.prefix.is_empty() {
            ""
        } else {
            self.name
        }
    }
}

impl<'a> Iterator for RawAttributes<'a> {
    type Item = RawAttribute<'a>;

    fn next(&mut self) -> Option<RawAttribute<'a>> {
        let span = self.cursor.next_attribute()?;
        let start = place(span.name.start);
        let full = self.tag.get(start..start + usize::from(span.name.length))?;
        let (prefix, name) = full.split_at_checked(usize::from(span.name.prefix_length))?;
        Some(RawAttribute {
            prefix: prefix.strip_suffix(':').unwrap_or(""),
            name,
            value: self
                .tag
                .get(place(span.value_start)..place(span.value_end))?,
        })
    }
}
