//! Cutting an element out of its surroundings without changing what it means.
//!
//! A rare path: nearly every element in use declares its own namespace or inherits `jabber:client`. The others
//! get the declarations around them added to their start tag; nothing else about them changes.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::xml::Element;
use crate::xml::HOME_NAMESPACE;
use crate::xml::Node;
use crate::xml::XML_NAMESPACE;
use crate::xml::XmlError;
use crate::xml::node::RawAttribute;
use crate::xml::scope::Scope;
use crate::xml::writer::append_attribute_named;

/// What `prefix` means at `node`, as far as its element declares it; "" asks for the default namespace.
pub(super) fn namespace_of_prefix<'a>(node: Node<'a>, prefix: &str) -> Option<Cow<'a, str>> {
    if prefix == "xml" {
        return Some(XML_NAMESPACE.into());
    }
    self_and_ancestors(node).find_map(|here| {
        here.raw_attributes()
            .filter(RawAttribute::is_declaration)
            .find(|attribute| attribute.declared_prefix() == prefix)
            .map(|attribute| attribute.decoded())
    })
}

fn self_and_ancestors(node: Node<'_>) -> impl Iterator<Item = Node<'_>> {
    std::iter::successors(Some(node), |node| node.parent())
}

pub(super) fn outer(node: Node<'_>) -> Cow<'_, [u8]> {
    let missing = Declarations::around(node).missing_in(node, &Scope::HOME);
    if missing.is_empty() {
        return node.outer_str().as_bytes().into();
    }
    let mut out = Vec::with_capacity(node.outer_str().len() + missing.len());
    append_with(&mut out, node, &missing, node.inner_str().as_bytes());
    out.into()
}

pub(super) fn inner(node: Node<'_>) -> Cow<'_, [u8]> {
    let mut out = Vec::with_capacity(node.inner_str().len());
    append_inner(&mut out, node, &Scope::HOME, |_, _| Fate::Kept);
    if out == node.inner_str().as_bytes() {
        return node.inner_str().as_bytes().into();
    }
    out.into()
}

/// What is inside, without the children that `is_removed` picks.
pub(super) fn inner_without<'a>(
    node: Node<'a>,
    is_removed: impl Fn(Node<'a>) -> bool,
) -> Cow<'a, [u8]> {
    if !node.children().any(&is_removed) {
        return node.inner();
    }
    let mut out = Vec::with_capacity(node.inner_str().len());
    append_inner(&mut out, node, &Scope::HOME, |child, _| {
        if is_removed(child) {
            Fate::Removed
        } else {
            Fate::Kept
        }
    });
    out.into()
}

/// Writes a whole element anew so that the root, and each child of the root, stand for themselves.
pub(super) fn write_independent(
    element: &Element,
    scope: &Scope,
    bytes_max: usize,
) -> Result<Vec<u8>, XmlError> {
    let root = element.root();
    let mut inner = Vec::with_capacity(element.bytes().len());
    // A long declaration that many small children need must not be multiplied.
    append_inner(&mut inner, root, scope, |_, length| {
        if length > bytes_max {
            Fate::Last
        } else {
            Fate::Kept
        }
    });
    let mut out = Vec::with_capacity(inner.len());
    let missing = Declarations::around(root).missing_in(root, scope);
    append_with(&mut out, root, &missing, &inner);
    if out.len() > bytes_max {
        return Err(XmlError::TooLarge { bytes_max });
    }
    Ok(out)
}

/// What becomes of a child.
enum Fate {
    Kept,
    Removed,
    /// Neither it nor what follows is written.
    Last,
}

/// Appends what is inside `node`, each child with the declarations it needs. `fate` is asked with the child
/// and the length so far.
fn append_inner<'a>(
    out: &mut Vec<u8>,
    node: Node<'a>,
    scope: &Scope,
    fate: impl Fn(Node<'a>, usize) -> Fate,
) {
    let element = node.element();
    let declarations = Declarations::inside(node);
    let mut at = node.record().inner_start;
    for child in node.children() {
        out.extend_from_slice(element.slice(at, child.record().start).as_bytes());
        match fate(child, out.len()) {
            Fate::Kept => {
                let missing = declarations.missing_in(child, scope);
                append_with(out, child, &missing, child.inner_str().as_bytes());
            }
            Fate::Removed => {}
            Fate::Last => return,
        }
        at = child.record().end;
    }
    out.extend_from_slice(element.slice(at, node.record().inner_end).as_bytes());
}

/// Appends an element with additions to its start tag and with other content.
fn append_with(out: &mut Vec<u8>, node: Node<'_>, additions: &[u8], inner: &[u8]) {
    let record = node.record();
    let tag = node.element().slice(record.start, record.inner_start);
    let name_end = 1 + usize::from(record.name_length);
    let (name, rest) = tag.split_at_checked(name_end).unwrap_or((tag, ""));
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(additions);
    out.extend_from_slice(rest.as_bytes());
    out.extend_from_slice(inner);
    let end_tag = node.element().slice(record.inner_end, record.end);
    out.extend_from_slice(end_tag.as_bytes());
}

/// The declarations of an element's own tags that are in force at some place in it; at most
/// `XML_BINDINGS_MAX`.
struct Declarations<'a>(BTreeMap<&'a str, Cow<'a, str>>);

impl<'a> Declarations<'a> {
    /// Those that `node` stands in.
    fn around(node: Node<'a>) -> Self {
        match node.parent() {
            Some(parent) => Self::inside(parent),
            None => Self(BTreeMap::new()),
        }
    }

    /// Those that the children of `node` stand in.
    fn inside(node: Node<'a>) -> Self {
        let mut found = BTreeMap::new();
        for here in self_and_ancestors(node) {
            for attribute in here.raw_attributes().filter(RawAttribute::is_declaration) {
                // The innermost one holds.
                found
                    .entry(attribute.declared_prefix())
                    .or_insert_with(|| attribute.decoded());
            }
        }
        Self(found)
    }

    /// The declarations, ready for a start tag, that the subtree of `node` may use and that a place below
    /// `jabber:client` lacks.
    fn missing_in(&self, node: Node<'_>, scope: &Scope) -> Vec<u8> {
        let own: BTreeSet<&str> = node
            .raw_attributes()
            .filter(RawAttribute::is_declaration)
            .map(|attribute| attribute.declared_prefix())
            .collect();
        let mut missing = Vec::new();
        for prefix in used_prefixes(node) {
            if own.contains(prefix) {
                continue;
            }
            let declared = self.0.get(prefix).map(|namespace| &**namespace);
            match (prefix, declared.or_else(|| scope.namespace_of(prefix))) {
                ("", Some(namespace)) if namespace != HOME_NAMESPACE => {
                    append_attribute_named(&mut missing, "xmlns", namespace);
                }
                ("", _) | (_, None) => {}
                (_, Some(namespace)) => {
                    append_attribute_named(&mut missing, &["xmlns:", prefix].concat(), namespace);
                }
            }
        }
        missing
    }
}

/// The prefixes in a subtree, with "" for elements that have none.
fn used_prefixes(node: Node<'_>) -> BTreeSet<&str> {
    let mut prefixes = BTreeSet::new();
    for index in node.index()..node.record().next {
        let node = Node::at(node.element(), index);
        prefixes.insert(node.prefix());
        let attributes = node.raw_attributes().map(|attribute| attribute.prefix);
        prefixes.extend(attributes.filter(|prefix| !matches!(*prefix, "" | "xml" | "xmlns")));
    }
    prefixes
}
