//! The grammar of one start tag: where its name, its attributes and its end are.
//!
//! Nothing is decoded and no namespace is looked up here. The same walk serves the parser, which checks, and
//! [`Node`](crate::xml::Node), which reads tags that were checked before.

use crate::base::limits::XML_ATTRIBUTES_MAX;
use crate::base::limits::XML_NAME_BYTES_MAX;
use crate::xml::XmlError;
use crate::xml::chars;
use crate::xml::record::offset;
use crate::xml::record::place;
use crate::xml::record::short;
use crate::xml::small::Small;

/// Why a token cannot be read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Stop {
    /// It goes on beyond the bytes that are here.
    Incomplete,
    Error(XmlError),
}

impl From<XmlError> for Stop {
    fn from(error: XmlError) -> Self {
        Self::Error(error)
    }
}

/// A name in some bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct NameSpan {
    pub(super) start: u32,
    /// The length of the prefix with its colon; 0 without prefix.
    pub(super) prefix_length: u16,
    /// The length of all of it.
    pub(super) length: u16,
}

impl NameSpan {
    pub(super) fn of(self, bytes: &[u8]) -> &[u8] {
        let start = place(self.start);
        part(bytes, start, start + usize::from(self.length))
    }

    /// The prefix without colon; empty without prefix.
    pub(super) fn prefix_of(self, bytes: &[u8]) -> &[u8] {
        let length = self.prefix_length.saturating_sub(1);
        let start = place(self.start);
        part(bytes, start, start + usize::from(length))
    }

    pub(super) fn local_of(self, bytes: &[u8]) -> &[u8] {
        let start = place(self.start);
        let (prefix, length) = (usize::from(self.prefix_length), usize::from(self.length));
        part(bytes, start + prefix, start + length)
    }
}

/// An attribute in some bytes; the value without its quotes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct AttributeSpan {
    pub(super) name: NameSpan,
    pub(super) value_start: u32,
    pub(super) value_end: u32,
}

impl AttributeSpan {
    pub(super) fn value_of<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        part(bytes, place(self.value_start), place(self.value_end))
    }
}

fn part(bytes: &[u8], start: usize, end: usize) -> &[u8] {
    bytes.get(start..end).unwrap_or_default()
}

pub(super) type AttributeSpans = Small<AttributeSpan, 12>;

/// A complete start tag.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tag {
    pub(super) name: NameSpan,
    /// Behind its `>`.
    pub(super) end: usize,
    pub(super) is_empty_element: bool,
    /// Some name in it is not ASCII and needs the full check once the bytes are known to be UTF-8.
    pub(super) has_wide_name: bool,
    /// Some attribute may declare a namespace: it begins with `xmlns`.
    pub(super) has_declarations: bool,
    /// Some attribute has a prefix.
    pub(super) has_prefixed_attributes: bool,
}

/// Reads the start tag whose `<` is at `start`, and its attributes into `attributes`.
pub(super) fn read_tag(
    bytes: &[u8],
    start: usize,
    attributes: &mut AttributeSpans,
) -> Result<Tag, Stop> {
    let mut cursor = Cursor::new(bytes, start + 1);
    let name = cursor.read_name()?;
    let (mut has_declarations, mut has_prefixed_attributes) = (false, false);
    let is_empty_element = loop {
        let has_space = cursor.skip_space();
        match cursor.peek()? {
            b'>' => break false,
            b'/' => {
                cursor.at += 1;
                if cursor.peek()? != b'>' {
                    return Err(XmlError::Malformed.into());
                }
                break true;
            }
            _ if !has_space => return Err(XmlError::Malformed.into()),
            _ => {}
        }
        let attribute = cursor.read_attribute()?;
        let new = attribute.name.of(bytes);
        has_declarations |= new.starts_with(b"xmlns");
        has_prefixed_attributes |= attribute.name.prefix_length > 0;
        let mut old = attributes.as_slice().iter();
        if old.any(|old| old.name.length == attribute.name.length && old.name.of(bytes) == new) {
            return Err(XmlError::Malformed.into());
        }
        if attributes.len() == XML_ATTRIBUTES_MAX {
            let max = XML_ATTRIBUTES_MAX;
            return Err(XmlError::TooMuch { max }.into());
        }
        attributes.push(attribute);
    };
    Ok(Tag {
        name,
        end: cursor.at + 1,
        is_empty_element,
        has_wide_name: cursor.has_wide_name,
        has_declarations,
        has_prefixed_attributes,
    })
}

