//! What is kept of an element: offsets into its text, nothing decoded.

use crate::xml::HOME_NAMESPACE;
use crate::xml::XML_NAMESPACE;

/// One element of a tree. Offsets count from the start of the text.
#[derive(Clone, Copy, Debug)]
pub(super) struct NodeRecord {
    /// Of its `<`.
    pub(super) start: u32,
    /// Behind the `>` of its start tag.
    pub(super) inner_start: u32,
    /// Of the `</` of its end tag; `inner_start` if it has none.
    pub(super) inner_end: u32,
    /// Behind all of it.
    pub(super) end: u32,
    /// The index of the first record that is not inside it.
    pub(super) next: u32,
    /// The index of the record that it is directly inside of; for the root its own.
    pub(super) parent: u32,
    /// The two halves of [`NodeRecord::namespace`], apart to save the padding.
    pub(super) namespace_at: u32,
    pub(super) namespace_length: u16,
    /// With its colon; 0 without prefix.
    pub(super) prefix_length: u16,
    /// Of all of the name.
    pub(super) name_length: u16,
    pub(super) flags: u8,
}

const _: () = assert!(size_of::<NodeRecord>() <= 36);

impl NodeRecord {
    /// What an index outside of the tree leads to.
    pub(super) const EMPTY: Self = Self {
        start: 0,
        inner_start: 0,
        inner_end: 0,
        end: 0,
        next: 0,
        parent: 0,
        namespace_at: Namespace::NONE.at,
        namespace_length: 0,
        prefix_length: 0,
        name_length: 0,
        flags: 0,
    };

    pub(super) fn namespace(&self) -> Namespace {
        Namespace {
            at: self.namespace_at,
            length: self.namespace_length,
        }
    }
}

/// The element has an `xmlns` of its own.
pub(super) const DECLARES_DEFAULT: u8 = 1;
/// At the root only: somewhere in the tree is a prefix other than `xml`.
pub(super) const HAS_PREFIXES: u8 = 2;

/// Where a namespace name stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Namespace {
    pub(super) at: u32,
    pub(super) length: u16,
}

impl Namespace {
    pub(super) const NONE: Self = Self::known(0);
    pub(super) const HOME: Self = Self::known(1);
    pub(super) const XML: Self = Self::known(2);
    /// From here on, and until the tree is finished: an offset into the extra text.
    pub(super) const EXTRA: u32 = 1 << 30;

    const fn known(number: u32) -> Self {
        Self {
            at: u32::MAX - number,
            length: 0,
        }
    }

    /// Its name, if it is one of the three that need no place in the text.
    pub(super) fn known_name(self) -> Option<&'static str> {
        match self {
            Self::NONE => Some(""),
            Self::HOME => Some(HOME_NAMESPACE),
            Self::XML => Some(XML_NAMESPACE),
            _ => None,
        }
    }
}

/// More than what an offset can name; texts of this length are refused before they are parsed.
pub(super) const TEXT_BYTES_MAX: usize = 1 << 30;

/// An offset as records keep it.
pub(super) fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

/// An offset as slices want it.
pub(super) fn place(offset: u32) -> usize {
    usize::try_from(offset).unwrap_or(usize::MAX)
}

/// A length as records keep it: of names, which are limited far below 2^16.
pub(super) fn short(length: usize) -> u16 {
    u16::try_from(length).unwrap_or(u16::MAX)
}
