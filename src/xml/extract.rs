//! Cutting an element out of its surroundings without changing what it means.
//!
//! A rare path: nearly every element in use declares its own namespace or inherits `jabber:client`. The others
//! get the declarations around them added to their start tag; nothing else about them changes.

use std::borrow::Cow;
use std::collections::BTreeSet;

use crate::xml::Element;
use crate::xml::HOME_NAMESPACE;
use crate::xml::Node;
use crate::xml::XML_NAMESPACE;
use crate::xml::XmlError;
use crate::xml::escape;
use crate::xml::scope::Scope;
use crate::xml::writer::append_attribute_named;

/// What `prefix` means at `node`, as far as its element declares it; "" asks for the default namespace.
pub(super) fn namespace_of_prefix<'a>(node: Node<'a>, prefix: &str) -> Option<Cow<'a, str>> {
    if prefix == "xml" {
        return Some(XML_NAMESPACE.into());
    }
    let mut found = None;
    let mut here = node.element().root();
    loop {
        let declaration = here
            .raw_attributes()
            .find(|attribute| attribute.declares(prefix));
        if let Some(declaration) = declaration {
            found = Some(escape::decode_attribute(declaration.value));
        }
        if here.index() >= node.index() {
            return found;
        }
        let below = here
            .children()
            .find(|child| (child.index()..child.record().next).contains(&node.index()));
        match below {
            Some(below) => here = below,
            None => return found,
        }
    }
}

pub(super) fn outer(node: Node<'_>) -> Cow<'_, [u8]> {
    let missing = missing_declarations(node, &Scope::HOME);
    if missing.is_empty() {
        return node.outer_str().as_bytes().into();
    }
    let mut out = Vec::with_capacity(node.outer_str().len() + missing.len());
    append_with(&mut out, node, &missing, node.inner_str().as_bytes());
    out.into()
}

pub(super) fn inner(node: Node<'_>) -> Cow<'_, [u8]> {
    let mut out = Vec::new();
    append_inner(&mut out, node, &Scope::HOME, usize::MAX);
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
    let element = node.element();
    let mut out = Vec::with_capacity(node.inner_str().len());
    let mut at = node.record().inner_start;
    for child in node.children() {
        out.extend_from_slice(element.slice(at, child.record().start).as_bytes());
        if !is_removed(child) {
            out.extend_from_slice(&child.outer());
        }
        at = child.record().end;
    }
    out.extend_from_slice(element.slice(at, node.record().inner_end).as_bytes());
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
    append_inner(&mut inner, root, scope, bytes_max);
    let mut out = Vec::with_capacity(inner.len());
    append_with(&mut out, root, &missing_declarations(root, scope), &inner);
    if out.len() > bytes_max {
        return Err(XmlError::TooLarge { bytes_max });
    }
    Ok(out)
}

/// Appends what is inside `node`, each child with the declarations it needs. Stops early beyond `bytes_max`:
/// a long declaration that many small children need must not be multiplied.
fn append_inner(out: &mut Vec<u8>, node: Node<'_>, scope: &Scope, bytes_max: usize) {
    let element = node.element();
    let mut at = node.record().inner_start;
    for child in node.children() {
        out.extend_from_slice(element.slice(at, child.record().start).as_bytes());
        let missing = missing_declarations(child, scope);
        append_with(out, child, &missing, child.inner_str().as_bytes());
        at = child.record().end;
        if out.len() > bytes_max {
            return;
        }
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

/// The declarations around `node` that its subtree may use and that a place below `jabber:client` lacks.
fn missing_declarations(node: Node<'_>, scope: &Scope) -> Vec<u8> {
    let mut missing = Vec::new();
    for prefix in used_prefixes(node) {
        if node
            .raw_attributes()
            .any(|attribute| attribute.declares(prefix))
        {
            continue;
        }
        let declared = namespace_of_prefix(node, prefix);
        let namespace = declared.or_else(|| scope.namespace_of(prefix).map(Cow::from));
        match (prefix, namespace) {
            ("", Some(namespace)) if namespace != HOME_NAMESPACE => {
                append_attribute_named(&mut missing, "xmlns", &namespace);
            }
            ("", _) | (_, None) => {}
            (_, Some(namespace)) => {
                let name = ["xmlns:", prefix].concat();
                append_attribute_named(&mut missing, &name, &namespace);
            }
        }
    }
    missing
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
