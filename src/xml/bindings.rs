//! Namespaces while parsing: which prefix means what at this place (Namespaces in XML 1.0).

use crate::base::limits::XML_BINDINGS_MAX;
use crate::base::limits::XML_NAMESPACE_BYTES_MAX;
use crate::xml::HOME_NAMESPACE;
use crate::xml::XML_NAMESPACE;
use crate::xml::XMLNS_NAMESPACE;
use crate::xml::XmlError;
use crate::xml::escape;
use crate::xml::record::DECLARES_DEFAULT;
use crate::xml::record::Namespace;
use crate::xml::record::offset;
use crate::xml::record::place;
use crate::xml::record::short;
use crate::xml::scope::Scope;
use crate::xml::small::Small;
use crate::xml::tag::AttributeSpans;
use crate::xml::tag::NameSpan;

/// A declaration in force.
#[derive(Clone, Copy, Debug)]
struct Binding {
    prefix_at: u32,
    prefix_length: u16,
    /// Of the element that declares it; the root has 1.
    depth: u16,
    namespace: Namespace,
}

/// The declarations of the open elements.
#[derive(Debug)]
pub(super) struct Bindings {
    stack: Small<Binding, 8>,
    /// Namespace names that do not stand in the text as they are.
    pub(super) extra: String,
    /// Prefixes that the stream declares, as far as they are in use.
    outside: Vec<(Box<[u8]>, Namespace)>,
    /// A prefix other than `xml` is in use.
    pub(super) has_prefixes: bool,
    /// Some name below the root gets its namespace from a prefix of the root or of the stream, or the root
    /// itself from the stream: the bytes do not mean the same elsewhere.
    pub(super) is_dependent: bool,
}

impl Bindings {
    pub(super) fn new() -> Self {
        Self {
            stack: Small::new(),
            extra: String::new(),
            outside: Vec::new(),
            has_prefixes: false,
            is_dependent: false,
        }
    }

    /// Memory beyond its own size; what the stream declares is part of that.
    pub(super) fn heap_bytes(&self) -> usize {
        self.stack.heap_bytes() + self.extra.capacity()
    }

    /// Forgets the declarations of elements at `depth` or deeper.
    pub(super) fn leave(&mut self, depth: u16) {
        self.stack.pop_while(|binding| binding.depth >= depth);
    }

    /// Notes the declarations of a tag; gives the flags of its record.
    pub(super) fn declare(
        &mut self,
        bytes: &[u8],
        attributes: &AttributeSpans,
        depth: u16,
    ) -> Result<u8, XmlError> {
        let mut flags = 0;
        for attribute in attributes.as_slice() {
            let name = attribute.name;
            let (prefix_at, prefix) = match (name.prefix_of(bytes), name.local_of(bytes)) {
                (b"", b"xmlns") => (name.start, &b""[..]),
                (b"xmlns", local) => (name.start + u32::from(name.prefix_length), local),
                _ => continue,
            };
            let raw = attribute.value_of(bytes);
            let namespace = self.declared_namespace(raw, attribute.value_start)?;
            if !is_declarable(prefix, self.namespace_name(bytes, namespace)) {
                return Err(XmlError::Malformed);
            }
            if prefix.is_empty() {
                flags |= DECLARES_DEFAULT;
            }
            if self.stack.len() >= XML_BINDINGS_MAX {
                return Err(XmlError::TooMuch {
                    max: XML_BINDINGS_MAX,
                });
            }
            self.stack.push(Binding {
                prefix_at,
                prefix_length: short(prefix.len()),
                depth,
                namespace,
            });
        }
        Ok(flags)
    }

    fn declared_namespace(&mut self, raw: &[u8], at: u32) -> Result<Namespace, XmlError> {
        if raw.len() > XML_NAMESPACE_BYTES_MAX {
            return Err(XmlError::TooMuch {
                max: XML_NAMESPACE_BYTES_MAX,
            });
        }
        if raw == HOME_NAMESPACE.as_bytes() {
            return Ok(Namespace::HOME);
        }
        if raw.is_empty() {
            return Ok(Namespace::NONE);
        }
        if escape::has_special(raw) {
            let raw = std::str::from_utf8(raw).map_err(|_| XmlError::Encoding)?;
            let name = escape::decode_attribute(raw);
            return Ok(self.extra_namespace(&name));
        }
        Ok(Namespace {
            at,
            length: short(raw.len()),
        })
    }