/// A place in the bytes of a start tag.
#[derive(Clone, Debug)]
pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
    has_wide_name: bool,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8], at: usize) -> Self {
        Self {
            bytes,
            at,
            has_wide_name: false,
        }
    }

    /// The next attribute of a checked tag; `None` at its end.
    pub(super) fn next_attribute(&mut self) -> Option<AttributeSpan> {
        self.skip_space();
        if matches!(self.peek(), Ok(b'>' | b'/') | Err(_)) {
            return None;
        }
        self.read_attribute().ok()
    }

    fn peek(&self) -> Result<u8, Stop> {
        self.bytes.get(self.at).copied().ok_or(Stop::Incomplete)
    }

    fn skip_space(&mut self) -> bool {
        let start = self.at;
        while self
            .bytes
            .get(self.at)
            .is_some_and(|byte| chars::is_space(*byte))
        {
            self.at += 1;
        }
        self.at > start
    }

    fn read_attribute(&mut self) -> Result<AttributeSpan, Stop> {
        let name = self.read_name()?;
        self.skip_space();
        if self.peek()? != b'=' {
            return Err(XmlError::Malformed.into());
        }
        self.at += 1;
        self.skip_space();
        let quote = self.peek()?;
        if quote != b'"' && quote != b'\'' {
            return Err(XmlError::Malformed.into());
        }
        self.at += 1;
        let value_start = self.at;
        let value_end = self.find_value_end(quote)?;
        self.at = value_end + 1;
        Ok(AttributeSpan {
            name,
            value_start: offset(value_start),
            value_end: offset(value_end),
        })
    }

    /// Finds the closing quote; on the way, references must be right and there is no `<`.
    fn find_value_end(&self, quote: u8) -> Result<usize, Stop> {
        let mut at = self.at;
        loop {
            let rest = self.bytes.get(at..).unwrap_or_default();
            let found = memchr::memchr3(quote, b'&', b'<', rest).ok_or(Stop::Incomplete)?;
            at += found;
            let rest = self.bytes.get(at..).unwrap_or_default();
            match rest.first() {
                Some(b'&') => at += chars::check_reference(rest)?.ok_or(Stop::Incomplete)?,
                Some(b'<') => return Err(XmlError::Malformed.into()),
                _ => return Ok(at),
            }
        }
    }

    fn read_name(&mut self) -> Result<NameSpan, Stop> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let mut classes = 0;
        let mut length = 0;
        for byte in rest {
            let class = chars::name_class(*byte);
            if class == 0 {
                break;
            }
            classes |= class;
            length += 1;
        }
        let name = rest.get(..length).unwrap_or_default();
        let mut prefix_length = 0;
        if classes & chars::NAME_COLON != 0 {
            prefix_length = memchr::memchr(b':', name).map_or(0, |colon| colon + 1);
        }
        let local = name.get(prefix_length..).unwrap_or_default();
        let is_right = starts_name(name)
            && (prefix_length == 0 || starts_name(local) && !local.contains(&b':'));
        if length == rest.len() {
            return Err(Stop::Incomplete);
        }
        if !is_right {
            return Err(XmlError::Malformed.into());
        }
        if length > XML_NAME_BYTES_MAX {
            let max = XML_NAME_BYTES_MAX;
            return Err(XmlError::TooMuch { max }.into());
        }
        self.has_wide_name |= classes & chars::NAME_WIDE != 0;
        let start = self.at;
        self.at += length;
        Ok(NameSpan {
            start: offset(start),
            prefix_length: short(prefix_length),
            length: short(length),
        })
    }
}

fn starts_name(name: &[u8]) -> bool {
    name.first()
        .is_some_and(|first| chars::is_name_start_byte(*first))
}
