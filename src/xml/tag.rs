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
}

/// Reads the start tag whose `<` is at `start`, and its attributes into `attributes`.
pub(super) fn read_tag(
    bytes: &[u8],
    start: usize,
    attributes: &mut AttributeSpans,
) -> Result<Tag, Stop> {
    let mut cursor = Cursor::new(bytes, start + 1);
    let name = cursor.read_name()?;
    loop {
        let has_space = cursor.skip_space();
        match cursor.peek()? {
            b'>' => return Ok(cursor.finish(name, 1, false)),
            b'/' => {
                cursor.at += 1;
                return match cursor.peek()? {
                    b'>' => Ok(cursor.finish(name, 1, true)),
                    _ => Err(XmlError::Malformed.into()),
                };
            }
            _ if !has_space => return Err(XmlError::Malformed.into()),
            _ => {}
        }
        let attribute = cursor.read_attribute()?;
        if attributes.len() == XML_ATTRIBUTES_MAX {
            return Err(XmlError::TooMuch {
                max: XML_ATTRIBUTES_MAX,
            }
            .into());
        }
        let new = attribute.name.of(bytes);
        if attributes
            .as_slice()
            .iter()
            .any(|old| old.name.of(bytes) == new)
        {
            return Err(XmlError::Malformed.into());
        }
        attributes.push(attribute);
    }
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

    fn finish(&self, name: NameSpan, rest: usize, is_empty_element: bool) -> Tag {
        Tag {
            name,
            end: self.at + rest,
            is_empty_element,
            has_wide_name: self.has_wide_name,
        }
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
            value_start: offset(value_start)?,
            value_end: offset(value_end)?,
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
        let start = self.at;
        let first = self.read_name_part()?;
        let mut prefix_length = 0;
        if self.peek()? == b':' {
            self.at += 1;
            prefix_length = first + 1;
            self.read_name_part()?;
        }
        let length = self.at - start;
        if length > XML_NAME_BYTES_MAX {
            return Err(XmlError::TooMuch {
                max: XML_NAME_BYTES_MAX,
            }
            .into());
        }
        Ok(NameSpan {
            start: offset(start)?,
            prefix_length: short(prefix_length)?,
            length: short(length)?,
        })
    }

    fn read_name_part(&mut self) -> Result<usize, Stop> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let first = rest.first().ok_or(Stop::Incomplete)?;
        if !chars::is_name_start_byte(*first) {
            return Err(XmlError::Malformed.into());
        }
        let mut length = 0;
        for byte in rest {
            if !chars::is_name_byte(*byte) {
                break;
            }
            self.has_wide_name |= !byte.is_ascii();
            length += 1;
        }
        self.at += length;
        Ok(length)
    }
}