    fn extra_namespace(&mut self, name: &str) -> Namespace {
        match name {
            "" => return Namespace::NONE,
            HOME_NAMESPACE => return Namespace::HOME,
            _ => {}
        }
        let at = self.extra.len();
        self.extra.push_str(name);
        Namespace {
            at: Namespace::EXTRA + offset(at),
            length: short(name.len()),
        }
    }

    fn namespace_name<'a>(&'a self, bytes: &'a [u8], namespace: Namespace) -> &'a [u8] {
        if let Some(name) = namespace.known_name() {
            return name.as_bytes();
        }
        let (text, at) = match namespace.at.checked_sub(Namespace::EXTRA) {
            Some(at) => (self.extra.as_bytes(), at),
            None => (bytes, namespace.at),
        };
        let at = place(at);
        text.get(at..at + usize::from(namespace.length))
            .unwrap_or_default()
    }

    pub(super) fn resolve(
        &mut self,
        bytes: &[u8],
        scope: &Scope,
        name: NameSpan,
        depth: u16,
    ) -> Result<Namespace, XmlError> {
        let prefix = name.prefix_of(bytes);
        match prefix {
            b"" => {}
            b"xml" => return Ok(Namespace::XML),
            b"xmlns" => return Err(XmlError::Malformed),
            _ => self.has_prefixes = true,
        }
        for binding in self.stack.as_slice().iter().rev() {
            let at = place(binding.prefix_at);
            let length = usize::from(binding.prefix_length);
            if length == prefix.len() && bytes.get(at..at + length) == Some(prefix) {
                self.is_dependent |= length > 0 && binding.depth == 1 && depth > 1;
                return Ok(binding.namespace);
            }
        }
        self.resolve_outside(prefix, scope)
    }

    /// Looks a prefix up among the declarations of the stream.
    fn resolve_outside(&mut self, prefix: &[u8], scope: &Scope) -> Result<Namespace, XmlError> {
        if prefix.is_empty() && scope.default_namespace() == HOME_NAMESPACE {
            return Ok(Namespace::HOME);
        }
        // A name of the stream that every element uses must not be held once for each.
        if let Some((_, namespace)) = self.outside.iter().find(|(known, _)| **known == *prefix) {
            return Ok(*namespace);
        }
        let text = std::str::from_utf8(prefix).map_err(|_| XmlError::Encoding)?;
        let name = scope.namespace_of(text).ok_or(XmlError::Malformed)?;
        self.is_dependent |= !prefix.is_empty() || !name.is_empty();
        let namespace = self.extra_namespace(name);
        self.outside.push((prefix.into(), namespace));
        Ok(namespace)
    }

    /// Prefixes of attributes must be bound, and no two attributes may be the same behind their prefixes.
    pub(super) fn check_prefixed_attributes(
        &mut self,
        bytes: &[u8],
        scope: &Scope,
        attributes: &AttributeSpans,
        depth: u16,
    ) -> Result<(), XmlError> {
        let mut resolved: Small<(NameSpan, Namespace), 4> = Small::new();
        for attribute in attributes.as_slice() {
            let name = attribute.name;
            if matches!(name.prefix_of(bytes), b"" | b"xmlns") {
                continue;
            }
            let namespace = self.resolve(bytes, scope, name, depth)?;
            let is_repeated = resolved.as_slice().iter().any(|(earlier, other)| {
                earlier.local_of(bytes) == name.local_of(bytes)
                    && self.namespace_name(bytes, *other) == self.namespace_name(bytes, namespace)
            });
            if is_repeated {
                return Err(XmlError::Malformed);
            }
            resolved.push((name, namespace));
        }
        Ok(())
    }
}

/// Namespaces in XML, section 3: two names are reserved, and a prefix is never undeclared.
fn is_declarable(prefix: &[u8], name: &[u8]) -> bool {
    let is_xml = name == XML_NAMESPACE.as_bytes();
    let is_reserved = is_xml || name == XMLNS_NAMESPACE.as_bytes();
    match prefix {
        b"xmlns" => false,
        b"xml" => is_xml,
        b"" => !is_reserved,
        _ => !is_reserved && !name.is_empty(),
    }
}
