//! The namespaces in force: what the stream's root declares, and what open elements declare.

use std::borrow::Cow;

use crate::xml::HOME_NAMESPACE;
use crate::xml::STREAM_NAMESPACE;

/// The declarations around the elements of a stream.
///
/// Nearly every stream declares `jabber:client` and the prefix `stream`, and then this owns no memory.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Scope {
    default: Cow<'static, str>,
    bindings: Vec<(Cow<'static, str>, Cow<'static, str>)>,
    has_stream_prefix: bool,
}

impl Scope {
    /// What an element that stands alone is parsed in.
    pub(super) const HOME: Self = Self {
        default: Cow::Borrowed(HOME_NAMESPACE),
        bindings: Vec::new(),
        has_stream_prefix: false,
    };

    /// What a root element is parsed in.
    pub(super) const EMPTY: Self = Self {
        default: Cow::Borrowed(""),
        bindings: Vec::new(),
        has_stream_prefix: false,
    };

    /// Adds a declaration; the default namespace has the prefix "".
    pub(super) fn bind(&mut self, prefix: &str, namespace: &str) {
        match (prefix, namespace) {
            ("", HOME_NAMESPACE) => self.default = Cow::Borrowed(HOME_NAMESPACE),
            ("", _) => self.default = namespace.to_owned().into(),
            ("stream", STREAM_NAMESPACE) => self.has_stream_prefix = true,
            _ => self
                .bindings
                .push((prefix.to_owned().into(), namespace.to_owned().into())),
        }
    }

    /// As [`Scope::bind`], over a declaration further out.
    pub(super) fn rebind(&mut self, prefix: &str, namespace: &str) {
        self.bindings.retain(|(bound, _)| bound != prefix);
        self.has_stream_prefix &= prefix != "stream";
        self.bind(prefix, namespace);
    }

    pub(super) fn default_namespace(&self) -> &str {
        &self.default
    }

    pub(super) fn namespace_of(&self, prefix: &str) -> Option<&str> {
        if prefix.is_empty() {
            return Some(&self.default);
        }
        if prefix == "stream" && self.has_stream_prefix {
            return Some(STREAM_NAMESPACE);
        }
        let binding = self.bindings.iter().find(|(bound, _)| bound == prefix)?;
        Some(&binding.1)
    }
}
